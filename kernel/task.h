/* What is asked of the kernel, and of each of its versions. */
#ifndef FFTSCAPE_TASK_H
#define FFTSCAPE_TASK_H

#include <stddef.h>
#include <stdint.h>

enum { AMPLITUDE, SQRT, LOG };

/* Arrays are float32 where nothing else is said; complex ones are pairs of these. */
typedef struct {
    ptrdiff_t height, width, n_columns, n_features; /* of a window and its half plane */
    ptrdiff_t n_rows, n_x, n_tops, n_lefts;
    const float *pixels;            /* (row, x) */
    const int64_t *tops, *lefts;    /* where windows begin in `pixels` */
    const int64_t *places;          /* (top, left): row of `out`, or less than 0 for a window that is not wanted */
    const float *taper_y, *taper_x; /* (y,), (x,) */
    const float *mean_y, *mean_x;   /* complex (frequency_y,), (column,): their product is the spectrum of a constant 1 */
    const float *weights;           /* (3, column): of amplitudes, of scaled values, of squares in a window's energy */
    float *out;                     /* (place, feature) */
    int scaling, remove_mean, unit_norm;
    float level, rounding;          /* a constant 1 at zero frequency; contrast that is none, as part of the level */
} SpectraTask;

/* Factors of unit norm and spectra; float64 where nothing else is said. */
typedef struct {
    ptrdiff_t n_rows, n_features, n_factors;
    const float *spectra;     /* float32, (row, feature) */
    const float *factors;     /* float32, (factor, feature) */
    const double *gram;       /* (factor, factor): their products */
    double *weights;          /* (row, factor) */
    double *left, *energies;  /* (row,): squares that weights leave, NaN where none were found, and all squares */
    double *sums;             /* (factor, feature): weighted spectra are added to it; NULL if they need not be */
} FitTask;

/* A low-rank matrix basis.T @ coefficients and its factors; float64. */
typedef struct {
    ptrdiff_t n_windows, n_features, n_factors, rank, n_iter;
    const double *basis, *coefficients; /* (direction, window), (direction, feature) */
    double *loadings, *factors;         /* (factor, window), (factor, feature): not negative, improved in place */
} SweepTask;

/* A factor whose square is no more than this has no weight, and what belongs to it becomes zero. */
#define LEAST_WEIGHT 1e-12

/* Distances on lines of a map, and rows of pixels between these. */
typedef struct {
    ptrdiff_t n_components, n_lines, n_columns, n_rows;
    const float *lines;      /* (component, line, column), at least as many columns as lanes */
    const double *positions; /* float64, (row,): in lines, from 0 to the last one */
    int16_t *labels;         /* int16, (row, column): the nearest component */
    float *margin;           /* (row, column): how much nearer it is than the second, relative to the sum of both */
} NearestTask;

/* Two distances count as this at least, so that a margin between nothing and nothing is none. */
#define LEAST_DISTANCE 1e-12f

/* Points, and centres of groups of them, from several starts; float64. */
typedef struct {
    ptrdiff_t n_points, n_dimensions, n_trials, n_centres, most_rounds;
    const double *columns; /* (dimension, point) */
    double *centres;       /* (trial, centre, dimension): moved in place; a trial that came to nothing begins with NaN */
} SettleTask;

/* A place of a spline is no farther away than this. */
#define MOST_PLACES 1e9

/* Coefficients of a cubic spline, and places; float64. */
typedef struct {
    ptrdiff_t height, width, n_places;
    const double *coefficients; /* (y, x): the spline goes on around the edges */
    const double *y, *x;        /* (place,): in points, finite */
    double *out;                /* (place,) */
} SplineTask;

/* Do one of these tasks; return 0, or -1 if there is not enough memory. */
typedef int Work(const void *asked);

/* By vectors of 16 bytes, which every 64-bit processor has, and by those of AVX2. */
Work spectra_by_4, spectra_by_8, fit_by_4, fit_by_8, sweep_by_4, sweep_by_8;
Work nearest_by_4, nearest_by_8, settle_by_4, settle_by_8;
Work spline; /* by single numbers */

#endif
