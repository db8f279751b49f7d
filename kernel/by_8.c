/* Called on processors that have AVX2 only. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define LANES 8
#define SPECTRA spectra_by_8
#define FIT fit_by_8
#define SWEEP sweep_by_8
#define NEAREST nearest_by_8
#define SETTLE settle_by_8
#include "vectors.h"
#include "spectra.h"
#include "fit.h"
#include "sweep.h"
#include "nearest.h"
#include "settle.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
