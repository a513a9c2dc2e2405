"""Brightness: how much of the sound lies above 2 kHz, and where its centroid is."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np

from dialin.timbre.blocks import frame_energies, spectral_moments
from dialin.timbre.clip import Meaningless, TimbreClip, value_of
from dialin.timbre.filters import window
from dialin.timbre.tables import BRIGHTNESS, RATE

FRAME, HOP = 2048, 512


def brightness_terms(clip: TimbreClip) -> tuple[float, float]:
    """Logarithms of the share of energy above 2 kHz and of the centroid in Hz above 100 Hz.

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
        If there is no sound above 100 Hz.
    """
    length = min(FRAME, clip.highpassed.size)
    taper = window("hamming", length)
    blocks = []
    for stem, twigs in clip.branches(HOP, length):
        # By Parseval the power of a frame needs no spectrum.
        total = frame_energies(stem, HOP, taper)
        above = frame_energies(twigs[0], HOP, taper)
        blocks.append((total, above, *spectral_moments(twigs[1], HOP, taper, FRAME)[:2]))
    total, above, power, moments = (np.concatenate(part) for part in zip(*blocks, strict=True))
    weight = float(total.sum())
    heard = power > 0.0
    if not (weight > 0.0 and above.sum() > 0.0 and heard.any()):
        raise Meaningless("no sound above 100 Hz")
    centroids = np.zeros(power.size)
    centroids[heard] = moments[heard] / power[heard]
    mean = float(centroids @ power) / float(power.sum()) * RATE / FRAME
    return log10(float(above.sum()) / weight), log10(mean)


def brightness_of(clip: TimbreClip) -> float:
    """Brightness of a prepared clip; see `brightness`.

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
        If there is no sound above 100 Hz.
    """
    return float(BRIGHTNESS @ (*brightness_terms(clip), 1.0))


def brightness(audio: Any, sample_rate: float) -> float:
    """Brightness: how much of the sound lies above 2 kHz, and where its centroid is.

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
    AudioCommons D5.8: frames of 2048 samples every 512, Hamming, weighted by power.
    """
    return value_of(brightness_of, TimbreClip(audio, sample_rate))[0]
