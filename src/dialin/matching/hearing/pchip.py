"""Cubics through points that rise and fall only where the points do (PCHIP).

The values are those of `scipy.interpolate.PchipInterpolator`, to the bit, whose module takes a
quarter of a second to import.

References
----------
Fritsch & Butland, "A method for constructing local monotone piecewise cubic interpolants" (1984);
Moler, "Numerical Computing with MATLAB" (2004), section 3.6, for the ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


class Pchip:
    """A curve through points.

    Parameters
    ----------
    x : ndarray, shape (points,)
        Rising; two or more.
    y : ndarray, shape (points,)
        What it is there.

    Examples
    --------
    >>> curve = Pchip(np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 5.0]))
    >>> curve([0.5, 1.0, 2.0]).round(3).tolist()
    [0.423, 1.0, 2.655]
    """

    def __init__(self, x: Values, y: Values) -> None:
        self._x = np.asarray(x, dtype=np.float64)
        values = np.asarray(y, dtype=np.float64)
        wide = np.diff(self._x)
        slope = np.diff(values) / wide
        rise = _derivatives(wide, slope)
        bend = (rise[:-1] + rise[1:] - 2 * slope) / wide
        self._parts = (values[:-1], rise[:-1], (slope - rise[:-1]) / wide - bend, bend / wide)

    def __call__(self, at: ArrayLike) -> Values:
        """What it is at some places; beyond its ends their cubics go on.

        Parameters
        ----------
        at : array_like
            Places.

        Returns
        -------
        ndarray, float64
            Of the shape of `at`.
        """
        places = np.asarray(at, dtype=np.float64)
        inside = np.searchsorted(self._x, places, side="right") - 1
        part = np.clip(inside, 0, self._x.size - 2)
        step = places - self._x[part]
        total, power = np.zeros(places.shape), np.ones(places.shape)
        for coefficient in self._parts:
            total = total + coefficient[part] * power
            power = power * step
        return total


def _derivatives(wide: Values, slope: Values) -> Values:
    """Slopes at the points: weighted harmonic means of those beside them, or none at turns."""
    if slope.size == 1:
        return np.repeat(slope, 2)
    before, after = slope[:-1], slope[1:]
    turns = (np.sign(after) != np.sign(before)) | (after == 0) | (before == 0)
    one, two = 2 * wide[1:] + wide[:-1], wide[1:] + 2 * wide[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = 1.0 / ((one / before + two / after) / (one + two))
    first = _end(wide[0], wide[1], slope[0], slope[1])
    last = _end(wide[-1], wide[-2], slope[-1], slope[-2])
    return np.concatenate([[first], np.where(turns, 0.0, inner), [last]])


def _end(near: float, next: float, slope: float, other: float) -> float:
    """Slope at an end, by three points, as far as that keeps the curve's shape."""
    rise = ((2 * near + next) * slope - near * other) / (near + next)
    if np.sign(rise) != np.sign(slope):
        return 0.0
    if np.sign(slope) != np.sign(other) and abs(rise) > 3.0 * abs(slope):
        return 3.0 * slope
    return float(rise)
