"""Sharpness: the centre of gravity of loudness, weighted towards the highest bands."""

from __future__ import annotations

from functools import lru_cache
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.timbre.clip import Meaningless, TimbreClip, value_of
from dialin.timbre.tables import SHARPNESS

BARK = np.arange(1, 241) / 10.0


@lru_cache(maxsize=1)
def _weights() -> NDArray[np.float64]:
    z = BARK
    high = 0.00012 * z**4 - 0.0056 * z**3 + 0.1 * z**2 - 0.81 * z + 3.5
    return np.asarray(np.where(np.arange(240) < 140, 1.0, high) * z)


def mean_acum(clip: TimbreClip) -> float:
    """Sharpness in acum after Zwicker and Fastl, mean over frames weighted by their power.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.

    Returns
    -------
    float
        In acum; 0 where nothing is heard.
    """
    loudness = clip.specific.sum(axis=1)
    heard = (clip.sone > 0.0) & (loudness > 0.0)
    acum = np.zeros(loudness.size)
    acum[heard] = 0.11 * (clip.specific[heard] @ _weights()) / loudness[heard]
    power = clip.frame_rms**2
    return float(acum @ power / power.sum())


def sharpness_of(clip: TimbreClip) -> float:
    """Sharpness of a prepared clip; see `sharpness`.

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
        If nothing is loud enough to be heard.
    """
    mean = mean_acum(clip)
    if not mean > 0.0:
        raise Meaningless("nothing is loud enough to be heard")
    return float(SHARPNESS @ (log10(mean), 1.0))


def sharpness(audio: Any, sample_rate: float) -> float:
    """Sharpness: the centre of gravity of loudness, weighted towards the highest bands.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Any float or integer type.
    sample_rate : int
        Hz, 8000 or more.

    Returns
    -------
    float
        Points, about 0 to 100; NaN where it has no meaning.

    Notes
    -----
    Fastl and Zwicker, "Psychoacoustics" (2007), chapter 9, on ISO 532 B loudness; mapped to the
    listeners' scale of AudioCommons D5.8.
    """
    return value_of(sharpness_of, TimbreClip(audio, sample_rate))[0]
