"""Levels: peak, RMS and loudness.

Conventions: dBFS re full scale 1.0; RMS of a full-scale square wave is 0 dBFS; loudness in LUFS
(ITU-R BS.1770-4). Silence is ``-inf``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio.gate import Audio


def to_db(amplitude: ArrayLike) -> np.ndarray:
    """Amplitude ratio in decibels, ``20 log10 |a|``; ``-inf`` for 0.

    Parameters
    ----------
    amplitude : array_like
        Ratios of amplitudes; their sign does not count.

    Returns
    -------
    ndarray
        In decibels.
    """
    with np.errstate(divide="ignore"):
        result: np.ndarray = 20.0 * np.log10(np.abs(np.asarray(amplitude, dtype=np.float64)))
    return result


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
    return float(to_db(max(abs(float(audio.max())), abs(float(audio.min())))))


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
    return float(to_db(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))))


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
    import pyloudnorm

    data = audio[:5].T.astype(np.float64)
    short = int(np.ceil(0.4 * sample_rate)) + 1 - data.shape[0]
    if short > 0:
        data = np.pad(data, ((0, short), (0, 0)))
    with np.errstate(divide="ignore"):
        return float(pyloudnorm.Meter(sample_rate).integrated_loudness(data))


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
