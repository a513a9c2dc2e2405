"""What every encoder offers, and the excerpts it is given.

An encoder is trained on excerpts of one length. `as_excerpts` brings any other length to it:
longer audio is cut into overlapping excerpts whose embeddings are averaged, shorter audio repeats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from dialin.networks.convolutions import down
from dialin.networks.excerpts import starts
from dialin.networks.frontend import FrontEnd
from dialin.networks.frontend_numpy import FrontEndConfig


@runtime_checkable
class Encoder(Protocol):
    """From waveforms to vectors that say what they sound like.

    Attributes
    ----------
    sample_rate : int
        In hertz; whoever calls resamples.
    dimensions : int
        Length of a vector.
    samples : int
        Length of the excerpts it was trained on.
    """

    sample_rate: int
    dimensions: int
    samples: int

    def __call__(self, audio: Tensor) -> Tensor:
        """Embeddings ``(batch, dimensions)`` of waveforms ``(batch, samples)``, any length."""
        ...


class EncoderModule(nn.Module):
    """Base of encoders: excerpts, front end, then `embed` of the features.

    Parameters
    ----------
    front_end : FrontEndConfig
    samples : int
        Length of an excerpt.
    dimensions : int
    """

    def __init__(self, front_end: FrontEndConfig, samples: int, dimensions: int) -> None:
        super().__init__()
        self.front_end = FrontEnd(front_end)
        self.samples, self.dimensions = samples, dimensions
        self.sample_rate = front_end.sample_rate

    @property
    def options(self) -> dict[str, Any]:
        """Arguments that make this network again, besides the front end."""
        return {"samples": self.samples}

    @classmethod
    def make(cls, front_end: FrontEndConfig, options: Mapping[str, Any]) -> Self:
        """Make the network that `options` describes.

        Parameters
        ----------
        front_end : FrontEndConfig
            What decides features.
        options : mapping
            As the class's ``options`` gives them.

        Returns
        -------
        Self
        """
        return cls(front_end, **options)

    def forward(self, audio: Tensor) -> Tensor:
        """Embeddings ``(batch, dimensions)`` of waveforms ``(batch, samples)``, any length.

        Parameters
        ----------
        audio : Tensor, shape (batch, samples)
            Waveforms at the front end's rate.

        Returns
        -------
        Tensor, shape (batch, dimensions)
            Mean over excerpts where the audio is longer than one.
        """
        if audio.shape[1] == self.samples:
            return self.embed(self.front_end(audio))
        excerpts = as_excerpts(audio, self.samples)
        batch, count, samples = excerpts.shape
        vectors = self.embed(self.front_end(excerpts.reshape(batch * count, samples)))
        return vectors.reshape(batch, count, -1).mean(dim=1)

    def embed(self, features: Tensor) -> Tensor:
        """Embeddings of features ``(batch, bands, frames)`` of excerpts.

        Parameters
        ----------
        features : Tensor, shape (batch, bands, frames)
            From the front end.

        Returns
        -------
        Tensor, shape (batch, dimensions)
        """
        raise NotImplementedError


class ConvolutionalEncoder(EncoderModule):
    """Base of encoders that begin with convolutions, each of which halves bands and frames.

    Parameters
    ----------
    front_end : FrontEndConfig
    samples : int
        Length of an excerpt.
    dimensions : int
    channels : sequence of int
        Of the convolutions.
    """

    def __init__(
        self, front_end: FrontEndConfig, samples: int, dimensions: int, channels: Sequence[int]
    ) -> None:
        super().__init__(front_end, samples, dimensions)
        self.channels = tuple(channels)
        self.down = down(self.channels)

    @property
    def options(self) -> dict[str, Any]:
        """See `EncoderModule.options`."""
        more = {"dimensions": self.dimensions, "channels": list(self.channels)}
        return super().options | more


def as_excerpts(audio: Tensor, samples: int) -> Tensor:
    """Waveforms ``(batch, any)`` as excerpts ``(batch, count, samples)``.

    Parameters
    ----------
    audio : Tensor, shape (batch, samples)
        Waveforms at the front end's rate.
    samples : int
        Of an excerpt.

    Returns
    -------
    Tensor, shape (batch, count, samples)
        Shorter audio is repeated.
    """
    if audio.shape[1] < samples:
        return audio.repeat(1, -(-samples // audio.shape[1]))[:, None, :samples]
    first = starts(audio.shape[1], samples)
    return torch.stack([audio[:, start : start + samples] for start in first], dim=1)
