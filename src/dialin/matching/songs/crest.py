"""How the crest factor follows from a knob, without a render for every position.

A compressor's envelope follower does not hear its threshold or its ratio: one render through the
lowest threshold tells the envelope of every sample, and energy and peak by the level of the
envelope tell the crest factor at any threshold and ratio. In the same way energy by the size of
the samples tells it behind a curve, and energy by gain behind an expander.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, peak_of, to_db
from dialin.effects import open_effect
from dialin.effects.builtin_table import builtin_spec
from dialin.effects.effect import Stream

Values = NDArray[np.float64]
Factors = NDArray[np.floating[Any]]

BLOCK = 1 << 18

STEP_DB = 0.02
"""Width of a bin."""

LOWEST_DB, HIGHEST_DB = -100.0, 20.0

QUIET = -240.0
"""Decibels of silence."""

THRESHOLD_DB, RATIO = -60.0, 4.0
"""At which an envelope is heard: what lies below is never compressed, as thresholds end there."""

EVERY = 16
"""One sample of so many is weighed for the energy."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Energy and peaks of a song's samples, sorted by a level that each of them has.

    Attributes
    ----------
    decibels : ndarray, shape (bins,)
        The level.
    energy : ndarray, shape (bins,)
        Share of the mean square over samples and channels.
    peak : ndarray, shape (bins,)
        Largest sample.
    """

    decibels: Values
    energy: Values
    peak: Values

    def crest(self, gain_db: Values) -> float:
        """Peak over RMS, in decibels, where samples are turned up by the gain of their level.

        Parameters
        ----------
        gain_db : ndarray, shape (bins,)
            Decibels.

        Returns
        -------
        float
        """
        gain = 10.0 ** (gain_db / 20.0)
        square = float(self.energy @ np.square(gain))
        return float(to_db((self.peak * gain).max(), QUIET) - to_db(square, QUIET) / 2)

    def compressed(self, threshold: float, ratio: float) -> float:
        """The crest factor behind a compressor, where the level is that of its envelope.

        Parameters
        ----------
        threshold : float
            In decibels.
        ratio : float
            1 or more.

        Returns
        -------
        float
        """
        return self.crest(np.minimum(0.0, (self.decibels - threshold) * (1.0 / ratio - 1.0)))

    def saturated(self, drive: float) -> float:
        """The crest factor behind ``tanh(drive x)``, where the level is that of the samples.

        Parameters
        ----------
        drive : float
            In decibels.

        Returns
        -------
        float
        """
        size = 10.0 ** (self.decibels / 20.0)
        return self.crest(20 * np.log10(np.tanh(10.0 ** (drive / 20.0) * size) / size))


class _Sorter:
    """Sorts samples into bins."""

    def __init__(self) -> None:
        count = round((HIGHEST_DB - LOWEST_DB) / STEP_DB)
        self._energy, self._peak, self._weighed = np.zeros(count), np.zeros(count), 0

    def weigh(self, dry: Audio, level: Factors) -> None:
        """Sort the energy of samples by their levels, as factors."""
        squares = np.square(dry, dtype=np.float64)
        self._energy += np.bincount(self._bins(level), weights=squares, minlength=self._energy.size)
        self._weighed += squares.size

    def reach(self, dry: Audio, level: Factors) -> None:
        """Sort samples that may become peaks."""
        np.maximum.at(self._peak, self._bins(level), np.abs(dry))

    def _bins(self, factor: Factors) -> NDArray[np.intp]:
        with np.errstate(divide="ignore", invalid="ignore"):
            decibels = np.nan_to_num(20 * np.log10(factor), nan=LOWEST_DB, neginf=LOWEST_DB)
        bins = ((decibels - LOWEST_DB) / STEP_DB).astype(np.intp)
        return np.asarray(np.clip(bins, 0, self._energy.size - 1))

    def levels(self) -> Levels:
        middle = LOWEST_DB + STEP_DB * (np.arange(self._energy.size, dtype=np.float64) + 0.5)
        return Levels(middle, self._energy / max(1, self._weighed), self._peak)


def envelope_levels(audio: Audio, sample_rate: int, *, attack: float, release: float) -> Levels:
    """Samples of a song by the level that the built-in compressor hears while they sound.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    attack, release : float
        Of the compressor, in milliseconds.

    Returns
    -------
    Levels
    """
    knobs = {"threshold": THRESHOLD_DB, "ratio": RATIO, "attack": attack, "release": release}
    settings = builtin_spec("compressor").vector(knobs)
    stream = open_effect("builtin:compressor").stream(sample_rate, audio.shape[0], settings)
    sorter, done = _Sorter(), 0
    floor = 10.0 ** (THRESHOLD_DB / 20.0)

    # Of two samples above the threshold the larger one stays the larger, wherever it is; what is
    # below it is turned down less. The envelope at the song's largest sample is at most its size:
    # what is smaller than that would make of it is never a peak.
    least = floor ** (1.0 - 1.0 / RATIO) * peak_of(audio) ** (1.0 / RATIO)

    def envelope(dry: Audio, wet: Audio) -> Values:
        # The gain is (envelope / threshold) ** (1 / ratio - 1) above the threshold.
        return np.asarray(floor * _ratio(dry, wet) ** (1.0 / (1.0 / RATIO - 1.0)))

    for wet in _rendered(stream, audio):
        for dry, through in zip(audio[:, done : done + wet.shape[1]], wet, strict=True):
            sorter.weigh(dry[::EVERY], envelope(dry[::EVERY], through[::EVERY]))
            near = np.flatnonzero(np.abs(through) > 0.999 * least)
            sorter.reach(dry[near], envelope(dry[near], through[near]))
        done += wet.shape[1]
    return sorter.levels()


def sample_levels(audio: Audio) -> Levels:
    """Samples of a song by their own size.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.

    Returns
    -------
    Levels
    """
    sorter = _Sorter()
    for channel in audio:
        chosen = channel[::EVERY]
        sorter.weigh(chosen, np.abs(chosen))
    peak = np.array([peak_of(audio)], dtype=np.float32)
    sorter.reach(peak, peak)
    return sorter.levels()


def gain_levels(audio: Audio, wet: Audio) -> Levels:
    """Samples of a song by the gain that an effect gave them.

    Parameters
    ----------
    audio, wet : ndarray, float32, shape (channels, samples)
        Before and behind the effect.

    Returns
    -------
    Levels
    """
    sorter = _Sorter()
    for dry, through in zip(audio, wet, strict=True):
        sorter.weigh(dry[::EVERY], _ratio(dry[::EVERY], through[::EVERY]))
        for start in range(0, dry.size, BLOCK):
            pair = dry[start : start + BLOCK], through[start : start + BLOCK]
            # Gains are slow: the largest samples of a moment, before and behind, stand for it.
            for size in map(np.abs, pair):
                whole = size.size // EVERY * EVERY
                places = size[:whole].reshape(-1, EVERY).argmax(axis=1)
                places = np.append(places + np.arange(0, whole, EVERY), size.argmax())
                sorter.reach(pair[0][places], _ratio(pair[0][places], pair[1][places]))
    return sorter.levels()


def _ratio(dry: Audio, wet: Audio) -> Values:
    """Gains; 1 where there is silence."""
    there = dry != 0
    return np.asarray(np.abs(np.divide(wet, dry, out=np.ones_like(dry), where=there)))


def _rendered(stream: Stream, audio: Audio) -> Iterator[Audio]:
    for start in range(0, audio.shape[1], BLOCK):
        yield stream.process(audio[:, start : start + BLOCK])
    yield stream.finish()


def least_amount(crest: Callable[[float], float], wanted: float, most: float, step: float) -> float:
    """The least amount of something at which the crest factor is down to what is wanted.

    What also works on the body of the sound raises the crest again: where it never gets there, or
    rises by a decibel first, the amount of the least crest factor is taken.

    Parameters
    ----------
    crest : callable
        Crest factor at an amount, in decibels.
    wanted : float
        In decibels.
    most, step : float
        Largest amount, and how near it is found.

    Returns
    -------
    float
    """
    least = last = (crest(0.0), 0.0)
    for amount in np.arange(1, round(most / step) + 1) * step:
        here = (crest(float(amount)), float(amount))
        if here[0] <= wanted:
            share = (last[0] - wanted) / max(last[0] - here[0], 1e-9)
            return last[1] + float(np.clip(share, 0, 1)) * (here[1] - last[1])
        least, last = min(least, here), here
        if here[0] > least[0] + 1.0:
            break
    return least[1]
