"""Reverb: blind estimate of the reverberation time."""

from __future__ import annotations

from functools import lru_cache
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import peak_of
from dialin.timbre.clip import Meaningless, StreamedClip, TimbreClip, value_of
from dialin.timbre.kernels import kernels
from dialin.timbre.resampling import resample
from dialin.timbre.tables import RATE, REVERB

Floats = NDArray[np.float64]

DECIMATION = 2
SUB_FRAME = 643
SUB_FRAMES = 7
SHIFT = 184
LEAST = 4
MEMORY = 735
SMOOTHING = 0.995
TIMES = np.arange(2, 12) / 10.0
"""Candidate reverberation times, s."""

SHORTEST = SUB_FRAME * SUB_FRAMES * DECIMATION
"""Clips of at most this many samples give 0.2 s."""


@lru_cache(maxsize=SUB_FRAMES)
def _growth(length: int) -> tuple[Floats, Floats]:
    """Inverse decay of each candidate over `length` samples (10, length), and log(a)."""
    log_a = -3.0 * np.log(10.0) / (TIMES * (RATE / DECIMATION))
    return np.exp(-log_a[:, None] * np.arange(length)), log_a


def _likeliest(decay: Floats) -> int:
    """Index of the reverberation time most likely for exponentially decaying Laplace noise."""
    growth, log_a = _growth(decay.size)
    n = decay.size
    likelihood = -n * ((n - 1) * log_a / 2.0 + np.log(2.0 / n * (growth @ np.abs(decay))) + 1.0)
    return int(np.argmax(likelihood))


def _channel_time(halves: Floats, size: int) -> float:
    """Reverberation time of one channel at 44.1 kHz, s.

    Parameters
    ----------
    halves : shape (samples,)
        Every second sample.
    size : int
        Samples at 44.1 kHz.
    """
    edges = [[k * SUB_FRAME, (k + 1) * SUB_FRAME + (k > 0)] for k in range(SUB_FRAMES - 1)]
    first = np.arange(0, size - SHORTEST, SHIFT)
    starts = first // DECIMATION
    passed = kernels.decay_runs(halves, starts, np.array(edges))
    counts = np.zeros(TIMES.size, dtype=np.int64)
    recent: list[int] = []
    smooth, mode, values = 0.3, 0.3, []
    for start, run in zip(starts.tolist(), passed.tolist(), strict=True):
        if run >= LEAST:
            pick = _likeliest(halves[start : start + (run - 1) * SUB_FRAME])
            counts[pick] += 1
            recent.append(pick)
            if len(recent) > MEMORY:
                counts[recent[-MEMORY - 1]] -= 1
            mode = float(TIMES[int(np.argmax(counts))])
        smooth = SMOOTHING * smooth + (1.0 - SMOOTHING) * mode
        if run >= LEAST:
            values.append(smooth)
    # Where nothing dies away freely there is no reverberation to be heard: the scale's low end.
    return float(np.mean(values)) if values else float(TIMES[0])


def reverb_time(clip: TimbreClip) -> float:
    """Reverberation time (RT60) in seconds, 0.2 to 1.1, mean over channels.

    Blind maximum-likelihood estimate from freely decaying stretches: Loellmann, Yilmaz, Jeub and
    Vary, "An improved algorithm for blind reverberation time estimation", IWAENC 2010. The value
    moves slowly from 0.3 s, so that it depends on the clip's length, as in the reference.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.

    Returns
    -------
    float
        In seconds.

    Raises
    ------
    Meaningless
        If the clip is silent, or too short.
    """
    top = clip.top if isinstance(clip, StreamedClip) else peak_of(clip.channels)
    if top == 0.0:
        raise Meaningless("silence: every sample is zero")
    least = SHORTEST / RATE
    if clip.seconds <= least:
        raise Meaningless(
            f"too short: {clip.seconds * 1e3:.3g} ms, more than {least * 1e3:.0f} ms are needed"
        )
    times = []
    if isinstance(clip, StreamedClip):
        size = -(-clip.frames * RATE // clip.rate)
        for channel in range(clip.count):
            times.append(_channel_time(clip.halves(channel), size))
        return float(np.mean(times))
    # Far outside full scale squares would overflow or vanish; decays are the same at any level.
    channels = clip.channels if 1e-100 < top < 1e100 else clip.channels / top
    for channel in channels:
        x = resample(channel, clip.rate, RATE)
        times.append(_channel_time(np.ascontiguousarray(x[::DECIMATION]), x.size))
    return float(np.mean(times))


def reverb_probability(seconds: float) -> float:
    """Probability that listeners call a sound with this RT60 reverberant (AudioCommons D5.8).

    Parameters
    ----------
    seconds : float
        RT60, from `reverb_time`.

    Returns
    -------
    float
        0 to 1.
    """
    return 1.0 / (1.0 + exp(-float(REVERB @ (seconds, 1.0))))


def reverb_of(clip: TimbreClip) -> float:
    """Reverb of a prepared clip; see `reverb`.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    Meaningless
        If no reverberation time can be told.
    """
    return reverb_probability(reverb_time(clip))


def reverb(audio: Any, sample_rate: float) -> float:
    """Reverb: how likely listeners are to call the sound reverberant.

    Parameters
    ----------
    audio : array_like, shape (channels, samples) or (samples,)
        Any float or integer type.
    sample_rate : int
        Hz, 8000 or more.

    Returns
    -------
    float
        Probability, 0 to 1; 0.5 or more counts as reverberant. NaN where it has no meaning.

    Notes
    -----
    The reverberation time of `reverb_time` through the logistic regression of AudioCommons D5.8.
    """
    return value_of(reverb_of, TimbreClip(audio, sample_rate))[0]
