/* 3x3 convolutions of few channels: a network's first layer, and BatchNorm after it (see norm.h) in the same passes.

Images are few enough values for first-level caches, so nothing is copied but an image with its zeros: a place's 9 C
values lie in three runs of 3 C. Rows are gone through while they are at hand: BatchNorm's statistics are taken of
results just made, and the gradient at the results, which nothing else needs, is made there and never written to memory.
Images are N x H x W x C, weights K x 3 x 3 x C, K is a multiple of LANES. Images are divided among `threads` in a fixed
way, so that the same number of threads gives the same bits.
*/
#include "few.h"
#include "norm.h"

static norm_shape results(shape s)
{
    return (norm_shape){s.n, height_of(s), width_of_result(s), s.k, s.before, s.after, s.pool, s.threads};
}

/* An image with its zeros around it, which are there. */
static void padded(shape s, const float *x, float *to)
{
    ptrdiff_t row = (ptrdiff_t)s.w * s.c;
    for (int i = 0; i < s.h; i++)
        memcpy(to + ((i + s.pad) * (s.w + 2 * s.pad) + s.pad) * s.c, x + i * row, sizeof(float) * row);
}

static size_t room(shape s) { return (size_t)(s.h + 2 * s.pad) * (s.w + 2 * s.pad) * s.c; }

/* Floats of scratch that each thread needs. */
size_t podium_few_scratch(const shape *s)
{
    return room(*s) + (size_t)(9 * s->c + 1 + rows_of(*s) * width_of_result(*s)) * s->k;
}

/* y = conv(x) + bias, which may be null; with t the sums of `moments`, too. */
static void convolve(shape s, const float *x, const float *weight, const float *bias, float *y, const task *t,
                     float *scratch)
{
    int height = height_of(s), width = width_of_result(s), taps = 9 * s.c;
    ptrdiff_t image = (ptrdiff_t)s.h * s.w * s.c, result = (ptrdiff_t)height * width * s.k;
#pragma omp parallel for num_threads(s.threads) schedule(static, 1)
    for (int part = 0; part < s.threads; part++) {
        int first = (long)s.n * part / s.threads, last = (long)s.n * (part + 1) / s.threads;
        float *at = scratch + part * podium_few_scratch(&s), *packed = at + room(s);
        memset(at, 0, sizeof(float) * room(s));
        for (int o = 0; o < s.k; o++) {
            int j = o / (2 * LANES) * (2 * LANES), wide = width_of(j, s.k);
            for (int d = 0; d < taps; d++) packed[j * taps + d * wide + o - j] = weight[o * taps + d];
            packed[taps * s.k + o] = bias ? bias[o] : 0.f;
        }
        for (; first < last; first++) {
            padded(s, x + first * image, at);
            for (int i = 0; i < height; i += rows_of(s)) {
                int rows = height - i < rows_of(s) ? height - i : rows_of(s);
                float *to = y + first * result + (ptrdiff_t)i * width * s.k;
                for (int r = 0; r < rows; r++)
                    row_of_results(s, at + (i + r) * across_of(s), packed, to + (ptrdiff_t)r * width * s.k);
                if (!t) continue;
                task these = *t;
                these.x = to;
                choose_moments(these, part, 0, rows);
            }
        }
    }
}

/* Gradients of weights and bias, which may be null, from that at the results; with t from what `back` makes of it. */
static void gradient(shape s, const float *x, const float *dy, const task *t, float *dw, float *db, float *scratch)
{
    int height = height_of(s), width = width_of_result(s), depth = 9 * s.c + 1, by = t && s.pool ? 2 : 1;
    ptrdiff_t image = (ptrdiff_t)s.h * s.w * s.c, each = podium_few_scratch(&s), found = room(s);
#pragma omp parallel for num_threads(s.threads) schedule(static, 1)
    for (int part = 0; part < s.threads; part++) {
        int first = (long)s.n * part / s.threads, last = (long)s.n * (part + 1) / s.threads;
        float *at = scratch + part * each, *mine = at + found, *made = mine + depth * s.k;
        memset(at, 0, sizeof(float) * (found + depth * s.k));
        for (; first < last; first++) {
            padded(s, x + first * image, at);
            for (int i = 0; i < height; i += rows_of(s)) {
                int rows = height - i < rows_of(s) ? height - i : rows_of(s);
                ptrdiff_t line = (ptrdiff_t)first * height + i;
                const float *from = dy + line * width * s.k;
                if (t) {
                    task these = *t;
                    these.x += line * width * s.k, these.dy += line / by * (width / by) * s.k, these.y = made;
                    choose_back(these, part, 0, rows / by);
                    from = made;
                }
                from_rows(s, at + i * across_of(s), rows, from, mine);
            }
        }
    }
    for (int o = 0; o < s.k; o++)
        for (int d = 0; d < depth; d++) {
            float sum = 0;
            for (int part = 0; part < s.threads; part++) sum += scratch[part * each + found + d * s.k + o];
            if (d < 9 * s.c) dw[o * 9 * s.c + d] = sum;
            else if (db) db[o] = sum;
        }
}

/* The convolution alone. */
void podium_few(const shape *s, const float *x, const float *weight, const float *bias, float *y, float *scratch)
{
    convolve(*s, x, weight, bias, y, NULL, scratch);
}

void podium_few_back(const shape *s, const float *x, const float *dy, float *dw, float *db, float *scratch)
{
    gradient(*s, x, dy, NULL, dw, db, scratch);
}

/* The convolution, and the statistics of BatchNorm after it: see `settle`. Sums has room for threads x 2 x K. */
void podium_first(const shape *s, const float *x, const float *weight, const float *bias, float *y, const float *scale,
                  const float *shift, float *running_mean, float *running_variance, const double *eps_and_momentum,
                  float *found, double *sums, float *scratch)
{
    task t = {.s = results(*s), .mean = running_mean, .sums = sums};
    t.s.pool = t.s.after = 0;
    memset(sums, 0, sizeof(double) * 2 * s->k * s->threads);
    convolve(*s, x, weight, bias, y, &t, scratch);
    settle(results(*s), scale, shift, running_mean, running_variance, eps_and_momentum, found, sums);
}

/* All gradients from that at BatchNorm's results; y is what was convolved, grads as in `gradients`. */
void podium_first_back(const shape *s, const float *x, const float *y, const float *found, const float *maxima,
                       const float *dy, float *grads, float *dw, float *db, double *sums, float *scratch)
{
    task t = gradients(results(*s), y, found, maxima, dy, NULL, grads, sums);
    gradient(*s, x, dy, &t, dw, db, scratch);
}
