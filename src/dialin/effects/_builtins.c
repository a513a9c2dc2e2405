/* Loops of the built-in effects, several times as fast as those they stand in for.
 *
 * Compiled without contracting a product and a sum into one rounding, so that every processor gives
 * the same samples, and those of the effect that a loop replaces. */
#include "../timbre/_native.h"

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

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_builtins", "Compiled loops, called through ctypes.", -1, NULL,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__builtins(void)
{
    return PyModule_Create(&module);
}
