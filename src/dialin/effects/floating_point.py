"""Keeping this thread's floating point mode while foreign libraries are loaded.

A shared library that was linked with ``-ffast-math`` (GCC before 13) switches its loader's thread
to flushing subnormal numbers to zero, for good. From then on other effects, and all arithmetic of
the process, give other samples than before.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Iterator
from typing import Any

_ROOM = 256
"""Bytes; ``fenv_t`` has 8 to 64 on the systems there are."""


@contextlib.contextmanager
def kept_floating_point() -> Iterator[None]:
    """Restore the floating point environment at the end of a ``with`` block.

    Source: C11, 7.6.4 (``fegetenv``, ``fesetenv``). Where the C library has neither, nothing is
    done.
    """
    library = _libm()
    if library is None:
        yield
        return
    kept = ctypes.create_string_buffer(_ROOM)
    library.fegetenv(kept)
    try:
        yield
    finally:
        library.fesetenv(kept)


@functools.cache
def _libm() -> Any:
    for name in (None, "libm.so.6", "ucrtbase"):
        with contextlib.suppress(OSError, TypeError):
            library = ctypes.CDLL(name)
            if hasattr(library, "fegetenv") and hasattr(library, "fesetenv"):
                return library
    return None
