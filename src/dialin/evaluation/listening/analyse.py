"""Reading what raters said: post-screening, means and medians, tests.

Conventions: a rating belongs to a rater, a trial and a condition. ``reference`` is the hidden
reference, ``anchor35`` and ``anchor70`` are the standard's anchors. Trials named ``training...``
are left out; trials ``NAME-1``, ``NAME-2`` are of one group ``NAME``.

Post-screening excludes whoever

* rates the hidden reference under 90 in more than 15 % of the trials (ITU-R BS.1534-3, 4.1.2),
* rates an anchor (the 7 kHz one, or the 3.5 kHz one where there is no other) above 90 in more than
  15 % of the trials (the same),
* gives everything the same rating, within 5 points (ours: such a rater passes the first rule).
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dialin.errors import UsageError

REFERENCE, ANCHORS = "reference", ("anchor70", "anchor35")
LIMIT, SHARE, SPREAD = 90.0, 0.15, 5.0
CONFIDENCE = 0.95
ALL = "all"
COLUMNS = ("trial_id", "rating_stimulus", "rating_score")


@dataclass(frozen=True)
class Rating:
    """One slider: who, where, what, how much (0 to 100).

    Attributes
    ----------
    rater : str
        Their id.
    trial : str
        Its id.
    condition : str
        What was heard.
    score : float
        0 to 100.
    """

    rater: str
    trial: str
    condition: str
    score: float

    @property
    def group(self) -> str:
        """Trial without its number."""
        return re.sub(r"[-_]?\d+$", "", self.trial) or self.trial


@dataclass(frozen=True)
class Condition:
    """Ratings of one condition in one group of trials.

    Attributes
    ----------
    group, condition : str
    n : int
    mean, low, high : float
        Mean and its 95 % confidence interval (Student's t).
    median : float
    """

    group: str
    condition: str
    n: int
    mean: float
    low: float
    high: float
    median: float


@dataclass(frozen=True)
class Comparison:
    """Two conditions, paired by rater and trial.

    Attributes
    ----------
    group, first, second : str
    n : int
    difference : float
        Mean of first minus second.
    p : float
        Wilcoxon signed-rank test, two-sided.
    p_holm : float
        Corrected for all comparisons of the group (Holm, 1979).
    """

    group: str
    first: str
    second: str
    n: int
    difference: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Analysis:
    """Everything about a listening test.

    Attributes
    ----------
    raters : int
        Before screening.
    excluded : dict of str to str
        Rater -> why.
    conditions : tuple of Condition
    comparisons : tuple of Comparison
    ratings : tuple of Rating
        Those that were kept.
    """

    raters: int
    excluded: dict[str, str]
    conditions: tuple[Condition, ...]
    comparisons: tuple[Comparison, ...]
    ratings: tuple[Rating, ...]


def read_ratings(path: Path) -> list[Rating]:
    """Read webMUSHRA's ``mushra.csv``.

    Whatever columns stand between ``session_test_id`` and ``trial_id`` tell raters apart; one who
    rates the same stimulus twice counts as another.

    Parameters
    ----------
    path : path-like
        Of the file.

    Returns
    -------
    list of Rating

    Raises
    ------
    UsageError
        If a column is missing or a score is no number from 0 to 100.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
            header = list(rows[0]) if rows else []
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise UsageError(f"{str(path)!r} is no mushra.csv of webMUSHRA: {error}") from error
    lacking = [name for name in COLUMNS if name not in header]
    if lacking:
        raise UsageError(
            f"{str(path)!r} is no mushra.csv of webMUSHRA: it has no column {lacking[0]!r}"
        )
    who = header[: header.index("trial_id")]
    who = [name for name in who if name != "session_test_id"] or who
    seen: set[tuple[str, str, str]] = set()
    ratings = []
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise UsageError(
                f"{str(path)!r}, line {number}: it has not as many columns as the first line"
            )
        try:
            score = float(row["rating_score"])
        except (TypeError, ValueError):
            score = float("nan")
        if not 0 <= score <= 100:
            raise UsageError(
                f"{str(path)!r}, line {number}: the score {row['rating_score']!r:.40} is no number "
                "from 0 to 100"
            )
        name = "/".join(row[column] or "" for column in who).strip("/") or "anonymous"
        rater = name
        for again in itertools.count(2):
            key = (rater, row["trial_id"], row["rating_stimulus"])
            if key not in seen:
                break
            rater = f"{name} ({again})"
        seen.add(key)
        if not row["trial_id"].startswith("training"):
            ratings.append(Rating(rater, row["trial_id"], row["rating_stimulus"], score))
    if not ratings:
        raise UsageError(f"{str(path)!r} holds no ratings")
    return ratings


def screen(ratings: Iterable[Rating]) -> dict[str, str]:
    """Raters to exclude, and why; see the module for the rules.

    Parameters
    ----------
    ratings : iterable of Rating
        Of all raters.

    Returns
    -------
    dict of str to str
        Reason by rater; empty where all are kept.
    """
    by: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by[rating.rater].append(rating)
    present = {r.condition for group in by.values() for r in group}
    anchor = next((a for a in ANCHORS if a in present), None)
    excluded = {}
    for rater, own in by.items():
        hidden = np.array([r.score for r in own if r.condition == REFERENCE])
        low = np.array([r.score for r in own if r.condition == anchor])
        scores = np.array([r.score for r in own])
        missed = float((hidden < LIMIT).mean()) if hidden.size else 0.0
        praised = float((low > LIMIT).mean()) if low.size else 0.0
        if missed > SHARE:
            excluded[rater] = f"hidden reference under {LIMIT:g} in {100 * missed:.0f} % of trials"
        elif praised > SHARE:
            excluded[rater] = f"{anchor} above {LIMIT:g} in {100 * praised:.0f} % of trials"
        elif len(own) > 2 and np.ptp(scores) <= SPREAD:
            excluded[rater] = f"all ratings within {SPREAD:g} points"
    return excluded


def analyse(ratings: Sequence[Rating]) -> Analysis:
    """Screen raters and analyse the rest.

    Parameters
    ----------
    ratings : sequence of Rating
        Of all raters.

    Returns
    -------
    Analysis

    Raises
    ------
    UsageError
        If screening leaves nobody.
    """
    excluded = screen(ratings)
    raters = {r.rater for r in ratings}
    kept = tuple(r for r in ratings if r.rater not in excluded)
    if not kept:
        raise UsageError(f"post-screening leaves none of {len(raters)} raters: {excluded}")
    groups = list(dict.fromkeys(r.group for r in kept))
    names = list(dict.fromkeys(r.condition for r in kept))
    spans = [(g, [r for r in kept if r.group == g]) for g in groups]
    if len(groups) > 1:
        spans.append((ALL, list(kept)))
    conditions, comparisons = [], []
    for group, own in spans:
        here = [name for name in names if any(r.condition == name for r in own)]
        for name in here:
            scores = np.array([r.score for r in own if r.condition == name])
            conditions.append(_condition(group, name, scores))
        comparisons += _compare(group, own, here)
    return Analysis(len(raters), excluded, tuple(conditions), tuple(comparisons), kept)


def _condition(group: str, name: str, scores: NDArray[np.float64]) -> Condition:
    mean = float(scores.mean())
    half = float("nan")
    if scores.size > 1:
        spread = scores.std(ddof=1) / np.sqrt(scores.size)
        half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, scores.size - 1) * spread)
    median = float(np.median(scores))
    return Condition(group, name, int(scores.size), mean, mean - half, mean + half, median)


def _compare(group: str, ratings: Sequence[Rating], names: Sequence[str]) -> list[Comparison]:
    table: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for r in ratings:
        table[r.condition][r.rater, r.trial] = r.score
    tested = []
    for first, second in itertools.combinations(names, 2):
        shared = [k for k in table[first] if k in table[second]]
        gaps = np.array([table[first][k] - table[second][k] for k in shared])
        if gaps.size:
            p = float(stats.wilcoxon(gaps).pvalue) if gaps.any() else 1.0
            tested.append((first, second, gaps, p))
    corrected = holm([p for *_, p in tested])
    return [
        Comparison(group, first, second, int(gaps.size), float(gaps.mean()), p, ph)
        for (first, second, gaps, p), ph in zip(tested, corrected, strict=True)
    ]


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm, 1979).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]

    Parameters
    ----------
    values : sequence of float
        Uncorrected, 0 to 1.

    Returns
    -------
    list of float
        In the order given, 0 to 1.
    """
    order = np.argsort(values)
    result = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[int(index)]))
        result[int(index)] = highest
    return result
