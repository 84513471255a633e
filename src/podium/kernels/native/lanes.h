/* Vectors of LANES floats: 8 (AVX2; also two NEON registers) or 16 (AVX-512). */
#pragma once
#include <stddef.h>
#include <string.h>

#ifndef LANES
#define LANES 8
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
