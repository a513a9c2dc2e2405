/* Fourier transforms of sixteen rows side by side in the lanes of vectors, of lengths that are made
 * of 2, 3, 5 and 7. */
#ifndef DIALIN_RADIX_H
#define DIALIN_RADIX_H

#include "../audio/_lanes.h"

/* cos and sin of 2 pi k / r. */
static const float COS3[3] = {1.0f, -0.5f, -0.5f};
static const float SIN3[3] = {0.0f, 0.8660254037844386f, -0.8660254037844386f};
static const float COS5[5] = {1.0f, 0.3090169943749474f, -0.8090169943749474f,
                              -0.8090169943749474f, 0.3090169943749474f};
static const float SIN5[5] = {0.0f, 0.9510565162951535f, 0.5877852522924731f,
                              -0.5877852522924731f, -0.9510565162951535f};
static const float COS7[7] = {1.0f, 0.6234898018587336f, -0.2225209339563144f, -0.9009688679024191f,
                              -0.9009688679024191f, -0.2225209339563144f, 0.6234898018587336f};
static const float SIN7[7] = {0.0f, 0.7818314824680298f, 0.9749279121818236f, 0.4338837391175581f,
                              -0.4338837391175581f, -0.9749279121818236f, -0.7818314824680298f};

/* Transforms of `r` points, in place. */
static INLINE void even_points(const int r, wide *re, wide *im)
{
    if (r == 2) {
        wide a = re[0] - re[1], b = im[0] - im[1];
        re[0] += re[1], im[0] += im[1];
        re[1] = a, im[1] = b;
        return;
    }
    wide ar = re[0] + re[2], ai = im[0] + im[2], br = re[0] - re[2], bi = im[0] - im[2];
    wide cr = re[1] + re[3], ci = im[1] + im[3], dr = im[1] - im[3], di = re[3] - re[1];
    re[0] = ar + cr, im[0] = ai + ci;
    re[1] = br + dr, im[1] = bi + di;
    re[2] = ar - cr, im[2] = ai - ci;
    re[3] = br - dr, im[3] = bi - di;
}

static INLINE void odd_points(const int r, const float *c, const float *s, wide *re, wide *im)
{
    wide sum_re[3], sum_im[3], gap_re[3], gap_im[3], all_re = re[0], all_im = im[0];
    const int half = r / 2;
    for (int k = 0; k < half; k++) {
        sum_re[k] = re[k + 1] + re[r - 1 - k], sum_im[k] = im[k + 1] + im[r - 1 - k];
        gap_re[k] = re[k + 1] - re[r - 1 - k], gap_im[k] = im[k + 1] - im[r - 1 - k];
        all_re += sum_re[k], all_im += sum_im[k];
    }
    for (int j = 1; j <= half; j++) {
        wide a = re[0], b = im[0], p = {0}, q = {0};
        for (int k = 0; k < half; k++) {
            const float cosine = c[j * (k + 1) % r], sine = s[j * (k + 1) % r];
            a += cosine * sum_re[k], b += cosine * sum_im[k];
            p += sine * gap_im[k], q += sine * gap_re[k];
        }
        re[j] = a + p, im[j] = b - q;
        re[r - j] = a - p, im[r - j] = b + q;
    }
    re[0] = all_re, im[0] = all_im;
}

/* One Stockham pass of radix `r` over `n` points of stride `s` (floats), from (a, b) to (c, d);
 * step: what one n-th of a turn is in cosine and sine. */
static INLINE void pass(const int r, long n, long s, const float *restrict a,
                        const float *restrict b, float *restrict c, float *restrict d,
                        const float *cosine, const float *sine, long step)
{
    long part = n / r;
    for (long p = 0; p < part; p++)
        for (long q = 0; q < s; q += VL) {
            wide re[7], im[7];
            for (int k = 0; k < r; k++) {
                re[k] = LOAD(a + s * (p + part * k) + q);
                im[k] = LOAD(b + s * (p + part * k) + q);
            }
            if (r == 3)
                odd_points(3, COS3, SIN3, re, im);
            else if (r == 5)
                odd_points(5, COS5, SIN5, re, im);
            else if (r == 7)
                odd_points(7, COS7, SIN7, re, im);
            else
                even_points(r, re, im);
            LOAD(c + s * r * p + q) = re[0];
            LOAD(d + s * r * p + q) = im[0];
            for (int j = 1; j < r; j++) {
                float u = cosine[j * p * step], v = sine[j * p * step];
                LOAD(c + s * (r * p + j) + q) = u * re[j] - v * im[j];
                LOAD(d + s * (r * p + j) + q) = u * im[j] + v * re[j];
            }
        }
}

/* Transform of `n` points of VL lanes, of which `radices`, ended by a 0, make up `n`. (re, im) and
 * (to_re, to_im) take turns; returns whether the result lies in the latter. cosine, sine:
 * exp(-2 pi i k / (turn * n)). */
static INLINE int radix_transform(const long *radices, long n, long turn, float *re, float *im,
                                  float *to_re, float *to_im, const float *cosine,
                                  const float *sine)
{
    long whole = turn * n, s = VL;
    int there = 0;
    for (; *radices; radices++) {
        long step = whole / n;
        float *swap;
        switch (*radices) {
        case 2: pass(2, n, s, re, im, to_re, to_im, cosine, sine, step); break;
        case 3: pass(3, n, s, re, im, to_re, to_im, cosine, sine, step); break;
        case 4: pass(4, n, s, re, im, to_re, to_im, cosine, sine, step); break;
        case 5: pass(5, n, s, re, im, to_re, to_im, cosine, sine, step); break;
        default: pass(7, n, s, re, im, to_re, to_im, cosine, sine, step); break;
        }
        n /= *radices, s *= *radices;
        swap = re, re = to_re, to_re = swap;
        swap = im, im = to_im, to_im = swap;
        there = !there;
    }
    return there;
}

#endif
