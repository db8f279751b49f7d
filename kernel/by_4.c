#define LANES 4
#define SPECTRA spectra_by_4
#define FIT fit_by_4
#define SWEEP sweep_by_4
#define NEAREST nearest_by_4
#define SETTLE settle_by_4
#include "vectors.h"
#include "spectra.h"
#include "fit.h"
#include "sweep.h"
#include "nearest.h"
#include "settle.h"
