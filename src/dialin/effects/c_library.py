"""The C library under plugins: its random numbers, and what it fills memory with.

Plugins that read memory they never wrote read zeros every time where glibc's M_PERTURB is set, as
it is in a rendering worker while plugins run. Filling costs a tenth of everything else and more,
and is left out for as long as no plugin runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

_M_PERTURB = -6
_ZEROS = 255
"""glibc fills new memory with the complement of this byte, and freed memory with the byte."""


_FILLED_WITH: ContextVar[int | None] = ContextVar("byte that memory is filled with", default=None)
"""Inside of blocks, which may stand in one another; the library does not tell."""


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
    before = _FILLED_WITH.get()
    before = _resting() if before is None else before
    set_option(_M_PERTURB, byte)
    token = _FILLED_WITH.set(byte)
    try:
        yield
    finally:
        _FILLED_WITH.reset(token)
        set_option(_M_PERTURB, before)


@functools.cache
def _set_option() -> Callable[[int, int], int] | None:
    """The function mallopt of glibc, where there is one."""
    return getattr(libc(), "mallopt", None) if sys.platform == "linux" else None


@functools.cache
def _resting() -> int:
    """What this process was started with."""
    resting = os.environ.get("MALLOC_PERTURB_", "0")
    return int(resting) if resting.isdigit() else 0
