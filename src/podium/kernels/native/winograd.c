/* 3x3 convolutions with stride 1 by Winograd's F(m x m, 3x3) (Lavin & Gray 2015, arXiv 1509.09308), and their gradients.

With one-dimensional transforms B (input), G (weights) and A (output), a tile of m x m results is
    y = A^T [ sum over channels of (G g G^T) * (B^T x B) ] A,   x: (m + 2) x (m + 2), g: 3x3,
so that each place of the transformed tiles is a matrix product over channels: a quarter of the multiplications for
m = 4. The gradients are those of this formula: dM = A dy A^T, dx = B (dM U^T) B^T (tiles overlap and add),
dg = G^T (V^T dM) G.

Images are N x H x W x C, weights K x 3 x 3 x C (torch's channels_last); C and K are multiples of LANES. Some images at
a time, threads divide them for the transforms and places for the products, so that all is in memory once and the same
number of threads gives the same bits. Weights that are much larger than images once transformed are taken in slices of
channels, so that a slice stays in cache.
*/
#include "tiles.h"

#include <omp.h>

/* Channels of a slice. */
INLINE int slice_of(shape s, int channels)
{
    int panels = (channels + 2 * LANES * s.slices - 1) / (2 * LANES * s.slices);
    return 2 * LANES * panels < channels ? 2 * LANES * panels : channels;
}

INLINE int least(int a, int b) { return a < b ? a : b; }

/* Floats between the places of a slice of the weights. */
INLINE ptrdiff_t weights_apart(shape s)
{
    ptrdiff_t one = (ptrdiff_t)slice_of(s, s.k) * s.c, other = (ptrdiff_t)slice_of(s, s.c) * s.k;
    return (one > other ? one : other) + APART;
}

/* Floats that a slice of the transformed weights needs, or of their gradient. */
size_t podium_transformed(const shape *s) { return PLACES * weights_apart(*s); }

/* Weights w, a vector of them, to their places. */
static void weight_tile(const vec w[3][3], float *to, ptrdiff_t step)
{
    vec t[POINTS][3], d[3], r[POINTS];
    for (int b = 0; b < 3; b++) {
        for (int a = 0; a < 3; a++) d[a] = w[a][b];
        to_weights(d, r);
        for (int a = 0; a < POINTS; a++) t[a][b] = r[a];
    }
    for (int a = 0; a < POINTS; a++) {
        to_weights(t[a], r);
        for (int b = 0; b < POINTS; b++) *(vec *)(to + (POINTS * a + b) * step) = r[b];
    }
}

/* Weights to U, packed for products over input channels: those of `wide` output channels from `first` on. By all threads
together, as what follows. */
static void weights_forward(shape s, const float *g, int first, int wide, float *u)
{
    ptrdiff_t step = weights_apart(s), apart = (ptrdiff_t)9 * s.c;
#pragma omp for schedule(static)
    for (int j = 0; j < wide; j += 2 * LANES) {
        int width = width_of(j, wide);
        vec w[3][3];
        for (int l = 0; l < s.c; l++)
            for (int o = j; o < j + width; o += LANES) {
                for (int p = 0; p < 9; p++)
                    for (int i = 0; i < LANES; i++) w[p / 3][p % 3][i] = g[(first + o + i) * apart + p * s.c + l];
                weight_tile(w, u + (ptrdiff_t)j * s.c + (ptrdiff_t)l * width + o - j, step);
            }
    }
}

/* Weights to the transpose of U, packed for products over output channels: those of `wide` input channels. */
static void weights_backward(shape s, const float *g, int first, int wide, float *back)
{
    ptrdiff_t step = weights_apart(s), apart = (ptrdiff_t)9 * s.c;
#pragma omp for schedule(static)
    for (int o = 0; o < s.k; o++)
        for (int l = 0; l < wide; l += LANES) {
            int j = l / (2 * LANES) * (2 * LANES);
            vec w[3][3];
            for (int p = 0; p < 9; p++) w[p / 3][p % 3] = *(const vec *)(g + o * apart + p * s.c + first + l);
            weight_tile(w, back + (ptrdiff_t)j * s.k + o * width_of(j, wide) + l - j, step);
        }
}

/* The gradient of `weights_forward`, added to dg if `add`. */
static void weights_gradient(shape s, const float *du, int first, int wide, int add, float *dg)
{
    ptrdiff_t step = weights_apart(s);
#pragma omp for schedule(static)
    for (int o = 0; o < wide; o++)
        for (int l = 0; l < s.c; l += LANES) {
            vec t[3][POINTS], d[POINTS], r[3];
            for (int b = 0; b < POINTS; b++) {
                for (int a = 0; a < POINTS; a++)
                    d[a] = *(const vec *)(du + (POINTS * a + b) * step + (ptrdiff_t)o * s.c + l);
                from_weights(d, r);
                for (int a = 0; a < 3; a++) t[a][b] = r[a];
            }
            for (int a = 0; a < 3; a++) {
                from_weights(t[a], r);
                for (int b = 0; b < 3; b++) {
                    vec *to = (vec *)(dg + ((ptrdiff_t)(first + o) * 9 + 3 * a + b) * s.c + l);
                    if (add) *to += r[b];
                    else *to = r[b];
                }
            }
        }
}

/* How transformed images lie in memory: `images` at once, `count` tiles each, in rows of places of c (v) or k (m). */
typedef struct { int across, count; ptrdiff_t v_row, v_place, m_row, m_place, image, result; } layout;

static layout layout_of(shape s)
{
    layout a = {.across = tiles(s.w, s.pad), .v_row = s.c + APART, .m_row = s.k + APART};
    a.count = tiles(s.h, s.pad) * a.across;
    a.v_place = s.chunk * a.count * a.v_row + APART;
    a.m_place = s.chunk * a.count * a.m_row + APART;
    a.image = (ptrdiff_t)s.h * s.w * s.c;
    a.result = (ptrdiff_t)out(s.h, s.pad) * out(s.w, s.pad) * s.k;
    return a;
}

/* Floats of scratch that all threads need together. */
size_t podium_scratch(const shape *s)
{
    layout a = layout_of(*s);
    return PLACES * (a.v_place + a.m_place);
}

/* Where a thread's part of a total begins. */
INLINE int share(int part, int parts, int total) { return (long)total * part / parts; }

/* y = conv(x) + bias, which may be null; u has room for `podium_transformed` floats. */
void podium_forward(const shape *given, const float *x, const float *g, const float *bias, float *y, float *u,
                    float *scratch)
{
    shape s = *given;
    layout a = layout_of(s);
    ptrdiff_t step = weights_apart(s);
    float *v = scratch, *m = v + PLACES * a.v_place;
    int slice = slice_of(s, s.k);
#pragma omp parallel num_threads(s.threads)
    for (int first = 0; first < s.n; first += s.chunk) {
        int part = omp_get_thread_num(), parts = omp_get_num_threads(), rows = least(s.chunk, s.n - first) * a.count;
        int from = share(part, parts, rows), to = share(part + 1, parts, rows);
        for (int q = from; q < to; q++)
            input_tile(s, x + (first + q / a.count) * a.image, q % a.count / a.across, q % a.across, v + q * a.v_row,
                       a.v_place);
        for (int j = 0; j < s.k; j += slice) {
            int wide = least(slice, s.k - j);
            if (first == 0 || slice < s.k) weights_forward(s, g, j, wide, u);
#pragma omp barrier
            for (int p = share(part, parts, PLACES); p < share(part + 1, parts, PLACES); p++)
                product(rows, wide, s.c, v + p * a.v_place, a.v_row, u + p * step, m + p * a.m_place + j, a.m_row);
#pragma omp barrier
        }
        for (int q = from; q < to; q++)
            output_tile(s, m + q * a.m_row, a.m_place, q % a.count / a.across, q % a.across, bias,
                        y + (first + q / a.count) * a.result);
    }
}

/* Gradients. dx and db may be null; back and du have room for `podium_transformed` floats each, sums for K a thread. */
void podium_backward(const shape *given, const float *x, const float *g, const float *dy, float *dx, float *dg,
                     float *db, float *back, float *du, float *sums, float *scratch)
{
    shape s = *given;
    layout a = layout_of(s);
    ptrdiff_t step = weights_apart(s);
    float *v = scratch, *m = v + PLACES * a.v_place;
    int k_slice = slice_of(s, s.k), c_slice = slice_of(s, s.c);
    if (db) memset(sums, 0, sizeof(float) * s.threads * s.k);
#pragma omp parallel num_threads(s.threads)
    for (int first = 0; first < s.n; first += s.chunk) {
        int part = omp_get_thread_num(), parts = omp_get_num_threads();
        int images = least(s.chunk, s.n - first), rows = images * a.count, last = first + images == s.n;
        int from = share(part, parts, images), to = share(part + 1, parts, images);
        for (int q = from * a.count; q < to * a.count; q++) {
            int image = first + q / a.count, i = q % a.count / a.across, j = q % a.across;
            input_tile(s, x + image * a.image, i, j, v + q * a.v_row, a.v_place);
            output_back(s, dy + image * a.result, i, j, m + q * a.m_row, a.m_place, db ? sums + part * s.k : NULL);
        }
#pragma omp barrier
        for (int j = 0; j < s.k; j += k_slice) {
            int wide = least(k_slice, s.k - j), add = first > 0 && k_slice == s.k;
            for (int p = share(part, parts, PLACES); p < share(part + 1, parts, PLACES); p++)
                product_transposed(add, wide, s.c, rows, m + p * a.m_place + j, a.m_row, v + p * a.v_place, a.v_row,
                                   du + p * step);
#pragma omp barrier
            if (k_slice < s.k || last) weights_gradient(s, du, j, wide, first > 0 && k_slice < s.k, dg);
        }
        for (int j = 0; dx && j < s.c; j += c_slice) {
            int wide = least(c_slice, s.c - j);
            if (first == 0 || c_slice < s.c) weights_backward(s, g, j, wide, back);
            for (int p = share(part, parts, PLACES); p < share(part + 1, parts, PLACES); p++)
                product(rows, wide, s.k, m + p * a.m_place, a.m_row, back + p * step, v + p * a.v_place + j, a.v_row);
#pragma omp barrier
        }
        if (dx && to > from) memset(dx + (first + from) * a.image, 0, sizeof(float) * (to - from) * a.image);
        for (int q = from * a.count; dx && q < to * a.count; q++)
            input_back(s, v + q * a.v_row, a.v_place, q % a.count / a.across, q % a.across,
                       dx + (first + q / a.count) * a.image);
#pragma omp barrier
    }
    for (int o = 0; db && o < s.k; o++) {
        db[o] = 0;
        for (int part = 0; part < s.threads; part++) db[o] += sums[part * s.k + o];
    }
}
