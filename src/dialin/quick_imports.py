"""Importing SciPy without what it looks at and never uses."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import sys
import types
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

UNUSED = ("ctypeslib", "f2py", "ma", "polynomial", "testing")
"""Submodules that NumPy imports when somebody looks at them."""


LOOKED_AT = "1.17."
"""Versions of SciPy whose decorator of documentation is known to do nothing else."""


RARELY = 50_000, 20, 20
"""Thresholds of `gc`: what imports make is no garbage, and looking through it takes a tenth of the
time that they take."""


def collect_rarely() -> None:
    """Look for garbage that holds itself rarely, in processes of dialin's own.

    And not at all once they end, which took a tenth of a second: their memory goes with them.
    """
    gc.set_threshold(*RARELY)
    atexit.register(gc.freeze)


def import_array_api() -> None:
    """Import the part of SciPy that all its rooms lean on, and let them be imported quickly.

    It copies every public name of NumPy, whereupon NumPy imports its submodules: a compiler of
    Fortran, and with it a detector of encodings, and what tests need. Here it finds empty ones,
    which are gone afterwards. And each function of SciPy has a table written into its documentation
    when it is defined, for which that is parsed; here it stays as it is. Together they take a third
    of the time that it takes a worker to start. To be called in processes of dialin's own, before
    others import SciPy.
    """
    if "scipy" in sys.modules:
        return
    import numpy

    absent = [name for name in UNUSED if name not in vars(numpy)]
    for name in absent:
        setattr(numpy, name, types.ModuleType(f"numpy.{name}"))
    try:
        # Private: in a version without it there is nothing to gain.
        with contextlib.suppress(ImportError):
            private = importlib.import_module("scipy._lib._array_api")
            if sys.modules["scipy"].__version__.startswith(LOOKED_AT):
                private.xp_capabilities = _undocumented  # type: ignore[attr-defined]
    finally:
        for name in absent:
            loaded = sys.modules.get(f"numpy.{name}")
            if loaded is None:
                delattr(numpy, name)
            else:
                setattr(numpy, name, loaded)


def _undocumented(**_: object) -> Callable[[T], T]:
    return lambda function: function
