"""The compiled loop under MRSTFT and its gradient, where it was built.

`dialin.training.losses` has a twin of it in torch, which is slower and gives the same values.
"""

from __future__ import annotations

import ctypes
from typing import Any


def _load() -> Any:
    try:
        from dialin.measures import _gaps  # type: ignore[attr-defined]

        function = ctypes.CDLL(str(_gaps.__file__)).spectral_gaps
    except (ImportError, OSError, AttributeError):
        return None
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_long, ctypes.c_float, ctypes.c_int]
    return function


spectral_gaps = _load()
"""``spectral_gaps(ours, theirs, count, floor, slopes)``, or None; see ``_gaps.c``.

`ours` and `theirs` are addresses of `count` complex64 numbers. Returned is the sum of
``|m - t| + |log m - log t|`` over their magnitudes, squares being `floor` or more; with `slopes`
`ours` is multiplied by the slope by m, over m.
"""
