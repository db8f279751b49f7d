/*
 * Spectra of windows, on vectors of LANES numbers: included once for each kind of vectors, as SPECTRA.
 *
 * Rows of pixels are tapered and transformed along x, once for all windows above one another; then the lines of each
 * window are tapered and transformed along y, and its amplitudes scaled. LANES transforms are done side by side: the real
 * parts of the n-th values of LANES lines are one vector, their imaginary parts another.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"

#define MOST_FACTORS 64

typedef struct {
    Vec re, im;
} Complex;

typedef struct {
    Vec *re, *im;
} Lines;

/* How a transform of some length is cut into short ones, and the powers of exp(-2 pi i / length). */
typedef struct {
    ptrdiff_t length, n_factors, factors[MOST_FACTORS];
    float *re, *im;
} Plan;

/* The room that a task needs. */
typedef struct {
    ptrdiff_t row_groups, column_groups; /* how many times LANES rows of pixels or columns of a half plane there are */
    Plan plan_y, plan_x;
    float *roots_re, *roots_im;          /* powers of exp(-2 pi i / width) */
    Vec *pixels;                         /* (x, row group) */
    Vec *before, *after, *energy;        /* (column group,): the task's weights */
    Lines lines, spare;                  /* LANES lines, and as much again */
    Lines rows;                          /* (row, column group): transforms along x at one place */
} Room;

INLINE Complex sum(Complex a, Complex b) { return (Complex){a.re + b.re, a.im + b.im}; }
INLINE Complex difference(Complex a, Complex b) { return (Complex){a.re - b.re, a.im - b.im}; }
INLINE Complex times_minus_i(Complex a) { return (Complex){a.im, -a.re}; }
INLINE Complex turned(Complex a, float re, float im) { return (Complex){a.re * re - a.im * im, a.re * im + a.im * re}; }

INLINE Complex taken(Lines from, ptrdiff_t place) { return (Complex){from.re[place], from.im[place]}; }
INLINE void put(Lines to, ptrdiff_t place, Complex value)
{
    to.re[place] = value.re;
    to.im[place] = value.im;
}

INLINE Vec root(Vec squares)
{
    Vec out;
    for (int l = 0; l < LANES; l++) out[l] = sqrtf(squares[l]);
    return out;
}

/* One step of Stockham's algorithm: `count` transforms of length n become `radix` times as many shorter ones. */
INLINE void step(const Plan *plan, ptrdiff_t radix, ptrdiff_t n, ptrdiff_t count, Lines in, Lines out)
{
    const ptrdiff_t m = n / radix, apart = m * count, unit = plan->length / radix;
    const float *re = plan->re, *im = plan->im;
    for (ptrdiff_t p = 0; p < m; p++) {
        const ptrdiff_t turn = p * count;
        for (ptrdiff_t q = 0; q < count; q++) {
            const ptrdiff_t x = q + count * p, y = q + count * radix * p;
            if (radix == 2) {
                const Complex a = taken(in, x), b = taken(in, x + apart);
                put(out, y, sum(a, b));
                put(out, y + count, turned(difference(a, b), re[turn], im[turn]));
            }
            else if (radix == 4) {
                const Complex a = taken(in, x), b = taken(in, x + apart);
                const Complex c = taken(in, x + 2 * apart), d = taken(in, x + 3 * apart);
                const Complex even = sum(a, c), odd = sum(b, d);
                const Complex even_apart = difference(a, c), odd_apart = times_minus_i(difference(b, d));
                put(out, y, sum(even, odd));
                put(out, y + count, turned(sum(even_apart, odd_apart), re[turn], im[turn]));
                put(out, y + 2 * count, turned(difference(even, odd), re[2 * turn], im[2 * turn]));
                put(out, y + 3 * count, turned(difference(even_apart, odd_apart), re[3 * turn], im[3 * turn]));
            }
            else {
                for (ptrdiff_t k = 0; k < radix; k++) {
                    Complex all = taken(in, x);
                    ptrdiff_t around = 0;
                    for (ptrdiff_t j = 1; j < radix; j++) {
                        around += k * unit;
                        if (around >= plan->length) around -= plan->length;
                        all = sum(all, turned(taken(in, x + j * apart), re[around], im[around]));
                    }
                    put(out, y + k * count, turned(all, re[k * turn], im[k * turn]));
                }
            }
        }
    }
}

/* Transform lines with the help of as much room again; the result is in one of the two. */
INLINE Lines transformed(const Plan *plan, Lines lines, Lines spare)
{
    ptrdiff_t n = plan->length, count = 1;
    for (ptrdiff_t f = 0; f < plan->n_factors; f++) {
        const ptrdiff_t radix = plan->factors[f];
        switch (radix) { /* constants, of which the compiler makes straight code */
        case 2: step(plan, 2, n, count, lines, spare); break;
        case 3: step(plan, 3, n, count, lines, spare); break;
        case 4: step(plan, 4, n, count, lines, spare); break;
        case 5: step(plan, 5, n, count, lines, spare); break;
        case 7: step(plan, 7, n, count, lines, spare); break;
        default: step(plan, radix, n, count, lines, spare);
        }
        const Lines done = spare;
        spare = lines;
        lines = done;
        n /= radix;
        count *= radix;
    }
    return lines;
}

/* Taper a group of rows at `x`, shape (x, row group). Of an even number of reals every other one is taken as imaginary. */
INLINE void rows_tapered(const SpectraTask *task, ptrdiff_t apart, const Vec *x, Lines lines)
{
    const float *taper = task->taper_x;
    if (task->width % 2) {
        for (ptrdiff_t j = 0; j < task->width; j++) put(lines, j, (Complex){x[j * apart] * taper[j], (Vec){0}});
    }
    else {
        for (ptrdiff_t j = 0; j < task->width; j += 2)
            put(lines, j / 2, (Complex){x[j * apart] * taper[j], x[(j + 1) * apart] * taper[j + 1]});
    }
}

/* Taper and transform along x the rows of all windows that begin at `left`. */
INLINE void along_x(const SpectraTask *task, const Room *room, ptrdiff_t left)
{
    const ptrdiff_t length = room->plan_x.length, stride = room->column_groups * LANES;
    float *out_re = (float *)room->rows.re, *out_im = (float *)room->rows.im;
    for (ptrdiff_t group = 0; group < room->row_groups; group++) {
        rows_tapered(task, room->row_groups, room->pixels + left * room->row_groups + group, room->lines);
        const Lines found = transformed(&room->plan_x, room->lines, room->spare);
        const ptrdiff_t first = group * LANES, there = task->n_rows - first < LANES ? task->n_rows - first : LANES;
        for (ptrdiff_t k = 0; k < task->n_columns; k++) {
            Complex value = taken(found, k % length);
            if (task->width % 2 == 0) { /* the transforms of even and odd places, told apart by their symmetry */
                Complex mirrored = taken(found, (length - k) % length);
                mirrored.im = -mirrored.im;
                const Complex odd = times_minus_i(difference(value, mirrored));
                value = sum(sum(value, mirrored), turned(odd, room->roots_re[k], room->roots_im[k]));
                value.re *= 0.5f;
                value.im *= 0.5f;
            }
            for (ptrdiff_t l = 0; l < there; l++) {
                out_re[(first + l) * stride + k] = value.re[l];
                out_im[(first + l) * stride + k] = value.im[l];
            }
        }
    }
}

/* Take out of the spectra of one group of columns what a mean of `level` adds to them. */
INLINE void without_mean(const SpectraTask *task, Lines spectra, ptrdiff_t first, ptrdiff_t there, float level)
{
    float *re = (float *)spectra.re, *im = (float *)spectra.im;
    for (ptrdiff_t l = 0; l < there; l++) {
        const float xr = level * task->mean_x[2 * (first + l)], xi = level * task->mean_x[2 * (first + l) + 1];
        if (xr == 0 && xi == 0) continue;
        for (ptrdiff_t k = 0; k < task->height; k++) {
            const float yr = task->mean_y[2 * k], yi = task->mean_y[2 * k + 1];
            re[k * LANES + l] -= xr * yr - xi * yi;
            im[k * LANES + l] -= xr * yi + xi * yr;
        }
    }
    if (first == 0) re[0] = im[0] = 0;
}

/* Turn the spectra of one group of columns into scaled amplitudes; add up their energies and squares. */
INLINE void scaled(const SpectraTask *task, const Room *room, Lines spectra, ptrdiff_t group, float *out, Vec *energies, Vec *squares)
{
    const Vec before = room->before[group], after = room->after[group], energy = room->energy[group];
    const ptrdiff_t first = group * LANES, there = task->n_columns - first < LANES ? task->n_columns - first : LANES;
    for (ptrdiff_t k = 0; k < task->height; k++) {
        const Vec square = spectra.re[k] * spectra.re[k] + spectra.im[k] * spectra.im[k];
        *energies += square * energy;
        Vec values = root(square) * before;
        if (task->scaling == SQRT) values = root(values);
        else if (task->scaling == LOG)
            for (int l = 0; l < LANES; l++) values[l] = log1pf(values[l]);
        values *= after;
        *squares += values * values;
        float *place = out + k * task->n_columns + first;
        if (there == LANES) memcpy(place, &values, sizeof values);
        else
            for (ptrdiff_t l = 0; l < there; l++) place[l] = values[l];
    }
}

/* Taper and transform the lines of one window along y, and write its scaled amplitudes. */
INLINE void along_y(const SpectraTask *task, const Room *room, ptrdiff_t top, float *out)
{
    const ptrdiff_t apart = room->column_groups;
    const Lines window = {room->rows.re + top * apart, room->rows.im + top * apart};
    Vec energies = {0}, squares = {0};
    float level = 0;
    for (ptrdiff_t group = 0; group < apart; group++) {
        for (ptrdiff_t y = 0; y < task->height; y++) {
            const Complex value = taken(window, y * apart + group);
            put(room->lines, y, (Complex){value.re * task->taper_y[y], value.im * task->taper_y[y]});
        }
        const Lines found = transformed(&room->plan_y, room->lines, room->spare);
        const ptrdiff_t first = group * LANES, there = task->n_columns - first < LANES ? task->n_columns - first : LANES;
        if (first == 0) level = found.re[0][0] / task->level;
        if (task->remove_mean) without_mean(task, found, first, there, level);
        scaled(task, room, found, group, out, &energies, &squares);
    }
    double energy = 0, norm = 0;
    for (int l = 0; l < LANES; l++) {
        energy += energies[l];
        norm += squares[l];
    }
    const double noticed = task->rounding * fmax(fabs(level), 1);
    if (task->remove_mean && sqrt(energy) <= noticed) memset(out, 0, (size_t)task->n_features * sizeof *out);
    else if (task->unit_norm && norm > 0) {
        const float factor = (float)(1 / sqrt(norm));
        for (ptrdiff_t feature = 0; feature < task->n_features; feature++) out[feature] *= factor;
    }
}

static void roots(ptrdiff_t length, ptrdiff_t count, float *re, float *im)
{
    const double turn = 6.283185307179586476925286766559 / (double)length;
    for (ptrdiff_t k = 0; k < count; k++) {
        re[k] = (float)cos(turn * (double)k);
        im[k] = (float)-sin(turn * (double)k);
    }
}

static void planned(Plan *plan, ptrdiff_t length, float *re, float *im)
{
    ptrdiff_t rest = length, radix = 4;
    *plan = (Plan){.length = length, .re = re, .im = im};
    roots(length, length, re, im);
    while (rest > 1) {
        if (rest % radix == 0) {
            plan->factors[plan->n_factors++] = radix;
            rest /= radix;
        }
        else if (radix == 4) radix = 2;
        else if (radix == 2) radix = 3;
        else radix = radix * radix > rest ? rest : radix + 2;
    }
}

/* Lay pixels of shape (row, x) out as (x, row group). */
static void laid_out(const SpectraTask *task, const Room *room)
{
    enum { SIDE = 16 }; /* of a tile whose lines stay in the cache */
    float *out = (float *)room->pixels;
    for (ptrdiff_t x0 = 0; x0 < task->n_x; x0 += SIDE)
        for (ptrdiff_t row = 0; row < task->n_rows; row++)
            for (ptrdiff_t x = x0; x < x0 + SIDE && x < task->n_x; x++)
                out[x * room->row_groups * LANES + row] = task->pixels[row * task->n_x + x];
}

static ptrdiff_t groups(ptrdiff_t count) { return (count + LANES - 1) / LANES; }

static Vec *vectors_from(Vec **next, ptrdiff_t count) { return (*next += count) - count; }
static float *numbers_from(float **next, ptrdiff_t count) { return (*next += count) - count; }

/* Get the room in one piece, all zero: what fills groups up has to be numbers. Return where it begins. */
static void *prepared(const SpectraTask *task, Room *room)
{
    const ptrdiff_t height = task->height, width = task->width, columns = groups(task->n_columns), rows = groups(task->n_rows);
    /* An odd number, so that the four arrays do not begin at the same place of the cache's ways. */
    const ptrdiff_t lot = (height > width ? height : width) | 1, along = width % 2 ? width : width / 2;
    const ptrdiff_t vectors = 4 * lot + 2 * task->n_rows * columns + task->n_x * rows + 3 * columns;
    const ptrdiff_t numbers = 2 * (height + along + task->n_columns);
    void *memory = calloc((size_t)vectors * sizeof(Vec) + (size_t)numbers * sizeof(float) + sizeof(Vec), 1);
    if (!memory) return NULL;
    Vec *next = (Vec *)(((uintptr_t)memory + sizeof(Vec) - 1) / sizeof(Vec) * sizeof(Vec));
    float *number = (float *)(next + vectors);
    *room = (Room){
        .row_groups = rows,
        .column_groups = columns,
        .lines = {vectors_from(&next, lot), vectors_from(&next, lot)},
        .spare = {vectors_from(&next, lot), vectors_from(&next, lot)},
        .rows = {vectors_from(&next, task->n_rows * columns), vectors_from(&next, task->n_rows * columns)},
        .pixels = vectors_from(&next, task->n_x * rows),
        .before = vectors_from(&next, columns),
        .after = vectors_from(&next, columns),
        .energy = vectors_from(&next, columns),
        .roots_re = numbers_from(&number, task->n_columns),
        .roots_im = numbers_from(&number, task->n_columns),
    };
    planned(&room->plan_y, height, numbers_from(&number, height), numbers_from(&number, height));
    planned(&room->plan_x, along, numbers_from(&number, along), numbers_from(&number, along));
    roots(width, task->n_columns, room->roots_re, room->roots_im);
    memcpy(room->before, task->weights, (size_t)task->n_columns * sizeof(float));
    memcpy(room->after, task->weights + task->n_columns, (size_t)task->n_columns * sizeof(float));
    memcpy(room->energy, task->weights + 2 * task->n_columns, (size_t)task->n_columns * sizeof(float));
    laid_out(task, room);
    return memory;
}

int SPECTRA(const void *asked)
{
    const SpectraTask *task = asked;
    Room room;
    void *memory = prepared(task, &room);
    if (!memory) return -1;
    for (ptrdiff_t i = 0; i < task->n_lefts; i++) {
        along_x(task, &room, task->lefts[i]);
        for (ptrdiff_t j = 0; j < task->n_tops; j++) {
            const int64_t place = task->places[j * task->n_lefts + i];
            if (place >= 0) along_y(task, &room, task->tops[j], task->out + place * task->n_features);
        }
    }
    free(memory);
    return 0;
}
