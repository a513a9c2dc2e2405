"""Multi-resolution STFT distance with the six FFT sizes of the research project.

Equal to auraloss's ``MultiResolutionSTFTLoss`` with FFT sizes and windows of 32, 128, 512, 2048,
8192 and 32768, hops of half of them, and weights ``w_sc=0, w_log_mag=1, w_lin_mag=1``.

Source: Yamamoto, Song & Kim, "Parallel WaveGAN" (arXiv:1910.11480), equations 4 to 6.
"""

from __future__ import annotations

import numpy as np
from scipy import fft as sfft

SIZES = (32, 128, 512, 2048, 8192, 32768)
EPSILON = 1e-8


def magnitudes(signal: np.ndarray, size: int) -> np.ndarray:
    """Hann-windowed, centred, reflect-padded STFT magnitudes, hop half the size."""
    padded = np.pad(signal.astype(np.float32), size // 2, mode="reflect")
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]
    spectrum = sfft.rfft(frames * window, axis=1)
    power = np.maximum(spectrum.real**2 + spectrum.imag**2, EPSILON)
    return np.sqrt(power)


def mrstft(prediction: np.ndarray, target: np.ndarray) -> float:
    """Mean over resolutions of the log-magnitude and the magnitude L1 terms, mono signals."""
    total = 0.0
    for size in SIZES:
        a, b = magnitudes(prediction, size), magnitudes(target, size)
        total += float(np.abs(np.log(a) - np.log(b)).mean()) + float(np.abs(a - b).mean())
    return total / len(SIZES)
