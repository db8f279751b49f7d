/*
 * Centres of groups of points (k-means), in float64 on vectors of as many bytes as LANES numbers: included once for each
 * kind of vectors, as SETTLE.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"

/* Points side by side in vectors, shape (vector, dimension), and what is found of a trial's centres. */
typedef struct {
    ptrdiff_t n_vectors;
    Exact *points;
    Exact *sums, *sizes; /* (centre, dimension), (centre,): of the points that are nearest to each */
    Mask last;           /* which lanes of the last vector are points */
} Cloud;

/* Add each of the points of a vector to the sums of the centre that it is nearest to. */
INLINE void joined_nearest(const SettleTask *task, const Cloud *cloud, ptrdiff_t vector, const double *centres,
                           const double *squares)
{
    const ptrdiff_t dimension = task->n_dimensions;
    const Exact *point = cloud->points + vector * dimension;
    Exact best = {0};
    Mask nearest = {0};
    best += INFINITY;
    for (ptrdiff_t c = 0; c < task->n_centres; c++) {
        Exact shared = {0};
        for (ptrdiff_t d = 0; d < dimension; d++) shared += centres[c * dimension + d] * point[d];
        const Exact distance = squares[c] - 2 * shared;
        const Mask nearer = distance < best;
        nearest = (nearer & (int64_t)c) | (~nearer & nearest);
        best = (Exact)((nearer & (Mask)distance) | (~nearer & (Mask)best));
    }
    if (vector == cloud->n_vectors - 1) nearest |= ~cloud->last;
    for (ptrdiff_t c = 0; c < task->n_centres; c++) {
        const Mask own = nearest == (int64_t)c;
        const Exact one = {0};
        cloud->sizes[c] += (Exact)(own & (Mask)(one + 1));
        for (ptrdiff_t d = 0; d < dimension; d++) cloud->sums[c * dimension + d] += (Exact)(own & (Mask)point[d]);
    }
}

INLINE double over_lanes(const Exact *values)
{
    double total = 0;
    for (int l = 0; l < LANES / 2; l++) total += (*values)[l];
    return total;
}

/* Move each centre to the middle of the points that are nearest to it; return 0 if all stay, and -1 if one has none. */
static int moved(const SettleTask *task, const Cloud *cloud, double *centres, double *squares)
{
    const ptrdiff_t dimension = task->n_dimensions, count = task->n_centres;
    int changed = 0;
    for (ptrdiff_t c = 0; c < count; c++) {
        squares[c] = 0;
        for (ptrdiff_t d = 0; d < dimension; d++) squares[c] += centres[c * dimension + d] * centres[c * dimension + d];
    }
    memset(cloud->sums, 0, (size_t)(count * (dimension + 1)) * sizeof(Exact));
    for (ptrdiff_t vector = 0; vector < cloud->n_vectors; vector++) joined_nearest(task, cloud, vector, centres, squares);
    for (ptrdiff_t c = 0; c < count; c++)
        if (!(over_lanes(cloud->sizes + c) > 0)) return -1;
    for (ptrdiff_t c = 0; c < count; c++)
        for (ptrdiff_t d = 0; d < dimension; d++) {
            const double middle = over_lanes(cloud->sums + c * dimension + d) / over_lanes(cloud->sizes + c);
            changed |= middle != centres[c * dimension + d];
            centres[c * dimension + d] = middle;
        }
    return changed;
}

int SETTLE(const void *asked)
{
    const SettleTask *task = asked;
    const ptrdiff_t half = LANES / 2, dimension = task->n_dimensions, count = task->n_centres;
    Cloud cloud = {.n_vectors = (task->n_points + half - 1) / half};
    const ptrdiff_t n_vectors = cloud.n_vectors * dimension + count * (dimension + 1);
    void *memory = calloc((size_t)(n_vectors + 1) * sizeof(Exact) + (size_t)count * sizeof(double), 1);
    if (!memory) return -1;
    cloud.points = (Exact *)(((uintptr_t)memory + sizeof(Exact) - 1) / sizeof(Exact) * sizeof(Exact));
    cloud.sums = cloud.points + cloud.n_vectors * dimension;
    cloud.sizes = cloud.sums + count * dimension;
    double *squares = (double *)(cloud.sizes + count);
    for (ptrdiff_t p = 0; p < task->n_points; p++)
        for (ptrdiff_t d = 0; d < dimension; d++)
            cloud.points[p / half * dimension + d][p % half] = task->columns[d * task->n_points + p];
    for (ptrdiff_t l = 0; l < half; l++) cloud.last[l] = (cloud.n_vectors - 1) * half + l < task->n_points ? -1 : 0;
    for (ptrdiff_t trial = 0; trial < task->n_trials; trial++) {
        double *centres = task->centres + trial * count * dimension;
        int changed = 1;
        for (ptrdiff_t round = 0; round < task->most_rounds && changed > 0; round++)
            changed = moved(task, &cloud, centres, squares);
        if (changed < 0) centres[0] = NAN; /* tells the caller that it came to nothing */
    }
    free(memory);
    return 0;
}
