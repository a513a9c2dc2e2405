"""Any effect that shapes spectra set to a target, by its own answers to impulses.

Its levers (`dialin.matching.equalisers.probe`) are first placed one by one: each, over a grid of
its companions, is tried on what the others left, and the one that explains most is taken, its gain
by least squares (matching pursuit). From there all knobs are solved together (`dialin.matching.
eq_solver`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dialin.effects.effect import Effect
from dialin.effects.spec import Settings
from dialin.matching.equalisers.probe import EqProbe, Lever, Responder, probe_eq
from dialin.matching.equalisers.solver import Solved, solve
from dialin.matching.equalisers.target import MAX_EQ, EqTarget

Values = NDArray[np.float64]

GRID = (9, 3)
"""Positions tried of the companion that moves a lever most, and of the next ones."""

FIXED_GRID = 9
"""Positions tried of a lever that is no gain."""

MOST_ATOMS = 1500

STARTS = 3
"""Places that are solved from."""

DEADLINE = 300.0
"""Seconds for finding out about an effect and solving it; what was found out is kept."""

ENOUGH = 1e-3
"""Share of the target's squares that a lever must explain to be placed."""

GAIN_COST = 0.1
"""Decibels that a gain's full travel costs, beside what it brings."""


def solve_effect(
    effect: Effect,
    target: EqTarget,
    sample_rate: int,
    *,
    max_eq: float = MAX_EQ,
    use_cache: bool = True,
) -> tuple[Settings, Solved] | None:
    """Settings of an effect for a target; None where it is no equaliser. Runs where the effect is.

    Parameters
    ----------
    effect : Effect
        The effect, opened here.
    target : EqTarget
        What is wanted.
    sample_rate : int
        At which it will be rendered, in hertz.
    max_eq : float, default MAX_EQ
        Largest gain of a lever, in decibels.
    use_cache : bool, default True
        Whether what was found out of the effect before may be taken.

    Returns
    -------
    (ndarray of shape (knobs,), Solved) or None
        Positions of all its knobs, 0 to 1, and how near it comes.
    """
    probe = probe_eq(effect, use_cache=use_cache)
    if not probe.equaliser:
        return None
    ear = Responder(effect, sample_rate)
    base = np.asarray(probe.base)
    flat = ear.decibels(base)
    starts = _pursue(probe, ear.decibels, base, flat, target, max_eq)
    start = starts[0]
    knobs = list(probe.knobs)
    low, high, cost = np.zeros(len(knobs)), np.ones(len(knobs)), np.full(len(knobs), 0.02)
    for lever in probe.levers:
        if lever.gain:
            column = knobs.index(lever.knob)
            low[column], high[column] = _reach(lever, max_eq)
            cost[column] = GAIN_COST

    def respond(points: Values) -> Values:
        whole = np.repeat(start[None], len(points), axis=0)
        whole[:, knobs] = points
        return np.maximum(ear.rows(whole), -60.0)

    solved = solve(
        respond,
        target,
        [one[knobs] for one in starts],
        low=low,
        high=high,
        stay=cost,
        steps=int(np.clip(MOST_ATOMS / (len(knobs) + 1) / len(starts), 8, 40)),
        step=5e-3,
        tolerance=1e-6,
    )
    settings = start.copy()
    settings[knobs] = solved.settings
    return effect.spec.check(settings), solved


def _reach(lever: Lever, max_eq: float) -> tuple[float, float]:
    """Positions between which a gain stays within a number of decibels."""
    travel = (lever.lifted - lever.rest) / lever.peak_db * max_eq
    ends = sorted((lever.rest - travel, lever.rest + travel))
    return max(0.0, ends[0]), min(1.0, ends[1])


def _pursue(
    probe: EqProbe,
    decibels: Callable[[Settings], Values],
    base: Settings,
    flat: Values,
    target: EqTarget,
    max_eq: float,
) -> list[Settings]:
    """Place levers one by one; gives back settings to solve from, the likeliest first."""
    root = np.sqrt(target.weight / target.weight.sum())

    def centred(row: Values) -> Values:
        return np.asarray((row - np.average(row, weights=target.weight)) * root)

    atoms: Atoms = {}
    share = max(1, MOST_ATOMS // max(1, len(probe.levers)))
    for number, lever in enumerate(probe.levers):
        atoms[number] = []
        for positions in _positions(lever, share):
            point = base.copy()
            for index, position in positions.items():
                point[index] = position
            shape = centred(np.maximum(decibels(point), -60.0) - np.maximum(flat, -60.0))
            if np.isfinite(shape).all() and shape @ shape > 0:
                atoms[number].append((positions, shape))
    wanted = centred(target.wanted - flat)
    starts = [_place(probe, atoms, base, wanted, max_eq, {})]
    # The first lever decides the rest: other places for it are begun from too.
    first = _ranked(probe, atoms, wanted, max_eq)
    for number, positions in first[1:STARTS]:
        starts.append(_place(probe, atoms, base, wanted, max_eq, {number: positions}))
    return starts


Atoms = dict[int, list[tuple[dict[int, float], Values]]]


def _brings(shape: Values, left: Values, low: float, high: float) -> float:
    scale = float(np.clip(shape @ left / (shape @ shape), low, high))
    return float(left @ left - np.square(left - scale * shape).sum())


def _ranked(
    probe: EqProbe, atoms: Atoms, wanted: Values, max_eq: float
) -> list[tuple[int, dict[int, float]]]:
    """First levers and their places, the best first, no two of them next to each other."""
    every = []
    for number, lever in enumerate(probe.levers):
        limits = _scales(lever, max_eq)
        every += [
            (_brings(shape, wanted, *limits), number, positions)
            for positions, shape in atoms[number]
        ]
    every.sort(key=lambda row: -row[0])
    kept: list[tuple[int, dict[int, float]]] = []
    for _, number, positions in every:
        near = any(
            n == number and max(abs(p[i] - positions[i]) for i in positions) < 0.25 for n, p in kept
        )
        if not near:
            kept.append((number, positions))
    return kept


def _place(
    probe: EqProbe,
    atoms: Atoms,
    base: Settings,
    wanted: Values,
    max_eq: float,
    forced: dict[int, dict[int, float]],
) -> Settings:
    """Matching pursuit; `forced` has the place of the first lever."""
    total, left = float(wanted @ wanted), wanted
    chosen: dict[int, dict[int, float]] = {}
    settings = base.copy()
    shapes: list[Values] = []
    while len(chosen) < len(probe.levers):
        best: tuple[float, int, dict[int, float], Values] | None = None
        for number, lever in enumerate(probe.levers):
            if number in chosen or (forced and not chosen and number not in forced):
                continue
            limits = _scales(lever, max_eq)
            for positions, shape in atoms[number]:
                if number in forced and positions != forced[number]:
                    continue
                # A companion that another lever has placed already stays there.
                if any(
                    settings[i] != base[i] and settings[i] != v
                    for i, v in positions.items()
                    if i != lever.knob
                ):
                    continue
                brings = _brings(shape, left, *limits)
                if best is None or brings > best[0]:
                    best = (brings, number, positions, shape)
        if best is None or best[0] < ENOUGH * total:
            break
        _, number, positions, shape = best
        chosen[number] = positions
        shapes.append(shape)
        for index, position in positions.items():
            if index != probe.levers[number].knob:
                settings[index] = position
        limits_of = np.array([_scales(probe.levers[n], max_eq) for n in chosen])
        scales = _bounded(np.array(shapes).T, wanted, limits_of)
        left = wanted - scales @ np.array(shapes)
        for scale, one in zip(scales, chosen, strict=True):
            placed = probe.levers[one]
            lift = placed.rest + scale * (placed.lifted - placed.rest)
            settings[placed.knob] = np.clip(lift, 0, 1) if placed.gain else chosen[one][placed.knob]
    return settings


def _scales(lever: Lever, max_eq: float) -> tuple[float, float]:
    """How often the shape of a lever may be taken."""
    if not lever.gain:
        return 1.0, 1.0 + 1e-9
    ends = [(end - lever.rest) / (lever.lifted - lever.rest) for end in _reach(lever, max_eq)]
    return min(ends), max(max(ends), min(ends) + 1e-9)


def _positions(lever: Lever, most: int) -> list[dict[int, float]]:
    """Grid of a lever's companions, or of itself where it is no gain."""
    if not lever.gain:
        return [{lever.knob: float(p)} for p in np.linspace(0.02, 0.98, FIXED_GRID)]
    counts = [GRID[0], *([GRID[1]] * max(0, len(lever.companions) - 1))][: len(lever.companions)]
    while np.prod(counts) > most and len(counts) > 1:
        counts.pop()
    axes = [np.linspace(0.05, 0.95, min(count, most)) for count in counts]
    return [
        {lever.knob: lever.lifted}
        | {i: float(v) for i, v in zip(lever.companions, values, strict=False)}
        for values in itertools.product(*axes)
    ]


def _bounded(matrix: Values, wanted: Values, limits: Values) -> Values:
    """Least squares within limits."""
    from scipy.optimize import lsq_linear

    solution = lsq_linear(matrix, wanted, bounds=(limits[:, 0], limits[:, 1]))
    return np.asarray(solution.x)
