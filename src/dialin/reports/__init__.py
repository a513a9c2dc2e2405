"""What people take away from a match: its report, for programs and as a page to look at."""

from dialin.reports.clips import Kind, Track
from dialin.reports.html import report_html
from dialin.reports.report import (
    Applied,
    AspectReport,
    ChoiceReport,
    CurveReport,
    FamilyReport,
    KnobReport,
    MarkReport,
    MatchReport,
    NearestReport,
    PictureReport,
    PlayedReport,
    SavedReport,
    SlotReport,
    SoundReport,
)

__all__ = [
    "Applied",
    "AspectReport",
    "ChoiceReport",
    "CurveReport",
    "FamilyReport",
    "Kind",
    "KnobReport",
    "MarkReport",
    "MatchReport",
    "NearestReport",
    "PictureReport",
    "PlayedReport",
    "SavedReport",
    "SlotReport",
    "SoundReport",
    "Track",
    "report_html",
]
