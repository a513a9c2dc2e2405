"""Spectra and levels of a recording in bands: what style features and others start from.

Conventions
-----------
* Every recording is brought to the same level first (its loudest 50 ms at -20 dBFS).
* Frequencies are in Hz, not bins: recordings of different rates compare. Bands that a rate cannot
  hold are NaN, and so are width and balance of a mono recording.
* Frames are about 46 ms (the nearest power of two), half overlapping, Hann.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.measures.style_spectra import FLOOR, FilterBank, hann, style_spectra

BANDS = 40
LOWEST_HZ, HIGHEST_HZ = 40.0, 16_000.0
GROUPS = 8
"""Groups of neighbouring bands."""
SHARED_HZ = 11_000.0
"""Up to here the fine spectrum is looked at."""


@dataclass(frozen=True, eq=False)
class SpectralAnalysis:
    """What all families start from: one set of spectra, and what several of them ask of it.

    Attributes
    ----------
    rate : int
        In hertz.
    mono : ndarray, float32, shape (samples,)
        Middle of the scaled sound.
    bands : ndarray, float64, shape (frames, BANDS)
        Power in each band; NaN beyond the rate.
    width, balance, correlation : ndarray or None
        Of the channels, by band; None for mono.
    spectrum : ndarray, float64
        Mean log spectrum.
    step : float
        Seconds from frame to frame.
    envelope : ndarray, float64
        Power in blocks of 5 ms.
    gain : float
        That the sound was scaled by.
    """

    rate: int
    mono: NDArray[np.float32]
    bands: NDArray[np.float64]
    width: NDArray[np.float64] | None
    balance: NDArray[np.float64] | None
    correlation: NDArray[np.float64] | None
    spectrum: NDArray[np.float64]
    step: float
    envelope: NDArray[np.float64]
    gain: float

    @functools.cached_property
    def decibels(self) -> NDArray[np.float64]:
        """Levels of the bands; NaN where the rate cannot hold one."""
        return decibels_of(self.bands)

    @functools.cached_property
    def floored(self) -> NDArray[np.float64]:
        """The same, at the floor where the rate cannot hold a band."""
        return np.where(np.isnan(self.decibels), 10 * np.log10(FLOOR), self.decibels)

    @functools.cached_property
    def level(self) -> NDArray[np.float64]:
        """Level of each frame."""
        present = ~np.isnan(self.bands[0])
        return decibels_of(self.bands[:, present].mean(axis=1))

    @functools.cached_property
    def active(self) -> NDArray[np.bool_]:
        """Frames within 45 dB of the loudest."""
        return np.asarray(self.level > self.level.max() - 45.0)

    @functools.cached_property
    def active_decibels(self) -> NDArray[np.float64]:
        """`decibels` of the active frames, ``(bands, frames)``: rows are sorted faster."""
        return np.ascontiguousarray(self.decibels[self.active].T)


def frame_length(sample_rate: int) -> int:
    """Power of two nearest to 46 ms.

    Parameters
    ----------
    sample_rate : int
        In hertz.

    Returns
    -------
    int
        In samples.
    """
    return int(2 ** round(np.log2(0.046 * sample_rate)))


@functools.lru_cache(maxsize=16)
def _filter_bank(length: int, rate: int) -> FilterBank:
    """Triangular bands, equally spaced in mel (Slaney's break at 1 kHz is not needed here)."""

    def mel(f: NDArray[np.float64]) -> NDArray[np.float64]:
        return 2595 * np.log10(1 + f / 700)

    lowest, highest = mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges_mel = np.linspace(lowest, highest, BANDS + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    frequencies = np.arange(length // 2 + 1) * rate / length
    rise = (frequencies[:, None] - edges[:-2]) / np.maximum(np.diff(edges)[:-1], 1e-9)
    fall = (edges[2:] - frequencies[:, None]) / np.maximum(np.diff(edges)[1:], 1e-9)
    bank = np.maximum(0.0, np.minimum(rise, fall))
    # A band narrower than a bin takes the nearest bin.
    for band in np.flatnonzero(bank.sum(0) < 1e-6):
        bank[int(np.argmin(np.abs(frequencies - edges[band + 1]))), band] = 1.0
    bank /= bank.sum(0)
    present = edges[2:] <= 0.49 * rate
    return FilterBank(bank.astype(np.float32), present)


def analyse(sound: Audio, rate: int) -> SpectralAnalysis:
    """Take the spectra and levels that all features start from.

    Parameters
    ----------
    sound : ndarray, float32, shape (channels, samples)
        From `dialin.audio.without_infrasound`; two channels at most.
    rate : int
        In hertz.

    Returns
    -------
    SpectralAnalysis
    """
    length = frame_length(rate)
    shortest = max(length, int(0.2 * rate))
    if sound.shape[1] < shortest:
        sound = np.pad(sound, ((0, 0), (0, shortest - sound.shape[1])))
    block = max(1, rate // 200)
    envelope = _block_power(sound, block)
    loudest = np.convolve(envelope, np.ones(10) / 10, mode="valid").max(initial=0.0)
    gain = 0.1 / np.sqrt(loudest) if loudest > 1e-12 else 0.0
    # Scaled before it is squared: no sound is too loud or too soft for float32 then.
    sound = _times(sound, gain)
    mono = _one_channel(sound)
    envelope = envelope * gain**2
    bank = _filter_bank(length, rate)
    # Power for each Hz, whatever the rate, so that the floor lies as deep everywhere.
    scale = 24_000 / rate / float((hann(length) ** 2).sum())
    shared = 1 + min(length // 2, int(SHARED_HZ * length / rate))
    spectra = style_spectra(sound, length, bank, scale, shared)
    bands = spectra.bands
    bands[:, ~bank.present] = np.nan
    width = balance = correlation = None
    if sound.shape[0] == 2:
        left, right, both = (x @ bank.weights for x in (spectra.left, spectra.right, spectra.both))
        middle = (left + right) / 4 + both / 2
        side = (left + right) / 4 - both / 2
        tiny = FLOOR / max(scale, 1e-30)
        width = 10 * np.log10(np.maximum(side, 0) + tiny) - 10 * np.log10(
            np.maximum(middle, 0) + tiny
        )
        balance = 10 * np.log10(left + tiny) - 10 * np.log10(right + tiny)
        correlation = both / (np.sqrt(left * right) + tiny)
        width[~bank.present] = balance[~bank.present] = np.nan
        correlation[~bank.present] = np.nan
    return SpectralAnalysis(
        rate,
        mono,
        bands,
        width,
        balance,
        correlation,
        spectra.logs,
        length / 2 / rate,
        envelope,
        gain,
    )


def _times(sound: Audio, gain: float) -> Audio:
    """Scaled; in float64 where the factor, or the sound, is beyond what float32 can hold well."""
    if 1e-15 < gain < 1e15:
        return sound * np.float32(gain)
    return (sound * np.float64(gain)).astype(np.float32)


def _one_channel(sound: Audio) -> NDArray[np.float32]:
    """Middle of a stereo signal; its sides where they are stronger, so that nothing cancels."""
    if sound.shape[0] == 1:
        return np.asarray(sound[0])
    middle, side = (sound[0] + sound[1]) / 2, (sound[0] - sound[1]) / 2
    return np.asarray(side if np.dot(side, side) > np.dot(middle, middle) else middle)


def _block_power(sound: Audio, block: int) -> NDArray[np.float64]:
    count = sound.shape[1] // block
    cut = sound[:, : count * block].reshape(sound.shape[0], count, block)
    power = np.einsum("cbk,cbk->b", cut, cut, dtype=np.float64) / (block * sound.shape[0])
    return np.asarray(power)


def decibels_of(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power in decibels, silence at the floor.

    Parameters
    ----------
    power : ndarray, float64
        Of any shape.

    Returns
    -------
    ndarray, float64
        Of the same shape.
    """
    return 10 * np.log10(power + FLOOR)


def grouped(values: NDArray[np.float64], groups: int = GROUPS) -> NDArray[np.float64]:
    """Mean of neighbouring bands along the last axis; NaN where a group has no band.

    Parameters
    ----------
    values : ndarray, float64, shape (..., bands)
        NaN for bands that the rate cannot hold.
    groups : int
        How many are made of them.

    Returns
    -------
    ndarray, float64, shape (..., groups)
    """
    starts = group_starts(values.shape[-1], groups)
    absent = np.isnan(values)
    count = np.add.reduceat(~absent, starts, axis=-1, dtype=np.intp)
    total = np.add.reduceat(np.where(absent, 0.0, values), starts, axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@functools.cache
def group_starts(count: int, groups: int) -> list[int]:
    """Where groups of as many as possible begin, as `numpy.array_split` has them.

    Parameters
    ----------
    count : int
        What is divided.
    groups : int
        Into how many.

    Returns
    -------
    list of int
    """
    sizes = [count // groups + (group < count % groups) for group in range(groups)]
    return [0, *itertools.accumulate(sizes[:-1])]
