"""Batches of items for training, in an order that can be taken up anywhere.

What is trained on is anything that has `Items`: features, embeddings of pairs, or pairs with their
audio. `Batches` walks through them in an order that seed and epoch decide; its position is part of
a checkpoint. `ItemData` is the one data module that Lightning is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, cast

import numpy as np
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor

from dialin.errors import UsageError
from dialin.training.config import LoopOptions

Batch = dict[str, Tensor]
Order = Literal["shuffled", "effects", "groups", "straight"]

GROUP = 4
"""Classes of the same content that are put next to each other."""


class Items(Protocol):
    """What can be trained on: so many items, and tensors of any of them."""

    def __len__(self) -> int: ...

    def batch(self, items: NDArray[np.int64]) -> Batch:
        """Tensors of items.

        Parameters
        ----------
        items : ndarray, int64, shape (items,)
            Indices.

        Returns
        -------
        dict of str to Tensor
            Each with the items first.
        """
        ...


class ClassifiedItems(Items, Protocol):
    """Items that are halves of excerpts, each of a class."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        ...

    @property
    def label(self) -> NDArray[np.int64]:
        """Class of each item."""
        ...

    @property
    def content(self) -> NDArray[np.int64]:
        """Number of each item's excerpt."""
        ...

    @property
    def half(self) -> NDArray[np.int64]:
        """Which half of it: 0 or 1."""
        ...


def _classified(data: Items) -> ClassifiedItems:
    assert hasattr(data, "label"), "this order is one of items that have a class"
    return cast(ClassifiedItems, data)


class Batches:
    """Batches of items, the same for a seed, from any epoch and any batch on.

    Parameters
    ----------
    data : Items
        For the orders ``effects`` and ``groups``, `ClassifiedItems`.
    batch : int
        Items in a batch of one process.
    seed : int
    items : int
        Items of an epoch; 0 for all. Epochs go on where the last one stopped, so that all items
        come up equally often.
    order : {"shuffled", "effects", "groups", "straight"}
        All items mixed; one class an epoch; clips of the same content next to each other (see
        `grouped`); or as they lie.
    fixed : bool
        Every epoch is the first one, as validation needs it.
    rank, world : int
        Which process this is, of how many; each takes every `world`-th batch.
    """

    def __init__(
        self,
        data: Items,
        batch: int,
        *,
        seed: int = 0,
        items: int = 0,
        order: Order = "shuffled",
        fixed: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if len(data) < batch * world:
            raise UsageError(
                f"{len(data)} items are too few for a batch of {batch * world}; render more pairs "
                "or make loop.batch smaller"
            )
        self.data, self.batch, self.seed, self.order = data, batch, seed, order
        self.items = min(items, len(data)) or len(data)
        self.fixed, self.rank, self.world = fixed, rank, world
        self.epoch, self.position = 0, 0

    def __len__(self) -> int:
        """Batches of an epoch, for each process."""
        return self.items // (self.batch * self.world) or 1

    def __iter__(self) -> Iterator[Batch]:
        """Go through the rest of this epoch, then stand at the start of the next."""
        chosen = self.indices(self.epoch)
        for number in range(self.position, len(self)):
            # Moved on before the batch is out: whoever takes the last one may not ask again.
            last = number + 1 == len(self)
            self.epoch += last and not self.fixed
            self.position = 0 if last else number + 1
            start = (number * self.world + self.rank) * self.batch
            yield self.data.batch(chosen[start : start + self.batch])

    def indices(self, epoch: int) -> NDArray[np.int64]:
        """Items of an epoch, in order.

        Parameters
        ----------
        epoch : int
            From 0.

        Returns
        -------
        ndarray, int64, shape (items,)
        """
        if self.order == "effects":
            label = _classified(self.data).label
            kinds = np.unique(label)
            turn, index = divmod(epoch, len(kinds))
            kind = self._generator(1, turn).permutation(kinds)[index]
            items = self._generator(2, epoch).permutation(np.flatnonzero(label == kind))
            return np.resize(items, self.items)
        first, last = epoch * self.items, (epoch + 1) * self.items
        whole = len(self.data)
        turns = range(first // whole, (last - 1) // whole + 1)
        joined = np.concatenate([self._turn(turn) for turn in turns])
        start = first - turns[0] * whole
        return joined[start : start + self.items]

    def _turn(self, turn: int) -> NDArray[np.int64]:
        if self.order == "straight":
            return np.arange(len(self.data))
        if self.order == "groups":
            return grouped(_classified(self.data), self._generator(0, turn))
        return self._generator(0, turn).permutation(len(self.data))

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def state_dict(self) -> dict[str, int]:
        """Where it stands."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where a checkpoint stood.

        Parameters
        ----------
        state : dict of str to int
            What `state_dict` gave.
        """
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


def grouped(data: ClassifiedItems, rng: np.random.Generator) -> NDArray[np.int64]:
    """All items, shuffled in groups of `GROUP` classes of one content, two halves each.

    Within a batch a clip then meets its other half, which is other music with the same processing,
    and clips of the same music with other processing.

    Parameters
    ----------
    data : ClassifiedItems
        Of one split.
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.

    Returns
    -------
    ndarray, int64, shape (items,)
        Indices.
    """
    # Shuffled first, so that which classes meet is chance; then sorted by content, keeping that.
    pairs = rng.permutation(np.unique(data.content * len(data.classes) + data.label))
    contents = pairs // len(data.classes)
    pairs = pairs[np.argsort(contents, kind="stable")]
    starts = np.flatnonzero(np.diff(pairs // len(data.classes), prepend=-1))
    groups = [
        piece
        for block in np.split(pairs, starts[1:])
        for piece in np.split(block, range(GROUP, len(block), GROUP))
    ]
    ordered = np.concatenate([groups[index] for index in rng.permutation(len(groups))])
    key = data.content * len(data.classes) + data.label
    by_key = np.argsort(key * 2 + data.half, kind="stable")
    left = np.searchsorted(key[by_key], ordered, side="left")
    right = np.searchsorted(key[by_key], ordered, side="right")
    return np.concatenate([by_key[a:b] for a, b in zip(left, right, strict=True)])


class ItemData(LightningDataModule):
    """Training and validation batches, as Lightning takes them.

    A set that is too small for a batch gives smaller ones.

    Parameters
    ----------
    train, valid : Items
    loop : LoopOptions
        Items in a batch of one process, of an epoch and of a validation; and how many processes.
    seed : int
        Of the order of training items.
    order : {"shuffled", "effects", "groups"}
        See `Batches`; validation is shuffled once for all, or goes by groups.
    valid_seed : int, default 0
        Decides which items validation takes, where it does not take all.
    """

    def __init__(
        self,
        train: Items,
        valid: Items,
        loop: LoopOptions,
        *,
        seed: int,
        order: Order = "shuffled",
        valid_seed: int = 0,
    ) -> None:
        super().__init__()
        self.train, self.valid, self.loop, self.order = train, valid, loop, order
        self.seed, self.valid_seed = seed, valid_seed

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return len(self._training(0, self.loop.devices * self.loop.nodes))

    def train_dataloader(self) -> Batches:
        """Training batches of this process."""
        return self._training(*self._rank())

    def val_dataloader(self) -> Batches:
        """Validation batches of this process, always the same."""
        rank, world = self._rank()
        return Batches(
            self.valid,
            self._size(self.valid, world),
            seed=self.valid_seed,
            items=self.loop.valid_items,
            order="groups" if self.order == "groups" else "shuffled",
            fixed=True,
            rank=rank,
            world=world,
        )

    def _training(self, rank: int, world: int) -> Batches:
        return Batches(
            self.train,
            self._size(self.train, world),
            seed=self.seed,
            items=self.loop.items,
            order=self.order,
            rank=rank,
            world=world,
        )

    def _size(self, items: Items, world: int) -> int:
        return max(1, min(self.loop.batch, len(items) // world))

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
