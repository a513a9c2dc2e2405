"""Tempo of music: how many beats a minute.

Onsets are rises of compressed band levels (Böck and Widmer, "Maximum filter vibrato suppression for
onset detection", DAFx 2013, without its suppression of vibrato). What repeats is told by their
autocorrelation, and which of its multiples is the beat by adding those at one, two, four and eight
periods, weighted by a bell about 120 beats a minute, an octave wide (Ellis, "Beat tracking by
dynamic programming", JNMR 2007). Music at half and at double tempo is the same up to this weight:
who knows better says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.measures.transforms import hann

HOP_SECONDS, FRAME_SECONDS = 0.01, 0.046
BANDS = 40
LOWEST_HZ, HIGHEST_HZ = 60.0, 10_000.0

SLOWEST, FASTEST = 40.0, 240.0
"""Beats a minute that are told."""

MIDDLE, OCTAVES = 120.0, 0.9
"""Centre and width of the bell."""

SHORTEST = 4.0
"""Seconds that a tempo takes to be told."""

STEADY = 0.15
"""Share of the onsets' energy that must repeat with the beat."""

COMPRESSED = 0.5
"""Power of power that counts as level: onsets count by how loud they are, but not as much."""

FAINT = 0.02
"""Rise below which nothing begins."""

MULTIPLES = (1, 2, 4, 8)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tempo:
    """A tempo that was heard.

    Attributes
    ----------
    bpm : float
        Beats a minute.
    steadiness : float
        Mean autocorrelation of the onsets at one to eight beats, from 0 to 1.
    """

    bpm: float
    steadiness: float


def find_tempo(audio: Audio, sample_rate: int) -> Tempo | None:
    """Tempo of a recording; None where nothing in it repeats, or it is shorter than 4 s.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    Tempo or None

    Examples
    --------
    >>> clicks = np.zeros((1, 8 * 8_000), dtype=np.float32)
    >>> clicks[0, :: 8_000 * 60 // 100] = 1
    >>> round(find_tempo(clicks, 8_000).bpm, 1)
    100.0
    """
    if audio.shape[1] < SHORTEST * sample_rate:
        return None
    strength = onset_strength(audio, sample_rate)
    if strength.max(initial=0.0) < FAINT:
        return None
    correlation = _autocorrelation(strength)
    hop = _hop(sample_rate) / sample_rate
    # Periods finer than a frame, at each of which several multiples are looked up.
    periods = 60.0 / np.geomspace(FASTEST, SLOWEST, 2_000)
    values = [
        np.interp(multiple * periods / hop, np.arange(correlation.size), correlation, right=0.0)
        for multiple in MULTIPLES
    ]
    heard = np.mean(values, axis=0)
    bell = np.exp(-0.5 * (np.log2(60.0 / periods / MIDDLE) / OCTAVES) ** 2)
    score = heard * bell
    index = int(np.argmax(score))
    if heard[index] < STEADY:
        return None
    return Tempo(float(60.0 / _finest(periods[index], correlation, hop)), float(heard[index]))


def onset_strength(audio: Audio, sample_rate: int) -> Floats:
    """How much louder bands become from frame to frame, 100 frames a second.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float64, shape (frames,)
        In units of the mean level; 0 or more, the local mean taken out.
    """
    hop = _hop(sample_rate)
    size = sfft.next_fast_len(round(FRAME_SECONDS * sample_rate))
    mono = audio.astype(np.float64).mean(axis=0)
    mono = np.pad(mono, (size // 2, size))
    frames = np.lib.stride_tricks.sliding_window_view(mono, size)[: audio.shape[1] : hop]
    power = np.abs(sfft.rfft(frames * hann(size), axis=1)) ** 2
    bins = np.arange(power.shape[1]) * sample_rate / size
    top = min(HIGHEST_HZ, 0.48 * sample_rate)
    edges = np.geomspace(LOWEST_HZ, top, BANDS + 1)
    starts = np.searchsorted(bins, edges)
    starts = np.unique(starts)
    bands = np.add.reduceat(power[:, : starts[-1]], starts[:-1], axis=1)
    level = bands**COMPRESSED
    level /= max(float(level.mean()), 1e-12)
    rise = np.clip(np.diff(level, axis=0, prepend=level[:1]), 0.0, None).mean(axis=1)
    # What begins with the recording is no onset.
    edge = round(FRAME_SECONDS / HOP_SECONDS) + 1
    rise[:edge] = rise[-edge:] = 0.0
    span = max(3, round(1.0 / HOP_SECONDS))
    local = np.convolve(rise, np.ones(span) / span, "same")
    return np.asarray(np.clip(rise - local, 0.0, None))


def _hop(sample_rate: int) -> int:
    return max(1, round(HOP_SECONDS * sample_rate))


def _autocorrelation(strength: Floats) -> Floats:
    """Of the onsets, their mean taken out, per overlap; 1 at no lag."""
    centred = strength - strength.mean()
    size = sfft.next_fast_len(2 * centred.size)
    spectrum = sfft.rfft(centred, size)
    raw = sfft.irfft(np.abs(spectrum) ** 2, size)[: centred.size]
    overlap = np.arange(centred.size, 0, -1) / centred.size
    result = raw / np.maximum(overlap, 0.2) / max(float(raw[0]), 1e-12)
    # Onsets are not always on a frame's grid.
    return np.asarray(np.convolve(result, [0.25, 0.5, 0.25], "same"))


def _finest(period: float, correlation: Floats, hop: float) -> float:
    """The period to a fraction of a frame: of the peak at the largest multiple near which it is."""
    best = period
    for multiple in (1, 2, 4, 8, 16):
        centre = multiple * best / hop
        reach = max(1, round(0.03 * centre / multiple)) + 1
        low, high = round(centre) - reach, round(centre) + reach + 1
        if high >= 0.75 * correlation.size or low < 1:
            break
        index = low + int(np.argmax(correlation[low:high]))
        if index in (low, high - 1) or correlation[index] < 0.1:
            break
        left, middle, right = correlation[index - 1 : index + 2]
        bend = left - 2 * middle + right
        shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
        best = (index + float(shift)) * hop / multiple
    return best
