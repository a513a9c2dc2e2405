/* Loops of the built-in effects, several times as fast as those they stand in for.
 *
 * Compiled without contracting a product and a sum into one rounding, so that every processor gives
 * the same samples, and those of the effect that a loop replaces. */
#include "../audio/_kernels.h"

#define COMBS 8
#define ALL_PASSES 4
#define LANES (2 * COMBS)
#define BLOCK 128

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));
typedef float quad __attribute__((vector_size(16), aligned(4)));

/* What JUCE adds and takes away again, against denormal numbers: small values lose their last bits,
 * which is heard, if at all, at -150 dB. */
#define ROUNDED(x) (((x) + 0.1f) - 0.1f)

/* The next n samples of a ring of some length from a position, in order. */
static INLINE void take(const float *ring, long length, long position, long n, float *out)
{
    long first = n < length - position ? n : length - position;
    memcpy(out, ring + position, first * sizeof(float));
    memcpy(out + first, ring, (n - first) * sizeof(float));
}

/* Put n samples there, and return the position behind them. */
static INLINE long put(float *ring, long length, long position, long n, const float *in)
{
    long first = n < length - position ? n : length - position;
    memcpy(ring + position, in, first * sizeof(float));
    memcpy(ring, in + first, (n - first) * sizeof(float));
    return (position + n) % length;
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLES
#endif
#endif

/* Rows of four samples each made columns. */
static INLINE void turn(const float *in, long in_step, float *out, long out_step)
{
#ifdef SHUFFLES
    quad a = *(const quad *)in, b = *(const quad *)(in + in_step);
    quad c = *(const quad *)(in + 2 * in_step), d = *(const quad *)(in + 3 * in_step);
    quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    quad ba = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    quad dc = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(quad *)out = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(quad *)(out + out_step) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(quad *)(out + 2 * out_step) = __builtin_shufflevector(ba, dc, 0, 1, 4, 5);
    *(quad *)(out + 3 * out_step) = __builtin_shufflevector(ba, dc, 2, 3, 6, 7);
#else
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            out[i * out_step + j] = in[j * in_step + i];
#endif
}

/* Freeverb (Jezar at Dreampoint, 2000) as JUCE has it, for one channel (right is NULL) or two, in place.
 *
 * rings: the delay lines of the left channel's combs, the right one's, the left one's all-passes
 * and the right one's, one after another; lengths, positions: (2 * COMBS + 2 * ALL_PASSES,), no
 * length below 1; last: (2 * COMBS,), the combs' low-passes; levels: gain of the input, damping,
 * feedback, dry, wet, and wet of the other channel. */
EXPORT WIDE void reverberate(float *left, float *right, long samples, float *rings,
                             const long *lengths, long *positions, float *last,
                             const float *levels)
{
    float rows[LANES][BLOCK], columns[BLOCK][LANES], input[BLOCK], wet[2][BLOCK], delayed[BLOCK];
    float *ring[LANES + 2 * ALL_PASSES];
    const long channels = right ? 2 : 1, used = channels * COMBS;
    const float gain = levels[0], damping = levels[1], feedback = levels[2];
    const float dry = levels[3], own = levels[4], other = levels[5], undamped = 1.0f - damping;
    long block = BLOCK;
    for (long line = 0; line < LANES + 2 * ALL_PASSES; line++) {
        ring[line] = line ? ring[line - 1] + lengths[line - 1] : rings;
        block = lengths[line] < block ? lengths[line] : block;
    }
    memset(rows, 0, sizeof(rows));
    lanes low;
    memcpy(&low, last, sizeof(low));
    FLUSH_DENORMALS;
    for (long start = 0; start < samples; start += block) {
        long n = samples - start < block ? samples - start : block;
        float *x = left + start, *y = right ? right + start : NULL;
        if (y)
            for (long i = 0; i < n; i++)
                input[i] = (x[i] + y[i]) * gain;
        else
            for (long i = 0; i < n; i++)
                input[i] = x[i] * gain;
        for (long line = 0; line < used; line++)
            take(ring[line], lengths[line], positions[line], n, rows[line]);
        for (long channel = 0; channel < channels; channel++)
            for (long i = 0; i < n; i++) {
                float sum = 0.0f;
                for (long comb = 0; comb < COMBS; comb++)
                    sum += rows[channel * COMBS + comb][i];
                wet[channel][i] = sum;
            }
        for (long line = 0; line < LANES; line += 4)
            for (long i = 0; i < n; i += 4)
                turn(&rows[line][i], BLOCK, &columns[i][line], LANES);
        for (long i = 0; i < n; i++) {
            lanes out = *(lanes *)columns[i];
            low = ROUNDED(out * undamped + low * damping);
            *(lanes *)columns[i] = ROUNDED(input[i] + low * feedback);
        }
        for (long line = 0; line < LANES; line += 4)
            for (long i = 0; i < n; i += 4)
                turn(&columns[i][line], LANES, &rows[line][i], BLOCK);
        for (long line = 0; line < used; line++)
            positions[line] = put(ring[line], lengths[line], positions[line], n, rows[line]);
        for (long channel = 0; channel < channels; channel++) {
            float *z = wet[channel];
            for (long pass = 0; pass < ALL_PASSES; pass++) {
                long line = LANES + channel * ALL_PASSES + pass;
                take(ring[line], lengths[line], positions[line], n, delayed);
                float *fed = rows[0];
                for (long i = 0; i < n; i++) {
                    fed[i] = ROUNDED(z[i] + delayed[i] * 0.5f);
                    z[i] = delayed[i] - z[i];
                }
                positions[line] = put(ring[line], lengths[line], positions[line], n, fed);
            }
        }
        if (y)
            for (long i = 0; i < n; i++) {
                float l = wet[0][i], r = wet[1][i];
                x[i] = l * own + r * other + x[i] * dry;
                y[i] = r * own + l * other + y[i] * dry;
            }
        else
            for (long i = 0; i < n; i++)
                x[i] = wet[0][i] * own + x[i] * dry;
    }
    RESTORE_DENORMALS;
    memcpy(last, &low, sizeof(low));
}

#define PI 3.14159265358979323846f

/* Coefficients (b0 b1 b2 a1 a2) of a filter as JUCE has them, in single precision. kind: 0
 * high-pass and 1 low-pass of the first order, 2 low shelf, 3 high shelf, 4 peak. */
EXPORT void filter_coefficients(int kind, float rate, float cutoff, float q, float gain_db, float *c)
{
    float b0, b1, b2 = 0.0f, a0, a1, a2 = 0.0f;
    if (kind < 2) {
        float n = tanf(PI * cutoff / rate);
        b0 = kind ? n : 1.0f, b1 = kind ? n : -1.0f, a0 = n + 1.0f, a1 = n - 1.0f;
    } else {
        float gain = gain_db > -100.0f ? powf(10.0f, gain_db * 0.05f) : 0.0f;
        float a = sqrtf(gain), omega = (2.0f * PI * (cutoff > 2.0f ? cutoff : 2.0f)) / rate;
        if (kind < 4) {
            float less = a - 1.0f, more = a + 1.0f, cosine = cosf(omega);
            float beta = sinf(omega) * sqrtf(a) / q, part = less * cosine;
            if (kind == 2) {
                b0 = a * (more - part + beta), b1 = a * 2.0f * (less - more * cosine);
                b2 = a * (more - part - beta), a0 = more + part + beta;
                a1 = -2.0f * (less + more * cosine), a2 = more + part - beta;
            } else {
                b0 = a * (more + part + beta), b1 = a * -2.0f * (less + more * cosine);
                b2 = a * (more + part - beta), a0 = more - part + beta;
                a1 = 2.0f * (less - more * cosine), a2 = more - part - beta;
            }
        } else {
            float alpha = sinf(omega) / (q * 2.0f), c2 = -2.0f * cosf(omega);
            float times = alpha * a, over = alpha / a;
            b0 = 1.0f + times, b1 = c2, b2 = 1.0f - times;
            a0 = 1.0f + over, a1 = c2, a2 = 1.0f - over;
        }
    }
    float inverse = a0 != 0.0f ? 1.0f / a0 : 0.0f;
    c[0] = b0 * inverse, c[1] = b1 * inverse, c[2] = b2 * inverse;
    c[3] = a1 * inverse, c[4] = a2 * inverse;
}

#define SNAPPED(x) ((x) < -1.0e-8f || (x) > 1.0e-8f ? (x) : 0.0f)

typedef float channel_pair __attribute__((vector_size(16)));

#define MOST_IN_SERIES 8

/* JUCE's transposed direct form II in single precision, one or two channels at once, through `count`
 * filters one after the other, all of them for each sample: each waits for what it made of the
 * sample before, but not for the others. In place. Filters of the first order have zeros for what
 * they lack. c: (count, 5); state: (channels, count, 2); every `block` samples it is made zero
 * where it is nearly so, as JUCE does. */
static INLINE void in_series(float *const *x, const int channels, long samples, long block,
                             const float *c, const int count, float *state)
{
    channel_pair low[MOST_IN_SERIES], high[MOST_IN_SERIES], b0[MOST_IN_SERIES];
    channel_pair b1[MOST_IN_SERIES], b2[MOST_IN_SERIES], a1[MOST_IN_SERIES], a2[MOST_IN_SERIES];
    for (int f = 0; f < count; f++, c += 5) {
        const float *s = state + 2 * f, *other = s + 2 * count;
        b0[f] = (channel_pair){0} + c[0], b1[f] = (channel_pair){0} + c[1];
        b2[f] = (channel_pair){0} + c[2], a1[f] = (channel_pair){0} + c[3];
        a2[f] = (channel_pair){0} + c[4];
        low[f] = (channel_pair){s[0], channels > 1 ? other[0] : 0.0f};
        high[f] = (channel_pair){s[1], channels > 1 ? other[1] : 0.0f};
    }
    for (long start = 0; start < samples; start += block) {
        long end = samples - start < block ? samples : start + block;
        for (long i = start; i < end; i++) {
            channel_pair in = {x[0][i], channels > 1 ? x[1][i] : 0.0f};
            for (int f = 0; f < count; f++) {
                channel_pair out = in * b0[f] + low[f];
                low[f] = (in * b1[f] - out * a1[f]) + high[f];
                high[f] = in * b2[f] - out * a2[f];
                in = out;
            }
            x[0][i] = in[0];
            if (channels > 1)
                x[1][i] = in[1];
        }
        for (int f = 0; f < count; f++)
            for (int k = 0; k < channels; k++)
                low[f][k] = SNAPPED(low[f][k]), high[f][k] = SNAPPED(high[f][k]);
    }
    for (int f = 0; f < count; f++)
        for (int k = 0; k < channels; k++) {
            state[2 * (count * k + f)] = low[f][k];
            state[2 * (count * k + f) + 1] = high[f][k];
        }
}

#define SERIES(n) \
    case n: \
        if (k + 1 < channels) \
            in_series(rows, 2, samples, block, c, n, state); \
        else \
            in_series(rows, 1, samples, block, c, n, state); \
        break

/* x: (channels, samples), of any number of channels; 1 to 8 filters. */
EXPORT WIDE void filter_channels(float *x, long channels, long samples, long block, const float *c,
                                 long count, float *state)
{
    FLUSH_DENORMALS;
    for (long k = 0; k < channels; k += 2, state += 4 * count) {
        float *rows[2] = {x + k * samples, x + (k + 1) * samples};
        switch (count) {
            SERIES(1); SERIES(2); SERIES(3); SERIES(4);
            SERIES(5); SERIES(6); SERIES(7); SERIES(8);
        }
    }
    RESTORE_DENORMALS;
}

typedef double eight __attribute__((vector_size(64), aligned(8)));
typedef unsigned long long eight_bits __attribute__((vector_size(64), aligned(8)));

/* Eight numbers from 2^-126 on to a power from -1 to 0, in place: in single precision as the C
 * library has it, but for one in a thousand whose last bit is another. The series' errors are below
 * 1e-10. */
static INLINE void raise_to(double *numbers, double power)
{
    const double whole = 6755399441055744.0;
    eight_bits bits = *(eight_bits *)numbers;
    /* Each is m, from the square root of a half to that of two, times 2^(shift - 1024). */
    eight_bits shift = (bits - 0x3FE6A09E667F3BCDULL + (1024ULL << 52)) >> 52;
    eight m = (eight)(bits - (shift << 52) + (1024ULL << 52));
    /* A number of this size holds another in its last places. */
    eight k = (eight)(shift + 0x4338000000000000ULL) - (whole + 1024.0);
    eight s = (m - 1.0) / (m + 1.0), t = s * s;
    eight log = s * (2.0 + t * (2.0 / 3 + t * (2.0 / 5 + t * (2.0 / 7 + t * (2.0 / 9 +
                t * (2.0 / 11 + t * (2.0 / 13)))))));
    eight y = power * (k + 1.4426950408889634 * log);
    eight held = y + whole, z = 0.6931471805599453 * (y - (held - whole));
    z = 1.0 + z * (1.0 + z * (1.0 / 2 + z * (1.0 / 6 + z * (1.0 / 24 + z * (1.0 / 120 +
        z * (1.0 / 720 + z * (1.0 / 5040 + z * (1.0 / 40320 + z * (1.0 / 362880)))))))));
    *(eight_bits *)numbers = (eight_bits)z + (((eight_bits)held - 0x4338000000000000ULL) << 52);
}

/* JUCE's compressor, one or two channels at once, in place. levels: threshold, its inverse, one
 * over the ratio less one, and what attack and release keep of the envelope; envelope: (channels,). */
static INLINE void compressed(float *const *x, const int channels, long samples,
                              const float *levels, float *envelope)
{
    const float threshold = levels[0], inverse = levels[1], power = levels[2];
    const float attack = levels[3], release = levels[4];
    float row[2][BLOCK], old[2];
    double ratio[BLOCK];
    memset(row, 0, sizeof(row));
    for (int k = 0; k < channels; k++)
        old[k] = envelope[k];
    for (long start = 0; start < samples; start += BLOCK) {
        long n = samples - start < BLOCK ? samples - start : BLOCK;
        float above = 0.0f;
        for (long i = 0; i < n; i++)
            for (int k = 0; k < channels; k++) {
                float in = fabsf(x[k][start + i]);
                float kept = in > old[k] ? attack : release;
                row[k][i] = old[k] = in + kept * (old[k] - in);
            }
        for (int k = 0; k < channels; k++)
            for (long i = 0; i < n; i++)
                above = row[k][i] < threshold ? above : 1.0f;
        for (int k = 0; k < channels && above > 0.0f; k++) {
            float *y = x[k] + start;
            for (long i = 0; i < BLOCK; i++)
                ratio[i] = row[k][i] < threshold ? 1.0f : row[k][i] * inverse;
            for (long i = 0; i < BLOCK; i += 8)
                raise_to(ratio + i, power);
            INDEPENDENT
            for (long i = 0; i < n; i++)
                y[i] *= (float)ratio[i];
        }
    }
    for (int k = 0; k < channels; k++)
        envelope[k] = old[k];
}

/* x: (channels, samples), of any number of channels. */
EXPORT WIDE void compress_channels(float *x, long channels, long samples, const float *levels,
                              float *envelope)
{
    FLUSH_DENORMALS;
    for (long k = 0; k < channels; k += 2) {
        float *rows[2] = {x + k * samples, x + (k + 1) * samples};
        if (k + 1 < channels)
            compressed(rows, 2, samples, levels, envelope + k);
        else
            compressed(rows, 1, samples, levels, envelope + k);
    }
    RESTORE_DENORMALS;
}

MODULE(_builtins)
