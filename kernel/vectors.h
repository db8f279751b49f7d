/* Vectors of LANES numbers, on which the work of the kernel is done: included once for each kind of them. */
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

typedef float Vec __attribute__((vector_size(LANES * sizeof(float))));
/* The same, wherever it begins. */
typedef float Loose __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

/* As many bytes of float64, and what comparing these gives. */
typedef double Exact __attribute__((vector_size(LANES * sizeof(float))));
typedef int64_t Mask __attribute__((vector_size(LANES * sizeof(float))));
