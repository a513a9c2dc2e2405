/* Power of overlapping frames in some bins, whatever small primes their length is made of; see
 * short_cepstra.py. Sixteen frames lie side by side in the lanes of vectors. */
#include "_radix.h"

/* `count` frames of `x`, `hop` apart, times `window`, each of `size` samples, an even number;
 * `radices`, of 2, 3, 4, 5 and 7, make up half of it and end in 0. cosine, sine:
 * exp(-2 pi i k / size), k < size. power: (count, last - first). work: hop * stride +
 * (2 * size + last - first + VL) * VL floats, of which `stride` is a multiple of VL, and
 * count + size / hop + VL or more. */
struct frame_powers {
    const float *x, *window, *cosine, *sine;
    float *work, *power;
    const long *radices;
    long n, hop, count, size, first, last, stride;
};

EXPORT WIDE void frame_powers(const struct frame_powers *f)
{
    long half = f->size / 2, bins = f->last - f->first;
    float *spread = f->work, *here = spread + f->hop * f->stride, *there = here + f->size * VL;
    float *column = there + f->size * VL;
    spread_out(f->x, f->n, f->hop, f->stride, spread);
    for (long first = 0; first < f->count; first += VL) {
        float *re = here, *im = here + half * VL, *to_re = there, *to_im = there + half * VL;
        long lanes = f->count - first < VL ? f->count - first : VL;
        const float *from = spread + first;
        for (long i = 0, r = 0; i < f->size; i++) {
            LOAD((i & 1 ? im : re) + i / 2 * VL) = LOAD(from + r * f->stride) * f->window[i];
            if (++r == f->hop)
                r = 0, from++;
        }
        if (radix_transform(f->radices, half, 2, re, im, to_re, to_im, f->cosine, f->sine))
            re = to_re, im = to_im;
        /* From the transform of pairs of samples to that of the samples. */
        for (long k = f->first; k < f->last; k++) {
            long up = k == half ? 0 : k, down = k == 0 || k == half ? 0 : half - k;
            float c = f->cosine[k], v = f->sine[k];
            wide ur = LOAD(re + up * VL), ui = LOAD(im + up * VL);
            wide dr = LOAD(re + down * VL), di = LOAD(im + down * VL);
            wide er = ur + dr, ei = ui - di, orr = ui + di, oi = dr - ur;
            wide a = 0.5f * (er + c * orr - v * oi), b = 0.5f * (ei + c * oi + v * orr);
            LOAD(column + (k - f->first) * VL) = a * a + b * b;
        }
        for (long k0 = 0; k0 < bins; k0 += 16) {
            long width = bins - k0 < 16 ? bins - k0 : 16;
            for (long l = 0; l < lanes; l++) {
                float *row = f->power + (first + l) * bins + k0;
                for (long k = 0; k < width; k++)
                    row[k] = column[(k0 + k) * VL + l];
            }
        }
    }
}

MODULE(_frames)
