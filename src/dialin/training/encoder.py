"""Training of the encoder that recognises processing.

Three losses share the embedding: cross-entropy of the effect's identity; squared error of its
settings over the variance of uniform ones (so 1 is what a constant scores); and a contrast of
projections, where a clip must find the other half of its excerpt, other music with the same
processing, among clips of the same music processed otherwise and all others of the batch.

References
----------
P. Khosla et al., "Supervised contrastive learning", NeurIPS 2020, equation 2.
C. J. Steinmetz et al., "ST-ITO: controlling audio effects for style transfer with inference-time
optimization", ISMIR 2024 (embeddings from effect and preset classification).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional

from dialin.networks.pooled_encoder import PooledEncoder
from dialin.training.batches import Batch
from dialin.training.config import EncoderRecipe
from dialin.training.data import CLEAN
from dialin.training.loop import optimiser

UNIFORM_VARIANCE = 1.0 / 12.0


class EncoderTraining(LightningModule):
    """The encoder in training, with the heads that are dropped afterwards.

    Parameters
    ----------
    recipe : EncoderRecipe
    steps : int
        Steps of an epoch.
    classes : sequence of str
        Effects, as the data names them.
    knobs : sequence of sequence of str
        Varied parameters of each.
    """

    def __init__(
        self,
        recipe: EncoderRecipe,
        steps: int,
        classes: Sequence[str],
        knobs: Sequence[Sequence[str]],
    ) -> None:
        super().__init__()
        self.recipe, self.steps = recipe, steps
        options = recipe.model
        torch.manual_seed(recipe.seed)
        self.network = PooledEncoder(
            recipe.front_end, recipe.data.samples, options.dimensions, options.channels
        )
        size = options.dimensions
        self.effect = nn.Linear(size, len(classes))
        self.width = max(1, *(len(k) for k in knobs))
        # A head for each effect: the same number means other things on other effects.
        self.knobs = nn.Sequential(
            nn.Linear(size, 2 * size), nn.SiLU(), nn.Linear(2 * size, len(classes) * self.width)
        )
        self.projection = nn.Sequential(nn.Linear(size, size), nn.SiLU(), nn.Linear(size, size))
        self.clean = list(classes).index(CLEAN) if CLEAN in classes else -1

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Loss, its terms, and the share of effects recognised.

        Parameters
        ----------
        batch : Batch
            Tensors of some items, from `dialin.training.batches.Batches`.

        Returns
        -------
        dict of str to Tensor
            By name; ``loss`` is what is trained by.
        """
        options = self.recipe.model
        embedding = self.network.embed(batch["features"])
        label, wanted = batch["label"], batch["settings"]
        logits = self.effect(embedding)
        effect = functional.cross_entropy(logits, label)
        knobs = self.knobs(embedding).reshape(len(label), -1, self.width)
        predicted = knobs[torch.arange(len(label), device=label.device), label].sigmoid()
        there = ~wanted.isnan()
        apart = torch.where(there, predicted - wanted.nan_to_num(), 0.0).square().sum()
        settings = apart / there.sum().clamp(min=1) / UNIFORM_VARIANCE
        contrast = supervised_contrast(
            self.projection(embedding), self._alike(batch), options.temperature
        )
        loss = (
            options.effect_weight * effect
            + options.settings_weight * settings
            + options.contrast_weight * contrast
        )
        right = (logits.argmax(dim=1) == label).float().mean()
        return {
            "loss": loss,
            "effect": effect,
            "settings": settings,
            "contrast": contrast,
            "recognised": right,
        }

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
        losses = self.losses(batch)
        self.log_dict({f"train/{name}": value.detach() for name, value in losses.items()})
        return losses["loss"]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The same losses on other songs.

        Parameters
        ----------
        batch : Batch
            Tensors of some items, from `dialin.training.batches.Batches`.
        batch_idx : int
            Number of the batch in its epoch.
        """
        for name, value in self.validation_losses(batch, batch_idx).items():
            self.log(f"valid/{name}", value, batch_size=len(batch["label"]), sync_dist=True)

    def validation_losses(self, batch: Batch, number: int) -> dict[str, Tensor]:
        """Losses of a batch of validation.

        Parameters
        ----------
        batch : Batch
            Tensors of some items, from `dialin.training.batches.Batches`.
        number : int
            Number of the batch in its epoch; not used.

        Returns
        -------
        dict of str to Tensor
            By name.
        """
        return self.losses(batch)

    def configure_optimizers(self) -> Any:
        """AdamW."""
        return optimiser(self, self.recipe.optimiser, self.steps * self.recipe.loop.epochs)

    def _alike(self, batch: Batch) -> Tensor:
        """Which clips of a batch have the same processing, ``(batch, batch)``."""
        label, content = batch["label"], batch["content"]
        same_effect = label[:, None] == label
        # Settings belong to a pair; untouched clips are alike whatever they are of.
        same_pair = content[:, None] == content
        return same_effect & (same_pair | (label == self.clean)[:, None])


def supervised_contrast(vectors: Tensor, alike: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, equation 2), in nats.

    Parameters
    ----------
    vectors : Tensor, shape (batch, dimensions)
        Scaled to unit length here.
    alike : Tensor, bool, shape (batch, batch)
        Which belong together; the diagonal does not count.
    temperature : float
        What similarities are divided by.

    Returns
    -------
    Tensor
        Mean over those that have a fellow in the batch; 0 where none has.
    """
    unit = functional.normalize(vectors, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    scores = (unit @ unit.T / temperature).masked_fill(itself, float("-inf"))
    shares = scores - scores.logsumexp(dim=1, keepdim=True)
    fellows = alike & ~itself
    count = fellows.sum(dim=1)
    each = -torch.where(fellows, shares, 0.0).sum(dim=1) / count.clamp(min=1)
    return each.sum() / (count > 0).sum().clamp(min=1)
