"""Framing, short-time spectra and the onset strength taken from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from dialin.timbre.filters import mel_filters, window
from dialin.timbre.kernels import kernels

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

HOP = 512
CHUNK = 32
"""Hop in samples of the onset and percussion spectra (their frames are 2048 long)."""


def frames(x: NDArray[np.floating], length: int, hop: int) -> NDArray[np.floating]:
    """View `x` (samples,) as (frames, length), `hop` apart; a tail that fills no frame is left."""
    return np.lib.stride_tricks.sliding_window_view(x, length)[::hop]


def centred_stft(x: NDArray[np.floating]) -> NDArray[np.complex64]:
    """Hann spectra of 2048 samples every 512, the first centred on sample 0: (frames, 1025)."""
    padded = np.zeros(x.size + 2048, dtype=np.float32)
    padded[1024:-1024] = x
    count = x.size // HOP + 1
    spectra = np.empty((count, 1025), dtype=np.complex64)
    # A few frames at a time: small arrays are reused, large ones are paged in anew.
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        part = padded[first * HOP : (last - 1) * HOP + 2048]
        rows = kernels.windowed_frames(part, HOP, window("hann", 2048), False)
        spectra[first:last] = fft.rfft(rows, axis=1, overwrite_x=True)
    return spectra


def centred_power(x: NDArray[np.floating]) -> NDArray[np.float32]:
    """Squared magnitudes of `centred_stft`."""
    padded = np.zeros(x.size + 2048, dtype=np.float32)
    padded[1024:-1024] = x
    return np.asarray(kernels.power_spectra(padded, HOP, window("hann", 2048), 2048, False))


def one_sided_power(
    x: NDArray[np.floating], length: int, hop: int, size: int
) -> NDArray[np.float32]:
    """Power spectra (frames, size / 2 + 1) of Hamming frames less their mean.

    What lies between the first and the last bin counts twice, as it stands for two bins.
    """
    power = kernels.power_spectra(x, hop, window("hamming", length), size, True)
    power[:, 1:-1] *= 2.0
    return np.asarray(power)


def onset_strength(power: Singles) -> Floats:
    """Spectral flux in dB over 128 mel bands, one value a hop of 512 samples.

    Parameters
    ----------
    power : shape (frames, 1025)
        Squared magnitudes of `centred_stft`.

    Returns
    -------
    shape (frames,)
        As librosa >= 0.9 has it: Boeck and Widmer, "Maximum filter vibrato suppression for onset
        detection", DAFx 2013, without the filter; delayed by 3 frames.
    """
    mel = power @ mel_filters().T
    level = 10.0 * np.log10(np.maximum(mel, np.float32(1e-10)))
    level = np.maximum(level, level.max() - 80.0)
    flux = np.maximum(np.diff(level, axis=0), 0.0).mean(axis=1, dtype=np.float64)
    strength = np.zeros(len(power))
    strength[3:] = flux[: max(len(power) - 3, 0)]
    return strength


def power_of(spectra: NDArray[np.complexfloating]) -> NDArray[np.floating]:
    """Squared magnitudes."""
    return np.asarray(spectra.real**2 + spectra.imag**2)
