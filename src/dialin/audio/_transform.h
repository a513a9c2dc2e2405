/* Short-time transforms: many frames side by side in the lanes of vectors.
 *
 * The signal is laid out so that the same sample of VL frames in a row lies side by side, and
 * each group of VL frames goes through one transform. What is taken from the spectra (sums,
 * bands, widths) is taken there, so that they need not be stored. */
#ifndef DIALIN_TRANSFORM_H
#define DIALIN_TRANSFORM_H

#include "_lanes.h"
#include <stdint.h>

typedef int marks __attribute__((vector_size(4 * VL), aligned(4), may_alias));

/* Frames of `x`, `hop` apart, `length` long, less their mean if `centre`, times `window` (none if
 * null), filled up with zeros to `size` (a power of two, 64 or more). cosine, sine:
 * exp(-2 pi i k / size), k < size. work: hop * (count + length / hop + 32) + 80 * size floats. */
struct frames {
    const float *x, *window, *cosine, *sine;
    float *work;
    long n, hop, count, length, centre, size;
};

/* Where things lie in `work`; `pitch` is the distance of rows, odd in cache lines so that they
 * do not fall on one another in the cache. */
struct plan {
    float *spread, *re, *im, *power, *scratch, *window, *turns;
    long stride, half, rows, columns, shift, pitch;
};

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

/* Transform of `n` points (a power of two) of VL lanes from (re, im), which is overwritten, with
 * (to_re, to_im) beside it; returns whether the result lies there. */
static INLINE int transform(long n, long size, float *re, float *im, float *to_re, float *to_im,
                            const float *cosine, const float *sine)
{
    long s = VL;
    int there = 0;
    while (n >= 4) {
        float *swap;
        radix4(n, s, re, im, to_re, to_im, cosine, sine, size / n);
        n /= 4;
        s *= 4;
        swap = re, re = to_re, to_re = swap;
        swap = im, im = to_im, to_im = swap;
        there = !there;
    }
    if (n == 2) {
        for (long q = 0; q < s; q += VL) {
            wide a = LOAD(re + q), b = LOAD(re + q + s), c = LOAD(im + q), d = LOAD(im + q + s);
            LOAD(to_re + q) = a + b;
            LOAD(to_re + q + s) = a - b;
            LOAD(to_im + q) = c + d;
            LOAD(to_im + q + s) = c - d;
        }
        there = !there;
    }
    return there;
}

/* Lay the signal out by lanes, and what the transforms need in the order they need it. */
static INLINE struct plan prepare(const struct frames *f)
{
    struct plan p;
    long blocks = f->count + VL + (f->length + f->hop - 1) / f->hop, bits = 0;
    float *free_ = (float *)(((uintptr_t)f->work + 63) & ~(uintptr_t)63);
    p.half = f->size / 2;
    while ((1L << bits) < p.half)
        bits++;
    p.shift = bits / 2;
    p.rows = 1L << p.shift;
    p.columns = p.half / p.rows;
    p.pitch = (p.columns + 1) * VL;
    p.stride = ((blocks + 15) & ~15L) + ((blocks + 15) & 16 ? 0 : 16);
    p.re = free_;
    p.im = p.re + p.rows * p.pitch + VL;
    p.power = p.im + p.rows * p.pitch + VL;
    p.scratch = p.power + (p.half + 2) * VL;
    p.turns = p.scratch + 4 * p.pitch;
    p.window = p.turns + f->size;
    p.spread = p.window + f->size;
    for (long j = 0; j < p.columns; j++)
        for (long k = 0; k < p.rows; k++) {
            long at = 2 * (j + p.columns * k);
            float *turn = p.turns + 2 * (j * p.rows + k), *w = p.window + 2 * (j * p.rows + k);
            turn[0] = f->cosine[2 * j * k];
            turn[1] = f->sine[2 * j * k];
            w[0] = at >= f->length ? 0.0f : f->window ? f->window[at] : 1.0f;
            w[1] = at + 1 >= f->length ? 0.0f : f->window ? f->window[at + 1] : 1.0f;
        }
    spread_out(f->x, f->n, f->hop, p.stride, p.spread);
    return p;
}

/* A transform is made in two steps, of `rows` points across the samples and of `columns` points
 * along them, so that most of the work is done in the nearest cache. The first step for column
 * j, whose numbers lie in p->scratch. */
static INLINE void across(const struct frames *f, const struct plan *p, long j)
{
    float *ar = p->scratch, *ai = ar + p->pitch, *br = ai + p->pitch, *bi = br + p->pitch;
    const float *turn = p->turns + 2 * j * p->rows, *fr = ar, *fi = ai;
    if (transform(p->rows, f->size, ar, ai, br, bi, f->cosine, f->sine))
        fr = br, fi = bi;
    for (long k = 0; k < p->rows; k++, turn += 2) {
        float c = turn[0], s = turn[1];
        wide a = LOAD(fr + k * VL), b = LOAD(fi + k * VL);
        LOAD(p->re + k * p->pitch + j * VL) = c * a - s * b;
        LOAD(p->im + k * p->pitch + j * VL) = c * b + s * a;
    }
}

/* The second step, for all rows. */
static INLINE void along(const struct frames *f, const struct plan *p)
{
    float *br = p->scratch + 2 * p->pitch, *bi = br + p->pitch;
    for (long k = 0; k < p->rows; k++) {
        float *re = p->re + k * p->pitch, *im = p->im + k * p->pitch;
        if (transform(p->columns, f->size, re, im, br, bi, f->cosine, f->sine)) {
            memcpy(re, br, (size_t)(p->columns * VL) * sizeof(float));
            memcpy(im, bi, (size_t)(p->columns * VL) * sizeof(float));
        }
    }
}

/* Where number k of a transform lies. */
static INLINE long index_of(const struct plan *p, long k)
{
    return (k & (p->rows - 1)) * p->pitch + (k >> p->shift) * VL;
}

/* Transform the pairs of samples of the VL frames from number `first` on. */
static INLINE void forward(const struct frames *f, const struct plan *p, long first)
{
    const float *x = p->spread + first, *w = p->window;
    long rows = p->rows, columns = p->columns, stride = p->stride, hop = f->hop;
    long step = 2 * columns;
    float *re = p->scratch, *im = re + p->pitch;
    wide mean = {0};
    if (f->centre) {
        wide part[2] = {{0}, {0}};
        for (long i = 0, block = 0; i < f->length; block++)
            for (long r = 0; r < hop && i < f->length; r++, i++)
                part[i & 1] += LOAD(x + r * stride + block);
        mean = (part[0] + part[1]) / (float)f->length;
    }
    for (long j = 0; j < columns; j++) {
        long r = 2 * j, block = 0;
        for (long i = 0; i < rows; i++, r += step, w += 2) {
            wide even = {0}, odd = {0};
            if (i * step + 2 * j < f->length) {
                long next;
                while (r >= hop)
                    r -= hop, block++;
                next = r + 1 < hop ? (r + 1) * stride + block : block + 1;
                even = (LOAD(x + r * stride + block) - mean) * w[0];
                odd = (LOAD(x + next) - mean) * w[1];
            }
            LOAD(re + i * VL) = even;
            LOAD(im + i * VL) = odd;
        }
        across(f, p, j);
    }
    along(f, p);
}

/* From the transform of pairs of samples to that of the samples: bins k and half - k, for which
 * the same numbers are needed. */
static INLINE void unfold(const struct frames *f, const struct plan *p, long k, wide out[4])
{
    long up = index_of(p, k), down = index_of(p, (p->half - k) & (p->half - 1));
    float c = f->cosine[k], s = f->sine[k];
    wide ur = LOAD(p->re + up), ui = LOAD(p->im + up);
    wide dr = LOAD(p->re + down), di = LOAD(p->im + down);
    wide er = ur + dr, ei = ui - di, orr = ui + di, oi = dr - ur;
    wide tr = c * orr - s * oi, ti = c * oi + s * orr;
    out[0] = 0.5f * (er + tr);
    out[1] = 0.5f * (ei + ti);
    out[2] = 0.5f * (er - tr);
    out[3] = -0.5f * (ei - ti);
}

/* Power spectra of the VL frames from number `first` on, into p->power: (bins, VL). */
static INLINE void group(const struct frames *f, const struct plan *p, long first)
{
    forward(f, p, first);
    for (long k = 0; k <= p->half / 2; k++) {
        wide z[4];
        unfold(f, p, k, z);
        LOAD(p->power + k * VL) = z[0] * z[0] + z[1] * z[1];
        LOAD(p->power + (p->half - k) * VL) = z[2] * z[2] + z[3] * z[3];
    }
}

static INLINE long lanes_left(const struct frames *f, long first)
{
    return f->count - first < VL ? f->count - first : VL;
}

#endif
