"""Short-time measures of long clips, in blocks, so that memory does not grow with their spectra.

Each function gives what the kernel of its name gives. Frames are independent of each other, so
blocks of them change nothing; where a sum over frames is taken, its order does, by rounding. A clip
of up to `FRAMES` frames is one block, that is, the kernel itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import peak_of
from dialin.timbre.filters import Bands
from dialin.timbre.kernels import kernels

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

FRAMES = 4096
"""Frames of a block."""

CONTEXT = 32
"""Frames around a block that decide the percussive share in it: half a median, and the overlap."""


def spans(count: int, most: int = FRAMES) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of the blocks of `count` items; one block of none for none.

    Parameters
    ----------
    count : int
        0 or more.
    most : int, default FRAMES
        Items of a block.

    Yields
    ------
    (int, int)
        Blocks, rising.
    """
    for first in range(0, max(count, 1), most):
        yield first, min(first + most, count)


def frame_spans(samples: int, hop: int, length: int) -> Iterator[tuple[int, int, slice]]:
    """Blocks of frames, and the samples that each needs.

    Parameters
    ----------
    samples : int
        Of the signal; a frame at least.
    hop : int
        Samples between the starts of frames.
    length : int
        Of a frame, in samples.

    Yields
    ------
    (int, int, slice)
        First frame, last + 1, and the samples of both and those between.
    """
    count = (samples - length) // hop + 1
    for first, last in spans(count):
        yield first, last, slice(first * hop, (last - 1) * hop + length)


def frame_energies(x: NDArray[Any], hop: int, window: NDArray[Any]) -> Floats:
    """See `fallback.frame_energies`.

    Parameters
    ----------
    x : ndarray, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame.

    Returns
    -------
    ndarray, float64, shape (frames,)
    """
    blocks = [
        kernels.frame_energies(x[part], hop, window)
        for _, _, part in frame_spans(x.size, hop, window.size)
    ]
    return _joined(blocks)


def spectral_moments(
    x: NDArray[Any], hop: int, window: NDArray[Any], size: int
) -> tuple[Floats, Floats, Floats]:
    """See `fallback.spectral_moments`.

    Parameters
    ----------
    x : ndarray, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame.
    size : int
        Of the FFT; the window's or more.

    Returns
    -------
    (ndarray, ndarray, ndarray), shapes (frames,), (frames,) and (size / 2 + 1,)
        Power of each frame, sum of bin number times power of each, and sum over frames of each bin.
    """
    blocks = [
        kernels.spectral_moments(x[part], hop, window, size)
        for _, _, part in frame_spans(x.size, hop, window.size)
    ]
    totals, moments, spectra = zip(*blocks, strict=True)
    return _joined(totals), _joined(moments), np.asarray(sum(spectra[1:], spectra[0]))


def band_power(x: NDArray[Any], hop: int, window: NDArray[Any], bands: Bands) -> Singles:
    """See `fallback.band_power`.

    Parameters
    ----------
    x : ndarray, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    window : ndarray, shape (length,)
        Of a frame.
    bands : Bands
        Which bins each band has, and their weights.

    Returns
    -------
    ndarray, float32, shape (frames, bands)
    """
    blocks = [
        kernels.band_power(x[part], hop, window, bands)
        for _, _, part in frame_spans(x.size, hop, window.size)
    ]
    return _joined(blocks)


def bandwidths(
    x: NDArray[Any], hop: int, length: int, threshold: float
) -> tuple[Floats, NDArray[np.int64]]:
    """See `fallback.bandwidths`.

    Parameters
    ----------
    x : ndarray, shape (samples,)
        The signal.
    hop : int
        Samples between the starts of frames.
    length : int
        Of a frame, in samples.
    threshold : float
        Least magnitude that counts, of a bin.

    Returns
    -------
    (ndarray, ndarray), shape (frames,) each
        Sum of magnitudes, and width in bins.
    """
    blocks = [
        kernels.bandwidths(x[part], hop, length, threshold)
        for _, _, part in frame_spans(x.size, hop, length)
    ]
    levels, widths = zip(*blocks, strict=True)
    return _joined(levels), _joined(widths)


def percussive_energies(x: NDArray[Any], window: NDArray[Any]) -> Floats:
    """See `fallback.percussive_energies`.

    Parameters
    ----------
    x : ndarray, shape (samples,)
        The signal with half a frame of silence before and behind it.
    window : ndarray, shape (length,)
        Of a frame.

    Returns
    -------
    ndarray, float64, shape (2, frames - 1)
        Of the percussive and of the other part.
    """
    size, hop = window.size, window.size // 4
    count = (x.size - size) // hop + 1
    if count <= FRAMES:
        return np.asarray(kernels.percussive_energies(x, window))
    blocks = []
    for first, last in spans(count - 1):
        begin, end = max(first - CONTEXT, 0), min(last + 1 + CONTEXT, count)
        part = x[begin * hop : (end - 1) * hop + size]
        energy = kernels.percussive_energies(part, window)
        blocks.append(energy[:, first - begin : last - begin])
    return np.concatenate(blocks, axis=1)


def hold_envelope(x: NDArray[Any], hold: int, fall: float, samples: int) -> NDArray[Any]:
    """See `fallback.hold_envelope`; of more than `samples` samples in blocks, single precision.

    The envelope has forgotten whatever was before the time it takes to fall from the peak to zero.

    Parameters
    ----------
    x : ndarray, shape (samples,)
        The signal.
    hold : int
        In samples.
    fall : float
        Of amplitude, a sample.
    samples : int
        Up to which the signal is done in one piece, in double precision.

    Returns
    -------
    ndarray, shape (samples,)
    """
    if x.size <= samples:
        return np.asarray(kernels.hold_envelope(x, hold, fall))
    peak = peak_of(x)
    memory = int(np.ceil(peak / fall)) + 2 * hold + 2
    envelope = np.empty(x.size, dtype=np.float32)
    for first, last in spans(x.size, max(samples // 8, memory)):
        begin = max(first - memory, 0)
        envelope[first:last] = kernels.hold_envelope(x[begin:last], hold, fall)[first - begin :]
    return envelope


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
