"""A small sample of a rendered spectrogram, to tell how far apart two renders of one input are.

Renders of the same input can be compared bin by bin, which no style feature can: the difference
between two candidates is what a listener would hear change. A fixed random sample of bins at three
resolutions estimates the log-magnitude term of a multi-resolution STFT distance (Yamamoto, Song &
Kim, 2020) between any two of them, without keeping the audio.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, peak_of, without_infrasound
from dialin.audio import fourier as sfft
from dialin.measures.style_spectra import frames_of, hann

Detail = NDArray[np.float16]

FRAMES = 48
BINS = 40
SECONDS = (0.011, 0.043, 0.171)
EPSILON = 1e-8
PEAK = 10 ** (-12 / 20)
"""Renders are compared at equal peak level, -12 dBFS."""


@functools.lru_cache(maxsize=64)
def _bins(count: int, length: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(count, size=min(FRAMES, count), replace=False))
    columns = rng.integers(0, length // 2 + 1, size=(rows.size, BINS))
    return rows, columns


def detail(audio: Audio, sample_rate: int) -> Detail:
    """Log10 magnitudes at fixed random places of the spectrograms of the first two channels.

    Frames are taken of the left and the right channel in turn, never of their sum: in a sum what is
    in opposite phase cancels, and a balance is not heard.
    Only comparable between renders of the same input: equal length, rate and channels.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float16, shape (values,)
    """
    return detail_of(without_infrasound(audio[:2], sample_rate), sample_rate)


def detail_of(sound: Audio, sample_rate: int) -> Detail:
    """Compute the detail of what holds no infrasound; see `detail`.

    Parameters
    ----------
    sound : ndarray, float32, shape (channels, samples)
        From `dialin.audio.without_infrasound`; two channels at most.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float16, shape (values,)
    """
    peak = peak_of(sound)
    gain = np.float32(PEAK / peak if peak > 1e-9 else 1.0)
    parts = []
    for seed, seconds in enumerate(SECONDS):
        length = int(2 ** round(np.log2(seconds * sample_rate)))
        short = max(0, length - sound.shape[1])
        padded = np.pad(sound, ((0, 0), (0, short))) if short else sound
        each = [frames_of(channel, length, length // 2) for channel in padded]
        rows, columns = _bins(each[0].shape[0], length, seed)
        frames = np.stack([each[n % len(each)][row] for n, row in enumerate(rows)])
        frames *= gain * hann(length)
        chosen = np.take_along_axis(sfft.rfft(frames, axis=1), columns, axis=1)
        parts.append(np.log10(np.abs(chosen) + EPSILON).ravel())
    return np.concatenate(parts).astype(np.float16)


def detail_distances(details: NDArray[np.float16]) -> NDArray[np.float64]:
    """Mean absolute difference between each two rows, ``(n, n)``, in units of log10 magnitude.

    Parameters
    ----------
    details : ndarray, float16, shape (n, values)
        One row for each render.

    Returns
    -------
    ndarray, float64, shape (n, n)
    """
    rows = details.astype(np.float32)
    result = np.zeros((len(rows), len(rows)))
    for number, row in enumerate(rows):
        result[number] = np.abs(rows - row).mean(axis=1)
    return result
