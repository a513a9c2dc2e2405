"""Loops in C: how they are found, and what those over short-time spectra are handed.

Each loop is a plain function of an extension module with nothing else in it, called through ctypes,
so that it depends on neither the NumPy nor the Python ABI and runs without the interpreter lock.
Extensions are optional: where one was not built, its twin in NumPy, SciPy or torch is used. What
they share in C is in ``_kernels.h`` and ``_transform.h``.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

FRAME_LANES = 16
"""Frames that are transformed side by side: ``VL`` of ``_transform.h``."""

LEAST_TRANSFORM = 64
"""The shortest transform, in samples."""

POINTER, LONG, INT = ctypes.c_void_p, ctypes.c_long, ctypes.c_int
FLOAT, DOUBLE = ctypes.c_float, ctypes.c_double
LONGS = np.dtype(ctypes.c_long)
"""Of arrays that loops take as ``long *``."""


def library(module: str) -> ctypes.CDLL:
    """Load an extension module for its C functions.

    Parameters
    ----------
    module : str
        Its full name.

    Returns
    -------
    ctypes.CDLL

    Raises
    ------
    ImportError
        If it was not built.
    OSError
        If it cannot be loaded.
    """
    return ctypes.CDLL(str(importlib.import_module(module).__file__))


def declared(of: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:
    """A C function with its types.

    Parameters
    ----------
    of : ctypes.CDLL
        From `library`.
    name : str
        Of the function.
    result, *arguments : type
        Of ctypes; a `result` of None is ``void``.

    Returns
    -------
    callable

    Raises
    ------
    AttributeError
        If the library has no such function.
    """
    function = getattr(of, name)
    function.restype, function.argtypes = result, arguments
    return function


def compiled(module: str, name: str, result: Any, *arguments: Any) -> Any:
    """A C function of an extension that may not have been built.

    Parameters
    ----------
    module : str
        Full name of the extension module.
    name : str
        Of the function.
    result, *arguments : type
        See `declared`.

    Returns
    -------
    callable or None
        None where there is no such function.
    """
    try:
        return declared(library(module), name, result, *arguments)
    except (ImportError, OSError, AttributeError):
        return None


def part_of_scipy(name: str) -> Any:
    """An extension module of SciPy by itself, without the packages it lies in.

    Parameters
    ----------
    name : str
        Its full name, such as ``scipy.ndimage._nd_image``.

    Returns
    -------
    module or None
        None where SciPy has no such file, or it cannot be loaded alone.
    """
    import scipy  # whose own file makes its libraries known, on Windows

    known = sys.modules.get(name)
    if known is not None:
        return known
    place = Path(scipy.__file__).parent.joinpath(*name.split(".")[1:])
    for suffix in EXTENSION_SUFFIXES:
        path = place.with_name(place.name + suffix)
        if path.is_file():
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None and spec.loader is not None
            try:
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
            except (ImportError, OSError):
                return None
            return module
    return None


@functools.lru_cache(maxsize=16)
def turns(size: int) -> tuple[Singles, Singles]:
    """Cosines and sines of a transform: ``exp(-2 pi i k / size)``.

    Parameters
    ----------
    size : int
        Of the transform, in samples.

    Returns
    -------
    (ndarray, ndarray), float32, shape (size,) each
        Not to be written to.
    """
    angle = -2.0 * np.pi * np.arange(size) / size
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


class Frames(ctypes.Structure):
    """Overlapping frames of a signal that are to be transformed: ``struct frames``."""

    _fields_ = (
        *[(name, POINTER) for name in ("x", "window", "cosine", "sine", "work")],
        *[(name, LONG) for name in ("n", "hop", "count", "length", "centre", "size")],
    )
    held: tuple[Any, ...]
    """The arrays that the pointers lead to."""

    @classmethod
    def of(
        cls, x: NDArray[Any], hop: int, window: NDArray[Any] | int, size: int, centre: bool
    ) -> Frames:
        """Pack up a signal and what its transform needs.

        Parameters
        ----------
        x : ndarray, shape (samples,)
            The signal, at least a frame long; taken in single precision.
        hop : int
            Samples between the starts of frames.
        window : ndarray, shape (length,), or int
            Of a frame, which has its size; a number is the length of frames without a window.
        size : int
            Of the transform: a power of two, `LEAST_TRANSFORM` and the frame's length or more.
        centre : bool
            Whether a frame's mean is taken off.

        Returns
        -------
        Frames
        """
        x = np.ascontiguousarray(x, dtype=np.float32)
        taper = None if isinstance(window, int) else np.ascontiguousarray(window, dtype=np.float32)
        length = window if isinstance(window, int) else window.size
        cosine, sine = turns(size)
        count = (x.size - length) // hop + 1
        work = np.empty(hop * (count + length // hop + 64) + 80 * size + 4096, dtype=np.float32)
        result = cls(
            x.ctypes.data,
            None if taper is None else taper.ctypes.data,
            *(array.ctypes.data for array in (cosine, sine, work)),
            *(x.size, hop, count, length, int(centre), size),
        )
        result.held = (x, taper, cosine, sine, work)
        return result
