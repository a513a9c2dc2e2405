"""Mel-frequency cepstral coefficients, fast enough to judge every render.

Conventions: those of librosa (McFee et al., 2015): Hann window, zero padding at the ends, power
spectrum, Slaney's mel scale with filters of equal area, decibels with an 80 dB range, orthonormal
DCT-II.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, rfft
from scipy.signal.windows import hann

from dialin.audio import Audio
from dialin.audio.mel import mel_filters

FFT = 2048
HOP = 512
RANGE_DB = 80.0
FLOOR = 1e-10


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float32]:
    window: NDArray[np.float32] = hann(FFT, sym=False).astype(np.float32)
    return window


def mel_levels(audio: Audio, sample_rate: int, *, mels: int = 60) -> NDArray[np.float32]:
    """Mel spectrogram of the mix of all channels in decibels, ``(1 + samples // 512, mels)``.

    The loudest 80 dB; what is quieter counts as that.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    mels : int, default 60
        Number of mel filters.

    Returns
    -------
    ndarray, float32, shape (1 + samples // 512, mels)
        In decibels re full scale's power.
    """
    signal = audio[0] if audio.shape[0] == 1 else audio.mean(axis=0, dtype=np.float32)
    padded = np.pad(signal, FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP] * _window()
    spectrum = rfft(frames, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    levels = 10.0 * np.log10(np.maximum(power @ mel_filters(sample_rate, mels).T, FLOOR))
    np.maximum(levels, levels.max() - RANGE_DB, out=levels)
    return np.asarray(levels, dtype=np.float32)


def mfcc(
    audio: Audio, sample_rate: int, *, coefficients: int = 30, mels: int = 60
) -> NDArray[np.float32]:
    """MFCCs of the mix of all channels.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    coefficients : int, default 30
        How many are kept, from the zeroth on; `mels` at most.
    mels : int, default 60
        Number of mel filters.

    Returns
    -------
    ndarray, float32, shape (1 + samples // 512, coefficients)
        In decibels, scaled by the orthonormal DCT.
    """
    levels = mel_levels(audio, sample_rate, mels=mels)
    result: NDArray[np.float32] = dct(levels, type=2, norm="ortho", axis=1)[:, :coefficients]
    return result


def mean_cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean over frames of the cosine between two MFCC matrices; frames of zeros count as 0.

    The first coefficient is left out: it is the level, many times larger than all others, and with
    it any two loud sounds are alike.

    Parameters
    ----------
    a : ndarray, float32, shape (frames, coefficients)
        From `mfcc`.
    b : ndarray, float32, shape (frames, coefficients)
        Of the same shape.

    Returns
    -------
    float
        -1 to 1.
    """
    a, b = a[:, 1:], b[:, 1:]
    dots = np.einsum("ij,ij->i", a, b)
    norms = np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
    return float(np.mean(np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)))
