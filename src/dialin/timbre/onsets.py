"""Where sounds begin, and how fast they rise."""

from __future__ import annotations

from math import log10

import numpy as np
from numpy.typing import NDArray

from dialin.timbre.kernels import kernels
from dialin.timbre.spectra import HOP
from dialin.timbre.tables import RATE

Floats = NDArray[np.float64]

LOOK_BACK = int(0.020 * RATE)
HYSTERESIS = int(0.300 * RATE)
SEPARATION = int(0.100 * RATE)


def _flux_peaks(strength: Floats) -> list[int]:
    """Sample positions of the peaks of onset strength, moved back to the minimum before each."""
    x = strength - strength.min()
    top = x.max()
    if not top > 0.0:
        return []
    x = x / (top + np.finfo(np.float64).tiny)
    n = x.size
    sums = np.concatenate([[0.0], np.cumsum(x)])
    frames = np.arange(n)
    first, last = np.maximum(frames - 8, 0), np.minimum(frames + 9, n)
    average = (sums[last] - sums[first]) / (last - first)
    padded = np.concatenate([[x.min()] * 2, x])
    highest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), x)
    peaks: list[int] = []
    for i in np.flatnonzero((x == highest) & (x >= average + 0.07) & (x > 0.0)).tolist():
        if not peaks or i > peaks[-1] + 2:
            peaks.append(i)
    minima = 1 + np.flatnonzero((x[1:-1] <= x[:-2]) & (x[1:-1] < x[2:]))
    minima = np.unique(np.concatenate([[0], minima]))
    return [int(minima[np.searchsorted(minima, p, side="right") - 1]) * HOP for p in peaks]


def find_onsets(strength: Floats, envelope: Floats, margin: int) -> list[int]:
    """Onsets of a clip in samples, rising; ``[0]`` if none stands out.

    Parameters
    ----------
    strength : shape (frames,)
        From `dialin.timbre.spectra.onset_strength`.
    envelope : shape (samples,)
        From the hold-envelope kernel.
    margin : int
        Onsets nearer than this to the start are put at the start.

    Returns
    -------
    list of int
    """
    spread = envelope.max() - envelope.min()
    significant = 0.1 * spread
    walked = kernels.walk_back(
        envelope,
        [p for p in _flux_peaks(strength) if p < envelope.size],
        *(significant, margin, LOOK_BACK, HYSTERESIS),
    )
    walked = [p for i, p in enumerate(walked) if p > 0 or i == 0]
    onsets = sorted(set(walked))
    # An onset that stands alone is not held to its rise, as in the reference: the sounds of which
    # the regressions were fitted mostly have but one.
    for i in range(len(onsets) - 1, -1, -1) if len(onsets) > 1 else ():
        end = onsets[i + 1] if i + 1 < len(onsets) else envelope.size
        segment = envelope[onsets[i] : end]
        if not segment.size:
            del onsets[i]
            continue
        peak = int(np.argmax(segment))
        if peak == 0 or segment[peak] - segment[: peak + 1].min() < significant:
            del onsets[i]
    close = [0]
    while close:
        close = [i for i in range(1, len(onsets)) if onsets[i] - onsets[i - 1] < SEPARATION]
        onsets = [p for i, p in enumerate(onsets) if i not in close]
    kept = []
    for i, onset in enumerate(onsets):
        end = onsets[i + 1] // HOP if i + 1 < len(onsets) else strength.size
        part = strength[onset // HOP : end]
        if part.size and part.max() >= 3.0:
            kept.append(onset)
    return kept or [0]


def attack_time(
    envelope: Floats, rate: float, *, fixed: bool = False, longest: float = 0.1
) -> tuple[float, int] | None:
    """Logarithmic attack time of a segment and the sample where the attack starts.

    Parameters
    ----------
    envelope : shape (samples,)
        One onset to the next.
    rate : float
        Of `envelope`, Hz.
    fixed : bool
        Start and end at 20 and 90 % of the rise, instead of by least effort (Peeters, "A large
        set of audio features for sound description", CUIDADO 2004).
    longest : float
        Attack times are cut to this many seconds.

    Returns
    -------
    (log10 of seconds, start) or None
        None if the segment starts at its maximum, or is silent.
    """
    peak = int(np.argmax(envelope))
    if peak == 0 or not envelope[peak] > 0.0:
        return None
    rise = envelope[: peak + 1] / envelope[peak]
    low = rise.min()
    start = peak - int(np.argmin(rise[::-1]))
    part = rise[start:]
    if fixed:
        span = 1.0 - low
        begin = int(np.argmax(part >= low + 0.2 * span))
        end = int(np.argmax(part >= low + 0.9 * span))
    else:
        levels = low + (1.0 - low) * np.arange(1, 10) / 10.0
        crossings = np.searchsorted(np.maximum.accumulate(part), levels)
        gaps = np.diff(crossings)
        limit = 3.0 * gaps.mean()
        quick = np.flatnonzero(gaps <= limit)
        first = int(quick[0]) if quick.size else 0
        slow = np.flatnonzero(gaps[first:] >= limit)
        last = int(slow[0]) + first if slow.size else 7
        if crossings[last] == crossings[first]:
            last = 8
        begin, end = int(crossings[first]), int(crossings[last])
    length = min(max(end - begin, 0), int(longest * rate)) + 1
    return log10(length / rate), begin + start
