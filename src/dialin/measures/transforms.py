"""Fourier transforms of a few long rows, at the speed that many rows have.

A compiled loop (``_rows.c``) takes each row for a table whose columns are transformed side by side,
where their length is made of 2, 3, 5 and 7. Elsewhere SciPy does it, which transforms four float32
rows side by side in vector registers, and what is left of them one by one: three rows take twice as
long as four. So rows are made up to fours. Either way each row's values are the same to the bit as
by itself.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import fourier as sfft
from dialin.audio.compiled import FRAME_LANES, INT, LONG, LONGS, POINTER, compiled, turns

LANES = 4
"""Rows of float32 that SciPy transforms side by side."""

RADICES = (7, 5, 4, 3, 2)
"""Factors that compiled transforms know."""


@functools.lru_cache(maxsize=16)
def hann(count: int) -> NDArray[np.float64]:
    """`numpy.hanning`, made once: of a long stretch it takes as long as a part of the transform.

    Parameters
    ----------
    count : int
        Of samples.

    Returns
    -------
    ndarray, float64, shape (count,)
        Not to be written to.
    """
    window = np.hanning(count)
    window.flags.writeable = False
    return window


def rfft_rows(rows: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    """Transform each row, filled up with zeros.

    Parameters
    ----------
    rows : ndarray, float32, shape (rows, samples)
        Of `size` samples at most.
    size : int
        Of the transform.

    Returns
    -------
    ndarray, complex64, shape (rows, size // 2 + 1)
    """
    plan = _plan(size) if rows.dtype == np.float32 else None
    if _forward is None or plan is None:
        full = _filled_up(rows, size)
        return np.asarray(sfft.rfft(full, axis=1, overwrite_x=full is not rows)[: rows.shape[0]])
    spectra = np.empty((rows.shape[0], size // 2 + 1), np.complex64)
    handed, _work = plan.handed()
    given = np.ascontiguousarray(_filled_up(rows, size, lanes=1))
    for row, spectrum in zip(given, spectra, strict=True):
        _forward(ctypes.byref(handed), row.ctypes.data, spectrum.ctypes.data, spectrum.size)
    return spectra


def irfft_rows(spectra: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Transform spectra back; what they lack of `size` is zero.

    Parameters
    ----------
    spectra : ndarray, complex64 or float32, shape (rows, bins)
        Of ``size // 2 + 1`` bins at most.
    size : int
        Of the transform.

    Returns
    -------
    ndarray, float32, shape (rows, size)
    """
    plan = _plan(size) if spectra.dtype in (np.float32, np.complex64) else None
    if _inverse is None or plan is None:
        full = _filled_up(spectra, size // 2 + 1)
        return np.asarray(sfft.irfft(full, size, axis=1)[: spectra.shape[0]])
    rows = np.empty((spectra.shape[0], size), np.float32)
    handed, _work = plan.handed()
    real = int(spectra.dtype == np.float32)
    given = np.ascontiguousarray(_filled_up(spectra, size // 2 + 1, lanes=1))
    for spectrum, row in zip(given, rows, strict=True):
        _inverse(ctypes.byref(handed), spectrum.ctypes.data, real, row.ctypes.data)
    return rows


def radices_of(points: int) -> NDArray[Any] | None:
    """What compiled transforms of so many points are made of.

    Parameters
    ----------
    points : int
        1 or more.

    Returns
    -------
    ndarray of C's long, or None
        Factors and a 0 behind them; None where one is a prime above 7.
    """
    found = []
    for radix in RADICES:
        while points % radix == 0:
            points //= radix
            found.append(radix)
    return np.array([*found, 0], dtype=LONGS) if points == 1 else None


@dataclass(frozen=True, eq=False)
class _Plan:
    """What compiled transforms of one size need."""

    size: int
    rows: int
    columns: int
    tables: tuple[NDArray[Any], ...]

    def handed(self) -> tuple[_RowsPlan, NDArray[np.float32]]:
        """For one call at a time, with memory to work in that must be held as long."""
        most = max(self.rows, self.columns)
        work = np.empty(3 * self.size + 4 * FRAME_LANES * most, dtype=np.float32)
        arrays = (*self.tables, work)
        numbers = (self.size, self.rows, self.columns)
        return _RowsPlan(*numbers, *(a.ctypes.data for a in arrays)), work


@functools.lru_cache(maxsize=8)
def _plan(size: int) -> _Plan | None:
    """None for an odd size, one with a prime above 7 in its half, or a very short one."""
    half = size // 2
    if size % 2 or half < FRAME_LANES or radices_of(half) is None:
        return None
    rows = max(n for n in range(1, int(np.sqrt(half)) + 1) if half % n == 0)
    columns = half // rows
    turn = np.outer(np.arange(rows), np.arange(columns)) * (-2 * np.pi / half)
    bins = np.arange(half + 1) * (-2 * np.pi / size)
    tables = (
        *(radices_of(count) for count in (rows, columns)),
        *turns(rows),
        *turns(columns),
        *(f(angle).astype(np.float32) for angle in (turn, bins) for f in (np.cos, np.sin)),
    )
    return _Plan(size, rows, columns, tuple(t for t in tables if t is not None))


def _filled_up(rows: NDArray[Any], length: int, lanes: int = LANES) -> NDArray[Any]:
    """Rows with zeros behind, and with rows of zeros below where that is quicker."""
    count = rows.shape[0]
    # One row more would cost what all the lanes cost.
    if count % lanes != 1:
        count = -(-count // lanes) * lanes
    if (count, length) == rows.shape:
        return rows
    full = np.zeros((count, length), dtype=rows.dtype)
    full[: rows.shape[0], : rows.shape[1]] = rows
    return full


class _RowsPlan(ctypes.Structure):
    """``struct rows_plan`` of ``_rows.c``."""

    _fields_ = (
        *[(name, LONG) for name in ("size", "rows", "columns")],
        *[
            (name, POINTER)
            for name in (
                *("across", "along"),
                *("across_cosine", "across_sine", "along_cosine", "along_sine"),
                *("turn_cosine", "turn_sine", "half_cosine", "half_sine", "work"),
            )
        ],
    )


_forward = compiled("dialin.measures._rows", "forward_row", None, POINTER, POINTER, POINTER, LONG)
_inverse = compiled("dialin.measures._rows", "inverse_row", None, POINTER, POINTER, INT, POINTER)
