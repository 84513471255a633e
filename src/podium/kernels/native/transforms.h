/* Products with the matrices of toom_cook.py, and their transposes, for vectors of channels. "matrices.h" is made by it.

Rows of a matrix belong to points: 0, then pairs of p and -p, then infinity where POINTS is even. As the rows of a pair
differ by the signs of odd columns alone, half of their multiplications suffice. All loops are unrolled, and zeros of
the matrices cost nothing.
*/
#include "gemm.h"
#include "matrices.h"

#define POINTS (TILE + 2)
#define PLACES (POINTS * POINTS)

/* sum += f * d, where f is known to the compiler; the first term starts the sum. */
#define ADD(sum, some, f, d) do if ((f) != 0) sum = some ? sum + (f) * (d) : (f) * (d), some = 1; while (0)

/* t = M d */
INLINE void apply(const int columns, const float *m, const vec *d, vec *t)
{
#pragma GCC unroll 16
    for (int i = 0; i < POINTS; i++) {
        int pair = i % 2 && i <= 2 * PAIRS, some = 0, others = 0;
        if (i && !pair && i <= 2 * PAIRS) continue;
        vec sum = {0}, odd = {0};
#pragma GCC unroll 16
        for (int j = 0; j < columns; j++) {
            if (pair && j % 2) ADD(odd, others, m[i * columns + j], d[j]);
            else ADD(sum, some, m[i * columns + j], d[j]);
        }
        t[i] = sum;
        if (pair) t[i] = sum + odd, t[i + 1] = sum - odd;
    }
}

/* t = M^T d */
INLINE void apply_transposed(const int columns, const float *m, const vec *d, vec *t)
{
    vec sum[PAIRS], difference[PAIRS];
#pragma GCC unroll 8
    for (int i = 0; i < PAIRS; i++) {
        sum[i] = d[2 * i + 1] + d[2 * i + 2];
        difference[i] = d[2 * i + 1] - d[2 * i + 2];
    }
#pragma GCC unroll 16
    for (int j = 0; j < columns; j++) {
        int some = 0;
        vec r = {0};
        ADD(r, some, m[j], d[0]);
#pragma GCC unroll 8
        for (int i = 0; i < PAIRS; i++) ADD(r, some, m[(2 * i + 1) * columns + j], j % 2 ? difference[i] : sum[i]);
        if (POINTS % 2 == 0) ADD(r, some, m[(POINTS - 1) * columns + j], d[POINTS - 1]);
        t[j] = r;
    }
}

INLINE void to_input(const vec *d, vec *t) { apply(POINTS, INPUTS[0], d, t); }
INLINE void from_input(const vec *d, vec *t) { apply_transposed(POINTS, INPUTS[0], d, t); }
INLINE void to_output(const vec *d, vec *t) { apply_transposed(TILE, RESULTS[0], d, t); }
INLINE void from_output(const vec *d, vec *t) { apply(TILE, RESULTS[0], d, t); }
INLINE void to_weights(const vec *d, vec *t) { apply(3, WEIGHTS[0], d, t); }
INLINE void from_weights(const vec *d, vec *t) { apply_transposed(3, WEIGHTS[0], d, t); }
