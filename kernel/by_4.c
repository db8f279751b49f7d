#define LANES 4
#define SPECTRA spectra_by_4
#include "lanes.h"
