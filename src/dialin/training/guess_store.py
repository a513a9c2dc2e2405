"""Examples of guessing networks on the device that learns from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from dialin.matching.guessing.guess_vocabulary import Vocabulary
from dialin.training.guess_group import VARIANTS, Group

MOST = 20_000
"""Groups that are kept, at most."""

ROWS = ("inputs", "renders", "peaks", "vectors", "distances", "usual")
"""What a store holds of each group."""


class GroupStore:
    """Groups on the device.

    Parameters
    ----------
    vocabulary : Vocabulary
    features, peaks : int
    device : str
    most : int
        Groups, at most.
    """

    def __init__(
        self, vocabulary: Vocabulary, features: int, peaks: int, device: str, most: int = MOST
    ) -> None:
        def make(*shape: int) -> Tensor:
            return torch.zeros(most, *shape, dtype=torch.float16, device=device)

        self.inputs = make(2, features)
        self.renders = make(VARIANTS, 2, features)
        self.peaks = make(VARIANTS + 1, 2, 2, peaks)
        self.vectors = make(VARIANTS, vocabulary.size)
        self.distances = make(2, VARIANTS + 1, VARIANTS + 1)
        self.usual = torch.zeros(most, dtype=torch.bool, device=device)
        self.count, self.most = 0, most

    def add(self, groups: Sequence[Group]) -> None:
        """Add groups, as many as there is room for.

        Parameters
        ----------
        groups : sequence of Group
            What to add.
        """
        groups = groups[: self.most - self.count]
        if not groups:
            return
        span = slice(self.count, self.count + len(groups))
        for name in ROWS:
            rows = np.stack([getattr(g, name) for g in groups])
            getattr(self, name)[span] = torch.from_numpy(rows).to(self.inputs.device)
        self.count += len(groups)

    def rows(self, first: int) -> dict[str, Tensor]:
        """Groups from one on, to be kept.

        Parameters
        ----------
        first : int
            Of them.

        Returns
        -------
        dict of str to Tensor
        """
        return {name: getattr(self, name)[first : self.count].cpu().clone() for name in ROWS}

    def add_rows(self, rows: Mapping[str, Tensor]) -> None:
        """Add what `rows` gave, as much as there is room for.

        Parameters
        ----------
        rows : mapping of str to Tensor
            Of a store of the same vocabulary.

        Raises
        ------
        ValueError
            If they are groups of another vocabulary or of other features.
        """
        room = self.most - self.count
        for name in ROWS:
            kept, own = rows[name][:room], getattr(self, name)
            if kept.shape[1:] != own.shape[1:]:
                raise ValueError(f"{name} has shape {tuple(kept.shape)}, not {tuple(own.shape)}")
            own[self.count : self.count + len(kept)] = kept.to(own.device)
        self.count += min(room, len(rows["usual"]))
