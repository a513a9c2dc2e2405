"""Making shards on this machine's worker processes."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialin.data.pairs import PairPlan, write_plan
from dialin.data.recipe import Recipe
from dialin.data.shards import ShardStore, packed_pair_in_worker, write_shard
from dialin.errors import RenderCrashError, RenderError, RenderTimeoutError
from dialin.rendering import RenderPool, Result

TRIES = 3
"""Times a pair is tried whose worker process died: it may have been killed from outside."""

Packed = tuple[dict[str, Any], dict[str, bytes], dict[str, float]]


@dataclass
class RenderProgress:
    """How far a run is. `seconds` is the time workers spent, by step.

    Attributes
    ----------
    pairs : int
        Of the recipe.
    done : int
        Pairs made so far, those of earlier runs included.
    resumed : int
        Pairs that were there already.
    lost : int
        Pairs given up.
    rejected : Counter
        Renders refused, by cause.
    dropped : Counter
        Excerpts dropped, by cause.
    seconds : dict of str to float
        By step.
    started : float
        On the clock of `time.monotonic`.
    """

    pairs: int
    done: int = 0
    resumed: int = 0
    lost: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def add(self, record: dict[str, Any]) -> None:
        """Count a record.

        Parameters
        ----------
        record : dict
            Of a pair.
        """
        self.done += 1
        self.lost += bool(record.get("lost"))
        self.rejected.update(cause for cause, _ in record.get("rejected", ()))
        self.dropped.update(record.get("dropped", {}))

    def spend(self, seconds: dict[str, float]) -> None:
        """Add the time that steps took.

        Parameters
        ----------
        seconds : dict of str to float
            By step.
        """
        for step, value in seconds.items():
            self.seconds[step] = self.seconds.get(step, 0.0) + value

    @property
    def rate(self) -> float:
        """Pairs a second in this run."""
        return (self.done - self.resumed) / max(1e-6, time.monotonic() - self.started)


def data_pool(workers: int | None, deadline: float = 120.0) -> RenderPool:
    """A pool as data wants it: it never gives up on an effect because of a few settings.

    Parameters
    ----------
    workers : int or None
        Number of processes; one a core by default.
    deadline : float, default 120.0
        Seconds that a pair may take.

    Returns
    -------
    RenderPool
        To be closed by whoever asked for it.
    """
    return RenderPool(workers, deadline=deadline, quarantine=0)


def shard_range(recipe: Recipe, shard: int) -> range:
    """Indices of a shard's pairs.

    Parameters
    ----------
    recipe : Recipe
        Of the pairs.
    shard : int
        Its number, from 0.

    Returns
    -------
    range
        The last shard may be shorter.
    """
    return range(shard * recipe.shard, min((shard + 1) * recipe.shard, recipe.pairs))


def render_shards(
    pool: RenderPool,
    plan: PairPlan,
    store: ShardStore,
    shards: Iterable[int],
    state: RenderProgress,
    progress: Callable[[RenderProgress], None] | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Make shards on a pool, yielding each one's records once it is written.

    Parameters
    ----------
    pool : RenderPool
        Workers that render.
    plan : PairPlan
        What to make; see `make_plan`.
    store : ShardStore
        Where they are written.
    shards : iterable of int
        Numbers of the wanted shards.
    state : RenderProgress
        Where progress is counted.
    progress : callable, optional
        Called with `state` after each pair.

    Yields
    ------
    list of dict
        Records of a shard, in the order of `shards`.
    """
    recipe = plan.recipe
    wanted = list(shards)
    indices = (index for shard in wanted for index in shard_range(recipe, shard))
    current: list[tuple[dict[str, Any], dict[str, bytes]]] = []
    remaining = deque(wanted)
    for record, files, seconds in packed_pairs(pool, plan, indices):
        current.append((record, files))
        state.add(record)
        state.spend(seconds)
        if progress is not None:
            progress(state)
        if len(current) == len(shard_range(recipe, remaining[0])):
            yield write_shard(store, remaining.popleft(), current)
            current = []


def packed_pairs(pool: RenderPool, plan: PairPlan, indices: Iterable[int]) -> Iterator[Packed]:
    """Make pairs on a pool, in order, some ahead of what is asked for.

    Parameters
    ----------
    pool : RenderPool
        Workers that render.
    plan : PairPlan
        What to make; see `make_plan`.
    indices : iterable of int
        Of pairs, from 0.

    Yields
    ------
    (dict, dict of str to bytes, dict of str to float)
        Record, files by suffix, and seconds by step.
    """
    with tempfile.TemporaryDirectory(prefix="dialin-plan-") as folder:
        path = Path(folder) / "plan"
        write_plan(plan, path)
        yield from in_order(pool, packed_pair_in_worker, str(path), plan.recipe.effect, indices)


def in_order(
    pool: RenderPool,
    function: Callable[..., Any],
    path: str,
    effect: str,
    indices: Iterable[int],
) -> Iterator[Any]:
    """Make pairs on a pool, in order, with enough of them on the way to keep workers busy.

    One whose worker process died is tried again.

    Parameters
    ----------
    pool : RenderPool
        Where they are made.
    function : callable
        Called with the effect, `path` and a pair's index.
    path : str
        Of the plan.
    effect : str
        Its URI.
    indices : iterable of int
        Taken as they are needed.

    Yields
    ------
    object
        What `function` returned, or the record of a lost pair.
    """

    def begin(index: int) -> Future[Result]:
        return pool.submit_calls(function, [(path, index)], effect=effect)[0]

    waiting: deque[tuple[int, Future[Result]]] = deque()
    try:
        for index in indices:
            waiting.append((index, begin(index)))
            if len(waiting) > 2 * pool.workers + 2:
                yield _made(pool, waiting, begin)
        while waiting:
            yield _made(pool, waiting, begin)
    finally:
        pool.abandon([future for _, future in waiting])


def _made(
    pool: RenderPool,
    waiting: deque[tuple[int, Future[Result]]],
    begin: Callable[[int], Future[Result]],
) -> Any:
    """The first pair of those under way; `begin` starts one again."""
    for tries in range(1, TRIES + 1):
        index, future = waiting[0]
        ((_, result),) = pool.finished([future])
        if result.failure is None:
            break
        if not isinstance(result.failure, RenderCrashError | RenderTimeoutError):
            if isinstance(result.failure, RenderError):
                raise RenderError(f"pair {index}: {result.failure}") from result.failure
            raise result.failure
        if tries < TRIES:
            waiting[0] = index, begin(index)
    waiting.popleft()
    if result.failure is not None:
        # Not one setting but the pair: which of its draws it was died with it.
        return {"index": index, "lost": True, "dropped": {result.failure.code: 1}}, {}, {}
    return result.value
