"""Which lines of symmetry a reference has beyond the input, and of which carriers they may be.

A ring modulator leaves a line at its carrier, and with feedback at the multiples of half the
carrier (`dialin.measures.carriers`), any of which may stand out most. Music leaves lines too, where
a tone is held or nothing sounds for a while: what counts is in both halves of a recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from dialin.audio import Audio
from dialin.measures.carriers import (
    LINE_FLOOR,
    LOWEST_HZ,
    NEAR_HZ,
    Floats,
    symmetry_lines,
    symmetry_near,
    symmetry_spectrum,
)

Line = tuple[float, float]
"""Frequency in hertz, and sigma."""

SURE = 12.0
"""Sigma of a line where recordings are too short to be halved; dry pieces of music reach 8."""

HALF_SECONDS, LASTING, HALF_PLAIN = 2.0, 9.5, 6.0
"""Length of halves that are asked, sigma in the whole, and in each half. Of 50 carriers in music of
the validation split 46 have that, and of 500 dry pieces one."""

HALF_FAINT, HALF_SHARE, TOGETHER = 5.0, 0.3, 57.0
"""Where a half shows less: how much, as a share of the whole, and the product of both. Two of the
four others have that, and no dry piece."""

COMB, COMB_HALF, COMB_LINES, COMB_FROM = 9.5, 1.0, 5, 6.0
"""Where no line is sure by itself: what all multiples of a frequency must come to (`_together`) in
the whole and in each half, how many there must be, and sigma of the lines whose parts are tried.
One of the two left has that; of 500 dry pieces none with so many lines comes to more than 7.9."""

MOST_LINES = 24
"""Lines that are told of a reference."""

MULTIPLES, SUREST, TEETH, MOST_CARRIERS = 6, 5, 4, 8
"""Multiples of half a carrier that one of the surest lines may be, how many these are, how many of
the lowest multiples should be there, and carriers that are handed on beside the lines."""


def reference_lines(
    own: tuple[Audio, int], references: Sequence[tuple[Audio, int, float]]
) -> list[Line]:
    """Lines that references have beyond the input: those that last, then what stands beside them.

    Parameters
    ----------
    own : (ndarray, int)
        Audio of the input, shape (channels, samples), and its rate in hertz.
    references : sequence of (ndarray, int, float)
        Audio, rate and weight of each.

    Returns
    -------
    list of (float, float)
        Frequency in hertz and sigma, the surest first of both kinds; none where nothing is sure.
    """
    mine = [hertz for hertz, sigma in symmetry_lines(*own) if sigma >= 0.5 * SURE]
    lasting: list[Line] = []
    others: list[Line] = []
    for audio, rate, _ in references:
        sure, beside = _lasting(audio, rate, mine)
        lasting += sure
        others += beside
    lines = [*sorted(lasting, key=_sigma, reverse=True), *sorted(others, key=_sigma, reverse=True)]
    return lines[:MOST_LINES]


def _lasting(
    audio: Audio, sample_rate: int, mine: Sequence[float]
) -> tuple[list[Line], list[Line]]:
    """Sure lines of a recording, and the others; none where none are sure."""
    whole = symmetry_spectrum(audio, sample_rate)
    lines = [
        (line, sigma)
        for line, sigma in symmetry_lines(audio, sample_rate, MOST_LINES, spectrum=whole)
        if sigma > LINE_FLOOR and all(abs(line - other) > 1.0 for other in mine)
    ]
    middle = audio.shape[1] // 2
    if middle < HALF_SECONDS * sample_rate:
        sure = [line for line in lines if _sigma(line) >= SURE]
    else:
        halves = [
            symmetry_spectrum(half, sample_rate) for half in (audio[:, :middle], audio[:, middle:])
        ]
        sure = [line for line in lines if _lasts(line, halves)]
        if not sure and _is_comb(lines, halves):
            sure = lines
    return (sure, [line for line in lines if line not in sure]) if sure else ([], [])


def _lasts(line: Line, halves: Sequence[tuple[Floats, Floats]]) -> bool:
    """Whether a line is in the whole and in both halves."""
    hertz, sigma = line
    least = min(symmetry_near(*half, hertz) for half in halves)
    faint = max(HALF_FAINT, HALF_SHARE * sigma, TOGETHER / sigma)
    return sigma >= LASTING and least >= min(HALF_PLAIN, faint)


def _is_comb(lines: Sequence[Line], halves: Sequence[tuple[Floats, Floats]]) -> bool:
    """Whether lines are multiples of one frequency, sure together and in both halves."""
    for line, sigma in lines:
        for part in range(1, MULTIPLES + 1) if sigma >= COMB_FROM else ():
            teeth = [(f, s) for f, s in lines if _is_multiple(f, line / part)]
            if line / part < LOWEST_HZ or len(teeth) < COMB_LINES:
                continue
            if _together(s for _, s in teeth) >= COMB and all(
                _together(symmetry_near(*half, f) for f, _ in teeth) >= COMB_HALF for half in halves
            ):
                return True
    return False


def _together(sigmas: Iterable[float]) -> float:
    """What lines come to together, above the noise that stands everywhere."""
    return float(np.sqrt(sum(max(s - LINE_FLOOR, 0.0) ** 2 for s in sigmas)))


def _is_multiple(hertz: float, base: float) -> bool:
    return round(hertz / base) > 0 and abs(hertz - round(hertz / base) * base) <= NEAR_HZ


def carriers_of(lines: Sequence[Line]) -> list[tuple[float, float]]:
    """Carriers that lines may be of, and how likely each is, the likeliest first.

    Those are the likelier of whose halves the multiples explain more of the lines, and of which
    the lowest multiples are there.

    Parameters
    ----------
    lines : sequence of (float, float)
        Frequency in hertz and sigma, the surest first; from `reference_lines`.

    Returns
    -------
    list of (float, float)
        Frequency in hertz, and from 0 to 1: `MOST_CARRIERS` at most, and the surest lines
        themselves.

    Examples
    --------
    >>> carriers_of([(300.0, 20.0), (150.0, 15.0), (450.0, 9.0)])[0]
    (300.0, 0.875)
    """
    weights = {hertz: (sigma - LINE_FLOOR) ** 2 for hertz, sigma in lines}
    total = sum(weights.values())
    ranked: list[tuple[float, float]] = []
    # Of those that are as likely the lines themselves come first.
    for part in (2, 1, *range(3, MULTIPLES + 1)):
        for line, _ in lines[:SUREST]:
            half = line / part
            if 2 * half < LOWEST_HZ or any(abs(2 * half - f) <= NEAR_HZ for f, _ in ranked):
                continue
            explained = sum(weight for f, weight in weights.items() if _is_multiple(f, half))
            teeth = [tooth * half for tooth in range(1, TEETH + 1)]
            there = sum(any(abs(f - tooth) <= NEAR_HZ for f in weights) for tooth in teeth)
            ranked.append((2 * half, 0.5 * (explained / total + there / TEETH)))
    ranked.sort(key=lambda carrier: -carrier[1])
    surest = [hertz for hertz, _ in lines[:SUREST]]
    return ranked[:MOST_CARRIERS] + [
        carrier
        for carrier in ranked[MOST_CARRIERS:]
        if any(abs(carrier[0] - line) <= NEAR_HZ for line in surest)
    ]


def _sigma(line: Line) -> float:
    return line[1]
