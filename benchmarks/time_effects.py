"""How well matching sets echoes, rooms and motion: time-based and modulation effects, one by one.

Items come from the evaluation's protocols, on songs of the test split (`valid` while you tune),
24 kHz mono, 5.5 s or `--seconds`, the reference from the other half of the same excerpt:

* the nine mda effects by name (Delay, Ambience ...): protocol `half`, all knobs uniform, redrawn
  while the result makes no sense;
* all others by URI, built-ins included: protocol `audible`, the same, redrawn too while the coarse
  band levels change by less than 1 dB: nobody can match what nobody hears;
* false alarms: protocol `dry`, both halves untouched, with the effect on offer.

The table gives what settings do (`dialin.measures.responses`; only where the true setting shows
such a thing), ratios of distances to those of the untouched input, each with its standard error,
shares left alone, false alarms and seconds a match by the clock.

    python benchmarks/time_effects.py SONGS -o rows/ [--effects builtin:delay,Delay,lv2:URI]
        [--n 60] [--dry 60] [--seed 1] [--budget 100] [--methods match,search] [--split test]
        [--seconds 11] [--workers 1] [--quick]

`match` is what `dialin match` does with the effect named; `search` is the same without networks.
Rows are kept in the folder, and a run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dialin.data.mda import NINE
from dialin.evaluation.items import ItemProtocol
from dialin.evaluation.protocols import AUDIBLE_DB, Dry, OneEffect
from dialin.evaluation.protocols.one_effect import RATE, SAMPLES
from dialin.evaluation.runner import Plan, run_plan
from dialin.evaluation.runner import Progress as State
from dialin.files import write_text
from dialin.measures.responses import UNITS

EFFECTS = (
    *("builtin:delay", "builtin:reverb", "builtin:chorus", "builtin:phaser"),
    *("Delay", "Ambience", "RingMod", "ThruZero", "Leslie"),
)
METRICS = ("coarse", "ld", "mrstft", "modulation", *UNITS)
BASELINES = ("untouched", "random", "default")
QUICK_ITEMS, QUICK_BUDGET = 4, 20
Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the table: its head, and what it says of rows beside those of the untouched."""

    head: str
    metric: str
    limit: float | None = None
    ratio: bool = False

    def text(self, rows: Sequence[Row], base: Sequence[Row]) -> str:
        """Share within the limit, ratio, or median; empty where nothing has a value."""
        if self.ratio:
            return ratio_text(values(rows, self.metric), values(base, self.metric))
        finite = values(rows, self.metric)
        finite = finite[np.isfinite(finite)]
        if not finite.size:
            return ""
        if self.limit is None:
            return f"{np.median(finite):.0f} (n={finite.size})"
        share = float((finite <= self.limit).mean())
        return f"{share_text(share, finite.size)} (n={finite.size})"


COLUMNS = (
    Column("echo within 1 ms", "echo", limit=1.0),
    Column("T30 error, median %", "t30"),
    Column("rate within 10 %", "rate", limit=10.0),
    Column("carrier within 1 Hz", "carrier", limit=1.0),
    Column("L_d ratio", "ld", ratio=True),
    Column("MRSTFT ratio", "mrstft", ratio=True),
    Column("coarse ratio", "coarse", ratio=True),
    Column("modulation ratio", "modulation", ratio=True),
)


def values(rows: Iterable[Row], metric: str) -> np.ndarray:
    """A metric of rows; NaN where there is none."""
    column = [row["metrics"].get(metric) for row in rows]
    return np.array([np.nan if value is None else value for value in column], dtype=np.float64)


def share_text(share: float, count: int) -> str:
    """A share in per cent with its standard error."""
    return f"{100 * share:.0f} ±{100 * np.sqrt(share * (1 - share) / max(count, 1)):.0f} %"


def ratio_text(mine: np.ndarray, theirs: np.ndarray) -> str:
    """Ratio of means over the same items, with its standard error (delta method)."""
    both = np.isfinite(mine) & np.isfinite(theirs)
    mine, theirs = mine[both], theirs[both]
    if not mine.size or theirs.mean() <= 0:
        return ""
    ratio = mine.mean() / theirs.mean()
    if mine.size < 2:
        return f"{ratio:.2f}"
    error = np.std(mine - ratio * theirs, ddof=1) / np.sqrt(mine.size) / theirs.mean()
    return f"{ratio:.2f} ±{error:.2f}"


def table(rows: Sequence[Row], dry: Sequence[Row], methods: Sequence[str]) -> str:
    """Markdown: a line for each effect and method."""
    heads = ["effect", "n", "method", *(c.head for c in COLUMNS)]
    heads += ["left alone", "false alarms", "s a match"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for group in dict.fromkeys(row["group"] for row in rows):
        by = {m: answers(rows, group, m) for m in methods}
        for method in methods:
            # Pairs: items that both have answered.
            items = by[method].keys() & by["untouched"].keys()
            mine = [by[method][i] for i in sorted(items)]
            base = [by["untouched"][i] for i in sorted(items)]
            if not mine:
                continue
            alone = share_text(float(np.mean([r["alone"] for r in mine])), len(mine))
            alarms = [r["false_alarm"] for r in answers(dry, group, method).values()]
            alarm = share_text(float(np.mean(alarms)), len(alarms)) if alarms else ""
            seconds = f"{np.mean([r['seconds'] for r in mine]):.1f}"
            cells = [group, str(len(mine)), method, *(c.text(mine, base) for c in COLUMNS)]
            lines.append("| " + " | ".join([*cells, alone, alarm, seconds]) + " |")
    return "\n".join(lines) + "\n"


def answers(rows: Iterable[Row], group: str, method: str) -> dict[int, Row]:
    """Rows of a method that hold an answer, by item."""
    return {
        row["item"]: row
        for row in rows
        if row["group"] == group and row["method"] == method and not row["error"]
    }


def searches_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Names of the methods that look for settings, with their budget."""
    return tuple(f"{name}:{arguments.budget}" for name in arguments.methods.split(","))


def plans_of(arguments: argparse.Namespace) -> list[Plan]:
    """What is to be run: items with the effect, and dry ones."""
    effects = tuple(arguments.effects.split(","))
    searches = searches_of(arguments)
    methods = (*BASELINES, *searches)
    seed = tuple(e for e in effects if e in NINE)
    audible = tuple(e for e in effects if e not in NINE)
    shared = (str(arguments.songs),)
    samples = SAMPLES if arguments.seconds is None else 2 * round(arguments.seconds * RATE)
    tasks: list[tuple[ItemProtocol, tuple[str, ...], int, tuple[str, ...], tuple[str, ...]]] = [
        (OneEffect("half", samples=samples), seed, arguments.n, methods, METRICS),
        (
            OneEffect("audible", audible_db=AUDIBLE_DB, samples=samples),
            *(audible, arguments.n, methods, METRICS),
        ),
        (Dry(samples=samples), effects, arguments.dry, searches, ("coarse",)),
    ]
    return [
        Plan(
            *(protocol, shared, groups, count, names, metrics),
            arguments.split,
            arguments.seed,
        )
        for protocol, groups, count, names, metrics in tasks
        if groups and count
    ]


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("songs", type=Path)
    parser.add_argument("--effects", default=",".join(EFFECTS))
    parser.add_argument("--n", type=int, default=60, help="items of each effect")
    parser.add_argument("--dry", type=int, help="dry items of each effect; as many by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--methods", default="match", help="match, search or both, by commas")
    parser.add_argument("--split", default="test", choices=["test", "valid"])
    parser.add_argument("--seconds", type=float, help="of input and reference; 5.5 by default")
    parser.add_argument("--workers", type=int, help="processes; one a core by default")
    parser.add_argument("--quick", action="store_true", help="4 items, 20 renders: does it run?")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args(words)
    if arguments.quick:
        arguments.n, arguments.budget = QUICK_ITEMS, QUICK_BUDGET
    if arguments.dry is None:
        arguments.dry = arguments.n
    return arguments


def main() -> None:
    arguments = parsed(sys.argv[1:])
    plans = plans_of(arguments)
    rows: list[Row] = []
    dry: list[Row] = []
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        for plan in plans:
            task = bar.add_task(plan.protocol.name, total=len(plan.groups) * plan.count)

            def show(state: State, task: Any = task) -> None:
                bar.update(task, completed=state.done, total=state.total)

            results = run_plan(plan, arguments.output, workers=arguments.workers, progress=show)
            (dry if plan.protocol.name == "dry" else rows).extend(results)
    methods = (*BASELINES, *searches_of(arguments))
    lost = sum(row["error"] is not None for row in [*rows, *dry])
    text = (
        f"{arguments.split} split, seed {arguments.seed}, {arguments.n} items an effect, "
        f"{arguments.budget} renders a match, songs {(rows + dry)[0]['run']['songs']}; ± standard "
        f"error; {lost} answers missing.\n\n{table(rows, dry, methods)}"
    )
    write_text(arguments.output / "time.md", text, parents=True)
    print(text, end="")


if __name__ == "__main__":
    main()
