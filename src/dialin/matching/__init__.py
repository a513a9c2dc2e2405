"""Matching: finding settings, rendering whole files through them, reporting what was done."""

from __future__ import annotations

from dialin.matching.apply import apply_preset
from dialin.matching.matcher import match
from dialin.matching.result import Match, MatchProgress, MatchReport
from dialin.matching.style import style_distance

__all__ = [
    "Match",
    "MatchProgress",
    "MatchReport",
    "apply_preset",
    "match",
    "style_distance",
]
