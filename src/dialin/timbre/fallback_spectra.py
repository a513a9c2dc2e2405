"""The kernels of short-time spectra in NumPy and SciPy; see `dialin.timbre.fallback`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from dialin.timbre.filters import Bands

Samples = NDArray[np.float64]
Singles = NDArray[np.float32]
Indices = NDArray[np.int64]

_CHUNK = 64


def windowed_frames(x: NDArray[Any], hop: int, window: NDArray[Any], centre: bool) -> Singles:
    """Frames of `x` (samples,), less their mean if `centre`, times `window`: (frames, length).

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.
    centre : bool
        Whether a frame's mean is taken off.

    Returns
    -------
    ndarray, float32, shape (frames, length)
    """
    rows = np.lib.stride_tricks.sliding_window_view(x, window.size)[::hop].astype(np.float32)
    if centre:
        rows -= rows.mean(axis=1, keepdims=True)
    rows *= window.astype(np.float32)
    return rows


def tapered_frames(x: Samples, hop: int, window: Samples) -> Samples:
    """Frames of `x` (samples,) in double precision, less their mean, times `window`.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, float64, shape (length,)
        Of a frame; its size is the frame's.

    Returns
    -------
    ndarray, float64, shape (frames, length)
    """
    rows = np.lib.stride_tricks.sliding_window_view(x, window.size)[::hop]
    return np.asarray((rows - rows.mean(axis=1, keepdims=True)) * window)


def summed_power(spectra: NDArray[np.complex128]) -> Samples:
    """Squared magnitudes of `spectra` (frames, bins), summed over frames: (bins,).

    Parameters
    ----------
    spectra : ndarray, complex128, shape (frames, bins)
        As `rfft` gives them.

    Returns
    -------
    ndarray, float64, shape (bins,)
    """
    return np.asarray(np.sum(spectra.real**2 + spectra.imag**2, axis=0))


def frame_energies(x: NDArray[Any], hop: int, window: NDArray[Any]) -> Samples:
    """Sum of squares of each of `windowed_frames`, taken off their mean: (frames,).

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.

    Returns
    -------
    ndarray, float64, shape (frames,)
    """
    rows = windowed_frames(x, hop, window, True)
    return np.asarray(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))


def power_spectra(
    x: NDArray[Any], hop: int, window: NDArray[Any], size: int, centre: bool
) -> Singles:
    """Power spectra of `windowed_frames`, filled up to `size`: (frames, size / 2 + 1).

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.
    size : int
        Of the FFT; the window's or more.
    centre : bool
        Whether a frame's mean is taken off.

    Returns
    -------
    ndarray, float32, shape (frames, size / 2 + 1)
    """
    spectra = fft.rfft(windowed_frames(x, hop, window, centre), size, axis=1)
    return np.asarray(spectra.real**2 + spectra.imag**2)


def spectral_moments(
    x: NDArray[Any], hop: int, window: NDArray[Any], size: int
) -> tuple[Samples, Samples, Samples]:
    """Sums over the one-sided power spectra of `windowed_frames` less their mean.

    Bins between the first and the last count twice, as they stand for two.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.
    size : int
        Of the FFT; the window's or more.

    Returns
    -------
    total : shape (frames,)
        Power of each frame.
    moment : shape (frames,)
        Sum of bin number times power of each frame.
    spectrum : shape (size / 2 + 1,)
        Sum over frames of each bin, counted once.
    """
    power = power_spectra(x, hop, window, size, True)
    power[:, 1:-1] *= 2.0
    total = power.sum(axis=1, dtype=np.float64)
    moment = power @ np.arange(size // 2 + 1, dtype=np.float64)
    return total, moment, power.sum(axis=0, dtype=np.float64)


def band_power(x: NDArray[Any], hop: int, window: NDArray[Any], bands: Bands) -> Singles:
    """Power of `windowed_frames` in overlapping bands: (frames, bands).

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame; its size is the frame's.
    bands : Bands
        Which bins each band has, and their weights.

    Returns
    -------
    ndarray, float32, shape (frames, bands)
    """
    power = power_spectra(x, hop, window, window.size, False)
    edges = np.cumsum(bands.many[:-1])
    return np.stack(
        [
            power[:, first : first + weights.size] @ weights
            for first, weights in zip(
                bands.start.tolist(), np.split(bands.weights, edges), strict=True
            )
        ],
        axis=1,
    )


def bandwidths(x: NDArray[Any], hop: int, length: int, threshold: float) -> tuple[Samples, Indices]:
    """Level and bandwidth of frames without a window, their first bin taken as zero.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    length : int
        Of a frame.
    threshold : float
        Least magnitude that counts, of a bin.

    Returns
    -------
    level : shape (frames,)
        Sum of magnitudes.
    width : shape (frames,)
        Bins from where the sum reaches 5 % to the highest of magnitude `threshold` or more; 0
        if there is none.
    """
    levels, widths = [], []
    count = (x.size - length) // hop + 1
    for start in range(0, count, _CHUNK):
        part = x[start * hop : (min(start + _CHUNK, count) - 1) * hop + length]
        magnitude = np.sqrt(power_spectra(part, hop, np.ones(length), length, False))
        magnitude[:, 0] = 0.0
        sums = np.cumsum(magnitude, axis=1, dtype=np.float64)
        first = np.argmax(sums >= 0.05 * sums[:, -1:], axis=1)
        over = magnitude >= np.float32(threshold)
        last = magnitude.shape[1] - 1 - np.argmax(over[:, ::-1], axis=1)
        levels.append(sums[:, -1])
        widths.append(np.where(over.any(axis=1), last - first, 0))
    return np.concatenate(levels), np.concatenate(widths)


def percussive_energies(x: NDArray[Any], window: NDArray[Any]) -> Samples:
    """Energies of the percussive and of the other part of each quarter of a frame.

    Median filtering of the spectrogram over 31 frames and 31 bins with soft masks: Fitzgerald,
    "Harmonic/percussive separation using median filtering", DAFx 2010.

    Parameters
    ----------
    x : shape (samples,)
        The signal with half a frame of silence before and behind it.
    window : shape (size,)
        Of the frames, which overlap by three quarters.

    Returns
    -------
    shape (2, frames - 1)
        For the quarters of frames that lie wholly between the middles of the first frame and the
        last.
    """
    size, hop = window.size, window.size // 4
    taper = window.astype(np.float32)
    stft = fft.rfft(windowed_frames(x, hop, taper, False), axis=1)
    count = len(stft)
    magnitude = np.abs(stft)
    harmonic = running_median(magnitude) ** 2
    percussive = running_median(np.ascontiguousarray(magnitude.T)).T ** 2
    total = harmonic + percussive
    mask = np.where(total > 0.0, percussive / np.where(total > 0.0, total, 1.0), 0.5)
    rows = fft.irfft(stft * mask.astype(np.float32), size, axis=1) * taper
    squares = (taper * taper).reshape(4, hop)
    drums, norm = (np.zeros((count + 3, hop), dtype=np.float32) for _ in range(2))
    for k in range(4):
        drums[k : k + count] += rows.reshape(-1, 4, hop)[:, k]
        norm[k : k + count] += squares[k]
    drums = drums[2 : count + 1] / norm[2 : count + 1]
    # What the masks leave is the rest, their transforms being linear.
    notes = np.asarray(x[2 * hop : (count + 1) * hop], dtype=np.float32).reshape(-1, hop) - drums
    return np.stack([np.einsum("ij,ij->i", v, v, dtype=np.float64) for v in (drums, notes)])


def running_median(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of 31 down each column of `x` (rows, columns), mirrored with the edge repeated.

    Parameters
    ----------
    x : ndarray, float32, shape (rows, columns)
        Any values.

    Returns
    -------
    ndarray, float32, shape (rows, columns)
    """
    from scipy.ndimage import median_filter

    # Mirrored here, as SciPy's own mirroring goes wrong where there are two or three rows.
    mirrored = np.pad(x, ((15, 15), (0, 0)), mode="symmetric")
    return np.asarray(median_filter(mirrored, size=(31, 1))[15:-15])
