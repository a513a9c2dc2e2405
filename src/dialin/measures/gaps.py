"""The compiled loop under MRSTFT and its gradient, where it was built.

`dialin.training.losses` has a twin of it in torch, which is slower and gives the same values.
"""

from __future__ import annotations

from dialin.audio.compiled import DOUBLE, FLOAT, INT, LONG, POINTER, compiled

spectral_gaps = compiled(
    "dialin.measures._gaps", "spectral_gaps", DOUBLE, POINTER, POINTER, LONG, FLOAT, INT
)
"""``spectral_gaps(ours, theirs, count, floor, slopes)``, or None; see ``_gaps.c``.

`ours` and `theirs` are addresses of `count` complex64 numbers. Returned is the sum of
``|m - t| + |log m - log t|`` over their magnitudes, squares being `floor` or more; with `slopes`
`ours` is multiplied by the slope by m, over m.
"""
