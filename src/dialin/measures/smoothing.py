"""Running means, maxima and medians, without what the package `scipy.ndimage` imports besides.

All of it takes a quarter of a second of a processor to import. See `dialin.audio.fourier`, which
does the same with transforms. Values are those of the package, to the bit.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio.compiled import part_of_scipy

_MODES = {"nearest": 0, "reflect": 2}
"""What the extension calls what lies beyond the ends: the last value, or all of them mirrored."""


def uniform_filter1d(
    values: NDArray[np.floating], size: int, axis: int = -1, mode: str = "reflect"
) -> NDArray[Any]:
    """Mean of each value and its neighbours along an axis.

    Parameters
    ----------
    values : ndarray, float32 or float64
        Of any shape.
    size : int
        How many values a mean is of, 1 or more.
    axis : int, default -1
        Along which.
    mode : {"reflect", "nearest"}
        What lies beyond the ends.

    Returns
    -------
    ndarray
        Of the same shape and type.
    """
    part = _filters()
    if part is None:
        from scipy import ndimage

        return np.asarray(ndimage.uniform_filter1d(values, size, axis, mode=mode))
    result = np.zeros_like(values)
    part.uniform_filter1d(values, size, axis % values.ndim, result, _MODES[mode], 0.0, 0)
    return result


def uniform_filter(values: NDArray[np.floating], size: int, mode: str = "reflect") -> NDArray[Any]:
    """The same along each axis in turn.

    Parameters
    ----------
    values : ndarray, float32 or float64
        Of any shape.
    size : int
        How many values along an axis, 1 or more.
    mode : {"reflect", "nearest"}
        What lies beyond the ends.

    Returns
    -------
    ndarray
        Of the same shape and type.
    """
    result = values.copy()
    for axis in range(values.ndim if size > 1 else 0):
        result = uniform_filter1d(result, size, axis, mode)
    return result


def maximum_filter1d(
    values: NDArray[np.floating], size: int, axis: int = -1, mode: str = "reflect"
) -> NDArray[Any]:
    """Highest of each value and its neighbours along an axis.

    Parameters
    ----------
    values : ndarray, float32 or float64
        Of any shape.
    size : int
        Among how many values, 1 or more.
    axis : int, default -1
        Along which.
    mode : {"reflect", "nearest"}
        What lies beyond the ends.

    Returns
    -------
    ndarray
        Of the same shape and type.
    """
    part = _filters()
    if part is None:
        from scipy import ndimage

        return np.asarray(ndimage.maximum_filter1d(values, size, axis, mode=mode))
    result = np.zeros_like(values)
    part.min_or_max_filter1d(values, size, axis % values.ndim, result, _MODES[mode], 0.0, 0, 0)
    return result


def median_filter(values: NDArray[np.floating], size: int) -> NDArray[Any]:
    """Median of each value and its neighbours; beyond the ends the last value goes on.

    Parameters
    ----------
    values : ndarray, shape (count,)
        One or more.
    size : int
        Of how many values, an odd number.

    Returns
    -------
    ndarray, shape (count,)
        Of the same type.
    """
    if size % 2 == 0:
        raise ValueError(f"a median is of an odd number of values, not of {size}")
    half = size // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, half, mode="edge"), size)
    return np.asarray(np.partition(windows, half, axis=1)[:, half])


@functools.cache
def _filters() -> Any:
    """The extension, if it does what is asked of it here; else None."""
    part = part_of_scipy("scipy.ndimage._nd_image")
    given, means, highest = np.array([0.0, 3.0, 6.0, 3.0]), np.zeros(4), np.zeros(4)
    try:
        part.uniform_filter1d(given, 3, 0, means, _MODES["reflect"], 0.0, 0)
        part.min_or_max_filter1d(given, 3, 0, highest, _MODES["nearest"], 0.0, 0, 0)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    sound = np.allclose(means, [1.0, 3.0, 4.0, 4.0]) and np.allclose(highest, [3.0, 6.0, 6.0, 6.0])
    return part if sound else None
