"""Turns of an effect, measured where it runs, and what became of settings that were tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dialin.audio import Audio
from dialin.effects.spec import Settings
from dialin.matching.hearing.motion.ears import FIRST, bands_of
from dialin.measures.short_cepstra import Floats, impulse_cepstra
from dialin.measures.turning import Turning, turning

ENERGY = 0.25
"""How much energy counts for a shape, beside what phases tell."""

SILENCE = 0.1
"""Seconds after a train of impulses, in which late answers to them are heard."""


@dataclass(eq=False)
class TriedMotion:
    """Settings that were tried.

    Attributes
    ----------
    settings : ndarray
        Of the effect.
    turns : tuple of Turning or None
        In each band (`dialin.matching.hearing.motion.ears.BANDS`).
    frame : int
        Place of the band that tells most.
    rate : float
        At which they explain most, in hertz.
    score : float
        How much they explain there beyond what the input has by itself.
    scans : tuple of (int, ndarray, ndarray)
        Frame, rates and scores, where all rates were looked at.
    phased : float
        What of the score its phases tell, energy apart, where it was looked at near one rate.
    """

    settings: Settings
    turns: tuple[Turning | None, ...]
    frame: int
    rate: float
    score: float
    scans: tuple[tuple[int, Floats, Floats], ...] = ()
    phased: float = 0.0

    @property
    def worth(self) -> float:
        """How well its shape is the right one: of the score what its phases tell counts most.

        Energy is there as well where a shape is wrong; it leads to shapes and tells few apart.
        """
        return ENERGY * self.score + (1.0 - ENERGY) * min(self.phased, self.score)


def lasting(audio: Audio, start: int, step: int, count: int) -> float:
    """How much of an effect's answers comes later than the next impulse.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Answer to a `Train` that ends in `SILENCE`.
    start, step, count : int
        Of that.

    Returns
    -------
    float
        Share of energy, 0 to 1.
    """
    end = start + count * step
    whole = float((audio[0, start:end].astype(np.float64) ** 2).sum()) / count
    # What rings on after the last one is what each leaves to those after it.
    late = float((audio[0, end:].astype(np.float64) ** 2).sum())
    return min(1.0, late / max(whole, 1e-20))


def turns_of(
    audio: Audio,
    sample_rate: int,
    start: int,
    step: int,
    count: int,
    highest: float,
    rate: float | None,
    frame: int | None = None,
) -> tuple[float, tuple[Turning | None, ...]]:
    """Measure turns; runs where the effect is.

    Parameters
    ----------
    audio : ndarray, shape (channels, samples)
        Answer to a `Train` that ends in `SILENCE`.
    sample_rate : int
        In hertz.
    start, step, count : int
        Of that.
    highest : float
        End in hertz of the band.
    rate : float, optional
        In hertz, that is expected.
    frame : int, optional
        Place of the band to look at; `FIRST` by default.

    Returns
    -------
    late : float
        From `lasting`.
    turns : tuple of Turning or None
        None where nothing goes round, or was not looked at.
    """
    late = lasting(audio, start, step, count)
    heard = audio[:, start : start + count * step]
    turns: list[Turning | None] = []
    for number, (length, end) in enumerate(bands_of(highest)):
        if number not in (FIRST if frame is None else (frame,)):
            turns.append(None)
            continue
        cepstra = impulse_cepstra(heard, sample_rate, step, length, end)
        one = turning(cepstra, step / sample_rate, rate)
        turns.append(one)
        rate = rate if one is None else one.rate
    return late, tuple(turns)
