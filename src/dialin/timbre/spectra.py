"""Framing, short-time spectra and the onset strength taken from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialin.timbre.blocks import band_power
from dialin.timbre.filters import mel_bands, window

Floats = NDArray[np.float64]

HOP = 512
"""Hop in samples of the onset and percussion spectra (their frames are 2048 long)."""


def centred(x: NDArray[np.floating]) -> NDArray[np.float32]:
    """`x` (samples,) between 1024 samples of silence: the first frame of 2048 is centred on it.

    Parameters
    ----------
    x : ndarray, float, shape (samples,)
        The signal.

    Returns
    -------
    ndarray, float32, shape (samples + 2048,)
    """
    padded = np.zeros(x.size + 2048, dtype=np.float32)
    padded[1024:-1024] = x
    return padded


def onset_strength(x: NDArray[np.floating]) -> Floats:
    """Spectral flux of `x` (samples,) in dB over 128 mel bands, one value a hop of 512 samples.

    Parameters
    ----------
    x : ndarray, float, shape (samples,)
        At 44.1 kHz.

    Returns
    -------
    shape (frames,)
        As librosa >= 0.9 has it: Boeck and Widmer, "Maximum filter vibrato suppression for onset
        detection", DAFx 2013, without the filter; delayed by 3 frames.
    """
    mel = band_power(centred(x), HOP, window("hann", 2048), mel_bands())
    level = np.log(np.maximum(mel, np.float32(1e-10)))
    level *= np.float32(10.0 / np.log(10.0))
    np.maximum(level, level.max() - 80.0, out=level)
    flux = np.maximum(np.diff(level, axis=0), 0.0).mean(axis=1, dtype=np.float64)
    strength = np.zeros(len(level))
    strength[3:] = flux[: max(len(level) - 3, 0)]
    return strength


def power_of(spectra: NDArray[np.complexfloating]) -> NDArray[np.floating]:
    """Squared magnitudes.

    Parameters
    ----------
    spectra : ndarray, complex
        Of any shape.

    Returns
    -------
    ndarray, float
        Of the same shape.
    """
    return np.asarray(spectra.real**2 + spectra.imag**2)
