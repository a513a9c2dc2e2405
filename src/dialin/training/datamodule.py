"""Features as Lightning takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from lightning.pytorch import LightningDataModule

from dialin.networks.frontend_numpy import FrontEndConfig
from dialin.training.config import DataOptions, LoopOptions
from dialin.training.data import Batches, FeatureSet, build_features

Order = Literal["shuffled", "effects", "groups"]


class FeatureData(LightningDataModule):
    """Training and validation batches of features.

    Parameters
    ----------
    options : DataOptions
    front_end : FrontEndConfig
    loop : LoopOptions
    root : Path
        Where the rendered pairs lie.
    order : {"shuffled", "effects", "groups"}
        See `dialin.training.data.Batches`.
    progress : callable, optional
        Hears how far making features is.
    """

    def __init__(
        self,
        options: DataOptions,
        front_end: FrontEndConfig,
        loop: LoopOptions,
        root: Path,
        *,
        order: Order = "shuffled",
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        super().__init__()
        self.loop, self.order = loop, order
        self.train: FeatureSet = build_features(
            options, front_end, root, "train", progress=progress
        )
        self.valid: FeatureSet = build_features(
            options, front_end, root, "valid", progress=progress
        )
        self.seed = options.seed

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        world = self.loop.devices * self.loop.nodes
        return len(self._train_batches(0, world))

    def train_dataloader(self) -> Batches:
        """Training batches of this process."""
        rank, world = self._rank()
        return self._train_batches(rank, world)

    def val_dataloader(self) -> Batches:
        """Validation batches of this process, always the same."""
        rank, world = self._rank()
        size = min(self.loop.batch, len(self.valid) // world)
        return Batches(
            self.valid,
            size,
            items=self.loop.valid_items,
            order=self.order if self.order == "groups" else "shuffled",
            fixed=True,
            rank=rank,
            world=world,
        )

    def _train_batches(self, rank: int, world: int) -> Batches:
        return Batches(
            self.train,
            self.loop.batch,
            seed=self.seed,
            items=self.loop.items,
            order=self.order,
            rank=rank,
            world=world,
        )

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
