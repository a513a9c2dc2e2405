"""What a network is told of a recording before it guesses the effects behind it.

`gap_features` holds the style features and what they blur: the cepstrum of the whole recording in
narrow bins of lag (echoes and rooms stand out from any music there), how the cepstrum of short
frames moves (chorus, flanger), lines in the modulation spectrum, decay slopes, and how levels and
peaks are distributed at several time scales (compressors, drives). `echo_peaks` compares input and
reference lag by lag. All is NumPy and SciPy, and the same where a network learns and where it is
asked.

Conventions
-----------
* One recording of any rate, length and number of channels; absent values (stereo of a mono
  recording, bands beyond its rate) are NaN.
* Lags in seconds; cepstra as in `dialin.measures.cepstrum`.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from dialin.audio import Audio, without_infrasound
from dialin.matching.features import BANDS, FAMILIES, GROUPS, analyse
from dialin.measures.cepstrum import LAG_RATE, recording_cepstrum

Floats = NDArray[np.float32]

SHORT_LAGS, LONG_LAGS, ENERGY_LAGS = 64, 200, 24
"""Bins of lag: 1 to 25 ms, 25 ms to 1.6 s, and those of energy from 2 ms to 1.6 s."""

MOTION_LAGS, MOTION_BANDS = 12, (0.1, 0.4, 1.0, 2.5, 6.0, 14.0)
"""Bins of lag from 1 to 40 ms of moving cepstra, and edges in hertz of how fast they move."""

LINE_BANDS = 12
"""Bins of the modulation spectrum, 0.2 to 16 Hz."""

SLOPES, SLOPE_FRAMES = (2, 10, 25, 50), (4, 14)
"""Percentiles of the change of a band's level over so many frames of 23 ms."""

LEVELS = (1, 5, 10, 25, 50, 75, 90, 95, 99)
PEAKS = 3
"""Peaks of the cepstrum that `echo_peaks` tells of."""

PEAK_VALUES = 5


@dataclass(frozen=True, eq=False)
class RecordingFeatures:
    """One recording as the networks hear it.

    Attributes
    ----------
    features : ndarray, float32, shape (features,)
        Of which the first are the style features.
    cepstrum : ndarray, float32, shape (lags,)
        Of the middle, on the grid of `LAG_RATE`.
    sigma : float
        Noise of the cepstrum.
    """

    features: Floats
    cepstrum: Floats
    sigma: float


def hear(audio: Audio, sample_rate: int) -> RecordingFeatures:
    """Take in a recording.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    RecordingFeatures
    """
    analysis = analyse(without_infrasound(audio[:2], sample_rate), sample_rate)
    style = np.concatenate([function(analysis) for _, function in FAMILIES])
    middle = np.atleast_2d(np.asarray(audio[:2], dtype=np.float32).mean(axis=0))
    measured = recording_cepstrum(middle, sample_rate, longest=1.7)
    cepstrum = np.zeros(round(1.7 * LAG_RATE), dtype=np.float32)
    row = measured.view("mono")[: cepstrum.size]
    cepstrum[: row.size] = row
    levels = _levels(analysis.bands)
    parts = [
        style,
        _lags(cepstrum),
        _moving(analysis.mono, analysis.rate),
        _lines(levels, analysis.step),
        _slopes(levels),
        _bands(levels, analysis.bands),
        _dynamics(analysis.mono, analysis.envelope, analysis.rate),
    ]
    return RecordingFeatures(
        np.concatenate(parts).astype(np.float32), cepstrum, float(measured.sigma)
    )


def gap_features(audio: Audio, sample_rate: int) -> Floats:
    """Features of one recording; see `hear`.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float32, shape (feature_count(),)
        NaN for what cannot be told of it.
    """
    return hear(audio, sample_rate).features


@functools.cache
def feature_count() -> int:
    """Number of features."""
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((2, 44_100))).astype(np.float32)
    return int(gap_features(noise, 22_050).size)


def echo_peaks(input: RecordingFeatures, reference: RecordingFeatures) -> Floats:
    """Highest peaks that the reference's cepstrum has above the input's.

    Parameters
    ----------
    input, reference : RecordingFeatures
        Two recordings.

    Returns
    -------
    ndarray, float32, shape (PEAKS * PEAK_VALUES,)
        For each: logarithm of its lag in seconds (10 a decade), and heights at one, two and three
        times its lag and in units of noise.
    """
    rest = reference.cepstrum - np.maximum(input.cepstrum, 0)
    lags, _ = peak_lags(rest)
    result = []
    for lag in lags:
        heights = [_height(rest, times * lag) for times in (1, 2, 3)]
        sigma = max(reference.sigma, 1e-3)
        result += [10 * np.log10(lag / LAG_RATE), *heights, np.log1p(abs(heights[0]) / sigma)]
    return np.array(result, dtype=np.float32)


def peak_lags(rest: Floats, *, shortest: float = 0.02) -> tuple[list[float], list[float]]:
    """Lags, in samples of `LAG_RATE`, of the highest peaks, and their heights.

    Parameters
    ----------
    rest : ndarray, float32, shape (lags,)
        A cepstrum, or what is left of one.
    shortest : float
        In seconds.

    Returns
    -------
    (list of float, list of float)
    """
    first = round(shortest * LAG_RATE)
    work = rest[first:].copy()
    lags, heights = [], []
    for _ in range(PEAKS):
        peak = int(np.argmax(work))
        lag = float(first + peak)
        if 0 < peak < work.size - 1:
            left, top, right = (float(v) for v in rest[first + peak - 1 : first + peak + 2])
            bend = left - 2 * top + right
            if bend < 0:
                lag += float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
        lags.append(lag)
        heights.append(float(work[peak]))
        work[max(0, peak - 24) : peak + 25] = -1.0
    return lags, heights


def _height(values: Floats, lag: float) -> float:
    index = round(lag)
    if index >= values.size - 3:
        return 0.0
    near = values[index - 2 : index + 3]
    return float(near[np.argmax(np.abs(near))])


@functools.cache
def _edges(low: float, high: float, count: int) -> NDArray[np.intp]:
    edges = np.round(np.geomspace(low * LAG_RATE, high * LAG_RATE, count + 1)).astype(np.intp)
    for index in range(1, edges.size):
        edges[index] = max(edges[index], edges[index - 1] + 1)
    return edges


def _lags(cepstrum: Floats) -> Floats:
    """Highest and lowest value at short lags, highest at long ones, energy of all."""
    short, long = _edges(0.001, 0.025, SHORT_LAGS), _edges(0.025, 1.6, LONG_LAGS)
    energy = _edges(0.002, 1.6, ENERGY_LAGS)
    inside = cepstrum[: short[-1]]
    top = np.maximum.reduceat(inside, short[:-1])
    bottom = np.minimum.reduceat(inside, short[:-1])
    far = np.maximum.reduceat(cepstrum[: long[-1]], long[:-1])
    deep = np.minimum.reduceat(cepstrum[: energy[-1]], energy[:-1])
    sums = np.add.reduceat(np.square(cepstrum[: energy[-1]], dtype=np.float64), energy[:-1])
    rms = np.log10(np.sqrt(sums / np.diff(energy)) + 1e-4)
    return np.concatenate([top, bottom, far, deep, rms]).astype(np.float32)


def _moving(mono: NDArray[np.float32], rate: int) -> Floats:
    """How fast and at which lags the cepstrum of 85 ms frames moves."""
    length = int(2 ** round(np.log2(0.085 * rate)))
    hop = max(1, round(0.03 * rate))
    if mono.size < 8 * hop + length:
        mono = np.pad(mono, (0, 8 * hop + length - mono.size))
    frames = np.lib.stride_tricks.sliding_window_view(mono, length)[::hop]
    window = np.hanning(length + 1)[:-1].astype(np.float32)
    spectrum = sfft.rfft(frames * window, axis=1)
    end = min(spectrum.shape[1], int(10_500 * length / rate))
    level = np.log(spectrum.real[:, :end] ** 2 + spectrum.imag[:, :end] ** 2 + 1e-8)
    level -= level.mean(axis=1, keepdims=True)
    level *= np.hanning(end).astype(np.float32)
    cepstra = sfft.irfft(level.astype(np.float32), axis=1)
    # Value n belongs to n / (2 * end * rate / length) seconds.
    per_second = 2 * (end - 1) * rate / length
    edges = np.round(np.geomspace(0.001, 0.04, MOTION_LAGS + 1) * per_second).astype(int)
    for index in range(1, edges.size):
        edges[index] = max(edges[index], edges[index - 1] + 1)
    cepstra = cepstra[:, edges[0] : edges[-1]]
    mean = cepstra.mean(axis=0)
    cuts = edges[:-1] - edges[0]
    turning = sfft.rfft(
        (cepstra - mean) * np.hanning(len(cepstra))[:, None].astype(np.float32), axis=0
    )
    power = turning.real**2 + turning.imag**2
    rates = np.arange(power.shape[0]) * rate / (hop * len(cepstra))
    rows = []
    for low, high in itertools.pairwise(MOTION_BANDS):
        inside = (rates >= low) & (rates < high)
        band = power[inside] if inside.any() else power[1:2]
        rows.append(np.log10(np.add.reduceat(band.mean(axis=0), cuts) / np.diff(edges) + 1e-8))
        peak = np.add.reduceat(band.max(axis=0), cuts) / np.diff(edges)
        rows.append(np.log10(peak + 1e-8) - rows[-1])
    still = np.maximum.reduceat(np.abs(mean), cuts)
    return np.concatenate([*rows, np.log10(still + 1e-4)]).astype(np.float32)


def _levels(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    level = 10 * np.log10(np.where(np.isnan(bands), 0.0, bands) + 1e-10)
    return np.asarray(np.maximum(level, level.max() - 70.0))


def _lines(levels: NDArray[np.float64], step: float) -> Floats:
    """Level and lines of the modulation spectrum, of band groups and of what they do not share."""
    groups = np.stack([levels[:, p].mean(axis=1) for p in np.array_split(np.arange(BANDS), GROUPS)])
    if groups.shape[1] < 16:
        groups = np.pad(groups, ((0, 0), (0, 16 - groups.shape[1])), mode="edge")
    apart = groups - groups.mean(axis=0)
    rows = np.concatenate([groups, apart])
    rows = rows - rows.mean(axis=1, keepdims=True)
    count = rows.shape[1]
    spectrum = np.abs(sfft.rfft(rows * np.hanning(count), axis=1)) ** 2 / count
    rates = np.arange(spectrum.shape[1]) / (count * step)
    edges = np.geomspace(0.2, 16.0, LINE_BANDS + 1)
    parts = []
    for low, high in itertools.pairwise(edges):
        inside = np.flatnonzero((rates >= low) & (rates < high))
        if not inside.size:
            inside = np.array([int(np.argmin(np.abs(rates - low)))])
        band = spectrum[:, inside]
        mean = 10 * np.log10(band.mean(axis=1) + 1e-3)
        parts += [mean, 10 * np.log10(band.max(axis=1) + 1e-3) - mean]
    return np.concatenate(parts).astype(np.float32)


def _slopes(levels: NDArray[np.float64]) -> Floats:
    parts = []
    groups = np.stack(
        [levels[:, p].mean(axis=1) for p in np.array_split(np.arange(BANDS), GROUPS)], axis=1
    )
    for frames in SLOPE_FRAMES:
        lag = min(frames, len(groups) - 1)
        change = groups[lag:] - groups[:-lag] if lag else np.zeros((1, GROUPS))
        parts.append(np.percentile(change, SLOPES, axis=0).ravel())
    return np.concatenate(parts).astype(np.float32)


def _bands(levels: NDArray[np.float64], bands: NDArray[np.float64]) -> Floats:
    """How each band's level spreads over time."""
    absent = np.isnan(bands[0])
    mean = levels.mean(axis=0)
    deviation = levels.std(axis=0)
    low, high = np.percentile(levels, (10, 95), axis=0) - mean
    rows = np.stack([deviation, low, high])
    rows[:, absent] = np.nan
    return rows.ravel().astype(np.float32)


def _dynamics(mono: NDArray[np.float32], envelope: NDArray[np.float64], rate: int) -> Floats:
    """Distribution of levels at three time scales, how fast they change, crests, amplitudes."""
    parts: list[NDArray[np.float64]] = []
    level = 10 * np.log10(envelope + 1e-10)
    level = np.maximum(level, level.max() - 60.0)
    for blocks in (1, 10, 80):
        count = max(1, envelope.size // blocks)
        cut = envelope[: count * blocks] if envelope.size >= blocks else envelope
        mean = cut.reshape(count, -1).mean(axis=1)
        each = 10 * np.log10(mean + 1e-10)
        each = np.maximum(each, each.max() - 60.0)
        parts.append(np.percentile(each, LEVELS) - 10 * np.log10(envelope.mean() + 1e-10))
    for lag in (1, 4, 16, 64):
        lag = min(lag, max(1, level.size - 1))
        change = level[lag:] - level[:-lag] if level.size > lag else np.zeros(1)
        parts.append(np.percentile(change, (1, 5, 25, 75, 95, 99)))
    for seconds in (0.005, 0.05, 0.4):
        block = max(8, round(seconds * rate))
        count = max(1, mono.size // block)
        piece = mono[: count * block].reshape(count, -1) if mono.size >= block else mono[None]
        power = np.mean(np.square(piece, dtype=np.float64), axis=1)
        peak = np.square(np.abs(piece).max(axis=1).astype(np.float64))
        loud = power > 1e-4 * power.max(initial=0.0)
        crest = 10 * np.log10((peak[loud] + 1e-12) / (power[loud] + 1e-12))
        parts.append(np.percentile(crest, (10, 50, 90, 99)) if crest.size else np.zeros(4))
    step = max(1, mono.size // 100_000)
    sample = np.abs(mono[::step])
    rms = max(float(np.sqrt(np.mean(np.square(sample, dtype=np.float64)))), 1e-9)
    shares = np.percentile(sample, (50, 80, 90, 95, 98, 99, 99.8, 100)) / rms
    parts.append(20 * np.log10(shares + 1e-4))
    return np.concatenate(parts).astype(np.float32)
