/* GELU, x Phi(x) (Hendrycks & Gimpel 2016, arXiv 1606.08415), and its derivative.

The error function is formula 7.1.26 of Abramowitz & Stegun (1964), which is off by 1.5e-7 at most; the exponential is a
polynomial (Cephes's expf), off by 2 units of the last place.
*/
#include "lanes.h"

typedef int ints __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

/* e^x for x <= 0 */
INLINE vec exponential(vec x)
{
    x = (vec)(((ints)(x < -87.f) & (ints)((vec){0} - 87.f)) | (~(ints)(x < -87.f) & (ints)x)); /* NaN stays NaN */
    vec scaled = x * 1.44269504f - .5f;
    ints power = __builtin_convertvector(scaled, ints); /* towards 0: the nearest, as x <= 0 */
    vec n = __builtin_convertvector(power, vec), r = x - n * .693359375f + n * 2.12194440e-4f;
    vec p = (vec){0} + 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.f;
    return p * (vec)((power + 127) << 23);
}

/* Phi(x), and e^(-x^2 / 2) */
INLINE vec normal(vec x, vec *bell)
{
    vec positive = (vec)((ints)x & 0x7fffffff), t = 1.f / (1.f + .3275911f * .70710678f * positive);
    *bell = exponential(x * x * -.5f);
    vec p = (vec){0} + 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - .284496736f;
    p = p * t + .254829592f;
    vec tail = .5f * p * t * *bell; /* of Phi beyond |x| */
    ints left = x < 0.f;
    return (vec)((left & (ints)tail) | (~left & (ints)(1.f - tail)));
}

INLINE vec gelu(vec x)
{
    vec bell;
    return x * normal(x, &bell);
}

INLINE vec gelu_slope(vec x)
{
    vec bell, phi = normal(x, &bell);
    return phi + x * bell * .39894228f;
}
