"""Roughness: the beating of neighbouring partials."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np

from dialin.timbre.clip import Clip, Meaningless, value_of
from dialin.timbre.filters import window
from dialin.timbre.kernels import kernels
from dialin.timbre.tables import RATE, ROUGHNESS

FRAME = int(0.05 * RATE)
SIZE = 4096


def mean_roughness(clip: Clip) -> float:
    """Vassilakis' roughness summed over the partials of a 50 ms frame, mean over frames.

    Half-overlapping frames with 512 samples of silence before the clip; the one or two
    frames that its end does not fill count as silent, as in the reference.

    Parameters
    ----------
    clip : Clip
        The prepared clip.

    Returns
    -------
    float

    Raises
    ------
    Meaningless
        If the clip is shorter than a frame.
    """
    x = clip.samples
    hop = 0.025 * RATE
    length = x.size + 512
    starts = (np.arange(int(length / hop)) * hop).astype(np.int64)
    whole = starts[starts + FRAME <= length]
    if not whole.size:
        raise Meaningless("shorter than a frame of 50 ms")
    padded = np.zeros(length, dtype=np.float32)
    padded[512:] = x
    taper = window("hamming_ends", FRAME)
    power = np.empty((whole.size, SIZE // 2 + 1), dtype=np.float32)
    # Every second frame starts a whole number of samples after the one before.
    for turn in range(min(2, whole.size)):
        part = padded[whole[turn] :]
        power[turn::2] = kernels.power_spectra(part, int(2 * hop), taper, SIZE, False)[
            : (whole.size + 1 - turn) // 2
        ]
    spectra = np.sqrt(power, out=power)
    low = spectra.min() if len(whole) == len(starts) else 0.0
    high = spectra.max()
    if not high > low:
        return 0.0
    total = kernels.frame_roughness(spectra, float(low), float(high), RATE / SIZE).sum()
    return float(total) / len(starts)


def roughness_of(clip: Clip) -> float:
    """Roughness of a prepared clip; see `roughness`.

    Parameters
    ----------
    clip : Clip
        The prepared clip.

    Returns
    -------
    float
        Points, about 0 to 100.

    Raises
    ------
    Meaningless
        If the clip is shorter than a frame of 50 ms.
    """
    mean = mean_roughness(clip)
    return 0.0 if mean < 0.01 else float(ROUGHNESS @ (log10(mean), 1.0))


def roughness(audio: Any, sample_rate: float) -> float:
    """Roughness: the beating of neighbouring partials.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Any float or integer type.
    sample_rate : int
        Hz, 8000 or more.

    Returns
    -------
    float
        Points, about 20 to 80, or 0 where hardly anything beats; NaN where it has no meaning.

    Notes
    -----
    Vassilakis, "Auditory roughness as means of musical expression" (2005), and AudioCommons D5.8,
    which takes the stronger partial of a pair where Vassilakis takes the weaker; its regression
    was fitted so, and ours keeps it.
    """
    return value_of(roughness_of, Clip(audio, sample_rate))[0]
