"""Searching the knobs that only scale an effect's echoes, lag knobs where they are.

What an answer leaves of the reference's cepstrum is a sum of squares of something that bends
little with such knobs, so slopes lead on (Levenberg, 1944; Marquardt, 1963). Where switches are
among them CMA-ES goes on, which turns these as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.evolution import plain_cma
from dialin.matching.hearing.echo_target import Values
from dialin.matching.hearing.echo_trials import EchoTrials, TriedEcho, with_knob

RIVAL_DROP = 60.0
"""Drop at whatever strength from which a fresh search is led by that, too."""

PATIENCE, SETTLED, SETTLED_SHARE = 3, 0.5, 1e-4
"""Generations without a gain after which a search ends; what a gain is, in units of the noise's
variance and as a share of what is explained."""

STEP, LONGEST_STEP, DAMPINGS = 0.02, 0.25, (1e-3, 0.03, 1.0)
"""How far knobs are moved for slopes, how far one step goes at most, and its dampings."""

MIRROR_STARTS, ELSEWHERE, SAME_SMOOTH = 3, 0.25, 0.1
"""Settings from which another answer is looked for, how far a smooth knob of theirs stands from
where it is in the one that is known, and how far one stands in what is another."""

MOST_REFINING = 80
"""Impulses for the smooth knobs of what may be another answer with the same lags."""


def damped_steps(left: Values, slopes: Sequence[Values], weight: Values) -> list[Settings]:
    """How far to go so that the least is left, for each of `DAMPINGS`.

    Levenberg (1944) and Marquardt (1963).

    Parameters
    ----------
    left : ndarray, shape (views, lags)
        What is left to be explained.
    slopes : sequence of ndarray, shape (views, lags)
        What each of some moves explains.
    weight : ndarray, shape (views, lags)
        One over the noise's variance.

    Returns
    -------
    list of ndarray, shape (moves,)
        In these moves; none where something is not finite.
    """
    weighted = [weight * slope for slope in slopes]
    pull = np.array([np.vdot(left, slope) for slope in weighted])
    if not np.isfinite(pull).all():
        return []
    gram = np.array([[np.vdot(w, s) for s in slopes] for w in weighted])
    scale = np.diag(gram) + 1e-12 * max(float(np.trace(gram)), 1e-12)
    return [np.linalg.solve(gram + np.diag(d * scale), pull) for d in DAMPINGS]


def moved_settings(settings: Settings, places: Sequence[int]) -> tuple[list[Settings], list[float]]:
    """Settings with each of some knobs a little away, to tell slopes by.

    Parameters
    ----------
    settings : ndarray, shape (knobs,)
        Where they begin.
    places : sequence of int
        Of the knobs.

    Returns
    -------
    (list of ndarray, list of float)
        And how far each knob was moved: `STEP`, towards the middle.
    """
    moves = [STEP if settings[place] < 0.5 else -STEP for place in places]
    vectors = [
        with_knob(settings, place, settings[place] + move)
        for place, move in zip(places, moves, strict=True)
    ]
    return vectors, moves


def led_settings(
    spec: EffectSpec,
    settings: Settings,
    places: Sequence[int],
    moves: Sequence[float],
    steps: Sequence[Settings],
) -> list[Settings]:
    """Where some steps lead.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.
    settings : ndarray, shape (knobs,)
        Where they begin.
    places : sequence of int
        Of the knobs that move.
    moves : sequence of float
        Travel of each knob that a step of 1 stands for.
    steps : sequence of ndarray, shape (places,)
        From `damped_steps`.

    Returns
    -------
    list of ndarray, shape (knobs,)
        No knob farther than `LONGEST_STEP`.
    """
    vectors = []
    for step in steps:
        vector = settings.copy()
        far = np.clip(step * moves, -LONGEST_STEP, LONGEST_STEP)
        vector[places] = np.clip(vector[places] + far, 0.0, 1.0)
        vectors.append(spec.check(vector))
    return vectors


class SmoothSearch:
    """Positions of the smooth knobs, lag knobs where they are.

    Parameters
    ----------
    trials : EchoTrials
    """

    def __init__(self, trials: EchoTrials) -> None:
        self._trials = trials

    def refine(
        self, beam: TriedEcho, budget: int, sigma: float = 0.25, *, fresh: bool = True
    ) -> TriedEcho:
        """Slopes of the smooth knobs, lag knobs where they are, and CMA-ES where some are switches.

        A fresh search is led by what answers explain at whatever strength, too: where all are far
        too loud, they would all be worse than none, and the search end there.

        Parameters
        ----------
        beam : TriedEcho
            Where it begins.
        budget : int
            Impulses, about.
        sigma : float
            How far it looks at first, in the knobs' travel.
        fresh : bool
            Whether it may begin elsewhere.

        Returns
        -------
        TriedEcho
            The best of it.
        """
        trials = self._trials
        if not trials.smooth:
            return beam
        size = len(trials.smooth)
        starts = self._starts(beam) if fresh and sigma > 0.1 else []
        led = bool(starts) and max(t.reach for t in [beam, *starts]) >= RIVAL_DROP

        def worth(tried: TriedEcho) -> float:
            return max(tried.drop, 0.0) + tried.reach if led else tried.drop

        best = max([beam, *starts], key=worth)
        best, spent = self._descend(best, budget)
        if not any(trials.spec.parameters[n].is_stepped for n in trials.smooth):
            return best
        mean = np.clip(best.settings[trials.smooth], 0.02, 0.98)
        if size == 1:
            return self._line(best, trials.smooth[0], budget)
        population = 6 + int(2 * np.log(size))
        search = plain_cma()(
            mean=mean,
            sigma=sigma,
            bounds=np.array([[0.0, 1.0]] * size),
            seed=int(trials.rng.integers(2**31)),
            population_size=population,
        )
        reached: list[float] = []
        while spent < budget and not search.should_stop():
            asked = [search.ask() for _ in range(population)]
            vectors = []
            for x in asked:
                vector = beam.settings.copy()
                vector[trials.smooth] = x
                vectors.append(trials.spec.check(vector))
            batch = trials.ask(vectors)
            spent += population
            told = []
            for x, vector, tried in zip(asked, vectors, batch, strict=True):
                value = 1e9 if tried is None else trials.stray(vector) - worth(tried)
                if tried is not None and worth(tried) > worth(best):
                    best = tried
                told.append((x, value))
            search.tell(told)
            reached.append(-min(value for _, value in told))
            least = max(SETTLED, SETTLED_SHARE * max(reached))
            if len(reached) > PATIENCE and max(reached) - max(reached[:-PATIENCE]) < least:
                break
            if float(np.sqrt(np.diag(search._C).max()) * search._sigma) < 0.003:
                break
        return best

    def _descend(self, best: TriedEcho, budget: int) -> tuple[TriedEcho, int]:
        """Go where slopes lead; what that came to, and the impulses that it took."""
        trials = self._trials
        places = [n for n in trials.smooth if not trials.spec.parameters[n].is_stepped]
        spent = 0
        while places and spent < budget:
            asked, moves = moved_settings(best.settings, places)
            near = trials.ask(asked)
            steps = self._steps(best, near)
            vectors = led_settings(trials.spec, best.settings, places, moves, steps)
            spent += len(asked) + len(vectors)
            there = [t for t in (*near, *trials.ask(vectors)) if t is not None]
            before, best = best, max([best, *there], key=lambda t: t.net)
            if best.net - before.net < max(SETTLED, SETTLED_SHARE * before.drop):
                break
        return best, spent

    def _steps(self, best: TriedEcho, near: Sequence[TriedEcho | None]) -> list[Settings]:
        """How far to go, in the moves that were asked for, for each of the dampings."""
        target = self._trials.target
        rows = target.fit(best.answer)
        slopes = [np.zeros_like(rows) if t is None else target.fit(t.answer) - rows for t in near]
        return damped_steps(target.values - rows, slopes, target.weight)

    def mirror(self, best: TriedEcho) -> TriedEcho | None:
        """Look for another answer with the same lags, among the settings that were drawn.

        A loud echo of a soft sound and a soft echo of a loud one have the same spectrum.

        Parameters
        ----------
        best : TriedEcho
            The one that is known.

        Returns
        -------
        TriedEcho or None
            None where nothing else explains anything.
        """
        if not self._trials.smooth:
            return None
        vectors = []
        for tried in self._trials.tried[: self._trials.drawn]:
            vector = best.settings.copy()
            vector[self._trials.smooth] = tried.settings[self._trials.smooth]
            vectors.append(vector)
        self._trials.ask(vectors)
        away = [
            t
            for t in self._trials.tried
            if not self._trials.differ(t, best) and self._apart(t, best) > ELSEWHERE
        ]
        # Slopes lead to one top from each side of a ridge.
        starts: list[TriedEcho] = []
        for tried in sorted(away, key=lambda t: -t.drop):
            if tried.drop <= 0 or len(starts) == MIRROR_STARTS:
                break
            if all(self._apart(tried, other) > ELSEWHERE for other in starts):
                starts.append(tried)
        found = [self.refine(t, MOST_REFINING, sigma=0.15, fresh=False) for t in starts]
        elsewhere = [t for t in found if self._apart(t, best) > SAME_SMOOTH]
        return max(elsewhere or found, key=lambda t: t.drop, default=None)

    def _apart(self, one: TriedEcho, two: TriedEcho) -> float:
        """How far a smooth knob stands from where it does in other settings, at most."""
        return float(np.abs(one.settings - two.settings)[self._trials.smooth].max())

    def _starts(self, beam: TriedEcho) -> list[TriedEcho]:
        """Random smooth knobs around a beam, and its own scaled where one knob does that."""
        vectors = []
        for _ in range(8 if self._trials.lags else 0):
            vector = beam.settings.copy()
            vector[self._trials.smooth] = self._trials.rng.random(len(self._trials.smooth))
            vectors.append(self._trials.spec.check(vector))
        return [t for t in self._trials.ask(vectors) if t]

    def _line(self, beam: TriedEcho, index: int, budget: int) -> TriedEcho:
        """One knob alone: a grid, then two finer ones."""
        best, width = beam, 0.5
        for _ in range(4):
            u = float(best.settings[index])
            grid = np.unique(np.clip(u + np.linspace(-width, width, 9), 0, 1))
            batch = self._trials.ask([with_knob(best.settings, index, float(v)) for v in grid])
            best = max([best, *(t for t in batch if t)], key=lambda t: t.drop)
            width /= 4
        return best
