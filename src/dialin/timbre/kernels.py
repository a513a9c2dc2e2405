"""The kernels in use: the compiled ones where they were built, else their pure twins."""

from __future__ import annotations

from types import ModuleType


def _pick() -> ModuleType:
    try:
        from dialin.timbre import native

        return native
    except (ImportError, OSError, AttributeError):
        from dialin.timbre import fallback

        return fallback


kernels = _pick()
"""`native` or `fallback`; both hold the same functions."""

COMPILED = kernels.__name__.endswith("native")
"""Whether the compiled kernels are in use."""
