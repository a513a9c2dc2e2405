"""Peaks of spectra, placed between the bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sharpened(x: Floats, found: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Positions in bins and heights of peaks, by the parabola through three points.

    Peaks at either end, and flat ones, stay where they are (the reference gives a flat top no
    position but a height).

    Parameters
    ----------
    x : ndarray, float64, shape (bins,)
        A spectrum.
    found : ndarray, int64, shape (peaks,)
        Bins of its peaks.

    Returns
    -------
    (ndarray, ndarray), shape (peaks,) each
    """
    inner = np.clip(found, 1, max(x.size - 2, 1))
    if x.size < 3:
        return found.astype(np.float64), x[found]
    left, middle, right = x[inner - 1], x[inner], x[inner + 1]
    bend = left - 2.0 * middle + right
    usable = (inner == found) & (bend < 0.0)
    offset = np.zeros(found.size)
    offset[usable] = 0.5 * (left - right)[usable] / bend[usable]
    height = np.where(usable, middle - 0.25 * (left - right) * offset, x[found])
    return found + offset, height
