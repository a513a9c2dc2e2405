/* Kernels on frames and spectra; see _native.c. */
#include "_native.h"

#define VL 16
#define BLOCK 32
#define LOAD(place) (*(wide *)(place))

typedef float wide __attribute__((vector_size(4 * VL), aligned(4), may_alias));

/* One Stockham pass of radix 4 over `n` points of stride `s` (floats), from (a, b) to (c, d).
 * cosine, sine: exp(-2 pi i k / size); step: their stride for one n-th of a turn. */
static INLINE void radix4(long n, long s, const float *restrict a, const float *restrict b,
                          float *restrict c, float *restrict d,
                          const float *cosine, const float *sine, long step)
{
    long quarter = n / 4;
    for (long p = 0; p < quarter; p++) {
        float c1 = cosine[p * step], s1 = sine[p * step];
        float c2 = cosine[2 * p * step], s2 = sine[2 * p * step];
        float c3 = cosine[3 * p * step], s3 = sine[3 * p * step];
        const float *ar = a + s * p, *ai = b + s * p;
        float *yr = c + s * 4 * p, *yi = d + s * 4 * p;
        for (long q = 0; q < s; q += VL) {
            wide r0 = LOAD(ar + q), r1 = LOAD(ar + q + s * quarter);
            wide r2 = LOAD(ar + q + s * 2 * quarter), r3 = LOAD(ar + q + s * 3 * quarter);
            wide i0 = LOAD(ai + q), i1 = LOAD(ai + q + s * quarter);
            wide i2 = LOAD(ai + q + s * 2 * quarter), i3 = LOAD(ai + q + s * 3 * quarter);
            wide apcr = r0 + r2, apci = i0 + i2, amcr = r0 - r2, amci = i0 - i2;
            wide bpdr = r1 + r3, bpdi = i1 + i3, jr = i3 - i1, ji = r1 - r3;
            wide ur = amcr - jr, ui = amci - ji, vr = apcr - bpdr, vi = apci - bpdi;
            wide wr = amcr + jr, wi = amci + ji;
            LOAD(yr + q) = apcr + bpdr;
            LOAD(yi + q) = apci + bpdi;
            LOAD(yr + q + s) = c1 * ur - s1 * ui;
            LOAD(yi + q + s) = c1 * ui + s1 * ur;
            LOAD(yr + q + 2 * s) = c2 * vr - s2 * vi;
            LOAD(yi + q + 2 * s) = c2 * vi + s2 * vr;
            LOAD(yr + q + 3 * s) = c3 * wr - s3 * wi;
            LOAD(yi + q + 3 * s) = c3 * wi + s3 * wr;
        }
    }
}

/* Power spectra of frames of x, `hop` apart, less their mean if asked, windowed, and filled up
 * with zeros to `size` (a power of two, 64 or more): (frames, size / 2 + 1). Eight frames go
 * side by side through one transform. cosine, sine: exp(-2 pi i k / size), k < size;
 * work: 4 * 8 * size / 2. */
EXPORT WIDE void power_spectra(const float *x, long hop, long frames, long length,
                               const float *window, long centre, long size, const float *cosine,
                               const float *sine, float *work, float *power)
{
    long half = size / 2, bins = half + 1, plane = half * VL;
    for (long f0 = 0; f0 < frames; f0 += VL) {
        float *re = work, *im = work + plane, *to_re = work + 2 * plane, *to_im = work + 3 * plane;
        float mean[VL], block[VL][BLOCK];
        long count = frames - f0 < VL ? frames - f0 : VL, n = half, s = VL;
        for (long l = 0; l < VL; l++) {
            const float *row = x + (f0 + (l < count ? l : 0)) * hop;
            float parts[16] = {0};
            double sum = 0.0;
            for (long i = 0; centre && i + 16 <= length; i += 16)
                for (int k = 0; k < 16; k++)
                    parts[k] += row[i + k];
            for (int k = 0; k < 16; k++)
                sum += parts[k];
            for (long i = length & ~15L; centre && i < length; i++)
                sum += row[i];
            mean[l] = (float)(sum / (double)length);
        }
        for (long i0 = 0; i0 < size; i0 += BLOCK) {
            long room = length - i0 < BLOCK ? (length > i0 ? length - i0 : 0) : BLOCK;
            for (long l = 0; l < VL; l++) {
                const float *row = x + (f0 + (l < count ? l : 0)) * hop + i0;
                for (long k = 0; k < room; k++)
                    block[l][k] = (row[k] - mean[l]) * window[i0 + k];
                for (long k = room; k < BLOCK; k++)
                    block[l][k] = 0.0f;
            }
            for (long k = 0; k < BLOCK / 2; k++)
                for (long l = 0; l < VL; l++) {
                    re[(i0 / 2 + k) * VL + l] = block[l][2 * k];
                    im[(i0 / 2 + k) * VL + l] = block[l][2 * k + 1];
                }
        }
        while (n >= 4) {
            float *swap;
            radix4(n, s, re, im, to_re, to_im, cosine, sine, size / n);
            n /= 4;
            s *= 4;
            swap = re, re = to_re, to_re = swap;
            swap = im, im = to_im, to_im = swap;
        }
        if (n == 2) {
            for (long q = 0; q < s; q++) {
                to_re[q] = re[q] + re[q + s];
                to_im[q] = im[q] + im[q + s];
                to_re[q + s] = re[q] - re[q + s];
                to_im[q + s] = im[q] - im[q + s];
            }
            re = to_re;
            im = to_im;
        }
        /* from the transform of pairs of samples to that of the samples */
        for (long k0 = 0; k0 < bins; k0 += BLOCK) {
            long room = bins - k0 < BLOCK ? bins - k0 : BLOCK;
            for (long k = 0; k < room; k++) {
                long up = (k0 + k) % half * VL, down = (half - k0 - k) % half * VL;
                float c = cosine[k0 + k], t = sine[k0 + k];
                INDEPENDENT
                for (long l = 0; l < VL; l++) {
                    float er = re[up + l] + re[down + l], ei = im[up + l] - im[down + l];
                    float orr = im[up + l] + im[down + l], oi = re[down + l] - re[up + l];
                    float r = er + c * orr - t * oi, i = ei + c * oi + t * orr;
                    block[l][k] = 0.25f * (r * r + i * i);
                }
            }
            for (long l = 0; l < count; l++)
                memcpy(power + (f0 + l) * bins + k0, block[l], (size_t)room * sizeof(float));
        }
    }
}

/* Frames of x less their mean (if asked), times a window: (frames, length). */
EXPORT WIDE void windowed_frames(const float *x, long hop, long frames, long length,
                                 const float *window, long centre, float *rows)
{
    for (long f = 0; f < frames; f++, x += hop, rows += length) {
        float parts[16] = {0}, mean;
        double sum = 0.0;
        long whole = length & ~15L;
        for (long i = 0; centre && i < whole; i += 16)
            for (int l = 0; l < 16; l++)
                parts[l] += x[i + l];
        for (int l = 0; l < 16; l++)
            sum += parts[l];
        for (long i = whole; centre && i < length; i++)
            sum += x[i];
        mean = (float)(sum / (double)length);
        for (long i = 0; i < length; i++)
            rows[i] = (x[i] - mean) * window[i];
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

/* Squared magnitudes of n complex numbers. */
EXPORT WIDE void squared(const float *z, long n, float *power)
{
    for (long i = 0; i < n; i++)
        power[i] = z[2 * i] * z[2 * i] + z[2 * i + 1] * z[2 * i + 1];
}

/* n complex numbers times p**2 / (p**2 + h**2), a half where both are zero. */
EXPORT WIDE void soft_mask(const float *z, const float *percussive, const float *harmonic, long n,
                           float *out)
{
    for (long i = 0; i < n; i++) {
        float p = percussive[i] * percussive[i], sum = p + harmonic[i] * harmonic[i];
        float mask = sum > 0.0f ? p / sum : 0.5f;
        out[2 * i] = z[2 * i] * mask;
        out[2 * i + 1] = z[2 * i + 1] * mask;
    }
}

/* Sum of magnitudes of each spectrum, and the number of bins from where the sum reaches 5 % of
 * it up to the highest bin of magnitude `threshold` or more (0 if none). The first bin is taken
 * as zero. spectra: (frames, bins) power. */
EXPORT WIDE void bandwidths(const float *spectra, long frames, long bins, float threshold,
                            float *magnitude, double *level, long *width)
{
    for (long f = 0; f < frames; f++, spectra += bins) {
        float parts[16] = {0}, sum = 0.0f;
        double total, part = 0.0;
        long last = bins - 1, first = 0, whole = bins & ~15L;
        for (long i = 0; i < bins; i++)
            magnitude[i] = sqrtf(spectra[i]);
        magnitude[0] = 0.0f;
        for (long i = 0; i < whole; i += 16)
            for (int l = 0; l < 16; l++)
                parts[l] += magnitude[i + l];
        for (int l = 0; l < 16; l++)
            sum += parts[l];
        for (long i = whole; i < bins; i++)
            sum += magnitude[i];
        total = sum;
        level[f] = total;
        width[f] = 0;
        while (last >= 0 && !(magnitude[last] >= threshold))
            last--;
        if (last < 0)
            continue;
        while (first < bins && (part += magnitude[first]) < 0.05 * total)
            first++;
        width[f] = last - first;
    }
}
