"""Which comes first, the loud sound or the soft one: what no spectrum tells of an echo.

``1 + m z^-D`` and ``m + z^-D`` have the same power spectrum. But where a soft attack is followed by
a loud one after the lag D, rather than the other way round, the third moments of attacks, ``<a(t)^2
a(t + D)>`` and ``<a(t) a(t + D)^2>``, change places.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.measures.transforms import hann

HOP, FRAME = 0.001, 0.004
"""Seconds between values of the envelopes, and of the frames that they are taken from."""

RISE = 4
"""Hops over which an attack rises."""

BANDS = 16
"""Bands that have attacks of their own: other notes begin in each, so that together they say more
than the whole (of 61 delays of validation songs, in pairs of a soft and a loud echo, the order of
80 instead of 73 % is right)."""


def echo_order(audio: Audio, sample_rate: int, lag: float) -> float:
    """From +1 (the echo is the softer) to -1 (it is the louder); 0 where it cannot be told.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    lag : float
        Of the echo, in seconds.

    Returns
    -------
    float
    """
    steps = round(lag / HOP)
    envelopes = _envelopes(audio[:2].mean(axis=0), sample_rate)
    if steps < 3 or envelopes.shape[1] < 2 * steps + 200:
        return 0.0
    # Of a few strong attacks alone each would be chance: their roots are counted.
    attacks = np.sqrt(np.maximum(envelopes[:, RISE:] - envelopes[:, :-RISE], 0.0))
    mean = attacks.mean(axis=1, keepdims=True)
    attacks = attacks[mean[:, 0] > 0] / mean[mean[:, 0] > 0]
    # What attacks have in common by chance, at lags beside.
    beside = [s for s in (*range(-60, -12, 4), *range(13, 61, 4)) if steps + s > 2]
    around = np.array([_moments(attacks, steps + s) for s in beside])
    more = _moments(attacks, steps) - around.mean(axis=0)
    size = float((np.abs(more).sum(axis=0) + around.std(axis=0).mean(axis=0)).sum())
    return float((more[0] - more[1]).sum() / size) if size > 0 else 0.0


def _envelopes(sound: NDArray[np.floating], sample_rate: int) -> NDArray[np.float64]:
    """Magnitude in bands, every millisecond, ``(bands, frames)``."""
    length, hop = max(8, round(FRAME * sample_rate)), max(1, round(HOP * sample_rate))
    if sound.size < length:
        return np.zeros((BANDS, 0))
    frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float32), length)[::hop]
    window = hann(length + 2)[1:-1].astype(np.float32)
    power = np.abs(sfft.rfft(frames * window, axis=1)) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1] - 1, BANDS + 1).astype(int))
    means = np.add.reduceat(power, edges[:-1], axis=1) / np.diff([*edges[:-1], power.shape[1]])
    return np.asarray(np.sqrt(means.T), dtype=np.float64)


def _moments(attacks: NDArray[np.float64], shift: int) -> NDArray[np.float64]:
    """Third moments of attacks some hops apart, the first or the second squared, ``(2, bands)``."""
    first, second = attacks[:, :-shift], attacks[:, shift:]
    product = first * second
    return np.stack([(product * first).mean(axis=1), (product * second).mean(axis=1)])
