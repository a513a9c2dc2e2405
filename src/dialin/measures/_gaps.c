/* The inner loop of MRSTFT and of its gradient: one pass over the bins instead of twenty. */
#include "../audio/_kernels.h"

#define BLOCK 64
#define LANES 8

/* Sum over `count` bins of |m - t| + |log m - log t| with magnitudes m of `ours` and t of
 * `theirs` (interleaved complex numbers; power is `floor` or more). Where `slopes` is not 0, each
 * bin of `ours` is multiplied by sign(m - t) (1 + 1 / m) / m, or by 0 where its power is at the
 * floor.
 *
 * The logarithms of many ratios are taken at once, as that of their product: ratios of powers are
 * below 1e38, so that a product of eight is a number. */
EXPORT WIDE double spectral_gaps(float *restrict ours, const float *restrict theirs, long count,
                                 float floor, int slopes)
{
    double total = 0.0;
    float gap[BLOCK], slope[BLOCK];
    double ratio[BLOCK];
    for (long first = 0; first < count; first += BLOCK) {
        long n = count - first < BLOCK ? count - first : BLOCK;
        float *x = ours + 2 * first;
        const float *y = theirs + 2 * first;
        double product[LANES], logs = 0.0;
        float sum = 0.0f;
        for (long k = n; k < BLOCK; k++) {
            gap[k] = 0.0f;
            ratio[k] = 1.0;
        }
        for (long k = 0; k < n; k++) {
            float raw = x[2 * k] * x[2 * k] + x[2 * k + 1] * x[2 * k + 1];
            float b = y[2 * k] * y[2 * k] + y[2 * k + 1] * y[2 * k + 1];
            float a = raw > floor ? raw : floor;
            b = b > floor ? b : floor;
            float m = sqrtf(a), t = sqrtf(b), inverse = 1.0f / m, d = m - t;
            gap[k] = fabsf(d);
            ratio[k] = a > b ? (double)a / b : (double)b / a;
            slope[k] = (raw > floor) * ((d > 0.0f) - (d < 0.0f)) * (inverse + inverse * inverse);
        }
        if (slopes)
            for (long k = 0; k < n; k++) {
                x[2 * k] *= slope[k];
                x[2 * k + 1] *= slope[k];
            }
        for (long k = 0; k < BLOCK; k++)
            sum += gap[k];
        for (long lane = 0; lane < LANES; lane++)
            product[lane] = ratio[lane];
        for (long k = LANES; k < BLOCK; k += LANES)
            for (long lane = 0; lane < LANES; lane++)
                product[lane] *= ratio[k + lane];
        for (long lane = 0; lane < LANES; lane++)
            logs += log(product[lane]);
        total += sum + 0.5 * logs;
    }
    return total;
}

MODULE(_gaps)
