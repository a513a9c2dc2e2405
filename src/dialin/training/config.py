"""Training recipes: a TOML file read into frozen dataclasses.

``load_recipe(path, VaeRecipe, ["optimiser.rate=1e-3"])`` reads one; each ``a.b=value`` replaces a
value by one in TOML's own notation. Unknown keys and wrong types are refused by name. A stage of
your own is a dataclass with the tables it needs, of which `LoopOptions`, `OptimiserOptions` and
`DataOptions` are common to all stages.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from dialin.data.fields import between, build
from dialin.data.recipe import (
    CheckOptions,
    SettingsOptions,
    SongSource,
    digest,
    expand,
    place_paths,
    portable,
    read_toml,
)
from dialin.errors import RecipeError
from dialin.files.reading import parse_toml
from dialin.networks.configuration import WEIGHTS
from dialin.networks.frontend_numpy import FrontEndConfig

T = TypeVar("T")

DEBUG = (
    "Made by a debug recipe: figures and pictures show that everything is in place, and say "
    "nothing of how well it works."
)
"""What is said beside the figures of a debug recipe."""


@dataclass(frozen=True)
class DataOptions:
    """Effected excerpts, rendered once into a folder and read memory-mapped from then on.

    Attributes
    ----------
    songs : tuple of SongSource
    effects : tuple of str
        URIs. Excerpts and seeds are the same for all, so that contents and effects are crossed.
    pairs, valid_pairs : int
        Excerpts of two halves for each effect, from train and from valid songs.
    clean : bool
        Untouched excerpts as one more class, about as many as each effect has.
    seed : int
        Decides excerpts and settings.
    samples : int
        Length of a half, which is what networks get, in samples.
    sample_rate : int
        In hertz.
    shard : int
        Pairs in a file.
    splits : (float, float, float)
        Shares of songs in train, valid and test.
    mixing : {"batch", "epoch"}
        All effects in every batch, or a new effect each epoch.
    settings : SettingsOptions
        How settings are drawn.
    checks : CheckOptions
        What renders must pass.
    """

    songs: tuple[SongSource, ...]
    effects: tuple[str, ...]
    pairs: int = 1200
    valid_pairs: int = 150
    clean: bool = True
    seed: int = 0
    samples: int = 131_072
    sample_rate: int = 24_000
    shard: int = 50
    splits: tuple[float, float, float] = (0.6, 0.15, 0.25)
    mixing: Literal["batch", "epoch"] = "batch"
    settings: SettingsOptions = field(default_factory=SettingsOptions)
    checks: CheckOptions = field(default_factory=CheckOptions)

    def __post_init__(self) -> None:
        between("data.pairs", self.pairs, 1, 10**8)
        between("data.valid_pairs", self.valid_pairs, 1, 10**8)
        between("data.samples", self.samples, 512, 10**8)
        if not self.effects and not self.clean:
            raise RecipeError("the recipe trains on nothing: name data.effects, or set data.clean")


@dataclass(frozen=True)
class OptimiserOptions:
    """AdamW: learning rate, its linear warm-up in steps and decay, clipping of the gradient.

    With ``decay = "cosine"`` the rate falls to a hundredth over all epochs.

    Attributes
    ----------
    rate : float
        Highest learning rate.
    weight_decay : float
        Of weights; biases and scales have none.
    warmup : int
        In steps.
    decay : {"none", "cosine"}
        Course of the rate after it.
    clip : float
        Largest norm of the gradient; 0 for any.
    """

    rate: float = 1e-3
    weight_decay: float = 1e-4
    warmup: int = 100
    decay: Literal["none", "cosine"] = "cosine"
    clip: float = 1.0

    def __post_init__(self) -> None:
        between("optimiser.rate", self.rate, 1e-9, 10.0)


@dataclass(frozen=True)
class LoopOptions:
    """How long, how often, on what.

    Attributes
    ----------
    epochs : int
    batch : int
        Items in a batch of one process.
    items : int
        Items of an epoch; 0 for all there are.
    valid_items : int
        Items of a validation; 0 for all there are.
    checkpoint_minutes : float
        Minutes between checkpoints. There is one more after each epoch and at the end.
    patience : int
        Epochs without a better validation after which training ends; 0 for never.
    accelerator, devices, nodes, strategy, precision
        As Lightning has them: ``auto``, ``cpu``, ``gpu``, ``mps``; several devices or nodes train
        with ``strategy = "ddp"``.
    threads : int
        Threads of torch on the CPU; 0 for its own choice.
    logger : {"tensorboard", "wandb", "none"}
        Weights & Biases must be installed; ``WANDB_MODE=offline`` needs no network.
    """

    epochs: int = 20
    batch: int = 32
    items: int = 0
    valid_items: int = 0
    checkpoint_minutes: float = 5.0
    patience: int = 0
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    threads: int = 0
    logger: Literal["tensorboard", "wandb", "none"] = "tensorboard"

    def __post_init__(self) -> None:
        between("loop.epochs", self.epochs, 1, 10**6)
        between("loop.batch", self.batch, 1, 10**5)
        between("loop.checkpoint_minutes", self.checkpoint_minutes, 0.0, 10**5)
        between("loop.devices", self.devices, 1, 4096)


@dataclass(frozen=True)
class DiagnosticsOptions:
    """What is looked at after an epoch.

    Attributes
    ----------
    every : int
        Epochs between two looks; 0 for none but the losses.
    items : int
        Validation items that probes and pictures are made of.
    pictures : bool
        Spectrograms, plots of the latent and interpolations (needs matplotlib).
    umap : bool
        A UMAP plot beside the PCA's (needs umap-learn; slow).
    """

    every: int = 1
    items: int = 1000
    pictures: bool = True
    umap: bool = False


@dataclass(frozen=True)
class VaeOptions:
    """The beta-VAE and its loss; see `dialin.networks.vae` and `dialin.training.vae`.

    Attributes
    ----------
    dimensions : int
        Of the latent, 2 to 256.
    channels : tuple of int
        Of the encoder's convolutions, each of which halves both axes; the decoder mirrors them.
    beta : float
        Weight of the KL divergence; 1 is the evidence bound of noise of unit variance in every
        element by itself. Elements go together, so useful values are larger: 1 to 100.
    schedule : {"constant", "linear", "cyclic"}
        Of beta, over steps: as it is; rising from zero over `period` epochs; rising along half a
        cosine from zero over half of each `period`, then staying.
    period : float
        In epochs.
    free_bits : float
        Bits of each latent dimension that cost nothing.
    reconstruction : {"mse", "multiresolution"}
        Squared error of log-mel levels, or its mean over levels pooled by 1, 2, 4 and 8.
    """

    dimensions: int = 64
    channels: tuple[int, ...] = (16, 32, 64, 96, 96)
    beta: float = 10.0
    schedule: Literal["constant", "linear", "cyclic"] = "cyclic"
    period: float = 4.0
    free_bits: float = 0.0
    reconstruction: Literal["mse", "multiresolution"] = "mse"

    def __post_init__(self) -> None:
        between("model.dimensions", self.dimensions, 2, 256)
        between("model.beta", self.beta, 0.0, 1e6)
        between("model.period", self.period, 1e-3, 1e6)
        between("model.free_bits", self.free_bits, 0.0, 100.0)


@dataclass(frozen=True)
class EncoderOptions:
    """The encoder that recognises processing; see `dialin.networks.pooled_encoder`.

    The three weights are those of the losses: recognising the effect, regressing its settings,
    and telling a clip of the same processing from clips of the same content.

    Attributes
    ----------
    dimensions : int
        Of the embedding.
    channels : tuple of int
        After each convolution.
    effect_weight : float
        0 or more.
    settings_weight : float
        0 or more.
    contrast_weight : float
        0 or more.
    temperature : float
        What similarities are divided by.
    """

    dimensions: int = 64
    channels: tuple[int, ...] = (16, 32, 64, 96, 128)
    effect_weight: float = 1.0
    settings_weight: float = 1.0
    contrast_weight: float = 1.0
    temperature: float = 0.1

    def __post_init__(self) -> None:
        between("model.dimensions", self.dimensions, 2, 256)
        between("model.temperature", self.temperature, 1e-3, 10.0)


@dataclass(frozen=True)
class StageRecipe:
    """What decides the training of any encoder, besides its network.

    With `debug` a recipe says of itself that it only shows whether everything is in place; its
    pictures, figures and model card are marked as such.

    Attributes
    ----------
    data : DataOptions
        What it is trained with.
    seed : int
        Of all chance in training.
    debug : bool
        See above.
    front_end : FrontEndConfig
        What decides features.
    optimiser : OptimiserOptions
        Rate, its course, and weight decay.
    loop : LoopOptions
        Devices, epochs, checkpoints and logger.
    diagnostics : DiagnosticsOptions
        What is looked at between epochs.
    """

    data: DataOptions
    seed: int = 0
    debug: bool = False
    front_end: FrontEndConfig = field(default_factory=FrontEndConfig)
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)
    diagnostics: DiagnosticsOptions = field(default_factory=DiagnosticsOptions)


@dataclass(frozen=True)
class VaeRecipe(StageRecipe):
    """All that decides the training of a beta-VAE.

    Attributes
    ----------
    model : VaeOptions
        The network and its loss.
    """

    model: VaeOptions = field(default_factory=VaeOptions)


@dataclass(frozen=True)
class EncoderRecipe(StageRecipe):
    """All that decides the training of the encoder that recognises processing.

    Attributes
    ----------
    model : EncoderOptions
        The network and its losses.
    """

    model: EncoderOptions = field(default_factory=EncoderOptions)


def load_recipe(path: str | os.PathLike[str], kind: type[T], overrides: Sequence[str] = ()) -> T:
    """Read a training recipe.

    Parameters
    ----------
    path : path-like
        A TOML file. Paths in it (songs, presets, an encoder's folder) start at the file; those of
        `overrides` and of environment variables at the current folder. ``~`` and ``${VARIABLE}``
        are expanded.
    kind : type
        The stage's dataclass, such as `VaeRecipe`.
    overrides : sequence of str
        ``a.b=value`` in TOML's notation; a bare word counts as a string.

    Returns
    -------
    recipe
        Of the kind asked for.

    Raises
    ------
    RecipeError
        If the file is missing, no TOML, or says something that no such recipe can say.
    """
    file = Path(path)
    data = read_toml(file)
    # What is overridden may name a variable that is not set.
    _place(data, file.parent, lenient=True)
    for text in overrides:
        _override(data, text)
    _place(data, Path.cwd())
    recipe = build(kind, data)
    assert isinstance(recipe, kind)
    return recipe


def to_plain(recipe: Any) -> dict[str, Any]:
    """Plain data of a recipe, for JSON and TOML.

    Parameters
    ----------
    recipe : object
        A frozen dataclass.

    Returns
    -------
    dict
    """
    return dataclasses.asdict(recipe)


def settings_of(recipe: Any) -> dict[str, bool | int | float | str]:
    """All settings of a recipe, flat, as ``optimiser.rate``; paths of songs are left out.

    Parameters
    ----------
    recipe : object
        A frozen dataclass.

    Returns
    -------
    dict of str to bool or int or float or str
        By path, such as ``optimiser.rate``; lists as JSON.
    """
    body = to_plain(recipe)
    portable(body["data"])
    settings: dict[str, bool | int | float | str] = {}

    def walk(table: Mapping[str, Any], prefix: str) -> None:
        for name, value in table.items():
            if isinstance(value, Mapping):
                walk(value, f"{prefix}{name}.")
            else:
                plain = isinstance(value, bool | int | float | str)
                settings[prefix + name] = value if plain else json.dumps(value)

    walk(body, "")
    return settings


def identity(recipe: Any) -> str:
    """Hash of a recipe without where things lie and without where and how long it runs.

    An encoder counts by its weights, wherever its folder is.

    Parameters
    ----------
    recipe : object
        Of a stage or of a controller.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    body = to_plain(recipe)
    for name in ("loop", "diagnostics"):
        body.pop(name, None)
    portable(body["data"])
    model = body.get("model", {})
    if model.get("time") is False:
        # Runs from before there was such a key can be gone on with.
        del model["time"]
    encoder = body.get("encoder")
    if encoder and encoder.get("folder"):
        weights = Path(encoder["folder"]) / WEIGHTS
        if weights.is_file():
            encoder["folder"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    return digest(body)


def _place(data: dict[str, Any], beside: Path, *, lenient: bool = False) -> None:
    table = data.get("data")
    if isinstance(table, dict):
        place_paths(table, beside, lenient=lenient)
    encoder = data.get("encoder")
    if isinstance(encoder, dict) and isinstance(encoder.get("folder"), str) and encoder["folder"]:
        encoder["folder"] = expand(encoder["folder"], beside, "encoders", lenient=lenient)


def _override(data: dict[str, Any], text: str) -> None:
    name, equals, value = text.partition("=")
    keys = [key.strip() for key in name.split(".")]
    if not equals or not all(keys):
        raise RecipeError(f"--set {text!r} is not understood; write --set optimiser.rate=1e-3")
    table: Any = data
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {text!r}: {key!r} in the recipe is no table")
    table[keys[-1]] = _value(value.strip())


def _value(text: str) -> Any:
    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text
