"""The C library under plugins: its random numbers, and what it fills memory with.

Plugins that read memory they never wrote read zeros every time where glibc's M_PERTURB is set, as
it is for the whole life of a rendering worker. Filling costs a tenth of what is done there without
plugins, and is left out for as long as that takes.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

_M_PERTURB = -6
_ZEROS = 255
"""glibc fills new memory with the complement of this byte, and freed memory with the byte."""


@functools.cache
def libc() -> Any:
    """The C library of this process."""
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    if hasattr(library, "initstate"):
        library.initstate.argtypes = [ctypes.c_uint, ctypes.c_char_p, ctypes.c_size_t]
        library.initstate.restype = ctypes.c_void_p
        library.setstate.argtypes = [ctypes.c_void_p]
        library.setstate.restype = ctypes.c_void_p
    return library


def zeroed_memory() -> contextlib.AbstractContextManager[None]:
    """Have the C library hand out zeroed memory inside a ``with`` block."""
    return _filled_memory(_ZEROS)


def unfilled_memory() -> contextlib.AbstractContextManager[None]:
    """Have the C library fill no memory inside a ``with`` block, in which no plugin runs."""
    return _filled_memory(0)


@contextlib.contextmanager
def _filled_memory(byte: int) -> Iterator[None]:
    set_option = _set_option()
    if set_option is None:
        yield
        return
    set_option(_M_PERTURB, byte)
    try:
        yield
    finally:
        set_option(_M_PERTURB, _resting())


@functools.cache
def _set_option() -> Callable[[int, int], int] | None:
    """The function mallopt of glibc, where there is one."""
    return getattr(libc(), "mallopt", None) if sys.platform == "linux" else None


@functools.cache
def _resting() -> int:
    """What this process was started with."""
    resting = os.environ.get("MALLOC_PERTURB_", "0")
    return int(resting) if resting.isdigit() else 0
