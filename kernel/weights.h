/* Non-negative weights of factors in one spectrum after the other. */
#ifndef FFTSCAPE_WEIGHTS_H
#define FFTSCAPE_WEIGHTS_H

#include <stddef.h>

typedef struct {
    ptrdiff_t n_factors, n_positive;
    const double *gram;                        /* (factor, factor): products of the factors */
    double *root, *solution;                   /* (positive, positive), (positive,) */
    ptrdiff_t *positive;                       /* the factors that have a weight, rising */
    unsigned char *is_positive, *is_wrong;     /* (factor,) */
} Solver;

/* Get ready, with a weight for every factor; return 0, or -1 if there is not enough memory. */
int solver_made(Solver *solver, ptrdiff_t n_factors, const double *gram);
void solver_freed(Solver *solver);

/*
 * Minimise w G w / 2 - target w for weights w that are not negative. Return 0, or -1 if that did not end. Spectra after one
 * another mostly have the same factors, so what had weights the last time is tried first.
 */
int weights_found(Solver *solver, const double *target, double *weights);

#endif
