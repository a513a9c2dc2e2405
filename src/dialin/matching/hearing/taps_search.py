"""Setting knobs in steps together, by the patterns of echoes that they make.

Which patterns an effect makes is known (`dialin.matching.hearing.step_taps`), and at which stretch
each explains most of a reference. The knob that stretches them is set by its law, and refined by
impulses until the highest peak lies where it should.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from dialin.effects.spec import Settings
from dialin.matching.hearing.echo_target import Values
from dialin.matching.hearing.echo_trials import EchoTrials, TriedEcho, with_knob
from dialin.matching.hearing.lag_laws import vertex
from dialin.matching.hearing.step_taps import StepTaps
from dialin.measures.cepstrum import LAG_RATE

CANDIDATES, WORTH = 10, 0.7
"""Patterns that are asked for at most, and what one must explain, as a share of the best."""

ROUNDS, EXACT = 4, 0.2
"""Rounds of refining a stretch, and samples (at `LAG_RATE`) within which a lag agrees."""

NEAR = 0.05
"""Share of a lag within which its peak is looked for."""

SAME, SEEN = 2e-3, 3
"""Share by which a lag of two patterns differs, for them to be others; how many are compared."""


def ask_taps(trials: EchoTrials, taps: StepTaps) -> list[TriedEcho]:
    """Ask for the patterns that explain most of a reference, each at its stretch.

    Parameters
    ----------
    trials : EchoTrials
        Of the effect alone.
    taps : StepTaps
        Its patterns.

    Returns
    -------
    list of TriedEcho
        Nothing where the knob that stretches them is locked, or no pattern fits.
    """
    ids = [p.id for p in trials.spec.parameters]
    stretcher = ids.index(taps.stretcher)
    if stretcher not in trials.free:
        return []
    base = trials.start.copy()
    base[trials.free] = np.array(taps.base)[trials.free]
    locked = {ids[n]: float(base[n]) for n in range(len(ids)) if n not in trials.free}
    law = dict(taps.law)
    wanted: list[tuple[Settings, float, float]] = []
    for place, stretch in _distinct(taps, trials, locked):
        u = _inverted(law, stretch)
        if u is None:
            continue
        vector = with_knob(base, stretcher, u)
        vector[[ids.index(knob) for knob in taps.knobs]] = taps.positions[place]
        lag = next(lag for lag, _ in taps.patterns[place] if stretch * lag <= _end(trials))
        wanted.append((vector, lag, stretch))
    results: list[TriedEcho] = []
    for _ in range(ROUNDS):
        if not wanted:
            break
        again = []
        batch = trials.ask([vector for vector, _, _ in wanted])
        for (vector, lag, stretch), tried in zip(wanted, batch, strict=True):
            if tried is None:
                continue
            results.append(tried)
            measured = _measured(tried.answer, stretch * lag)
            if measured is None or abs(measured - stretch * lag) * LAG_RATE < EXACT:
                continue
            # One law for all of them: what one shows helps the others.
            law[float(vector[stretcher])] = measured / lag
            again.append((vector, lag, stretch))
        wanted = []
        for vector, lag, stretch in again:
            u = _inverted(law, stretch)
            if u is not None:
                wanted.append((with_knob(vector, stretcher, u), lag, stretch))
    return results


def _end(trials: EchoTrials) -> float:
    return float(trials.target.values.shape[1] / LAG_RATE)


def _distinct(
    taps: StepTaps, trials: EchoTrials, locked: Mapping[str, float]
) -> list[tuple[int, float]]:
    """Places and stretches of patterns that differ in what a reference can show of them."""
    placed = taps.placed(trials.target, locked)
    kept: list[tuple[int, float]] = []
    seen: list[Values] = []
    for drop, place, stretch in placed:
        if drop < WORTH * placed[0][0] or len(kept) == CANDIDATES:
            break
        lags = np.full(SEEN, np.inf)
        inside = [stretch * lag for lag, _ in taps.patterns[place] if stretch * lag < _end(trials)]
        lags[: len(inside[:SEEN])] = sorted(inside[:SEEN])
        if inside and not any(np.allclose(lags, other, rtol=SAME) for other in seen):
            seen.append(lags)
            kept.append((place, stretch))
    return kept


def _inverted(law: Mapping[float, float], stretch: float) -> float | None:
    """Position at which a law stretches by so much; None beyond it."""
    for (u1, s1), (u2, s2) in itertools.pairwise(sorted(law.items())):
        if (s1 - stretch) * (s2 - stretch) <= 0 and s1 != s2:
            share = np.log(stretch / s1) / np.log(s2 / s1)
            return float(u1 + (u2 - u1) * share)
    return None


def _measured(answer: Values, lag: float) -> float | None:
    """Where an answer's highest peak near a lag lies, in seconds."""
    row = answer[-1]
    reach = max(12.0, NEAR * lag * LAG_RATE)
    low, high = max(1, int(lag * LAG_RATE - reach)), int(lag * LAG_RATE + reach) + 1
    piece: Sequence[float] | Values = row[low:high]
    return vertex(row, low + int(np.argmax(piece))) if len(piece) else None
