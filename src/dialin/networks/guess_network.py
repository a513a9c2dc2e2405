"""Networks that guess effects and settings from two recordings, and that judge candidates.

`Trunk` takes what was heard of an input and of a reference to an embedding; from it come
probabilities of effects, one answer, and by `Flow` any number of candidates: a vector of noise is
carried along a learnt velocity to a vector of settings (rectified flow; Liu, Gong and Liu,
"Flow straight and fast", 2023). `Judge` says how far a render of the input is from what the
reference's settings would make of it (its L_d, which nobody can measure), from two differences: of
render and input, and of reference and input. `Risk` says how far two settings sound apart on some
input before anything is rendered, so that of many candidates the most central can be taken.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class GuessSizes:
    """Sizes of the networks.

    Attributes
    ----------
    features : int
        Of one recording.
    peaks : int
        Values that compare two recordings' echoes.
    slots, knobs, orders : int
        Of the vocabulary.
    width, depth : int
        Of the trunk.
    judge : int
        Width of the judge.
    dropout : float
    blocks : tuple of int
        Where blocks of features end whose differences the judge sees as one number each.
    """

    features: int
    peaks: int
    slots: int
    knobs: int
    orders: int
    width: int = 512
    depth: int = 3
    judge: int = 320
    dropout: float = 0.15
    blocks: tuple[int, ...] = ()

    @property
    def vector(self) -> int:
        """Length of a vector of settings."""
        return self.slots + self.knobs + self.orders

    @property
    def known(self) -> int:
        """Length of what is known of a chain: slots allowed and certain, orders and if told."""
        return 2 * self.slots + 2 * self.orders

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


class Scale(nn.Module):
    """Features of input and reference, in units of their deviation; absent ones are 0.

    Parameters
    ----------
    features, peaks : int
    """

    middle: Tensor
    spread: Tensor
    gap: Tensor
    peak_middle: Tensor
    peak_spread: Tensor

    def __init__(self, features: int, peaks: int) -> None:
        super().__init__()
        for name, size in (
            ("middle", features), ("spread", features), ("gap", features),
            ("peak_middle", peaks), ("peak_spread", peaks),
        ):  # fmt: skip
            start = torch.zeros(size) if name.endswith("middle") else torch.ones(size)
            self.register_buffer(name, start)

    def forward(self, input: Tensor, other: Tensor, peaks: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled input, and scaled difference of the other to it with the peaks.

        Parameters
        ----------
        input : Tensor, shape (items, features)
            What was heard of the input.
        other : Tensor, shape (items, features)
            What was heard of the other recording.
        peaks : Tensor, shape (items, peaks)
            Its echoes beyond the input's.

        Returns
        -------
        tuple
        """
        own = self.own(input)
        apart = 6 * torch.tanh((other - input) / self.gap / 6)
        apart = torch.where(torch.isnan(apart), torch.zeros_like(apart), apart)
        tops = 4 * torch.tanh((peaks - self.peak_middle) / self.peak_spread / 4)
        return own, torch.cat([apart, tops], dim=1)

    def own(self, input: Tensor) -> Tensor:
        """Scaled features of the input.

        Parameters
        ----------
        input : Tensor, shape (items, features)
            What was heard of the input.

        Returns
        -------
        Tensor
        """
        own = 4 * torch.tanh((input - self.middle) / self.spread / 4)
        return torch.where(torch.isnan(own), torch.zeros_like(own), own)


class ResidualBlock(nn.Module):
    """Normalise, widen, narrow, add.

    Parameters
    ----------
    width : int
    dropout : float
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape.

        Parameters
        ----------
        x : Tensor, shape (items, width)
            What goes in.

        Returns
        -------
        Tensor
        """
        result: Tensor = x + self.body(x)
        return result


class Trunk(nn.Module):
    """From recordings to an embedding, probabilities and one answer.

    Parameters
    ----------
    sizes : GuessSizes
    """

    def __init__(self, sizes: GuessSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.scale = Scale(sizes.features, sizes.peaks)
        heard = 2 * sizes.features + sizes.peaks + sizes.known
        self.enter = nn.Linear(heard, sizes.width)
        self.blocks = nn.Sequential(
            *(ResidualBlock(sizes.width, sizes.dropout) for _ in range(sizes.depth)),
            nn.LayerNorm(sizes.width),
        )
        self.there = nn.Linear(sizes.width, sizes.slots + sizes.orders)
        self.point = nn.Linear(sizes.width, sizes.knobs)
        self.drop = nn.Dropout(sizes.dropout)

    def forward(
        self, input: Tensor, other: Tensor, peaks: Tensor, known: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Embedding, logits of presences and orders, positions of knobs.

        Parameters
        ----------
        input : Tensor, shape (items, features)
            What was heard of the input.
        other : Tensor, shape (items, features)
            What was heard of the other recording.
        peaks : Tensor, shape (items, peaks)
            Its echoes beyond the input's.
        known : Tensor, shape (items, known)
            What is known of the chain.

        Returns
        -------
        tuple
        """
        own, apart = self.scale(input, other, peaks)
        x = torch.cat([self.drop(own), self.drop(apart), known], dim=1)
        embedding = self.blocks(self.enter(x))
        return embedding, self.there(embedding), torch.sigmoid(self.point(embedding))


class Flow(nn.Module):
    """Velocity that carries noise to settings.

    Parameters
    ----------
    sizes : GuessSizes
    """

    def __init__(self, sizes: GuessSizes) -> None:
        super().__init__()
        width = sizes.width
        self.sizes = sizes
        self.enter = nn.Linear(sizes.vector + 16 + sizes.known, width)
        self.heard = nn.Linear(width, width)
        self.blocks = nn.Sequential(
            *(ResidualBlock(width, 0.0) for _ in range(3)), nn.LayerNorm(width), nn.SiLU()
        )
        self.leave = nn.Linear(width, sizes.vector)

    def forward(self, at: Tensor, time: Tensor, embedding: Tensor, known: Tensor) -> Tensor:
        """Velocity at a place and a time of 0 (noise) to 1 (settings), shape of `at`.

        Parameters
        ----------
        at : Tensor, shape (items, vector)
            Where each is on its way.
        time : Tensor, shape (items,)
            0 (noise) to 1 (settings).
        embedding : Tensor, shape (items, width)
            From the trunk.
        known : Tensor, shape (items, known)
            What is known of the chain.

        Returns
        -------
        Tensor
        """
        turns = time[:, None] * torch.arange(1, 9, device=at.device, dtype=at.dtype) * torch.pi
        clock = torch.cat([torch.sin(turns), torch.cos(turns)], dim=1)
        x = self.enter(torch.cat([at, clock, known], dim=1)) + self.heard(embedding)
        result: Tensor = self.leave(self.blocks(x))
        return result


class Judge(nn.Module):
    """How far a render is from what the reference's settings would make of the input.

    It starts from the distances of render and reference, block by block of features, weighted by
    what the reference sounds like, and adds what its embeddings say.

    Parameters
    ----------
    sizes : GuessSizes
    """

    means: Tensor

    def __init__(self, sizes: GuessSizes) -> None:
        super().__init__()
        width = sizes.judge
        self.scale = Scale(sizes.features, sizes.peaks)
        ends = sizes.blocks or (sizes.features,)
        means = torch.zeros(sizes.features, len(ends))
        start = 0
        for number, end in enumerate(ends):
            means[start:end, number] = 1.0 / (end - start)
            start = end
        self.register_buffer("means", means, persistent=False)
        self.enter = nn.Linear(2 * sizes.features + sizes.peaks, width)
        self.blocks = nn.Sequential(
            *(ResidualBlock(width, sizes.dropout) for _ in range(2)), nn.LayerNorm(width)
        )
        self.weights = nn.Linear(width, len(ends))
        self.compare = nn.Sequential(
            nn.Linear(3 * width + len(ends), width),
            nn.SiLU(),
            nn.Dropout(sizes.dropout),
            nn.Linear(width, 1),
        )
        self.drop = nn.Dropout(sizes.dropout)

    def embed(self, input: Tensor, other: Tensor, peaks: Tensor) -> Tensor:
        """Embedding of the difference of a recording to the input.

        Parameters
        ----------
        input : Tensor, shape (items, features)
            What was heard of the input.
        other : Tensor, shape (items, features)
            What was heard of the other recording.
        peaks : Tensor, shape (items, peaks)
            Its echoes beyond the input's.

        Returns
        -------
        Tensor
        """
        own, apart = self.scale(input, other, peaks)
        x = torch.cat([self.drop(own), self.drop(apart)], dim=1)
        result: Tensor = self.blocks(self.enter(x))
        return result

    def apart(self, render: Tensor, reference: Tensor) -> Tensor:
        """Distance of two recordings in each block, shape (items, blocks).

        Parameters
        ----------
        render : Tensor
            Of the render: features or embedding, a row an item.
        reference : Tensor
            Of the reference, likewise.

        Returns
        -------
        Tensor
        """
        gap = ((render - reference).abs() / self.scale.gap).clamp(max=3.0)
        return torch.where(torch.isnan(gap), torch.zeros_like(gap), gap) @ self.means

    def judge(self, render: Tensor, reference: Tensor, apart: Tensor) -> Tensor:
        """L_d from two embeddings and the distances of blocks, shape (items,).

        Parameters
        ----------
        render : Tensor
            Of the render: features or embedding, a row an item.
        reference : Tensor
            Of the reference, likewise.
        apart : Tensor, shape (items, blocks)
            From `apart`.

        Returns
        -------
        Tensor
        """
        both = torch.cat([reference, (render - reference).abs(), render * reference, apart], dim=1)
        weighted = (nn.functional.softplus(self.weights(reference) - 2.0) * apart).sum(dim=1)
        result: Tensor = nn.functional.softplus(weighted + self.compare(both)[:, 0] - 0.5)
        return result

    def forward(
        self,
        input: Tensor,
        render: Tensor,
        render_peaks: Tensor,
        reference: Tensor,
        reference_peaks: Tensor,
    ) -> Tensor:
        """L_d of a render to what the reference stands for.

        Parameters
        ----------
        input : Tensor, shape (items, features)
            What was heard of the input.
        render : Tensor
            Of the render: features or embedding, a row an item.
        render_peaks : Tensor, shape (items, peaks)
            Echoes of the render beyond the input's.
        reference : Tensor
            Of the reference, likewise.
        reference_peaks : Tensor, shape (items, peaks)
            Echoes of the reference beyond the input's.

        Returns
        -------
        Tensor
        """
        one = self.embed(input, render, render_peaks)
        two = self.embed(input, reference, reference_peaks)
        return self.judge(one, two, self.apart(render, reference))


class Risk(nn.Module):
    """How far two settings sound apart on an input.

    Parameters
    ----------
    sizes : GuessSizes
    """

    def __init__(self, sizes: GuessSizes) -> None:
        super().__init__()
        self.scale = Scale(sizes.features, sizes.peaks)
        self.listen = nn.Sequential(nn.Linear(sizes.features, 64), nn.SiLU())
        self.place = nn.Sequential(
            nn.Linear(sizes.vector + 64, 256), nn.SiLU(), ResidualBlock(256, 0.0), nn.LayerNorm(256)
        )
        self.compare = nn.Sequential(
            nn.Linear(512, 256), nn.SiLU(), nn.Linear(256, 128), nn.SiLU(), nn.Linear(128, 1)
        )

    def forward(self, input: Tensor, one: Tensor, two: Tensor) -> Tensor:
        """L_d of the first to the second, shape (items,).

        Parameters
        ----------
        input : Tensor, shape (items, features)
            What was heard of the input.
        one : Tensor, shape (items, vector)
            Settings, as `spread_vector` gives them.
        two : Tensor, shape (items, vector)
            The others.

        Returns
        -------
        Tensor
        """
        heard = self.listen(self.scale.own(input))
        a = self.place(torch.cat([one, heard], dim=1))
        b = self.place(torch.cat([two, heard], dim=1))
        both = torch.cat([(a - b).abs(), a + b], dim=1)
        result: Tensor = nn.functional.softplus(self.compare(both)[:, 0])
        return result


def spread_vector(vector: Tensor, slots: int, owner: Tensor) -> Tensor:
    """Settings as the flow has them: -1.5 to 1.5, and 0 for knobs of what is not there.

    Parameters
    ----------
    vector : Tensor, shape (items, size)
        As a vocabulary has it.
    slots : int
        Number of slots.
    owner : Tensor, shape (knobs,)
        Slot of each knob.

    Returns
    -------
    Tensor
        Of the same shape.
    """
    there = vector[:, :slots]
    mask = torch.ones_like(vector)
    mask[:, slots : slots + owner.numel()] = there[:, owner]
    return 3.0 * (vector - 0.5) * mask
