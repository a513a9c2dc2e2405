"""Running means: SciPy's, without what the package `scipy.ndimage` imports besides.

See `dialin.audio.fourier`, which does the same with transforms.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio.compiled import part_of_scipy

_REFLECT = 2
"""How the extension calls ends that are mirrored."""


def uniform_filter1d(values: NDArray[np.floating], size: int, axis: int = -1) -> NDArray[Any]:
    """Mean of each value and its neighbours along an axis; ends are mirrored.

    Parameters
    ----------
    values : ndarray, float32 or float64
        Of any shape.
    size : int
        How many values a mean is of, 1 or more.
    axis : int, default -1
        Along which.

    Returns
    -------
    ndarray
        Of the same shape and type.
    """
    part = _filters()
    if part is None:
        from scipy import ndimage

        return np.asarray(ndimage.uniform_filter1d(values, size, axis))
    result = np.zeros_like(values)
    part.uniform_filter1d(values, size, axis % values.ndim, result, _REFLECT, 0.0, 0)
    return result


@functools.cache
def _filters() -> Any:
    """The extension, if it does what is asked of it here; else None."""
    part = part_of_scipy("scipy.ndimage._nd_image")
    result = np.zeros(4)
    try:
        part.uniform_filter1d(np.array([0.0, 3.0, 6.0, 3.0]), 3, 0, result, _REFLECT, 0.0, 0)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    return part if np.allclose(result, [1.0, 3.0, 4.0, 4.0]) else None
