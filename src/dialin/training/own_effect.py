"""Learning an effect of one's own: which knobs to vary, how long it will take."""

from __future__ import annotations

import dataclasses
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dialin.data import render_recipe
from dialin.data.recipe import Prior, SettingsOptions, SongSource
from dialin.effects.spec import EffectSpec
from dialin.errors import UsageError
from dialin.measures.time_features import time_features
from dialin.training.config import DataOptions
from dialin.training.controller_recipe import (
    ControllerOptions,
    ControllerRecipe,
    EmbeddingOptions,
)
from dialin.training.rendered import parts

SAMPLED = 6
"""Pairs rendered to see how long they take."""

TIMED = 5
"""Batches embedded to see how long they take."""

STEP_SECONDS, EPOCH_SECONDS, LISTEN_SECONDS = 0.006, 0.25, 0.05
"""Of a step and, besides its steps, of an epoch of the parameter stage; of an item of the stage
that listens, besides its renders."""


@dataclass(frozen=True)
class Estimate:
    """What learning an effect will take.

    Attributes
    ----------
    spec : EffectSpec
        Dead knobs marked as such.
    notes : tuple of str
        What a person should know of the effect.
    rendering, embedding, training, listening : float
        Seconds of each part.
    """

    spec: EffectSpec
    notes: tuple[str, ...]
    rendering: float
    embedding: float
    training: float
    listening: float

    @property
    def seconds(self) -> float:
        """In all."""
        return self.rendering + self.embedding + self.training + self.listening


def recipe_for(
    spec: EffectSpec,
    audio: str | os.PathLike[str],
    *,
    encoder: str = "",
    pairs: int = 1200,
    by_ear: bool = True,
    time: bool = False,
    seed: int = 0,
) -> ControllerRecipe:
    """A recipe that learns one effect from a folder of music.

    Parameters
    ----------
    spec : EffectSpec
        Dead knobs marked; they are left at their default.
    audio : path-like
        A folder of songs, of which some are kept for validation.
    encoder : str
        Model folder of a frozen encoder; empty for statistics.
    pairs : int
        For training; an eighth as many for validation.
    by_ear : bool
        Finish with the stage that listens.
    time : bool
        Tell it of echoes, rooms and motion, too.
    seed : int, default 0
        Of all chance.

    Returns
    -------
    ControllerRecipe

    Raises
    ------
    UsageError
        If the folder is not there, or the effect has no knob that does anything.
    """
    if not any(p.status == "live" for p in spec.parameters):
        count = len(spec.parameters)
        raise UsageError(
            f"{spec.name} has nothing to learn: "
            + (f"none of its {count} knobs does anything" if count else "it has no knobs")
            + "; name another effect"
        )
    root = check_audio_folder(audio)
    default = spec.default
    still = {
        p.id: Prior(kind="fixed", value=float(default[n]))
        for n, p in enumerate(spec.parameters)
        if p.status != "live"
    }
    data = DataOptions(
        songs=(SongSource(root=str(root.resolve())),),
        effects=(spec.uri,),
        pairs=pairs,
        valid_pairs=max(16, pairs // 8),
        seed=seed,
        splits=(0.85, 0.15, 0.0),
        settings=SettingsOptions(priors=still),
    )
    recipe = ControllerRecipe(
        data=data,
        seed=seed,
        encoder=EmbeddingOptions(folder=encoder),
        model=ControllerOptions(time=time),
    )
    loop = dataclasses.replace(recipe.loop, logger="none", accelerator="cpu")
    heard = dataclasses.replace(recipe.end_to_end, epochs=2 if by_ear else 0)
    return dataclasses.replace(recipe, loop=loop, end_to_end=heard)


def check_audio_folder(audio: str | os.PathLike[str]) -> Path:
    """A folder of songs, or `UsageError`.

    Parameters
    ----------
    audio : path-like
        Folder to be looked at.

    Returns
    -------
    Path
        The same folder.

    Raises
    ------
    UsageError
        If it is none.
    """
    root = Path(audio)
    if not root.is_dir():
        raise UsageError(f"{str(root)!r} is no folder; name one with songs, the more the better")
    return root


def estimate(
    recipe: ControllerRecipe, spec: EffectSpec, notes: Sequence[str], workers: int | None = None
) -> Estimate:
    """Render a few pairs and embed a few excerpts, and say how long all of them will take.

    Parameters
    ----------
    recipe : ControllerRecipe
        Of the controller.
    spec : EffectSpec
        Of the effect.
    notes : sequence of str
        What is already known, such as by `dialin.matching.probing.probe_chain`.
    workers : int, optional
        Rendering processes; one a core by default.

    Returns
    -------
    Estimate

    Raises
    ------
    UsageError
        If there are no songs, or hardly any setting of the effect makes sense on them.
    """
    import torch

    from dialin.training.learn import open_encoder

    part = next(p for p in parts(recipe.data, Path()) if p.split == "train")
    # From a seed of their own: those pairs are of no use later.
    sample = dataclasses.replace(part.recipe, pairs=SAMPLED, seed=part.recipe.seed + 99)
    with tempfile.TemporaryDirectory(prefix="dialin-estimate-") as folder:
        # The first pair also starts the workers and reads the songs' lengths.
        began = time.perf_counter()
        first = dataclasses.replace(sample, pairs=1)
        render_recipe(first, Path(folder) / "first", workers=workers)
        start = time.perf_counter() - began
        began = time.perf_counter()
        manifest = render_recipe(sample, Path(folder) / "pairs", workers=workers)
        each = max(0.01, time.perf_counter() - began - 0.8 * start) / (SAMPLED - 1)
    if manifest["counts"]["lost"] > SAMPLED // 2:
        raise UsageError(
            f"{spec.name}: most settings make no sense on these songs "
            f"({manifest['counts']['dropped']}); is the effect meant for them?"
        )
    encoder, _ = open_encoder(recipe)
    noise = torch.randn(4, recipe.data.samples)
    times = []
    with torch.no_grad():
        for _ in range(1 + TIMED):
            began = time.perf_counter()
            encoder(noise)
            times.append(time.perf_counter() - began)
    # The first sets things up; one that another program got in the way of must not decide.
    excerpt = statistics.median(times[1:]) / len(noise)
    if recipe.model.time:
        excerpt += _timed(recipe) / (workers or os.cpu_count() or 1)
    pairs = recipe.data.pairs + recipe.data.valid_pairs
    steps = 2 * recipe.data.pairs / recipe.loop.batch
    heard = recipe.end_to_end
    items = heard.epochs * (min(heard.items, 2 * recipe.data.pairs) + heard.valid_items)
    dead = [p.name for p in spec.parameters if p.status == "dead"]
    left = [f"knobs that do nothing, left alone: {', '.join(dead)}"] if dead else []
    return Estimate(
        spec,
        (*notes, *left),
        rendering=start + pairs * each,
        embedding=4 * pairs * excerpt,
        training=recipe.loop.epochs * (EPOCH_SECONDS + steps * STEP_SECONDS),
        listening=items * (LISTEN_SECONDS + 0.1 * each),
    )


def _timed(recipe: ControllerRecipe) -> float:
    """Processor seconds that the time features of an excerpt take."""
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((1, recipe.data.samples))).astype(np.float32)
    times = []
    for _ in range(3):
        began = time.process_time()
        time_features(noise, recipe.data.sample_rate)
        times.append(time.process_time() - began)
    return min(times)
