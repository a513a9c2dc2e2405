"""An encoder that is trained to recognise processing rather than to reconstruct.

Convolutions over the spectrogram, then mean and deviation over time: where in the excerpt
something happened is dropped, how the sound is coloured and how it moves is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from dialin.networks.convolutions import StatisticsPooling, halved
from dialin.networks.encoder import ConvolutionalEncoder
from dialin.networks.frontend_numpy import FrontEndConfig


class PooledEncoder(ConvolutionalEncoder):
    """From waveforms to vectors that say how they were processed.

    Parameters
    ----------
    front_end : FrontEndConfig
    samples : int
        Length of an excerpt.
    dimensions : int
    channels : sequence of int
        Of the convolutions, each of which halves bands and frames.
    """

    def __init__(
        self,
        front_end: FrontEndConfig,
        samples: int = 131_072,
        dimensions: int = 64,
        channels: Sequence[int] = (16, 32, 64, 96, 128),
    ) -> None:
        super().__init__(front_end, samples, dimensions, channels)
        rows, _ = halved(front_end.bands, front_end.frames(samples), len(self.channels))
        size = 2 * self.channels[-1] * rows
        self.head = nn.Sequential(
            StatisticsPooling(),
            nn.Linear(size, 2 * dimensions),
            nn.LayerNorm(2 * dimensions),
            nn.SiLU(),
            nn.Linear(2 * dimensions, dimensions),
        )

    def embed(self, features: Tensor) -> Tensor:
        """Embeddings, ``(batch, dimensions)``.

        Parameters
        ----------
        features : Tensor, shape (batch, bands, frames)
            From the front end.

        Returns
        -------
        Tensor, shape (batch, dimensions)
        """
        out: Tensor = self.head(self.down(features[:, None]))
        return out
