"""Training of a controller by ear: loss on rendered audio, gradients through the effect by SPSA.

The input half is rendered with the predicted settings and compared with the same half rendered
with the true ones, both at one peak level: what the referee does, so that the true settings are at
no distance. Losses are weighed by their share of the gradient on the settings.

Dropout and the latent's noise are off: what is trained here is what is used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor, nn

from dialin.errors import UsageError
from dialin.networks.controller import Controller, saturation
from dialin.networks.encoder import EncoderModule
from dialin.networks.latent import kl_divergence
from dialin.rendering import RenderPool
from dialin.training.balance import Balancer
from dialin.training.batches import Batch
from dialin.training.controller import counted_knobs
from dialin.training.controller_recipe import ControllerRecipe
from dialin.training.loop import optimiser
from dialin.training.losses import LOSSES, magnitudes, make_losses, mrstft, peak_normalised
from dialin.training.pairs import PairSet
from dialin.training.perturbation import Perturber
from dialin.training.spsa import EffectLayer

PARAMETERS = "parameters"


@dataclass(frozen=True)
class SoundItems:
    """Pairs with the audio of their inputs, and of references where the encoder is trained.

    Attributes
    ----------
    pairs : PairSet
        What is trained with.
    with_references : bool
        Whether references are needed.
    """

    pairs: PairSet
    with_references: bool

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, items: NDArray[np.int64]) -> Batch:
        """Tensors of items.

        Parameters
        ----------
        items : ndarray, int64, shape (items,)
            Twice the pair, plus 1 for its second half.

        Returns
        -------
        dict of str to Tensor
            ``inputs``, ``settings``, ``audio`` and perhaps ``reference``.
        """
        batch = {
            "inputs": self.pairs.inputs(items),
            "settings": self.pairs.truth(items),
            "audio": self.pairs.audio(items),
        }
        if self.with_references:
            batch["reference"] = self.pairs.references(items)
        return batch


class EndToEndTraining(LightningModule):
    """A controller in training by ear.

    Parameters
    ----------
    recipe : ControllerRecipe
    network : Controller
        As the parameter stage left it.
    encoder : EncoderModule
    pairs : PairSet
        The training set.
    pool : RenderPool
    steps : int
        Of an epoch.
    """

    counted: Tensor
    default: Tensor

    def __init__(
        self,
        recipe: ControllerRecipe,
        network: Controller,
        encoder: EncoderModule,
        pairs: PairSet,
        pool: RenderPool,
        steps: int,
    ) -> None:
        super().__init__()
        options = recipe.end_to_end
        self.recipe, self.steps, self.spec = recipe, steps, pairs.spec
        self.network, self.encoder = network, encoder
        for parameter in encoder.parameters():
            parameter.requires_grad_(recipe.encoder.finetune)
        uri = recipe.data.effects[0]
        counted = counted_knobs(pairs)
        still = tuple(p.id for p, c in zip(self.spec.parameters, counted, strict=True) if not c)
        spsa = replace(options.spsa, fixed=tuple({*options.spsa.fixed, *still}))
        self.layer = EffectLayer(pool, uri, recipe.data.sample_rate, spsa)
        unknown = [n for n in options.losses if n not in (*LOSSES, PARAMETERS)]
        if unknown:
            raise UsageError(
                f"there is no loss {unknown[0]!r}; use {', '.join((*LOSSES, PARAMETERS))}"
            )
        self.balancer = Balancer(options.losses)
        audible = [n for n in options.losses if n != PARAMETERS]
        self.distances = make_losses(audible, recipe.data.sample_rate, encoder, options.sizes)
        self.register_buffer("counted", torch.from_numpy(counted.astype(np.float32)), False)
        default = torch.from_numpy(self.spec.default.astype(np.float32))
        self.register_buffer("default", default, False)

    def predict(self, batch: Batch) -> Any:
        """Prediction for a batch, through the encoder where that is trained.

        Parameters
        ----------
        batch : dict of str to Tensor
            Tensors of some items.

        Returns
        -------
        (Prediction, Tensor)
            Prediction, and settings with knobs that do not count at their defaults.
        """
        inputs = batch["inputs"]
        if self.recipe.encoder.finetune:
            size = self.network.config.embedding
            vectors = [self.encoder(batch[name]) for name in ("audio", "reference")]
            inputs = torch.cat([*vectors, inputs[:, 2 * size :]], dim=1)
        prediction = self.network(inputs)
        kept = self.counted * prediction.settings + (1.0 - self.counted) * self.default
        return prediction, kept

    def render(self, audio: Tensor, settings: Tensor) -> tuple[Tensor, Tensor]:
        """Render at the level at which it is judged.

        Parameters
        ----------
        audio : Tensor, shape (batch, samples) or (batch, channels, samples)
            Inputs.
        settings : Tensor, shape (batch, knobs)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        (Tensor, Tensor)
            Audio of the inputs' shape, and which renders succeeded, shape (batch,).
        """
        wet, ok = self.layer(audio, settings)
        return peak_normalised(wet, self.recipe.end_to_end.peak_dbfs), ok

    def setup(self, stage: str) -> None:
        """Let processes that train together draw directions of their own.

        Parameters
        ----------
        stage : str
            Lightning's name of what begins; not used.
        """
        options = replace(self.layer.perturber.options, stream=self.global_rank)
        self.layer.perturber = Perturber(self.layer.spec, options)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """One step; none where no item could be rendered both ways.

        Parameters
        ----------
        batch : dict of str to Tensor
            Tensors of some items.
        batch_idx : int
            Number of the batch in its epoch.

        Returns
        -------
        Tensor, shape (), or None
            Loss.
        """
        self.network.eval()
        prediction, settings = self.predict(batch)
        # The balanced gradient is made at the settings, then goes on into the network.
        here = settings.detach().requires_grad_()
        wet, ok = self.render(batch["audio"], here)
        with torch.no_grad():
            truth, known = self.render(batch["audio"], batch["settings"])
        good = ok & known
        losses = {n: f(wet[good], truth[good]).mean() for n, f in self.distances.items()}
        values = {f"train/{n}": v.detach() for n, v in losses.items()}
        if PARAMETERS in self.balancer.shares:
            free = here * self.counted
            losses[PARAMETERS] = (free - batch["settings"] * self.counted).abs().mean()
        divergence = kl_divergence(prediction.mean, prediction.log_variance).sum(dim=1).mean()
        self.log_dict(values)
        self.log_dict(
            {
                "train/lost_directions": float(self.layer.count.lost_directions),
                "train/lost_items": float(self.layer.count.lost_items),
                "train/skipped": float(self.balancer.skipped),
            }
        )
        if not bool(good.any()):
            return None
        surrogate = self.balancer(losses, here)
        (slope,) = torch.autograd.grad(surrogate, here)
        loss: Tensor = (settings * slope).sum() + self.recipe.model.beta * divergence
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """MRSTFT as the referee has it, which early stopping and the best checkpoint go by.

        Parameters
        ----------
        batch : dict of str to Tensor
            Tensors of some items.
        batch_idx : int
            Number of the batch in its epoch.
        """
        prediction, settings = self.predict(batch)
        wet, ok = self.render(batch["audio"], settings)
        truth, known = self.render(batch["audio"], batch["settings"])
        good = ok & known
        distance = mrstft(wet[good], truth[good])
        size = int(good.sum())
        still = mrstft(
            peak_normalised(batch["audio"], self.recipe.end_to_end.peak_dbfs)[good], truth[good]
        )
        values = {
            "loss": distance.mean(),
            "untouched": still.mean(),
            "saturated": (saturation(prediction.settings) * self.counted).sum()
            / self.counted.sum().clamp_min(1.0),
        }
        for name, value in values.items():
            self.log(f"valid/{name}", value, batch_size=size, sync_dist=True)
        if batch_idx == 0:
            self._show(batch["audio"], wet, truth, prediction.settings)

    def _show(self, dry: Tensor, wet: Tensor, truth: Tensor, settings: Tensor) -> None:
        """Put the first validation item's sounds and pictures, and settings, into TensorBoard."""
        board: Any = getattr(self.logger, "experiment", None)
        if not hasattr(board, "add_audio"):
            return
        step, rate = self.global_step, self.recipe.data.sample_rate
        for name, sound in (("input", dry), ("prediction", wet), ("truth", truth)):
            mono = sound[0].reshape(-1, sound.shape[-1]).mean(dim=0)
            board.add_audio(f"valid/{name}", mono, step, sample_rate=rate)
            levels = magnitudes(mono[None], 1024, 512)[0].log10().clamp_min(-3.0)
            picture = (levels.flip(0) + 3.0) / (levels.max() + 3.0).clamp_min(1e-3)
            board.add_image(f"valid/{name}", picture[None], step)
        for index, parameter in enumerate(self.spec.parameters):
            if self.counted[index] > 0:
                board.add_histogram(f"settings/{parameter.id}", settings[:, index], step)

    def configure_optimizers(self) -> Any:
        """AdamW over the controller, and the encoder where it is trained."""
        options = self.recipe.end_to_end
        return optimiser(
            nn.ModuleList([self.network, self.encoder]),
            options.optimiser,
            self.steps * max(1, options.epochs),
        )
