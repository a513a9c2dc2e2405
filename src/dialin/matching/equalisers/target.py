"""What an equaliser should do: the difference of two long-term spectra, as the ear resolves it.

Conventions
-----------
* Spectra are power densities in the bands of `dialin.measures.song`; targets are in decibels, in
  the same bands, and free of level: an equaliser is not asked to be a volume knob.
* Loud parts are compared with loud ones and quiet parts with quiet ones: the segments of each song
  are sorted by level into `GROUPS` of equal number, and the differences of groups of the same rank
  are averaged by how much of the song's energy they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.measures.song import SongFacts, band_centres

Values = NDArray[np.float64]

EDGES_DB = (-5.0, -12.0)
"""Decibels re a song's loud segments (their 90th percentile) between loud, middle and quiet."""

GROUPS = len(EDGES_DB) + 1

LEAST_SHARE = 0.03
"""Share of the segments below which a group is left out."""

SMOOTH = 1.0 / 3.0
"""Octaves over which spectra are averaged: about the ear's own resolution."""

MAX_EQ = 18.0
"""Decibels that an equaliser may turn up or down, if nothing else is asked for."""

NOTHING_DB, SOMETHING_DB = -95.0, -80.0
"""Density, re the strongest band's, at which there is nothing in a band, and surely something."""

LEAST_WEIGHT = 0.02

HEARD_HZ = (35.0, 18_000.0)
"""Bands outside count half: few loudspeakers play them, and recordings end there."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """Long-term spectra of a song, from its quiet to its loud parts.

    Attributes
    ----------
    middle, side : ndarray, float64, shape (GROUPS, bands)
        Power densities times the share of the time; 0 in a group that the song has not.
    """

    middle: Values
    side: Values

    @property
    def width(self) -> float:
        """Share of the side in the energy, 0 to 1."""
        wide = _octaves()
        side, all_ = (self.side * wide).sum(), ((self.side + self.middle) * wide).sum()
        return float(side / all_) if all_ > 0 else 0.0


def _octaves() -> Values:
    """Width of each band, up to a factor."""
    return band_centres()


def song_spectra(facts: SongFacts) -> Spectra:
    """Spectra of the parts of a song that are music, by level.

    Parameters
    ----------
    facts : SongFacts
        With spectra.

    Returns
    -------
    Spectra
    """
    segments = np.flatnonzero(facts.music_segments)
    power = ((facts.middle + facts.side) * _octaves()).sum(axis=1)[segments]
    level = 10 * np.log10(power + 1e-20)
    rank = np.searchsorted(-np.asarray(EDGES_DB), np.percentile(level, 90) - level, side="right")
    # From the quiet to the loud; a group of next to nothing says nothing.
    groups = [segments[rank == number] for number in reversed(range(GROUPS))]
    groups = [g if g.size >= LEAST_SHARE * segments.size else g[:0] for g in groups]

    def mean(rows: Values) -> Values:
        return np.array(
            [
                np.average(rows[g], axis=0, weights=facts.frames[g])
                if g.size
                else np.zeros(rows.shape[1])
                for g in groups
            ]
        )

    times = np.array([float(facts.frames[g].sum()) for g in groups])[:, None] / facts.frames.sum()
    return Spectra(mean(facts.middle) * times, mean(facts.side) * times)


def smoothed(power: Values, octaves: float) -> Values:
    """Densities averaged over a width in octaves, bands at its edges in part.

    Parameters
    ----------
    power : ndarray, float64, shape (..., bands)
        Power densities.
    octaves : float
        0 for no change.

    Returns
    -------
    ndarray, float64, shape (..., bands)
    """
    reach = max(0.0, 12.0 * octaves / 2 - 0.5)
    steps = int(np.ceil(reach))
    if not steps:
        return power
    wide = _octaves()
    total, weight = np.zeros_like(power), np.zeros(power.shape[-1])
    for step in range(-steps, steps + 1):
        share = min(1.0, reach + 1 - abs(step))
        low, high = max(0, -step), power.shape[-1] - max(0, step)
        here = slice(low, high)
        there = slice(low + step, high + step)
        total[..., here] += share * power[..., there] * wide[there]
        weight[here] += share * wide[there]
    return np.asarray(total / weight)


@dataclass(frozen=True, eq=False)
class EqTarget:
    """What is wanted of an equaliser.

    Attributes
    ----------
    hertz : ndarray, shape (bands,)
    wanted : ndarray, shape (bands,)
        Decibels; their weighted mean is 0.
    weight : ndarray, shape (bands,)
        How much each band counts, 0 to 1.
    level : float
        Decibels by which the whole should be louder.
    """

    hertz: Values
    wanted: Values
    weight: Values
    level: float

    def error(self, response: Values) -> float:
        """Weighted mean absolute difference that a response leaves, in decibels.

        Parameters
        ----------
        response : ndarray, shape (bands,)
            In decibels, of any level.

        Returns
        -------
        float
        """
        gap = response - self.wanted
        gap = gap - np.average(gap, weights=self.weight)
        return float(np.average(np.abs(gap), weights=self.weight))


def eq_target(
    own: Values,
    wanted: Values,
    *,
    nyquist: float,
    smooth: float = SMOOTH,
    max_eq: float = MAX_EQ,
    max_cut: float | None = None,
) -> EqTarget:
    """From spectra of input and reference to what an equaliser should do.

    Parameters
    ----------
    own, wanted : ndarray, shape (GROUPS, bands)
        Power densities of the input and of the reference.
    nyquist : float
        Frequency in hertz above which there is nothing in one of them.
    smooth : float, default SMOOTH
        Octaves.
    max_eq : float, default MAX_EQ
        Decibels beyond which nothing is asked for.
    max_cut : float, optional
        The same where it is to be turned down.

    Returns
    -------
    EqTarget
    """
    hertz = band_centres()
    have, want = (smoothed(rows, smooth) for rows in (own, wanted))
    weight = np.minimum(_there(have.sum(axis=0)), _there(want.sum(axis=0)))
    weight = weight * np.where((hertz >= HEARD_HZ[0]) & (hertz <= HEARD_HZ[1]), 1.0, 0.5)
    weight = np.where(hertz < 0.95 * nyquist, weight, 0.0)
    if not weight.any():
        return EqTarget(hertz, np.zeros(hertz.size), np.ones(hertz.size), 0.0)
    energies = [(rows * _octaves()).sum(axis=1) for rows in (have, want)]
    both = (energies[0] > 0) & (energies[1] > 0)
    if not both.any():  # no group in common: the songs as they are
        have, want = (rows.sum(axis=0, keepdims=True) for rows in (have, want))
        energies = [(rows * _octaves()).sum(axis=1) for rows in (have, want)]
        both = np.ones(1, dtype=bool)
    # Each group counts alike in both songs: that one is quiet for longer is no matter of tone.
    energies = [energy[both] + 1e-20 for energy in energies]
    shares = np.mean([energy / energy.sum() for energy in energies], axis=0)
    mixed = [
        ((shares / energy) @ rows[both]) + 1e-12
        for rows, energy in zip((have, want), energies, strict=True)
    ]
    gap = 10 * np.log10(mixed[1] / mixed[0])
    loud = 10 * np.log10(energies[1].sum() / energies[0].sum())
    centre = float(np.average(gap, weights=weight))
    cut = max_eq if max_cut is None else max_cut
    return EqTarget(hertz, np.clip(gap - centre, -cut, max_eq), weight, centre + float(loud))


def _there(density: Values) -> Values:
    """How surely there is something in each band, `LEAST_WEIGHT` to 1."""
    level = 10 * np.log10(density / max(float(density.max()), 1e-20) + 1e-20)
    share = (level - NOTHING_DB) / (SOMETHING_DB - NOTHING_DB)
    return np.clip(share, LEAST_WEIGHT, 1.0)
