/* ReLU, BatchNorm, ReLU or GELU, and pooling together: see norm.h. */
#include "norm.h"

INLINE void normalize(const int before, const int after, const int pool, task t, int part, long from, long to)
{
    (void)part;
    ptrdiff_t down = (ptrdiff_t)t.s.w * t.s.c;
    int by = pool ? 2 : 1, width = t.s.w / by;
    for (long line = from; line < to; line++)
        for (int j = 0; j < width; j++)
            for (int l = 0; l < t.s.c; l += LANES) {
                vec f, z;
                ints place;
                greatest(before, pool, t.x + line * by * down + (ptrdiff_t)by * j * t.s.c + l, t.s.c, down,
                         *(const vec *)(t.a + l), *(const vec *)(t.b + l), &f, &z, &place);
                *(vec *)(t.y + (line * width + j) * t.s.c + l) = activated(after, z);
                if (pool && t.maxima) *(vec *)(t.maxima + (line * width + j) * t.s.c + l) = f;
            }
}

CHOOSE(normalize)

/* Statistics of f(x): see `settle`. Sums has room for threads x 2 x C. */
void podium_statistics(const norm_shape *s, const float *x, const float *weight, const float *bias, float *running_mean,
                       float *running_variance, const double *eps_and_momentum, float *found, double *sums)
{
    task t = {.s = *s, .x = x, .mean = running_mean, .sums = sums};
    t.s.pool = t.s.after = 0;
    memset(sums, 0, sizeof(double) * 2 * s->c * s->threads);
    RUN(moments, t)
    settle(*s, weight, bias, running_mean, running_variance, eps_and_momentum, found, sums);
}

/* y, and f(x) at the maxima where there is pooling and they are wanted. */
void podium_normalize(const norm_shape *s, const float *x, const float *a, const float *b, float *y, float *maxima)
{
    task t = {.s = *s, .x = x, .a = a, .b = b, .y = y, .maxima = maxima};
    RUN(normalize, t)
}

/* See `gradients`; dx may be null. */
void podium_gradients(const norm_shape *s, const float *x, const float *found, const float *maxima, const float *dy,
                      float *dx, float *grads, double *sum)
{
    task t = gradients(*s, x, found, maxima, dy, dx, grads, sum);
    if (dx) RUN(back, t)
}
