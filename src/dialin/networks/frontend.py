"""Front end in torch: from a waveform to what networks see, differentiable and exportable.

The conventions and options are those of `frontend_numpy`, its twin; a test holds them together.
The spectrum is `torch.stft`'s where torch runs. Where it is exported (`FrontEnd.exportable`) it is
made of products with small matrices, which every ONNX runtime has: a transform of length ``P Q`` as
P-point and Q-point ones with a twist between (J. W. Cooley, J. W. Tukey, 1965), an eighth of the
work of one large matrix and a hundredth of its size.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from dialin.networks.frontend_numpy import SILENCE, FrontEndConfig, band_weights, window


class FrontEnd(nn.Module):
    """Features of waveforms.

    Parameters
    ----------
    config : FrontEndConfig

    Attributes
    ----------
    exportable : bool
        Compute the spectrum by products of matrices, as ONNX needs it.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        self.config = config
        self.exportable = False
        # Not part of the weights: the configuration decides them.
        self.register_buffer("window", torch.from_numpy(window(config.fft).copy()), False)
        self.register_buffer("bands", torch.from_numpy(band_weights(config).copy()), False)

    def forward(self, audio: Tensor) -> Tensor:
        """Features ``(batch, bands, frames)`` of waveforms ``(batch, samples)``.

        Parameters
        ----------
        audio : Tensor, shape (batch, samples)
            At the front end's rate, at least one hop long.

        Returns
        -------
        Tensor, shape (batch, bands, frames)
            About zero mean and unit variance for music.
        """
        if self.config.level == "rms":
            audio = audio / (audio.square().mean(dim=1, keepdim=True).sqrt() + SILENCE)
        margin = (self.config.fft - self.config.hop) // 2
        padded = nn.functional.pad(audio, (margin, margin))
        power = self._multiplied(padded) if self.exportable else self._transformed(padded)
        levels = 10.0 * torch.log10(torch.matmul(self.bands, power) + self.config.floor)
        return (levels - self.config.mean_db) / self.config.scale_db

    def _transformed(self, audio: Tensor) -> Tensor:
        fft, hop = self.config.fft, self.config.hop
        spectrum = torch.stft(
            audio, fft, hop, window=self.window, center=False, return_complex=True
        )
        return spectrum.real.square() + spectrum.imag.square()

    def _multiplied(self, audio: Tensor) -> Tensor:
        fft, hop = self.config.fft, self.config.hop
        overlap, rest = divmod(fft, hop)
        frames = (audio.shape[1] - fft) // hop + 1
        if rest:
            view = torch.stack([audio[:, i * hop : i * hop + fft] for i in range(frames)], dim=1)
        else:
            hops = audio[:, : (frames + overlap - 1) * hop].reshape(audio.shape[0], -1, hop)
            view = torch.cat([hops[:, i : i + frames] for i in range(overlap)], dim=2)
        rows, columns = factors(fft)
        first, twist, second = (m.to(audio) for m in dft_matrices(rows, columns))
        # n = columns n1 + n2 and k = k1 + rows k2; the sums run over n1, then over n2.
        grid = (view * self.window).reshape(*view.shape[:2], rows, columns)
        real, imaginary = torch.matmul(first[0], grid), torch.matmul(first[1], grid)
        real, imaginary = (
            real * twist[0] - imaginary * twist[1],
            real * twist[1] + imaginary * twist[0],
        )
        real, imaginary = (
            torch.matmul(real, second[0]) - torch.matmul(imaginary, second[1]),
            torch.matmul(real, second[1]) + torch.matmul(imaginary, second[0]),
        )
        power = (real.square() + imaginary.square()).transpose(2, 3).flatten(2)
        return power[:, :, : 1 + fft // 2].transpose(1, 2)


def factors(length: int) -> tuple[int, int]:
    """Two factors of a length, the first not larger, as near to each other as can be.

    >>> factors(2048), factors(1200)
    ((32, 64), (30, 40))

    Parameters
    ----------
    length : int
        1 or more.

    Returns
    -------
    (int, int)
    """
    first = max(f for f in range(1, math.isqrt(length) + 1) if length % f == 0)
    return first, length // first


def dft_matrices(rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines and negative sines of both transforms and of the twist between them.

    Parameters
    ----------
    rows : int
        First factor of the transform's length.
    columns : int
        Second factor.

    Returns
    -------
    first : Tensor, shape (2, rows, rows)
    twist : Tensor, shape (2, rows, columns)
    second : Tensor, shape (2, columns, 1 + columns // 2)
        Only what the first half of the spectrum needs.
    """

    def waves(left: int, right: int, length: int) -> Tensor:
        # Products are taken modulo the length, which keeps the phase exact.
        phase = np.outer(np.arange(left), np.arange(right)) % length * (2.0 * math.pi / length)
        return torch.from_numpy(np.stack([np.cos(phase), -np.sin(phase)]).astype(np.float32))

    return (
        waves(rows, rows, rows),
        waves(rows, columns, rows * columns),
        waves(columns, 1 + columns // 2, columns),
    )
