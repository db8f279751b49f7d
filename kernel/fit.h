/*
 * Weights of factors in spectra, on vectors of LANES numbers: included once for each kind of vectors, as FIT.
 *
 * Each spectrum is read once: multiplied by the factors, weighted, and added to the sums while it is in the cache.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"
#include "weights.h"

enum {
    TOGETHER = 4,  /* factors that a spectrum is multiplied by at a time */
    STRETCH = 4096, /* values of which sums are as exact in float32 as need be */
    SPECTRA_SUMMED = 256 /* and spectra */
};

INLINE double added(Vec values)
{
    double total = 0;
    for (int l = 0; l < LANES; l++) total += values[l];
    return total;
}

/* Multiply a spectrum by `count` rows, at most TOGETHER, that lie one below the other, and by itself. */
INLINE void products(const float *spectrum, const float *rows, ptrdiff_t length, int count, double *out, double *energy)
{
    const ptrdiff_t whole = length - length % (2 * LANES);
    ptrdiff_t k = 0;
    *energy = 0;
    for (int j = 0; j < count; j++) out[j] = 0;
    while (k < whole) {
        /* Two sums of each kind, since an addition has to wait for the one before it. */
        Vec sums[2][TOGETHER + 1] = {{{0}}};
        const ptrdiff_t stop = whole - k > STRETCH ? k + STRETCH : whole;
        for (; k < stop; k += 2 * LANES)
            for (int half = 0; half < 2; half++) {
                const ptrdiff_t here = k + half * LANES;
                const Vec values = *(const Loose *)(spectrum + here);
                for (int j = 0; j < count; j++) sums[half][j] += values * *(const Loose *)(rows + j * length + here);
                sums[half][TOGETHER] += values * values;
            }
        *energy += added(sums[0][TOGETHER] + sums[1][TOGETHER]);
        for (int j = 0; j < count; j++) out[j] += added(sums[0][j] + sums[1][j]);
    }
    for (; k < length; k++) {
        *energy += (double)spectrum[k] * spectrum[k];
        for (int j = 0; j < count; j++) out[j] += spectrum[k] * rows[j * length + k];
    }
}

/* Multiply a spectrum by all factors, and by itself. */
INLINE void readings_of(const FitTask *task, const float *spectrum, double *readings, double *energy)
{
    const ptrdiff_t length = task->n_features;
    for (ptrdiff_t j = 0; j < task->n_factors; j += TOGETHER) {
        const float *rows = task->factors + j * length;
        switch (task->n_factors - j) { /* constants, of which the compiler makes straight code */
        case 1: products(spectrum, rows, length, 1, readings + j, energy); break;
        case 2: products(spectrum, rows, length, 2, readings + j, energy); break;
        case 3: products(spectrum, rows, length, 3, readings + j, energy); break;
        default: products(spectrum, rows, length, TOGETHER, readings + j, energy);
        }
    }
}

/* Add a spectrum, times `count` weights, to as many rows. */
INLINE void added_to(float *rows, const float *spectrum, ptrdiff_t length, int count, const double *weights)
{
    float own[TOGETHER];
    ptrdiff_t k = 0;
    for (int j = 0; j < count; j++) own[j] = (float)weights[j];
    for (; k + LANES <= length; k += LANES) {
        const Vec values = *(const Loose *)(spectrum + k);
        for (int j = 0; j < count; j++) *(Loose *)(rows + j * length + k) += own[j] * values;
    }
    for (; k < length; k++)
        for (int j = 0; j < count; j++) rows[j * length + k] += own[j] * spectrum[k];
}

/* Add a spectrum, times its weights, to sums of a few. */
INLINE void summed(const FitTask *task, const float *spectrum, const double *weights, float *sums)
{
    const ptrdiff_t length = task->n_features;
    for (ptrdiff_t j = 0; j < task->n_factors; j += TOGETHER) {
        float *rows = sums + j * length;
        switch (task->n_factors - j) {
        case 1: added_to(rows, spectrum, length, 1, weights + j); break;
        case 2: added_to(rows, spectrum, length, 2, weights + j); break;
        case 3: added_to(rows, spectrum, length, 3, weights + j); break;
        default: added_to(rows, spectrum, length, TOGETHER, weights + j);
        }
    }
}

/* What weights leave of a spectrum's energy. */
static double left_over(const FitTask *task, double energy, const double *readings, const double *weights)
{
    const ptrdiff_t n = task->n_factors;
    for (ptrdiff_t j = 0; j < n; j++) {
        double explained = 0;
        for (ptrdiff_t i = 0; i < n; i++) explained += task->gram[j * n + i] * weights[i];
        energy -= weights[j] * (2 * readings[j] - explained);
    }
    return energy;
}

/* Add the sums of a few spectra to those of all, and begin anew. */
static void handed_over(const FitTask *task, float *sums)
{
    const ptrdiff_t count = task->n_factors * task->n_features;
    for (ptrdiff_t i = 0; i < count; i++) task->sums[i] += sums[i];
    memset(sums, 0, (size_t)count * sizeof *sums);
}

int FIT(const void *asked)
{
    const FitTask *task = asked;
    Solver solver;
    double *readings = calloc((size_t)task->n_factors, sizeof *readings);
    float *sums = task->sums ? calloc((size_t)(task->n_factors * task->n_features), sizeof *sums) : NULL;
    int failed = solver_made(&solver, task->n_factors, task->gram) || !readings || (task->sums && !sums);
    for (ptrdiff_t row = 0; !failed && row < task->n_rows; row++) {
        const float *spectrum = task->spectra + row * task->n_features;
        double *weights = task->weights + row * task->n_factors;
        readings_of(task, spectrum, readings, task->energies + row);
        if (weights_found(&solver, readings, weights)) {
            task->left[row] = NAN; /* the caller finds these another way */
            continue;
        }
        task->left[row] = left_over(task, task->energies[row], readings, weights);
        if (sums) {
            summed(task, spectrum, weights, sums);
            if (row % SPECTRA_SUMMED == SPECTRA_SUMMED - 1) handed_over(task, sums);
        }
    }
    if (sums && !failed) handed_over(task, sums);
    solver_freed(&solver);
    free(readings);
    free(sums);
    return failed ? -1 : 0;
}
