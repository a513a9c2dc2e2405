"""Training of the beta-VAE.

The loss of an item is half its squared error for each element of the features plus beta times the
KL divergence in nats, likewise for each element. With beta 1 it is the negative evidence bound of a
decoder with Gaussian noise of unit variance, over the number of elements and up to a constant, so
beta means the same for every size of input and latent (Higgins et al. 2017 divide by both sizes).
"""

from __future__ import annotations

from math import cos, log, pi
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional

from dialin.networks.latent import kl_divergence, sample
from dialin.networks.vae import Vae
from dialin.training.batches import Batch
from dialin.training.config import VaeOptions, VaeRecipe
from dialin.training.loop import optimiser

POOLINGS = (1, 2, 4, 8)


def beta_at(options: VaeOptions, epoch: float) -> float:
    """Beta at a (fractional) epoch.

    >>> [round(beta_at(VaeOptions(beta=1.0, period=4), e), 2) for e in (0, 1, 2, 3, 4, 5)]
    [0.0, 0.5, 1.0, 1.0, 0.0, 0.5]

    Parameters
    ----------
    options : VaeOptions
        Of the VAE.
    epoch : float
        From 0.

    Returns
    -------
    float
        0 to `options.beta`.
    """
    if options.schedule == "constant":
        return options.beta
    if options.schedule == "linear":
        return options.beta * min(1.0, epoch / options.period)
    fraction = min(1.0, 2.0 * (epoch % options.period) / options.period)
    return options.beta * 0.5 * (1.0 - cos(pi * fraction))


def reconstruction_error(wanted: Tensor, decoded: Tensor, kind: str) -> Tensor:
    """Error for each element, the mean over the batch; features ``(batch, bands, frames)``.

    Parameters
    ----------
    wanted : Tensor, shape (batch, bands, frames)
        Features.
    decoded : Tensor, shape (batch, bands, frames)
        What the decoder gave.
    kind : str
        ``mse``, or anything else for the mean over several poolings.

    Returns
    -------
    Tensor, shape ()
    """
    if kind == "mse":
        return functional.mse_loss(decoded, wanted)
    errors = [
        functional.mse_loss(
            functional.avg_pool2d(decoded[:, None], size),
            functional.avg_pool2d(wanted[:, None], size),
        )
        for size in POOLINGS
    ]
    return torch.stack(errors).mean()


class VaeTraining(LightningModule):
    """The beta-VAE in training.

    Parameters
    ----------
    recipe : VaeRecipe
    steps : int
        Steps of an epoch, which schedules are measured in.
    """

    def __init__(self, recipe: VaeRecipe, steps: int) -> None:
        super().__init__()
        self.recipe, self.steps = recipe, steps
        options = recipe.model
        torch.manual_seed(recipe.seed)
        self.network = Vae(
            recipe.front_end, recipe.data.samples, options.dimensions, options.channels
        )

    def losses(
        self, features: Tensor, beta: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Loss and its terms: ``error``, and ``divergence`` in nats for each item.

        Parameters
        ----------
        features : Tensor, shape (batch, bands, frames)
            From the front end.
        beta : float
            Weight of the divergence.
        generator : Generator
            Source of the latent's noise.

        Returns
        -------
        dict of str to Tensor
            By name; ``loss`` is what is trained by.
        """
        options = self.recipe.model
        mean, log_variance = self.network.distribution(features)
        decoded = self.network.decode(sample(mean, log_variance, generator))
        error = reconstruction_error(features, decoded, options.reconstruction)
        # Averaged over the batch before the floor, so that a dimension is free, not an item.
        each = kl_divergence(mean, log_variance).mean(dim=0)
        charged = each.clamp(min=options.free_bits * log(2.0)).sum()
        elements = features[0].numel()
        loss = 0.5 * error + beta * charged / elements
        return {"loss": loss, "error": error, "divergence": each.sum()}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step.

        Parameters
        ----------
        batch : Batch
            Tensors of some items, from `dialin.training.batches.Batches`.
        batch_idx : int
            Number of the batch in its epoch.

        Returns
        -------
        Tensor, shape ()
            Loss.
        """
        step = self.global_step
        beta = beta_at(self.recipe.model, step / self.steps)
        losses = self.losses(batch["features"], beta, self._noise(step))
        self.log_dict({f"train/{name}": value.detach() for name, value in losses.items()})
        self.log("train/beta", beta)
        return losses["loss"]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the losses on other songs.

        Parameters
        ----------
        batch : Batch
            Tensors of some items, from `dialin.training.batches.Batches`.
        batch_idx : int
            Number of the batch in its epoch.
        """
        for name, value in self.validation_losses(batch, batch_idx).items():
            self.log(f"valid/{name}", value, batch_size=len(batch["features"]), sync_dist=True)

    def validation_losses(self, batch: Batch, number: int) -> dict[str, Tensor]:
        """The same noise each time, and beta at its full value, so that epochs compare.

        Parameters
        ----------
        batch : Batch
            Tensors of some items, from `dialin.training.batches.Batches`.
        number : int
            Number of the batch in its epoch, which decides the noise.

        Returns
        -------
        dict of str to Tensor
            By name.
        """
        return self.losses(batch["features"], self.recipe.model.beta, self._noise(-1 - number))

    def configure_optimizers(self) -> Any:
        """AdamW."""
        return optimiser(self, self.recipe.optimiser, self.steps * self.recipe.loop.epochs)

    def _noise(self, step: int) -> torch.Generator:
        # Decided by the step alone, so that a resumed run draws what the unbroken one does.
        seed = hash((self.recipe.seed, self.global_rank, step)) & 0x7FFFFFFFFFFFFFFF
        return torch.Generator(self.device).manual_seed(seed)
