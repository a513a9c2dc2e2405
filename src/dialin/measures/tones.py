"""Rate of an oscillator, from what an effect does to tones one at a time.

What moves and does nothing else turns a tone into itself times a gain, which goes round with the
oscillator, however fast and deep it sweeps. Of many tones at once (`dialin.measures.modulation`)
that is true only while none is shifted to where its neighbours are: a chorus that sweeps by 10 ms
at 10 Hz moves pitches by half an octave, and its lines repeat only after several turns.

Conventions
-----------
* Tones are far apart, so that one of them at least lies where a filter moves, and none of their
  periods fits into delays of round numbers of milliseconds.
* *Gains* are complex, over `WINDOW` seconds, relative to their own root of the mean square.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dialin.audio import Audio
from dialin.measures.modulation import Floats, fundamental_of, rate_of, steady_tone
from dialin.measures.transforms import hann

TONES_HZ = (151.0, 487.0, 1511.0, 4801.0)
WINDOW, STEP = 0.02, 0.0025
"""Seconds of a Hann window, and between two of them."""

LEAST = 0.02
"""Root of the mean square deviation of gains, of all tones together, from which they move."""


def tone_gains(output: Audio, sample_rate: int, hertz: float) -> Floats:
    """How the gain of a tone deviates from its mean.

    Parameters
    ----------
    output : ndarray, shape (channels, samples)
        What came of a steady tone.
    sample_rate : int
        In hertz.
    hertz : float
        Frequency of the tone.

    Returns
    -------
    ndarray, shape (steps, 2 * channels)
        Real and imaginary parts; 0 where there is no tone.
    """
    size, hop = round(WINDOW * sample_rate), round(STEP * sample_rate)
    turned = output * np.exp(-2j * np.pi * hertz * np.arange(output.shape[1]) / sample_rate)
    frames = np.lib.stride_tricks.sliding_window_view(turned, size, axis=1)[:, ::hop]
    gains = frames @ (hann(size + 1)[:-1] / (0.5 * size))
    level = np.sqrt(np.mean(np.abs(gains) ** 2, axis=1, keepdims=True))
    gains = np.where(level > 1e-6, gains / np.maximum(level, 1e-6), 0.0)
    gains = gains - gains.mean(axis=1, keepdims=True)
    return np.concatenate([gains.real, gains.imag]).T


def rate_of_tones(
    process: Callable[[Audio], Audio],
    sample_rate: int,
    channels: int,
    settle: float,
    seconds: float,
) -> float:
    """Rate at which an effect goes round.

    Parameters
    ----------
    process : callable
        The effect: ``(channels, samples)`` in, the same shape out.
    sample_rate, channels : int
        Of what it is fed with.
    settle, seconds : float
        Before gains count, and after.

    Returns
    -------
    float
        In hertz; NaN where tones do not move, or nothing repeats within half of the time.
    """
    parts = []
    for hertz in TONES_HZ:
        if hertz > 0.4 * sample_rate:
            continue
        tone = steady_tone(sample_rate, settle + seconds, channels, hertz)
        wet = process(tone)[:, round(settle * sample_rate) :]
        parts.append(tone_gains(wet, sample_rate, hertz))
    gains = np.concatenate(parts, axis=1)
    if float(np.sqrt((gains**2).sum(axis=1).mean())) < LEAST:
        return float("nan")
    step = round(STEP * sample_rate) / sample_rate
    return fundamental_of(gains, step, rate_of(gains, step))
