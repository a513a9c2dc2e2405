"""Fourier and cosine transforms: SciPy's, without what the package `scipy.fft` imports besides.

All of `scipy.fft` takes a fifth of a second of a processor to import, most of it special functions
and NumPy's testing tools, in the program and in each of its workers. The extension that does the
transforms is a file of its own and is loaded alone; where it is not to be had so, as in other
versions of SciPy, the package is imported. Values are the same to the bit.

Conventions
-----------
* As those of `scipy.fft`, of real and complex numbers in single and double precision, on one
  thread.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dialin.audio.compiled import part_of_scipy

Values = NDArray[Any]


def rfft(
    x: ArrayLike, n: int | None = None, axis: int = -1, *, overwrite_x: bool = False
) -> Values:
    """Spectrum of real numbers.

    Parameters
    ----------
    x : array_like
        Real.
    n : int, optional
        Length of the transform: what is longer is cut, what is shorter filled up with zeros.
    axis : int, default -1
        Along which.
    overwrite_x : bool, default False
        Whether `x` is needed no more.

    Returns
    -------
    ndarray, complex
        ``n // 2 + 1`` numbers along the axis.
    """
    part = _pocketfft()
    if part is None:
        from scipy import fft

        return np.asarray(fft.rfft(x, n, axis, overwrite_x=overwrite_x))
    return np.asarray(part.r2c(_sized(_floating(x), n, axis), (axis,), True, 0, None, 1))


def irfft(x: ArrayLike, n: int | None = None, axis: int = -1) -> Values:
    """Real numbers that have a spectrum.

    Parameters
    ----------
    x : array_like
        The spectrum, complex or real.
    n : int, optional
        How many numbers; by default two less than twice the spectrum's.
    axis : int, default -1
        Along which.

    Returns
    -------
    ndarray
        Real, `n` numbers along the axis.
    """
    part = _pocketfft()
    if part is None:
        from scipy import fft

        return np.asarray(fft.irfft(x, n, axis))
    given = _floating(x)
    if given.dtype.kind == "f":
        given = given + 0.0j
    size = 2 * (given.shape[axis] - 1) if n is None else n
    return np.asarray(
        part.c2r(_sized(given, size // 2 + 1, axis), (axis,), size, False, 2, None, 1)
    )


def ifft(x: ArrayLike, axis: int = -1) -> Values:
    """Complex numbers that have a spectrum.

    Parameters
    ----------
    x : array_like
        The spectrum.
    axis : int, default -1
        Along which.

    Returns
    -------
    ndarray, complex
        Of the same shape.
    """
    part = _pocketfft()
    if part is None:
        from scipy import fft

        return np.asarray(fft.ifft(x, axis=axis))
    return np.asarray(part.c2c(_floating(x), (axis,), False, 2, None, 1))


def dct(x: ArrayLike, axis: int = -1) -> Values:
    """Orthonormal cosine transform of the second type.

    Parameters
    ----------
    x : array_like
        Real.
    axis : int, default -1
        Along which.

    Returns
    -------
    ndarray
        Of the same shape.
    """
    part = _pocketfft()
    if part is None:
        from scipy import fft

        return np.asarray(fft.dct(x, axis=axis, norm="ortho"))
    return np.asarray(part.dct(_floating(x), 2, (axis,), 1, None, 1, None))


def next_fast_len(target: int, real: bool = False) -> int:
    """The next length at which transforms are fast.

    Parameters
    ----------
    target : int
        The least that is wanted.
    real : bool, default False
        Whether numbers are real.

    Returns
    -------
    int
    """
    part = _pocketfft()
    if part is None:
        from scipy import fft

        return int(fft.next_fast_len(target, real))
    return int(part.good_size(target, real))


@functools.cache
def _pocketfft() -> Any:
    """The extension, if it does what is asked of it here; else None."""
    part = part_of_scipy("scipy.fft._pocketfft.pypocketfft")
    try:
        four, two = np.arange(4.0), np.arange(2.0)
        spectrum = part.r2c(four, (0,), True, 0, None, 1)
        back = part.c2r(spectrum, (0,), 4, False, 2, None, 1)
        same = part.c2c(part.c2c(spectrum, (0,), True, 0, None, 1), (0,), False, 2, None, 1)
        turned = part.dct(two, 2, (0,), 1, None, 1, None)
        sound = (
            np.allclose(spectrum, [6, -2 + 2j, -2])
            and np.allclose(back, four)
            and np.allclose(same, spectrum)
            and np.allclose(turned, [np.sqrt(0.5), -np.sqrt(0.5)])
            and part.good_size(1_497, True) == 1_500
        )
    except (AttributeError, TypeError, ValueError):
        return None
    return part if sound else None


def _floating(x: ArrayLike) -> Values:
    """Real or complex numbers that the extension takes."""
    given = np.asarray(x)
    if given.dtype.kind not in "fc":
        return given.astype(np.float64)
    if given.dtype == np.float16:
        return given.astype(np.float32)
    if not (given.flags.aligned and given.dtype.isnative):
        return given.astype(given.dtype.newbyteorder("="))
    return given


def _sized(x: Values, n: int | None, axis: int) -> Values:
    """Cut, or filled up with zeros, to a length."""
    if n is None or x.shape[axis] == n:
        return x
    if n < 1:
        raise ValueError(f"a transform has a length of 1 or more, not {n}")
    place = [slice(None)] * x.ndim
    place[axis] = slice(min(n, x.shape[axis]))
    if x.shape[axis] > n:
        return x[tuple(place)]
    shape = list(x.shape)
    shape[axis] = n
    full = np.zeros(shape, x.dtype)
    full[tuple(place)] = x
    return full
