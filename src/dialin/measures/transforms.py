"""Fourier transforms of a few long rows, at the speed that many rows have.

SciPy transforms four float32 rows side by side in vector registers, and what is left of them one by
one: three rows take twice as long as four. So rows are made up to fours. Each row's values are the
same to the bit as by itself.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

LANES = 4
"""Rows of float32 that are transformed side by side."""


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
    full = _filled_up(rows, rows.shape[0], size)
    return np.asarray(sfft.rfft(full, axis=1, overwrite_x=full is not rows)[: rows.shape[0]])


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
    full = _filled_up(spectra, spectra.shape[0], size // 2 + 1)
    return np.asarray(sfft.irfft(full, size, axis=1)[: spectra.shape[0]])


def _filled_up(rows: NDArray[Any], count: int, length: int) -> NDArray[Any]:
    """Rows with zeros behind, and with rows of zeros below where that is quicker."""
    # One row more would cost what all four cost.
    lanes = count if count % LANES == 1 else -(-count // LANES) * LANES
    if (lanes, length) == rows.shape:
        return rows
    full = np.zeros((lanes, length), dtype=rows.dtype)
    full[:count, : rows.shape[1]] = rows
    return full
