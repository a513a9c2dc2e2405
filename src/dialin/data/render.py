"""Rendering a recipe to disk, on this machine's processes or on a Ray cluster.

Every shard is a job of its own: it can be lost, repeated or made elsewhere, and comes out the same
byte for byte. What is there is not made again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from dialin.data.pairs import Plan, packed_pair_in_worker, write_plan
from dialin.data.priors import check_priors, load_presets
from dialin.data.recipe import Recipe
from dialin.data.shards import (
    Store,
    line,
    manifest_hash,
    read_lines,
    read_shard,
    shard_name,
    write_shard,
)
from dialin.data.songs import find_songs
from dialin.errors import OutputError, RenderCrashError, RenderError, RenderTimeoutError, UsageError
from dialin.rendering import RenderPool

PAIRS_AN_HOUR = 350
"""Pairs for each hour of songs from which on decoding whole songs once is quicker than seeking."""

TRIES = 3
"""Times a pair is tried whose worker process died: it may have been killed from outside."""

Packed = tuple[dict[str, Any], dict[str, bytes], dict[str, float]]


@dataclass
class Progress:
    """How far a run is. `seconds` is the time workers spent, by step."""

    pairs: int
    done: int = 0
    found: int = 0
    lost: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def add(self, record: dict[str, Any]) -> None:
        """Count a record."""
        self.done += 1
        self.lost += bool(record.get("lost"))
        self.rejected.update(cause for cause, _ in record.get("rejected", ()))
        self.dropped.update(record.get("dropped", {}))

    def spend(self, seconds: dict[str, float]) -> None:
        """Add the time that steps took."""
        for step, value in seconds.items():
            self.seconds[step] = self.seconds.get(step, 0.0) + value

    @property
    def rate(self) -> float:
        """Pairs a second in this run."""
        return (self.done - self.found) / max(1e-6, time.monotonic() - self.started)

    @property
    def eta(self) -> float:
        """Seconds left, by the rate so far; infinite before the first pair."""
        return (self.pairs - self.done) / self.rate if self.rate > 0 else float("inf")


def make_plan(recipe: Recipe, pool: RenderPool, *, cache: str | os.PathLike[str] = "") -> Plan:
    """Look at songs and effect, and check that the recipe fits them."""
    corpus = find_songs(recipe)
    spec = pool.describe(recipe.effect)
    check_priors(spec, recipe.settings)
    presets = tuple(load_presets(recipe.settings.presets, spec))
    return Plan(recipe, corpus, spec, presets, os.fspath(cache))


def data_pool(workers: int | None, deadline: float = 120.0) -> RenderPool:
    """A pool as data wants it: it never gives up on an effect because of a few settings."""
    return RenderPool(workers, deadline=deadline, quarantine=0)


def render_recipe(
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    engine: Literal["local", "ray"] = "local",
    workers: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Render a recipe into a folder, or finish what an earlier run began there.

    Parameters
    ----------
    recipe : Recipe
    folder : path-like or fsspec URL
    engine : {"local", "ray"}
        Worker processes here, or a Ray cluster (its address from ``RAY_ADDRESS``).
    workers : int, optional
        Processes here; one a core by default. Ray decides for itself.
    cache : path-like, optional
        Folder that keeps decoded songs for the next recipe. By default a temporary one is used
        where there are enough pairs to make decoding whole songs worth it (`PAIRS_AN_HOUR`), and
        none on Ray.
    progress : callable, optional
        Gets a `Progress` after every pair (every shard on Ray).

    Returns
    -------
    dict
        The manifest, as in ``manifest.json``.

    Raises
    ------
    OutputError
        If the folder holds another recipe's data, or cannot be written to.
    """
    store = Store(folder)
    with data_pool(1 if engine == "ray" else workers) as pool, ExitStack() as stack:
        plan = make_plan(recipe, pool, cache=cache or "")
        if cache is None and engine == "local" and _worth_decoding(plan):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dialin-songs-"))
            plan = dataclasses.replace(plan, cache=folder)
        _claim(store, plan)
        store.sweep()
        state = Progress(recipe.pairs)
        records, missing = _take_stock(store, plan, state)
        if progress is not None:
            progress(state)
        if engine == "ray":
            from dialin.data.ray_engine import render_on_ray

            made = render_on_ray(plan, store.place, missing, state, progress)
        else:
            made = render_shards(pool, plan, store, missing, state, progress)
        for shard in made:
            records.update({record["index"]: record for record in shard})
    return _finish(store, plan, [records[i] for i in sorted(records)], state)


def _worth_decoding(plan: Plan) -> bool:
    """Whether keeping whole songs saves time and changes no sample."""
    parts = [part for track in plan.corpus.tracks for part in track.parts]
    exact = not any(part.path.lower().endswith((".mp3", ".mp4")) for part in parts)
    return exact and plan.recipe.pairs >= PAIRS_AN_HOUR * plan.corpus.hours


def shard_range(recipe: Recipe, shard: int) -> range:
    """Indices of a shard's pairs."""
    return range(shard * recipe.shard, min((shard + 1) * recipe.shard, recipe.pairs))


def _claim(store: Store, plan: Plan) -> None:
    """See to it that the folder is this plan's, by the small file that says whose it is."""
    names = store.names()
    if "plan.json" in names:
        theirs = json.loads(store.read("plan.json"))
        if theirs["identity"] != plan.identity:
            other = theirs["recipe"]
            ours = json.loads(json.dumps(_portable(plan)))
            changed = [k for k in ours if ours[k] != other.get(k)]
            what = ", ".join(changed) or "the songs or the effect's version"
            raise OutputError(
                f"{store.place!r} holds pairs of another recipe (different: {what}); use another "
                "folder, or go back to that recipe"
            )
        return
    if any(name.startswith("shard-") for name in names):
        raise OutputError(f"{store.place!r} holds shards of unknown origin; use an empty folder")
    body = {"identity": plan.identity, "recipe": _portable(plan)}
    store.write("plan.json", (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())


def _portable(plan: Plan) -> dict[str, Any]:
    body = plan.recipe.to_dict()
    body.pop("pairs")
    for source in body["songs"]:
        source.pop("root")
    return body


def _take_stock(
    store: Store, plan: Plan, state: Progress
) -> tuple[dict[int, dict[str, Any]], list[int]]:
    names = store.names()
    records: dict[int, dict[str, Any]] = {}
    missing = []
    shards = -(-plan.recipe.pairs // plan.recipe.shard)
    for shard in range(shards):
        name = shard_name(shard)
        if f"{name}.jsonl" in names and f"{name}.tar" in names:
            there = read_shard(store, shard)
            if [r["index"] for r in there] == list(shard_range(plan.recipe, shard)):
                for record in there:
                    records[record["index"]] = record
                    state.add(record)
                continue
        missing.append(shard)
    state.found = state.done
    return records, missing


def render_shards(
    pool: RenderPool,
    plan: Plan,
    store: Store,
    shards: Iterable[int],
    state: Progress,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Make shards on a pool, yielding each one's records once it is written."""
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


def packed_pairs(pool: RenderPool, plan: Plan, indices: Iterable[int]) -> Iterator[Packed]:
    """Make pairs on a pool, in order, some ahead of what is asked for."""
    with tempfile.TemporaryDirectory(prefix="dialin-plan-") as folder:
        path = Path(folder) / "plan"
        write_plan(plan, path)
        call = PairCall(pool, str(path), plan.recipe.effect, packed_pair_in_worker)
        yield from in_order(call, indices, pool.workers)


@dataclass(frozen=True)
class PairCall:
    """Make one pair on a pool, trying again where its worker process died."""

    pool: RenderPool
    path: str
    effect: str
    function: Callable[..., Any]

    def __call__(self, index: int) -> Any:
        """Return what `function` returned, or the record of a lost pair."""
        for remaining in reversed(range(TRIES)):
            try:
                return self.pool.call(self.function, self.path, index, effect=self.effect)
            except (RenderCrashError, RenderTimeoutError) as error:
                if remaining == 0:
                    # Not one setting but the pair: which of its draws it was died with it.
                    return {"index": index, "lost": True, "dropped": {error.code: 1}}, {}, {}
            except RenderError as error:
                raise RenderError(f"pair {index}: {error}") from error
        raise AssertionError("unreachable")


def in_order(call: Callable[[int], Any], indices: Iterable[int], workers: int) -> Iterator[Any]:
    """Results of calls in order, with enough of them on the way to keep workers busy."""
    ahead = 2 * workers + 2
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(min(ahead, 2 * workers)) as threads:
        try:
            for index in indices:
                waiting.append(threads.submit(call, index))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("dialin", "numpy", "scipy", "soundfile", "pedalboard", "dawdreamer"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def _finish(
    store: Store, plan: Plan, records: list[dict[str, Any]], state: Progress
) -> dict[str, Any]:
    if len(records) != plan.recipe.pairs:
        raise OutputError(f"{len(records)} of {plan.recipe.pairs} pairs are there; run it again")
    manifest = {
        "format": "webdataset tar of FLAC and JSON",
        "identity": plan.identity,
        "hash": manifest_hash(records),
        "recipe": {**_portable(plan), "pairs": plan.recipe.pairs},
        "recipe_hash": plan.recipe.identity,
        "seed": plan.recipe.seed,
        "effect": plan.spec.to_dict(),
        "spec_hash": plan.spec.hash,
        "songs": {
            "hash": plan.corpus.hash,
            "tracks": len(plan.corpus.tracks),
            "hours": round(plan.corpus.hours, 3),
            "unreadable": list(plan.corpus.unreadable),
        },
        "counts": {
            "pairs": len(records),
            "lost": state.lost,
            "rejected": dict(sorted(state.rejected.items())),
            "dropped": dict(sorted(state.dropped.items())),
        },
        "versions": _versions(),
    }
    store.write("manifest.jsonl", "".join(line(r) + "\n" for r in records).encode())
    store.write("manifest.json", (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    return manifest


def read_manifest(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Manifest and records of a finished folder; `UsageError` if it is not finished."""
    store = Store(folder)
    if "manifest.json" not in store.names():
        raise UsageError(
            f"{store.place!r} has no manifest.json: no finished data; render the recipe there"
        )
    manifest: dict[str, Any] = json.loads(store.read("manifest.json"))
    return manifest, read_lines(store.read("manifest.jsonl"))


def with_overrides(recipe: Recipe, **changes: Any) -> Recipe:
    """A recipe with some fields replaced; None changes nothing."""
    return dataclasses.replace(recipe, **{k: v for k, v in changes.items() if v is not None})
