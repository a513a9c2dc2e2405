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
    places = np.arange(up)[None, :] * (down / up)
    t = (places - inputs) * scale
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
    ratio = Fraction(target, source).limit_denominator(1000)
    repeat = -(-64 // ratio.denominator)
    up, down = ratio.numerator * repeat, ratio.denominator * repeat
    weights, half = _phases(up, down)
    length = -(-x.size * target // source)
    blocks = -(-length // up)
    padded = np.zeros((blocks - 1) * down + weights.shape[0])
    room = min(x.size, padded.size - half)
    padded[half : half + room] = x[:room]
    rows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[0])[::down]
    return np.asarray((rows @ weights).reshape(-1)[:length])
