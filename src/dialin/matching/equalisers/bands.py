"""The built-in equaliser set to a target, by its own formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialin.effects.builtin_table import EQ_BANDS, NYQUIST_SHARE, builtin_spec
from dialin.effects.equaliser import band_sections, sections_db
from dialin.effects.spec import Settings
from dialin.matching.equalisers.solver import Solved, solve
from dialin.matching.equalisers.target import MAX_EQ, EqTarget

Values = NDArray[np.float64]

LEAST_GAIN = 0.05
"""Decibels below which a band is put to 0: it is not there then."""

HIGHEST_Q = 6.0
"""Narrower bands draw a song's own notes, not its tone."""

GAIN_COST = 0.1
"""Decibels that a band's full travel costs, beside what it brings."""


def eq_response(settings: Settings, hertz: Values, sample_rate: float) -> Values:
    """What the built-in equaliser does at some frequencies, in decibels.

    Parameters
    ----------
    settings : ndarray, shape (..., 31)
        Positions of its knobs, 0 to 1.
    hertz : ndarray, shape (points,)
        Where to look.
    sample_rate : float
        In hertz.

    Returns
    -------
    ndarray, float64, shape (..., points)
    """
    frequencies, gains, qs = _native(np.asarray(settings)[..., 1:])
    frequencies = np.minimum(frequencies, NYQUIST_SHARE * sample_rate)
    hertz = np.minimum(hertz, 0.499 * sample_rate)
    return sections_db(band_sections(frequencies, gains, qs, sample_rate), hertz, sample_rate)


def _native(knobs: Values) -> tuple[Values, Values, Values]:
    """Frequencies, gains and Qs of positions in the order of the knobs."""
    rows = knobs.reshape(*knobs.shape[:-1], EQ_BANDS, 3)
    spec = builtin_spec("eq")
    first = {p.id: p for p in spec.parameters}
    values = []
    for column, name in enumerate(("frequency_1", "gain_1", "q_1")):
        p, u = first[name], rows[..., column]
        if p.curve == "log":
            values.append(p.minimum * (p.maximum / p.minimum) ** u)
        else:
            values.append(p.minimum + u * (p.maximum - p.minimum))
    return values[0], values[1], values[2]


def solve_bands(
    target: EqTarget,
    sample_rate: float,
    *,
    channels: int = 0,
    max_eq: float = MAX_EQ,
    max_cut: float | None = None,
) -> tuple[Settings, Solved]:
    """Settings of the built-in equaliser for a target.

    Parameters
    ----------
    target : EqTarget
        What is wanted.
    sample_rate : float
        At which it will be rendered, in hertz.
    channels : int, default 0
        Of the knob *channels*: 0 for left and right, 1 for the middle, 2 for the side.
    max_eq : float, default MAX_EQ
        Largest gain of a band and of all of them together, in decibels.
    max_cut : float, optional
        The same where they turn down.

    Returns
    -------
    (ndarray of shape (31,), Solved)
        Positions of the knobs, 0 to 1, and how near it comes.
    """
    spec = builtin_spec("eq")
    start = spec.default
    start[0] = channels / 2
    gain = {p.id: p for p in spec.parameters}["gain_1"]
    q = {p.id: p for p in spec.parameters}["q_1"]
    cut = max_eq if max_cut is None else max_cut
    up, down = (min(v, gain.maximum) / (gain.maximum - gain.minimum) for v in (max_eq, cut))
    low, high = np.zeros(EQ_BANDS * 3), np.ones(EQ_BANDS * 3)
    low[1::3], high[1::3] = 0.5 - down, 0.5 + up
    low[2::3], high[2::3] = q.to_normalised(0.3), q.to_normalised(HIGHEST_Q)
    # A steep shelf overshoots.
    high[2] = high[-1] = q.to_normalised(1.0)
    cost = np.full(EQ_BANDS * 3, 0.02)
    cost[1::3] = GAIN_COST

    def respond(points: Values) -> Values:
        whole = np.concatenate([np.full((len(points), 1), start[0]), points], axis=1)
        return eq_response(whole, target.hertz, sample_rate)

    narrow = start[1:].copy()
    narrow[2::3][1:-1] = q.to_normalised(2.0)
    solved = solve(
        respond, target, [start[1:], narrow], low=low, high=high, stay=cost, most=(-cut, max_eq)
    )
    settings = np.concatenate([start[:1], solved.settings])
    _, gains, _ = _native(settings[1:])
    for band, value in enumerate(gains):
        if abs(value) < LEAST_GAIN:
            settings[2 + 3 * band] = 0.5
    return spec.check(settings), solved
