"""Depth: the weight, pitch and length of what sounds low."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np

from dialin.audio import peak_of
from dialin.timbre.blocks import frame_energies, hold_envelope, spans, spectral_moments
from dialin.timbre.clip import HOLD, LONG, Meaningless, TimbreClip, value_of
from dialin.timbre.filters import window
from dialin.timbre.kernels import kernels
from dialin.timbre.onsets import find_onsets
from dialin.timbre.peaks import sharpened
from dialin.timbre.spectra import onset_strength
from dialin.timbre.tables import DEPTH, RATE

FRAME, HOP = 4096, 1024
STEP = 256
DECAYED = 0.01


def _mean_duration(clip: TimbreClip) -> float:
    """Mean seconds from the loudest moment after an onset until 40 dB below the clip's peak."""
    x = clip.highpassed
    envelope = hold_envelope(x, HOLD, peak_of(x) / (0.2 * RATE), LONG)
    onsets = find_onsets(onset_strength(x), envelope, 512)
    count = -(-max(x.size - STEP, 0) // STEP) + 1
    rms = np.empty(count)
    for begin, end in spans(count, LONG // STEP):
        part = x[begin * STEP : end * STEP]
        padded = np.zeros((end - begin) * STEP)
        padded[: part.size] = part
        rows = padded.reshape(-1, STEP)
        rms[begin:end] = np.sqrt(np.einsum("ij,ij->i", rows, rows) / STEP)
    if x.size < count * STEP:
        rms[-1] *= np.sqrt(STEP / (x.size - (count - 1) * STEP))
    rms /= rms.max()
    lengths = []
    for onset, after in zip(onsets, [*onsets[1:], None], strict=True):
        first = onset // STEP
        last = count if after is None else after // STEP
        part = rms[first:last]
        if part.size == 0:
            continue
        # The first of equal maxima: in a steady tone rounding alone would choose.
        peak = int(np.argmax(part >= part.max() * (1.0 - 1e-9)))
        quiet = np.flatnonzero(part[peak:] < DECAYED)
        lengths.append(int(quiet[0]) if quiet.size else part.size - peak)
    return float(np.mean(lengths)) * STEP / RATE if lengths else 0.0


def depth_terms(clip: TimbreClip) -> tuple[float, ...]:
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
        If there is no sound under 2 kHz, no peak, or nothing long enough.
    """
    length = min(FRAME, clip.highpassed.size)
    overlap = min(FRAME - HOP, length - 1) if length < FRAME else FRAME - HOP
    hop = length - overlap
    taper = window("hamming", length)
    scale = FRAME / float(taper.sum()) ** 2
    blocks, summed = [], np.zeros(FRAME // 2 + 1)
    for stem, twigs in clip.branches(hop, length):
        total, _, spectrum = spectral_moments(stem, hop, taper, FRAME)
        low_power = frame_energies(twigs[3], hop, taper)
        blocks.append((total, low_power, *spectral_moments(twigs[2], hop, taper, FRAME)[:2]))
        summed = summed + spectrum
    total, low_power, power, moments = (np.concatenate(part) for part in zip(*blocks, strict=True))
    total *= scale / FRAME  # Parseval
    low_power *= scale
    if not (power.any() and total.any()):
        raise Meaningless("no sound under 2 kHz")
    loud = (total > 0.001) & (power > 0.0)
    centroids = np.zeros(power.size)
    centroids[loud] = moments[loud] / power[loud] * RATE / FRAME
    centroid = min(float(centroids @ total / total.sum()), 2000.0)
    ratio = float(low_power[total > 0.001].sum() / total.sum())
    duration = _mean_duration(clip)
    if not duration > 0.0:
        raise Meaningless("nothing sounds long enough for a duration")
    spread = summed.max() - summed.min()
    peaks = kernels.contrast_peaks((summed - summed.min()) / spread, 0.01)
    if not peaks.size:
        raise Meaningless("no spectral peak")
    positions, _ = sharpened(summed, peaks)
    log_pitch = 0.0
    if peaks[np.argmax(summed[peaks])] != 0:
        lowest = float(positions[positions > 0.0].min()) * RATE / FRAME
        log_pitch = log10(lowest)
    log_duration = log10(duration)
    sigmoid = ratio**10 / (ratio**10 + 0.2)
    return (
        centroid,
        ratio,
        log_duration,
        log_pitch,
        ratio * log_duration,
        sigmoid * log_duration,
    )


def depth_of(clip: TimbreClip) -> float:
    """Depth of a prepared clip; see `depth`.

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
        If there is no sound under 2 kHz, no peak, or nothing long enough.
    """
    return float(DEPTH @ (*depth_terms(clip), 1.0))


def depth(audio: Any, sample_rate: float) -> float:
    """Depth: the weight, pitch and length of what sounds low.

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
    AudioCommons D5.8: the centroid below 2 kHz, the share of power below 500 Hz, how long sounds
    last, and the lowest spectral peak.
    """
    return value_of(depth_of, TimbreClip(audio, sample_rate))[0]
