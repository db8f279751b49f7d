/*
 * The arithmetic of some modules of fftscape/compute in one go, in cache and most of it with vector instructions: that of
 * transform.py, fits.py, sweeps.py, assignments.py, groups.py and turning.py.
 *
 * One build serves old and new processors: spectra.h, fit.h, sweep.h, nearest.h and settle.h are compiled for each kind of
 * vectors, and the widest that the processor has is taken. Where there is no compiler, or one without vectors, nothing is
 * built, and NumPy and SciPy do the work.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>

#include "task.h"

/* The most lanes that this processor works on side by side. */
static int most_lanes(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 4;
}

/* What a function of this module was given: buffers, the size of one number of each, and with how many lanes to work. */
enum { MOST_BUFFERS = 10 };
typedef struct {
    Py_buffer buffers[MOST_BUFFERS];
    const char *sizes; /* one digit for each buffer */
    int lanes;
} Given;

/* Tell whether a buffer begins where no number of its kind can. */
static int misplaced(const Given *given)
{
    for (int i = 0; given->sizes[i]; i++)
        if ((uintptr_t)given->buffers[i].buf % (uintptr_t)(given->sizes[i] - '0')) return 1;
    return 0;
}

/* Do the work unless something is amiss, and let go of the buffers. */
static PyObject *done(Given *given, const char *misfit, const void *task, Work *by_4, Work *by_8)
{
    int failed = 0;
    if (!misfit && given->lanes != 4 && given->lanes != most_lanes()) misfit = "lanes";
    if (misfit) PyErr_Format(PyExc_ValueError, "%s does not fit the other arguments", misfit);
    else {
        Work *work = given->lanes == 8 ? by_8 : by_4;
        Py_BEGIN_ALLOW_THREADS
        failed = work(task);
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
    }
    for (int i = 0; given->sizes[i]; i++) PyBuffer_Release(&given->buffers[i]);
    if (misfit || failed) return NULL;
    Py_RETURN_NONE;
}

#if defined(__x86_64__)
#define BY_8(work) work##_by_8
#else
#define BY_8(work) work##_by_4
#endif
/* Where the buffers lie is looked at before anything is read from them. */
#define FITTING(given, misfit) (misplaced(given) ? "an address" : (misfit))
#define DONE(given, misfit, task, work) done(given, FITTING(given, misfit), task, work##_by_4, BY_8(work))

enum { PIXELS, TOPS, LEFTS, PLACES, TAPER_Y, TAPER_X, MEAN_Y, MEAN_X, WEIGHTS, OUT };

/* Find the sizes in the buffers' lengths; tell which buffer does not fit the others, if one does not. */
static const char *spectra_sized(SpectraTask *task, const Py_buffer *b)
{
    const Py_ssize_t real = sizeof(float), integer = sizeof(int64_t);
    if (task->n_x < 1) return "n_x";
    task->height = b[TAPER_Y].len / real;
    task->width = b[TAPER_X].len / real;
    if (task->height < 1 || task->width < 1 || task->n_x < task->width) return "taper";
    task->n_columns = task->width / 2 + 1;
    task->n_features = task->height * task->n_columns;
    task->n_rows = b[PIXELS].len / real / task->n_x;
    task->n_tops = b[TOPS].len / integer;
    task->n_lefts = b[LEFTS].len / integer;
    if (b[PIXELS].len != task->n_rows * task->n_x * real) return "pixels";
    if (b[PLACES].len != task->n_tops * task->n_lefts * integer) return "places";
    if (b[MEAN_Y].len != 2 * task->height * real) return "mean_y";
    if (b[MEAN_X].len != 2 * task->n_columns * real) return "mean_x";
    if (b[WEIGHTS].len != 3 * task->n_columns * real) return "weights";
    task->pixels = b[PIXELS].buf, task->tops = b[TOPS].buf, task->lefts = b[LEFTS].buf, task->places = b[PLACES].buf;
    task->taper_y = b[TAPER_Y].buf, task->taper_x = b[TAPER_X].buf, task->mean_y = b[MEAN_Y].buf, task->mean_x = b[MEAN_X].buf;
    task->weights = b[WEIGHTS].buf, task->out = b[OUT].buf;
    if (task->scaling < AMPLITUDE || task->scaling > LOG) return "scaling";
    for (Py_ssize_t i = 0; i < task->n_tops; i++)
        if (task->tops[i] < 0 || task->tops[i] > task->n_rows - task->height) return "tops";
    for (Py_ssize_t i = 0; i < task->n_lefts; i++)
        if (task->lefts[i] < 0 || task->lefts[i] > task->n_x - task->width) return "lefts";
    for (Py_ssize_t i = 0; i < task->n_tops * task->n_lefts; i++)
        if (task->places[i] >= b[OUT].len / real / task->n_features) return "out";
    return NULL;
}

static PyObject *spectra(PyObject *module, PyObject *arguments)
{
    Given given = {.sizes = "4888444444"};
    Py_buffer *b = given.buffers;
    SpectraTask task = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*ny*y*y*y*y*y*y*y*w*ippffi:spectra", &b[PIXELS], &task.n_x, &b[TOPS], &b[LEFTS],
                          &b[PLACES], &b[TAPER_Y], &b[TAPER_X], &b[MEAN_Y], &b[MEAN_X], &b[WEIGHTS], &b[OUT], &task.scaling,
                          &task.remove_mean, &task.unit_norm, &task.level, &task.rounding, &given.lanes))
        return NULL;
    return DONE(&given, spectra_sized(&task, b), &task, spectra);
}

enum { SPECTRA_IN, FACTORS, GRAM, FOUND, LEFT, ENERGIES, SUMS };

/* As `spectra_sized`, for a fit. */
static const char *fit_sized(FitTask *task, const Py_buffer *b)
{
    const Py_ssize_t real = sizeof(float), exact = sizeof(double);
    if (task->n_features < 1) return "n_features";
    task->n_factors = b[FACTORS].len / real / task->n_features;
    task->n_rows = b[ENERGIES].len / exact;
    if (task->n_factors < 1 || b[FACTORS].len != task->n_factors * task->n_features * real) return "factors";
    if (b[SPECTRA_IN].len != task->n_rows * task->n_features * real) return "spectra";
    if (b[GRAM].len != task->n_factors * task->n_factors * exact) return "gram";
    if (b[FOUND].len != task->n_rows * task->n_factors * exact) return "weights";
    if (b[LEFT].len != task->n_rows * exact) return "left";
    if (b[SUMS].len && b[SUMS].len != task->n_factors * task->n_features * exact) return "sums";
    task->spectra = b[SPECTRA_IN].buf, task->factors = b[FACTORS].buf, task->gram = b[GRAM].buf;
    task->weights = b[FOUND].buf, task->left = b[LEFT].buf, task->energies = b[ENERGIES].buf;
    task->sums = b[SUMS].len ? b[SUMS].buf : NULL;
    return NULL;
}

static PyObject *fit(PyObject *module, PyObject *arguments)
{
    Given given = {.sizes = "4488888"};
    Py_buffer *b = given.buffers;
    FitTask task = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*ny*y*w*w*w*w*i:fit", &b[SPECTRA_IN], &task.n_features, &b[FACTORS], &b[GRAM], &b[FOUND],
                          &b[LEFT], &b[ENERGIES], &b[SUMS], &given.lanes))
        return NULL;
    return DONE(&given, fit_sized(&task, b), &task, fit);
}

enum { BASIS, COEFFICIENTS, LOADINGS, FACTORS_OUT };

/* As `spectra_sized`, for sweeps. */
static const char *sweep_sized(SweepTask *task, const Py_buffer *b)
{
    const Py_ssize_t exact = sizeof(double);
    if (task->rank < 1) return "rank";
    task->n_windows = b[BASIS].len / exact / task->rank;
    task->n_features = b[COEFFICIENTS].len / exact / task->rank;
    if (task->n_windows < 1 || b[BASIS].len != task->rank * task->n_windows * exact) return "basis";
    if (task->n_features < 1 || b[COEFFICIENTS].len != task->rank * task->n_features * exact) return "coefficients";
    task->n_factors = b[LOADINGS].len / exact / task->n_windows;
    if (task->n_factors < 1 || b[LOADINGS].len != task->n_factors * task->n_windows * exact) return "loadings";
    if (b[FACTORS_OUT].len != task->n_factors * task->n_features * exact) return "factors";
    task->basis = b[BASIS].buf, task->coefficients = b[COEFFICIENTS].buf;
    task->loadings = b[LOADINGS].buf, task->factors = b[FACTORS_OUT].buf;
    return NULL;
}

static PyObject *sweep(PyObject *module, PyObject *arguments)
{
    Given given = {.sizes = "8888"};
    Py_buffer *b = given.buffers;
    SweepTask task = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*y*nw*w*ni:sweep", &b[BASIS], &b[COEFFICIENTS], &task.rank, &b[LOADINGS], &b[FACTORS_OUT],
                          &task.n_iter, &given.lanes))
        return NULL;
    return DONE(&given, sweep_sized(&task, b), &task, sweep);
}

enum { LINES, POSITIONS, LABELS, MARGIN };

/* As `spectra_sized`, for labels. */
static const char *nearest_sized(NearestTask *task, const Py_buffer *b, int lanes)
{
    const Py_ssize_t real = sizeof(float), exact = sizeof(double);
    if (task->n_components < 1 || task->n_components > INT16_MAX) return "n_components";
    if (task->n_columns < lanes) return "n_columns";
    task->n_lines = b[LINES].len / real / task->n_components / task->n_columns;
    task->n_rows = b[POSITIONS].len / exact;
    if (task->n_lines < 1 || b[LINES].len != task->n_components * task->n_lines * task->n_columns * real) return "lines";
    if (b[LABELS].len != task->n_rows * task->n_columns * (Py_ssize_t)sizeof(int16_t)) return "labels";
    if (b[MARGIN].len != task->n_rows * task->n_columns * real) return "margin";
    task->lines = b[LINES].buf, task->positions = b[POSITIONS].buf, task->labels = b[LABELS].buf, task->margin = b[MARGIN].buf;
    for (Py_ssize_t i = 0; i < task->n_rows; i++)
        if (!(task->positions[i] >= 0 && task->positions[i] <= (double)(task->n_lines - 1))) return "positions";
    return NULL;
}

static PyObject *nearest(PyObject *module, PyObject *arguments)
{
    Given given = {.sizes = "4824"};
    Py_buffer *b = given.buffers;
    NearestTask task = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*nny*w*w*i:nearest", &b[LINES], &task.n_components, &task.n_columns, &b[POSITIONS],
                          &b[LABELS], &b[MARGIN], &given.lanes))
        return NULL;
    return DONE(&given, nearest_sized(&task, b, given.lanes), &task, nearest);
}

enum { COLUMNS_IN, CENTRES };

/* As `spectra_sized`, for centres of groups. */
static const char *settle_sized(SettleTask *task, const Py_buffer *b)
{
    const Py_ssize_t exact = sizeof(double);
    if (task->n_dimensions < 1) return "n_dimensions";
    if (task->n_centres < 1) return "n_centres";
    task->n_points = b[COLUMNS_IN].len / exact / task->n_dimensions;
    task->n_trials = b[CENTRES].len / exact / task->n_dimensions / task->n_centres;
    if (task->n_points < 1 || b[COLUMNS_IN].len != task->n_points * task->n_dimensions * exact) return "columns";
    if (task->n_trials < 1 || b[CENTRES].len != task->n_trials * task->n_centres * task->n_dimensions * exact) return "centres";
    task->columns = b[COLUMNS_IN].buf, task->centres = b[CENTRES].buf;
    return NULL;
}

static PyObject *settle(PyObject *module, PyObject *arguments)
{
    Given given = {.sizes = "88"};
    Py_buffer *b = given.buffers;
    SettleTask task = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*nw*nni:settle", &b[COLUMNS_IN], &task.n_dimensions, &b[CENTRES], &task.n_centres,
                          &task.most_rounds, &given.lanes))
        return NULL;
    return DONE(&given, settle_sized(&task, b), &task, settle);
}

enum { SPLINE, PLACES_Y, PLACES_X, VALUES };

/* As `spectra_sized`, for a spline. */
static const char *spline_sized(SplineTask *task, const Py_buffer *b)
{
    const Py_ssize_t exact = sizeof(double);
    if (task->width < 1) return "width";
    task->height = b[SPLINE].len / exact / task->width;
    task->n_places = b[VALUES].len / exact;
    if (task->height < 1 || b[SPLINE].len != task->height * task->width * exact) return "coefficients";
    if (b[PLACES_Y].len != b[VALUES].len) return "y";
    if (b[PLACES_X].len != b[VALUES].len) return "x";
    task->coefficients = b[SPLINE].buf, task->y = b[PLACES_Y].buf, task->x = b[PLACES_X].buf, task->out = b[VALUES].buf;
    for (Py_ssize_t i = 0; i < task->n_places; i++)
        if (!(fabs(task->y[i]) < MOST_PLACES && fabs(task->x[i]) < MOST_PLACES)) return "a place";
    return NULL;
}

static PyObject *at_places(PyObject *module, PyObject *arguments)
{
    Given given = {.sizes = "8888", .lanes = 4};
    Py_buffer *b = given.buffers;
    SplineTask task = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*ny*y*w*:spline", &b[SPLINE], &task.width, &b[PLACES_Y], &b[PLACES_X], &b[VALUES]))
        return NULL;
    return done(&given, FITTING(&given, spline_sized(&task, b)), &task, spline, spline);
}

static PyMethodDef METHODS[] = {
    {"spectra", spectra, METH_VARARGS, "Compute scaled spectra of windows; _kernel.pyi tells how it is called."},
    {"fit", fit, METH_VARARGS, "Weigh factors in spectra; _kernel.pyi tells how it is called."},
    {"sweep", sweep, METH_VARARGS, "Improve loadings and factors; _kernel.pyi tells how it is called."},
    {"nearest", nearest, METH_VARARGS, "Label pixels; _kernel.pyi tells how it is called."},
    {"settle", settle, METH_VARARGS, "Find centres of groups; _kernel.pyi tells how it is called."},
    {"spline", at_places, METH_VARARGS, "Interpolate; _kernel.pyi tells how it is called."},
    {NULL, NULL, 0, NULL},
};

static int with_constants(PyObject *module) { return PyModule_AddIntConstant(module, "LANES", most_lanes()); }

static PyModuleDef_Slot SLOTS[] = {{Py_mod_exec, (void *)with_constants}, {0, NULL}};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_kernel", NULL, 0, METHODS, SLOTS, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&MODULE); }
