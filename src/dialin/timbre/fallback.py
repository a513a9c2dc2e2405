"""The kernels in NumPy and SciPy, for where no compiled ones were built: same values, slower."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from dialin.timbre import tables
from dialin.timbre.fallback_spectra import (  # noqa: F401
    band_power,
    bandwidths,
    frame_energies,
    percussive_energies,
    power_spectra,
    running_median,
    spectral_moments,
    summed_power,
    tapered_frames,
)
from dialin.timbre.filters import halving_section, third_octave_filters
from dialin.timbre.peaks import sharpened

Samples = NDArray[np.float64]
Singles = NDArray[np.float32]
Indices = NDArray[np.int64]


def biquads(x: Samples, sections: Samples) -> Samples:
    """Filter `x` (samples,) from rest by a cascade of rows ``b0 b1 b2 a1 a2``.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    sections : ndarray, float64, shape (sections, 5)
        Rows of ``b0 b1 b2 a1 a2``.

    Returns
    -------
    ndarray, float64, shape (samples,)
    """
    from scipy.signal import lfilter

    for row in sections:
        x = lfilter(row[:3], [1.0, *row[3:]], x)
    return np.asarray(x)


def weighted_energy(x: Samples, sections: Samples, edges: Indices) -> Samples:
    """Energy of `x` (samples,) through `sections` from each edge to the next: (edges - 1,).

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    sections : ndarray, float64, shape (sections, 5)
        Rows of ``b0 b1 b2 a1 a2``.
    edges : ndarray, int64, shape (edges,)
        Samples, rising.

    Returns
    -------
    ndarray, float64, shape (edges - 1,)
        Sums of squares.
    """
    y = biquads(x, sections)
    sums = np.concatenate([[0.0], np.cumsum(y * y)])
    return np.asarray(np.diff(sums[edges]))


def filter_tree(
    x: Samples, trunk: Samples, branches: list[Samples]
) -> tuple[Samples, NDArray[np.float32]]:
    """Filter `x` three times by `trunk`, the result three times by each of four `branches`.

    Returns the trunk's output (samples,) and the branches' (4, samples).

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    trunk : ndarray, float64, shape (5,)
        A section, ``b0 b1 b2 a1 a2``.
    branches : list of ndarray
        Four sections.

    Returns
    -------
    (ndarray, ndarray)
        The trunk's output as float64, shape (samples,), and the branches' as float32, shape (4,
        samples).
    """
    stem = biquads(x, np.tile(trunk, (3, 1)))
    twigs = [biquads(stem, np.tile(branch, (3, 1))) for branch in branches]
    return stem, np.asarray(twigs, dtype=np.float32)


def third_octave_levels(frames: Samples) -> Samples:
    """Levels of the 28 third octaves from 25 Hz to 12.5 kHz, dB, -inf where there is no sound.

    Parameters
    ----------
    frames : shape (frames, 4096)
        At 44.1 kHz. Each frame is filtered from rest. Bands from 5 kHz down are taken after
        halving the rate, with the filters of the top octave.

    Returns
    -------
    shape (frames, 28)
    """
    from scipy.signal import lfilter

    levels, filters, halver = [], third_octave_filters(), halving_section()
    x = frames
    for octave in range(9):
        for row in filters[1 if octave else 0 :]:
            y = lfilter(row[:9], row[9:], x, axis=1)
            with np.errstate(divide="ignore"):
                level = 20.0 * np.log10(np.sqrt(np.mean(y * y, axis=1))) + 100.0
            levels.append(np.where(y.max(axis=1) > 0.0, level, -np.inf))
        if octave < 8:
            x = lfilter(halver[:3], [1.0, *halver[3:]], x, axis=1)[:, 1::2]
    return np.stack(levels[::-1], axis=1)


def _tenth(z: float) -> float:
    return round(z * 10.0) * 0.1


def _slopes(core: list[float]) -> tuple[Samples, float]:
    zup, rns, usl = tables.ZUP.tolist(), tables.RNS.tolist(), tables.USL.tolist()
    specific = np.zeros(240)
    total, z1, n1, z, filled, j = 0.0, 0.0, 0.0, 0.1, 0, 17
    for i in range(21):
        column, first = min(i - 1, 7), True
        while z1 < zup[i] or first:
            first = False
            if n1 < core[i]:
                j = next((k for k in range(17) if rns[k] <= core[i]), 17)
            if n1 <= core[i]:
                z2, n2, top, slope = zup[i], core[i], core[i], 0.0
                total += n2 * (z2 - z1)
            else:
                slope, top = usl[j][column], n1
                n2 = max(rns[j], core[i])
                dz = _tenth((n1 - n2) / slope) or 0.1
                z2 = z1 + dz
                if z2 > zup[i]:
                    z2 = zup[i]
                    dz = z2 - z1
                    n2 = n1 - dz * slope
                total += dz * (n1 + n2) / 2.0
            pieces = max(ceil((z2 + 0.01 - z) / 0.1), 0)
            if pieces:
                barks = z + np.arange(pieces) * ((z + 0.1) - z)
                room = max(min(pieces, 240 - filled), 0)
                specific[filled : filled + room] = top - (barks[:room] - z1) * slope
                filled += pieces - 1  # the next piece starts on the last sample
                z = _tenth(float(barks[-1]))
            if n2 == rns[j]:
                j = min(j + 1, 17)
            n1, z1 = n2, _tenth(z2)
    total = max(total, 0.0)
    if total <= 16.0:
        return specific, floor(total * 1000.0 + 0.5) / 1000.0
    return specific, floor(total * 100.0 + 0.05) / 100.0


def loudness_slopes(core: Samples) -> tuple[Samples, Samples]:
    """Specific loudness at 0.1 ... 24 Bark and total loudness from core loudness (ISO 532 B).

    Parameters
    ----------
    core : shape (frames, 21)
        Core loudness of the 20 critical bands in sone/Bark, and a closing zero.

    Returns
    -------
    specific : shape (frames, 240)
        Sone/Bark. The published program's roundings to 0.1 Bark are kept.
    total : shape (frames,)
        Sone.
    """
    pairs = [_slopes(row) for row in core.tolist()]
    return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])


def hold_envelope(x: Samples, hold: int, fall: float) -> Samples:
    """Envelope: rises with the magnitude, holds `hold` samples, falls by `fall` a sample.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hold : int
        In samples.
    fall : float
        Of amplitude, a sample.

    Returns
    -------
    ndarray, float64, shape (samples,)
    """
    level, wait, out = 0.0, 0, []
    for v in np.abs(x).tolist():
        if v >= level:
            level, wait = v, hold
        elif wait > 0:
            wait -= 1
        else:
            level = max(level - fall, v)
        out.append(level)
    return np.array(out)


def _walked(
    start: int, envelope: Samples, significant: float, margin: int, look: int, far: int
) -> int:
    here = start
    while here > 0:
        first = max(here - look - 1, 0)
        recent = envelope[first:here] if here - look >= 0 else envelope[: here - 1]
        if recent.size == 0:
            return 0
        if here - look < 0:
            first = 0
        lowest = int(np.argmin(recent))
        if recent[lowest] <= envelope[here]:
            lower_at = here - look - 1 + lowest if here - look >= 0 else first + lowest
        else:
            past = envelope[max(here - far - 1, 0) : here]
            lower = np.flatnonzero(past < envelope[here])
            if lower.size == 0:
                return here
            between = past[lower[-1] :]
            if between.max() - between.min() >= significant:
                return here
            lower_at = here - past.size + int(lower[-1])
        here = 0 if lower_at <= margin else lower_at
    return 0


def walk_back(
    envelope: Samples, starts: list[int], significant: float, margin: int, look: int, far: int
) -> list[int]:
    """Follow `envelope` (samples,) down from each start, over dips smaller than `significant`.

    Parameters
    ----------
    envelope : ndarray, float64, shape (samples,)
        Followed backwards.
    starts : list of int
        Samples at which to begin.
    significant : float
        A rise of this much ends the walk.
    margin : int
        Places nearer than this to the start become 0.
    look, far : int
        How far back to look for a lower position, and for one behind a small rise.

    Returns
    -------
    list of int
        Where each walk ends, in samples.
    """
    return [_walked(p, envelope, significant, margin, look, far) for p in starts]


def contrast_peaks(x: Samples, contrast: float) -> Indices:
    """Positions of the peaks that stand `contrast` above the notches beside them.

    The peak picking of MIRtoolbox (Lartillot). The notch before a candidate is sought from the
    candidate before it to two samples before itself.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    contrast : float
        In the units of `x`.

    Returns
    -------
    ndarray, int64, shape (peaks,)
    """
    rises = np.diff(x, prepend=-2.0)
    falls = np.diff(x, append=-2.0)
    candidates = np.flatnonzero((x >= contrast) & (rises > 0.0) & (falls <= 0.0)).tolist()
    peaks: list[int] = []
    if not candidates:
        return np.array(peaks, dtype=np.int64)
    peak, before = candidates[0], -2.0
    for last, here in pairwise(candidates):
        notch = float(x[last : max(here - 1, last + 1)].min())
        if x[peak] - notch < contrast:
            before = min(notch, before)
            if not x[peak] > x[here]:
                peak = here
            continue
        if x[peak] - before > contrast:
            peaks.append(peak)
            before = notch
        else:
            before = min(notch, before)
        peak = here
    if x[peak] - before > contrast:
        peaks.append(peak)
    return np.array(peaks, dtype=np.int64)


def _pair_roughness(frequency: Samples, level: Samples, bins: Samples) -> float:
    """Vassilakis' roughness of all pairs of partials, summed.

    Parameters
    ----------
    frequency, level, bins : shape (partials,)
        Rising, in Hz; amplitude; amplitude before interpolation, which tells the stronger.
    """
    i, j = np.triu_indices(frequency.size, 1)
    a, b = level[i], level[j]
    d = 0.24 / (0.0207 * frequency[i] + 18.96) * (frequency[j] - frequency[i])
    share = 2.0 * np.where(bins[i] >= bins[j], a, b) / (a + b)
    beats = np.exp(-3.51 * d) - np.exp(-5.75 * d)
    return float(np.sum((a * b) ** 0.1 * 0.5 * share**3.11 * beats))


def frame_roughness(spectra: Singles, low: float, high: float, hertz: float) -> Samples:
    """Roughness of each frame: its peaks picked, placed between bins and paired.

    Parameters
    ----------
    spectra : shape (frames, bins)
        Magnitudes.
    low, high : float
        Least and largest magnitude of the whole clip; peaks stand out by a hundredth of that.
    hertz : float
        Width of a bin.

    Returns
    -------
    shape (frames,)
    """
    total = np.zeros(len(spectra))
    for f, row in enumerate(np.asarray(spectra, dtype=np.float64)):
        peaks = contrast_peaks((row - low) / (high - low), 0.01)
        if peaks.size >= 2:
            positions, heights = sharpened(row, peaks)
            total[f] = _pair_roughness(positions * hertz, heights, row[peaks])
    return total


def decay_runs(x: Samples, starts: Indices, edges: Indices) -> Indices:
    """How many sub-frames of decaying sound each frame begins with.

    From one sub-frame to the next variance and maximum must fall and the minimum must rise.

    Parameters
    ----------
    x : shape (samples,)
        The signal.
    starts : shape (frames,)
        First sample of each frame.
    edges : shape (sub-frames, 2)
        First and last + 1 sample of each sub-frame, from the frame's start.

    Returns
    -------
    shape (frames,)
        Sub-frames before the first that breaks the decay; -1 if none does.
    """
    passed = np.full(starts.size, -1, dtype=np.int64)
    for f, start in enumerate(starts.tolist()):
        old: tuple[float, float, float] | None = None
        for k, (first, last) in enumerate(edges.tolist()):
            part = x[start + first : start + last]
            new = float(part.var()), float(part.max()), float(part.min())
            if old and not (old[0] > new[0] and old[1] > new[1] and old[2] < new[2]):
                passed[f] = k
                break
            old = new
    return passed
