/*
 * The nearest component of each pixel, on vectors of LANES numbers: included once for each kind of vectors, as NEAREST.
 *
 * Distances are interpolated between two lines of a map, compared and forgotten: they are never in memory.
 */
#include <math.h>

#include "task.h"

typedef int32_t Whole __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef int16_t Shorts __attribute__((vector_size(LANES * sizeof(int16_t)), aligned(sizeof(int16_t)), may_alias));

INLINE Vec either(Whole which, Vec one, Vec other) { return (Vec)((which & (Whole)one) | (~which & (Whole)other)); }
INLINE Vec least(Vec one, Vec other) { return either(one < other, one, other); }
INLINE Vec most(Vec one, Vec other) { return either(one > other, one, other); }

/* Label LANES pixels of a row that lies between two lines, so much of the way to the second one. */
INLINE void labelled_here(const NearestTask *task, const float *line, ptrdiff_t next, float way, int16_t *labels, float *margin)
{
    const ptrdiff_t apart = task->n_lines * task->n_columns;
    const float rest = 1 - way;
    Vec best = {0}, second = best + INFINITY;
    Whole label = {0};
    best += INFINITY;
    for (ptrdiff_t component = 0; component < task->n_components; component++, line += apart) {
        const Vec distance = rest * *(const Loose *)line + way * *(const Loose *)(line + next);
        const Whole nearer = distance < best;
        label = (nearer & (int32_t)component) | (~nearer & label);
        second = least(second, most(best, distance));
        best = least(best, distance);
    }
    *(Shorts *)labels = __builtin_convertvector(label, Shorts);
    *(Loose *)margin = (second - best) / most(second + best, best - best + LEAST_DISTANCE);
}

int NEAREST(const void *asked)
{
    const NearestTask *task = asked;
    const ptrdiff_t width = task->n_columns;
    for (ptrdiff_t row = 0; row < task->n_rows; row++) {
        const ptrdiff_t before = (ptrdiff_t)task->positions[row];
        const float way = (float)(task->positions[row] - (double)before);
        const ptrdiff_t next = before + 1 < task->n_lines ? width : 0;
        for (ptrdiff_t start = 0; start < width; start += LANES) {
            /* The last pixels are done with some of those before them, once more. */
            const ptrdiff_t x = start + LANES <= width ? start : width - LANES;
            labelled_here(task, task->lines + before * width + x, next, way, task->labels + row * width + x,
                          task->margin + row * width + x);
        }
    }
    return 0;
}
