/* The transforms of F(4x4, 3x3), and of tiles of images with them. See winograd.c. */
#include "gemm.h"

#define PLACES 36
#define APART 16 /* floats between rows and between places, lest powers of two fall on the same lines of a cache */

typedef struct {
    int n, h, w, c, k;
    int pad;     /* zeros around the image: 0 or 1 */
    int chunk;   /* images transformed at once */
    int threads;
} shape;

static const float zeros[LANES];

INLINE int out(int side, int pad) { return side + 2 * pad - 2; }
INLINE int tiles(int side, int pad) { return (out(side, pad) + 3) / 4; }

/* B^T d */
INLINE void to_input(const vec d[6], vec t[6])
{
    vec p = d[4] - 4.f * d[2], q = d[3] - 4.f * d[1], r = d[4] - d[2], s = 2.f * (d[3] - d[1]);
    t[0] = 4.f * d[0] - 5.f * d[2] + d[4];
    t[1] = p + q, t[2] = p - q, t[3] = r + s, t[4] = r - s;
    t[5] = 4.f * d[1] - 5.f * d[3] + d[5];
}

/* B d */
INLINE void from_input(const vec d[6], vec t[6])
{
    vec p = d[1] - d[2], q = d[3] - d[4], r = d[1] + d[2], s = d[3] + d[4];
    t[0] = 4.f * d[0], t[1] = 4.f * (d[5] - p) - 2.f * q, t[2] = -5.f * d[0] - 4.f * r - s;
    t[3] = p + 2.f * q - 5.f * d[5], t[4] = d[0] + r + s, t[5] = d[5];
}

/* A^T d */
INLINE void to_output(const vec d[6], vec t[4])
{
    vec p = d[1] + d[2], q = d[1] - d[2], r = d[3] + d[4], s = d[3] - d[4];
    t[0] = d[0] + p + r, t[1] = q + 2.f * s, t[2] = p + 4.f * r, t[3] = q + 8.f * s + d[5];
}

/* A d */
INLINE void from_output(const vec d[4], vec t[6])
{
    vec p = d[0] + d[2], q = d[1] + d[3], r = d[0] + 4.f * d[2], s = 2.f * d[1] + 8.f * d[3];
    t[0] = d[0], t[1] = p + q, t[2] = p - q, t[3] = r + s, t[4] = r - s, t[5] = d[3];
}

/* G d */
INLINE void to_weights(const vec d[3], vec t[6])
{
    vec p = (d[0] + d[2]) * (1 / 6.f), q = d[1] * (1 / 6.f);
    vec r = d[0] * (1 / 24.f) + d[2] * (1 / 6.f), s = d[1] * (1 / 12.f);
    t[0] = d[0] * .25f, t[1] = -p - q, t[2] = q - p, t[3] = r + s, t[4] = r - s, t[5] = d[2];
}

/* G^T d */
INLINE void from_weights(const vec d[6], vec t[3])
{
    vec p = (d[1] + d[2]) * (1 / 6.f), r = d[3] + d[4], s = d[3] - d[4];
    t[0] = .25f * d[0] - p + r * (1 / 24.f);
    t[1] = (d[2] - d[1]) * (1 / 6.f) + s * (1 / 12.f);
    t[2] = r * (1 / 6.f) - p + d[5];
}

/* A 6x6 tile of an image to place after place of v. */
static void input_tile(shape s, const float *x, int i, int j, float *v, ptrdiff_t step)
{
    const float *at[6][6];
    for (int a = 0; a < 6; a++)
        for (int b = 0; b < 6; b++) {
            int row = 4 * i + a - s.pad, column = 4 * j + b - s.pad;
            int inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
            at[a][b] = inside ? x + ((ptrdiff_t)row * s.w + column) * s.c : NULL;
        }
    for (int l = 0; l < s.c; l += LANES) {
        vec t[6][6], d[6], r[6];
        for (int b = 0; b < 6; b++) {
            for (int a = 0; a < 6; a++) d[a] = *(const vec *)(at[a][b] ? at[a][b] + l : zeros);
            to_input(d, r);
            for (int a = 0; a < 6; a++) t[a][b] = r[a];
        }
        for (int a = 0; a < 6; a++) {
            to_input(t[a], r);
            for (int b = 0; b < 6; b++) *(vec *)(v + (6 * a + b) * step + l) = r[b];
        }
    }
}

/* The gradient of `input_tile`, added to dx. */
static void input_back(shape s, const float *v, ptrdiff_t step, int i, int j, float *dx)
{
    for (int l = 0; l < s.c; l += LANES) {
        vec t[6][6], d[6], r[6];
        for (int b = 0; b < 6; b++) {
            for (int a = 0; a < 6; a++) d[a] = *(const vec *)(v + (6 * a + b) * step + l);
            from_input(d, r);
            for (int a = 0; a < 6; a++) t[a][b] = r[a];
        }
        for (int a = 0; a < 6; a++) {
            int row = 4 * i + a - s.pad;
            if (row < 0 || row >= s.h) continue;
            from_input(t[a], r);
            for (int b = 0; b < 6; b++) {
                int column = 4 * j + b - s.pad;
                if (column >= 0 && column < s.w) *(vec *)(dx + ((ptrdiff_t)row * s.w + column) * s.c + l) += r[b];
            }
        }
    }
}

/* Place after place of m to a tile of at most 4x4 results. */
static void output_tile(shape s, const float *m, ptrdiff_t step, int i, int j, const float *bias, float *y)
{
    int height = out(s.h, s.pad), width = out(s.w, s.pad);
    for (int l = 0; l < s.k; l += LANES) {
        vec t[4][6], d[6], r[4], add = bias ? *(const vec *)(bias + l) : (vec){0};
        for (int b = 0; b < 6; b++) {
            for (int a = 0; a < 6; a++) d[a] = *(const vec *)(m + (6 * a + b) * step + l);
            to_output(d, r);
            for (int a = 0; a < 4; a++) t[a][b] = r[a];
        }
        for (int a = 0; a < 4 && 4 * i + a < height; a++) {
            to_output(t[a], r);
            for (int b = 0; b < 4 && 4 * j + b < width; b++)
                *(vec *)(y + ((ptrdiff_t)(4 * i + a) * width + 4 * j + b) * s.k + l) = r[b] + add;
        }
    }
}

/* The gradient of `output_tile`. */
static void output_back(shape s, const float *dy, int i, int j, float *m, ptrdiff_t step)
{
    int height = out(s.h, s.pad), width = out(s.w, s.pad);
    for (int l = 0; l < s.k; l += LANES) {
        vec t[6][4], d[4], r[6];
        for (int b = 0; b < 4; b++) {
            for (int a = 0; a < 4; a++) {
                int row = 4 * i + a, column = 4 * j + b, inside = row < height && column < width;
                d[a] = *(const vec *)(inside ? dy + ((ptrdiff_t)row * width + column) * s.k + l : zeros);
            }
            from_output(d, r);
            for (int a = 0; a < 6; a++) t[a][b] = r[a];
        }
        for (int a = 0; a < 6; a++) {
            from_output(t[a], r);
            for (int b = 0; b < 6; b++) *(vec *)(m + (6 * a + b) * step + l) = r[b];
        }
    }
}
