"""Model folders of what was trained: configuration, card and what is used without torch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dialin.data.recipe import portable
from dialin.networks.controller import Controller
from dialin.networks.controller_runtime import KIND
from dialin.networks.encoder import EncoderModule
from dialin.networks.folder import OnnxPart, encoder_config, encoder_part, save_model
from dialin.networks.pooled_encoder import PooledEncoder
from dialin.networks.vae import Vae
from dialin.training.config import DEBUG, EncoderRecipe, VaeRecipe, to_plain
from dialin.training.controller import counted_knobs
from dialin.training.controller_recipe import ControllerRecipe
from dialin.training.data import FeatureSet, describe
from dialin.training.pairs import PairSet


def save_encoder(
    folder: Path,
    stage: str,
    recipe: VaeRecipe | EncoderRecipe,
    network: Vae | PooledEncoder,
    train: FeatureSet,
    valid: FeatureSet,
    epoch: int,
    figures: Mapping[str, float],
) -> Path:
    """Write an encoder as a model folder, in place of one that is there.

    Parameters
    ----------
    folder : Path
        Of the model, to be written.
    stage : {"vae", "encoder"}
        What was trained.
    recipe : VaeRecipe or EncoderRecipe
        Of the run.
    network : Vae or PooledEncoder
        The trained network.
    train, valid : FeatureSet
        What it was trained and judged with.
    epoch : int
        Of the best validation.
    figures : mapping of str to float
        From validation, by name.

    Returns
    -------
    Path
        The same folder.
    """
    config = encoder_config(
        network,
        stage=stage,
        seed=recipe.seed,
        debug=recipe.debug,
        recipe=_portable(recipe),
        data={"train": describe(train), "valid": describe(valid)},
        epoch=epoch,
        figures=dict(figures),
    )
    return save_model(
        folder,
        config,
        network,
        card=encoder_card(config),
        onnx={"encoder": encoder_part(network)},
        overwrite=True,
    )


def _portable(recipe: Any) -> dict[str, Any]:
    """Plain data of a recipe, without the paths of songs on this machine."""
    body = to_plain(recipe)
    body.pop("loop")
    body.pop("diagnostics")
    portable(body["data"])
    return dict(json.loads(json.dumps(body)))


def encoder_card(config: Mapping[str, Any]) -> str:
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
        "encoder": "Encoder trained to recognise effects and their settings, whatever the music.",
    }[config["kind"]].replace("24 kHz", f"{config['sample_rate'] / 1000:g} kHz")
    named = {"vae": "beta-VAE"}.get(config["kind"], "processing")
    data, figures = config["data"], config["figures"]
    effects = "\n".join(f"- `{name}`" for name in data["train"]["classes"])
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in sorted(figures.items()))
    warning = f"\n**{DEBUG}**\n" if config.get("debug") else ""
    return f"""# {config["dimensions"]}-dimensional {named} encoder
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


class _Whole(nn.Module):
    """A controller as it is exported: inputs to settings, what they are made from, latent."""

    def __init__(self, network: Controller) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        prediction = self.network(inputs)
        if self.network.config.head != "bottleneck":
            return prediction.settings, prediction.raw
        return prediction.settings, prediction.raw, prediction.mean


class _Decoder(nn.Module):
    """The way from the latent to settings."""

    def __init__(self, network: Controller) -> None:
        super().__init__()
        self.network = network

    def forward(self, latent: Tensor) -> Tensor:
        return self.network.decode(latent)


def save_controller(
    folder: Path,
    recipe: ControllerRecipe,
    network: Controller,
    encoder: EncoderModule,
    train: PairSet,
    key: str,
    figures: dict[str, float],
    *,
    overwrite: bool = False,
) -> Path:
    """Write a controller with its encoder as a model folder that is used without torch.

    Parameters
    ----------
    folder : Path
        Of the model, to be written.
    recipe : ControllerRecipe
        Of the controller.
    network : Controller
        The trained controller.
    encoder : EncoderModule
        What makes its embeddings.
    train : PairSet
        Pairs it was trained with.
    key : str
        From `open_encoder`.
    figures : dict of str to float
        From validation, by name.
    overwrite : bool, default False
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The same folder.

    Raises
    ------
    OutputError
        If the folder is there and may not be replaced, or an export differs from torch.
    """
    config = network.config
    uri = recipe.data.effects[0]
    with torch.no_grad():
        example = train.inputs(np.arange(min(4, len(train))))
    onnx = {
        "encoder": encoder_part(encoder),
        "controller": OnnxPart(
            _Whole(network),
            {"inputs": example},
            ("settings", "raw", "latent")[: 3 if config.head == "bottleneck" else 2],
        ),
    }
    if config.head == "bottleneck":
        points = torch.randn(3, config.latent, generator=torch.Generator().manual_seed(0))
        onnx["decoder"] = OnnxPart(_Decoder(network), {"latent": points}, ("settings",))
    whole = nn.ModuleDict({"encoder": encoder, "controller": network})
    body = {
        "kind": KIND,
        "effect": uri,
        "spec_hash": train.spec.hash,
        "spec": train.spec.to_dict(),
        "default": [round(float(v), 6) for v in train.spec.default],
        "counted": [bool(v) for v in counted_knobs(train)],
        "controller": config.to_dict(),
        "sample_rate": encoder.sample_rate,
        "samples": encoder.samples,
        "dimensions": encoder.dimensions,
        "front_end": dataclasses.asdict(encoder.front_end.config),
        "encoder": {"folder": Path(recipe.encoder.folder).name, "key": key},
        "data": {"pairs": len(train.index), "manifest": train.hash, "seed": recipe.data.seed},
        "seed": recipe.seed,
        "debug": recipe.debug,
        "figures": figures,
    }
    return save_model(
        folder,
        body,
        whole,
        card=controller_card(recipe, train, figures),
        onnx=onnx,
        overwrite=overwrite,
    )


def controller_card(recipe: ControllerRecipe, train: PairSet, figures: Mapping[str, float]) -> str:
    """Model card of a controller, in Markdown.

    Parameters
    ----------
    recipe : ControllerRecipe
        Of the controller.
    train : PairSet
        Pairs it was trained with.
    figures : mapping of str to float
        From validation, by name.

    Returns
    -------
    str
    """
    rows = "\n".join(f"| {name} | {value:.3f} |" for name, value in figures.items())
    source = recipe.encoder.folder or "statistics of the spectrum (not trained)"
    count = min(recipe.end_to_end.valid_items, 2 * recipe.data.valid_pairs)
    warning = f"**{DEBUG}**\n\n" if recipe.debug else ""
    return f"""# Controller of {train.spec.name}

{warning}Sets the knobs of `{train.spec.uri}` (spec {train.spec.hash}) so that a recording sounds
like a reference.

- Data: {len(train.index)} rendered pairs, manifest {train.hash[:16]}; input and reference are
  different halves of an excerpt, {train.samples} samples at {recipe.data.sample_rate} Hz, mono.
- Encoder: {source}. Head: {recipe.model.head}, output: {recipe.model.output}. Seed {recipe.seed}.

| on {count} items of validation songs | mean |
|---|---|
{rows}

`error` is the mean absolute error of knobs in [0, 1]; all others are MRSTFT to the true render at
the same peak level, where the true settings are at 0.

Limits: trained on music of one level (peaks at {recipe.end_to_end.peak_dbfs:g} dBFS); what two
halves of one excerpt share, other music may not. Knobs that were not varied stay at their default.

Licence: GPL-3.0-or-later, as dialin; the recordings that it was trained on have licences of their
own.
"""
