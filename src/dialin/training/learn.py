"""The driver of all training: from a recipe to a model folder.

Every stage goes the same way. What it needs is looked at, its folder is claimed, excerpts that are
missing are rendered (``rendered`` may lie elsewhere and be shared), the network is trained from
where the folder stands, and the best of it is judged and written as ``model``. Each can be stopped
at any moment and is taken up where it stood.

A controller has two stages in folders of their own, ``parameters`` and ``end_to_end``.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from dialin.data.recipe import Split
from dialin.networks.controller import Controller
from dialin.networks.encoder import EncoderModule
from dialin.networks.statistics import StatisticsEncoder
from dialin.rendering import RenderPool
from dialin.training.batches import ItemData
from dialin.training.config import EncoderRecipe, LoopOptions, VaeRecipe, settings_of
from dialin.training.controller import ControllerTraining, PairItems, counted_knobs
from dialin.training.controller_recipe import ControllerRecipe
from dialin.training.data import FeatureSet, build_features
from dialin.training.diagnostics import Diagnostics
from dialin.training.encoder import EncoderTraining
from dialin.training.end_to_end import EndToEndTraining, SoundItems
from dialin.training.export import save_controller, save_encoder
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
from dialin.training.rendered import SPLITS, parts, render_parts
from dialin.training.runs import PARAMETERS, claim
from dialin.training.spsa import EffectLayer
from dialin.training.vae import VaeTraining

ENCODER_FIGURES = ("loss", "active", "probe_effect", "probe_settings", "probe_loudness")
CONTROLLER_FIGURES = ("untouched", "default", "middle", "parameters", "error")
"""Figures by which runs are compared."""

MODEL, END_TO_END = "model", "end_to_end"
"""Folders in a run's folder: of the model, and of a controller's second stage."""

Show = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trained:
    """What a training ends with.

    Attributes
    ----------
    finished : bool
        False where it was stopped before its end.
    model : Path or None
        The model folder, once it is finished.
    figures : dict of str to float
        Of an encoder: its best validation. Of a controller, on validation songs: MRSTFT
        ``untouched``, of the ``default`` and the ``middle`` of all knobs, after ``parameters`` and
        after ``end_to_end``; ``error`` of the knobs.
    """

    finished: bool
    model: Path | None
    figures: dict[str, float]


@dataclass(frozen=True)
class _Driver:
    """What all stages do alike; `show` and `say` hear how far they are."""

    recipe: VaeRecipe | EncoderRecipe | ControllerRecipe
    root: Path
    resume: bool
    workers: int | None
    show: Show | None
    say: Callable[[str], None] | None

    def prepare(self, stage: str, folder: Path) -> Path | None:
        """Look at what is needed, claim the folder, render; where to go on from."""
        check_inputs(self.recipe, self.root, folder, stage, resume=self.resume)
        check_loop(self.recipe.loop)
        checkpoint = claim(folder, stage, self.recipe, resume=self.resume)
        if self.recipe.loop.threads:
            torch.set_num_threads(self.recipe.loop.threads)

        def rendering(name: str, state: Any) -> None:
            if self.show is not None:
                self.show(f"render {name}", state.done, state.pairs)

        render_parts(self.recipe.data, self.root, workers=self.workers, progress=rendering)
        return checkpoint

    def train(
        self,
        folder: Path,
        module: LightningModule,
        data: ItemData,
        checkpoint: Path | None,
        *,
        loop: LoopOptions,
        clip: float,
        figures: Sequence[str],
        callbacks: Sequence[Callback] = (),
        look_first: bool = False,
    ) -> tuple[Trainer, int] | None:
        """Train and load the best weights; trainer and their epoch, or None where it was stopped.

        With `look_first` the curve begins with where training starts from.
        """
        told = [Settings(settings_of(self.recipe), figures), Reporter(self.show, self.say)]
        trainer = make_trainer(loop, folder, clip=clip, callbacks=[*callbacks, *told])
        if look_first and checkpoint is None:
            trainer.validate(module, data, verbose=False)
        if not fit(trainer, module, data, checkpoint):
            return None
        return trainer, int(load_best(folder, module)["epoch"])


def train_encoder(
    stage: str,
    recipe: VaeRecipe | EncoderRecipe,
    folder: Path,
    *,
    rendered: Path | None = None,
    resume: bool = False,
    workers: int | None = None,
    show: Show | None = None,
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
    driver = _Driver(recipe, root, resume, workers, show, say)
    checkpoint = driver.prepare(stage, folder)
    data, train, valid = feature_data(stage, recipe, root, show=show)
    module = encoder_module(recipe, train, data.steps)
    looks = Diagnostics(recipe.diagnostics, train, valid, folder / "pictures", debug=recipe.debug)
    done = driver.train(
        folder,
        module,
        data,
        checkpoint,
        loop=recipe.loop,
        clip=recipe.optimiser.clip,
        figures=ENCODER_FIGURES,
        callbacks=[looks],
    )
    if done is None:
        return Trained(False, None, {})
    trainer, epoch = done
    network = module.network.eval()
    figures = {**_validate(module, data), **looks.look(network)}
    log_final(trainer, {name: figures[name] for name in ENCODER_FIGURES if name in figures})
    if trainer.is_global_zero:
        save_encoder(folder / MODEL, stage, recipe, network, train, valid, epoch, figures)
    return Trained(True, folder / MODEL, figures)


def feature_data(
    stage: str, recipe: VaeRecipe | EncoderRecipe, root: Path, *, show: Show | None = None
) -> tuple[ItemData, FeatureSet, FeatureSet]:
    """Batches of features for an encoder, and the two sets that they are of.

    Parameters
    ----------
    stage : {"vae", "encoder"}
        What is trained.
    recipe : VaeRecipe or EncoderRecipe
        Of the run.
    root : Path
        Where the rendered pairs lie.
    show : callable, optional
        Hears how far making features is.

    Returns
    -------
    (ItemData, FeatureSet, FeatureSet)
        Batches; items of train and of valid songs.
    """

    def measuring(name: str, done: int, count: int) -> None:
        if show is not None:
            show(f"features {name}", done, count)

    options, front_end = recipe.data, recipe.front_end
    train = build_features(options, front_end, root, "train", progress=measuring)
    valid = build_features(options, front_end, root, "valid", progress=measuring)
    mixed = "effects" if options.mixing == "epoch" else "shuffled"
    order: Any = "groups" if stage == "encoder" else mixed
    return ItemData(train, valid, recipe.loop, seed=options.seed, order=order), train, valid


def encoder_module(recipe: VaeRecipe | EncoderRecipe, train: FeatureSet, steps: int) -> Any:
    """The network that a recipe asks for, ready to be trained.

    Parameters
    ----------
    recipe : VaeRecipe or EncoderRecipe
        Of the run.
    train : FeatureSet
        What it is trained with.
    steps : int
        Of an epoch.

    Returns
    -------
    VaeTraining or EncoderTraining
    """
    if isinstance(recipe, VaeRecipe):
        return VaeTraining(recipe, steps)
    return EncoderTraining(recipe, steps, train.classes, train.knobs)


def _validate(module: Any, data: ItemData) -> dict[str, float]:
    """Means of the validation losses."""
    module.eval()
    sums: dict[str, list[float]] = {}
    with torch.no_grad():
        for number, batch in enumerate(data.val_dataloader()):
            for name, value in module.validation_losses(batch, number).items():
                sums.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in sums.items()}


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
) -> Trained:
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
    Trained
    """
    root = rendered or folder / "rendered"
    driver = _Driver(recipe, root, resume, workers, show, say)
    checkpoint = driver.prepare("controller", folder / PARAMETERS)
    encoder, key = open_encoder(recipe)
    with RenderPool(workers, quarantine=0) as pool:
        measured = {"timbre": recipe.model.timbre, "time": recipe.model.time}
        sets = {
            part.split: open_pairs(part.folder, encoder, key, pool=pool, progress=show, **measured)
            for part in parts(recipe.data, root)
        }
        train, valid = sets["train"], sets["valid"]
        data = ItemData(PairItems(train), PairItems(valid), recipe.loop, seed=recipe.seed)
        module = ControllerTraining(recipe, train, data.steps)
        done = driver.train(
            folder / PARAMETERS,
            module,
            data,
            checkpoint,
            loop=recipe.loop,
            clip=recipe.optimiser.clip,
            figures=CONTROLLER_FIGURES,
        )
        if done is None:
            return Trained(False, None, {})
        network = module.network.eval()
        figures = _judge(recipe, network, valid, pool)
        log_final(done[0], figures)
        if recipe.end_to_end.epochs:
            tuned = _by_ear(driver, recipe, folder / END_TO_END, network, encoder, sets, pool)
            if tuned is None:
                return Trained(False, None, figures)
            figures[END_TO_END] = _judge(recipe, tuned, valid, pool)["parameters"]
            # What listening did not improve is not kept: validation songs decide.
            if figures[END_TO_END] < figures["parameters"]:
                network = tuned
    if not export:
        return Trained(True, None, figures)
    target = model or folder / MODEL
    save_controller(target, recipe, network, encoder, train, key, figures, overwrite=resume)
    return Trained(True, target, figures)


def _by_ear(
    driver: _Driver,
    recipe: ControllerRecipe,
    folder: Path,
    network: Controller,
    encoder: EncoderModule,
    sets: Mapping[Split, PairSet],
    pool: RenderPool,
) -> Controller | None:
    """The end-to-end stage; None where it was stopped."""
    options = recipe.end_to_end
    resume = driver.resume or not folder.exists()
    checkpoint = claim(folder, END_TO_END, recipe, resume=resume)
    loop = dataclasses.replace(
        recipe.loop,
        epochs=options.epochs,
        batch=options.batch,
        items=options.items,
        valid_items=options.valid_items,
        patience=0,
    )
    train, valid = (SoundItems(sets[split], recipe.encoder.finetune) for split in SPLITS)
    seed = recipe.seed + 1
    data = ItemData(train, valid, loop, seed=seed, valid_seed=seed)
    tuned = copy.deepcopy(network)
    module = EndToEndTraining(recipe, tuned, encoder, sets["train"], pool, data.steps)
    with warnings.catch_warnings():
        # Dropout is off on purpose.
        warnings.filterwarnings("ignore", ".*in eval mode at the start of training.*")
        done = driver.train(
            folder,
            module,
            data,
            checkpoint,
            loop=loop,
            clip=options.optimiser.clip,
            figures=CONTROLLER_FIGURES,
            look_first=True,
        )
    return None if done is None else tuned.eval()


def _judge(
    recipe: ControllerRecipe, network: Controller, valid: PairSet, pool: RenderPool
) -> dict[str, float]:
    """MRSTFT on validation songs, of the controller and of answers that hear nothing."""
    options = recipe.end_to_end
    layer = EffectLayer(pool, recipe.data.effects[0], recipe.data.sample_rate)
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
