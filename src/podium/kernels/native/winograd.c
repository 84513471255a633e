/* 3x3 convolutions with stride 1 by Winograd's F(4x4, 3x3) (Lavin & Gray 2015, arXiv 1509.09308), and their gradients.

With one-dimensional transforms B (input), G (weights) and A (output), a tile of 4x4 results is
    y = A^T [ sum over channels of (G g G^T) * (B^T x B) ] A,   x: 6x6, g: 3x3,
so that each of 36 places of the transformed tiles is a matrix product over channels: a quarter of the multiplications.
The gradients are those of this formula: dM = A dy A^T, dx = B (dM U^T) B^T (tiles overlap and add),
dg = G^T (V^T dM) G.

Images are N x H x W x C, weights K x 3 x 3 x C (torch's channels_last); C and K are multiples of LANES. Images are
divided among `threads` in a fixed way, so that the same number of threads gives the same bits.
*/
#include "tiles.h"

/* Weights to U, packed for products over input channels (into u), or to its transpose, packed for products over output
channels (into back). Either may be null; both have 36 * C * K floats. */
void podium_weights(const shape *given, const float *g, float *u, float *back)
{
    shape s = *given;
    ptrdiff_t step = (ptrdiff_t)s.c * s.k;
#pragma omp parallel for num_threads(s.threads) schedule(static)
    for (int o = 0; o < s.k; o++) {
        int j = o / (2 * LANES) * (2 * LANES), width = width_of(j, s.k);
        for (int l = 0; l < s.c; l += LANES) {
            int jc = l / (2 * LANES) * (2 * LANES), wide = width_of(jc, s.c);
            vec t[6][3], d[3], r[6];
            for (int b = 0; b < 3; b++) {
                for (int a = 0; a < 3; a++) d[a] = *(const vec *)(g + ((ptrdiff_t)o * 9 + 3 * a + b) * s.c + l);
                to_weights(d, r);
                for (int a = 0; a < 6; a++) t[a][b] = r[a];
            }
            for (int a = 0; a < 6; a++) {
                to_weights(t[a], r);
                for (int b = 0; b < 6; b++) {
                    float *to = u + (6 * a + b) * step + (ptrdiff_t)j * s.c + (ptrdiff_t)l * width + o - j;
                    if (u) for (int i = 0; i < LANES; i++) to[i * width] = r[b][i];
                    if (back) *(vec *)(back + (6 * a + b) * step + (ptrdiff_t)jc * s.k + o * wide + l - jc) = r[b];
                }
            }
        }
    }
}

/* Floats of scratch that each thread needs. */
size_t podium_scratch(const shape *s)
{
    size_t rows = (size_t)s->chunk * tiles(s->h, s->pad) * tiles(s->w, s->pad);
    return PLACES * (rows * (s->c + s->k + 2 * APART) + 2 * APART);
}

/* y = conv(x) + bias; u as from `podium_weights`, bias may be null. */
void podium_forward(const shape *given, const float *x, const float *u, const float *bias, float *y, float *scratch)
{
    shape s = *given;
    int across = tiles(s.w, s.pad), count = tiles(s.h, s.pad) * across;
    ptrdiff_t lc = s.c + APART, lk = s.k + APART, pc = s.chunk * count * lc + APART, pk = s.chunk * count * lk + APART;
    ptrdiff_t image = (ptrdiff_t)s.h * s.w * s.c, result = (ptrdiff_t)out(s.h, s.pad) * out(s.w, s.pad) * s.k;
#pragma omp parallel for num_threads(s.threads) schedule(static, 1)
    for (int part = 0; part < s.threads; part++) {
        int first = (long)s.n * part / s.threads, last = (long)s.n * (part + 1) / s.threads;
        float *v = scratch + part * podium_scratch(&s), *m = v + PLACES * pc;
        for (; first < last; first += s.chunk) {
            int rows = (last - first < s.chunk ? last - first : s.chunk) * count;
            for (int q = 0; q < rows; q++)
                input_tile(s, x + (first + q / count) * image, q % count / across, q % across, v + q * lc, pc);
            for (int p = 0; p < PLACES; p++)
                product(rows, s.k, s.c, v + p * pc, lc, u + (ptrdiff_t)p * s.c * s.k, m + p * pk, lk);
            for (int q = 0; q < rows; q++)
                output_tile(s, m + q * lk, pk, q % count / across, q % across, bias, y + (first + q / count) * result);
        }
    }
}

/* Gradients. dx and db may be null; back as from `podium_weights`; du has room for 36 * K * C floats a thread. */
void podium_backward(const shape *given, const float *x, const float *dy, const float *back, float *dx, float *dg,
                     float *db, float *du, float *scratch)
{
    shape s = *given;
    int across = tiles(s.w, s.pad), count = tiles(s.h, s.pad) * across;
    ptrdiff_t lc = s.c + APART, lk = s.k + APART, pc = s.chunk * count * lc + APART, pk = s.chunk * count * lk + APART;
    ptrdiff_t image = (ptrdiff_t)s.h * s.w * s.c, result = (ptrdiff_t)out(s.h, s.pad) * out(s.w, s.pad) * s.k;
    ptrdiff_t step = (ptrdiff_t)s.c * s.k, each = PLACES * step + s.k;
#pragma omp parallel for num_threads(s.threads) schedule(static, 1)
    for (int part = 0; part < s.threads; part++) {
        int first = (long)s.n * part / s.threads, last = (long)s.n * (part + 1) / s.threads;
        float *v = scratch + part * podium_scratch(&s), *m = v + PLACES * pc;
        float *mine = du + part * each, *sums = mine + PLACES * step;
        memset(mine, 0, sizeof(float) * each);
        for (; first < last; first += s.chunk) {
            int rows = (last - first < s.chunk ? last - first : s.chunk) * count;
            for (int q = 0; q < rows; q++) {
                int i = q % count / across, j = q % across;
                input_tile(s, x + (first + q / count) * image, i, j, v + q * lc, pc);
                output_back(s, dy + (first + q / count) * result, i, j, m + q * lk, pk);
                /* the second row of A has ones alone: place 7 of m is the sum of the tile */
                if (db) for (int l = 0; l < s.k; l += LANES) *(vec *)(sums + l) += *(vec *)(m + 7 * pk + q * lk + l);
            }
            for (int p = 0; p < PLACES; p++)
                product_transposed(s.k, s.c, rows, m + p * pk, lk, v + p * pc, lc, mine + p * step);
            if (!dx) continue;
            for (int p = 0; p < PLACES; p++) product(rows, s.c, s.k, m + p * pk, lk, back + p * step, v + p * pc, lc);
            memset(dx + first * image, 0, sizeof(float) * rows / count * image);
            for (int q = 0; q < rows; q++)
                input_back(s, v + q * lc, pc, q % count / across, q % across, dx + (first + q / count) * image);
        }
    }
#pragma omp parallel for num_threads(s.threads) schedule(static)
    for (int o = 0; o < s.k; o++) {
        for (int l = 0; l < s.c; l += LANES) {
            vec t[3][6], d[6], r[3];
            for (int b = 0; b < 6; b++) {
                for (int a = 0; a < 6; a++) {
                    const float *at = du + (6 * a + b) * step + (ptrdiff_t)o * s.c + l;
                    d[a] = *(const vec *)at;
                    for (int part = 1; part < s.threads; part++) d[a] += *(const vec *)(at + part * each);
                }
                from_weights(d, r);
                for (int a = 0; a < 3; a++) t[a][b] = r[a];
            }
            for (int a = 0; a < 3; a++) {
                from_weights(t[a], r);
                for (int b = 0; b < 3; b++) *(vec *)(dg + ((ptrdiff_t)o * 9 + 3 * a + b) * s.c + l) = r[b];
            }
        }
        if (!db) continue;
        db[o] = 0;
        for (int part = 0; part < s.threads; part++) db[o] += du[part * each + PLACES * step + o];
    }
}
