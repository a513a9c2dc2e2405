"""Recipes of controllers: what decides the training of one for an effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialin.data.fields import between
from dialin.errors import RecipeError
from dialin.measures.spectral import MRSTFT_SIZES
from dialin.networks.controller_options import NetworkOptions
from dialin.networks.frontend_numpy import FrontEndConfig
from dialin.training.config import DataOptions, LoopOptions, OptimiserOptions
from dialin.training.perturbation import SpsaOptions


@dataclass(frozen=True)
class EmbeddingOptions:
    """Where embeddings come from.

    Attributes
    ----------
    folder : str
        Model folder of a trained encoder; empty for statistics of the spectrum, which need no
        training (`dialin.networks.statistics`).
    finetune : bool
        Train the encoder along in the end-to-end stage.
    """

    folder: str = ""
    finetune: bool = False


@dataclass(frozen=True, kw_only=True)
class ControllerOptions(NetworkOptions):
    """The network and its parameter loss.

    Attributes
    ----------
    beta : float
        Weight of the KL divergence of the latent.
    timbre : bool
        Give it the timbre of both sounds as well (slow to measure).
    time : bool
        Give it as well what tells of echoes, rooms and motion in both sounds
        (`dialin.measures.time_features`).
    """

    beta: float = 1e-4
    timbre: bool = False
    time: bool = False

    def __post_init__(self) -> None:
        between("model.beta", self.beta, 0.0, 1e3)
        between("model.dropout", self.dropout, 0.0, 0.9)


@dataclass(frozen=True)
class EndToEndOptions:
    """The stage that listens: loss on rendered audio, gradients through the effect by SPSA.

    Attributes
    ----------
    losses : mapping of str to float
        Shares of the gradient on settings: ``mrstft``, ``mel``, ``l1``, ``embedding``, and
        ``parameters``, the loss of the stage before.
    sizes : tuple of int
        FFT sizes of ``mrstft`` as a loss; fewer take less time. Validation has all six.
    spsa : SpsaOptions
    peak_dbfs : float
        Peak that renders and truths are brought to, as the referee does.
    optimiser, loop
        As in other stages; ``loop.epochs = 0`` leaves the stage out.
    epochs : int
        0 leaves the stage out.
    batch : int
        Items at a time.
    items : int
        Of an epoch.
    valid_items : int
        Of a validation.
    """

    losses: Mapping[str, float] = field(default_factory=lambda: {"mrstft": 1.0})
    sizes: tuple[int, ...] = MRSTFT_SIZES
    spsa: SpsaOptions = field(default_factory=lambda: SpsaOptions(method="one-sided", directions=8))
    peak_dbfs: float = -12.0
    optimiser: OptimiserOptions = field(default_factory=lambda: OptimiserOptions(rate=3e-4))
    epochs: int = 2
    batch: int = 8
    items: int = 800
    valid_items: int = 80

    def __post_init__(self) -> None:
        between("end_to_end.epochs", self.epochs, 0, 10**6)
        between("end_to_end.batch", self.batch, 1, 10**4)
        for size in self.sizes:
            between("end_to_end.sizes", size, 4, max(MRSTFT_SIZES))
            if size % 2:
                raise RecipeError(f"end_to_end.sizes = {size} in the recipe: use even sizes")
        if not self.sizes:
            raise RecipeError("end_to_end.sizes is empty in the recipe; name an FFT size")


@dataclass(frozen=True)
class ControllerRecipe:
    """All that decides the training of a controller; `debug` as of `StageRecipe`.

    Attributes
    ----------
    data : DataOptions
        What it is trained with; one effect.
    seed : int
        Of all chance in training.
    debug : bool
        Whether it only shows that everything is in place.
    encoder : EmbeddingOptions
        What makes the embeddings.
    front_end : FrontEndConfig
        What decides features, for an encoder without a folder.
    model : ControllerOptions
        The network and its loss.
    optimiser : OptimiserOptions
        Rate, its course, and weight decay.
    loop : LoopOptions
        Devices, epochs, checkpoints and logger.
    end_to_end : EndToEndOptions
        The stage that listens.
    """

    data: DataOptions
    seed: int = 0
    debug: bool = False
    encoder: EmbeddingOptions = field(default_factory=EmbeddingOptions)
    front_end: FrontEndConfig = field(default_factory=lambda: FrontEndConfig(bands=64))
    model: ControllerOptions = field(default_factory=ControllerOptions)
    optimiser: OptimiserOptions = field(
        default_factory=lambda: OptimiserOptions(rate=2e-3, weight_decay=1e-2)
    )
    loop: LoopOptions = field(default_factory=lambda: LoopOptions(epochs=60, batch=64, patience=15))
    end_to_end: EndToEndOptions = field(default_factory=EndToEndOptions)

    def __post_init__(self) -> None:
        if len(self.data.effects) != 1:
            raise RecipeError(
                f"data.effects names {len(self.data.effects)} effects; a controller sets the "
                "knobs of one, so name one effect or one chain"
            )
