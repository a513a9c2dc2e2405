"""Augmentation: other pitches, tempos, levels and colours of the same song."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.signal import lfilter

from dialin.audio import Audio, integrated_loudness, peak_of
from dialin.data.recipe import AugmentOptions, ExcerptOptions

TILT_CENTRE = 800.0
"""Hertz at which a tilt leaves the level alone."""


def draw_augmentation(rng: np.random.Generator, options: AugmentOptions) -> dict[str, float]:
    """Draw what will be done; the same number of random draws whatever the outcome.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.
    options : AugmentOptions
        What may be drawn, and how often.

    Returns
    -------
    dict
        ``speed`` (resampling), ``pitch`` in semitones, ``tempo``, ``gain_db``, ``polarity``,
        ``tilt_db``, ``noise_dbfs``; only what will happen. Empty for an untouched excerpt.
    """
    u = rng.random(9)

    def within(index: int, span: tuple[float, float]) -> float:
        return span[0] + float(u[index]) * (span[1] - span[0])

    if u[0] >= options.probability:
        return {}
    plan: dict[str, float] = {}
    pitch = within(1, options.pitch) if u[2] < options.pitch_probability else 0.0
    if options.method == "resample":
        if pitch:
            plan["speed"] = 2.0 ** (pitch / 12.0)
    else:
        if pitch:
            plan["pitch"] = pitch
        if u[3] < options.tempo_probability:
            plan["tempo"] = within(4, options.tempo)
    if options.gain_db != (0.0, 0.0):
        plan["gain_db"] = within(5, options.gain_db)
    if u[6] < options.polarity_probability:
        plan["polarity"] = -1.0
    if options.tilt_db != (0.0, 0.0):
        plan["tilt_db"] = within(7, options.tilt_db)
    if u[8] < options.noise_probability:
        plan["noise_dbfs"] = float(rng.uniform(*options.noise_dbfs))
    return {name: round(value, 6) for name, value in plan.items()}


def source_samples(plan: dict[str, float], samples: int, sample_rate: int) -> int:
    """How much must be decoded for `samples` to come out.

    Parameters
    ----------
    plan : dict of str to float
        From `draw_augmentation`.
    samples : int
        How many are wanted.
    sample_rate : int
        In hertz.

    Returns
    -------
    int
        Samples at the same rate.
    """
    if "pitch" not in plan and "tempo" not in plan:
        return samples
    # Rubber Band fades in and out of its start and end; a tenth of a second covers it.
    return int(np.ceil(samples * plan.get("tempo", 1.0))) + sample_rate // 10


def stretch(audio: Audio, sample_rate: int, samples: int, plan: dict[str, float]) -> Audio:
    """Change pitch and tempo with Rubber Band; returns `samples` samples.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        As many samples as `source_samples` says.
    sample_rate : int
        In hertz.
    samples : int
        How many are wanted.
    plan : dict of str to float
        From `draw_augmentation`.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    if "pitch" not in plan and "tempo" not in plan:
        return audio[:, :samples]
    from pedalboard import time_stretch

    changed: Any = time_stretch(
        np.ascontiguousarray(audio),
        float(sample_rate),
        stretch_factor=plan.get("tempo", 1.0),
        pitch_shift_in_semitones=plan.get("pitch", 0.0),
    )
    out = np.zeros((audio.shape[0], samples), np.float32)
    piece = changed[:, :samples]
    out[:, : piece.shape[1]] = piece
    return out


def tilt(audio: Audio, sample_rate: int, decibels: float) -> Audio:
    """Tilt the spectrum: lows down and highs up by half of `decibels` each, or the reverse.

    A first-order section, ``(g s + w) / (s + g w)``, by the bilinear transform: its gain is
    ``1 / g`` at 0 Hz, ``g`` at the top and 1 at 800 Hz.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    decibels : float
        From the lows to the highs; negative for darker.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the same shape.
    """
    g = 10.0 ** (decibels / 40.0)
    w = np.tan(np.pi * TILT_CENTRE / sample_rate)
    b = np.array([g + w, w - g]) / (1.0 + g * w)
    a = np.array([1.0, (g * w - 1.0) / (1.0 + g * w)])
    changed: Audio = lfilter(b, a, audio, axis=-1).astype(np.float32)
    return changed


def finish(
    audio: Audio, excerpt: ExcerptOptions, plan: dict[str, float], rng: np.random.Generator
) -> Audio:
    """Tilt, add noise, fade the ends, set the peak level, then gain and polarity.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    excerpt : ExcerptOptions
        Rate, peak level and length of the fades.
    plan : dict of str to float
        From `draw_augmentation`.
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the same shape.
    """
    rate = excerpt.sample_rate
    if "tilt_db" in plan:
        audio = tilt(audio, rate, plan["tilt_db"])
    audio = to_peak(audio, excerpt.peak_dbfs)
    if "noise_dbfs" in plan:
        deviation = np.float32(10.0 ** (plan["noise_dbfs"] / 20.0))
        audio = audio + deviation * rng.standard_normal(audio.shape, dtype=np.float32)
    audio = to_peak(fade(audio, round(excerpt.fade * rate)), excerpt.peak_dbfs)
    scale = 10.0 ** (plan.get("gain_db", 0.0) / 20.0) * plan.get("polarity", 1.0)
    return audio * np.float32(scale) if scale != 1.0 else audio


def fade(audio: Audio, samples: int) -> Audio:
    """Fade in and out linearly over `samples`.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    samples : int
        Half of the audio at most.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the same shape.
    """
    samples = min(samples, audio.shape[1] // 2)
    if samples == 0:
        return audio
    ramp = np.linspace(0.0, 1.0, samples, dtype=np.float32)
    faded = audio.copy()
    faded[:, :samples] *= ramp
    faded[:, -samples:] *= ramp[::-1]
    return faded


def to_peak(audio: Audio, dbfs: float) -> Audio:
    """Scale to a peak level; silence stays silence.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    dbfs : float
        Wanted peak level.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the same shape.
    """
    peak = peak_of(audio)
    if peak <= 0.0:
        return audio
    return audio * np.float32(10.0 ** (dbfs / 20.0) / peak)


def to_loudness(
    audio: Audio, sample_rate: int, lufs: float, *, highest: float = np.inf
) -> Audio | None:
    """Scale to an integrated loudness.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    lufs : float
        Wanted loudness.
    highest : float, default inf
        Peak that is not to be exceeded, as an amplitude.

    Returns
    -------
    ndarray, float32, shape (channels, samples) or None
        None where it has no loudness, or would exceed that peak.
    """
    loudness = integrated_loudness(audio, sample_rate)
    if not np.isfinite(loudness):
        return None
    scaled: Audio = audio * np.float32(10.0 ** ((lufs - loudness) / 20.0))
    return scaled if float(np.abs(scaled).max()) <= highest else None
