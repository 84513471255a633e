/* Matrix products of the small sizes that Winograd's convolutions need.

A block of ROWS x 2 vectors of the product stays in registers (Goto & van de Geijn 2008, "Anatomy of high-performance
matrix multiplication").
*/
#include "lanes.h"

#if LANES == 16 && defined(__AVX512F__)
#define ROWS 12
#else
#define ROWS 6
#endif

/* Columns of a packed matrix that lie together from column j of n on: 2 * LANES, or the last LANES. */
INLINE int width_of(int j, int n) { return j + 2 * LANES <= n ? 2 * LANES : LANES; }

/* c[i][j] (+)= sum over k of a[i * am + k * ak] * b[k * bk + j], for `rows` rows and `vectors` vectors of columns. */
INLINE void block(const int rows, const int vectors, const int add, int depth, const float *a, ptrdiff_t am,
                  ptrdiff_t ak, const float *b, ptrdiff_t bk, float *c, ptrdiff_t cm)
{
    vec sum[ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        sum[i][0] = sum[i][1] = (vec){0};
        for (int j = 0; j < vectors; j++) __builtin_prefetch(c + i * cm + j * LANES, 1); /* rows lie too far apart */
    }
    for (int k = 0; k < depth; k++) {
        vec left = *(const vec *)b, right = vectors > 1 ? *(const vec *)(b + LANES) : left;
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            float s = a[i * am];
            sum[i][0] += s * left;
            if (vectors > 1) sum[i][1] += s * right;
        }
        a += ak;
        b += bk;
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) {
            vec *to = (vec *)(c + i * cm + j * LANES);
            if (add) sum[i][j] += *to;
            *to = sum[i][j];
        }
}

#define SOME_ROWS(rows) \
    case rows: block(rows, vectors, add, depth, a, am, ak, b, bk, c, cm); break;

INLINE void panel(const int vectors, const int add, int m, int depth, const float *a, ptrdiff_t am, ptrdiff_t ak,
                  const float *b, ptrdiff_t bk, float *c, ptrdiff_t cm)
{
    for (; m >= ROWS; m -= ROWS, a += ROWS * am, c += ROWS * cm)
        block(ROWS, vectors, add, depth, a, am, ak, b, bk, c, cm);
    switch (m) {
        SOME_ROWS(1) SOME_ROWS(2) SOME_ROWS(3) SOME_ROWS(4) SOME_ROWS(5)
#if ROWS > 6
        SOME_ROWS(6) SOME_ROWS(7) SOME_ROWS(8) SOME_ROWS(9) SOME_ROWS(10) SOME_ROWS(11)
#endif
    }
}

/* c = a b: a is m x depth, c is m x n, both with rows that far apart; b is packed: panels of 2 * LANES columns (the
last one may have LANES), each depth x its width. */
static inline void product(int m, int n, int depth, const float *a, ptrdiff_t lda, const float *b, float *c,
                           ptrdiff_t ldc)
{
    for (int j = 0; j < n; j += 2 * LANES) {
        const float *at = b + (ptrdiff_t)j * depth;
        if (width_of(j, n) > LANES) panel(2, 0, m, depth, a, lda, 1, at, 2 * LANES, c + j, ldc);
        else panel(1, 0, m, depth, a, lda, 1, at, LANES, c + j, ldc);
    }
}

/* c (+)= a^T b: a is depth x m, b is depth x n, with rows that far apart; c is m x n. */
static inline void product_transposed(int add, int m, int n, int depth, const float *a, ptrdiff_t lda, const float *b,
                                      ptrdiff_t ldb, float *c)
{
    for (int j = 0; j < n; j += 2 * LANES)
        if (width_of(j, n) > LANES) panel(2, add, m, depth, a, 1, lda, b + j, ldb, c + j, n);
        else panel(1, add, m, depth, a, 1, lda, b + j, ldb, c + j, n);
}
