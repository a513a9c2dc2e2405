"""Spectral distances.

Conventions: Hann windows, frames centred with reflected ends; power is clamped to 1e-8 from below,
so two silences are at distance 0 and silence is finitely far from everything. Natural logarithms.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.audio.mel import mel_filters
from dialin.measures.batches import ANY_RATE, compare

Floats = NDArray[np.float32]

MRSTFT_SIZES = (32, 128, 512, 2048, 8192, 32768)
"""FFT sizes (and windows; hops are half) of the research project that dialin starts from."""

LD_RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
"""FFT size, hop and window of L_d."""

EPSILON = 1e-8
MEL_SIZE, MELS = 65_536, 128
CENTROID_SIZE, CENTROID_HOP = 2048, 512
LTAS_SIZE = 8192


@functools.lru_cache(maxsize=32)
def _window(length: int, size: int) -> Floats:
    """Periodic Hann window in the middle of a frame."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    left = (size - length) // 2
    return np.pad(window, (left, size - length - left)).astype(np.float32)


def magnitudes(signal: Floats, size: int, hop: int | None = None, length: int = 0) -> Floats:
    """STFT magnitudes of a mono signal, ``(frames, 1 + size // 2)``, clamped to 1e-4 from below.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Full scale is 1.
    size : int
        Of the FFT.
    hop : int, optional
        Half the size by default.
    length : int
        Of the window; the size by default.

    Returns
    -------
    ndarray, float32, shape (frames, 1 + size // 2)
    """
    padded = np.pad(signal.astype(np.float32, copy=False), size // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: hop or size // 2]
    spectrum = sfft.rfft(frames * _window(length or size, size), axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    result: Floats = np.sqrt(np.maximum(power, np.float32(EPSILON)))
    return result


def mrstft(prediction: Any, truth: Any, sizes: Sequence[int] = MRSTFT_SIZES) -> Any:
    """Multi-resolution STFT distance: magnitude L1 plus log-magnitude L1, mean over resolutions.

    Equal to ``MultiResolutionSTFTLoss`` of auraloss 0.4 with these FFT sizes and windows, hops of
    half of them, and weights ``w_sc=0, w_log_mag=1, w_lin_mag=1``.

    Parameters
    ----------
    prediction, truth : array_like, shape (..., samples)
        See the package for shapes, batches and refusals.
    sizes : sequence of int
        FFT sizes.

    Returns
    -------
    float, or ndarray of shape (items,)
        0 or more.

    References
    ----------
    Yamamoto, Song & Kim, "Parallel WaveGAN", arXiv:1910.11480, equations 4 to 6.
    """

    def one(a: Audio, b: Audio, _: int) -> float:
        total = 0.0
        for size in sizes:
            for x, y in zip(a, b, strict=True):
                p, t = magnitudes(x, size), magnitudes(y, size)
                total += float(np.abs(np.log(p) - np.log(t)).mean() + np.abs(p - t).mean())
        return total / len(sizes) / len(a)

    return compare(one, prediction, truth, ANY_RATE, paired=True)


def ld(prediction: Any, truth: Any) -> Any:
    """L_d of FXRepBench: spectral convergence plus log-magnitude L1, mean over three resolutions.

    The channels of an item count as one vector.

    Parameters
    ----------
    prediction, truth : array_like, shape (..., samples)
        What is judged.

    Returns
    -------
    float, or ndarray of shape (items,)
        0 or more.

    References
    ----------
    FXRepBench / CounterFX-200 (2026), metric card; the loss is that of arXiv:1910.11480.
    """

    def one(a: Audio, b: Audio, _: int) -> float:
        return LdTarget(b).distance(a)

    return compare(one, prediction, truth, ANY_RATE, paired=True)


class LdTarget:
    """A truth whose spectra are kept, for L_d of many predictions: half the time each.

    Parameters
    ----------
    truth : ndarray, float32, shape (channels, samples)
    """

    def __init__(self, truth: Audio) -> None:
        self._spectra = [
            [magnitudes(x, size, hop, length) for x in truth]
            for size, hop, length in LD_RESOLUTIONS
        ]

    def distance(self, prediction: Audio) -> float:
        """L_d of a prediction of the same shape.

        Parameters
        ----------
        prediction : ndarray, float32, shape (channels, samples)
            Of the truth's shape.

        Returns
        -------
        float
            0 or more.
        """
        total = 0.0
        for (size, hop, length), spectra in zip(LD_RESOLUTIONS, self._spectra, strict=True):
            error = energy = logs = 0.0
            for x, t in zip(prediction, spectra, strict=True):
                p = magnitudes(x, size, hop, length)
                gap = (t - p).ravel()
                error += float(gap @ gap)
                energy += float(t.ravel() @ t.ravel())
                logs += float(np.abs(np.log(p / t)).mean())
            total += np.sqrt(error / max(energy, EPSILON**2)) + logs / len(spectra)
        return float(total) / len(LD_RESOLUTIONS)


def mel_distance(prediction: Any, truth: Any, sample_rate: int) -> Any:
    """Mel spectral distance: spectral convergence plus log-magnitude L1 of 128 mel bands.

    FFT, hop and window of 65,536 samples; equal to ``MelSTFTLoss`` of auraloss 0.4.

    Parameters
    ----------
    prediction, truth : array_like, shape (..., samples)
        What is judged.
    sample_rate : int
        In hertz.

    Returns
    -------
    float, or ndarray of shape (items,)
        0 or more.
    """

    def one(a: Audio, b: Audio, rate: int) -> float:
        filters = mel_filters(rate, MELS, MEL_SIZE)
        p, t = (
            np.stack([magnitudes(x, MEL_SIZE, MEL_SIZE) @ filters.T for x in side])
            for side in (a, b)
        )
        # Bands narrower than a bin hold nothing on either side.
        floor = np.float32(EPSILON)
        convergence = np.mean(
            [np.linalg.norm(y - x) / max(float(np.linalg.norm(y)), EPSILON)
             for x, y in zip(p, t, strict=True)]
        )  # fmt: skip
        logs = np.abs(np.log(np.maximum(p, floor)) - np.log(np.maximum(t, floor))).mean()
        return float(convergence + logs)

    return compare(one, prediction, truth, sample_rate, paired=True)


def spectral_centroid(audio: Audio, sample_rate: int) -> float:
    """Mean over audible frames of the magnitude-weighted mean frequency, in hertz.

    Frames 60 dB below the loudest are left out; NaN for silence.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    float
        In hertz.
    """
    mono = audio.mean(axis=0)
    if mono.size < CENTROID_SIZE:
        mono = np.pad(mono, (0, CENTROID_SIZE - mono.size))
    frames = np.lib.stride_tricks.sliding_window_view(mono, CENTROID_SIZE)[::CENTROID_HOP]
    spectra = np.abs(sfft.rfft(frames * _window(CENTROID_SIZE, CENTROID_SIZE), axis=1))
    level = spectra.sum(axis=1)
    heard = level > max(1e-3 * float(level.max(initial=0.0)), 1e-6)
    if not heard.any():
        return float("nan")
    hertz = np.arange(spectra.shape[1]) * (sample_rate / CENTROID_SIZE)
    return float(np.mean(spectra[heard] @ hertz / level[heard]))


def centroid_error(prediction: Any, truth: Any, sample_rate: int) -> Any:
    """Absolute difference of mean spectral centroids in hertz (FFT 2048, hop 512).

    Parameters
    ----------
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz.

    Returns
    -------
    float, or ndarray of shape (items,)
    """

    def one(a: Audio, b: Audio, rate: int) -> float:
        return abs(spectral_centroid(a, rate) - spectral_centroid(b, rate))

    return compare(one, prediction, truth, sample_rate, paired=False)


def long_term_spectrum(audio: Audio, sample_rate: int) -> NDArray[np.float64]:
    """Mean power in third octaves from 40 Hz to 16 kHz, in dB, ``(27,)``; NaN above Nyquist's.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float64, shape (27,)
        In dB, re full scale's power in the FFT's units.
    """
    mono = audio.mean(axis=0)
    if mono.size < LTAS_SIZE:
        mono = np.pad(mono, (0, LTAS_SIZE - mono.size))
    window = _window(LTAS_SIZE, LTAS_SIZE)
    frames = np.lib.stride_tricks.sliding_window_view(mono, LTAS_SIZE)[:: LTAS_SIZE // 2]
    power = np.zeros(1 + LTAS_SIZE // 2)
    for start in range(0, len(frames), 256):
        piece = np.abs(sfft.rfft(frames[start : start + 256] * window, axis=1))
        power += np.square(piece, dtype=np.float64).sum(axis=0)
    power /= len(frames)
    hertz = np.arange(power.size) * (sample_rate / LTAS_SIZE)
    centres = 1000.0 * 2.0 ** (np.arange(-14, 13) / 3.0)
    result = np.full(centres.size, np.nan)
    for index, centre in enumerate(centres):
        low, high = centre * 2 ** (-1 / 6), centre * 2 ** (1 / 6)
        if high <= sample_rate / 2:
            inside = (hertz >= low) & (hertz < high)
            if not inside.any():
                inside = np.arange(hertz.size) == int(np.argmin(np.abs(hertz - centre)))
            result[index] = 10 * np.log10(power[inside].mean() + 1e-10)
    return result


def long_term_error(prediction: Any, truth: Any, sample_rate: int) -> Any:
    """Mean absolute difference of long-term spectra in dB, whatever the level of either.

    Parameters
    ----------
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz.

    Returns
    -------
    float, or ndarray of shape (items,)
    """

    def one(a: Audio, b: Audio, rate: int) -> float:
        gap = long_term_spectrum(a, rate) - long_term_spectrum(b, rate)
        return float(np.nanmean(np.abs(gap - np.nanmean(gap))))

    return compare(one, prediction, truth, sample_rate, paired=False)
