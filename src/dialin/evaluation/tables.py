"""Tables of rows: mean, standard error, median, wins against the untouched input, significance.

Conventions: items without a value (errors, NaN) are left out and counted. Comparisons with the
untouched input are paired: the same items on both sides. The p-value is two-sided, from a
bootstrap of the mean difference (10,000 resamples, a fixed seed) that draws songs, not items, since
items of one song are not independent. It is never below 2 / 10,001, nor below 2 / 2^n: n songs that
all agree in sign can say no more than that. Standard errors are of items.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.evaluation.metrics import METRICS
from dialin.evaluation.rows import Row
from dialin.files import plain

RESAMPLES = 10_000
BASELINE = "untouched"
ALL = "all"
EXTRA = {
    "f1": ("effect-set F1", True),
    "parameters": ("parameter error", False),
    "parameters_audible": ("parameter error, audible knobs", False),
    "alone": ("left alone, share of items", False),
    "false_alarm": ("false alarms, share of items", False),
}
"""Figures of a row that are no metric of two sounds: title, and whether higher is better."""

SAME = 1e-6
"""Relative difference under which two values are the same sound, told apart by rounding."""


@dataclass(frozen=True)
class Cell:
    """One method on one group by one metric.

    Attributes
    ----------
    protocol, group, method, metric : str
    n, missing : int
        Items with a value, and without one.
    mean, se, median : float
        `se` is NaN for a single item.
    ratio : float
        Mean over the mean of the untouched input on the same items.
    wins : float
        Share of items better than the untouched input.
    p : float
        Of no difference to the untouched input.
    seconds : float
        Mean time of an answer by the clock.
    """

    protocol: str
    group: str
    method: str
    metric: str
    n: int
    missing: int
    mean: float
    se: float
    median: float
    ratio: float
    wins: float
    p: float
    seconds: float


def value_of(row: Mapping[str, Any], metric: str) -> float:
    """A row's figure, NaN where it has none.

    Parameters
    ----------
    row : mapping
        Of a table of results.
    metric : str
        Its name.

    Returns
    -------
    float
        In the metric's unit.
    """
    value = row[metric] if metric in EXTRA and metric in row else row["metrics"].get(metric)
    return float("nan") if value is None else float(value)


def higher_is_better(metric: str) -> bool:
    """Whether more is better.

    Parameters
    ----------
    metric : str
        Its name.

    Returns
    -------
    bool
    """
    return EXTRA[metric][1] if metric in EXTRA else METRICS[metric].higher_is_better


def title_of(metric: str) -> str:
    """What a person reads.

    Parameters
    ----------
    metric : str
        Its name.

    Returns
    -------
    str
        With the unit, if there is one.
    """
    if metric in EXTRA:
        return EXTRA[metric][0]
    unit = METRICS[metric].unit
    return METRICS[metric].title + (f" ({unit})" if unit else "")


def bootstrap_p(
    differences: NDArray[np.float64], songs: Sequence[str] = (), seed: int = 0
) -> float:
    """Two-sided p-value of a mean difference of 0, by a paired bootstrap over songs.

    Parameters
    ----------
    differences : ndarray, shape (items,)
        Of each item, in any unit.
    songs : sequence of str
        What each item was cut from; each item a song of its own by default.
    seed : int
        Of all chance.

    Returns
    -------
    float
        NaN for fewer than two songs; 1 where all differences are 0.
    """
    names = songs or [str(n) for n in range(differences.size)]
    _, song = np.unique(np.array(names), return_inverse=True)
    count = int(song.max()) + 1 if song.size else 0
    if count < 2:
        return float("nan")
    if not differences.any():
        return 1.0
    sums, sizes = np.bincount(song, differences), np.bincount(song)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(count, size=(RESAMPLES, count))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return min(1.0, max(2.0 ** (1 - count), 2 * (tail + 1) / (RESAMPLES + 1)))


def summarise(rows: Iterable[Row], metrics: Sequence[str] = ()) -> list[Cell]:
    """Cells of all groups, methods and metrics, and of all groups of a protocol together.

    Parameters
    ----------
    rows : iterable of dict
        From `run_plan` or `read_rows`.
    metrics : sequence of str
        All there are by default.

    Returns
    -------
    list of Cell
        Protocol by protocol, the groups in order and then all of them together.
    """
    table: dict[tuple[str, str, str], dict[tuple[str, int], Row]] = {}
    for row in rows:
        protocol, group, method = row["protocol"], row["group"], row["method"]
        for name in (group, ALL):
            table.setdefault((protocol, name, method), {})[(group, row["item"])] = row
    single = {
        protocol
        for protocol in {k[0] for k in table}
        if len({k[1] for k in table if k[0] == protocol}) == 2
    }
    cells = []
    for (protocol, group, method), by_song in table.items():
        if group == ALL and protocol in single:
            continue
        base = table.get((protocol, group, BASELINE), {})
        names = metrics or [m for m in (*METRICS, *EXTRA) if _has(by_song.values(), m)]
        cells += [_cell(protocol, group, method, m, by_song, base) for m in names]
    # Group by group, all of them together last; otherwise in the order of the rows.
    order = list(dict.fromkeys((c.protocol, c.group) for c in cells if c.group != ALL))
    ranks = {each: rank for rank, each in enumerate(order)}
    return sorted(cells, key=lambda c: ranks.get((c.protocol, c.group), len(order)))


def _has(rows: Iterable[Row], metric: str) -> bool:
    return any(np.isfinite(value_of(row, metric)) for row in rows)


def _cell(
    protocol: str,
    group: str,
    method: str,
    metric: str,
    by_song: Mapping[Any, Row],
    base: Mapping[Any, Row],
) -> Cell:
    values = {key: value_of(row, metric) for key, row in by_song.items()}
    good = np.array([v for v in values.values() if np.isfinite(v)])
    both = [
        (v, value_of(base[key], metric), _song(by_song[key], key))
        for key, v in values.items()
        if key in base and np.isfinite(v) and np.isfinite(value_of(base[key], metric))
    ]
    mine = np.array([pair[0] for pair in both], dtype=np.float64)
    theirs = np.array([pair[1] for pair in both], dtype=np.float64)
    sign = -1.0 if higher_is_better(metric) else 1.0
    gaps = sign * (mine - theirs)
    compared = mine.size > 0 and method != BASELINE
    seconds = [float(row["seconds"]) for row in by_song.values() if row.get("seconds") is not None]
    nan = float("nan")
    return Cell(
        protocol,
        group,
        method,
        metric,
        n=int(good.size),
        missing=len(values) - int(good.size),
        mean=float(good.mean()) if good.size else nan,
        se=float(good.std(ddof=1) / np.sqrt(good.size)) if good.size > 1 else nan,
        median=float(np.median(good)) if good.size else nan,
        ratio=float(mine.mean() / theirs.mean()) if mine.size and theirs.mean() else nan,
        wins=float((gaps < -SAME * np.abs(theirs)).mean()) if compared else nan,
        p=bootstrap_p(gaps, [pair[2] for pair in both]) if compared else nan,
        seconds=float(np.mean(seconds)) if seconds else nan,
    )


def _song(row: Mapping[str, Any], key: Any) -> str:
    """Song that an item's input was cut from; its own key where that is not known."""
    return str(row.get("where", {}).get("input", {}).get("song", key))


def markdown_overview(cells: Sequence[Cell], protocol: str, metric: str) -> str:
    """Table of groups by methods: mean ± standard error, the best mean of a row in bold.

    Groups in which nobody has a value are left out; empty where none has.

    Parameters
    ----------
    cells : sequence of Cell
        From `summarise`.
    protocol : str
        Its name.
    metric : str
        Its name.

    Returns
    -------
    str
    """
    chosen = [c for c in cells if c.protocol == protocol and c.metric == metric]
    having = {c.group for c in chosen if c.n}
    chosen = [c for c in chosen if c.group in having]
    if not chosen:
        return ""
    groups = list(dict.fromkeys(c.group for c in chosen if c.group != ALL))
    groups += [ALL] if any(c.group == ALL for c in chosen) else []
    methods = list(dict.fromkeys(c.method for c in chosen))
    by = {(c.group, c.method): c for c in chosen}
    lines = [
        f"| {title_of(metric)} | n | " + " | ".join(methods) + " |",
        "|---|---|" + "---|" * len(methods),
    ]
    sign = -1.0 if higher_is_better(metric) else 1.0
    for group in groups:
        here = [by[group, m] for m in methods if (group, m) in by]
        best = min((sign * c.mean for c in here if np.isfinite(c.mean)), default=float("nan"))
        texts = []
        for method in methods:
            cell = by.get((group, method))
            text = ""
            if cell is not None and cell.n:
                # One answer has a value and no spread.
                text = f"{cell.mean:.3f}" + (f" ±{cell.se:.3f}" if cell.n > 1 else "")
            bold = cell is not None and sign * cell.mean == best
            texts.append(f"**{text}**" if bold else text)
        count = max((c.n for c in here), default=0)
        lines.append(f"| {group} | {count} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def markdown_details(cells: Sequence[Cell], protocol: str, metric: str) -> str:
    """Table with one line for each group and method.

    Parameters
    ----------
    cells : sequence of Cell
        From `summarise`.
    protocol : str
        Its name.
    metric : str
        Its name.

    Returns
    -------
    str
    """
    lines = [
        "| group | method | n | missing | mean | se | median | ratio to untouched | better than "
        "untouched | p | s an answer |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for c in cells:
        if c.protocol == protocol and c.metric == metric:
            wins = "" if np.isnan(c.wins) else f"{100 * c.wins:.0f} %"
            lines.append(
                f"| {c.group} | {c.method} | {c.n} | {c.missing} | {_text(c.mean)} | "
                f"{_text(c.se)} | {_text(c.median)} | {_text(c.ratio, 2)} | {wins} | "
                f"{_text(c.p, 4)} | {_text(c.seconds, 2)} |"
            )
    return "\n".join(lines) + "\n"


def markdown_curve(rows: Sequence[Row]) -> str:
    """Means at each budget looked at: what was picked (the best there was); empty without any.

    Parameters
    ----------
    rows : sequence of Row
        Of one protocol.

    Returns
    -------
    str
    """
    table: dict[str, dict[int, dict[str, list[float]]]] = {}
    for row in rows:
        for budget, point in row.get("curve", {}).items():
            for what, value in point.items():
                if value is not None:
                    at = table.setdefault(row["method"], {}).setdefault(int(budget), {})
                    at.setdefault(what, []).append(value)
    budgets = sorted({b for points in table.values() for b in points})
    if not budgets:
        return ""
    lines = [
        "| picked (best available) at renders | " + " | ".join(map(str, budgets)) + " |",
        "|---|" + "---|" * len(budgets),
    ]
    for method, points in table.items():
        cells = []
        for budget in budgets:
            at = points.get(budget, {})
            means = {what: f"{np.mean(values):.3f}" for what, values in at.items()}
            cells.append(f"{means.get('picked', '')} ({means['best']})" if means else "")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _text(value: float, digits: int = 3) -> str:
    return "" if not np.isfinite(value) else f"{value:.{digits}f}"


def csv_text(cells: Sequence[Cell]) -> str:
    """All cells as CSV; empty where a figure has no meaning.

    Parameters
    ----------
    cells : sequence of Cell
        From `summarise`.

    Returns
    -------
    str
    """
    buffer = io.StringIO()
    if cells:
        writer = csv.DictWriter(buffer, list(asdict(cells[0])), lineterminator="\n")
        writer.writeheader()
        for cell in cells:
            body = asdict(cell)
            writer.writerow({k: "" if v != v else v for k, v in body.items()})
    return buffer.getvalue()


def json_table(cells: Sequence[Cell]) -> str:
    """All cells as JSON; null where a figure has no meaning.

    Parameters
    ----------
    cells : sequence of Cell
        From `summarise`.

    Returns
    -------
    str
    """
    return json.dumps(plain({"cells": [asdict(c) for c in cells]}), indent=1) + "\n"
