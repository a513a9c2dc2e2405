"""Features of echoes, rooms and motion: what no spectrogram of short frames shows.

The cepstrum of the whole recording in narrow bins of lag (echoes and rooms stand out from any music
there), how the cepstrum of short frames moves (chorus, flanger), lines in the modulation spectrum,
and decay slopes. `echo_peaks` compares two recordings lag by lag. The networks that guess
(`dialin.matching.guessing`) are told of these, and so are controllers whose recipe says so.

Conventions
-----------
* One recording of any rate, length and number of channels; every feature is finite.
* Lags in seconds; cepstra as in `dialin.measures.cepstrum`.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, without_infrasound
from dialin.audio import fourier as sfft
from dialin.measures.bands import BANDS, GROUPS, SpectralAnalysis, analyse
from dialin.measures.cepstrum import LAG_RATE, recording_cepstrum
from dialin.measures.transforms import hann

Floats = NDArray[np.float32]

SHORT_LAGS, LONG_LAGS, ENERGY_LAGS = 64, 200, 24
"""Bins of lag: 1 to 25 ms, 25 ms to 1.6 s, and those of energy from 2 ms to 1.6 s."""

MOTION_LAGS, MOTION_BANDS = 12, (0.1, 0.4, 1.0, 2.5, 6.0, 14.0)
"""Bins of lag from 1 to 40 ms of moving cepstra, and edges in hertz of how fast they move."""

LINE_BANDS = 12
"""Bins of the modulation spectrum, 0.2 to 16 Hz."""

SLOPES, SLOPE_FRAMES = (2, 10, 25, 50), (4, 14)
"""Percentiles of the change of a band's level over so many frames of 23 ms."""

PEAKS = 3
"""Peaks of the cepstrum that `echo_peaks` tells of."""

PEAK_VALUES = 5
LONGEST = 1.7
"""Seconds of lag that are looked at."""


@dataclass(frozen=True, eq=False)
class RecordingFeatures:
    """One recording as networks hear it.

    Attributes
    ----------
    features : ndarray, float32, shape (features,)
        From `time_features` 956 of echoes, rooms and motion; from
        `dialin.matching.guessing.gap_features.hear` these among others.
    cepstrum : ndarray, float32, shape (lags,)
        Of the middle, on the grid of `LAG_RATE`.
    sigma : float
        Noise of the cepstrum.
    """

    features: Floats
    cepstrum: Floats
    sigma: float


def time_features(audio: Audio, sample_rate: int) -> RecordingFeatures:
    """Measure a recording.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1. The first two channels are heard.
    sample_rate : int
        In hertz.

    Returns
    -------
    RecordingFeatures
        Of `lag_features`, `moving_features`, `line_features` and `slope_features`.
    """
    analysis = analyse(without_infrasound(audio[:2], sample_rate), sample_rate)
    return time_features_of(audio, sample_rate, analysis)


def time_features_of(
    audio: Audio, sample_rate: int, analysis: SpectralAnalysis
) -> RecordingFeatures:
    """The same, where the spectra are known; see `time_features`.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    analysis : SpectralAnalysis
        Of the same audio without infrasound.

    Returns
    -------
    RecordingFeatures
    """
    middle = np.atleast_2d(np.asarray(audio[:2], dtype=np.float32).mean(axis=0))
    measured = recording_cepstrum(middle, sample_rate, longest=LONGEST)
    cepstrum = np.zeros(round(LONGEST * LAG_RATE), dtype=np.float32)
    row = measured.view("mono")[: cepstrum.size]
    cepstrum[: row.size] = row
    levels = floored_levels(analysis.bands)
    parts = [
        lag_features(cepstrum),
        moving_features(analysis.mono, analysis.rate),
        line_features(levels, analysis.step),
        slope_features(levels),
    ]
    return RecordingFeatures(np.concatenate(parts), cepstrum, float(measured.sigma))


@functools.cache
def pair_size() -> int:
    """How many numbers `pair_features` gives."""
    noise = (0.1 * np.random.default_rng(0).standard_normal((1, 22_050))).astype(np.float32)
    heard = time_features(noise, 22_050)
    return int(pair_features(heard, heard).size)


def pair_features(input: RecordingFeatures, reference: RecordingFeatures) -> Floats:
    """What time features tell of an input and of what it should sound like.

    Parameters
    ----------
    input, reference : RecordingFeatures
        Two recordings, from `time_features`.

    Returns
    -------
    ndarray, float32, shape (pair_size(),)
        Those of the input, the reference's minus the input's, and `echo_peaks`.
    """
    peaks = echo_peaks(input, reference)
    return np.concatenate([input.features, reference.features - input.features, peaks])


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
        noise = max(reference.sigma, 1e-3)
        result += [10 * np.log10(lag / LAG_RATE), *heights, np.log1p(abs(heights[0]) / noise)]
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


def lag_features(cepstrum: Floats) -> Floats:
    """Highest and lowest value at short lags, highest at long ones, energy of all.

    Parameters
    ----------
    cepstrum : ndarray, float32, shape (lags,)
        Of 1.6 s at least, on the grid of `LAG_RATE`.

    Returns
    -------
    ndarray, float32, shape (376,)
    """
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


def moving_features(mono: NDArray[np.float32], rate: int) -> Floats:
    """How fast and at which lags the cepstrum of 85 ms frames moves.

    Parameters
    ----------
    mono : ndarray, float32, shape (samples,)
        Any length; short sounds are padded with silence.
    rate : int
        In hertz.

    Returns
    -------
    ndarray, float32, shape (132,)
        Base-10 logarithms.
    """
    length = int(2 ** round(np.log2(0.085 * rate)))
    hop = max(1, round(0.03 * rate))
    if mono.size < 8 * hop + length:
        mono = np.pad(mono, (0, 8 * hop + length - mono.size))
    frames = np.lib.stride_tricks.sliding_window_view(mono, length)[::hop]
    window = hann(length + 1)[:-1].astype(np.float32)
    spectrum = sfft.rfft(frames * window, axis=1)
    end = min(spectrum.shape[1], int(10_500 * length / rate))
    level = np.log(spectrum.real[:, :end] ** 2 + spectrum.imag[:, :end] ** 2 + 1e-8)
    level -= level.mean(axis=1, keepdims=True)
    level *= hann(end).astype(np.float32)
    cepstra = sfft.irfft(level.astype(np.float32), axis=1)
    # Value n belongs to n / (2 * end * rate / length) seconds.
    per_second = 2 * (end - 1) * rate / length
    edges = np.round(np.geomspace(0.001, 0.04, MOTION_LAGS + 1) * per_second).astype(int)
    for index in range(1, edges.size):
        edges[index] = max(edges[index], edges[index - 1] + 1)
    cepstra = cepstra[:, edges[0] : edges[-1]]
    mean = cepstra.mean(axis=0)
    cuts = edges[:-1] - edges[0]
    turning = sfft.rfft((cepstra - mean) * hann(len(cepstra))[:, None].astype(np.float32), axis=0)
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


def floored_levels(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels of bands, none more than 70 dB below the highest.

    Parameters
    ----------
    bands : ndarray, float64, shape (frames, bands)
        Power; NaN beyond the rate.

    Returns
    -------
    ndarray, float64, shape (frames, bands)
        In decibels.
    """
    level = 10 * np.log10(np.where(np.isnan(bands), 0.0, bands) + 1e-10)
    return np.asarray(np.maximum(level, level.max() - 70.0))


def line_features(levels: NDArray[np.float64], step: float) -> Floats:
    """Level and lines of the modulation spectrum, of band groups and of what they do not share.

    Parameters
    ----------
    levels : ndarray, float64, shape (frames, bands)
        In decibels, from `floored_levels`.
    step : float
        Seconds from frame to frame.

    Returns
    -------
    ndarray, float32, shape (384,)
        In decibels: means of bins of rate, and how far the highest line stands above each.
    """
    groups = np.stack([levels[:, p].mean(axis=1) for p in np.array_split(np.arange(BANDS), GROUPS)])
    if groups.shape[1] < 16:
        groups = np.pad(groups, ((0, 0), (0, 16 - groups.shape[1])), mode="edge")
    apart = groups - groups.mean(axis=0)
    rows = np.concatenate([groups, apart])
    rows = rows - rows.mean(axis=1, keepdims=True)
    count = rows.shape[1]
    spectrum = np.abs(sfft.rfft(rows * hann(count), axis=1)) ** 2 / count
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


def slope_features(levels: NDArray[np.float64]) -> Floats:
    """How levels of band groups change: the steepest falls are decays of the room.

    Parameters
    ----------
    levels : ndarray, float64, shape (frames, bands)
        In decibels, from `floored_levels`.

    Returns
    -------
    ndarray, float32, shape (64,)
        Percentiles `SLOPES` of changes over each of `SLOPE_FRAMES`.
    """
    parts = []
    groups = np.stack(
        [levels[:, p].mean(axis=1) for p in np.array_split(np.arange(BANDS), GROUPS)], axis=1
    )
    for frames in SLOPE_FRAMES:
        lag = min(frames, len(groups) - 1)
        change = groups[lag:] - groups[:-lag] if lag else np.zeros((1, GROUPS))
        parts.append(np.percentile(change, SLOPES, axis=0).ravel())
    return np.concatenate(parts).astype(np.float32)
