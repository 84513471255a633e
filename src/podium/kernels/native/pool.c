/* Max pooling by 2x2, of which the places of the maxima are kept, a byte each.

Images are N x H x W x C, C a multiple of LANES; a last odd row or column is left out. Rows are divided among `threads`.
*/
#include "lanes.h"

typedef int ints __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef unsigned char bytes __attribute__((vector_size(LANES), aligned(1), may_alias));

typedef struct {
    int n, h, w, c;
    int threads;
} shape;

INLINE vec either(ints mask, vec x, vec y) { return (vec)((mask & (ints)x) | (~mask & (ints)y)); }

void podium_pool(const shape *given, const float *x, float *y, unsigned char *places)
{
    shape s = *given;
    int height = s.h / 2, width = s.w / 2;
    ptrdiff_t down = (ptrdiff_t)s.w * s.c;
#pragma omp parallel for num_threads(s.threads) schedule(static)
    for (long line = 0; line < (long)s.n * height; line++) {
        const float *row = x + (line / height * s.h + 2 * (line % height)) * down;
        for (int j = 0; j < width; j++)
            for (int l = 0; l < s.c; l += LANES) {
                const float *at = row + (ptrdiff_t)2 * j * s.c + l;
                ptrdiff_t to = (line * width + j) * s.c + l;
                vec best = *(const vec *)at;
                ints place = {0};
#pragma GCC unroll 3
                for (int i = 1; i < 4; i++) {
                    vec other = *(const vec *)(at + (i & 1) * s.c + (i >> 1) * down);
                    ints more = ~(ints)(other <= best); /* NaN is the greatest, as in torch; the first one stays */
                    more &= ~(ints)(best != best);
                    best = either(more, other, best), place = (more & i) | (~more & place);
                }
                *(vec *)(y + to) = best;
                *(bytes *)(places + to) = __builtin_convertvector(place, bytes);
            }
    }
}

void podium_unpool(const shape *given, const float *dy, const unsigned char *places, float *dx)
{
    shape s = *given;
    int height = s.h / 2, width = s.w / 2;
    ptrdiff_t down = (ptrdiff_t)s.w * s.c;
#pragma omp parallel for num_threads(s.threads) schedule(static)
    for (int image = 0; image < s.n; image++)
        for (int i = 0; i < (s.h + 1) / 2; i++) {
            float *row = dx + ((ptrdiff_t)image * s.h + 2 * i) * down;
            if (i == height) { /* an odd last row */
                memset(row, 0, sizeof(float) * down);
                continue;
            }
            ptrdiff_t line = (ptrdiff_t)image * height + i;
            for (int j = 0; j < width; j++)
                for (int l = 0; l < s.c; l += LANES) {
                    ptrdiff_t from = (line * width + j) * s.c + l;
                    ints place = __builtin_convertvector(*(const bytes *)(places + from), ints);
                    ints g = (ints)*(const vec *)(dy + from);
#pragma GCC unroll 4
                    for (int k = 0; k < 4; k++)
                        *(ints *)(row + (2 * j + (k & 1)) * (ptrdiff_t)s.c + l + (k >> 1) * down) = g & (place == k);
                }
            if (s.w % 2)
                for (int k = 0; k < 2; k++) memset(row + k * down + (ptrdiff_t)2 * width * s.c, 0, sizeof(float) * s.c);
        }
}
