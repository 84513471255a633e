/* Tiles of images, transformed. See winograd.c. */
#include "transforms.h"

#define APART 16 /* floats between rows and between places, lest powers of two fall on the same lines of a cache */

typedef struct {
    int n, h, w, c, k;
    int pad;     /* zeros around the image: 0 or 1 */
    int chunk;   /* images transformed at once */
    int threads;
    int slices;  /* in which weights are transformed, anew for each round where there is more than one */
} shape;

static const float zeros[LANES];

INLINE int out(int side, int pad) { return side + 2 * pad - 2; }
INLINE int tiles(int side, int pad) { return (out(side, pad) + TILE - 1) / TILE; }

/* A tile of an image to place after place of v. */
static void input_tile(shape s, const float *x, int i, int j, float *v, ptrdiff_t step)
{
    const float *at[POINTS][POINTS];
    for (int a = 0; a < POINTS; a++)
        for (int b = 0; b < POINTS; b++) {
            int row = TILE * i + a - s.pad, column = TILE * j + b - s.pad;
            int inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
            at[a][b] = inside ? x + ((ptrdiff_t)row * s.w + column) * s.c : NULL;
        }
    for (int l = 0; l < s.c; l += LANES) {
        vec t[POINTS][POINTS], d[POINTS], r[POINTS];
        for (int b = 0; b < POINTS; b++) {
            for (int a = 0; a < POINTS; a++) d[a] = *(const vec *)(at[a][b] ? at[a][b] + l : zeros);
            to_input(d, r);
            for (int a = 0; a < POINTS; a++) t[a][b] = r[a];
        }
        for (int a = 0; a < POINTS; a++) {
            to_input(t[a], r);
            for (int b = 0; b < POINTS; b++) *(vec *)(v + (POINTS * a + b) * step + l) = r[b];
        }
    }
}

/* The gradient of `input_tile`, added to dx. */
static void input_back(shape s, const float *v, ptrdiff_t step, int i, int j, float *dx)
{
    for (int l = 0; l < s.c; l += LANES) {
        vec t[POINTS][POINTS], d[POINTS], r[POINTS];
        for (int b = 0; b < POINTS; b++) {
            for (int a = 0; a < POINTS; a++) d[a] = *(const vec *)(v + (POINTS * a + b) * step + l);
            from_input(d, r);
            for (int a = 0; a < POINTS; a++) t[a][b] = r[a];
        }
        for (int a = 0; a < POINTS; a++) {
            int row = TILE * i + a - s.pad;
            if (row < 0 || row >= s.h) continue;
            from_input(t[a], r);
            for (int b = 0; b < POINTS; b++) {
                int column = TILE * j + b - s.pad;
                if (column >= 0 && column < s.w) *(vec *)(dx + ((ptrdiff_t)row * s.w + column) * s.c + l) += r[b];
            }
        }
    }
}

/* Place after place of m to a tile of results. */
static void output_tile(shape s, const float *m, ptrdiff_t step, int i, int j, const float *bias, float *y)
{
    int height = out(s.h, s.pad), width = out(s.w, s.pad);
    for (int l = 0; l < s.k; l += LANES) {
        vec t[TILE][POINTS], d[POINTS], r[TILE], add = bias ? *(const vec *)(bias + l) : (vec){0};
        for (int b = 0; b < POINTS; b++) {
            for (int a = 0; a < POINTS; a++) d[a] = *(const vec *)(m + (POINTS * a + b) * step + l);
            to_output(d, r);
            for (int a = 0; a < TILE; a++) t[a][b] = r[a];
        }
        for (int a = 0; a < TILE && TILE * i + a < height; a++) {
            to_output(t[a], r);
            for (int b = 0; b < TILE && TILE * j + b < width; b++)
                *(vec *)(y + ((ptrdiff_t)(TILE * i + a) * width + TILE * j + b) * s.k + l) = r[b] + add;
        }
    }
}

/* The gradient of `output_tile`; results are added to sums, which may be null. */
static void output_back(shape s, const float *dy, int i, int j, float *m, ptrdiff_t step, float *sums)
{
    int height = out(s.h, s.pad), width = out(s.w, s.pad);
    for (int l = 0; l < s.k; l += LANES) {
        vec t[POINTS][TILE], d[TILE], r[POINTS], sum = {0};
        for (int b = 0; b < TILE; b++) {
            for (int a = 0; a < TILE; a++) {
                int row = TILE * i + a, column = TILE * j + b, inside = row < height && column < width;
                d[a] = *(const vec *)(inside ? dy + ((ptrdiff_t)row * width + column) * s.k + l : zeros);
                sum += d[a];
            }
            from_output(d, r);
            for (int a = 0; a < POINTS; a++) t[a][b] = r[a];
        }
        if (sums) *(vec *)(sums + l) += sum;
        for (int a = 0; a < POINTS; a++) {
            from_output(t[a], r);
            for (int b = 0; b < POINTS; b++) *(vec *)(m + (POINTS * a + b) * step + l) = r[b];
        }
    }
}
