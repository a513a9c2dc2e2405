/* The loops of dialin.timbre that NumPy cannot run fast.
 *
 * An importable extension module with nothing in it: the kernels are plain C functions called
 * through ctypes (see native.py), so that they depend on neither the NumPy nor the Python ABI and
 * run without the interpreter lock. Each has a twin in fallback.py that gives the same values.
 * All arrays are C-contiguous; every output is written in full.
 */
#include "../audio/_kernels.h"

#define LANES 8
#define FRAME 4096
#define BANDS 28
#define OCTAVES 8

/* One second-order section with rows b0 b1 b2 a1 a2; x1, x2, y1, y2: what went in and came out
 * before. In this form a sample waits for the one before it for one multiplication only. */
#define SECTION(c, x0, x1, x2, y0, y1, y2) \
    (y0 = (c[0] * (x0) + (c[1] * (x1) + (c[2] * (x2) - c[4] * (y2)))) - c[3] * (y1))

/* Energy between the edges (count + 1,), rising, of x through two sections (2, 5) from rest. */
EXPORT WIDE void weighted_energy(const double *x, const double *sections, const long *edges,
                                 long count, double *energy)
{
    const double *c = sections, *d = sections + 5;
    double x1 = 0, x2 = 0, y1 = 0, y2 = 0, z1 = 0, z2 = 0;
    FLUSH_DENORMALS;
    for (long e = 0, i = 0; e <= count; e++) {
        double sum = 0.0;
        for (; i < edges[e]; i++) {
            double v = x[i], y, z;
            SECTION(c, v, x1, x2, y, y1, y2);
            SECTION(d, y, y1, y2, z, z1, z2);
            x2 = x1, x1 = v, y2 = y1, y1 = y, z2 = z1, z1 = z;
            sum += z * z;
        }
        if (e)
            energy[e - 1] = sum;
    }
    RESTORE_DENORMALS;
}

typedef double lanes __attribute__((vector_size(8 * LANES), aligned(8)));
typedef long long choice __attribute__((vector_size(8 * LANES), aligned(8)));
typedef double quad __attribute__((vector_size(32), aligned(8)));

/* One section three times over as the trunk, then four sections three times over each as
 * branches, side by side in the lanes of a vector. trunk: (5,), branches: (5, 4),
 * trunk_out: (n,), branch_out: (4, n). */
EXPORT WIDE void filter_tree(const double *x, long n, const double *trunk, const double *branches,
                             double *trunk_out, float *branch_out)
{
    double p1 = 0, p2 = 0, q1 = 0, q2 = 0, r1 = 0, r2 = 0;
    double t0 = trunk[0], t1 = trunk[1], t2 = trunk[2], t3 = trunk[3], t4 = trunk[4];
    quad b0 = *(const quad *)branches, b1 = *(const quad *)(branches + 4);
    quad b2 = *(const quad *)(branches + 8), a1 = *(const quad *)(branches + 12);
    quad a2 = *(const quad *)(branches + 16);
    quad s1 = {0}, s2 = {0}, u1 = {0}, u2 = {0}, w1 = {0}, w2 = {0};
    FLUSH_DENORMALS;
    for (long i = 0; i < n; i++) {
        double v = x[i], y = t0 * v + p1;
        quad in, out;
        p1 = t1 * v + p2 - t3 * y;
        p2 = t2 * v - t4 * y;
        v = y, y = t0 * v + q1;
        q1 = t1 * v + q2 - t3 * y;
        q2 = t2 * v - t4 * y;
        v = y, y = t0 * v + r1;
        r1 = t1 * v + r2 - t3 * y;
        r2 = t2 * v - t4 * y;
        trunk_out[i] = y;
        in = (quad){y, y, y, y};
        out = b0 * in + s1;
        s1 = b1 * in + s2 - a1 * out;
        s2 = b2 * in - a2 * out;
        in = out, out = b0 * in + u1;
        u1 = b1 * in + u2 - a1 * out;
        u2 = b2 * in - a2 * out;
        in = out, out = b0 * in + w1;
        w1 = b1 * in + w2 - a1 * out;
        w2 = b2 * in - a2 * out;
        for (int l = 0; l < 4; l++)
            branch_out[l * n + i] = (float)out[l];
    }
    RESTORE_DENORMALS;
}

/* Eighth-order band-pass over interleaved frames: mean square and maximum of the output. */
static INLINE void band(const double *x, long n, const double *b, const double *a, double *power,
                        double *peak)
{
    lanes z0 = {0}, z1 = {0}, z2 = {0}, z3 = {0}, z4 = {0}, z5 = {0}, z6 = {0}, z7 = {0};
    lanes sum = {0}, top = z0 - 1.0;
    choice higher;
    for (long i = 0; i < n; i++) {
        lanes v = *(const lanes *)(x + i * LANES), y = b[0] * v + z0;
        z0 = b[1] * v + z1 - a[1] * y;
        z1 = b[2] * v + z2 - a[2] * y;
        z2 = b[3] * v + z3 - a[3] * y;
        z3 = b[4] * v + z4 - a[4] * y;
        z4 = b[5] * v + z5 - a[5] * y;
        z5 = b[6] * v + z6 - a[6] * y;
        z6 = b[7] * v + z7 - a[7] * y;
        z7 = b[8] * v - a[8] * y;
        sum += y * y;
        higher = y > top;
        top = (lanes)(((choice)y & higher) | ((choice)top & ~higher));
    }
    for (int l = 0; l < LANES; l++) {
        power[l] = sum[l] / (double)n;
        peak[l] = top[l];
    }
}

/* Third-octave levels of frames of 4096 samples, low bands through repeated halving of the rate.
 * frames: (groups, 4096, 8) interleaved; filters: (4, 18) rows of b0..b8 a0..a8 for 12.5, 10, 8
 * and 6.3 kHz; halver: b0 b1 b2 a1 a2; levels: (groups, 28, 8) in dB, low bands first. */
EXPORT WIDE void third_octave_levels(const double *frames, long groups, const double *filters,
                                     const double *halver, double *work, double *levels)
{
    FLUSH_DENORMALS;
    for (long g = 0; g < groups; g++) {
        const double *x = frames + g * FRAME * LANES;
        double *out = levels + g * BANDS * LANES, power[LANES], peak[LANES];
        long n = FRAME;
        int row = BANDS - 1;
        for (int octave = 0; octave <= OCTAVES; octave++) {
            for (int k = octave ? 1 : 0; k < 4; k++, row--) {
                band(x, n, filters + 18 * k, filters + 18 * k + 9, power, peak);
                for (int l = 0; l < LANES; l++)
                    out[row * LANES + l] =
                        peak[l] > 0.0 ? 20.0 * log10(sqrt(power[l])) + 100.0 : -INFINITY;
            }
            if (octave < OCTAVES) {
                double s1[LANES] = {0}, s2[LANES] = {0};
                for (long i = 0; i < n; i++)
                    for (int l = 0; l < LANES; l++) {
                        double v = x[i * LANES + l], y = halver[0] * v + s1[l];
                        s1[l] = halver[1] * v - halver[3] * y + s2[l];
                        s2[l] = halver[2] * v - halver[4] * y;
                        if (i & 1)
                            work[(i >> 1) * LANES + l] = y;
                    }
                x = work;
                n /= 2;
            }
        }
    }
    RESTORE_DENORMALS;
}

static double tenth(double z)
{
    return nearbyint(z * 10.0) * 0.1; /* rounds halves to even, like Python's round */
}

/* The slopes of ISO 532 B: core loudness (count, 21) to specific loudness (count, 240) and total
 * loudness in sone (count,). zup: (21,), rns: (18,), usl: (18, 8). */
EXPORT void loudness_slopes(const double *core, long count, const double *zup, const double *rns,
                            const double *usl, double *specific, double *total)
{
    for (long f = 0; f < count; f++, core += 21, specific += 240) {
        double n = 0.0, z1 = 0.0, n1 = 0.0, z = 0.1, z2 = 0.0, n2 = 0.0;
        long filled = 0;
        int j = 17;
        memset(specific, 0, 240 * sizeof(double));
        for (int i = 0; i < 21; i++) {
            int column = i - 1 > 7 ? 7 : (i < 1 ? 7 : i - 1), first = 1;
            while (z1 < zup[i] || first) {
                double slope = 0.0, top = n1, from = z1, step;
                long pieces;
                first = 0;
                if (n1 < core[i])
                    for (j = 0; j < 17 && rns[j] > core[i]; j++)
                        ;
                if (n1 <= core[i]) {
                    z2 = zup[i];
                    n2 = core[i];
                    top = n2;
                    n += n2 * (z2 - z1);
                } else {
                    double dz;
                    slope = usl[8 * j + column];
                    n2 = rns[j] > core[i] ? rns[j] : core[i];
                    dz = tenth((n1 - n2) / slope);
                    if (dz == 0.0)
                        dz = 0.1;
                    z2 = z1 + dz;
                    if (z2 > zup[i]) {
                        z2 = zup[i];
                        dz = z2 - z1;
                        n2 = n1 - dz * slope;
                    }
                    n += dz * (n1 + n2) / 2.0;
                }
                /* the samples of numpy.arange(z, z2 + 0.01, 0.1) */
                pieces = (long)ceil((z2 + 0.01 - z) / 0.1);
                step = (z + 0.1) - z;
                if (pieces > 0) {
                    double last = z;
                    for (long p = 0; p < pieces; p++) {
                        last = z + (double)p * step;
                        if (filled + p < 240)
                            specific[filled + p] = top - (last - from) * slope;
                    }
                    filled += pieces - 1; /* the next piece starts on the last sample */
                    z = tenth(last);
                }
                if (n2 == rns[j])
                    j++;
                if (j > 17)
                    j = 17;
                n1 = n2;
                z1 = tenth(z2);
            }
        }
        if (n < 0.0)
            n = 0.0;
        total[f] = n <= 16.0 ? floor(n * 1000.0 + 0.5) / 1000.0 : floor(n * 100.0 + 0.05) / 100.0;
    }
}

/* Envelope of |x|: rises at once, holds for `hold` samples, then falls by `fall` a sample. */
EXPORT void hold_envelope(const double *x, long n, long hold, double fall, double *y)
{
    double level = 0.0;
    long wait = 0;
    for (long i = 0; i < n; i++) {
        double v = fabs(x[i]);
        if (v >= level) {
            level = v;
            wait = hold;
        } else if (wait > 0) {
            wait--;
        } else {
            level = level - fall > v ? level - fall : v;
        }
        y[i] = level;
    }
}

/* Follow an envelope down from each start over dips smaller than `significant`: to the lowest
 * place of the `look` samples before, or past a rise within `far` samples. Nearer to the start
 * than `margin` is 0. starts: (count,), overwritten by the ends. */
EXPORT void walk_back(const double *envelope, long *starts, long count, double significant,
                      long margin, long look, long far)
{
    for (long p = 0; p < count; p++) {
        long here = starts[p], next = 0;
        while (here > 0) {
            long first = here - look > 0 ? here - look - 1 : 0, lowest = first;
            long end = here - look >= 0 ? here : here - 1;
            double least;
            if (end <= first) {
                here = 0;
                break;
            }
            least = envelope[first];
            for (long i = first + 1; i < end; i++)
                least = envelope[i] < least ? envelope[i] : least;
            while (envelope[lowest] != least)
                lowest++;
            next = lowest;
            if (here == look)
                next--; /* as the reference counts */
            if (!(envelope[lowest] <= envelope[here])) {
                double high = 0.0, low = INFINITY;
                long stop = here - far - 1 > 0 ? here - far - 1 : 0;
                next = here - 1;
                while (next >= stop && !(envelope[next] < envelope[here]))
                    next--;
                if (next < stop)
                    break;
                for (long i = next; i < here; i++) {
                    high = envelope[i] > high ? envelope[i] : high;
                    low = envelope[i] < low ? envelope[i] : low;
                }
                if (high - low >= significant)
                    break;
            }
            here = next <= margin ? 0 : next;
        }
        starts[p] = here;
    }
}

/* Peaks that stand `contrast` above the notches beside them (the peak picking of MIRtoolbox, with
 * the notch looked for from one candidate to two samples before the next). Writes their positions
 * in order and returns how many there are; peaks must have room for n. */
EXPORT long contrast_peaks(const double *x, long n, double contrast, long *peaks)
{
    long count = 0, peak = -1, last = -1;
    double before = -2.0;
    for (long i = 0; i < n; i++) {
        double notch;
        if (!(x[i] >= contrast) || (i && !(x[i] > x[i - 1])) || (i + 1 < n && x[i + 1] > x[i]))
            continue;
        if (peak < 0) {
            peak = last = i;
            continue;
        }
        notch = x[last];
        for (long k = last + 1; k < i - 1; k++)
            notch = x[k] < notch ? x[k] : notch;
        if (x[peak] - notch < contrast) {
            before = notch < before ? notch : before;
            if (!(x[peak] > x[i]))
                peak = i;
        } else {
            if (x[peak] - before > contrast) {
                peaks[count++] = peak;
                before = notch;
            } else if (notch < before) {
                before = notch;
            }
            peak = i;
        }
        last = i;
    }
    if (peak >= 0 && x[peak] - before > contrast)
        peaks[count++] = peak;
    return count;
}

/* exp(x) for -745 < x <= 0 to a few units in the last place, in a form compilers vectorise. */
static INLINE double quick_exp(double x)
{
    const double shift = 6755399441055744.0; /* 1.5 * 2**52: rounds to an integer */
    double k = x * 1.4426950408889634 + shift, t, p;
    long long bits;
    memcpy(&bits, &k, 8);
    k -= shift;
    t = x - k * 0.6931471803691238 - k * 1.9082149292705877e-10;
    p = 1.0 / 39916800.0;
    p = p * t + 1.0 / 3628800.0;
    p = p * t + 1.0 / 362880.0;
    p = p * t + 1.0 / 40320.0;
    p = p * t + 1.0 / 5040.0;
    p = p * t + 1.0 / 720.0;
    p = p * t + 1.0 / 120.0;
    p = p * t + 1.0 / 24.0;
    p = p * t + 1.0 / 6.0;
    p = p * t + 0.5;
    p = p * t + 1.0;
    p = p * t + 1.0;
    bits = (bits + 1023) << 52;
    memcpy(&k, &bits, 8);
    return p * k;
}

/* Vassilakis' roughness of every pair of partials, summed. Frequencies rise; level is the
 * amplitude, root its tenth root, bin the amplitude before interpolation, by which the stronger
 * of a pair is told; slope is 0.24 / (0.0207 f + 18.96). stronger: polynomial of (2 s)**3.11
 * around s = 3/4, highest power first, s being the stronger's share of the pair. */
EXPORT WIDE double pair_roughness(const double *frequency, const double *level, const double *bin,
                                  const double *root, const double *slope, long n,
                                  const double *stronger, long terms)
{
    double total = 0.0;
    for (long i = 0; i < n; i++) {
        double sum = 0.0, f = frequency[i], a = level[i], s = slope[i];
        long end = i + 1;
        /* pairs this far apart add less than 1e-17 */
        while (end < n && s * (frequency[end] - f) < 11.0)
            end++;
        for (long j = i + 1; j < end; j++) {
            double d = s * (frequency[j] - f), b = level[j], share, y;
            share = (bin[i] >= bin[j] ? a : b) / (a + b) - 0.75;
            y = stronger[0];
            for (long k = 1; k < terms; k++)
                y = y * share + stronger[k];
            sum += root[j] * y * (quick_exp(-3.51 * d) - quick_exp(-5.75 * d));
        }
        total += 0.5 * sum * root[i];
    }
    return total;
}

/* Frame by frame over magnitude spectra (frames, bins): pick the peaks of the spectrum less `low`
 * over `range`, place them by parabola on the spectrum itself, and sum their pairs' roughness.
 * scratch: 5 * bins; peaks: bins. total: (frames,). */
EXPORT void frame_roughness(const float *spectra, long frames, long bins, double low,
                            double range, double hertz, const double *stronger, long terms,
                            double *scratch, long *peaks, double *total)
{
    double *normal = scratch, *frequency = scratch + bins, *level = scratch + 2 * bins;
    double *bin = scratch + 3 * bins, *root = scratch + 4 * bins;
    for (long f = 0; f < frames; f++) {
        const float *x = spectra + f * bins;
        long count;
        for (long i = 0; i < bins; i++)
            normal[i] = (x[i] - low) / range;
        count = contrast_peaks(normal, bins, 0.01, peaks);
        for (long p = 0; p < count; p++) {
            long i = peaks[p];
            double position = (double)i, height = x[i];
            if (i > 0 && i + 1 < bins) {
                double bend = x[i - 1] - 2.0 * x[i] + x[i + 1], tilt = (double)x[i - 1] - x[i + 1];
                if (bend < 0.0) {
                    position = (double)i + 0.5 * tilt / bend;
                    height = x[i] - 0.25 * tilt * (0.5 * tilt / bend);
                }
            }
            frequency[p] = position * hertz;
            level[p] = height;
            bin[p] = x[i];
            root[p] = pow(height, 0.1);
            normal[p] = 0.24 / (0.0207 * frequency[p] + 18.96);
        }
        total[f] = count < 2 ? 0.0
                             : pair_roughness(frequency, level, bin, root, normal, count,
                                              stronger, terms);
    }
}

/* Variance of n numbers around their mean. */
static INLINE double spread(const double *p, long n, double mean)
{
    double squares[8] = {0}, v = 0.0;
    long whole = n & ~7L;
    for (long i = 0; i < whole; i += 8)
        for (int l = 0; l < 8; l++)
            squares[l] += (p[i + l] - mean) * (p[i + l] - mean);
    for (long i = whole; i < n; i++)
        squares[0] += (p[i] - mean) * (p[i] - mean);
    for (int l = 0; l < 8; l++)
        v += squares[l];
    return v / (double)n;
}

/* How many sub-frames of sound decay each frame starts with: variance and maximum must fall and
 * minimum rise from one to the next. start: first sample of each frame; edges: (count + 1, 2)
 * first and last sample of each sub-frame. passed: (frames,). */
EXPORT WIDE void decay_runs(const double *x, const long *start, long frames, const long *edges,
                            long count, long *passed)
{
    for (long f = 0; f < frames; f++) {
        double variance = 0.0, middle = 0.0, top = 0.0, bottom = 0.0;
        passed[f] = -1; /* never failed */
        for (long k = 0; k < count; k++) {
            const double *p = x + start[f] + edges[2 * k];
            long n = edges[2 * k + 1] - edges[2 * k], whole = n & ~7L;
            double hi[8], lo[8], sum[8] = {0}, mean, v, high, low;
            for (int l = 0; l < 8; l++)
                hi[l] = lo[l] = p[0];
            for (long i = 0; i < whole; i += 8)
                for (int l = 0; l < 8; l++) {
                    double u = p[i + l];
                    hi[l] = u > hi[l] ? u : hi[l];
                    lo[l] = u < lo[l] ? u : lo[l];
                    sum[l] += u;
                }
            for (long i = whole; i < n; i++) {
                hi[0] = p[i] > hi[0] ? p[i] : hi[0];
                lo[0] = p[i] < lo[0] ? p[i] : lo[0];
                sum[0] += p[i];
            }
            high = hi[0];
            low = lo[0];
            mean = sum[0];
            for (int l = 1; l < 8; l++) {
                high = hi[l] > high ? hi[l] : high;
                low = lo[l] < low ? lo[l] : low;
                mean += sum[l];
            }
            mean /= (double)n;
            if (k && !(top > high && bottom < low)) {
                passed[f] = k;
                break;
            }
            /* Most frames fail above, so the first variance is taken only when it is wanted. */
            if (k == 1)
                variance = spread(x + start[f] + edges[0], edges[1] - edges[0], middle);
            if (k) {
                v = spread(p, n, mean);
                if (!(variance > v)) {
                    passed[f] = k;
                    break;
                }
                variance = v;
            }
            middle = mean;
            top = high;
            bottom = low;
        }
    }
}

/* Frames of x less their mean, times a window: (frames, length). */
EXPORT WIDE void tapered_frames(const double *x, long hop, long frames, long length,
                                const double *window, double *rows)
{
    for (long f = 0; f < frames; f++, x += hop, rows += length) {
        double parts[8] = {0}, sum = 0.0;
        long whole = length & ~7L;
        for (long i = 0; i < whole; i += 8)
            for (int l = 0; l < 8; l++)
                parts[l] += x[i + l];
        for (int l = 0; l < 8; l++)
            sum += parts[l];
        for (long i = whole; i < length; i++)
            sum += x[i];
        sum /= (double)length;
        for (long i = 0; i < length; i++)
            rows[i] = (x[i] - sum) * window[i];
    }
}

/* Squared magnitudes summed over rows of complex numbers: (bins,). */
EXPORT WIDE void summed_power(const double *z, long rows, long bins, double *power)
{
    memset(power, 0, (size_t)bins * sizeof(double));
    for (long r = 0; r < rows; r++, z += 2 * bins)
        for (long k = 0; k < bins; k++)
            power[k] += z[2 * k] * z[2 * k] + z[2 * k + 1] * z[2 * k + 1];
}

MODULE(_native)
