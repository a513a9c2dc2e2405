/* Fourier transforms of one long row of real numbers; see transforms.py.
 *
 * Pairs of samples are complex numbers, half as many. These lie in a table of `rows` by `columns`,
 * whose columns are transformed, turned and transposed, and transformed again (Bailey, "FFTs in
 * external or hierarchical memory", 1990): sixteen side by side each time. */
#include "_radix.h"

/* size: of the row, an even number; rows * columns: half of it. across, along: what `rows` and
 * `columns` are made of, ended by 0. across_cosine, across_sine: exp(-2 pi i k / rows), k < rows;
 * along_*: the same of columns. turn_*: exp(-2 pi i j k / (rows * columns)), (rows, columns).
 * half_*: exp(-2 pi i k / size), k <= size / 2. work: 3 * size + 4 * VL * (rows or columns, whichever
 * is more) floats. */
struct rows_plan {
    long size, rows, columns;
    const long *across, *along;
    const float *across_cosine, *across_sine, *along_cosine, *along_sine;
    const float *turn_cosine, *turn_sine, *half_cosine, *half_sine;
    float *work;
};

/* Transform of size / 2 complex numbers that lie `apart` floats from each other, to (re, im).
 * work: size + 4 * VL * (rows or columns) floats. */
static INLINE void complex_row(const struct rows_plan *p, const float *x_re, const float *x_im,
                               const int apart, float *re, float *im, float *work)
{
    long rows = p->rows, columns = p->columns, most = rows > columns ? rows : columns;
    float *flipped_re = work, *flipped_im = work + rows * columns;
    float *a = flipped_im + rows * columns, *b = a + most * VL, *c = b + most * VL;
    float *d = c + most * VL;
    for (long j = 0; j < columns; j += VL) {
        long lanes = columns - j < VL ? columns - j : VL;
        const float *from_re = a, *from_im = b;
        for (long n = 0; n < rows; n++) {
            const float *r = x_re + apart * (n * columns + j), *i = x_im + apart * (n * columns + j);
            if (lanes == VL)
                for (long l = 0; l < VL; l++) {
                    a[n * VL + l] = r[apart * l];
                    b[n * VL + l] = i[apart * l];
                }
            else
                for (long l = 0; l < VL; l++) {
                    a[n * VL + l] = l < lanes ? r[apart * l] : 0.0f;
                    b[n * VL + l] = l < lanes ? i[apart * l] : 0.0f;
                }
        }
        if (radix_transform(p->across, rows, 1, a, b, c, d, p->across_cosine, p->across_sine))
            from_re = c, from_im = d;
        for (long k0 = 0; k0 < rows; k0 += 16) {
            long many = rows - k0 < 16 ? rows - k0 : 16;
            float tile[2][16][16];
            for (long k = 0; k < many; k++) {
                const float *u = p->turn_cosine + (k0 + k) * columns + j;
                const float *v = p->turn_sine + (k0 + k) * columns + j;
                wide r = LOAD(from_re + (k0 + k) * VL), i = LOAD(from_im + (k0 + k) * VL);
                wide cosine = {0}, sine = {0};
                if (lanes == VL)
                    cosine = LOAD(u), sine = LOAD(v);
                else
                    for (long l = 0; l < lanes; l++)
                        cosine[l] = u[l], sine[l] = v[l];
                LOAD(tile[0][k]) = cosine * r - sine * i;
                LOAD(tile[1][k]) = cosine * i + sine * r;
            }
            for (long l = 0; l < lanes; l++) {
                float *to_re = flipped_re + (j + l) * rows + k0;
                float *to_im = flipped_im + (j + l) * rows + k0;
                if (many == 16)
                    for (long k = 0; k < 16; k++)
                        to_re[k] = tile[0][k][l], to_im[k] = tile[1][k][l];
                else
                    for (long k = 0; k < many; k++)
                        to_re[k] = tile[0][k][l], to_im[k] = tile[1][k][l];
            }
        }
    }
    for (long k = 0; k < rows; k += VL) {
        long lanes = rows - k < VL ? rows - k : VL;
        const float *from_re = a, *from_im = b;
        for (long n = 0; n < columns; n++) {
            const float *r = flipped_re + n * rows + k, *i = flipped_im + n * rows + k;
            if (lanes == VL) {
                LOAD(a + n * VL) = LOAD(r);
                LOAD(b + n * VL) = LOAD(i);
            } else
                for (long l = 0; l < VL; l++) {
                    a[n * VL + l] = l < lanes ? r[l] : 0.0f;
                    b[n * VL + l] = l < lanes ? i[l] : 0.0f;
                }
        }
        if (radix_transform(p->along, columns, 1, a, b, c, d, p->along_cosine, p->along_sine))
            from_re = c, from_im = d;
        for (long n = 0; n < columns; n++) {
            float *to_re = re + n * rows + k, *to_im = im + n * rows + k;
            if (lanes == VL) {
                LOAD(to_re) = LOAD(from_re + n * VL);
                LOAD(to_im) = LOAD(from_im + n * VL);
            } else
                for (long l = 0; l < lanes; l++)
                    to_re[l] = from_re[n * VL + l], to_im[l] = from_im[n * VL + l];
        }
    }
}

/* x: `size` samples. spectrum: `bins` complex numbers, size / 2 + 1 of them or fewer. */
EXPORT WIDE void forward_row(const struct rows_plan *p, const float *x, float *restrict spectrum,
                             long bins)
{
    long half = p->size / 2, end = bins < half ? bins : half;
    float *re = p->work, *im = re + half;
    const float *restrict cosine = p->half_cosine, *restrict sine = p->half_sine;
    const float *restrict up_re = re, *restrict up_im = im;
    complex_row(p, x, x + 1, 2, re, im, im + half);
    if (bins > 0)
        spectrum[0] = re[0] + im[0], spectrum[1] = 0.0f;
    if (bins > half)
        spectrum[2 * half] = re[0] - im[0], spectrum[2 * half + 1] = 0.0f;
    for (long k = 1; k < end; k++) {
        float c = cosine[k], s = sine[k], dr = up_re[half - k], di = up_im[half - k];
        float er = up_re[k] + dr, ei = up_im[k] - di, orr = up_im[k] + di, oi = dr - up_re[k];
        spectrum[2 * k] = 0.5f * (er + c * orr - s * oi);
        spectrum[2 * k + 1] = 0.5f * (ei + c * oi + s * orr);
    }
}

/* spectrum: size / 2 + 1 numbers, complex or, if `real`, real; x: `size` samples. */
EXPORT WIDE void inverse_row(const struct rows_plan *p, const float *restrict spectrum, int real,
                             float *restrict x)
{
    long half = p->size / 2;
    float *re = p->work, *im = re + half, *to_re = im + half, *to_im = to_re + half;
    float scale = 0.5f / (float)half;
    const float *restrict cosine = p->half_cosine, *restrict sine = p->half_sine;
    float *restrict given_re = re, *restrict given_im = im;
    /* Of the first and the last number only the real part counts. */
    float first = spectrum[0], last = spectrum[real ? half : 2 * half];
    if (real)
        for (long k = 1; k < half; k++) {
            float ur = spectrum[k], dr = spectrum[half - k], gap = ur - dr;
            given_re[k] = scale * (ur + dr + sine[k] * gap);
            given_im[k] = scale * cosine[k] * gap;
        }
    else
        for (long k = 1; k < half; k++) {
            float ur = spectrum[2 * k], ui = spectrum[2 * k + 1];
            float dr = spectrum[2 * (half - k)], di = -spectrum[2 * (half - k) + 1];
            float gr = ur - dr, gi = ui - di, c = cosine[k], s = -sine[k];
            given_re[k] = scale * (ur + dr - (c * gi + s * gr));
            given_im[k] = scale * (ui + di + (c * gr - s * gi));
        }
    re[0] = scale * (first + last), im[0] = scale * (first - last);
    /* With real and imaginary parts in each other's place the transform goes back. */
    complex_row(p, im, re, 1, to_im, to_re, to_im + half);
    for (long k = 0; k < half; k++)
        x[2 * k] = to_re[k], x[2 * k + 1] = to_im[k];
}

MODULE(_rows)
