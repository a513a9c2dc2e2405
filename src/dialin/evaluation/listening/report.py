"""What an analysis leaves: a page, two tables, a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dialin.evaluation.figures import new_figure, save_figure
from dialin.evaluation.listening.analyse import Analysis
from dialin.files import write_text


def write_analysis(analysis: Analysis, folder: Path, *, figures: bool = True) -> list[Path]:
    """Write ``listening.md``, ``conditions.csv``, ``comparisons.csv`` and ``ratings.png``.

    Parameters
    ----------
    analysis : Analysis
        From `analyse`.
    folder : Path
        Made if it is not there.
    figures : bool, default True
        Whether to draw; needs matplotlib.

    Returns
    -------
    list of Path
        Files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        write_text(folder / "listening.md", analysis_text(analysis), parents=True),
        write_text(
            folder / "conditions.csv", _csv([asdict(c) for c in analysis.conditions]), parents=True
        ),
        write_text(
            folder / "comparisons.csv",
            _csv([asdict(c) for c in analysis.comparisons]),
            parents=True,
        ),
    ]
    if figures:
        written.append(draw_ratings(analysis, folder / "ratings.png"))
    return written


def analysis_text(analysis: Analysis) -> str:
    """The analysis as Markdown.

    Parameters
    ----------
    analysis : Analysis
        From `analyse`.

    Returns
    -------
    str
    """
    kept = analysis.raters - len(analysis.excluded)
    lines = [
        "# Listening test",
        "",
        f"{analysis.raters} raters, {kept} after post-screening (ITU-R BS.1534).",
        "",
        *(f"* {rater} left out: {why}" for rater, why in analysis.excluded.items()),
        "",
        "| group | condition | n | mean | 95 % interval | median |",
        "|---|---|---|---|---|---|",
    ]
    for c in analysis.conditions:
        interval = f"{c.low:.1f} to {c.high:.1f}" if c.low == c.low else ""
        lines.append(
            f"| {c.group} | {c.condition} | {c.n} | {c.mean:.1f} | {interval} | {c.median:.1f} |"
        )
    lines += [
        "",
        "Wilcoxon signed-rank tests, paired by rater and trial:",
        "",
        "| group | condition | against | n | mean difference | p | p (Holm) |",
        "|---|---|---|---|---|---|---|",
    ]
    for t in analysis.comparisons:
        lines.append(
            f"| {t.group} | {t.first} | {t.second} | {t.n} | {t.difference:+.1f} | {t.p:.2g} | "
            f"{t.p_holm:.2g} |"
        )
    return "\n".join(lines) + "\n"


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return buffer.getvalue()


def draw_ratings(analysis: Analysis, path: Path) -> Path:
    """Box plot of ratings, a panel a group, with means and their confidence intervals.

    Parameters
    ----------
    analysis : Analysis
        From `analyse`.
    path : Path
        PNG file to be written.

    Returns
    -------
    Path
        The same file.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    groups = list(dict.fromkeys(c.group for c in analysis.conditions))
    figure = new_figure(4 * len(groups), 3.6)
    axes = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
    for axis, group in zip(axes, groups, strict=True):
        here = [c for c in analysis.conditions if c.group == group]
        scores = [
            [
                r.score
                for r in analysis.ratings
                if r.condition == c.condition and group in (r.group, "all")
            ]
            for c in here
        ]
        axis.boxplot(scores, widths=0.5)
        ticks = range(1, len(here) + 1)
        means = [c.mean for c in here]
        halves = [c.high - c.mean for c in here]
        axis.errorbar(ticks, means, yerr=halves, fmt="D", markersize=4, capsize=3, color="C3")
        axis.set_xticks(ticks, [c.condition for c in here], rotation=35, ha="right")
        axis.set_title(group)
        axis.set_ylim(0, 100)
    axes[0].set_ylabel("rating")
    return save_figure(figure, path)
