/*
 * The arithmetic of fftscape/compute/transform.py, fits.py and sweeps.py in one go, in cache and with vector instructions.
 *
 * One build serves old and new processors: spectra.h, fit.h and sweep.h are compiled for each kind of vectors, and the
 * widest that the processor has is taken. Where there is no compiler, or one without vectors, nothing is built, and NumPy
 * and SciPy do the work.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "task.h"

/* The most lanes that this processor works on side by side. */
static int most_lanes(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 4;
}

static int computed(const Task *task, int lanes)
{
#if defined(__x86_64__)
    if (lanes == 8) return spectra_by_8(task);
#endif
    (void)lanes;
    return spectra_by_4(task);
}

enum { PIXELS, TOPS, LEFTS, PLACES, TAPER_Y, TAPER_X, MEAN_Y, MEAN_X, WEIGHTS, OUT, N_BUFFERS };

/* Find the sizes in the buffers' lengths; tell which buffer does not fit the others, if one does not. */
static const char *sized(Task *task, const Py_buffer *b)
{
    const Py_ssize_t real = sizeof(float), integer = sizeof(int64_t);
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
    for (int i = 0; i < N_BUFFERS; i++)
        if ((uintptr_t)b[i].buf % (i == TOPS || i == LEFTS || i == PLACES ? sizeof(int64_t) : sizeof(float))) return "an address";
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
    Py_buffer b[N_BUFFERS];
    Task task = {0};
    int lanes, failed = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*ny*y*y*y*y*y*y*y*w*ippffi:spectra", &b[PIXELS], &task.n_x, &b[TOPS], &b[LEFTS],
                          &b[PLACES], &b[TAPER_Y], &b[TAPER_X], &b[MEAN_Y], &b[MEAN_X], &b[WEIGHTS], &b[OUT], &task.scaling,
                          &task.remove_mean, &task.unit_norm, &task.level, &task.rounding, &lanes))
        return NULL;
    const char *misfit = task.n_x < 1 ? "n_x" : lanes != 4 && lanes != most_lanes() ? "lanes" : sized(&task, b);
    if (misfit) PyErr_Format(PyExc_ValueError, "%s does not fit the other arguments", misfit);
    else {
        Py_BEGIN_ALLOW_THREADS
        failed = computed(&task, lanes);
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
    }
    for (int i = 0; i < N_BUFFERS; i++) PyBuffer_Release(&b[i]);
    if (misfit || failed) return NULL;
    Py_RETURN_NONE;
}

static int fit_computed(const FitTask *task, int lanes)
{
#if defined(__x86_64__)
    if (lanes == 8) return fit_by_8(task);
#endif
    (void)lanes;
    return fit_by_4(task);
}

enum { SPECTRA_IN, FACTORS, GRAM, FOUND, LEFT, ENERGIES, SUMS, N_FIT_BUFFERS };

/* As `sized`, for a fit. */
static const char *fit_sized(FitTask *task, const Py_buffer *b)
{
    const Py_ssize_t real = sizeof(float), exact = sizeof(double);
    task->n_factors = b[FACTORS].len / real / task->n_features;
    task->n_rows = b[ENERGIES].len / exact;
    if (task->n_factors < 1 || b[FACTORS].len != task->n_factors * task->n_features * real) return "factors";
    if (b[SPECTRA_IN].len != task->n_rows * task->n_features * real) return "spectra";
    if (b[GRAM].len != task->n_factors * task->n_factors * exact) return "gram";
    if (b[FOUND].len != task->n_rows * task->n_factors * exact) return "weights";
    if (b[LEFT].len != task->n_rows * exact) return "left";
    if (b[SUMS].len && b[SUMS].len != task->n_factors * task->n_features * exact) return "sums";
    for (int i = 0; i < N_FIT_BUFFERS; i++)
        if ((uintptr_t)b[i].buf % (i == SPECTRA_IN || i == FACTORS ? sizeof(float) : sizeof(double)))
            return "an address";
    task->spectra = b[SPECTRA_IN].buf, task->factors = b[FACTORS].buf, task->gram = b[GRAM].buf;
    task->weights = b[FOUND].buf, task->left = b[LEFT].buf, task->energies = b[ENERGIES].buf;
    task->sums = b[SUMS].len ? b[SUMS].buf : NULL;
    return NULL;
}

static PyObject *fit(PyObject *module, PyObject *arguments)
{
    Py_buffer b[N_FIT_BUFFERS];
    FitTask task = {0};
    int lanes, failed = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*ny*y*w*w*w*w*i:fit", &b[SPECTRA_IN], &task.n_features, &b[FACTORS], &b[GRAM], &b[FOUND],
                          &b[LEFT], &b[ENERGIES], &b[SUMS], &lanes))
        return NULL;
    const char *misfit =
        task.n_features < 1 ? "n_features" : lanes != 4 && lanes != most_lanes() ? "lanes" : fit_sized(&task, b);
    if (misfit) PyErr_Format(PyExc_ValueError, "%s does not fit the other arguments", misfit);
    else {
        Py_BEGIN_ALLOW_THREADS
        failed = fit_computed(&task, lanes);
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
    }
    for (int i = 0; i < N_FIT_BUFFERS; i++) PyBuffer_Release(&b[i]);
    if (misfit || failed) return NULL;
    Py_RETURN_NONE;
}

static int sweep_computed(const SweepTask *task, int lanes)
{
#if defined(__x86_64__)
    if (lanes == 8) return sweep_by_8(task);
#endif
    (void)lanes;
    return sweep_by_4(task);
}

enum { BASIS, COEFFICIENTS, LOADINGS, FACTORS_OUT, N_SWEEP_BUFFERS };

/* As `sized`, for sweeps. */
static const char *sweep_sized(SweepTask *task, const Py_buffer *b)
{
    const Py_ssize_t exact = sizeof(double);
    task->n_windows = b[BASIS].len / exact / task->rank;
    task->n_features = b[COEFFICIENTS].len / exact / task->rank;
    if (task->n_windows < 1 || b[BASIS].len != task->rank * task->n_windows * exact) return "basis";
    if (task->n_features < 1 || b[COEFFICIENTS].len != task->rank * task->n_features * exact) return "coefficients";
    task->n_factors = b[LOADINGS].len / exact / task->n_windows;
    if (task->n_factors < 1 || b[LOADINGS].len != task->n_factors * task->n_windows * exact) return "loadings";
    if (b[FACTORS_OUT].len != task->n_factors * task->n_features * exact) return "factors";
    for (int i = 0; i < N_SWEEP_BUFFERS; i++)
        if ((uintptr_t)b[i].buf % sizeof(double)) return "an address";
    task->basis = b[BASIS].buf, task->coefficients = b[COEFFICIENTS].buf;
    task->loadings = b[LOADINGS].buf, task->factors = b[FACTORS_OUT].buf;
    return NULL;
}

static PyObject *sweep(PyObject *module, PyObject *arguments)
{
    Py_buffer b[N_SWEEP_BUFFERS];
    SweepTask task = {0};
    int lanes, failed = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*y*nw*w*ni:sweep", &b[BASIS], &b[COEFFICIENTS], &task.rank, &b[LOADINGS], &b[FACTORS_OUT],
                          &task.n_iter, &lanes))
        return NULL;
    const char *misfit =
        task.rank < 1 ? "rank" : lanes != 4 && lanes != most_lanes() ? "lanes" : sweep_sized(&task, b);
    if (misfit) PyErr_Format(PyExc_ValueError, "%s does not fit the other arguments", misfit);
    else {
        Py_BEGIN_ALLOW_THREADS
        failed = sweep_computed(&task, lanes);
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
    }
    for (int i = 0; i < N_SWEEP_BUFFERS; i++) PyBuffer_Release(&b[i]);
    if (misfit || failed) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef METHODS[] = {
    {"spectra", spectra, METH_VARARGS, "Compute scaled spectra of windows; _kernel.pyi tells how it is called."},
    {"fit", fit, METH_VARARGS, "Weigh factors in spectra; _kernel.pyi tells how it is called."},
    {"sweep", sweep, METH_VARARGS, "Improve loadings and factors; _kernel.pyi tells how it is called."},
    {NULL, NULL, 0, NULL},
};

static int with_constants(PyObject *module) { return PyModule_AddIntConstant(module, "LANES", most_lanes()); }

static PyModuleDef_Slot SLOTS[] = {{Py_mod_exec, (void *)with_constants}, {0, NULL}};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_kernel", NULL, 0, METHODS, SLOTS, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&MODULE); }
