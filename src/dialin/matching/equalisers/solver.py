"""Equalisers solved, not searched: knobs by regularised least squares on what they do to spectra.

A responder says what settings do, in decibels, at some frequencies: it may be a formula, or an
impulse rendered through a plugin. Centres, gains and Qs are found by Gauss-Newton steps within
their limits (trust region; Jacobians by differences of responses); where all knobs are gains of
fixed bands, as in a graphic equaliser, the first step is the answer.

References
----------
Branch, Coleman & Li (1999), "A subspace, interior, and conjugate gradient method for large-scale
bound-constrained minimization problems": what `scipy.optimize.least_squares` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.matching.equalisers.target import HEARD_HZ, EqTarget

Values = NDArray[np.float64]

Respond = Callable[[Values], Values]
"""Settings of the free knobs, ``(count, knobs)``, 0 to 1, to decibels, ``(count, bands)``."""

STEP = 1e-3
"""Share of a knob's travel by which it is moved for a Jacobian."""

STAY = 0.02
"""Decibels that a knob's full travel from where it starts costs: what a spectrum does not tell is
left where it is."""


OVER = 3.0
"""How much more a decibel counts that a response goes beyond its limit."""


@dataclass(frozen=True, eq=False)
class Solved:
    """An answer.

    Attributes
    ----------
    settings : ndarray, shape (knobs,)
        Of the free knobs, 0 to 1.
    response : ndarray, shape (bands,)
        In decibels.
    error : float
        Weighted mean absolute difference to the target, level aside, in decibels.
    renders : int
        Responses asked for.
    """

    settings: Values
    response: Values
    error: float
    renders: int


def solve(
    respond: Respond,
    target: EqTarget,
    starts: Sequence[Values],
    *,
    low: Values | None = None,
    high: Values | None = None,
    stay: Values | float = STAY,
    steps: int = 25,
    step: float = STEP,
    tolerance: float = 1e-4,
    most: tuple[float, float] | None = None,
) -> Solved:
    """Settings whose response comes nearest to a target, from several places.

    Parameters
    ----------
    respond : callable
        See `Respond`.
    target : EqTarget
        What is wanted.
    starts : sequence of ndarray, shape (knobs,)
        Where to begin, 0 to 1; the best end is taken.
    low, high : ndarray, shape (knobs,), optional
        Limits; 0 and 1 by default.
    stay : ndarray or float, default STAY
        What the full travel from the start costs, in decibels, for each knob.
    steps : int, default 25
        Most Gauss-Newton steps from each start.
    step : float, default STEP
        For Jacobians.
    tolerance : float, default 1e-4
        Relative change of the squares at which it ends.
    most : (float, float), optional
        Decibels that the response itself stays between, where anything is heard.

    Returns
    -------
    Solved
    """
    from scipy.optimize import least_squares

    count = len(starts[0])
    below = np.zeros(count) if low is None else low
    above = np.ones(count) if high is None else high
    root = np.sqrt(target.weight / target.weight.sum())
    cost = np.broadcast_to(np.asarray(stay, dtype=np.float64), (count,))
    renders = 0
    inside = (target.hertz >= HEARD_HZ[0]) & (target.hertz <= HEARD_HZ[1])
    heard = inside / np.sqrt(max(1, inside.sum()))

    def centred(rows: Values) -> Values:
        # The level is free: only what is left of it counts.
        mean = np.average(rows, axis=-1, weights=target.weight)
        return np.asarray((rows - mean[..., None]) * root)

    def costly(rows: Values) -> Values:
        """What is to be made small: the gap, and what goes too far."""
        if most is None:
            return centred(rows - target.wanted)
        excess = OVER * (np.clip(rows, *most) - rows) * heard
        return np.concatenate([centred(rows - target.wanted), excess], axis=-1)

    def asked(points: Values) -> Values:
        nonlocal renders
        renders += len(points)
        return respond(points)

    best: Solved | None = None
    for start in starts:
        begin = np.clip(start, below + 1e-6, above - 1e-6)

        def residual(x: Values, begin: Values = begin) -> Values:
            return np.concatenate([costly(asked(x[None])[0]), cost * (x - begin)])

        def jacobian(x: Values, begin: Values = begin) -> Values:
            sign = np.where(x + step <= above, 1.0, -1.0)
            points = np.concatenate([x[None], x + np.diag(sign * step)])
            rows = costly(asked(points))
            slopes = (rows[1:] - rows[0]) / (sign * step)[:, None]
            return np.concatenate([slopes.T, np.diag(cost)])

        solution = least_squares(
            residual,
            begin,
            jac=jacobian,
            bounds=(below, above),
            x_scale=1.0,
            max_nfev=steps,
            ftol=tolerance,
            xtol=1e-5,
        )
        settings = np.asarray(solution.x, dtype=np.float64)
        response = asked(settings[None])[0]
        error = target.error(response)
        if best is None or error < best.error:
            best = Solved(settings, response, error, renders)
    assert best is not None
    return Solved(best.settings, best.response, best.error, renders)
