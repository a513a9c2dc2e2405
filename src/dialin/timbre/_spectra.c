/* What is taken from short-time spectra; see _native.c and _transform.h. */
#include "../audio/_transform.h"

#define BLOCK 32

/* Power spectra: (count, size / 2 + 1). */
EXPORT WIDE void power_spectra(const struct frames *f, float *power)
{
    struct plan p = prepare(f);
    long bins = p.half + 1;
    for (long first = 0; first < f->count; first += VL) {
        long lanes = lanes_left(f, first);
        group(f, &p, first);
        for (long k0 = 0; k0 < bins; k0 += BLOCK) {
            long room = bins - k0 < BLOCK ? bins - k0 : BLOCK;
            float block[VL][BLOCK];
            for (long k = 0; k < room; k++)
                for (long l = 0; l < VL; l++)
                    block[l][k] = p.power[(k0 + k) * VL + l];
            for (long l = 0; l < lanes; l++)
                memcpy(power + (first + l) * bins + k0, block[l], (size_t)room * sizeof(float));
        }
    }
}

/* Sums over bins of power and of bin number times power, bins between the first and the last
 * counted twice, and the sum over frames of each bin: (count,), (count,), (size / 2 + 1,).
 * columns: (size / 2 + 1) * VL. */
EXPORT WIDE void spectral_moments(const struct frames *f, float *columns, double *total,
                                  double *moment, double *spectrum)
{
    struct plan p = prepare(f);
    long bins = p.half + 1;
    memset(columns, 0, (size_t)(bins * VL) * sizeof(float));
    for (long first = 0; first < f->count; first += VL) {
        long lanes = lanes_left(f, first);
        double sum[VL] = {0}, turn[VL] = {0};
        wide there = {0};
        for (long l = 0; l < lanes; l++)
            there[l] = 1.0f;
        group(f, &p, first);
        for (long k0 = 0; k0 < bins; k0 += BLOCK) {
            long end = bins - k0 < BLOCK ? bins : k0 + BLOCK;
            wide s = {0}, t = {0};
            for (long k = k0; k < end; k++) {
                wide v = LOAD(p.power + k * VL) * (k && k < bins - 1 ? 2.0f : 1.0f);
                s += v;
                t += v * (float)(k - k0);
                LOAD(columns + k * VL) += v * there;
            }
            for (long l = 0; l < VL; l++) {
                sum[l] += s[l];
                turn[l] += t[l] + (double)k0 * s[l];
            }
        }
        memcpy(total + first, sum, (size_t)lanes * sizeof(double));
        memcpy(moment + first, turn, (size_t)lanes * sizeof(double));
    }
    for (long k = 0; k < bins; k++) {
        spectrum[k] = 0.0;
        for (long l = 0; l < VL; l++)
            spectrum[k] += columns[k * VL + l];
    }
}

/* Power in overlapping bands: bands of `many` weights from bin `start` on, one band after the
 * other in `weight`; (count, bands). */
EXPORT WIDE void band_power(const struct frames *f, const long *start, const long *many,
                            const float *weight, long bands, float *power)
{
    struct plan p = prepare(f);
    for (long first = 0; first < f->count; first += VL) {
        long lanes = lanes_left(f, first);
        const float *w = weight;
        group(f, &p, first);
        for (long b = 0; b < bands; b++) {
            const float *bin = p.power + start[b] * VL;
            wide sum = {0};
            for (long k = 0; k < many[b]; k++)
                sum += LOAD(bin + k * VL) * w[k];
            w += many[b];
            for (long l = 0; l < lanes; l++)
                power[(first + l) * bands + b] = sum[l];
        }
    }
}

/* Sum of magnitudes of each frame, and the number of bins from where the sum reaches 5 % of it up
 * to the highest bin of magnitude `threshold` or more (0 if none). The first bin is taken as
 * zero. level: (count,), width: (count,). */
EXPORT WIDE void bandwidths(const struct frames *f, float threshold, double *level, long *width)
{
    struct plan p = prepare(f);
    long bins = p.half + 1;
    for (long first = 0; first < f->count; first += VL) {
        long lanes = lanes_left(f, first);
        double sum[VL] = {0};
        marks last = {0}, from = {0}, open;
        wide goal, part = {0};
        group(f, &p, first);
        for (long i = 0; i < bins * VL; i++)
            p.power[i] = sqrtf(p.power[i]);
        memset(p.power, 0, VL * sizeof(float));
        last -= 1;
        for (long k0 = 0; k0 < bins; k0 += BLOCK) {
            long end = bins - k0 < BLOCK ? bins : k0 + BLOCK;
            wide sums = {0};
            for (long k = k0; k < end; k++) {
                wide m = LOAD(p.power + k * VL);
                marks over = m >= threshold;
                sums += m;
                last = (over & (int)k) | (~over & last);
            }
            for (long l = 0; l < VL; l++)
                sum[l] += sums[l];
        }
        for (long l = 0; l < VL; l++)
            goal[l] = (float)(0.05 * sum[l]);
        for (long k = 0; k < bins; k++) {
            int any = 0;
            part += LOAD(p.power + k * VL);
            open = part < goal;
            from -= open;
            for (long l = 0; l < VL; l++)
                any |= open[l];
            if (!any)
                break;
        }
        for (long l = 0; l < lanes; l++) {
            level[first + l] = sum[l];
            width[first + l] = last[l] < 0 ? 0 : last[l] - from[l];
        }
    }
}

/* Sum of squares of each windowed frame less its mean: (frames,). */
EXPORT WIDE void frame_energies(const float *x, long hop, long frames, long length,
                                const float *window, double *energy)
{
    for (long f = 0; f < frames; f++, x += hop) {
        float parts[16] = {0}, squares[16] = {0}, mean;
        double sum = 0.0, total = 0.0;
        long whole = length & ~15L;
        for (long i = 0; i < whole; i += 16)
            for (int l = 0; l < 16; l++)
                parts[l] += x[i + l];
        for (int l = 0; l < 16; l++)
            sum += parts[l];
        for (long i = whole; i < length; i++)
            sum += x[i];
        mean = (float)(sum / (double)length);
        for (long i = 0; i < whole; i += 16)
            for (int l = 0; l < 16; l++) {
                float v = (x[i + l] - mean) * window[i + l];
                squares[l] += v * v;
            }
        for (int l = 0; l < 16; l++)
            total += squares[l];
        for (long i = whole; i < length; i++)
            total += (double)((x[i] - mean) * window[i]) * ((x[i] - mean) * window[i]);
        energy[f] = total;
    }
}
