/* Cubic splines on a grid that goes on around its edges, at places between the grid's points; float64. */
#include "task.h"

/* Weights of the four points around a place, and where these lie on an axis of so many. */
static void reached(double place, ptrdiff_t length, double *weights, ptrdiff_t *points)
{
    const ptrdiff_t before = (ptrdiff_t)place - (place < 0);
    const double t = place - (double)before, rest = 1 - t;
    weights[0] = rest * rest * rest / 6;
    weights[1] = (4 - 3 * t * t * (2 - t)) / 6;
    weights[2] = (4 - 3 * rest * rest * (2 - rest)) / 6;
    weights[3] = t * t * t / 6;
    ptrdiff_t first = before - 1;
    if (first < 0 || first >= length) { /* a division takes longer than all the rest */
        first %= length;
        if (first < 0) first += length;
    }
    for (int k = 0; k < 4; k++) {
        points[k] = first;
        first = first + 1 == length ? 0 : first + 1;
    }
}

int spline(const void *asked)
{
    const SplineTask *task = asked;
    for (ptrdiff_t i = 0; i < task->n_places; i++) {
        double along_y[4], along_x[4], value = 0;
        ptrdiff_t rows[4], columns[4];
        reached(task->y[i], task->height, along_y, rows);
        reached(task->x[i], task->width, along_x, columns);
        for (int j = 0; j < 4; j++) {
            const double *row = task->coefficients + rows[j] * task->width;
            double sum = 0;
            for (int k = 0; k < 4; k++) sum += along_x[k] * row[columns[k]];
            value += along_y[j] * sum;
        }
        task->out[i] = value;
    }
    return 0;
}
