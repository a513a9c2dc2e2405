"""Power of short overlapping frames in a band: compiled, or by SciPy where that was not built."""

from __future__ import annotations

import ctypes
import functools

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.audio.compiled import FRAME_LANES, LONG, POINTER, compiled, turns
from dialin.measures.transforms import hann, radices_of

AT_ONCE = 48
"""Frames that SciPy transforms at a time."""


def frame_powers(audio: Audio, size: int, hop: int, first: int, last: int) -> NDArray[np.floating]:
    """Power of Hann-windowed frames in some bins.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Of `size` samples or more.
    size, hop : int
        Length of frames and distance of their starts, in samples.
    first, last : int
        Bins: the first, and that after the last; those that a frame has not got are left out.

    Returns
    -------
    ndarray, float32, shape (channels, frames, bins)
        Of float64 audio in float64.
    """
    last = min(last, size // 2 + 1)
    radices = None if audio.dtype != np.float32 or size % 2 else radices_of(size // 2)
    if _compiled is None or radices is None:
        return _by_scipy(audio, size, hop, first, last)
    count = (audio.shape[1] - size) // hop + 1
    # Odd in cache lines, so that rows do not fall on one another in the cache.
    stride = (-(-(count + size // hop + FRAME_LANES) // FRAME_LANES) | 1) * FRAME_LANES
    work = np.empty(hop * stride + (2 * size + last - first + 16) * FRAME_LANES, np.float32)
    window = _window(size)
    cosine, sine = turns(size)
    powers = np.empty((audio.shape[0], count, last - first), np.float32)
    for row, power in zip(np.ascontiguousarray(audio), powers, strict=True):
        given = (row, window, cosine, sine, work, power, radices)
        numbers = (row.size, hop, count, size, first, last, stride)
        _compiled(ctypes.byref(_FramePowers(*(a.ctypes.data for a in given), *numbers)))
    return powers


def _by_scipy(audio: Audio, size: int, hop: int, first: int, last: int) -> NDArray[np.floating]:
    frames = np.lib.stride_tricks.sliding_window_view(audio, size, axis=1)[:, ::hop]
    channels, count, _ = frames.shape
    window = _window(size)
    kind = np.result_type(frames, window)
    power = np.empty((channels, count, last - first), kind)
    # A few at a time, which stay near the processor.
    some = np.empty((min(count, AT_ONCE), size), kind)
    for rows, result in zip(frames, power, strict=True):
        for start in range(0, count, AT_ONCE):
            part = rows[start : start + AT_ONCE]
            given = np.multiply(part, window, out=some[: len(part)])
            spectra = sfft.rfft(given, axis=1, overwrite_x=True)[:, first:last]
            there = np.square(spectra.real, out=result[start : start + AT_ONCE])
            there += np.square(spectra.imag)
    return power


@functools.lru_cache(maxsize=16)
def _window(size: int) -> NDArray[np.float32]:
    window = hann(size + 1)[:-1].astype(np.float32)
    window.flags.writeable = False
    return window


class _FramePowers(ctypes.Structure):
    """``struct frame_powers`` of ``_frames.c``."""

    _fields_ = (
        *[
            (name, POINTER)
            for name in ("x", "window", "cosine", "sine", "work", "power", "radices")
        ],
        *[(name, LONG) for name in ("n", "hop", "count", "size", "first", "last", "stride")],
    )


_compiled = compiled("dialin.measures._frames", "frame_powers", None, POINTER)
