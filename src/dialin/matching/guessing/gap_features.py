"""What a network is told of a recording before it guesses the effects behind it.

`gap_features` holds the style features and what they blur: echoes, rooms and motion
(`dialin.measures.time_features`), and how levels and peaks are distributed at several time scales
(compressors, drives). All is NumPy and SciPy, and the same where a network learns and where it is
asked.

Conventions
-----------
* One recording of any rate, length and number of channels; absent values (stereo of a mono
  recording, bands beyond its rate) are NaN.
* Lags in seconds; cepstra as in `dialin.measures.cepstrum`.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, without_infrasound
from dialin.matching.features import features_of_spectra
from dialin.measures.bands import analyse
from dialin.measures.time_features import RecordingFeatures, floored_levels, time_features_of

Floats = NDArray[np.float32]

LEVELS = (1, 5, 10, 25, 50, 75, 90, 95, 99)


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
        The first features are the style features.
    """
    analysis = analyse(without_infrasound(audio[:2], sample_rate), sample_rate)
    time = time_features_of(audio, sample_rate, analysis)
    parts: list[NDArray[np.floating]] = [
        features_of_spectra(analysis),
        time.features,
        _bands(floored_levels(analysis.bands), analysis.bands),
        _dynamics(analysis.mono, analysis.envelope, analysis.rate),
    ]
    return RecordingFeatures(np.concatenate(parts).astype(np.float32), time.cepstrum, time.sigma)


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
