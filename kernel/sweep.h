/*
 * Hierarchical alternating least squares on a low-rank matrix, in float64 on vectors of as many bytes as LANES numbers:
 * included once for each kind of vectors, as SWEEP.
 *
 * Loadings and factors are treated alike: some rows are improved, of which each column is a problem of its own, and while
 * a stretch of columns is in the cache, what the other side needs of it is added up: its products with the directions of
 * the matrix, and with one another.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"

#define HALF (LANES / 2)

enum {
    BESIDE = 4,                       /* vectors worked on side by side, since each sum has to wait for itself */
    COLUMNS = 64 * HALF,              /* of a stretch */
    PADDING = BESIDE * LANES / 2      /* rows are as long as a multiple of this */
};

/* Rows of one side, shape (factor, column), and the directions of the matrix there, shape (direction, column). */
typedef struct {
    ptrdiff_t n_columns, n_factors, rank;
    Exact *rows, *directions;
    double *mix, *gram;              /* (factor, direction), (factor, factor): products of this side's rows */
} Side;

INLINE Exact *at(Exact *rows, const Side *side, ptrdiff_t row, ptrdiff_t vector)
{
    return rows + row * (side->n_columns / HALF) + vector;
}

/* Improve BESIDE vectors of columns: make each row in turn the best that is not negative beside the others. */
INLINE void improved_here(const Side *side, ptrdiff_t vector, const double *mix, const double *gram)
{
    const ptrdiff_t n = side->n_factors, rank = side->rank;
    for (ptrdiff_t j = 0; j < n; j++) {
        Exact *own = at(side->rows, side, j, vector), change[BESIDE] = {{0}};
        const double weight = gram[j * n + j];
        if (weight <= LEAST_WEIGHT) {
            memset(own, 0, BESIDE * sizeof *own);
            continue;
        }
        for (ptrdiff_t i = 0; i < rank; i++) {
            const Exact *there = at(side->directions, side, i, vector);
            for (int v = 0; v < BESIDE; v++) change[v] += mix[j * rank + i] * there[v];
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            const Exact *there = at(side->rows, side, i, vector);
            for (int v = 0; v < BESIDE; v++) change[v] -= gram[j * n + i] * there[v];
        }
        for (int v = 0; v < BESIDE; v++) {
            const Exact value = own[v] + change[v] / weight;
            own[v] = (Exact)((Mask)value & (value > 0));
        }
    }
}

/* Add up the products of a row with `count` others, at most BESIDE, over some vectors. */
INLINE void added_up(const Side *side, const Exact *row, Exact *others, ptrdiff_t first, ptrdiff_t from, ptrdiff_t to, int count,
                     double *out)
{
    Exact sums[BESIDE] = {{0}};
    for (ptrdiff_t vector = from; vector < to; vector++)
        for (int i = 0; i < count; i++) sums[i] += row[vector] * *at(others, side, first + i, vector);
    for (int i = 0; i < count; i++)
        for (int l = 0; l < HALF; l++) out[i] += sums[i][l];
}

/* Add up the products of all rows with `n` others over some vectors, shape (row, other). */
INLINE void all_added_up(const Side *side, Exact *others, ptrdiff_t n, ptrdiff_t from, ptrdiff_t to, double *out)
{
    for (ptrdiff_t j = 0; j < side->n_factors; j++) {
        const Exact *row = at(side->rows, side, j, 0);
        ptrdiff_t i = 0;
        for (; i + BESIDE <= n; i += BESIDE) added_up(side, row, others, i, from, to, BESIDE, out + j * n + i);
        for (; i < n; i++) added_up(side, row, others, i, from, to, 1, out + j * n + i);
    }
}

/* Improve the rows of one side by the products of the other side's rows, or leave them, and find the products of its own. */
INLINE void passed(const Side *side, const Side *other)
{
    const ptrdiff_t n_vectors = side->n_columns / HALF;
    memset(side->mix, 0, (size_t)(side->n_factors * side->rank) * sizeof(double));
    memset(side->gram, 0, (size_t)(side->n_factors * side->n_factors) * sizeof(double));
    for (ptrdiff_t from = 0; from < n_vectors; from += COLUMNS / HALF) {
        const ptrdiff_t to = n_vectors - from < COLUMNS / HALF ? n_vectors : from + COLUMNS / HALF;
        if (other)
            for (ptrdiff_t vector = from; vector < to; vector += BESIDE) improved_here(side, vector, other->mix, other->gram);
        all_added_up(side, side->directions, side->rank, from, to, side->mix);
        all_added_up(side, side->rows, side->n_factors, from, to, side->gram);
    }
}

/* Copy rows of `length` numbers to or from the first numbers of longer ones. */
static void copied(double *to, ptrdiff_t to_apart, const double *from, ptrdiff_t from_apart, ptrdiff_t length, ptrdiff_t count)
{
    for (ptrdiff_t row = 0; row < count; row++) memcpy(to + row * to_apart, from + row * from_apart, (size_t)length * sizeof *to);
}

static ptrdiff_t padded(ptrdiff_t length) { return (length + PADDING - 1) / PADDING * PADDING; }

/* Lay out one side in memory from `next` on; return what comes behind it. */
static double *side_made(Side *side, const SweepTask *task, ptrdiff_t length, const double *rows, const double *directions,
                         double *next)
{
    const ptrdiff_t n = task->n_factors, rank = task->rank, columns = padded(length);
    *side = (Side){.n_columns = columns, .n_factors = n, .rank = rank, .rows = (Exact *)next};
    side->directions = (Exact *)(next += n * columns);
    side->mix = next += rank * columns;
    side->gram = next += n * rank;
    copied((double *)side->rows, columns, rows, length, length, n);
    copied((double *)side->directions, columns, directions, length, length, rank);
    return next + padded(n * (n + rank)) - n * rank;
}

int SWEEP(const void *asked)
{
    const SweepTask *task = asked;
    const ptrdiff_t n = task->n_factors, rank = task->rank;
    const ptrdiff_t columns = padded(task->n_windows) + padded(task->n_features);
    Side windows, features;
    /* What fills rows up stays zero. */
    void *memory = calloc((size_t)((n + rank) * columns + 2 * padded(n * (n + rank))) * sizeof(double) + sizeof(Exact), 1);
    if (!memory) return -1;
    double *next = (double *)(((uintptr_t)memory + sizeof(Exact) - 1) / sizeof(Exact) * sizeof(Exact));
    next = side_made(&windows, task, task->n_windows, task->loadings, task->basis, next);
    side_made(&features, task, task->n_features, task->factors, task->coefficients, next);
    passed(&features, NULL);
    for (ptrdiff_t i = 0; i < task->n_iter; i++) {
        passed(&windows, &features);
        passed(&features, &windows);
    }
    copied(task->loadings, task->n_windows, (double *)windows.rows, windows.n_columns, task->n_windows, n);
    copied(task->factors, task->n_features, (double *)features.rows, features.n_columns, task->n_features, n);
    free(memory);
    return 0;
}
