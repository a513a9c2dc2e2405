/* Spectra that style features start from, taken in one pass; see style_spectra.py. */
#include "../audio/_transform.h"

/* columns: 4 * (size / 2 + 1) * VL; powers: (count, bands); sums: left, right and the real part
 * of left times conjugate right, summed over frames, 3 * (size / 2 + 1); logs: (shared,). Bands of
 * `many` weights from bin `start` on, one band after the other in `weight`. Of one channel `right`
 * is null, and the second and third sums stay 0. */
struct style {
    const struct frames *left, *right;
    const long *start, *many;
    const float *weight;
    float *columns, *powers;
    double *sums, *logs;
    long bands, shared;
    float scale, floor;
};

/* Adds the natural logarithm of numbers above 0 that are no denormals, times `there`, to 2e-7 of its
 * value or absolutely: the series of atanh about 1. */
static INLINE void add_logarithm(float *sum, const wide *v, const wide *there)
{
    marks bits = (marks)*v, power = (bits - 0x3f3504f3) >> 23;
    wide m = (wide)(bits - (power << 23)), s = (m - 1.0f) / (m + 1.0f), z = s * s;
    wide series = 1.0f / 9.0f * z + 1.0f / 7.0f;
    series = series * z + 1.0f / 5.0f;
    series = series * z + 1.0f / 3.0f;
    series = series * z + 1.0f;
    LOAD(sum) += (2.0f * s * series + __builtin_convertvector(power, wide) * 0.69314718f) * *there;
}

static INLINE void totalled(const float *columns, long bins, double *sum)
{
    for (long k = 0; k < bins; k++) {
        sum[k] = 0.0;
        for (long l = 0; l < VL; l++)
            sum[k] += columns[k * VL + l];
    }
}

EXPORT WIDE void style_spectra(const struct style *s)
{
    const struct frames *f = s->left;
    struct plan p = prepare(f), q = p;
    long half = p.half, bins = half + 1;
    float *left = s->columns, *right = left + bins * VL, *both = right + bins * VL;
    float *logs = both + bins * VL;
    memset(s->columns, 0, (size_t)(4 * bins * VL) * sizeof(float));
    if (s->right)
        q = prepare(s->right);
    for (long first = 0; first < f->count; first += VL) {
        long lanes = lanes_left(f, first);
        const float *w = s->weight;
        wide there = {0};
        for (long l = 0; l < lanes; l++)
            there[l] = 1.0f;
        forward(f, &p, first);
        if (s->right)
            forward(s->right, &q, first);
        for (long k = 0; k <= half / 2; k++) {
            long at[2] = {k, half - k};
            wide a[4], b[4];
            unfold(f, &p, k, a);
            if (s->right)
                unfold(s->right, &q, k, b);
            for (long n = 0; n < (at[0] == at[1] ? 1 : 2); n++) {
                long to = at[n] * VL;
                wide mine = a[2 * n] * a[2 * n] + a[2 * n + 1] * a[2 * n + 1], total = mine;
                LOAD(left + to) += mine * there;
                if (s->right) {
                    wide its = b[2 * n] * b[2 * n] + b[2 * n + 1] * b[2 * n + 1];
                    LOAD(right + to) += its * there;
                    LOAD(both + to) += (a[2 * n] * b[2 * n] + a[2 * n + 1] * b[2 * n + 1]) * there;
                    total = 0.5f * (mine + its);
                }
                LOAD(p.power + to) = total;
                if (at[n] < s->shared) {
                    wide scaled = total * s->scale + s->floor;
                    add_logarithm(logs + to, &scaled, &there);
                }
            }
        }
        for (long b = 0; b < s->bands; b++) {
            const float *bin = p.power + s->start[b] * VL;
            wide sum = {0};
            for (long k = 0; k < s->many[b]; k++)
                sum += LOAD(bin + k * VL) * w[k];
            w += s->many[b];
            for (long l = 0; l < lanes; l++)
                s->powers[(first + l) * s->bands + b] = sum[l];
        }
    }
    totalled(left, bins, s->sums);
    totalled(right, bins, s->sums + bins);
    totalled(both, bins, s->sums + 2 * bins);
    totalled(logs, s->shared, s->logs);
}

MODULE(_style)
