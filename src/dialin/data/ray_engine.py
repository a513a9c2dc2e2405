"""The same recipe on a Ray cluster: one task a shard, repeated elsewhere if its node is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dialin.data.engine import RenderProgress, data_pool, render_shards
from dialin.data.pairs import PairPlan
from dialin.data.shards import ShardStore
from dialin.rendering.cluster import on_ray


def shard_task(
    plan: PairPlan, location: str, shard: int
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Make and write one shard, with a worker process of its own for the effect.

    Parameters
    ----------
    plan : PairPlan
        What to make; see `make_plan`.
    location : str
        Folder or URL to be written into.
    shard : int
        Its number, from 0.

    Returns
    -------
    (list of dict, dict of str to float)
        Records, and seconds by step.
    """
    state = RenderProgress(plan.recipe.pairs)
    # Ray runs tasks on threads it chooses; plugins want a process's main thread.
    with data_pool(1) as pool:
        (records,) = render_shards(pool, plan, ShardStore(location), [shard], state)
    return records, state.seconds


def render_on_ray(
    plan: PairPlan,
    location: str,
    shards: Iterable[int],
    state: RenderProgress,
    progress: Callable[[RenderProgress], None] | None,
) -> Iterator[list[dict[str, Any]]]:
    """Make shards on a cluster, yielding each one's records as it is done, in any order.

    Parameters
    ----------
    plan : PairPlan
        What to make; see `make_plan`.
    location : str
        Folder or URL to be written into.
    shards : iterable of int
        Numbers of the wanted shards.
    state : RenderProgress
        Where progress is counted.
    progress : callable or None
        Called with `state` after each shard.

    Yields
    ------
    list of dict
        Records of a shard.
    """
    work = ((location, shard) for shard in shards)
    for records, seconds in on_ray(shard_task, plan, work):
        state.spend(seconds)
        for record in records:
            state.add(record)
        if progress is not None:
            progress(state)
        yield records
