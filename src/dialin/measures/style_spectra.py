"""The spectra that style features start from: compiled, or by SciPy where that was not built."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.audio.compiled import (
    FLOAT,
    FRAME_LANES,
    LEAST_TRANSFORM,
    LONG,
    LONGS,
    POINTER,
    Frames,
    compiled,
)
from dialin.measures import transforms

Values = NDArray[np.float64]

FLOOR = 1e-10
"""Power below which a band counts as silent, re a full-scale loudest block at -20 dBFS."""


@dataclass(frozen=True, eq=False)
class StyleSpectra:
    """Sums of short-time spectra, of frames half overlapping, in a Hann window.

    Attributes
    ----------
    bands : ndarray, float64, shape (frames, bands)
        Power in each band, mean of the channels, times the scale.
    left, right, both : ndarray, float64, shape (bins,)
        Power of each channel and real part of their cross spectrum, summed over frames, not scaled;
        of one channel the latter two are 0.
    logs : ndarray, float64, shape (shared,)
        Mean over frames of the logarithm of the scaled power of the first bins.
    """

    bands: Values
    left: Values
    right: Values
    both: Values
    logs: Values


@dataclass(frozen=True, eq=False)
class FilterBank:
    """Bands of a spectrum.

    Attributes
    ----------
    weights : ndarray, float32, shape (bins, bands)
        Of each band those that are not 0 lie side by side.
    present : ndarray, bool, shape (bands,)
        Whether the rate can hold a band.
    """

    weights: NDArray[np.float32]
    present: NDArray[np.bool_]

    @functools.cached_property
    def spans(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32]]:
        """Of each band the first bin and the number of bins, and the weights one by one."""
        there = self.weights > 0
        start = np.argmax(there, axis=0)
        many = len(there) - np.argmax(there[::-1], axis=0) - start
        column = [
            self.weights[a : a + n, b] for b, (a, n) in enumerate(zip(start, many, strict=True))
        ]
        return start.astype(LONGS), many.astype(LONGS), np.concatenate(column)


@functools.lru_cache(maxsize=16)
def hann(length: int) -> NDArray[np.float32]:
    """Periodic Hann window.

    Parameters
    ----------
    length : int
        In samples.

    Returns
    -------
    ndarray, float32, shape (length,)
        Not to be written to.
    """
    return transforms.hann(length + 1)[:-1].astype(np.float32)


def frames_of(signal: NDArray[np.float32], length: int, hop: int) -> NDArray[np.float32]:
    """Overlapping frames ``(count, length)`` as a view; the signal is at least `length` long.

    Parameters
    ----------
    signal : ndarray, float32, shape (samples,)
        One channel.
    length : int
        Of a frame, in samples.
    hop : int
        Between the starts of frames, in samples.

    Returns
    -------
    ndarray, float32, shape (count, length)
        Not to be written to.
    """
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]


def style_spectra(
    sound: Audio, length: int, bank: FilterBank, scale: float, shared: int
) -> StyleSpectra:
    """Take the spectra of a sound.

    Parameters
    ----------
    sound : ndarray, float32, shape (channels, samples)
        One or two channels, at least `length` long.
    length : int
        Of a frame, in samples; a power of two.
    bank : FilterBank
        Of ``length / 2 + 1`` bins.
    scale : float
        Of power.
    shared : int
        Bins whose logarithm is taken.

    Returns
    -------
    StyleSpectra
    """
    if _compiled is None or length < LEAST_TRANSFORM:
        return _by_scipy(sound, length, bank, scale, shared)
    frames = [Frames.of(channel, length // 2, hann(length), length, False) for channel in sound]
    start, many, weight = bank.spans
    bins, count = length // 2 + 1, frames[0].count
    columns = np.empty(4 * bins * FRAME_LANES, dtype=np.float32)
    powers = np.empty((count, len(start)), dtype=np.float32)
    sums, logs = np.empty((3, bins)), np.empty(shared)
    _compiled(
        ctypes.byref(
            _Style(
                ctypes.addressof(frames[0]),
                ctypes.addressof(frames[1]) if len(frames) > 1 else None,
                *(a.ctypes.data for a in (start, many, weight, columns, powers, sums, logs)),
                *(len(start), shared, scale, FLOOR),
            )
        )
    )
    left, right, both = sums
    return StyleSpectra(powers.astype(np.float64) * scale, left, right, both, logs / count)


def _by_scipy(
    sound: Audio, length: int, bank: FilterBank, scale: float, shared: int
) -> StyleSpectra:
    spectra = [
        sfft.rfft(frames_of(channel, length, length // 2) * hann(length), axis=1, overwrite_x=True)
        for channel in sound
    ]
    power = [spectrum.real**2 + spectrum.imag**2 for spectrum in spectra]
    total = power[0] if len(power) == 1 else (power[0] + power[1]) / 2
    left, *right = (each.sum(axis=0, dtype=np.float64) for each in power)
    nothing = np.zeros(left.size)
    return StyleSpectra(
        (total @ bank.weights).astype(np.float64) * scale,
        left,
        right[0] if right else nothing,
        _cross_power(*spectra) if right else nothing,
        np.log(total[:, :shared].astype(np.float64) * scale + FLOOR).mean(axis=0),
    )


def _cross_power(left: NDArray[np.complex64], right: NDArray[np.complex64]) -> Values:
    """Real part of the cross spectrum, summed over frames."""
    # Real and imaginary parts side by side, as they lie in memory.
    ours, theirs = (np.ascontiguousarray(each).view(np.float32) for each in (left, right))
    product = np.einsum("fk,fk->k", ours, theirs).astype(np.float64)
    return np.asarray(product[0::2] + product[1::2])


class _Style(ctypes.Structure):
    """``struct style`` of ``_style.c``."""

    _fields_ = (
        *[
            (name, POINTER)
            for name in (
                *("left", "right", "start", "many", "weight"),
                *("columns", "powers", "sums", "logs"),
            )
        ],
        *[(name, LONG) for name in ("bands", "shared")],
        *[(name, FLOAT) for name in ("scale", "floor")],
    )


_compiled = compiled("dialin.measures._style", "style_spectra", None, POINTER)
