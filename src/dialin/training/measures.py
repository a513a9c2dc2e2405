"""Losses that rendering workers evaluate, for `dialin.training.spsa.LossLayer`. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

from dialin.audio import Audio
from dialin.data.augment import to_peak
from dialin.measures.spectral import MRSTFT_SIZES, mrstft
from dialin.workers.memory import map_shared


def mrstft_to(
    audio: Audio,
    sample_rate: int,
    path: str,
    shape: tuple[int, int],
    sizes: Sequence[int] = MRSTFT_SIZES,
    peak_dbfs: float | None = None,
) -> float:
    """MRSTFT of a render to a truth in shared memory.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        Not used.
    path, shape
        Of the truth, as in `dialin.rendering.SharedAudio`.
    sizes : sequence of int
        FFT sizes.
    peak_dbfs : float, optional
        Peak that the render is brought to first.

    Returns
    -------
    float
    """
    finished = audio if peak_dbfs is None else to_peak(audio, peak_dbfs)
    return float(mrstft(finished, map_shared(path, shape), sizes))
