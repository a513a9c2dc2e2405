"""Loudness: of a whole clip in LUFS (ITU-R BS.1770) and specific loudness (ISO 532 B)."""

from __future__ import annotations

from functools import lru_cache
from math import inf, log10

import numpy as np
from numpy.typing import NDArray

from dialin.timbre import tables
from dialin.timbre.filters import k_weighting
from dialin.timbre.kernels import kernels

Floats = NDArray[np.float64]

FRAME = 4096
"""Samples in a frame of specific loudness; frames do not overlap and have no window."""


def integrated_loudness(x: Floats, rate: int) -> float:
    """Loudness of a mono clip in LUFS by ITU-R BS.1770-4; -inf where all is under -70 LUFS.

    Blocks of 0.4 s, a quarter apart; clips shorter than a block are padded with silence.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        Full scale is 1.
    rate : int
        In hertz.

    Returns
    -------
    float
        In LUFS.
    """
    if x.size < 0.4 * rate:
        x = np.append(x, np.zeros(int(np.ceil(0.4 * rate)) - x.size))
    count = round((x.size / rate - 0.4) / 0.1) + 1
    starts = np.array([int(0.4 * (j * 0.25) * rate) for j in range(count)])
    ends = np.array([int(0.4 * (j * 0.25 + 1) * rate) for j in range(count)])
    ends = np.minimum(ends, x.size)
    edges = np.unique(np.concatenate([[0], starts, ends]))
    pieces = kernels.weighted_energy(x, k_weighting(rate), edges)
    energy = np.concatenate([[0.0], np.cumsum(pieces)])
    power = energy[np.searchsorted(edges, ends)] - energy[np.searchsorted(edges, starts)]
    return gated(power / (0.4 * rate))


def gated(power: Floats) -> float:
    """Loudness of blocks of 400 ms, of which the quiet ones do not count.

    Parameters
    ----------
    power : ndarray, float64, shape (blocks,)
        Of each, K-weighted.

    Returns
    -------
    float
        In LUFS; -inf where all is under -70 LUFS.
    """
    with np.errstate(divide="ignore"):
        blocks = -0.691 + 10.0 * np.log10(np.maximum(power, 0.0))
    loud = power[blocks >= -70.0]
    if loud.size == 0:
        return -inf
    gate = -0.691 + 10.0 * log10(loud.mean()) - 10.0
    kept = power[(blocks > gate) & (blocks > -70.0)]
    return -0.691 + 10.0 * log10(kept.mean()) if kept.size else -inf


def loudness_frames(x: Floats) -> Floats:
    """`x` (samples,) cut into (frames, 4096), the tail filled with silence.

    As the reference has it, a length that is an exact multiple gets a frame of silence more.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        At 44.1 kHz.

    Returns
    -------
    ndarray, float64, shape (frames, 4096)
    """
    padded = np.zeros((x.size // FRAME + 1) * FRAME)
    padded[: x.size] = x
    return padded.reshape(-1, FRAME)


def core_loudness(levels: Floats) -> Floats:
    """Core loudness (frames, 21) in sone/Bark of third-octave levels (frames, 28) in dB.

    The threshold in quiet is compared with the level before the ear's transmission is taken off,
    as in the reference.

    Parameters
    ----------
    levels : ndarray, float64, shape (frames, 28)
        From `third_octave_levels`.

    Returns
    -------
    ndarray, float64, shape (frames, 21)
        The last is 0.
    """
    low = levels[:, :11]
    steps = low[:, None, :] <= tables.RAP[:, None] - tables.DLL
    steps[:, -1] = True
    shift = np.take_along_axis(tables.DLL, np.argmax(steps, axis=1), axis=0)
    intensity = 10.0 ** (0.1 * (low + shift))
    sums = np.stack(
        [intensity[:, :6].sum(axis=1), intensity[:, 6:9].sum(axis=1), intensity[:, 9:].sum(axis=1)],
        axis=1,
    )
    with np.errstate(divide="ignore"):
        band = np.concatenate([10.0 * np.log10(sums), levels[:, 11:]], axis=1)
    heard = band > tables.LTQ
    excitation = np.where(heard, band, 0.0) - tables.A0 - tables.DCB
    scale = 0.0635 * 10.0 ** (0.025 * tables.LTQ)
    core = scale * ((0.75 + 0.25 * 10.0 ** (0.1 * (excitation - tables.LTQ))) ** 0.25 - 1.0)
    core = np.where(heard, np.maximum(core, 0.0), 0.0)
    core[:, 0] *= np.minimum(1.0, 0.4 + 0.32 * core[:, 0] ** 0.2)
    return np.concatenate([core, np.zeros((len(core), 1))], axis=1)


def specific_loudness(frames: Floats) -> tuple[Floats, Floats]:
    """Specific loudness (frames, 240) at 0.1 ... 24 Bark and total loudness (frames,) in sone.

    Parameters
    ----------
    frames : ndarray, float64, shape (frames, 4096)
        From `loudness_frames`.

    Returns
    -------
    (ndarray, ndarray)
        In sone/Bark, and in sone.
    """
    specific, total = kernels.loudness_slopes(core_loudness(kernels.third_octave_levels(frames)))
    return specific, total


@lru_cache(maxsize=8)
def band_weights(low: int, high: int) -> Floats:
    """Weights (240,) of the tenths of Bark `low` ... `high` - 1: a parabola, 0 at its ends.

    The reference means a Gaussian; a slip of precedence makes it (nearly) this parabola, and the
    regressions were fitted with it.

    Parameters
    ----------
    low : int
        0 to 239.
    high : int
        Above `low`, 240 at most.

    Returns
    -------
    ndarray, float64, shape (240,)
        0 to 1; read-only.
    """
    steps = np.arange(low, high)
    bell = np.exp(-((steps - (low + high) / 2.0) ** 2) / 2.0 * 0.01**2)
    weights = np.zeros(240)
    weights[low:high] = (bell - bell.min()) / (bell.max() - bell.min())
    weights.flags.writeable = False
    return weights
