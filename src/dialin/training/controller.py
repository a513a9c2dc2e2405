"""Training of a controller by parameter loss: cheap, from rendered pairs and kept embeddings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor

from dialin.networks.controller import Controller, saturation
from dialin.networks.controller_options import ControllerConfig, NetworkOptions
from dialin.networks.latent import kl_divergence
from dialin.training.batches import Batch
from dialin.training.controller_recipe import ControllerRecipe
from dialin.training.loop import optimiser
from dialin.training.pairs import PairSet

VARIED = 1e-3
"""Deviation of a knob in the training set above which it counts as varied."""


@dataclass(frozen=True)
class PairItems:
    """Pairs as `dialin.training.batches.Batches` takes them: embeddings and settings.

    Attributes
    ----------
    pairs : PairSet
        What is trained with.
    """

    pairs: PairSet

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
            ``inputs`` and ``settings``.
        """
        return {"inputs": self.pairs.inputs(items), "settings": self.pairs.truth(items)}


def counted_knobs(pairs: PairSet) -> NDArray[np.bool_]:
    """Which knobs are live and were varied in the pairs.

    Parameters
    ----------
    pairs : PairSet
        What it is trained with.

    Returns
    -------
    ndarray, bool, shape (knobs,)
    """
    live = np.array([p.status == "live" for p in pairs.spec.parameters], dtype=bool)
    varied: NDArray[np.bool_] = live & (pairs.settings.std(axis=0) > VARIED)
    return varied


def network_config(recipe: ControllerRecipe, pairs: PairSet) -> ControllerConfig:
    """Configuration of the network that a recipe asks for on these pairs.

    Parameters
    ----------
    recipe : ControllerRecipe
        Of the controller.
    pairs : PairSet
        What it is trained with.

    Returns
    -------
    ControllerConfig
    """
    chosen = {f.name: getattr(recipe.model, f.name) for f in fields(NetworkOptions)}
    return ControllerConfig(
        knobs=pairs.spec.size,
        embedding=pairs.embeddings.shape[-1],
        timbre=pairs.timbre.shape[-1],
        time=pairs.time.shape[-1],
        **chosen,
    )


class ControllerTraining(LightningModule):
    """A controller in training.

    Parameters
    ----------
    recipe : ControllerRecipe
    pairs : PairSet
        The training set, whose embeddings decide how inputs are standardised.
    steps : int
        Of an epoch.

    Notes
    -----
    Logged at validation: the loss, the mean absolute error of the knobs that count (``error``),
    that of each knob, the share of predictions at an end of a knob's travel (``saturated``), and
    the KL divergence in nats.
    """

    counted: Tensor

    def __init__(self, recipe: ControllerRecipe, pairs: PairSet, steps: int) -> None:
        super().__init__()
        self.recipe, self.steps, self.spec = recipe, steps, pairs.spec
        torch.manual_seed(recipe.seed)
        self.network = Controller(network_config(recipe, pairs))
        self.network.standardise(pairs.inputs(np.arange(len(pairs))))
        counted = torch.from_numpy(counted_knobs(pairs).astype(np.float32))
        self.register_buffer("counted", counted, persistent=False)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step. Dropout and the latent's noise depend on the step alone.

        Parameters
        ----------
        batch : dict of str to Tensor
            Tensors of some items.
        batch_idx : int
            Number of the batch in its epoch.

        Returns
        -------
        Tensor, shape ()
            Loss.
        """
        torch.manual_seed(
            hash((self.recipe.seed, self.global_rank, self.global_step)) & (2**63 - 1)
        )
        prediction = self.network(batch["inputs"])
        loss = self.network.loss(prediction, batch["settings"], self.counted).mean()
        divergence = kl_divergence(prediction.mean, prediction.log_variance).sum(dim=1).mean()
        self.log_dict({"train/loss": loss.detach(), "train/divergence": divergence.detach()})
        return loss + self.recipe.model.beta * divergence

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Without noise.

        Parameters
        ----------
        batch : dict of str to Tensor
            Tensors of some items.
        batch_idx : int
            Number of the batch in its epoch.
        """
        prediction = self.network(batch["inputs"])
        size = len(prediction.settings)
        loss = self.network.loss(prediction, batch["settings"], self.counted).mean()
        gap = (prediction.settings - batch["settings"]).abs().mean(dim=0)
        ends = saturation(prediction.settings)
        values = {
            "loss": loss,
            "error": (gap * self.counted).sum() / self.counted.sum().clamp_min(1.0),
            "saturated": (ends * self.counted).sum() / self.counted.sum().clamp_min(1.0),
            "divergence": kl_divergence(prediction.mean, prediction.log_variance).sum(dim=1).mean(),
        }
        for index, parameter in enumerate(self.spec.parameters):
            if self.counted[index] > 0:
                values[f"error/{parameter.id}"] = gap[index]
        for name, value in values.items():
            self.log(f"valid/{name}", value, batch_size=size, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """AdamW."""
        return optimiser(self, self.recipe.optimiser, self.steps * self.recipe.loop.epochs)
