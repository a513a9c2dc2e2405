"""Matching: finding settings, rendering whole files through them, reporting what was done."""

from __future__ import annotations

from dialin.matching.apply import apply_preset
from dialin.matching.matcher import match
from dialin.matching.options import MatchOptions, RenderOptions, SearchOptions
from dialin.matching.result import Match, MatchProgress
from dialin.matching.style import style_distance
from dialin.reports.report import MatchReport

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
