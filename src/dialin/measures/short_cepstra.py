"""Cepstra of short frames: of a recording, and of an effect's answers to a train of impulses.

Conventions
-----------
* *Frames* are Hann windows, a quarter apart: `LONG` ones for combs with lags up to 40 ms, `SHORT`
  ones for what moves fast. Their log spectra in dB, from 80 Hz up, are turned into cepstra by a
  cosine transform: a comb is one coefficient, colour the first few.
* Two channels have two views: their mean level, and left over right.

References
----------
Bogert, Healy & Tukey, "The quefrency alanysis of time series for echoes" (1963).
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.measures.frame_powers import frame_powers

Floats = NDArray[np.float64]

SHORT, LONG = 0.08 / 3, 0.08
"""Seconds of a frame: whole numbers of samples, of small factors, at the usual rates."""

LOWEST_HZ, HIGHEST_HZ = 80.0, 10_000.0
CLIP_DB = 15.0
"""Farther from its mean no level is believed: onsets and silences are no filters."""

FLOOR_DB = -80.0

BLUR_BINS = 24
"""Bins above a band that may still tell something of it."""


def frame_cepstra(
    audio: Audio, sample_rate: int, frame: float = SHORT, highest: float = HIGHEST_HZ
) -> Floats:
    """Cepstra of a recording's frames.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Of more than two channels the first two.
    sample_rate : int
        In hertz.
    frame : float
        Seconds.
    highest : float
        End in hertz of the band.

    Returns
    -------
    ndarray, float32, shape (views, frames, quefrencies)
        In dB, means over time taken out; no frames where the recording is shorter than two.
    """
    size, hop = round(frame * sample_rate), round(frame / 4 * sample_rate)
    if audio.shape[1] < 2 * size:
        return np.zeros((1, 0, 0))
    power = frame_powers(audio[:2], size, hop, *_bins(frame, highest))
    power += np.float32(max(float(power.max()) * 10 ** (FLOOR_DB / 10), 1e-20))
    level = _views(10 * np.log10(power, out=power))
    level -= level.mean(axis=1, keepdims=True)
    np.clip(level, -CLIP_DB, CLIP_DB, out=level)
    level -= level.mean(axis=1, keepdims=True)
    return np.asarray(sfft.dct(level, axis=2))


def _bins(frame: float, highest: float) -> tuple[int, int]:
    return round(LOWEST_HZ * frame), round(highest * frame)


def _views(level: NDArray[np.float32]) -> NDArray[np.float32]:
    if level.shape[0] == 1:
        return level
    return np.stack([level[:2].mean(axis=0), level[0] - level[1]])


def impulse_cepstra(
    responses: Audio,
    sample_rate: int,
    spacing: int,
    frame: float = SHORT,
    highest: float = HIGHEST_HZ,
) -> Floats:
    """Cepstra of answers to a train of impulses, as frames of a recording would show them.

    Parameters
    ----------
    responses : ndarray, shape (channels, samples)
        What came of the train, from an impulse on.
    sample_rate : int
        In hertz.
    spacing : int
        Samples between impulses.
    frame : float
        Seconds.
    highest : float
        End in hertz of the band.

    Returns
    -------
    ndarray, shape (views, impulses, quefrencies)
    """
    size = round(frame * sample_rate)
    count = responses.shape[1] // spacing
    heard = responses[:2, : count * spacing]
    # Of two channels that are alike, as most effects answer, one says all.
    alike = heard.shape[0] == 2 and np.array_equal(heard[0], heard[1])
    pieces = (heard[:1] if alike else heard).reshape(-1, count, spacing)
    fold = max(1, int(np.ceil(2 * spacing / size)))
    points = fold * size
    first, last = _bins(frame, highest)
    # A window blurs the spectrum by a few points: those far above the band do not count.
    kept = sfft.next_fast_len(fold * (last + BLUR_BINS), real=True)
    kept = min(points, 2 * kept)
    spectra = sfft.rfft(pieces, points, axis=2)[:, :, : kept // 2 + 1]
    own = sfft.irfft(spectra.real**2 + spectra.imag**2, kept, axis=2)
    own *= _overlap(kept, points / (kept * size))
    power = sfft.rfft(own, axis=2).real[:, :, fold * first : fold * last : fold]
    floor = max(float(power.max(initial=0.0)) * 1e-6, 1e-20)
    level = _views(10 * np.log10(np.maximum(power, floor)))
    cepstra = sfft.dct(level, axis=2).astype(np.float64)
    return np.concatenate([cepstra, np.zeros_like(cepstra)]) if alike else cepstra


@functools.lru_cache(maxsize=16)
def _overlap(points: int, step: float) -> NDArray[np.float32]:
    """Autocorrelation of a Hann window of length 1 at lags so far apart, forwards and back.

    It is what a window leaves of lags.
    """
    x = np.minimum(np.minimum(np.arange(points), points - np.arange(points)) * step, 1.0)
    value = (1 - x) * (2 + np.cos(2 * np.pi * x)) / 3 + np.sin(2 * np.pi * x) / (2 * np.pi)
    return np.asarray(value, dtype=np.float32)


def window_smear(turns: Floats) -> Floats:
    """What a frame leaves of a motion: the transform of a Hann window's square.

    Parameters
    ----------
    turns : ndarray
        How many times the motion goes round within the frame.

    Returns
    -------
    ndarray
        Share of its depth.
    """
    x = np.asarray(turns)
    value = np.sinc(x) + (np.sinc(x - 1) + np.sinc(x + 1)) * 2 / 3
    return np.asarray(np.abs(value + (np.sinc(x - 2) + np.sinc(x + 2)) / 6))
