"""Stages that train an encoder, from a recipe to a model folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback

from dialin.data.recipe import portable
from dialin.networks.folder import encoder_config, encoder_part, save_model
from dialin.training.config import DEBUG, EncoderRecipe, VaeRecipe, settings_of, to_plain
from dialin.training.data import describe
from dialin.training.datamodule import FeatureData, Order
from dialin.training.diagnostics import Diagnostics
from dialin.training.inputs import check_inputs
from dialin.training.loop import (
    Reporter,
    Settings,
    check_loop,
    fit,
    load_best,
    log_final,
    make_trainer,
)
from dialin.training.rendered import render_parts
from dialin.training.runs import claim
from dialin.training.style import StyleModule
from dialin.training.vae import VaeModule

FINAL = ("loss", "active", "probe_effect", "probe_settings", "probe_loudness")
"""Figures by which runs are compared."""

MODEL = "model"
"""Name of the model folder in a run's folder."""


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
        Which of the two.
    recipe : VaeRecipe or EncoderRecipe
        All that decides the encoder.
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

    Returns
    -------
    Trained
    """
    root = rendered or folder / "rendered"
    check_inputs(recipe, root, folder, stage, resume=resume)
    check_loop(recipe.loop)
    checkpoint = claim(folder, stage, recipe, resume=resume)

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
    looks = Diagnostics(
        recipe.diagnostics, data.train, data.valid, folder / "pictures", debug=recipe.debug
    )
    settings = Settings(settings_of(recipe), FINAL)
    callbacks: list[Callback] = [looks, settings, Reporter(show, say)]
    trainer = make_trainer(recipe.loop, folder, clip=recipe.optimiser.clip, callbacks=callbacks)
    if not fit(trainer, module, data, checkpoint):
        return Trained(False, None, {})
    best = load_best(folder, module)
    network = module.network.eval()
    figures = {**_validate(module, data), **looks.look(network)}
    log_final(trainer, {name: figures[name] for name in FINAL if name in figures})
    config = encoder_config(
        network,
        stage=stage,
        seed=recipe.seed,
        debug=recipe.debug,
        recipe=_portable(recipe),
        data={"train": describe(data.train), "valid": describe(data.valid)},
        epoch=int(best["epoch"]),
        figures=figures,
    )
    if trainer.is_global_zero:
        save_model(
            folder / MODEL,
            config,
            network,
            card=model_card(config),
            onnx={"encoder": encoder_part(network)},
            overwrite=True,
        )
    return Trained(True, folder / MODEL, figures)


def _validate(module: Any, data: FeatureData) -> dict[str, float]:
    """Means of the validation losses."""
    module.eval()
    sums: dict[str, list[float]] = {}
    with torch.no_grad():
        for place, batch in enumerate(data.val_dataloader()):
            for name, value in module.validation_losses(batch, place).items():
                sums.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in sums.items()}


def _portable(recipe: Any) -> dict[str, Any]:
    """Plain data of a recipe, without the places of songs on this machine."""
    body = to_plain(recipe)
    body.pop("loop")
    body.pop("diagnostics")
    portable(body["data"])
    return dict(json.loads(json.dumps(body)))


def model_card(config: Mapping[str, Any]) -> str:
    """Model card of an encoder, in Markdown.

    Parameters
    ----------
    config : mapping
        Content of ``config.json``.

    Returns
    -------
    str
    """
    what = {
        "vae": "Encoder of a beta-VAE: from 24 kHz mono audio to the mean of a latent.",
        "style": "Encoder trained to recognise effects and their settings, whatever the music.",
    }[config["kind"]].replace("24 kHz", f"{config['sample_rate'] / 1000:g} kHz")
    data, figures = config["data"], config["figures"]
    effects = "\n".join(f"- `{name}`" for name in data["train"]["classes"])
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in sorted(figures.items()))
    warning = f"\n**{DEBUG}**\n" if config.get("debug") else ""
    return f"""# {config["dimensions"]}-dimensional {config["kind"]} encoder
{warning}
{what} Embeds excerpts of {config["samples"] / config["sample_rate"]:.2f} s; longer audio is
averaged over excerpts. Level does not matter.

    from dialin.networks.runtime import load_runtime
    vector = load_runtime("this folder")(audio, sample_rate)

## Data

{data["train"]["items"]} excerpts to train on, {data["valid"]["items"]} of other songs to validate.

{effects}

`none` is untouched audio. Settings uniform in 0.01-0.99. Data {data["train"]["hash"]}, seed
{config["seed"]}.

## Figures, on validation songs

| | |
|---|---|
{rows}

`probe_effect` is the share of clips whose effect a linear probe names, `probe_settings` the mean R2
of linear probes of knobs, `probe_loudness` that of loudness, which should be small.

## Limits

Mono, one rate, effects and music of the kinds above. Not made for telling songs, voices or
instruments apart.

## Licence

GPL-3.0-or-later, as dialin. The songs that it was trained on have free licences of their own.
"""


def _module(recipe: VaeRecipe | EncoderRecipe, data: FeatureData) -> Any:
    if isinstance(recipe, VaeRecipe):
        return VaeModule(recipe, data.steps)
    return StyleModule(recipe, data.steps, data.train.classes, data.train.knobs)
