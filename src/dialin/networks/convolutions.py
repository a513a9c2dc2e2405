"""Stacks of convolutions over spectrograms."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dialin.errors import RecipeError


def norm(channels: int) -> nn.Module:
    """Normalisation over groups of channels: the same for every batch size, and while training.

    Parameters
    ----------
    channels : int
        Number of channels.

    Returns
    -------
    Module
    """
    groups = max(g for g in (8, 6, 4, 3, 2, 1) if channels % g == 0)
    return nn.GroupNorm(groups, channels)


def down(channels: Sequence[int]) -> nn.Sequential:
    """Convolutions that each halve both axes; input ``(batch, 1, bands, frames)``.

    Parameters
    ----------
    channels : sequence of int
        After each convolution.

    Returns
    -------
    Sequential
    """
    layers: list[nn.Module] = []
    before = 1
    for index, after in enumerate(channels):
        size = 5 if index == 0 else 3
        layers += [nn.Conv2d(before, after, size, stride=2, padding=size // 2)]
        layers += [norm(after), nn.SiLU()]
        before = after
    return nn.Sequential(*layers)


class Up(nn.Module):
    """The mirror of `down`: transposed convolutions that each double both axes.

    Parameters
    ----------
    channels : sequence of int
        After each convolution of `down`; used backwards.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip(channels[:0:-1], channels[-2::-1], strict=True):
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
            layers += [norm(after), nn.SiLU()]
        self.hidden = nn.Sequential(*layers)
        self.last = nn.ConvTranspose2d(channels[0], 1, 4, stride=2, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Spectrograms ``(batch, 1, bands, frames)``.

        Parameters
        ----------
        hidden : Tensor, shape (batch, channels, bands, frames)
            From the layers before.

        Returns
        -------
        Tensor, shape (batch, 1, bands, frames)
            Twice as large for each layer.
        """
        out: Tensor = self.last(self.hidden(hidden))
        return out


def halved(bands: int, frames: int, times: int) -> tuple[int, int]:
    """Size after `times` halvings, which must come out even.

    Parameters
    ----------
    bands : int
        Height of the spectrogram.
    frames : int
        Its width.
    times : int
        How often both are halved.

    Returns
    -------
    (int, int)
        Height and width.

    Raises
    ------
    RecipeError
        If an axis cannot be halved so often.
    """
    factor = 2**times
    if bands % factor or frames % factor:
        raise RecipeError(
            f"{bands} bands and {frames} frames cannot be halved {times} times; choose multiples "
            f"of {factor}, or fewer model.channels"
        )
    return bands // factor, frames // factor


class StatisticsPooling(nn.Module):
    """Mean and deviation over time, ``(batch, channels, bands, frames)`` to twice the rest."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Statistics, ``(batch, 2 * channels * bands)``.

        Parameters
        ----------
        hidden : Tensor, shape (batch, channels, bands, frames)
            From the layers before.

        Returns
        -------
        Tensor, shape (batch, 2 * channels * bands)
        """
        flat = hidden.flatten(1, 2)
        mean = flat.mean(dim=2)
        variance = (flat - mean[:, :, None]).square().mean(dim=2)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)
