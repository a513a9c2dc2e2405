"""Peaks of spectra, placed between the bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sharpened(x: Floats, peaks: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Positions in bins and heights of peaks, by the parabola through three points.

    Peaks at either end, and flat ones, stay where they are (the reference gives a flat top no
    position but a height).

    Parameters
    ----------
    x : ndarray, float64, shape (bins,)
        A spectrum.
    peaks : ndarray, int64, shape (peaks,)
        Bins of its peaks.

    Returns
    -------
    (ndarray, ndarray), shape (peaks,) each
    """
    inner = np.clip(peaks, 1, max(x.size - 2, 1))
    if x.size < 3:
        return peaks.astype(np.float64), x[peaks]
    left, middle, right = x[inner - 1], x[inner], x[inner + 1]
    bend = left - 2.0 * middle + right
    usable = (inner == peaks) & (bend < 0.0)
    offset = np.zeros(peaks.size)
    offset[usable] = 0.5 * (left - right)[usable] / bend[usable]
    height = np.where(usable, middle - 0.25 * (left - right) * offset, x[peaks])
    return peaks + offset, height
