"""Matching: finding settings, rendering whole files through them, reporting what was done.

Names are imported when first used: a worker that measures a render needs little of the room.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dialin.matching.files.apply import apply_preset
    from dialin.matching.matcher import match
    from dialin.matching.options import MatchOptions, RenderOptions, SearchOptions
    from dialin.matching.result import Match, MatchProgress
    from dialin.matching.style import style_distance
    from dialin.reports.report import MatchReport

_PUBLIC = {
    "Match": "dialin.matching.result",
    "MatchOptions": "dialin.matching.options",
    "MatchProgress": "dialin.matching.result",
    "MatchReport": "dialin.reports.report",
    "RenderOptions": "dialin.matching.options",
    "SearchOptions": "dialin.matching.options",
    "apply_preset": "dialin.matching.files.apply",
    "match": "dialin.matching.matcher",
    "style_distance": "dialin.matching.style",
}

__all__ = [
    "Match",
    "MatchOptions",
    "MatchProgress",
    "MatchReport",
    "RenderOptions",
    "SearchOptions",
    "apply_preset",
    "match",
    "style_distance",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'dialin.matching' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_PUBLIC[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
