"""Boominess: loudness at the low end."""

from __future__ import annotations

from functools import lru_cache
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.timbre.clip import Meaningless, TimbreClip, value_of
from dialin.timbre.loudness import band_weights
from dialin.timbre.tables import BOOMINESS


@lru_cache(maxsize=1)
def _weights() -> tuple[NDArray[np.float64], int]:
    """Weights of the tenths of Bark, and how many of them lie below 280 Hz."""
    hertz = 600.0 * np.sinh(np.arange(1, 241) / 10.0 / 6.0)
    octave = np.log10(hertz / 25.0) / np.log10(31.5 / 25.0) + 1.0
    weights = 2.13 * np.exp(-0.151 * octave)
    weights[:4] = 0.8, 1.05, 1.10, 1.18
    return weights, int(np.count_nonzero(hertz < 280.0))


def boominess_terms(clip: TimbreClip) -> tuple[float, float]:
    """Logarithms of the mean booming index and of the loudness from 0 to 7 Bark.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.

    Returns
    -------
    (float, float)
        The two inputs of the regression.

    Raises
    ------
    Meaningless
        If nothing is heard under 280 Hz.
    """
    weights, low = _weights()
    loudness = clip.specific.sum(axis=1)
    heard = (clip.sone > 0.0) & (loudness > 0.0)
    specific = clip.specific[heard]
    band = 10.0 * np.log10(np.sum(10.0 ** (specific * weights / 10.0), axis=1))
    index = np.zeros(loudness.size)
    index[heard] = band * specific[:, :low].sum(axis=1) / loudness[heard]
    power = clip.frame_rms**2
    mean = float(index @ power / power.sum())
    level = float(np.mean(clip.specific @ band_weights(0, 70)))
    if not (mean > 0.0 and level > 0.0):
        raise Meaningless("nothing to be heard under 280 Hz")
    return log10(mean), log10(level)


def boominess_of(clip: TimbreClip) -> float:
    """Boominess of a prepared clip; see `boominess`.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.

    Returns
    -------
    float
        Points, about 0 to 100.

    Raises
    ------
    Meaningless
        If nothing is heard under 280 Hz.
    """
    return float(BOOMINESS @ (*boominess_terms(clip), 1.0))


def boominess(audio: Any, sample_rate: float) -> float:
    """Boominess: loudness at the low end.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Any float or integer type.
    sample_rate : int
        Hz, 8000 or more.

    Returns
    -------
    float
        Points, about 0 to 100; NaN where nothing is heard under 280 Hz.

    Notes
    -----
    The booming index of Hatano and Hashimoto, "Booming index as a measure for evaluating booming
    sensation", Inter-Noise 2000, on ISO 532 B loudness; AudioCommons D5.8 ("booming").
    """
    return value_of(boominess_of, TimbreClip(audio, sample_rate))[0]
