"""Style features: what a recording sounds like, as little as possible what is played in it.

Conventions
-----------
* Direct current and what lies below 20 Hz are no sound and are taken out first.
* Every recording is brought to the same level first (its loudest 50 ms at -20 dBFS), so that only
  ``level`` knows how loud it was.
* Frequencies are in Hz, not bins: recordings of different rates compare. Bands that a rate cannot
  hold are NaN, and so are width and balance of a mono recording; NaN takes no part in a distance.
  What is measured across bands looks at those that every rate of 22,050 Hz or more holds.
* Frames are about 46 ms (the nearest power of two), half overlapping, Hann.
* Every other feature is finite for any finite input, silence included.

The families follow what the literature finds robust to content: long-term spectra and their level
percentiles (Ma, De Man, Pestana, Black & Reiss, 2015), crest factors and level distributions
(EBU Tech 3342; Vickers, 2010), band envelope modulation (McDermott & Simoncelli, 2011), waveform
amplitude distributions (distortion), and autocorrelation and cepstrum (echoes, combs).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, without_infrasound
from dialin.audio import fourier as sfft
from dialin.measures.bands import (
    BANDS,
    GROUPS,
    SHARED_HZ,
    SpectralAnalysis,
    analyse,
    decibels_of,
    group_starts,
    grouped,
)
from dialin.measures.style_spectra import FLOOR
from dialin.measures.transforms import hann

Vector = NDArray[np.float64]

ASPECTS = ("tone", "level", "dynamics", "space", "modulation", "distortion")
"""The aspects of a sound, in the order they are reported."""

QUANTILES = (5, 25, 50, 75, 95)
LAGS = 20
RATES = 10
CORE_BANDS = 23
"""Bands below 3.9 kHz, which every rate has: a tone is told relative to their mean level."""


def style_features(audio: Audio, sample_rate: int) -> Vector:
    """Compute all style features of a recording.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Any length; below 0.2 s padded with silence. The first two channels are heard.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, shape (len(feature_aspects()),)
        In decibels or other units that `dialin.matching.style` scales by content noise.
    """
    return features_of(without_infrasound(audio[:2], sample_rate), sample_rate)


def features_of(sound: Audio, sample_rate: int) -> Vector:
    """Compute all style features of what holds no infrasound; see `style_features`.

    Parameters
    ----------
    sound : ndarray, float32, shape (channels, samples)
        From `dialin.audio.without_infrasound`; two channels at most.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, shape (len(feature_aspects()),)
    """
    return features_of_spectra(analyse(sound, sample_rate))


def features_of_spectra(analysis: SpectralAnalysis) -> Vector:
    """Compute all style features where the spectra are known; see `style_features`.

    Parameters
    ----------
    analysis : SpectralAnalysis
        From `dialin.measures.bands.analyse`.

    Returns
    -------
    ndarray, shape (len(feature_aspects()),)
    """
    return np.concatenate([function(analysis) for _, function in FAMILIES])


@functools.cache
def feature_aspects() -> tuple[str, ...]:
    """The aspect that each feature belongs to."""
    silence = np.zeros((2, 22_050), dtype=np.float32)
    analysis = analyse(silence, 22_050)
    names: list[str] = []
    for aspect, function in FAMILIES:
        names += [aspect] * function(analysis).size
    return tuple(names)


def _level(a: SpectralAnalysis) -> Vector:
    """Level of the active moments, in dBFS: the one feature that knows how loud it was."""
    active = a.envelope[a.envelope > 1e-4 * a.envelope.max(initial=0.0)]
    if active.size == 0:
        return np.array([-100.0])
    return np.array([10 * np.log10(active.mean()) - 20 * np.log10(a.gain)])


def _tone(a: SpectralAnalysis) -> Vector:
    mean = decibels_of(a.bands[a.active].mean(axis=0))
    median = np.median(a.active_decibels, axis=1)
    shape = mean - np.nanmean(mean[:CORE_BANDS])
    return np.concatenate([shape, grouped(median - np.nanmean(median[:CORE_BANDS]), 16)])


def _dynamics(a: SpectralAnalysis) -> Vector:
    level = decibels_of(a.envelope)
    loud = level[level > level.max() - 60.0]
    ranges = np.percentile(loud, QUANTILES) - level.max()
    slope = np.diff(level)[level[1:] > level.max() - 45.0]
    slope = slope if slope.size else np.zeros(1)
    slopes = np.percentile(slope, (1, 10, 90, 99))
    peak = float(np.abs(a.mono).max(initial=0.0)) ** 2
    crest = decibels_of(np.array([peak])) - decibels_of(np.array([a.envelope.mean()]))
    spread = np.percentile(a.active_decibels, (10, 50, 90), axis=1)
    bands = [grouped(spread[2] - spread[1]), grouped(spread[1] - spread[0])]
    return np.concatenate([ranges, slopes, crest, *bands])


def _space(a: SpectralAnalysis) -> Vector:
    envelope = np.sqrt(a.envelope)
    envelope = envelope - envelope.mean()
    size = sfft.next_fast_len(2 * envelope.size, real=True)
    correlation = sfft.irfft(np.abs(sfft.rfft(envelope, size)) ** 2, size)[: envelope.size]
    correlation = correlation / max(correlation[0], 1e-12)
    echoes = _pooled(correlation, 4, 250, LAGS)
    smooth = np.convolve(a.spectrum, np.ones(31) / 31, mode="same")
    cepstrum = np.abs(sfft.irfft(a.spectrum - smooth)) * 2
    # In seconds, so that rates compare: 0.5 to 20 ms.
    fastest = 2 * min(SHARED_HZ, a.rate / 2)
    first, last = int(5e-4 * fastest), int(2e-2 * fastest)
    combs = _pooled(20 * cepstrum, first, min(last, cepstrum.size), LAGS, highest=True)
    # Late energy: how far bands fall within 100 and 300 ms after their own peaks.
    level = a.floored
    loud = level >= np.percentile(np.ascontiguousarray(level.T), 90, axis=1)
    falls = []
    for seconds in (0.1, 0.3):
        lag = max(1, round(seconds / a.step))
        if level.shape[0] > lag + 1:
            top = loud[:-lag]
            fall = np.where(top, level[:-lag] - level[lag:], 0.0)
            count = np.maximum(top.sum(axis=0), 1)
            mean = fall.sum(axis=0) / count
        else:
            mean = np.zeros(level.shape[1])
        mean = np.where(np.isnan(a.bands[0]), np.nan, mean)
        falls.append(grouped(mean))
    nothing = np.full(GROUPS, np.nan)
    width = nothing if a.width is None else grouped(np.maximum(a.width, -40.0))
    image = nothing if a.correlation is None else grouped(a.correlation)
    balance = nothing if a.balance is None else grouped(np.clip(a.balance, -40.0, 40.0))
    return np.concatenate([echoes, combs, *falls, width, image, balance])


def _pooled(
    values: NDArray[np.float64],
    first: int,
    last: int,
    count: int,
    *,
    highest: bool = False,
) -> NDArray[np.float64]:
    """Means, or highest, of values in log-spaced bins between two places; 0 where are none."""
    result = np.zeros(count)
    for number, (low, high) in enumerate(_log_spans(first, last, count)):
        piece = values[low:high]
        if piece.size:
            result[number] = piece.max() if highest else np.add.reduce(piece) / piece.size
    return result


@functools.lru_cache(maxsize=64)
def _log_spans(first: int, last: int, count: int) -> list[tuple[int, int]]:
    """Log-spaced spans between two places, none empty."""
    edges = [int(e) for e in np.geomspace(max(first, 1), max(last, first + 2), count + 1)]
    return [(low, max(low + 1, high)) for low, high in itertools.pairwise(edges)]


def _modulation(a: SpectralAnalysis) -> Vector:
    level = np.maximum(a.floored, a.floored.max() - 60.0)
    ends = [*group_starts(BANDS, 4), BANDS]
    groups = np.stack(
        [level[:, low:high].mean(axis=1) for low, high in itertools.pairwise(ends)] + [_centroid(a)]
    )
    groups = groups - groups.mean(axis=1, keepdims=True)
    frames = groups.shape[1]
    spectrum = np.abs(sfft.rfft(groups * hann(frames), axis=1)) ** 2 / max(frames, 1)
    rates = np.arange(spectrum.shape[1]) / (frames * a.step)
    bounds = np.searchsorted(rates, np.geomspace(0.4, 10.0, RATES + 1))
    pooled = [
        spectrum[:, low:high].mean(axis=1) if high > low else np.zeros(len(spectrum))
        for low, high in itertools.pairwise(bounds)
    ]
    return np.asarray((10 * np.log10(np.stack(pooled, axis=1) + 1e-3)).ravel())


def _centroid(a: SpectralAnalysis) -> NDArray[np.float64]:
    """Spectral centroid of each frame on the band axis, scaled to be comparable with decibels."""
    power = np.where(np.isnan(a.bands), 0.0, a.bands)
    centroid = power @ np.arange(BANDS) / np.maximum(power.sum(axis=1), FLOOR)
    return np.asarray(centroid)


def _distortion(a: SpectralAnalysis) -> Vector:
    step = max(1, a.mono.size // 24_000)
    sample = a.mono[::step].astype(np.float64)
    rms = max(float(np.sqrt(np.mean(sample**2))), 1e-9)
    magnitude = np.abs(sample) / rms
    amplitudes = 20 * np.log10(np.percentile(magnitude, (10, 25, 50, 75, 90, 97, 99.5)) + 1e-4)
    scaled = sample / rms
    skew = float(np.mean(scaled * scaled * scaled))
    some = np.signbit(a.mono[:: max(1, a.rate // 22_050)])
    crossings = float(np.mean(some[1:] != some[:-1])) * min(a.rate, 22_050)
    # How much brighter loud moments are than middling ones: static filters keep this, drive not.
    order = np.argsort(a.level)
    count, third = max(1, order.size // 5), order.size // 3
    loud = a.decibels[order[-count:]].mean(axis=0)
    middle = a.decibels[order[third : third + count]].mean(axis=0)
    bend = grouped(loud - middle)
    # Peakiness of the long-term spectrum inside bands: partials stand out, noise and grit do not.
    fine = a.spectrum
    parts = np.array_split(fine[1:], 12)
    flatness = np.array([4.343 * (np.log(np.mean(np.exp(p))) - p.mean()) for p in parts])
    extra = np.array([skew, 12 * np.log2(crossings + 50.0) / 4])
    return np.concatenate([amplitudes, extra, bend, flatness])


FAMILIES: tuple[tuple[str, Callable[[SpectralAnalysis], Vector]], ...] = (
    ("tone", _tone),
    ("level", _level),
    ("dynamics", _dynamics),
    ("space", _space),
    ("modulation", _modulation),
    ("distortion", _distortion),
)
"""Aspects, and what computes their features."""
