"""Hardness: how abruptly, brightly and percussively sounds begin."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from dialin.timbre.blocks import bandwidths, percussive_energies
from dialin.timbre.clip import Meaningless, TimbreClip, value_of
from dialin.timbre.filters import window
from dialin.timbre.loudness import band_weights
from dialin.timbre.onsets import attack_time, find_onsets
from dialin.timbre.spectra import HOP, centred, onset_strength, power_of
from dialin.timbre.tables import HARDNESS, RATE

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

LEAD = 4097
"""Silence put before the clip, so that a sound at its start has an onset."""

FRAME, STEP = 4096, 128
THRESHOLD = 10.0 ** (-75.0 / 20.0)
ATTACK_FRAMES = int(0.1 * RATE / STEP)


def percussive_share(clip: TimbreClip) -> float:
    """Share of the percussive part by level, weighted by level.

    Median filtering of the spectrogram over 31 frames and 31 bins with soft masks: Fitzgerald,
    "Harmonic/percussive separation using median filtering", DAFx 2010.

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
        If the clip is silent.
    """
    energy = percussive_energies(centred(clip.samples), window("hann", 2048))
    levels = np.sqrt((energy[:, :-1] + energy[:, 1:]) / (2 * HOP))
    whole = levels[0] + levels[1]
    total = float(whole.sum())
    if not total > 0.0:
        raise Meaningless("silence")
    return float(levels[0].sum()) / total


def bandwidth_curve(x: Singles) -> Floats:
    """Bandwidth in Hz of frames of 4096 samples every 128, 0 in the quiet ones: (frames,).

    From where the magnitudes sum to 5 % up to the highest bin over -75 dB; quiet is the lowest
    tenth of the range of summed magnitude. The frames have no window, so that taking their mean
    off empties the first bin and nothing else.

    Parameters
    ----------
    x : ndarray, float32, shape (samples,)
        At 44.1 kHz, 4096 samples at least.

    Returns
    -------
    ndarray, float64, shape (frames,)
    """
    threshold = THRESHOLD * np.sqrt(RATE * FRAME)
    level, width = bandwidths(x, STEP, FRAME, threshold)
    gate = level.min() + 0.1 * (level.max() - level.min())
    return np.where(level > gate, width * (RATE / FRAME), 0.0)


def hardness_terms(clip: TimbreClip) -> tuple[float, ...]:
    """The six inputs of the regression.

    Parameters
    ----------
    clip : TimbreClip
        The prepared clip.

    Returns
    -------
    tuple of float

    Raises
    ------
    Meaningless
        If no sound begins in the clip, or it is silent.
    """
    power = clip.frame_rms
    midband = float((clip.specific @ band_weights(70, 140)) @ power / power.sum())
    share = percussive_share(clip)
    x = np.zeros(LEAD + clip.samples.size, dtype=np.float32)
    x[LEAD:] = clip.samples
    envelope = np.zeros(LEAD + clip.samples.size, dtype=clip.envelope.dtype)
    envelope[LEAD:] = clip.envelope
    clip.forget()
    strength = onset_strength(x)
    onsets = find_onsets(strength, envelope, 4096)
    if len(onsets) == 1:
        onsets = [0]
    curve = bandwidth_curve(x)
    widths, weights, strengths, times, centroids = [], [], [], [], []
    for onset, after in zip(onsets, [*onsets[1:], None], strict=True):
        first = max(onset - FRAME, 0) // STEP
        last = curve.size if after is None else max(after - FRAME, 0) // STEP
        part = curve[first:last]
        rise = attack_time(part, RATE / STEP, fixed=True) if part.size else None
        strong = strength[onset // HOP : None if after is None else after // HOP]
        strengths.append(float(strong.max()) if strong.size else 0.0)
        if rise is not None:
            # The reference's slip: near the end of a segment the attack is all that is left.
            tail = part[rise[1] :]
            short = rise[1] + ATTACK_FRAMES < tail.size
            widths.append(float(tail[:ATTACK_FRAMES].max() if short else tail.max()))
            weights.append(strengths[-1])
        attack = attack_time(envelope[onset:after], RATE)
        if attack is None:
            continue
        times.append(attack[0])
        begin = onset + attack[1]
        end = begin + int(0.125 * RATE)
        centroid = _centroid(x[begin : end if after is None else min(end, after)])
        if centroid is not None:
            centroids.append(centroid)
    weight = float(np.sum(weights))
    width = float(np.dot(widths, weights) / weight) if weight > 0.0 else 0.0
    if not times or not any(strengths):
        raise Meaningless("no sound begins in the clip")
    centre = max(float(np.mean(centroids)), 200.0) if centroids else 200.0
    return (
        log10(width) if width > 512.0 else log10(RATE / 512.0),
        log10(centre),
        log10(midband) if midband > 0.0 else float("nan"),
        log10(share) if share > 0.0 else float("nan"),
        log10(float(np.mean(strengths))),
        float(np.mean(times)),
    )


def _centroid(x: Singles) -> float | None:
    if x.size <= 512:
        return None
    size = 1 << (x.size - 1).bit_length()
    magnitude = np.sqrt(power_of(fft.rfft(x, size)))
    hertz = np.arange(magnitude.size) * (RATE / size)
    high = hertz >= 20.0
    total = float(magnitude[high].sum())
    return float(magnitude[high] @ hertz[high]) / total if total > 0.0 else None


def hardness_of(clip: TimbreClip) -> float:
    """Hardness of a prepared clip; see `hardness`.

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
        If no sound begins in the clip, or it is silent.
    """
    return float(HARDNESS @ (*hardness_terms(clip), 1.0))


def hardness(audio: Any, sample_rate: float) -> float:
    """Hardness: how abruptly, brightly and percussively sounds begin.

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
    AudioCommons D5.8: bandwidth, spectral centroid, duration and strength of attacks, loudness in
    the middle of the Bark scale, and the share of percussive sound (Fitzgerald 2010).
    """
    return value_of(hardness_of, TimbreClip(audio, sample_rate))[0]
