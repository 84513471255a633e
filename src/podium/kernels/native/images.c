/* Batches of uint8 images N x H x W x 3: bilinear resampling by an affine map each, and normalization.

Resampling is that of torch's `grid_sample` (align_corners false, padding by the border), rounded to the nearest whole
number. A pixel's three values lie in one int beside each other meanwhile, so that its place is looked up once.
*/
#include <stdint.h>
#include "lanes.h"

typedef struct {
    int n, h, w;
    int threads;
} shape;

/* Ints of scratch that each thread needs: the image with one more row and column, and three rows. */
size_t podium_affine_scratch(const shape *s) { return (size_t)(s->h + 1) * (s->w + 1) + 3 * (size_t)s->w; }

static void packed(shape s, const uint8_t *x, int32_t *to)
{
    for (int i = 0; i <= s.h; i++, to += s.w + 1) {
        const uint8_t *from = x + (ptrdiff_t)(i < s.h ? i : s.h - 1) * s.w * 3;
        for (int j = 0; j < s.w; j++) to[j] = from[3 * j] | from[3 * j + 1] << 8 | from[3 * j + 2] << 16;
        to[s.w] = to[s.w - 1];
    }
}

/* From a place between -1 and 1 to one between 0 and side - 1. */
INLINE float within(float place, int side)
{
    float at = ((place + 1.f) * side - 1.f) * .5f, most = side - 1;
    at = at > 0.f ? at : 0.f;
    return at < most ? at : most;
}

INLINE int32_t value(int32_t p, int32_t q, int32_t r, int32_t s, const int shift, float right, float down)
{
    float upper = (p >> shift & 255) * (1.f - right) + (q >> shift & 255) * right;
    float lower = (r >> shift & 255) * (1.f - right) + (s >> shift & 255) * right;
    return (int32_t)__builtin_rintf(upper * (1.f - down) + lower * down);
}

/* map: from x and y of a result to x, from them to y, each as a factor of x, a factor of y, and what is added. */
static void resample(shape s, const int32_t *image, const float *map, int32_t *row, uint8_t *y)
{
    float *right = (float *)(row + s.w), *down = right + s.w;
    for (int i = 0; i < s.h; i++, y += (ptrdiff_t)s.w * 3) {
        float v = (2 * i + 1) / (float)s.h - 1, across = map[1] * v + map[2], along = map[4] * v + map[5];
        for (int j = 0; j < s.w; j++) {
            float u = (2 * j + 1) / (float)s.w - 1;
            float from = within(map[0] * u + across, s.w), under = within(map[3] * u + along, s.h);
            int column = (int)from, line = (int)under;
            right[j] = from - column, down[j] = under - line, row[j] = line * (s.w + 1) + column;
        }
        for (int j = 0; j < s.w; j++) {
            const int32_t *at = image + row[j], *next = at + s.w + 1;
            int32_t p = at[0], q = at[1], r = next[0], t = next[1];
            row[j] = value(p, q, r, t, 0, right[j], down[j]) | value(p, q, r, t, 8, right[j], down[j]) << 8
                   | value(p, q, r, t, 16, right[j], down[j]) << 16;
        }
        for (int j = 0; j < s.w; j++)
            y[3 * j] = (uint8_t)row[j], y[3 * j + 1] = (uint8_t)(row[j] >> 8), y[3 * j + 2] = (uint8_t)(row[j] >> 16);
    }
}

/* maps: N x 6; see `resample`. */
void podium_affine(const shape *given, const uint8_t *x, const float *maps, uint8_t *y, int32_t *scratch)
{
    shape s = *given;
    ptrdiff_t image = (ptrdiff_t)s.h * s.w * 3;
#pragma omp parallel for num_threads(s.threads) schedule(static, 1)
    for (int part = 0; part < s.threads; part++) {
        int first = (long)s.n * part / s.threads, last = (long)s.n * (part + 1) / s.threads;
        int32_t *padded = scratch + part * podium_affine_scratch(&s), *row = padded + (s.h + 1) * (s.w + 1);
        for (; first < last; first++) {
            packed(s, x + first * image, padded);
            resample(s, padded, maps + 6 * first, row, y + first * image);
        }
    }
}

/* y = scale x + bias; of each there are three. */
void podium_normalize(const shape *given, const uint8_t *x, const float *scale, const float *bias, float *y)
{
    shape s = *given;
    ptrdiff_t image = (ptrdiff_t)s.h * s.w;
#pragma omp parallel for num_threads(s.threads) schedule(static, 1)
    for (int part = 0; part < s.threads; part++) {
        ptrdiff_t at = image * ((long)s.n * part / s.threads), last = image * ((long)s.n * (part + 1) / s.threads);
        float by[3 * LANES], plus[3 * LANES];
        for (int l = 0; l < 3 * LANES; l++) by[l] = scale[l % 3], plus[l] = bias[l % 3];
        for (; at + LANES <= last; at += LANES)
            for (int l = 0; l < 3 * LANES; l++) y[3 * at + l] = x[3 * at + l] * by[l] + plus[l];
        for (at *= 3; at < 3 * last; at++) y[at] = x[at] * scale[at % 3] + bias[at % 3];
    }
}
