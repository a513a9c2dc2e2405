"""Convolutional beta-VAE over spectrogram features.

References
----------
D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational
framework", ICLR 2017 (the weight beta, and why it must be scaled by the sizes of both ends).
D. P. Kingma et al., "Improving variational inference with inverse autoregressive flow", NeurIPS
2016 (free bits).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from dialin.networks.convolutions import Up, halved
from dialin.networks.encoder import ConvolutionalEncoder
from dialin.networks.frontend_numpy import FrontEndConfig

LEAST, MOST = -10.0, 10.0
"""Limits of the log variance: far outside what training finds, well inside float32."""


class Vae(ConvolutionalEncoder):
    """Encoder to mean and log variance, decoder back to features.

    As an encoder (`forward`) it gives the mean.

    Parameters
    ----------
    front_end : FrontEndConfig
    samples : int
        Length of an excerpt.
    dimensions : int
        Of the latent.
    channels : sequence of int
        Of the convolutions, each of which halves bands and frames.
    """

    def __init__(
        self,
        front_end: FrontEndConfig,
        samples: int = 131_072,
        dimensions: int = 64,
        channels: Sequence[int] = (16, 32, 64, 96, 96),
    ) -> None:
        super().__init__(front_end, samples, dimensions, channels)
        self.shape = (front_end.bands, front_end.frames(samples))
        rows, columns = halved(*self.shape, len(self.channels))
        self._inner = (self.channels[-1], rows, columns)
        size = self.channels[-1] * rows * columns
        self.heads = nn.Linear(size, 2 * dimensions)
        self.grow = nn.Linear(dimensions, size)
        self.up = Up(self.channels)
        # The log variance starts near zero and the mean small, so that the divergence does too.
        nn.init.normal_(self.heads.weight, std=0.3 / size**0.5)
        nn.init.zeros_(self.heads.bias)

    def distribution(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each ``(batch, dimensions)``.

        Parameters
        ----------
        features : Tensor, shape (batch, bands, frames)
            From the front end.

        Returns
        -------
        (Tensor, Tensor), shape (batch, dimensions) each
        """
        hidden = self.down(features[:, None])
        mean, log_variance = self.heads(hidden.flatten(1)).chunk(2, dim=1)
        return mean, log_variance.clamp(LEAST, MOST)

    def embed(self, features: Tensor) -> Tensor:
        """Mean of the latent.

        Parameters
        ----------
        features : Tensor, shape (batch, bands, frames)
            From the front end.

        Returns
        -------
        Tensor, shape (batch, dimensions)
        """
        return self.distribution(features)[0]

    def decode(self, latent: Tensor) -> Tensor:
        """Features ``(batch, bands, frames)`` of latents ``(batch, dimensions)``.

        Parameters
        ----------
        latent : Tensor, shape (batch, dimensions)
            Points of the latent.

        Returns
        -------
        Tensor, shape (batch, bands, frames)
        """
        hidden = nn.functional.silu(self.grow(latent)).reshape(-1, *self._inner)
        out: Tensor = self.up(hidden)
        return out[:, 0]
