"""Running protocols: items in parallel, rows on disk, a stopped run goes on where it was."""

from __future__ import annotations

import functools
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialin.data import Corpus
from dialin.errors import UsageError
from dialin.evaluation.corpus import open_corpus
from dialin.evaluation.items import ItemProtocol, Source
from dialin.evaluation.methods import ALL_BASELINES, Tools, get_method
from dialin.evaluation.methods.parse import ORACLE, check_method
from dialin.evaluation.metrics import METRICS, check_metrics
from dialin.evaluation.referee import evaluate_item
from dialin.evaluation.rows import Row, RowFile
from dialin.rendering import RenderPool
from dialin.rendering.cluster import on_ray
from dialin.workers import CallPool


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes
    ----------
    protocol : ItemProtocol
    songs : tuple of str
        Folders.
    groups : tuple of str
        Of the protocol; all by default.
    count : int
        Items of each group.
    methods, metrics : tuple of str
        Metrics: the protocol's own by default.
    split : {"test", "valid"}
    seed : int
    kind : str
        Layout of the folders; see `dialin.data.SongSource`.
    curve : tuple of int
        Budgets to look at in between.
    """

    protocol: ItemProtocol
    songs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    count: int = 60
    methods: tuple[str, ...] = ALL_BASELINES
    metrics: tuple[str, ...] = ()
    split: str = "test"
    seed: int = 1
    kind: str = "folder"
    curve: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.split not in ("test", "valid"):
            raise UsageError(
                f"evaluation on the split {self.split!r} would be on songs that systems are "
                "trained with; use test, or valid while you tune"
            )
        for name in self.methods:
            if name != ORACLE:
                get_method(name)
        metrics = check_metrics(self.metrics or self.protocol.metrics)
        object.__setattr__(self, "metrics", metrics)
        object.__setattr__(self, "groups", self.groups or self.protocol.groups)
        first = METRICS[metrics[0]]
        if self.curve and (first.higher_is_better or first.of_settings):
            raise UsageError(
                "budget curves follow the first metric, which must be a distance of two sounds"
            )


TRACED = ("search", "refine", "match", "guess", "plain", "pick", "st-ito")
"""Methods that say what they rendered on the way."""


@dataclass
class Progress:
    """Where a run stands.

    Attributes
    ----------
    done, total : int
        Items.
    errors : int
        Answers that methods could not give.
    """

    done: int = 0
    total: int = 0
    errors: int = 0


@functools.lru_cache(maxsize=8)
def _corpus(songs: tuple[str, ...], split: str, kind: str) -> Corpus:
    return open_corpus(songs, split, kind=kind)


@dataclass(eq=False)
class Bench:
    """A plan with everything opened that it needs.

    Attributes
    ----------
    plan : Plan
        What to run.
    pool : RenderPool
        Workers that render.
    """

    plan: Plan
    pool: RenderPool
    source: Source = field(init=False)
    tools: Tools = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        corpus = _corpus(plan.songs, plan.split, plan.kind)
        self.source = Source(self.pool, corpus, plan.seed)
        training = None
        if any(m == "mean" or m.startswith("nearest") for m in plan.methods):
            stored = _corpus(plan.songs, "train", plan.kind)
            training = Source(self.pool, stored, plan.seed)
        self.tools = Tools(self.pool, plan.protocol, training)

    def run_of(self, group: str) -> dict[str, Any]:
        """What decides the rows of a group.

        Parameters
        ----------
        group : str
            Name of the group.

        Returns
        -------
        dict
            Kept in each row; rows of another run are not mixed with these.
        """
        plan = self.plan
        return {
            "seed": plan.seed,
            "split": plan.split,
            "songs": self.source.corpus.hash,
            "protocol": dict(plan.protocol.identity()),
            "effects": self.pool.describe(plan.protocol.effects(group)).hash,
        }

    def rows(self, group: str, index: int, methods: Sequence[str]) -> list[Row]:
        """Make an item and let methods answer it.

        Parameters
        ----------
        group : str
            Name of the group.
        index : int
            Of the item, from 0.
        methods : sequence of str
            Names of methods.

        Returns
        -------
        list of Row
            One for each method.
        """
        plan = self.plan
        item = plan.protocol.make(self.source, group, index)
        run = self.run_of(group)
        rows = evaluate_item(item, methods, self.tools, plan.metrics, plan.curve)
        return [{**row, "run": run} for row in rows]


Work = tuple[str, int, tuple[str, ...]]


def missing(plan: Plan, rows: Mapping[Any, Row]) -> list[Work]:
    """Group, item and methods of which there is no row yet that has all metrics.

    Parameters
    ----------
    plan : Plan
        What to run.
    rows : mapping of object to Row
        What is there already, by `key_of`.

    Returns
    -------
    list of (str, int, tuple of str)
        Item by item.
    """
    work: list[Work] = []
    # Item by item, so that a run that is stopped has as many of each group.
    for index in range(plan.count):
        for group in plan.groups:
            left = []
            for method in plan.methods:
                row = rows.get((plan.protocol.name, group, index, method))
                if row is None or not (row["error"] or _is_whole(plan, method, row)):
                    left.append(method)
            if left:
                work.append((group, index, tuple(left)))
    return work


def _is_whole(plan: Plan, method: str, row: Row) -> bool:
    """Whether a row has all metrics, and a budget curve where one is wanted."""
    curved = not plan.curve or method.partition(":")[0] not in TRACED or "curve" in row
    return curved and set(plan.metrics) <= set(row["metrics"])


def run_plan(
    plan: Plan,
    output: Path,
    *,
    workers: int | None = None,
    engine: str = "local",
    progress: Callable[[Progress], None] | None = None,
) -> list[Row]:
    """Run a plan and return its rows, those of earlier runs in the folder included.

    Parameters
    ----------
    plan : Plan
        What to run.
    output : Path
        Folder for ``rows.jsonl``.
    workers : int, optional
        Worker processes, one a core by default.
    engine : {"local", "ray"}
        On this machine, or on a Ray cluster.
    progress : callable, optional
        Called after each item.

    Returns
    -------
    list of Row

    Raises
    ------
    OutputError
        If the folder holds rows of another run.
    UsageError
        If songs are missing, or a method cannot be used at all.
    """
    if engine not in ("local", "ray"):
        raise UsageError(f"there is no engine {engine!r}; use local or ray")
    for name in plan.methods:
        check_method(name)
    file = RowFile(output)
    try:
        with RenderPool(1) as pool:
            bench = Bench(plan, pool)
            runs = {group: bench.run_of(group) for group in plan.groups}
            file.refuse_others(plan.protocol.name, runs)
            work = missing(plan, file.rows)
            state = Progress(len(plan.groups) * plan.count - len(work))
            state.total = len(plan.groups) * plan.count
            for rows in _answers(bench, work, engine, workers):
                file.add(rows)
                state.done += 1
                state.errors += sum(row["error"] is not None for row in rows)
                if progress is not None:
                    progress(state)
    finally:
        file.close()
    name = plan.protocol.name
    keys = [
        (name, group, index, method)
        for group in plan.groups
        for index in range(plan.count)
        for method in plan.methods
    ]
    return [file.rows[key] for key in keys if key in file.rows]


def _answers(
    bench: Bench, work: Sequence[Work], engine: str, workers: int | None
) -> Iterator[list[Row]]:
    """Rows item by item, in any order."""
    if engine == "ray":
        yield from on_ray(ray_task, bench.plan, work)
        return
    count = min(len(work), workers if workers is not None else os.cpu_count() or 1)
    if count <= 1:
        for each in work:
            yield bench.rows(*each)
        return
    # Methods think as long as they render, so that each item has a process for either.
    with CallPool(count) as pool:
        plan = pickle.dumps(bench.plan)
        for _, result in pool.finished([pool.submit(_rows, plan, *each) for each in work]):
            yield result.get()


@functools.lru_cache(maxsize=1)
def _bench(plan: bytes) -> Bench:
    return Bench(pickle.loads(plan), RenderPool(1))


def _rows(plan: bytes, group: str, index: int, methods: tuple[str, ...]) -> list[Row]:
    """One item, in a worker that keeps what it has opened."""
    return _bench(plan).rows(group, index, methods)


def ray_task(plan: Plan, group: str, index: int, methods: tuple[str, ...]) -> list[Row]:
    """One item, wherever Ray puts it, with a worker process of its own.

    Parameters
    ----------
    plan : Plan
        What to run.
    group : str
        Name of the group.
    index : int
        Of the item, from 0.
    methods : tuple of str
        Names of methods.

    Returns
    -------
    list of Row
        One for each method.
    """
    with RenderPool(1) as pool:
        return Bench(plan, pool).rows(group, index, methods)
