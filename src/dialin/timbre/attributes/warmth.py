"""Warmth: energy around and just above the fundamental against what lies higher."""

from __future__ import annotations

from functools import lru_cache
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from dialin.timbre.blocks import spans
from dialin.timbre.clip import Meaningless, TimbreClip, value_of
from dialin.timbre.filters import window
from dialin.timbre.kernels import kernels
from dialin.timbre.loudness import band_weights
from dialin.timbre.onsets import find_onsets
from dialin.timbre.peaks import sharpened
from dialin.timbre.tables import RATE, WARMTH

SIZE = 8192
ROWS = 1024
MAX_REGION = 12_000.0

Floats = NDArray[np.float64]


def _spectrum(segment: Floats) -> Floats:
    """Power spectrum of a segment summed over its frames, largest bin 1: (4097,)."""
    length = min(segment.size, SIZE)
    hop, taper = length - length // 8, window("tukey", length)
    power = np.zeros(SIZE // 2 + 1)
    count = (segment.size - length) // hop + 1
    for first, last in spans(count, ROWS):
        part = segment[first * hop : (last - 1) * hop + length]
        rows = kernels.tapered_frames(part, hop, taper)
        power += kernels.summed_power(fft.rfft(rows, SIZE, axis=1, overwrite_x=True))
    power[1:-1] *= 2.0
    top = power.max()
    return np.asarray(power / top) if top > 0.0 else np.zeros(power.size)


@lru_cache(maxsize=1)
def _axis() -> tuple[Floats, Floats]:
    """Frequencies of the bins in Hz, and their logarithms (that of 0 Hz is -inf)."""
    hertz = np.asarray(np.arange(SIZE // 2 + 1) * (RATE / SIZE), dtype=np.float64)
    with np.errstate(divide="ignore"):
        return hertz, np.log10(hertz)


def _decay_fit(spectrum: Floats, limit: float) -> float:
    """R squared of the straight line through log power over log frequency above `limit` Hz."""
    hertz, log_hertz = _axis()
    first = int(np.searchsorted(hertz, limit, side="right"))
    above = np.flatnonzero(spectrum[first:]) + first
    if above.size < 2:
        return 0.0
    x = log_hertz[above]
    y = np.log10(spectrum[above])
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x) * float(y @ y)
    return float(x @ y) ** 2 / spread if spread > 0.0 else 0.0


def warmth_terms(clip: TimbreClip) -> tuple[float, ...]:
    """The five inputs of the regression.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.

    Returns
    -------
    tuple of float

    Raises
    ------
    Meaningless
        If no segment between onsets has a spectrum.
    """
    power = clip.frame_rms
    high = float((clip.specific @ band_weights(80, 240)) @ power / power.sum())
    region = float(np.mean(clip.specific @ band_weights(10, 40)))
    onsets = find_onsets(clip.strength, clip.envelope, 4096)
    if len(onsets) == 1:
        onsets = [0]
    hertz, _ = _axis()
    split = int(np.searchsorted(hertz, 260.0, side="right"))
    centroids, fits, ratios, levels = [], [], [], []
    for start, end in zip(onsets, [*onsets[1:], clip.samples.size], strict=True):
        segment = clip.samples[start:end]
        spectrum = _spectrum(segment)
        spread = spectrum.max() - spectrum.min()
        if not spread > 0.0:
            continue
        peaks = kernels.contrast_peaks((spectrum - spectrum.min()) / spread, 0.2)
        positions, _ = sharpened(spectrum, peaks)
        order = int(np.argmin(positions))
        fundamental = float(positions[order]) * RATE / SIZE
        total = float(spectrum.sum())
        warm = float(spectrum[peaks[order] : split].sum()) if fundamental < 260.0 else 0.0
        centroids.append(float(spectrum @ hertz) / total)
        fits.append(_decay_fit(spectrum, min(3.5 * fundamental, MAX_REGION)))
        ratios.append(warm / total)
        levels.append(float(np.sqrt(np.mean(segment * segment))))
    if not centroids:
        raise Meaningless("no segment between onsets has a spectrum")
    return (
        log10(float(np.mean(centroids))),
        high,
        region,
        float(np.mean(fits)),
        float(np.dot(ratios, levels) / np.sum(levels)),
    )


def warmth_of(clip: TimbreClip) -> float:
    """Warmth of a prepared clip; see `warmth`.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.

    Returns
    -------
    float
        Points, about 0 to 100.

    Raises
    ------
    Meaningless
        If no segment between onsets has a spectrum.
    """
    return float(WARMTH @ (*warmth_terms(clip), 1.0))


def warmth(audio: Any, sample_rate: float) -> float:
    """Warmth: energy around the fundamental and just above, against what lies higher.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Any float or integer type.
    sample_rate : int
        Hz, 8000 or more.

    Returns
    -------
    float
        Points, about 0 to 100; NaN where it has no meaning.

    Notes
    -----
    AudioCommons D5.8. Segments that hold no sound and bins that are exactly zero are left out,
    where the reference raises.
    """
    return value_of(warmth_of, TimbreClip(audio, sample_rate))[0]
