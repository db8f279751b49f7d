/* The block principal pivoting of fftscape/compute/nonnegative.py, one spectrum at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights.h"

/* As in nonnegative.py. */
enum { PATIENCE = 3, MOST_ROUNDS = 100 };
static const double ROUNDING = 1e-10;

int solver_made(Solver *solver, ptrdiff_t n_factors, const double *gram)
{
    const size_t n = (size_t)n_factors;
    *solver = (Solver){
        .n_factors = n_factors,
        .gram = gram,
        .root = calloc(n * n, sizeof(double)),
        .solution = calloc(n, sizeof(double)),
        .positive = calloc(n, sizeof(ptrdiff_t)),
        .is_positive = malloc(n),
        .is_wrong = malloc(n),
    };
    if (!solver->root || !solver->solution || !solver->positive || !solver->is_positive || !solver->is_wrong) return -1;
    memset(solver->is_positive, 1, n);
    solver->n_positive = -1; /* not known yet */
    return 0;
}

void solver_freed(Solver *solver)
{
    free(solver->root);
    free(solver->solution);
    free(solver->positive);
    free(solver->is_positive);
    free(solver->is_wrong);
}

/* Compute Cholesky's root of the products of the positive factors; return -1 if there is none. */
static int rooted(Solver *solver)
{
    const ptrdiff_t n = solver->n_factors;
    double *root = solver->root;
    ptrdiff_t count = 0;
    for (ptrdiff_t j = 0; j < n; j++)
        if (solver->is_positive[j]) solver->positive[count++] = j;
    solver->n_positive = count;
    for (ptrdiff_t a = 0; a < count; a++)
        for (ptrdiff_t b = 0; b <= a; b++) {
            double left = solver->gram[solver->positive[a] * n + solver->positive[b]];
            for (ptrdiff_t c = 0; c < b; c++) left -= root[a * n + c] * root[b * n + c];
            if (a == b && !(left > 0)) {
                solver->n_positive = -1; /* half of a root is none */
                return -1;
            }
            root[a * n + b] = a == b ? sqrt(left) : left / root[b * n + b];
        }
    return 0;
}

/* Solve for the positive weights, the others being zero. */
static void solved(Solver *solver, const double *target, double *weights)
{
    const ptrdiff_t n = solver->n_factors, count = solver->n_positive;
    const double *root = solver->root;
    double *x = solver->solution;
    for (ptrdiff_t a = 0; a < count; a++) {
        x[a] = target[solver->positive[a]];
        for (ptrdiff_t b = 0; b < a; b++) x[a] -= root[a * n + b] * x[b];
        x[a] /= root[a * n + a];
    }
    memset(weights, 0, (size_t)n * sizeof *weights);
    for (ptrdiff_t a = count - 1; a >= 0; a--) {
        for (ptrdiff_t b = a + 1; b < count; b++) x[a] -= root[b * n + a] * x[b];
        x[a] /= root[a * n + a];
        weights[solver->positive[a]] = x[a];
    }
}

/* Mark the weights that are negative, and the factors that would rather have one; return how many these are. */
static ptrdiff_t marked(Solver *solver, const double *target, const double *weights, double rounding)
{
    const ptrdiff_t n = solver->n_factors;
    ptrdiff_t many = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
        double value = weights[j];
        if (!solver->is_positive[j]) {
            value = -target[j];
            for (ptrdiff_t a = 0; a < solver->n_positive; a++)
                value += solver->gram[j * n + solver->positive[a]] * weights[solver->positive[a]];
        }
        many += solver->is_wrong[j] = value < -rounding;
    }
    return many;
}

int weights_found(Solver *solver, const double *target, double *weights)
{
    const ptrdiff_t n = solver->n_factors;
    ptrdiff_t fewest = n + 1, patience = PATIENCE;
    double largest = 0;
    for (ptrdiff_t j = 0; j < n; j++) largest = fmax(largest, fabs(target[j]));
    for (int round = 0; round < MOST_ROUNDS; round++) {
        if (solver->n_positive < 0 && rooted(solver)) return -1;
        solved(solver, target, weights);
        const ptrdiff_t many = marked(solver, target, weights, ROUNDING * largest);
        if (!many) {
            for (ptrdiff_t j = 0; j < n; j++) weights[j] = fmax(weights[j], 0);
            return 0;
        }
        patience = many < fewest ? PATIENCE : patience - 1;
        if (many < fewest) fewest = many;
        /* Single exchanges, of the last one, cannot go in a circle (Murty's rule). */
        for (ptrdiff_t j = n - 1, changed = 0; j >= 0 && (patience >= 0 || !changed); j--)
            if (solver->is_wrong[j]) {
                solver->is_positive[j] = !solver->is_positive[j];
                changed = 1;
            }
        solver->n_positive = -1;
    }
    return -1;
}
