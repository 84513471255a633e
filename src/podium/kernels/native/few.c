/* The gradient of the weights and bias of a 3x3 convolution of few channels: a network's first layer.

Each place's patch of 9 C values, and a one for the bias, is written beside that of the next; the gradients are then the
product of the transposed patches and the gradient at the results (im2col: Chellapilla et al. 2006). Images are
N x H x W x C, K is a multiple of LANES. Images are divided among `threads` in a fixed way, so that the same number of
threads gives the same bits.
*/
#include "gemm.h"

typedef struct {
    int n, h, w, c, k;
    int pad; /* zeros around the image: 0 or 1 */
    int threads;
} shape;

#define PLACES 128 /* about so many patches at once: they and the gradients there stay in a first-level cache */

/* Patches of row i: W' x (9 C + 1); x is an image with its zeros around it, `across` floats a row. */
INLINE void patches(int c, const float *x, ptrdiff_t across, int i, int width, float *to)
{
    for (int j = 0; j < width; j++) {
        for (int a = 0; a < 3; a++) {
            const float *from = x + (i + a) * across + (ptrdiff_t)j * c;
            for (int l = 0; l < 3 * c; l++) *to++ = from[l];
        }
        *to++ = 1.f;
    }
}

/* Floats of scratch that each thread needs. */
size_t podium_few_scratch(const shape *s)
{
    return (size_t)(s->h + 2 * s->pad) * (s->w + 2 * s->pad) * s->c + (size_t)(PLACES + s->w + 2) * (9 * s->c + 1);
}

/* found has (9 C + 1) x K floats a thread, of which the first are the result: the last row is that of the bias. */
void podium_few(const shape *given, const float *x, const float *dy, float *found, float *scratch)
{
    shape s = *given;
    int height = s.h + 2 * s.pad - 2, width = s.w + 2 * s.pad - 2, depth = 9 * s.c + 1;
    ptrdiff_t across = (ptrdiff_t)(s.w + 2 * s.pad) * s.c, row = (ptrdiff_t)s.w * s.c, each = (ptrdiff_t)depth * s.k;
#pragma omp parallel for num_threads(s.threads) schedule(static, 1)
    for (int part = 0; part < s.threads; part++) {
        int first = (long)s.n * part / s.threads, last = (long)s.n * (part + 1) / s.threads;
        float *mine = found + part * each, *padded = scratch + part * podium_few_scratch(&s);
        float *columns = padded + (s.h + 2 * s.pad) * across;
        memset(mine, 0, sizeof(float) * each);
        memset(padded, 0, sizeof(float) * (s.h + 2 * s.pad) * across);
        for (; first < last; first++) {
            for (int i = 0; i < s.h; i++)
                memcpy(padded + (i + s.pad) * across + s.pad * s.c, x + ((ptrdiff_t)first * s.h + i) * row,
                       sizeof(float) * row);
            for (int i = 0; i < height;) {
                int places = 0;
                const float *at = dy + ((ptrdiff_t)first * height + i) * width * s.k;
                for (; i < height && places < PLACES; i++, places += width)
                    if (s.c == 3) patches(3, padded, across, i, width, columns + (ptrdiff_t)places * depth);
                    else patches(s.c, padded, across, i, width, columns + (ptrdiff_t)places * depth);
                product_transposed(depth, s.k, places, columns, depth, at, s.k, mine);
            }
        }
    }
    for (int part = 1; part < s.threads; part++)
        for (ptrdiff_t l = 0; l < each; l++) found[l] += found[part * each + l];
}
