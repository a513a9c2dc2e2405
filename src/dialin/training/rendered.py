"""Rendering the effected excerpts of a training recipe, once, before training.

Each split and effect has a folder of its own of `dialin.data`'s shards, so that what is there is
not made again and another recipe may share it. Rendering happens in worker processes; the process
that trains never loads a plugin.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialin.data import Recipe, RenderProgress, read_manifest, render_recipe
from dialin.data.recipe import ExcerptOptions, Split, portable
from dialin.training.config import DataOptions

SPLITS: tuple[Split, ...] = ("train", "valid")


@dataclass(frozen=True)
class PairFolder:
    """A folder of rendered pairs: one effect, one split.

    Attributes
    ----------
    split : Split
        Of songs.
    effect : str
        Its URI.
    folder : Path
        Where the pairs are, or will be.
    recipe : Recipe
        What decides them.
    """

    split: Split
    effect: str
    folder: Path
    recipe: Recipe


def slug(effect: str) -> str:
    """Name of an effect that any file system takes, different for different effects.

    >>> slug("lv2:http://drobilla.net/plugins/mda/Delay")
    'delay-330c60'

    Parameters
    ----------
    effect : str
        Its URI.

    Returns
    -------
    str
    """
    word = re.sub(r"[^a-z0-9]+", "-", re.split(r"[/:]", effect.lower())[-1]).strip("-")
    return f"{word[:24] or 'effect'}-{hashlib.sha256(effect.encode()).hexdigest()[:6]}"


def parts(options: DataOptions, root: Path) -> list[PairFolder]:
    """Folders of rendered pairs that a recipe needs.

    Parameters
    ----------
    options : DataOptions
        Songs, effects and number of pairs.
    root : Path
        Where the folders go.

    Returns
    -------
    list of PairFolder
        Two for each effect: one a split.
    """
    excerpt = ExcerptOptions(
        sample_rate=options.sample_rate, seconds=2 * options.samples / options.sample_rate
    )
    # Without effects, clean excerpts are taken from renders of a gain that does nothing to them.
    effects = options.effects or ("builtin:gain",)
    return [
        PairFolder(
            split,
            effect,
            root / f"{split}-{slug(effect)}",
            Recipe(
                effect=effect,
                songs=options.songs,
                seed=options.seed + (0 if split == "train" else 1),
                pairs=options.pairs if split == "train" else options.valid_pairs,
                split=split,
                splits=options.splits,
                shard=options.shard,
                excerpt=excerpt,
                settings=options.settings,
                checks=options.checks,
            ),
        )
        for split in SPLITS
        for effect in effects
    ]


def render_parts(
    options: DataOptions,
    root: Path,
    *,
    workers: int | None = None,
    progress: Callable[[str, RenderProgress], None] | None = None,
) -> list[dict[str, Any]]:
    """Render what is missing; returns the manifests, in the order of `parts`.

    A folder that is finished is taken as it is, so that training there needs neither the songs nor
    the effects.

    Parameters
    ----------
    options : DataOptions
        Songs, effects and number of pairs.
    root : Path
        Where the folders go.
    workers : int, optional
        Worker processes; one a core by default.
    progress : callable, optional
        Gets a folder's name and a `dialin.data.RenderProgress` after each pair.

    Returns
    -------
    list of dict
    """
    manifests = []
    for part in parts(options, root):
        name = part.folder.name
        there = finished(part)
        if there is not None:
            manifests.append(there)
            continue

        def show(state: RenderProgress, name: str = name) -> None:
            if progress is not None:
                progress(name, state)

        manifests.append(
            render_recipe(
                part.recipe,
                part.folder,
                workers=workers,
                cache=root / "songs",
                progress=show,
            )
        )
    return manifests


def finished(part: PairFolder) -> dict[str, Any] | None:
    """Manifest of a folder that is finished and of this recipe, otherwise None.

    Parameters
    ----------
    part : PairFolder
        A folder and its recipe.

    Returns
    -------
    dict or None
    """
    if not (part.folder / "manifest.json").is_file():
        return None
    manifest, _ = read_manifest(part.folder)
    wanted = portable(part.recipe.to_dict())
    # By way of JSON, which knows no tuples.
    return manifest if manifest["recipe"] == json.loads(json.dumps(wanted)) else None
