"""Roughness: the beating of neighbouring partials."""

from __future__ import annotations

from collections.abc import Iterable
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.timbre.blocks import FRAMES, spans
from dialin.timbre.clip import Meaningless, TimbreClip, value_of
from dialin.timbre.filters import window
from dialin.timbre.kernels import kernels
from dialin.timbre.tables import RATE, ROUGHNESS

FRAME = int(0.05 * RATE)
SIZE = 4096


def mean_roughness(clip: TimbreClip) -> float:
    """Vassilakis' roughness summed over the partials of a 50 ms frame, mean over frames.

    Half-overlapping frames with 512 samples of silence before the clip; the one or two
    frames that its end does not fill count as silent, as in the reference.

    Parameters
    ----------
    clip : TimbreClip
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
    if whole.size <= FRAMES:
        parts: Iterable[NDArray[np.float32]] = [_spectra(padded, whole)]
    else:
        # Once to find the range of all frames, once to hear them in it.
        parts = (_spectra(padded, whole[a:b]) for a, b in spans(whole.size))
    low, high = np.inf, 0.0
    for part in parts:
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    if len(whole) != len(starts):
        low = 0.0
    if not high > low:
        return 0.0
    if whole.size > FRAMES:
        parts = (_spectra(padded, whole[a:b]) for a, b in spans(whole.size))
    total = sum(float(kernels.frame_roughness(p, low, high, RATE / SIZE).sum()) for p in parts)
    return total / len(starts)


def _spectra(padded: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Magnitudes of the frames that start there: (frames, bins)."""
    taper = window("hamming_ends", FRAME)
    step = int(2 * 0.025 * RATE)
    power = np.empty((starts.size, SIZE // 2 + 1), dtype=np.float32)
    # Every second frame starts a whole number of samples after the one before.
    for turn in range(min(2, starts.size)):
        many = (starts.size + 1 - turn) // 2
        part = padded[starts[turn] : starts[turn] + (many - 1) * step + FRAME]
        power[turn::2] = kernels.power_spectra(part, step, taper, SIZE, False)
    return np.sqrt(power, out=power)


def roughness_of(clip: TimbreClip) -> float:
    """Roughness of a prepared clip; see `roughness`.

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
    return value_of(roughness_of, TimbreClip(audio, sample_rate))[0]
