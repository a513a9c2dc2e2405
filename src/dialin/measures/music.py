"""Measures of music that need no alignment: what an effect does to levels and their modulation.

Conventions
-----------
* Audio is ``(channels, samples)``; each channel is measured, and the mean taken.
* The result and the truth are the same music; neither measure cares for a few milliseconds.

References
----------
Martínez Ramírez, Benetos & Reiss, "Deep learning for black-box modeling of audio effects", Applied
Sciences 10 (2020): modulation spectra of gammatone bands, for tremolo, Leslie and other effects
that errors of waveforms and of short-time spectra fail at. Patterson et al., "An efficient auditory
filterbank based on the gammatone function" (1987): the filters, fourth order.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.audio import fourier as sfft
from dialin.measures.batches import compare
from dialin.measures.transforms import hann

Floats = NDArray[np.float64]

BANDS, LOWEST_HZ, HIGHEST_HZ = 40, 40.0, 16_000.0
FRAME_SECONDS = 0.15
RANGE_DB = 60.0

GAMMATONES, GAMMATONE_HZ = 12, (26.0, 6950.0)
ENVELOPE_RATE = 400
MODULATIONS, MODULATION_HZ = 12, (0.5, 100.0)
MODULATION_FLOOR = 1e-6


@functools.lru_cache(maxsize=8)
def _bands(size: int, rate: int) -> Floats:
    """Bands equally wide in mel, ``(bins, bands)``; those beyond the rate are empty."""
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (LOWEST_HZ, HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 1) / 2595) - 1)
    bins = np.arange(size // 2 + 1) * rate / size
    held = (bins[:, None] >= edges[:-1]) & (bins[:, None] < edges[1:])
    held[:, edges[1:] > 0.49 * rate] = False
    return held.astype(np.float64)


def coarse_levels(audio: Audio, sample_rate: int) -> Floats:
    """Power of 40 bands in frames of 150 ms, half overlapping, Hann.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        At any level; full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, shape (channels, frames, bands)
        At least one frame: shorter sounds are padded. Bands that the rate cannot hold are left out.
    """
    size = round(FRAME_SECONDS * sample_rate)
    padded = np.pad(audio, ((0, 0), (0, max(0, size - audio.shape[1]))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, :: size // 2]
    spectra = sfft.rfft(frames * hann(size), axis=2)
    bank = _bands(size, sample_rate)
    return np.asarray((spectra.real**2 + spectra.imag**2) @ bank[:, bank.any(axis=0)])


def coarse_difference(prediction: Audio, truth: Audio, sample_rate: int) -> float:
    """Mean absolute difference of 40 band levels over frames of 150 ms, in dB.

    Bands and frames 60 dB below the truth's loudest count as that low. Insensitive to samples and
    phases, and to where in a few milliseconds an echo lies; it hears that there is one.

    Parameters
    ----------
    prediction, truth : ndarray, shape (channels, samples)
        What is judged.
    sample_rate : int
        In hertz.

    Returns
    -------
    float
    """
    mine, theirs = coarse_levels(prediction, sample_rate), coarse_levels(truth, sample_rate)
    floor = max(float(theirs.max()) * 10 ** (-RANGE_DB / 10), 1e-20)
    gap = 10 * np.log10(np.maximum(mine, floor) / np.maximum(theirs, floor))
    return float(np.abs(gap).mean())


def modulation_energies(audio: Audio, sample_rate: int) -> Floats:
    """Energies of envelope modulation in dB, re each band's mean level.

    Twelve gammatone bands from 26 to 6,950 Hz, their envelopes at 400 Hz, twelve filters of one
    octave's width from 0.5 to 100 Hz on each.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, shape (channels, bands, modulations)
        -60 dB at least; NaN for bands beyond the rate, or 60 dB below the loudest.
    """
    samples = audio.shape[1]
    size = sfft.next_fast_len(samples)
    spectrum = sfft.rfft(audio.astype(np.float64), size, axis=1)
    bins = np.arange(size // 2 + 1) * sample_rate / size
    count = max(2, round(samples / sample_rate * ENVELOPE_RATE))
    slow = np.arange(count // 2 + 1) * ENVELOPE_RATE / count
    centres = np.geomspace(*MODULATION_HZ, MODULATIONS)
    with np.errstate(divide="ignore"):
        octave = np.log2(np.maximum(slow, 1e-9)[:, None] / centres)
    # Second-order band-passes of Q = 1.4, on a logarithmic axis.
    passes = 1 / (1 + (1.4 * (2.0**octave - 2.0**-octave)) ** 2)
    result = np.full((audio.shape[0], GAMMATONES, MODULATIONS), np.nan)
    for band, hertz in enumerate(_gammatone_centres()):
        if hertz > 0.45 * sample_rate:
            break
        width = 1.019 * 24.7 * (4.37 * hertz / 1000 + 1)
        one_sided = np.zeros((audio.shape[0], size), dtype=np.complex128)
        one_sided[:, : bins.size] = 2 * spectrum * (1 + 1j * (bins - hertz) / width) ** -4
        envelope = np.abs(sfft.ifft(one_sided, axis=1))[:, :samples]
        edges = np.linspace(0, samples, count + 1).astype(int)
        envelope = np.add.reduceat(envelope, edges[:-1], axis=1) / np.diff(edges)
        mean = envelope.mean(axis=1, keepdims=True)
        relative = envelope / np.maximum(mean, 1e-12) - 1
        power = np.square(np.abs(sfft.rfft(relative, axis=1))) / count**2
        energies = 10 * np.log10(np.maximum(power @ passes, MODULATION_FLOOR))
        result[:, band] = np.where(mean > 1e-6, energies, np.nan)
    return result


@functools.cache
def _gammatone_centres() -> tuple[float, ...]:
    """Centres equally spaced on the scale of equivalent rectangular bandwidths."""
    low, high = (np.log(1 + 0.00437 * f) for f in GAMMATONE_HZ)
    return tuple(float(f) for f in (np.exp(np.linspace(low, high, GAMMATONES)) - 1) / 0.00437)


def modulation_difference(prediction: Audio, truth: Audio, sample_rate: int) -> float:
    """Root mean square difference of modulation energies in dB, over bands and modulations.

    NaN where no band can be compared.

    Parameters
    ----------
    prediction : ndarray, float32, shape (channels, samples)
        What is judged; of any length.
    truth : ndarray, float32, shape (channels, samples)
        What it should sound like, of as many channels.
    sample_rate : int
        In hertz.

    Returns
    -------
    float
        In decibels.
    """
    mine = modulation_energies(prediction, sample_rate)
    theirs = modulation_energies(truth, sample_rate)
    gap = np.square(mine - theirs)
    return float(np.sqrt(np.nanmean(gap))) if np.isfinite(gap).any() else float("nan")


def coarse_distance(prediction: Any, truth: Any, sample_rate: int) -> Any:
    """`coarse_difference` as a metric: of a pair or a batch, checked, of one length.

    Parameters
    ----------
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz.

    Returns
    -------
    float, or ndarray of shape (items,)
    """
    return compare(coarse_difference, prediction, truth, sample_rate, paired=True)


def modulation_distance(prediction: Any, truth: Any, sample_rate: int) -> Any:
    """`modulation_difference` as a metric: of a pair or a batch, checked, of one length.

    Parameters
    ----------
    prediction : array_like, shape (samples,), (channels, samples) or (items, channels, samples)
        What is judged.
    truth : array_like
        Of as many dimensions.
    sample_rate : int
        In hertz.

    Returns
    -------
    float, or ndarray of shape (items,)
    """
    return compare(modulation_difference, prediction, truth, sample_rate, paired=True)
