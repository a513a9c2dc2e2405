"""Mel filters: Slaney's scale, triangles of equal area (the conventions of librosa)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def _mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    # Linear below 1 kHz (15 mel), then 27 mel for each factor of 6.4 (Slaney, 1998).
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27))


def _hertz_to_mel(hertz: float) -> float:
    if hertz < 1000.0:
        return hertz * 3.0 / 200.0
    return float(15.0 + 27.0 * np.log(hertz / 1000.0) / np.log(6.4))


@lru_cache(maxsize=8)
def mel_filters(sample_rate: int, mels: int = 60, fft: int = 2048) -> NDArray[np.float32]:
    """Triangular filters, shape ``(mels, 1 + fft // 2)``, each of area 1 in hertz.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    mels : int, default 60
        Number of filters.
    fft : int, default 2048
        Size of the FFT in samples.

    Returns
    -------
    ndarray, float32, shape (mels, 1 + fft // 2)
        To be applied to power or magnitude spectra.
    """
    edges = _mel_to_hertz(np.linspace(0.0, _hertz_to_mel(sample_rate / 2), mels + 2))
    bins = np.linspace(0.0, sample_rate / 2, 1 + fft // 2)
    width = np.diff(edges)
    rising = (bins - edges[:-2, None]) / width[:-1, None]
    falling = (edges[2:, None] - bins) / width[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    result: NDArray[np.float32] = (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(
        np.float32
    )
    return result
