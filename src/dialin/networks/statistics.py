"""An encoder that needs no training: statistics of spectrum, movement and amplitude.

What a trained encoder is compared with, and what a new effect can be learned on at once. For each
band the mean, deviation, skewness and mean step over time of its level; for the whole how
fast its level moves (autocorrelation at a few lags) and how amplitudes are spread (share of samples
beyond multiples of the RMS), which tells clipping and compression.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dialin.errors import UsageError
from dialin.networks.encoder import EncoderModule, as_excerpts
from dialin.networks.frontend_numpy import SILENCE, FrontEndConfig

LAGS = (1, 2, 4, 8, 16, 32)
MULTIPLES = tuple(0.1 * 1.35**n for n in range(14))
"""Of the RMS: 0.1 to 5."""


class StatisticsEncoder(EncoderModule):
    """Statistics of an excerpt as its embedding.

    Parameters
    ----------
    front_end : FrontEndConfig
    samples : int
        Length of an excerpt.
    """

    def __init__(self, front_end: FrontEndConfig, samples: int = 131_072) -> None:
        if front_end.frames(samples) <= max(LAGS):
            raise UsageError(
                f"statistics of the spectrum need more than {max(LAGS)} frames; "
                f"data.samples = {samples} with front_end.hop = {front_end.hop} gives "
                f"{front_end.frames(samples)}"
            )
        size = 4 * front_end.bands + len(LAGS) + len(MULTIPLES) + 1
        super().__init__(front_end, samples, size)

    def forward(self, audio: Tensor) -> Tensor:
        """Embeddings ``(batch, dimensions)`` of waveforms ``(batch, samples)``, any length.

        Parameters
        ----------
        audio : Tensor, shape (batch, samples)
            Waveforms at the front end's rate.

        Returns
        -------
        Tensor, shape (batch, dimensions)
        """
        if audio.shape[1] == self.samples:
            return torch.cat([self.embed(self.front_end(audio)), self._spread(audio)], dim=1)
        excerpts = as_excerpts(audio, self.samples)
        batch, count, samples = excerpts.shape
        flat = excerpts.reshape(batch * count, samples)
        vectors = torch.cat([self.embed(self.front_end(flat)), self._spread(flat)], dim=1)
        return vectors.reshape(batch, count, -1).mean(dim=1)

    def embed(self, features: Tensor) -> Tensor:
        """Statistics of features ``(batch, bands, frames)``.

        Parameters
        ----------
        features : Tensor, shape (batch, bands, frames)
            From the front end.

        Returns
        -------
        Tensor, shape (batch, 4 * bands + lags)
        """
        mean = features.mean(dim=2)
        centred = features - mean[:, :, None]
        deviation = (centred.square().mean(dim=2) + 1e-6).sqrt()
        skew = (centred / deviation[:, :, None]).pow(3).mean(dim=2)
        step = (features[:, :, 1:] - features[:, :, :-1]).abs().mean(dim=2)
        level = centred.mean(dim=1)
        energy = level.square().mean(dim=1, keepdim=True) + 1e-6
        frames = level.shape[1]
        lags = [
            (level[:, lag:] * level[:, : frames - lag]).mean(dim=1, keepdim=True) / energy
            for lag in LAGS
        ]
        return torch.cat([mean, deviation, skew, step, *lags], dim=1)

    def _spread(self, audio: Tensor) -> Tensor:
        rms = audio.square().mean(dim=1, keepdim=True).sqrt() + SILENCE
        ratio = audio.abs() / rms
        shares = [(ratio > multiple).to(audio.dtype).mean(dim=1) for multiple in MULTIPLES]
        crest = (ratio.amax(dim=1) + 1e-3).log()
        return torch.stack([*shares, crest], dim=1)
