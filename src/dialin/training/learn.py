"""Learning to set an effect: from a recipe to a model folder.

The stages are kept in one folder: ``rendered`` pairs (which may lie elsewhere and be shared),
embeddings beside them, the run ``parameters``, the run ``end_to_end``, and in the end ``model``.
Each can be stopped at any moment and is taken up where it stood.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback
from torch import Tensor, nn

from dialin.networks.controller import Controller
from dialin.networks.encoder import EncoderModule
from dialin.networks.statistics import StatisticsEncoder
from dialin.rendering import RenderPool
from dialin.training.config import DEBUG, settings_of
from dialin.training.controller import ControllerModule, PairData, counted_knobs
from dialin.training.controller_recipe import ControllerRecipe
from dialin.training.end_to_end import EndToEndModule, SoundData
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
from dialin.training.losses import mrstft, peak_normalised
from dialin.training.pairs import PairSet, open_pairs
from dialin.training.rendered import parts, render_parts
from dialin.training.runs import PARAMETERS, claim
from dialin.training.spsa import EffectLayer

FINAL = ("untouched", "default", "middle", "parameters", "error")
"""Figures by which runs are compared."""

Show = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True)
class Learned:
    """What training a controller ends with.

    Attributes
    ----------
    finished : bool
        False where it was stopped before its end.
    model : Path or None
        The model folder.
    figures : dict of str to float
        On validation songs: MRSTFT ``untouched``, of the ``default`` and the ``middle`` of all
        knobs, after ``parameters`` and after ``end_to_end``; ``error`` of the knobs.
    """

    finished: bool
    model: Path | None
    figures: dict[str, float]


def open_encoder(recipe: ControllerRecipe) -> tuple[EncoderModule, str]:
    """The recipe's encoder, frozen, and a key that tells it from others.

    Parameters
    ----------
    recipe : ControllerRecipe
        Of the controller.

    Returns
    -------
    (EncoderModule, str)
    """
    folder = recipe.encoder.folder
    if not folder:
        encoder: EncoderModule = StatisticsEncoder(recipe.front_end, recipe.data.samples)
        body = ["statistics", dataclasses.asdict(recipe.front_end), recipe.data.samples]
        return encoder.eval(), hashlib.sha256(json.dumps(body).encode()).hexdigest()[:16]
    from dialin.networks.configuration import WEIGHTS
    from dialin.networks.folder import load_encoder

    encoder = load_encoder(folder)
    weights = (Path(folder) / WEIGHTS).read_bytes()
    return encoder, hashlib.sha256(weights).hexdigest()[:16]


def train_controller(
    recipe: ControllerRecipe,
    folder: Path,
    *,
    rendered: Path | None = None,
    model: Path | None = None,
    resume: bool = False,
    workers: int | None = None,
    show: Show | None = None,
    say: Callable[[str], None] | None = None,
    export: bool = True,
) -> Learned:
    """Train a controller by parameter loss and then by ear.

    Parameters
    ----------
    recipe : ControllerRecipe
        All that decides the controller.
    folder : Path
        Where the runs are kept.
    rendered : Path, optional
        Where pairs and embeddings are kept, ``folder / "rendered"`` by default.
    model : Path, optional
        Where the model folder goes, ``folder / "model"`` by default.
    resume : bool
        Go on with what is in `folder`.
    workers : int, optional
        Rendering processes.
    show : callable, optional
        Hears what is being done, how far it is, of how many.
    say : callable, optional
        Gets a line of figures after each epoch.
    export : bool
        Write a model folder; without, only figures are wanted.

    Returns
    -------
    Learned
    """
    told = (Settings(settings_of(recipe), FINAL), Reporter(show, say))
    root = rendered or folder / "rendered"
    uri = recipe.data.effects[0]
    check_inputs(recipe, root, folder / PARAMETERS, "controller", resume=resume)
    check_loop(recipe.loop)
    checkpoint = claim(folder / PARAMETERS, "controller", recipe, resume=resume)
    if recipe.loop.threads:
        torch.set_num_threads(recipe.loop.threads)

    def rendering(name: str, state: Any) -> None:
        if show is not None:
            show(f"render {name}", state.done, state.pairs)

    render_parts(recipe.data, root, workers=workers, progress=rendering)
    encoder, key = open_encoder(recipe)
    with RenderPool(workers, quarantine=0) as pool:
        measuring = pool if recipe.model.timbre else None
        sets = {
            part.split: open_pairs(part.folder, encoder, key, pool=measuring, progress=show)
            for part in parts(recipe.data, root)
        }
        train, valid = sets["train"], sets["valid"]
        data = PairData(train, valid, recipe.loop, recipe.seed)
        module = ControllerModule(recipe, train, data.steps)
        clip = recipe.optimiser.clip
        trainer = make_trainer(recipe.loop, folder / PARAMETERS, clip=clip, callbacks=told)
        if not fit(trainer, module, data, checkpoint):
            return Learned(False, None, {})
        load_best(folder / PARAMETERS, module)
        network = module.network.eval()
        figures = _judge(recipe, network, valid, pool, uri)
        log_final(trainer, figures)
        if recipe.end_to_end.epochs:
            tuned = _by_ear(recipe, folder, network, encoder, (train, valid), pool, resume, told)
            if tuned is None:
                return Learned(False, None, figures)
            figures["end_to_end"] = _judge(recipe, tuned, valid, pool, uri)["parameters"]
            # What listening did not improve is not kept: validation songs decide.
            if figures["end_to_end"] < figures["parameters"]:
                network = tuned
    if not export:
        return Learned(True, None, figures)
    place = model or folder / "model"
    save_controller(place, recipe, network, encoder, train, key, figures, overwrite=resume)
    return Learned(True, place, figures)


def _by_ear(
    recipe: ControllerRecipe,
    folder: Path,
    network: Controller,
    encoder: EncoderModule,
    sets: tuple[PairSet, PairSet],
    pool: RenderPool,
    resume: bool,
    told: tuple[Callback, ...],
) -> Controller | None:
    """The end-to-end stage; None where it was stopped."""
    import copy

    options = recipe.end_to_end
    place = folder / "end_to_end"
    checkpoint = claim(place, "end_to_end", recipe, resume=resume or not place.exists())
    data = SoundData(*sets, recipe)
    module = EndToEndModule(recipe, copy.deepcopy(network), encoder, sets[0], pool, data.steps)
    loop = dataclasses.replace(recipe.loop, epochs=options.epochs, patience=0)
    trainer = make_trainer(loop, place, clip=options.optimiser.clip, callbacks=told)
    with warnings.catch_warnings():
        # Dropout is off on purpose.
        warnings.filterwarnings("ignore", ".*in eval mode at the start of training.*")
        if checkpoint is None:
            # Where it starts from, as the first point of its curve.
            trainer.validate(module, data, verbose=False)
        if not fit(trainer, module, data, checkpoint):
            return None
    load_best(place, module)
    tuned: Controller = module.network.eval()
    return tuned


def _judge(
    recipe: ControllerRecipe, network: Controller, valid: PairSet, pool: RenderPool, uri: str
) -> dict[str, float]:
    """MRSTFT on validation songs, of the controller and of answers that hear nothing."""
    options = recipe.end_to_end
    layer = EffectLayer(pool, uri, recipe.data.sample_rate)
    counted = torch.from_numpy(counted_knobs(valid).astype(np.float32))
    default = torch.from_numpy(valid.spec.default.astype(np.float32))
    count = min(options.valid_items, len(valid))
    chosen = np.random.default_rng(recipe.seed).permutation(len(valid))[:count]
    totals: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        for start in range(0, count, options.batch):
            items = chosen[start : start + options.batch]
            audio, truth = valid.audio(items), valid.truth(items)
            wanted, known = layer(audio, truth)
            answers = {
                "parameters": network(valid.inputs(items)).settings,
                "default": default.expand(len(items), -1),
                "middle": torch.full_like(truth, 0.5),
            }
            sounds = {"untouched": (audio, known)}
            for name, settings in answers.items():
                sounds[name] = layer(audio, counted * settings + (1 - counted) * default)
            for name, (sound, ok) in sounds.items():
                good = ok & known
                ours, theirs = (
                    peak_normalised(s, options.peak_dbfs)[good] for s in (sound, wanted)
                )
                totals.setdefault(name, []).append(mrstft(ours, theirs))
            gap = (answers["parameters"] - truth).abs() * counted
            totals.setdefault("error", []).append(gap.sum(dim=1) / counted.sum().clamp_min(1))
    return {name: round(float(torch.cat(rows).mean()), 4) for name, rows in totals.items()}


class _Whole(nn.Module):
    """A controller as it is exported: inputs to settings, what they are made from, latent."""

    def __init__(self, network: Controller) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        found = self.network(inputs)
        if self.network.config.head != "bottleneck":
            return found.settings, found.raw
        return found.settings, found.raw, found.mean


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
    from dialin.networks.controller_runtime import KIND
    from dialin.networks.folder import OnnxPart, encoder_part, save_model

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
        folder, body, whole, card=_card(recipe, train, figures), onnx=onnx, overwrite=overwrite
    )


def _card(recipe: ControllerRecipe, train: PairSet, figures: dict[str, float]) -> str:
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
