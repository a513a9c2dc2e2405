"""A rule-based match: what an engineer's three first moves would be, no search and no knobs.

1. Long-term spectrum: a linear-phase filter with the ratio of the two mean spectra, smoothed over
   a third of an octave, at most 24 dB either way.
2. Crest factor: where the input's is the higher, a compressor whose threshold is lowered until it
   is not (ratio 4:1, 1 ms, 100 ms).
3. Level: RMS of the reference.

After the rule-based baseline of DeepAFx-ST (arXiv:2207.08759), which sets an EQ and a compressor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter

from dialin.audio import Audio
from dialin.evaluation.items import MatchTask
from dialin.evaluation.methods.method import Outcome, Tools
from dialin.measures.level import crest_db, rms_db
from dialin.measures.spectral import LTAS_SIZE

TAPS, LARGEST_DB, WIDTH = 4096, 24.0, 1 / 3
RATIO, ATTACK, RELEASE = 4.0, 0.001, 0.1
STEPS, STEP_DB = 15, 3.0


@dataclass(frozen=True)
class Rules:
    """Match spectrum, crest and level by rule.

    Attributes
    ----------
    name : str
        In tables.
    """

    name: str = "rules"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        audio = match_spectrum(task.input, task.reference, task.sample_rate)
        audio = match_crest(audio, crest_db(task.reference), task.sample_rate)
        gain = rms_db(task.reference) - rms_db(audio)
        return Outcome(audio=(audio * np.float32(10 ** (gain / 20))).astype(np.float32))


def mean_spectrum(audio: Audio) -> NDArray[np.float64]:
    """Mean power of all frames and channels, ``(1 + LTAS_SIZE // 2,)``.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.

    Returns
    -------
    ndarray, float64, shape (1 + LTAS_SIZE // 2,)
    """
    window = np.hanning(LTAS_SIZE).astype(np.float32)
    total = np.zeros(1 + LTAS_SIZE // 2)
    count = 0
    for channel in audio:
        padded = np.pad(channel, (0, max(0, LTAS_SIZE - channel.size)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, LTAS_SIZE)[:: LTAS_SIZE // 2]
        for start in range(0, len(frames), 256):
            spectra = np.fft.rfft(frames[start : start + 256] * window, axis=1)
            total += np.square(np.abs(spectra)).sum(axis=0)
        count += len(frames)
    return total / count


def smoothed(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running mean over a third of an octave.

    Parameters
    ----------
    power : ndarray, float64, shape (bins,)
        Of the bins of a spectrum.

    Returns
    -------
    ndarray, float64, shape (bins,)
    """
    sums = np.concatenate([[0.0], np.cumsum(power)])
    bins = np.arange(power.size)
    low = np.floor(bins * 2 ** (-WIDTH / 2)).astype(int)
    high = np.minimum(np.ceil(bins * 2 ** (WIDTH / 2)).astype(int) + 1, power.size)
    return np.asarray((sums[high] - sums[low]) / np.maximum(high - low, 1))


def match_spectrum(audio: Audio, reference: Audio, sample_rate: int) -> Audio:
    """Filter `audio` so that its long-term spectrum has the reference's shape.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    reference : ndarray, float32, shape (channels, samples)
        At the same rate.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the shape of `audio`.
    """
    have, want = smoothed(mean_spectrum(audio)), smoothed(mean_spectrum(reference))
    floor = 1e-8 * max(float(have.max()), 1e-12), 1e-8 * max(float(want.max()), 1e-12)
    gain = 10 * np.log10((want + floor[1]) / (have + floor[0]))
    # The level is matched at the end; here only the shape counts, where there is energy.
    gain = np.clip(gain - np.average(gain, weights=have + 1e-20), -LARGEST_DB, LARGEST_DB)
    response = np.fft.irfft(10 ** (gain / 20))
    kernel = np.roll(response, TAPS // 2)[:TAPS] * np.hanning(TAPS)
    full = fftconvolve(audio, kernel[None], axes=1)
    return np.asarray(full[:, TAPS // 2 : TAPS // 2 + audio.shape[1]], dtype=np.float32)


def match_crest(audio: Audio, wanted: float, sample_rate: int) -> Audio:
    """Compress until the crest factor is no higher than wanted, or as low as it gets.

    The threshold goes down from the peak in steps, then half a step back, and so on: a compressor
    that also works on the body of the sound raises its crest again, so this is no plain bisection.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    wanted : float
        In decibels.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the same shape.
    """
    if crest_db(audio) <= wanted:
        return audio
    level = _envelope(audio, sample_rate)
    top = float(level.max())

    def compressed(threshold: float) -> Audio:
        over = np.maximum(level - threshold, 0.0)
        gain = 10 ** (-over * (1 - 1 / RATIO) / 20)
        return np.asarray(audio * gain.astype(np.float32), dtype=np.float32)

    best, least = audio, crest_db(audio)
    for step in range(1, STEPS + 1):
        tried = compressed(top - step * STEP_DB)
        reached = crest_db(tried)
        if reached <= wanted:
            for finer in (0.5, 0.25):
                near = compressed(top - (step - finer) * STEP_DB)
                if crest_db(near) <= wanted:
                    return near
            return tried
        if reached < least:
            best, least = tried, reached
    return best


def _envelope(audio: Audio, sample_rate: int) -> NDArray[np.float64]:
    """Level in dB over time, quick up and slow down."""
    power = np.square(audio, dtype=np.float64).max(axis=0)
    quick, slow = (np.exp(-1 / (seconds * sample_rate)) for seconds in (ATTACK, RELEASE))
    fast = lfilter([1 - quick], [1, -quick], power)
    late = lfilter([1 - slow], [1, -slow], fast)
    return np.asarray(10 * np.log10(np.maximum(np.maximum(fast, late), 1e-12)))
