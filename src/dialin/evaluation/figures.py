"""Figures of rows: boxes per effect, budget curves, true settings against found ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dialin.errors import MissingPackageError
from dialin.evaluation.rows import Row
from dialin.evaluation.tables import title_of, value_of
from dialin.files import atomic_file

MOST_KNOBS = 24


def new_figure(width: float, height: float) -> Any:
    """A figure of so many inches.

    Parameters
    ----------
    width : float
        In inches.
    height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError(
            "figures need matplotlib: pip install 'dialin[plots]', or use --no-figures"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure as PNG by way of a temporary name.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is written.
    path : Path
        PNG file to be written.

    Returns
    -------
    Path
        The same file.
    """
    with atomic_file(path) as part:
        figure.savefig(part, dpi=120, format="png")
    return path


def draw_all(rows: Sequence[Row], metric: str, folder: Path) -> list[Path]:
    """Draw what there is to draw of one protocol's rows.

    Parameters
    ----------
    rows : sequence of dict
        Of one protocol.
    metric : str
        Name of the leading metric.
    folder : Path
        That PNG files are written into.

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = rows[0]["protocol"]
    written = [draw_boxes(rows, metric, folder / f"{name}-{metric}.png")]
    if any("curve" in row for row in rows) or len(_searches(rows)) > 1:
        written.append(draw_curves(rows, metric, folder / f"{name}-budget.png"))
    methods = [m for m in dict.fromkeys(r["method"] for r in rows) if m.startswith("search:")]
    groups = dict.fromkeys(r["group"] for r in rows)
    for method in methods[-1:]:
        for group in groups:
            chosen = [
                r for r in rows if r["group"] == group and r["method"] == method and "found" in r
            ]
            if chosen:
                stem = group.rpartition("/")[2].replace(":", "-")
                path = folder / f"{name}-settings-{stem}.png"
                written.append(draw_settings(chosen, f"{group}, {method}", path))
    return written


def draw_boxes(rows: Iterable[Row], metric: str, path: Path) -> Path:
    """Box plots: one panel a group, one box a method; whiskers at 1.5 interquartile ranges.

    Parameters
    ----------
    rows : iterable of Row
        Of one protocol.
    metric : str
        Name of what is drawn.
    path : Path
        PNG file to be written.

    Returns
    -------
    Path
        The same file.
    """
    table: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        value = value_of(row, metric)
        if np.isfinite(value):
            table[row["group"]][row["method"]].append(value)
    columns = min(3, max(1, len(table)))
    lines = -(-max(1, len(table)) // columns)
    figure = new_figure(5 * columns, 3.2 * lines)
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.ravel()[len(table) :]:
        axis.set_visible(False)
    for axis, (group, methods) in zip(axes.ravel(), table.items(), strict=False):
        axis.boxplot(list(methods.values()), showmeans=True, widths=0.6)
        axis.set_xticks(range(1, len(methods) + 1), list(methods), rotation=40, ha="right")
        axis.set_title(f"{group} (n = {max(map(len, methods.values()))})")
        axis.set_ylabel(title_of(metric))
        axis.set_ylim(bottom=0)
    return save_figure(figure, path)


def _searches(rows: Iterable[Row]) -> set[int]:
    return {int(r["method"].partition(":")[2]) for r in rows if r["method"].startswith("search:")}


def draw_curves(rows: Sequence[Row], metric: str, path: Path) -> Path:
    """Mean of the first metric against renders spent: picked (solid) and best there was (dots).

    Parameters
    ----------
    rows : sequence of Row
        Of one protocol.
    metric : str
        Name of what is drawn.
    path : Path
        PNG file to be written.

    Returns
    -------
    Path
        The same file.
    """
    lines: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        family, _, budget = row["method"].rpartition(":")
        value = value_of(row, metric)
        if family and budget.isdigit() and np.isfinite(value):
            lines[family, "picked"][int(budget)].append(value)
        for spent, point in row.get("curve", {}).items():
            for what, measured in point.items():
                if measured is not None and not (what == "picked" and spent == budget):
                    lines[family or row["method"], what][int(spent)].append(measured)
    figure = new_figure(7, 4.5)
    axis = figure.subplots()
    families = list(dict.fromkeys(family for family, _ in lines))
    for (family, what), points in sorted(lines.items()):
        budgets = sorted(points)
        means = [float(np.mean(points[b])) for b in budgets]
        axis.plot(
            budgets,
            means,
            marker="o",
            color=f"C{families.index(family)}",
            linestyle="-" if what == "picked" else ":",
            label=f"{family}, {what}",
        )
    base = [value_of(r, metric) for r in rows if r["method"] == "untouched"]
    if base:
        axis.axhline(float(np.nanmean(base)), color="grey", linewidth=1, label="untouched")
    axis.set_xscale("log")
    spent_at = sorted({b for points in lines.values() for b in points})
    axis.set_xticks(spent_at, [str(b) for b in spent_at], minor=False)
    axis.minorticks_off()
    axis.set_xlabel("renders")
    axis.set_ylabel(title_of(metric))
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8)
    return save_figure(figure, path)


def draw_settings(rows: Sequence[Row], title: str, path: Path) -> Path:
    """True against found position of each knob, with the rank correlation.

    Chains differ from item to item: each knob has the items that it occurs in.

    Parameters
    ----------
    rows : sequence of Row
        Of one method, those with true and found settings.
    title : str
        Put above the figure.
    path : Path
        PNG file to be written.

    Returns
    -------
    Path
        The same file.
    """
    from scipy.stats import spearmanr

    knobs = list(dict.fromkeys(knob for row in rows for knob in row["found"]))[:MOST_KNOBS]
    columns = min(6, len(knobs))
    lines = -(-len(knobs) // columns)
    figure = new_figure(2.1 * columns, 2.3 * lines)
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.ravel()[len(knobs) :]:
        axis.set_visible(False)
    for axis, knob in zip(axes.ravel(), knobs, strict=False):
        true = [r["true"][knob] for r in rows if knob in r["found"]]
        matched = [r["found"][knob] for r in rows if knob in r["found"]]
        axis.plot([0, 1], [0, 1], color="grey", linewidth=0.7)
        axis.scatter(true, matched, s=8, alpha=0.6)
        moved = len(set(true)) > 1 and len(set(matched)) > 1
        rank = f", {spearmanr(true, matched).statistic:.2f}" if moved else ""
        axis.set_title(f"{knob}{rank}", fontsize=7)
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.02)
        axis.tick_params(labelsize=6)
    figure.suptitle(f"{title}: true position across, found position up", fontsize=9)
    return save_figure(figure, path)
