"""Band-limited resampling to the rate of the attributes.

The windowed sinc of the resampler with which the reference's numbers for other rates were made
(resampy's "kaiser_best": Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/;
50 zero crossings), as one matrix product: every block of input samples gives a block of output.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CROSSINGS = 50
ROLLOFF = 0.9173473712608761
PRECISION = 8192
BETA = 12.984585247039911


@lru_cache(maxsize=8)
def _phases(up: int, down: int) -> tuple[NDArray[np.float64], int]:
    """Weights (inputs, up) that turn one block of inputs into `up` outputs; half the taps."""
    scale = min(1.0, up / down)
    half = int(np.ceil(CROSSINGS / scale)) + 1
    inputs = np.arange(down + 2 * half)[:, None] - half
    outputs = np.arange(up)[None, :] * (down / up)
    t = (outputs - inputs) * scale
    # Interpolated from a table and cut one tap short, as the reference's resampler does: the
    # error, 130 dB down, is all there is above the old Nyquist frequency, and warmth fits a line
    # through its logarithm.
    # Downwards the cut is at the new Nyquist frequency, so that no band is left empty.
    rolloff = ROLLOFF if scale == 1.0 else 1.0
    knots = np.arange(CROSSINGS * PRECISION + 1) / PRECISION
    taper = np.i0(BETA * np.sqrt(np.maximum(0.0, 1.0 - (knots / CROSSINGS) ** 2))) / np.i0(BETA)
    table = rolloff * np.sinc(rolloff * knots) * taper
    last = (CROSSINGS * PRECISION + 1 - int(scale * PRECISION)) / PRECISION
    inside = np.floor(np.abs(t) * PRECISION) <= last * PRECISION
    weights = np.where(inside, scale * np.interp(np.abs(t), knots, table), 0.0)
    weights.flags.writeable = False
    return weights, half


ROWS = 8192
"""Blocks of output that are made at a time; a matrix product copies their inputs."""


def _ratio(source: int, target: int) -> tuple[int, int]:
    """Samples out and in of one block; a ratio that is no simple fraction is met to 1e-6."""
    ratio = Fraction(target, source).limit_denominator(1000)
    repeat = -(-64 // ratio.denominator)
    return ratio.numerator * repeat, ratio.denominator * repeat


def resample(x: NDArray[np.float64], source: int, target: int) -> NDArray[np.float64]:
    """Resample `x` (samples,) from `source` to `target` Hz; ``ceil(samples * target / source)``.

    A ratio that is no simple fraction is met to within a millionth.

    Parameters
    ----------
    x : ndarray, float64, shape (samples,)
        The signal.
    source : int
        Its rate in hertz.
    target : int
        The wanted rate in hertz.

    Returns
    -------
    ndarray, float64, shape (ceil(samples * target / source),)
        `x` itself where the rates are equal.
    """
    if source == target:
        return x
    up, down = _ratio(source, target)
    weights, half = _phases(up, down)
    length = -(-x.size * target // source)
    blocks = -(-length // up)
    padded = np.zeros((blocks - 1) * down + weights.shape[0])
    room = min(x.size, padded.size - half)
    padded[half : half + room] = x[:room]
    rows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[0])[::down]
    if blocks <= ROWS:
        return np.asarray((rows @ weights).reshape(-1)[:length])
    out = np.empty((blocks, up))
    for first in range(0, blocks, ROWS):
        np.matmul(rows[first : first + ROWS], weights, out=out[first : first + ROWS])
    return out.reshape(-1)[:length]


class Resampler:
    """`resample` of audio that comes in blocks.

    Parameters
    ----------
    source, target : int
        Rates in hertz.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._up, self._down = _ratio(source, target)
        self._weights, half = _phases(self._up, self._down)
        self._held = np.zeros(half)
        self._taken = self._given = 0

    def add(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take more in; returns what can be given out by now.

        Parameters
        ----------
        x : ndarray, float64, shape (samples,)
            The next samples, of any number.

        Returns
        -------
        ndarray, float64, shape (samples,)
            At the wanted rate; may be empty.
        """
        self._taken += x.size
        self._held = np.concatenate([self._held, x])
        taps = self._weights.shape[0]
        count = max((self._held.size - taps) // self._down + 1, 0)
        if not count:
            return np.zeros(0)
        rows = np.lib.stride_tricks.sliding_window_view(self._held, taps)[:: self._down][:count]
        out = np.asarray((rows @ self._weights).reshape(-1))
        self._held = self._held[count * self._down :].copy()
        self._given += out.size
        return out

    def finish(self) -> NDArray[np.float64]:
        """The rest, as if silence followed."""
        length = -(-self._taken * self._target // self._source)
        missing = length - self._given
        blocks = -(-missing // self._up)
        needed = (blocks - 1) * self._down + self._weights.shape[0]
        rest = self.add(np.zeros(max(needed - self._held.size, 0))) if missing > 0 else np.zeros(0)
        return rest[: max(missing, 0)]
