"""What people take away from a match: one page to look at and to listen to."""

from dialin.reports.clips import Kind, Track
from dialin.reports.html import report_html

__all__ = ["Kind", "Track", "report_html"]
