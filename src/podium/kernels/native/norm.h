/* ReLU, BatchNorm, ReLU again or GELU, and max pooling by 2x2, in one pass over the images, and the gradients in two.

    z = a f(x) + b,  a = weight / sqrt(variance + eps),  b = bias - mean a;  y = max of 2x2 of g(z)

where f is ReLU or nothing, g ReLU, GELU or nothing, and pooling is left out where not wanted. For the gradients x is
kept, and f(x) at the maxima, so that their sums need not read all of x; which of the four it was is found again. Images
are N x H x W x C, C a multiple of LANES; rows are divided among `threads` in a fixed way, so that the same number of
threads gives the same bits.
*/
#pragma once
#include "gelu.h"

typedef struct {
    int n, h, w, c;
    int before; /* a ReLU: 0 or 1 */
    int after;  /* nothing, a ReLU, or (without pooling) GELU */
    int pool;   /* 0 or 1 */
    int threads;
} norm_shape;

INLINE vec masked(ints mask, vec x) { return (vec)(mask & (ints)x); }
INLINE vec either(ints mask, vec x, vec y) { return (vec)((mask & (ints)x) | (~mask & (ints)y)); }
INLINE vec relu(vec x) { return masked(~(ints)(x < 0.f), x); } /* not x > 0: NaN stays NaN */
INLINE vec activated(const int after, vec z)
{
    if (after == 2) return gelu(z);
    if (after == 1) return relu(z);
    return z;
}

/* The gradient g at what `activated` gives, at z. */
INLINE vec through(const int after, vec z, vec g)
{
    if (after == 2) return g * gelu_slope(z);
    if (after == 1) return masked((ints)(z > 0.f), g);
    return g;
}

INLINE vec input(const int before, const float *x) { return before ? relu(*(const vec *)x) : *(const vec *)x; }

/* What a thread does with its lines of images: one row, or two of them for pooling. */
typedef struct {
    norm_shape s;
    const float *x, *a, *b, *mean, *c0, *c1, *dy, *kept;
    float *y, *maxima;
    double *sums;
} task;

/* The greatest of what is pooled: f(x) there, z there, and its place. */
INLINE void greatest(const int before, const int pool, const float *x, ptrdiff_t right, ptrdiff_t down, vec a, vec b,
                     vec *f, vec *z, ints *place)
{
    *f = input(before, x), *z = a * *f + b, *place = (ints){0};
    if (!pool) return;
#pragma GCC unroll 3
    for (int i = 1; i < 4; i++) {
        vec other = input(before, x + (i & 1) * right + (i >> 1) * down), value = a * other + b;
        ints more = (value > *z) | (value != value); /* NaN is the greatest, as in torch */
        *z = either(more, value, *z), *f = either(more, other, *f), *place = (more & i) | (~more & *place);
    }
}

static void add_up(norm_shape s, double *sums)
{
    for (int part = 1; part < s.threads; part++)
        for (int l = 0; l < 2 * s.c; l++) sums[l] += sums[(ptrdiff_t)part * 2 * s.c + l];
}

INLINE void moments(const int before, const int after, const int pool, task t, int part, long from, long to)
{
    (void)after, (void)pool;
    double *one = t.sums + (ptrdiff_t)part * 2 * t.s.c, *two = one + t.s.c;
    for (long line = from; line < to; line++) {
        const float *row = t.x + line * t.s.w * t.s.c;
        for (int l = 0; l < t.s.c; l += LANES) {
            vec sum = {0}, squares = {0}, less = *(const vec *)(t.mean + l);
            for (int j = 0; j < t.s.w; j++) {
                vec d = input(before, row + (ptrdiff_t)j * t.s.c + l) - less;
                sum += d, squares += d * d;
            }
            for (int i = 0; i < LANES; i++) one[l + i] += sum[i], two[l + i] += squares[i];
        }
    }
}

INLINE void sums(const int before, const int after, const int pool, task t, int part, long from, long to)
{
    int width = pool ? t.s.w / 2 : t.s.w;
    double *one = t.sums + (ptrdiff_t)part * 2 * t.s.c, *two = one + t.s.c;
    for (long line = from; line < to; line++)
        for (int l = 0; l < t.s.c; l += LANES) {
            vec sum = {0}, products = {0}, a = *(const vec *)(t.a + l), b = *(const vec *)(t.b + l);
            vec less = *(const vec *)(t.mean + l);
            for (int j = 0; j < width; j++) {
                ptrdiff_t at = (line * width + j) * t.s.c + l;
                vec f = pool ? *(const vec *)(t.kept + at) : input(before, t.x + at), g = *(const vec *)(t.dy + at);
                g = through(after, a * f + b, g);
                sum += g, products += g * (f - less);
            }
            for (int i = 0; i < LANES; i++) one[l + i] += sum[i], two[l + i] += products[i];
        }
}

INLINE void back(const int before, const int after, const int pool, task t, int part, long from, long to)
{
    (void)part;
    ptrdiff_t down = (ptrdiff_t)t.s.w * t.s.c;
    int by = pool ? 2 : 1, width = t.s.w / by;
    for (long line = from; line < to; line++)
        for (int j = 0; j < width; j++)
            for (int l = 0; l < t.s.c; l += LANES) {
                vec a = *(const vec *)(t.a + l), base = *(const vec *)(t.c0 + l), slope = *(const vec *)(t.c1 + l);
                vec f, z;
                ptrdiff_t at = line * by * down + (ptrdiff_t)by * j * t.s.c + l;
                ints place;
                greatest(before, pool, t.x + at, t.s.c, down, a, *(const vec *)(t.b + l), &f, &z, &place);
                vec g = *(const vec *)(t.dy + (line * width + j) * t.s.c + l) * a;
                g = through(after, z, g);
#pragma GCC unroll 4
                for (int i = 0; i < by * by; i++) {
                    ptrdiff_t here = at + (i & 1) * t.s.c + (i >> 1) * down;
                    vec value = input(before, t.x + here), grad = base + slope * value + masked((ints)(place == i), g);
                    *(vec *)(t.y + here) = before ? masked((ints)(value > 0.f), grad) : grad;
                }
            }
}

/* Each of these is compiled for every choice of (before, after, pool), and the choice made once for all lines. */
#define CHOICE(name, before, after, pool) \
    case before + 2 * pool + 4 * after: name(before, after, pool, t, part, from, to); break;
#define CHOOSE(name) \
    static void choose_##name(task t, int part, long from, long to) \
    { \
        switch (t.s.before + 2 * t.s.pool + 4 * t.s.after) { \
            CHOICE(name, 0, 0, 0) CHOICE(name, 1, 0, 0) CHOICE(name, 0, 1, 0) CHOICE(name, 1, 1, 0) \
            CHOICE(name, 0, 0, 1) CHOICE(name, 1, 0, 1) CHOICE(name, 0, 1, 1) CHOICE(name, 1, 1, 1) \
            CHOICE(name, 0, 2, 0) CHOICE(name, 1, 2, 0) \
        } \
    }
CHOOSE(moments)
CHOOSE(sums)
CHOOSE(back)

/* Lines divided among threads. */
#define RUN(name, t) \
    { \
        long lines = (long)(t).s.n * ((t).s.pool ? (t).s.h / 2 : (t).s.h); \
        _Pragma("omp parallel for num_threads((t).s.threads) schedule(static, 1)") \
        for (int part = 0; part < (t).s.threads; part++) \
            choose_##name(t, part, lines * part / (t).s.threads, lines * (part + 1) / (t).s.threads); \
    }

/* From the sums of `moments`: statistics, and [a, b, mean, 1 / sqrt(variance + eps)] x C in found; the running ones
follow as in torch. */
static void settle(norm_shape s, const float *weight, const float *bias, float *running_mean, float *running_variance,
                   const double *eps_and_momentum, float *found, double *sums)
{
    double count = (double)s.n * s.h * s.w, momentum = eps_and_momentum[1];
    add_up(s, sums);
    for (int l = 0; l < s.c; l++) {
        double shift = sums[l] / count, variance = sums[s.c + l] / count - shift * shift;
        double mean = running_mean[l] + shift;
        if (variance < 0) variance = 0;
        double inverse = 1 / __builtin_sqrt(variance + eps_and_momentum[0]), a = weight[l] * inverse;
        found[l] = a, found[s.c + l] = bias[l] - mean * a, found[2 * s.c + l] = mean, found[3 * s.c + l] = inverse;
        running_mean[l] += momentum * (mean - running_mean[l]);
        running_variance[l] += momentum * (variance * (count / (count - 1)) - running_variance[l]);
    }
}

/* A task for `back`. found is from `settle`, kept is f(x) at the maxima where there is pooling, sum has room for
threads x 2 x C; grads gets the gradients of weight and bias, and has room for 4 x C. With g the gradient at z,

    dx = a (g - mean of g - (f(x) - mean) / (variance + eps) * mean of g (f(x) - mean)), and 0 where f gave 0. */
static task gradients(norm_shape s, const float *x, const float *found, const float *kept, const float *dy, float *dx,
                      float *grads, double *sum)
{
    const float *mean = found + 2 * s.c, *inverse = found + 3 * s.c;
    float *base = grads + 2 * s.c, *slope = grads + 3 * s.c;
    task t = {.s = s, .x = x, .a = found, .b = found + s.c, .mean = mean, .c0 = base, .c1 = slope, .dy = dy,
              .kept = kept, .y = dx, .sums = sum};
    double count = (double)s.n * s.h * s.w;
    memset(sum, 0, sizeof(double) * 2 * s.c * s.threads);
    RUN(sums, t)
    add_up(s, sum);
    for (int l = 0; l < s.c; l++) {
        double one = sum[l], two = sum[s.c + l], by = -(double)found[l] * inverse[l] * inverse[l] * two / count;
        grads[l] = two * inverse[l], grads[s.c + l] = one;
        slope[l] = by, base[l] = -found[l] * one / count - by * mean[l];
    }
    return t;
}
