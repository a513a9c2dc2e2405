"""A search ends where further renders gain nothing, and says so."""

from __future__ import annotations

import pytest

import dialin
from dialin.matching import SearchOptions
from dialin.matching.options import MatchOptions
from dialin.rendering import RenderPool
from dialin.reports.wording import _details
from tests.matching.test_match import TILT, rendered
from tests.matching.test_style import RATE, music


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=1) as made:
        yield made


def search(pool, budget, **options):
    how = MatchOptions(budget=budget, seed=3, search=SearchOptions(**options))
    reference = rendered(TILT, music(2), cutoff=800, tilt=-9)
    return dialin.match((music(1), RATE), (reference, RATE), [TILT], options=how, pool=pool)


def test_a_search_ends_once_nothing_is_gained_and_is_as_near(pool):
    whole, ended = search(pool, 120, patience=0), search(pool, 120)
    assert whole.report.renders > 110
    assert "budget is spent" in whole.report.stopped
    assert ended.report.renders < 110
    assert "no longer gained" in ended.report.stopped
    assert ended.report.after == pytest.approx(whole.report.after, abs=0.04)


def test_a_budget_is_the_most_that_is_used(pool):
    report = search(pool, 24).report
    assert report.renders <= 24 and report.budget == 24
    assert "budget is spent" in report.stopped


def test_the_report_says_what_was_used_and_why(pool):
    report = search(pool, 24).report
    (line,) = [text for name, text in _details(_Saved(report)) if name == "search"]
    assert f"{report.renders} of at most 24 renders" in line
    assert "ended because its budget is spent" in line
    assert report.to_dict()["stopped"] == report.stopped


class _Saved:
    """A report without files."""

    rendered, amount, command, native = None, 100, "", ()

    def __init__(self, report):
        self._report = report

    def __getattr__(self, name):
        return getattr(self._report, name)
