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
from collections.abc import Callable
from contextlib import ExitStack
from importlib import metadata
from typing import Any, Literal

from dialin.data.engine import RenderProgress, data_pool, render_shards, shard_range
from dialin.data.pairs import PairPlan
from dialin.data.priors import check_priors, load_presets
from dialin.data.ray_engine import render_on_ray
from dialin.data.recipe import Recipe, portable
from dialin.data.shards import (
    ShardStore,
    line,
    manifest_hash,
    read_shard,
    shard_name,
)
from dialin.data.songs import find_songs
from dialin.errors import OutputError
from dialin.files.reading import parse_json
from dialin.rendering import RenderPool

PAIRS_AN_HOUR = 350
"""Pairs for each hour of songs from which on decoding whole songs once is quicker than seeking."""


def make_plan(recipe: Recipe, pool: RenderPool, *, cache: str | os.PathLike[str] = "") -> PairPlan:
    """Look at songs and effect, and check that the recipe fits them.

    Parameters
    ----------
    recipe : Recipe
        All that decides the pairs.
    pool : RenderPool
        Workers that render.
    cache : path-like
        Folder of decoded songs; none for ``""``.

    Returns
    -------
    PairPlan
    """
    corpus = find_songs(recipe)
    spec = pool.describe(recipe.effect)
    check_priors(spec, recipe.settings)
    presets = tuple(load_presets(recipe.settings.presets, spec))
    return PairPlan(recipe, corpus, spec, presets, os.fspath(cache))


def render_recipe(
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    engine: Literal["local", "ray"] = "local",
    workers: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[RenderProgress], None] | None = None,
) -> dict[str, Any]:
    """Render a recipe into a folder, or finish what an earlier run began there.

    Parameters
    ----------
    recipe : Recipe
        All that decides the pairs.
    folder : path-like or fsspec URL
        Made if it is not there.
    engine : {"local", "ray"}
        Worker processes here, or a Ray cluster (its address from ``RAY_ADDRESS``).
    workers : int, optional
        Processes here; one a core by default. Ray decides for itself.
    cache : path-like, optional
        Folder that keeps decoded songs for the next recipe. By default a temporary one is used
        where there are enough pairs to make decoding whole songs worth it (`PAIRS_AN_HOUR`), and
        none on Ray.
    progress : callable, optional
        Gets a `RenderProgress` after every pair (every shard on Ray).

    Returns
    -------
    dict
        The manifest, as in ``manifest.json``.

    Raises
    ------
    OutputError
        If the folder holds another recipe's data, or cannot be written to.
    """
    store = ShardStore(folder)
    with data_pool(1 if engine == "ray" else workers) as pool, ExitStack() as stack:
        plan = make_plan(recipe, pool, cache=cache or "")
        if cache is None and engine == "local" and _worth_decoding(plan):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dialin-songs-"))
            plan = dataclasses.replace(plan, cache=folder)
        _claim(store, plan)
        store.sweep()
        state = RenderProgress(recipe.pairs)
        records, missing = _take_stock(store, plan, state)
        if progress is not None:
            progress(state)
        if engine == "ray":
            made = render_on_ray(plan, store.location, missing, state, progress)
        else:
            made = render_shards(pool, plan, store, missing, state, progress)
        for shard in made:
            records.update({record["index"]: record for record in shard})
    return _finish(store, plan, [records[i] for i in sorted(records)], state)


def _worth_decoding(plan: PairPlan) -> bool:
    """Whether keeping whole songs saves time and changes no sample."""
    parts = [part for track in plan.corpus.tracks for part in track.parts]
    exact = not any(part.path.lower().endswith((".mp3", ".mp4")) for part in parts)
    return exact and plan.recipe.pairs >= PAIRS_AN_HOUR * plan.corpus.hours


def check_folder(recipe: Recipe, folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that holds pairs of another recipe; changes nothing.

    Parameters
    ----------
    recipe : Recipe
        All that decides the pairs.
    folder : path-like
        Path or URL; it may be missing.

    Raises
    ------
    OutputError
        If it does.
    """
    store = ShardStore(folder)
    if "plan.json" not in store.names():
        return
    theirs, ours = _theirs(store)["recipe"], _plain(recipe)
    if theirs != ours:
        raise OutputError(_other(store, theirs, ours))


def _claim(store: ShardStore, plan: PairPlan) -> None:
    """See to it that the folder is this plan's, by the small file that says whose it is."""
    names = store.names()
    if "plan.json" in names:
        theirs = _theirs(store)
        if theirs["identity"] != plan.identity:
            raise OutputError(_other(store, theirs["recipe"], _plain(plan.recipe)))
        return
    if any(name.startswith("shard-") for name in names):
        raise OutputError(f"{store.location!r} holds shards of unknown origin; use an empty folder")
    body = {"identity": plan.identity, "recipe": _portable(plan)}
    store.write("plan.json", (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())


def _theirs(store: ShardStore) -> dict[str, Any]:
    try:
        plan: dict[str, Any] = parse_json(store.read("plan.json"))
        if not isinstance(plan["identity"], str) or not isinstance(plan["recipe"], dict):
            raise ValueError("it names no recipe")
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"the plan.json in {store.location!r} is damaged ({error}); use an empty folder"
        ) from error
    return plan


def _plain(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe is kept, by way of JSON, which knows no tuples."""
    body = portable(recipe.to_dict())
    body.pop("pairs")
    return dict(json.loads(json.dumps(body)))


def _other(store: ShardStore, theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    changed = [k for k in ours if ours[k] != theirs.get(k)]
    what = ", ".join(changed) or "the songs or the effect's version"
    return (
        f"{store.location!r} holds pairs of another recipe (different: {what}); use another "
        "folder, or go back to that recipe"
    )


def _portable(plan: PairPlan) -> dict[str, Any]:
    body = portable(plan.recipe.to_dict())
    body.pop("pairs")
    return body


def _take_stock(
    store: ShardStore, plan: PairPlan, state: RenderProgress
) -> tuple[dict[int, dict[str, Any]], list[int]]:
    names = store.names()
    records: dict[int, dict[str, Any]] = {}
    missing = []
    shards = -(-plan.recipe.pairs // plan.recipe.shard)
    for shard in range(shards):
        name = shard_name(shard)
        if f"{name}.jsonl" in names and f"{name}.tar" in names:
            try:
                there = read_shard(store, shard)
            except ValueError:
                # Damaged: it comes out the same when it is made again.
                there = []
            if [r["index"] for r in there] == list(shard_range(plan.recipe, shard)):
                for record in there:
                    records[record["index"]] = record
                    state.add(record)
                continue
        missing.append(shard)
    state.resumed = state.done
    return records, missing


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("dialin", "numpy", "scipy", "soundfile", "pedalboard", "dawdreamer"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def _finish(
    store: ShardStore, plan: PairPlan, records: list[dict[str, Any]], state: RenderProgress
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


def with_overrides(recipe: Recipe, **changes: Any) -> Recipe:
    """A recipe with some fields replaced; None changes nothing.

    Parameters
    ----------
    recipe : Recipe
        All that decides the pairs.
    **changes : object
        Fields by name.

    Returns
    -------
    Recipe
    """
    return dataclasses.replace(recipe, **{k: v for k, v in changes.items() if v is not None})
