"""Stages that train an encoder, from a recipe to a model folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from dialin.training.config import EncoderRecipe, VaeRecipe
from dialin.training.datamodule import FeatureData, Order
from dialin.training.loop import Reporter, claim, fit, load_best, make_trainer
from dialin.training.rendered import render_parts
from dialin.training.style import StyleModule
from dialin.training.vae import VaeModule


@dataclass(frozen=True)
class Trained:
    """What a stage ends with.

    Attributes
    ----------
    finished : bool
        False where it was stopped before its end.
    model : Path or None
        The model folder, once it is finished.
    figures : dict
        Of the best validation.
    """

    finished: bool
    model: Path | None
    figures: dict[str, float]


def train_encoder(
    stage: str,
    recipe: VaeRecipe | EncoderRecipe,
    folder: Path,
    *,
    rendered: Path | None = None,
    resume: bool = False,
    workers: int | None = None,
    show: Callable[[str, int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Trained:
    """Train a beta-VAE or the encoder that recognises processing.

    Parameters
    ----------
    stage : {"vae", "encoder"}
    recipe : VaeRecipe or EncoderRecipe
    folder : Path
        Of the run. Ends with a model folder ``model`` in it.
    rendered : Path, optional
        Where effected excerpts are kept, ``folder / "rendered"`` by default; recipes with the same
        ``data`` may share it.
    resume : bool
        Go on with the run in `folder`, if there is one.
    workers : int, optional
        Rendering processes.
    show : callable, optional
        Hears what is being done, how far it is, of how many.
    say : callable, optional
        Hears a line after each epoch.
    """
    checkpoint = claim(folder, stage, recipe, resume=resume)
    root = rendered or folder / "rendered"

    def rendering(name: str, state: Any) -> None:
        if show is not None:
            show(f"render {name}", state.done, state.pairs)

    def measuring(name: str, done: int, count: int) -> None:
        if show is not None:
            show(f"features {name}", done, count)

    render_parts(recipe.data, root, workers=workers, progress=rendering)
    order: Order = "effects" if recipe.data.mixing == "epoch" else "shuffled"
    if stage == "encoder":
        order = "groups"
    data = FeatureData(
        recipe.data,
        recipe.front_end,
        recipe.loop,
        root,
        order=order,
        progress=measuring,
    )
    module = _module(recipe, data)
    callbacks: list[Callback] = [Reporter(show, say)]
    trainer = make_trainer(recipe.loop, folder, clip=recipe.optimiser.clip, callbacks=callbacks)
    if not fit(trainer, module, data, checkpoint):
        return Trained(False, None, {})
    best = load_best(folder, module)
    return Trained(True, None, {"epoch": float(best["epoch"])})


def _module(recipe: VaeRecipe | EncoderRecipe, data: FeatureData) -> Any:
    if isinstance(recipe, VaeRecipe):
        return VaeModule(recipe, data.steps)
    return StyleModule(recipe, data.steps, data.train.classes, data.train.knobs)
