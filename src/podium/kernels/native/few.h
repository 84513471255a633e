/* Rows of results of 3x3 convolutions of few channels, and gradients from them: see few.c. */
#pragma once
#include "gemm.h"

typedef struct {
    int n, h, w, c, k;
    int pad; /* zeros around the image: 0 or 1 */
    int threads;
    int before, after, pool; /* of `norm_shape` */
} shape;

#define TAKEN 128 /* about so many places at once: the gradients there stay in a first-level cache */

INLINE int height_of(shape s) { return s.h + 2 * s.pad - 2; }
INLINE int width_of_result(shape s) { return s.w + 2 * s.pad - 2; }
INLINE ptrdiff_t across_of(shape s) { return (ptrdiff_t)(s.w + 2 * s.pad) * s.c; }
INLINE int rows_of(shape s) { return 2 * (TAKEN / 2 / width_of_result(s) + 1); } /* at once; even, for pooling */

/* Results of some places of a row and `vectors` vectors of channels; x is at the first of them. */
INLINE void forth(const int places, const int vectors, const int c, const float *x, ptrdiff_t across, const float *w,
                  const float *bias, float *y, int k)
{
    vec sum[ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < places; i++)
        sum[i][0] = *(const vec *)bias, sum[i][1] = vectors > 1 ? *(const vec *)(bias + LANES) : sum[i][0];
    for (int a = 0; a < 3; a++, x += across)
#pragma GCC unroll 1 /* more, and a compiler keeps values that places share, for which there are no registers */
        for (int l = 0; l < 3 * c; l++, w += vectors * LANES) {
            vec left = *(const vec *)w, right = vectors > 1 ? *(const vec *)(w + LANES) : left;
#pragma GCC unroll 16
            for (int i = 0; i < places; i++) {
                float s = x[i * c + l];
                sum[i][0] += s * left;
                if (vectors > 1) sum[i][1] += s * right;
            }
        }
#pragma GCC unroll 16
    for (int i = 0; i < places; i++)
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) *(vec *)(y + (ptrdiff_t)i * k + j * LANES) = sum[i][j];
}

/* Adds to the gradients of `taps` weights, from `from` on, of `vectors` vectors of channels. */
INLINE void back_to(const int taps, const int vectors, int from, shape s, const float *x, int rows, const float *dy,
                    float *dw)
{
    int width = width_of_result(s);
    ptrdiff_t across = across_of(s);
    const float *at[ROWS];
    vec sum[ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < taps; i++) {
        at[i] = x + (from + i) / (3 * s.c) * across + (from + i) % (3 * s.c);
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) sum[i][j] = *(const vec *)(dw + (ptrdiff_t)i * s.k + j * LANES);
    }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < width; j++, dy += s.k) {
            vec left = *(const vec *)dy, right = vectors > 1 ? *(const vec *)(dy + LANES) : left;
#pragma GCC unroll 16
            for (int i = 0; i < taps; i++) {
                float v = at[i][r * across + j * s.c];
                sum[i][0] += v * left;
                if (vectors > 1) sum[i][1] += v * right;
            }
        }
#pragma GCC unroll 16
    for (int i = 0; i < taps; i++)
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) *(vec *)(dw + (ptrdiff_t)i * s.k + j * LANES) = sum[i][j];
}

#if ROWS > 6
#define REST(SOME) SOME(1) SOME(2) SOME(3) SOME(4) SOME(5) SOME(6) SOME(7) SOME(8) SOME(9) SOME(10) SOME(11)
#else
#define REST(SOME) SOME(1) SOME(2) SOME(3) SOME(4) SOME(5)
#endif

INLINE void row_forth(const int vectors, const int c, const float *x, ptrdiff_t across, int width, const float *w,
                      const float *bias, float *y, int k)
{
    for (; width >= ROWS; width -= ROWS, x += ROWS * c, y += ROWS * k)
        forth(ROWS, vectors, c, x, across, w, bias, y, k);
#define SOME(some) case some: forth(some, vectors, c, x, across, w, bias, y, k); break;
    switch (width) { REST(SOME) }
#undef SOME
}

INLINE void rows_back(const int vectors, shape s, const float *x, int rows, const float *dy, float *dw)
{
    int tap = 0, taps = 9 * s.c;
    for (; tap + ROWS <= taps; tap += ROWS) back_to(ROWS, vectors, tap, s, x, rows, dy, dw + (ptrdiff_t)tap * s.k);
#define SOME(some) case some: back_to(some, vectors, tap, s, x, rows, dy, dw + (ptrdiff_t)tap * s.k); break;
    switch (taps - tap) { REST(SOME) }
#undef SOME
    float *db = dw + (ptrdiff_t)taps * s.k;
    vec left = *(const vec *)db, right = vectors > 1 ? *(const vec *)(db + LANES) : left;
    for (int i = 0; i < rows * width_of_result(s); i++, dy += s.k) {
        left += *(const vec *)dy;
        if (vectors > 1) right += *(const vec *)(dy + LANES);
    }
    *(vec *)db = left;
    if (vectors > 1) *(vec *)(db + LANES) = right;
}

/* A row of results; w is packed as `product` has it, then comes the bias. */
static void row_of_results(shape s, const float *x, const float *w, float *y)
{
    ptrdiff_t across = across_of(s);
    int width = width_of_result(s);
    const float *bias = w + 9 * s.c * s.k;
#define ROW(vectors, few) row_forth(vectors, few, x, across, width, w + 9 * s.c * j, bias + j, y + j, s.k)
    for (int j = 0; j < s.k; j += 2 * LANES)
        if (width_of(j, s.k) > LANES) {
            if (s.c == 3) ROW(2, 3);
            else ROW(2, s.c);
        } else ROW(1, s.c);
#undef ROW
}

/* Adds to the gradients dw, (9 C + 1) x K with that of the bias at last, from those at some rows of results. */
static void from_rows(shape s, const float *x, int rows, const float *dy, float *dw)
{
    for (int j = 0; j < s.k; j += 2 * LANES)
        if (width_of(j, s.k) > LANES) rows_back(2, s, x, rows, dy + j, dw + j);
        else rows_back(1, s, x, rows, dy + j, dw + j);
}
