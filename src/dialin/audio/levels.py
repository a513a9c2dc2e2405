"""Levels: peak, RMS and loudness.

Conventions: dBFS re full scale 1.0; RMS of a full-scale square wave is 0 dBFS; loudness in LUFS
(ITU-R BS.1770-4). Silence is ``-inf``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dialin.audio.biquads import Biquads
from dialin.audio.gate import Audio

CHANNEL_GAINS = (1.0, 1.0, 1.0, 1.41, 1.41)
"""Left, right, centre, left and right surround."""

ABSOLUTE_GATE = -70.0
"""In LUFS."""

BLOCK = 1 << 18
"""Samples of which a song's squares are held at a time."""


def to_db(amplitude: ArrayLike, least: float = -np.inf) -> np.ndarray:
    """Amplitude ratio in decibels, ``20 log10 |a|``.

    Parameters
    ----------
    amplitude : array_like
        Ratios of amplitudes; their sign does not count.
    least : float
        What 0 and all that is lower is given as, in decibels.

    Returns
    -------
    ndarray
        In decibels.
    """
    with np.errstate(divide="ignore"):
        result = 20.0 * np.log10(np.abs(np.asarray(amplitude, dtype=np.float64)))
    return np.asarray(np.maximum(result, least))


def power_to_db(power: ArrayLike, least: float = -np.inf) -> np.ndarray:
    """Ratio of powers or energies in decibels, ``10 log10 p``.

    Parameters
    ----------
    power : array_like
        0 or more.
    least : float
        What 0 and all that is lower is given as, in decibels.

    Returns
    -------
    ndarray
        In decibels.
    """
    with np.errstate(divide="ignore"):
        result = 10.0 * np.log10(np.asarray(power, dtype=np.float64))
    return np.asarray(np.maximum(result, least))


def peak_of(audio: NDArray[Any]) -> float:
    """Largest sample, whatever its sign.

    Parameters
    ----------
    audio : ndarray, shape (..., samples)
        Full scale is 1.

    Returns
    -------
    float
        0 or more; 0 where there are no samples.
    """
    return max(float(audio.max(initial=0.0)), -float(audio.min(initial=0.0)))


def mean_square(audio: Audio) -> float:
    """Mean square over all channels and samples, in double precision and little memory.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.

    Returns
    -------
    float
        0 where there are no samples.
    """
    total = 0.0
    for start in range(0, audio.shape[1], BLOCK):
        total += float(np.sum(np.square(audio[:, start : start + BLOCK], dtype=np.float64)))
    return total / max(1, audio.size)


def peak_dbfs(audio: Audio) -> float:
    """Sample peak over all channels, in dBFS.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.

    Returns
    -------
    float
        In dBFS; ``-inf`` for silence.
    """
    return float(to_db(peak_of(audio)))


def rms_dbfs(audio: Audio) -> float:
    """Root mean square over all channels and samples, in dBFS.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.

    Returns
    -------
    float
        In dBFS; ``-inf`` for silence.
    """
    return float(to_db(np.sqrt(mean_square(audio))))


def integrated_loudness(audio: Audio, sample_rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4, gated); ``-inf`` below the absolute gate.

    Clips shorter than the 0.4 s measuring block are padded with zeros to 0.4 s. More than five
    channels (the standard's limit) are measured as their first five.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    float
        In LUFS.
    """
    data = np.asarray(audio[:5], dtype=np.float32)
    short = int(np.ceil(0.4 * sample_rate)) + 1 - data.shape[1]
    if short > 0:
        data = np.pad(data, ((0, 0), (0, short)))
    power = np.zeros(data.shape[1])
    heard = Biquads(k_sections(sample_rate), data.shape[0])(data)
    for channel, gain in zip(heard, CHANNEL_GAINS, strict=False):
        power += gain * np.square(channel, dtype=np.float64)
    # Blocks of 400 ms that overlap by three quarters.
    length = 0.4 * sample_rate
    starts = 0.25 * length * np.arange(round((data.shape[1] - length) / (0.25 * length)) + 1)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    ends = np.minimum((starts + length).astype(int), power.size)
    return gated_loudness(np.maximum(sums[ends] - sums[starts.astype(int)], 0.0) / length)


def gated_loudness(blocks: NDArray[np.float64]) -> float:
    """Loudness in LUFS of blocks of 400 ms, those that are quiet left out; ``-inf`` for silence.

    Parameters
    ----------
    blocks : ndarray, float64, shape (blocks,)
        K-weighted power of each, summed over the channels.

    Returns
    -------
    float
    """
    loud = blocks[blocks >= 10 ** ((ABSOLUTE_GATE + 0.691) / 10)]
    if not loud.size:
        return float("-inf")
    return float(-0.691 + 10 * np.log10(loud[loud > 0.1 * loud.mean()].mean()))


def k_sections(sample_rate: float) -> NDArray[np.float64]:
    """K-weighting as two biquads, at any sample rate.

    Parameters
    ----------
    sample_rate : float
        In hertz.

    Returns
    -------
    ndarray, float64, shape (2, 6)
        A high shelf of 4 dB and a high-pass.

    References
    ----------
    ITU-R BS.1770-4, annex 1; its coefficients at 48 kHz as filters of R. Bristow-Johnson's
    cookbook (shelf: 1500 Hz, Q 0.7071; high-pass: 38 Hz, Q 0.5), as pyloudnorm has them.
    """
    a, w = 10.0 ** (4.0 / 40.0), 2 * np.pi * 1500.0 / sample_rate
    c, d = np.cos(w), np.sin(w) / np.sqrt(2.0)
    root = 2 * np.sqrt(a) * d
    shelf = [
        a * ((a + 1) + (a - 1) * c + root),
        -2 * a * ((a - 1) + (a + 1) * c),
        a * ((a + 1) + (a - 1) * c - root),
        (a + 1) - (a - 1) * c + root,
        2 * ((a - 1) - (a + 1) * c),
        (a + 1) - (a - 1) * c - root,
    ]
    w = 2 * np.pi * 38.0 / sample_rate
    c, d = np.cos(w), np.sin(w)
    high = [(1 + c) / 2, -(1 + c), (1 + c) / 2, 1 + d, -2 * c, 1 - d]
    sections = np.array([shelf, high])
    return np.asarray(sections / sections[:, 3:4])


def played_loudness(audio: Audio, sample_rate: int) -> float:
    """Loudness in LUFS of what a pair of loudspeakers plays; ``-inf`` for silence.

    BS.1770 adds the powers of the channels. A mono file measures 3.01 LU below the same sound in
    both channels of a stereo file, yet players send it to both loudspeakers: so it is measured
    here. Of more than two channels the first two are played.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    float
        In LUFS.
    """
    pair = np.repeat(audio, 2, axis=0) if audio.shape[0] == 1 else audio[:2]
    return integrated_loudness(pair, sample_rate)
