/* Harmonic and percussive parts by median filtering of the spectrogram; see _native.c. */
#include "../audio/_transform.h"

#define WINDOW 31
#define STRIP 64

/* Which row stands at `r` where the rows are mirrored at both ends, the edge repeated. */
static INLINE long mirrored(long r, long rows)
{
    r = ((r % (2 * rows)) + 2 * rows) % (2 * rows);
    return r < rows ? r : 2 * rows - 1 - r;
}

/* Drop one value of a sorted window and insert another, VL columns at once, without a branch. */
static INLINE void step(float s[WINDOW + 1][VL], const float *stale, const float *fresh)
{
    float before[VL];
    for (int l = 0; l < VL; l++)
        before[l] = -INFINITY;
#pragma GCC unroll 31
    for (int k = 0; k < WINDOW; k++)
        for (int l = 0; l < VL; l++) {
            float rest = s[k][l] >= stale[l] ? s[k + 1][l] : s[k][l];
            float low = rest < fresh[l] ? rest : fresh[l];
            s[k][l] = before[l] > low ? before[l] : low;
            before[l] = rest;
        }
}

/* Running median of 31 down VL columns of a matrix with rows `pitch` apart. */
static INLINE void median_strip(const float *x, long rows, long pitch, float *y, long y_pitch)
{
    float s[WINDOW + 1][VL], none[VL];
    for (int l = 0; l < VL; l++)
        none[l] = INFINITY;
    for (int k = 0; k <= WINDOW; k++)
        memcpy(s[k], none, sizeof none);
    for (long r = -WINDOW / 2 - 1; r < WINDOW / 2; r++)
        step(s, none, x + mirrored(r, rows) * pitch);
    for (long r = 0; r < rows; r++) {
        step(s, x + mirrored(r - WINDOW / 2 - 1, rows) * pitch,
             x + mirrored(r + WINDOW / 2, rows) * pitch);
        memcpy(y + r * y_pitch, s[WINDOW / 2], sizeof none);
    }
}

/* Running median of 31 down the rows of a (rows, columns) matrix, mirrored at both ends with the
 * edge repeated. work: 2 * 16 * rows. */
EXPORT WIDE void running_median(const float *x, long rows, long columns, float *work, float *y)
{
    float *out = work + VL * rows;
    for (long c = 0; c < columns; c += VL) {
        long width = columns - c < VL ? columns - c : VL;
        memset(work, 0, (size_t)(VL * rows) * sizeof(float));
        for (long r = 0; r < rows; r++)
            memcpy(work + r * VL, x + r * columns + c, (size_t)width * sizeof(float));
        median_strip(work, rows, VL, out, VL);
        for (long r = 0; r < rows; r++)
            memcpy(y + r * columns + c, out + r * VL, (size_t)width * sizeof(float));
    }
}

/* Energies of each hop of the percussive and of the other part of a signal whose frames overlap
 * by three quarters: (2, count - 1). The signal is what lies between the middles of the first and
 * the last frame. room: ((size + 2) * VL + (size / 2 + 1) * (stride)) * 2 + hop * stride floats,
 * where stride is count + 80. */
EXPORT WIDE void percussive_energies(const struct frames *f, float *room, double *energy)
{
    struct plan p = prepare(f);
    long bins = p.half + 1, hop = f->hop, stride = p.stride, hops = f->count - 1;
    float *magnitude = room, *harmonic = magnitude + bins * stride;
    float *out = harmonic + bins * stride, *re = out + hop * stride, *im = re + bins * VL;
    for (long first = 0; first < f->count; first += VL) {
        group(f, &p, first);
        for (long i = 0; i < bins * VL; i++)
            p.power[i] = sqrtf(p.power[i]);
        for (long k = 0; k < bins; k++)
            memcpy(magnitude + k * stride + first, p.power + k * VL, VL * sizeof(float));
    }
    /* Along time: bins side by side. `out` is free until later. */
    for (long k0 = 0; k0 < bins; k0 += VL) {
        long width = bins - k0 < VL ? bins - k0 : VL;
        float *turned = out, *medians = out + f->count * VL;
        for (long t0 = 0; t0 < f->count; t0 += VL)
            for (long k = 0; k < width; k++)
                for (long t = t0; t < t0 + VL && t < f->count; t++)
                    turned[t * VL + k] = magnitude[(k0 + k) * stride + t];
        median_strip(turned, f->count, VL, medians, VL);
        for (long t0 = 0; t0 < f->count; t0 += VL)
            for (long k = 0; k < width; k++)
                for (long t = t0; t < t0 + VL && t < f->count; t++)
                    harmonic[(k0 + k) * stride + t] = medians[t * VL + k];
    }
    memset(out, 0, (size_t)(hop * stride) * sizeof(float));
    for (long first = 0; first < f->count; first += VL) {
        long lanes = lanes_left(f, first);
        const float *w = p.window;
        /* Along frequency: frames side by side; then the share of it, in p.power. */
        median_strip(magnitude + first, bins, stride, p.power, VL);
        for (long k = 0; k < bins; k++)
            for (long l = 0; l < VL; l++) {
                float a = p.power[k * VL + l] * p.power[k * VL + l];
                float b = l < lanes ? harmonic[k * stride + first + l] : INFINITY, sum;
                sum = a + b * b;
                p.power[k * VL + l] = sum > 0.0f ? a / sum : 0.5f;
            }
        forward(f, &p, first);
        for (long k = 0; k <= p.half / 2; k++) {
            wide z[4], mask = LOAD(p.power + k * VL), other = LOAD(p.power + (p.half - k) * VL);
            unfold(f, &p, k, z);
            LOAD(re + k * VL) = z[0] * mask;
            LOAD(im + k * VL) = z[1] * mask;
            LOAD(re + (p.half - k) * VL) = z[2] * other;
            LOAD(im + (p.half - k) * VL) = z[3] * other;
        }
        /* Back: the inverse transform is the forward one with real and imaginary part swapped. */
        for (long j = 0; j < p.columns; j++) {
            for (long i = 0; i < p.rows; i++) {
                long k = j + p.columns * i, down = p.half - k;
                float c = f->cosine[k], s = f->sine[k];
                wide ar = LOAD(re + k * VL), ai = LOAD(im + k * VL);
                wide br = LOAD(re + down * VL), bi = LOAD(im + down * VL);
                wide dr = ar - br, di = ai + bi;
                LOAD(p.scratch + p.pitch + i * VL) = ar + br - (di * c - dr * s);
                LOAD(p.scratch + i * VL) = ai - bi + (dr * c + di * s);
            }
            across(f, &p, j);
        }
        along(f, &p);
        for (long j = 0; j < p.columns; j++)
            for (long i = 0; i < p.rows; i++, w += 2) {
                long at = 2 * (j + p.columns * i), from = index_of(&p, at / 2);
                float *here = out + at % hop * stride + at / hop + first;
                LOAD(here) += LOAD(p.im + from) * w[0];
                LOAD(here + stride) += LOAD(p.re + from) * w[1];
            }
    }
    for (long t0 = 0; t0 < hops; t0 += VL) {
        double drums[VL] = {0}, notes[VL] = {0};
        for (long r = 0; r < hop; r++) {
            const float *d = out + r * stride + t0 + 2, *x = p.spread + r * stride + t0 + 2;
            float sum = 0.0f, norm[VL];
            for (long k = 0; k < 4; k++)
                sum += f->window[k * hop + r] * f->window[k * hop + r];
            for (long l = 0; l < VL; l++)
                norm[l] = sum;
            if (t0 == 0 || t0 + VL >= hops)
                for (long l = 0; l < VL && t0 + l < hops; l++) {
                    norm[l] = 0.0f;
                    for (long k = 0; k < 4; k++)
                        if (t0 + l + 2 - k >= 0 && t0 + l + 2 - k < f->count)
                            norm[l] += f->window[k * hop + r] * f->window[k * hop + r];
                }
            for (long l = 0; l < VL; l++) {
                float a = d[l] / (norm[l] * (float)f->size), b = x[l] - a;
                drums[l] += a * a;
                notes[l] += b * b;
            }
        }
        for (long l = 0; l < VL && t0 + l < hops; l++) {
            energy[t0 + l] = drums[l];
            energy[hops + t0 + l] = notes[l];
        }
    }
}
