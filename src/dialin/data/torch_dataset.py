"""Pairs on the fly for PyTorch. The only module of this room that imports torch."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch  # type: ignore[import-not-found, unused-ignore]
from torch.utils.data import (  # type: ignore[import-not-found, unused-ignore]
    IterableDataset,
    get_worker_info,
)

from dialin.data.engine import data_pool, in_order
from dialin.data.pairs import Pair, pair_in_worker, write_plan
from dialin.data.recipe import Recipe
from dialin.data.render import make_plan

Item = dict[str, torch.Tensor]


class PairDataset(IterableDataset[Item]):  # type: ignore[misc, unused-ignore]
    """Pairs of a recipe, made while training by a pool of rendering processes.

    The stream is the same for a seed whatever the number of rendering processes. With
    `batch_size` it is also the same whatever the number of loader processes: batches are formed
    here, so use ``DataLoader(dataset, batch_size=None, num_workers=...)``.

    Parameters
    ----------
    recipe : Recipe
    workers : int, optional
        Rendering processes (for each loader process); one a core by default.
    batch_size : int, optional
        Stack this many pairs; single pairs by default.
    epoch : int
        Each epoch of ``recipe.pairs`` has pairs of its own. Set `epoch` before iterating.
    cache : str
        Folder that keeps decoded songs: from the second time on, reading them costs nothing.

    Yields
    ------
    dict of Tensor
        ``input``, ``reference``, ``target``: float32 ``(channels, samples)``, halves of the
        excerpt; ``clean``, ``effected``: the whole excerpt; ``settings``, ``input_settings``:
        ``(parameters,)``, the effect's defaults where nothing was applied; ``applied``,
        ``input_applied``: bool; ``index``: int. Lost pairs are left out.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        workers: int | None = None,
        batch_size: int | None = None,
        epoch: int = 0,
        cache: str = "",
    ) -> None:
        super().__init__()
        self.recipe, self.workers, self.batch_size = recipe, workers, batch_size
        self.epoch, self.cache = epoch, cache
        with data_pool(1) as pool:
            self.plan = make_plan(recipe, pool, cache=cache)

    def __iter__(self) -> Iterator[Item]:
        """Iterate over one epoch, or this loader process's share of it."""
        info = get_worker_info()
        share, shares = (info.id, info.num_workers) if info is not None else (0, 1)
        first = self.epoch * self.recipe.pairs
        group = self.batch_size or 1
        mine = (
            first + index for index in range(self.recipe.pairs) if index // group % shares == share
        )
        with data_pool(self.workers) as pool, tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "plan"
            write_plan(self.plan, path)
            pairs = in_order(pool, pair_in_worker, str(path), self.recipe.effect, mine)
            if self.batch_size is None:
                yield from (self._item(p) for p in pairs if _made(p))
                return
            for batch in iter(lambda: list(itertools.islice(pairs, group)), []):
                items = [self._item(p) for p in batch if _made(p)]
                if items:
                    yield {name: torch.stack([i[name] for i in items]) for name in items[0]}

    def _item(self, pair: Pair) -> Item:
        start, reference, truth = pair.halves()
        default = self.plan.spec.default
        arrays: dict[str, Any] = {
            "input": start,
            "reference": reference,
            "target": truth,
            "clean": pair.audio["clean"],
            "effected": pair.audio["target"],
        }
        item = {k: torch.from_numpy(np.array(v, np.float32)) for k, v in arrays.items()}
        for name, applied in (("settings", "applied"), ("input_settings", "input_applied")):
            values = pair.record[name]
            vector = np.asarray(default if values is None else values, np.float32)
            item[name] = torch.from_numpy(vector.copy())
            item[applied] = torch.tensor(values is not None)
        item["index"] = torch.tensor(pair.record["index"])
        return item


def _made(pair: Any) -> bool:
    return isinstance(pair, Pair) and not pair.record.get("lost")
