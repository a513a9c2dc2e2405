/* Biquads in series, two channels at a time: what scipy.signal.sosfilt computes, without the half
 * second that importing scipy.signal takes. */
#include "_kernels.h"

#define MOST 32

/* One or two channels of `samples` (floats, `lanes` of them) through `count` sections of six
 * numbers each (b0 b1 b2 a0 a1 a2, a0 being 1), in transposed direct form II and double precision.
 * `state` holds two numbers for each section and channel, section after section, and is kept. */
static INLINE void run(const double *restrict sections, long count, const float *const *restrict in,
                       float *const *restrict out, long samples, double *const *restrict state,
                       const int lanes)
{
    double low[MOST][2], high[MOST][2], row[MOST][5];
    for (long s = 0; s < count; s++) {
        for (int k = 0; k < 3; k++)
            row[s][k] = sections[6 * s + k];
        row[s][3] = sections[6 * s + 4];
        row[s][4] = sections[6 * s + 5];
        for (int lane = 0; lane < lanes; lane++) {
            low[s][lane] = state[lane][2 * s];
            high[s][lane] = state[lane][2 * s + 1];
        }
    }
    for (long n = 0; n < samples; n++) {
        double x[2];
        for (int lane = 0; lane < lanes; lane++)
            x[lane] = in[lane][n];
        for (long s = 0; s < count; s++)
            for (int lane = 0; lane < lanes; lane++) {
                double y = row[s][0] * x[lane] + low[s][lane];
                low[s][lane] = row[s][1] * x[lane] - row[s][3] * y + high[s][lane];
                high[s][lane] = row[s][2] * x[lane] - row[s][4] * y;
                x[lane] = y;
            }
        for (int lane = 0; lane < lanes; lane++)
            out[lane][n] = (float)x[lane];
    }
    for (long s = 0; s < count; s++)
        for (int lane = 0; lane < lanes; lane++) {
            state[lane][2 * s] = low[s][lane];
            state[lane][2 * s + 1] = high[s][lane];
        }
}

/* `in` and `out`: `channels` rows of `samples`; `state`: (channels, count, 2). Returns 0, or 1 where
 * there are more than MOST sections. */
EXPORT int biquads(const double *sections, long count, const float *in, float *out, long channels,
                   long samples, double *state)
{
    if (count > MOST)
        return 1;
    if (!count) {
        /* The one call of the C library, too, without which auditwheel does not know it. */
        memcpy(out, in, (size_t)channels * samples * sizeof(float));
        return 0;
    }
    FLUSH_DENORMALS;
    for (long c = 0; c < channels; c += 2) {
        const float *ins[2] = {in + c * samples, in + (c + 1) * samples};
        float *outs[2] = {out + c * samples, out + (c + 1) * samples};
        double *states[2] = {state + 2 * c * count, state + 2 * (c + 1) * count};
        if (c + 1 < channels)
            run(sections, count, ins, outs, samples, states, 2);
        else
            run(sections, count, ins, outs, samples, states, 1);
    }
    RESTORE_DENORMALS;
    return 0;
}

MODULE(_biquads)
