"""Moving the knobs that set lags.

A hundredth of their travel moves echoes away altogether, so nothing can be searched there by small
steps. Each knob is moved along its travel; the law from knob to lag
(`dialin.matching.hearing.lag_laws`) is interpolated and inverted at the reference's peaks, and the
inversion is refined by further impulses until the lag agrees to a fraction of a sample. Where an
answer is a pattern rather than one peak (the size of a room), the pattern is shifted in log time
until it fits. Switches are tried in all positions together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from dialin.effects.parameter import Parameter
from dialin.effects.spec import Settings
from dialin.matching.hearing.echo_target import EchoTarget, Values
from dialin.matching.hearing.echo_trials import (
    HOPELESS,
    EchoTrials,
    TriedEcho,
    peak_height,
    with_knob,
)
from dialin.matching.hearing.lag_laws import LagLaw, LagPatterns
from dialin.measures.cepstrum import LAG_RATE, find_peaks

GRID = 9
"""Positions at which a lag knob is asked, unless it has fewer steps."""

MOST_STEPS = 24
"""Steps of a stepped knob that are all tried."""

LAW_FROM = 8e-4
"""Lag in seconds from which peaks of answers are looked for: they hold no music."""

COMBINED, CONTEXTS = 32, 3
"""Positions of several switches together up to which all are tried, and other knobs with each."""

PEAKS = 5
"""Peaks of each view of the reference at which laws are inverted."""

HIGHEST = 2
"""The same of the highest, whatever noise is around."""

HIDDEN_PEAKS, MULTIPLES = 2, (2, 3, 4)
"""The first echo of a short comb lies where nothing is looked for: the second, third or fourth, of
so many peaks, tells of it."""

BEAMS = 3
"""Settings of the lag knobs that are followed."""

ELSEWHERE = 24
"""Settings tried whose pattern was heard with other smooth knobs."""

OTHERWISE, MOST_POSITIONS, SAME = 5, 12, 1e-3
"""Other smooth knobs that are tried at the lags of peaks that nothing explains yet; how many lags,
and travel within which they are the same."""

MOST_CROSSED, CROSSED = 6, 2
"""Pairs of lag knobs of which sums and differences of lags are tried, and settings kept of them."""

REFINES = 6
"""Rounds of refining an inverted lag."""

EXACT = 0.2
"""Samples (at `LAG_RATE`) within which a lag agrees."""

DENSER, MOST_PATTERNS = 3, 40
"""Rounds of asking in between, and positions asked at most."""

SHIFTED = 0.5
"""Share of neighbouring positions whose patterns must be one, shifted, for a pre-delay."""

SWEPT, SWEEP = 2, 48
"""How many lag knobs are swept where no law led to a peak that stands out, and at how many
positions."""


class LagSearch:
    """Positions of the lag knobs at which an effect's echoes are the reference's.

    Parameters
    ----------
    trials : EchoTrials

    Attributes
    ----------
    tallest : float
        Height of the reference's tallest peak, in standard deviations.
    shifting : dict of int to LagPatterns
        Knobs that shift a dense tail in time, of those that were moved so far, and how they do.
    """

    def __init__(self, trials: EchoTrials) -> None:
        self._trials = trials
        target = trials.target
        shortest = target.shortest
        peaks = [
            (
                view,
                find_peaks(row, _noise(target, view), shortest=shortest, count=PEAKS)
                # Against as much noise everywhere: where music is loud a comb is, too.
                + find_peaks(row, 1.0, shortest=shortest, count=HIGHEST),
            )
            for view, row in enumerate(target.values)
        ]
        self._targets = [goal for view, tops in peaks for goal in _goals(view, tops, shortest)]
        heights = [abs(h) / _noise(target, view) for view, tops in peaks for _, h in tops]
        self.tallest = max(heights, default=0.0)
        self.shifting: dict[int, LagPatterns] = {}
        self._laws: dict[int, LagLaw] = {}

    def combined(self) -> list[TriedEcho]:
        """The best of all positions of several switches together, which mean little one by one.

        Returns
        -------
        list of TriedEcho
            One, or none where there are no switches.
        """
        switches: list[int] = []
        count = 1
        stepped = [n for n in self._trials.lags if self._trials.spec.parameters[n].is_stepped]
        for index in sorted(stepped, key=lambda n: self._trials.spec.parameters[n].steps):
            count *= self._trials.spec.parameters[index].steps
            if count > COMBINED:
                break
            switches.append(index)
        if not switches:
            return []
        loud = sorted(self._trials.tried, key=lambda t: -peak_height(t.answer))[:CONTEXTS]
        vectors = []
        for positions in itertools.product(
            *(_grid(self._trials.spec.parameters[n]) for n in switches)
        ):
            for context in loud:
                vector = context.settings.copy()
                vector[switches] = positions
                vectors.append(vector)
        there = [t for t in self._trials.ask(vectors) if t]
        return sorted(there, key=lambda t: -t.reach)[:1]

    def along(
        self, index: int, beams: list[TriedEcho], *, otherwise: bool = True
    ) -> list[TriedEcho]:
        """Move one lag knob along its travel, from each beam, and keep the best.

        Parameters
        ----------
        index : int
            Place of the knob.
        beams : list of TriedEcho
            Settings that are followed.
        otherwise : bool
            Whether other smooth knobs are tried at the lags that are found.

        Returns
        -------
        list of TriedEcho
        """
        parameter = self._trials.spec.parameters[index]
        pool = list(beams)
        for number, beam in enumerate(beams):
            grid = _grid(parameter)
            there = self._trials.answered([with_knob(beam.settings, index, u) for u in grid])
            pool += there
            if (parameter.is_stepped and parameter.steps <= MOST_STEPS) or len(there) < 3:
                continue
            law = LagLaw(index, _pairs(there), self._first)
            if law.sparse:
                self._laws[index] = law
                found = self._inverted(law, beam, self._targets)
                pool += found
                reached = max((t.reach for t in found), default=0.0)
                # What explains the tallest peak leaves nothing else to try.
                if reached < max(HOPELESS, self.tallest**2) and otherwise and not number:
                    pool += self._otherwise(index, found)
                continue
            patterns = LagPatterns(index, _pairs(there), self._first)
            shifted = LagPatterns(index, _pairs(there), self._first, shifts=True)
            if shifted.alike > max(patterns.alike, SHIFTED):
                patterns = shifted
                self.shifting[index] = patterns
            for _ in range(DENSER):
                gaps = patterns.gaps()
                if not gaps or len(patterns) >= MOST_PATTERNS:
                    break
                more = self._trials.ask([with_knob(beam.settings, index, u) for u in gaps])
                patterns.add(_pairs(more))
                pool += [t for t in more if t]
                if not patterns.alike:
                    # Each position has a pattern of its own.
                    break
            wanted = [
                with_knob(beam.settings, index, u) for u in patterns.stretched(self._trials.target)
            ]
            pool += self._shifted(patterns, wanted)
            pool += self._shifted(patterns, self._elsewhere(patterns))
        return self._trials.distinct(pool, BEAMS)

    def swept(self, beams: list[TriedEcho]) -> list[TriedEcho]:
        """Many positions of each lag knob, where something stands out and no law led there.

        Parameters
        ----------
        beams : list of TriedEcho
            Settings that are followed.

        Returns
        -------
        list of TriedEcho
        """
        pool = list(beams)
        for index in self._trials.lags[:SWEPT]:
            loud = max(self._trials.tried, key=lambda t: peak_height(t.answer))
            grid = (np.arange(SWEEP) + 0.5) / SWEEP
            there = self._trials.ask([with_knob(loud.settings, index, float(u)) for u in grid])
            pool += [t for t in there if t]
            law = LagLaw(index, _pairs(there), self._first) if any(there) else None
            found = [] if law is None else self._inverted(law, loud, self._targets)
            pool += [*found, *self._otherwise(index, found)]
        return sorted(pool, key=lambda t: -t.reach)[:BEAMS]

    def crossed(self, best: TriedEcho) -> list[TriedEcho]:
        """Settings at which one lag is the sum or the difference of two that were found.

        Of two echoes that are louder than their sound the reference shows the lag of one, and that
        between them, as if it were a soft one's.

        Parameters
        ----------
        best : TriedEcho
            What was found.

        Returns
        -------
        list of TriedEcho
            Two at most, with other smooth knobs where these explain more.
        """
        pool: list[TriedEcho] = []
        for (index, law), (other, theirs) in itertools.islice(
            itertools.permutations(self._laws.items(), 2), MOST_CROSSED
        ):
            wanted: list[tuple[int, float]] = []
            for view in range(self._trials.target.values.shape[0]):
                one = law.lag_at(view, float(best.settings[index]))
                two = theirs.lag_at(view, float(best.settings[other]))
                if one is not None and two is not None:
                    wanted += [(view, one + two), (view, abs(one - two))]
            found = self._inverted(law, best, [goal for goal in wanted if goal[1] > LAW_FROM])
            pool += [*found, *(self._otherwise(index, found) if found else [])]
        elsewhere = [t for t in pool if self._trials.differ(t, best)]
        return self._trials.distinct(elsewhere, CROSSED)

    def polish(self, beam: TriedEcho) -> TriedEcho:
        """Each lag knob by itself, in steps that get smaller: what is left of a sample.

        Parameters
        ----------
        beam : TriedEcho
            Where it begins.

        Returns
        -------
        TriedEcho
            The best of it.
        """
        best = beam
        for index in self._trials.lags:
            if self._trials.spec.parameters[index].is_stepped:
                continue
            for width in (1e-3, 2.5e-4, 6e-5):
                u = float(best.settings[index])
                grid = u + width * np.array([-1, -0.5, 0.5, 1])
                batch = self._trials.ask([with_knob(best.settings, index, float(v)) for v in grid])
                best = max([best, *(t for t in batch if t)], key=lambda t: t.drop)
        return best

    @property
    def _first(self) -> int:
        return round(LAW_FROM * LAG_RATE)

    def _inverted(
        self, law: LagLaw, beam: TriedEcho, goals: Sequence[tuple[int, float]]
    ) -> list[TriedEcho]:
        """Positions whose peak lies at a lag in a view that is wanted, refined."""
        wanted: list[tuple[int, float, float]] = []
        for view, lag in goals:
            wanted += [(view, lag, u) for u in law.positions(view, lag)]
        results: list[TriedEcho] = []
        for _ in range(REFINES):
            if not wanted:
                break
            batch = self._trials.ask([with_knob(beam.settings, law.index, u) for _, _, u in wanted])
            again = []
            for (view, lag, u), tried in zip(wanted, batch, strict=True):
                if tried is None:
                    continue
                results.append(tried)
                measured = law.add(view, u, lag, tried.answer)
                if measured is None or abs(measured - lag) * LAG_RATE < EXACT:
                    continue
                closer = law.closer(view, lag, u)
                if closer is not None:
                    again.append((view, lag, closer))
            wanted = again
        return results

    def _otherwise(self, index: int, there: Sequence[TriedEcho]) -> list[TriedEcho]:
        """The same lags with other smooth knobs: a loud echo has multiples of another sign."""
        drawn = [t.settings for t in self._trials.tried[: self._trials.drawn]]
        chosen: list[Settings] = []
        while self._trials.smooth and len(chosen) < OTHERWISE and drawn:
            known = [*chosen, self._trials.start]
            apart = [
                min(float(np.abs(v - k)[self._trials.smooth].max()) for k in known) for v in drawn
            ]
            chosen.append(drawn.pop(int(np.argmax(apart))))
        positions: list[float] = []
        for tried in sorted(there, key=lambda t: -t.reach):
            u = float(tried.settings[index])
            if all(abs(u - other) > SAME for other in positions):
                positions.append(u)
        vectors = []
        for u in positions[:MOST_POSITIONS]:
            for other in chosen:
                vector = with_knob(there[0].settings, index, u)
                vector[self._trials.smooth] = other[self._trials.smooth]
                vectors.append(vector)
        return [t for t in self._trials.ask(vectors) if t]

    def _elsewhere(self, patterns: LagPatterns) -> list[Settings]:
        """Settings at which a pattern heard with other smooth knobs, stretched, would fit.

        A sound that is mostly wet has another pattern than one that is mostly dry; the law by which
        the knob stretches it is the same.
        """
        scored: list[tuple[float, Settings]] = []
        for tried in self._trials.tried[: self._trials.drawn]:
            u = float(tried.settings[patterns.index])
            scored += [
                (score, with_knob(tried.settings, patterns.index, position))
                for score, position in patterns.fitting(tried.answer, u, self._trials.target)
            ]
        scored.sort(key=lambda pair: -pair[0])
        return [settings for _, settings in scored[:ELSEWHERE]]

    def _shifted(self, patterns: LagPatterns, wanted: Sequence[Settings]) -> list[TriedEcho]:
        """Settings at which the pattern, stretched in time, fits the reference."""
        index, results = patterns.index, []
        for _ in range(3):
            batch = [t for t in self._trials.ask(wanted) if t]
            results += batch
            ranked = sorted(
                batch, key=lambda t: -patterns.nearness(t.answer, self._trials.target)[0]
            )[:8]
            wanted = []
            for tried in ranked:
                _, shift = patterns.nearness(tried.answer, self._trials.target)
                u = patterns.moved(float(tried.settings[index]), shift)
                if u is not None and abs(shift) > patterns.step:
                    wanted.append(with_knob(tried.settings, index, u))
            if not wanted:
                break
        ranked = sorted(results, key=lambda t: -t.reach)[:2]
        near: list[Settings] = []
        for tried in ranked:
            u = float(tried.settings[index])
            fine = patterns.fine(u)
            near += [with_knob(tried.settings, index, u + n * fine) for n in (-3, -2, -1, 1, 2, 3)]
        return results + [t for t in self._trials.ask(near) if t]


def _goals(
    view: int, peaks: Sequence[tuple[float, float]], shortest: float
) -> list[tuple[int, float]]:
    """View and lag of peaks, and of what they may be multiples of where that is not looked at."""
    lags = [lag for lag, _ in peaks]
    hidden = [
        lag / multiple
        for lag in (*lags[:HIDDEN_PEAKS], *lags[-HIGHEST:])
        for multiple in MULTIPLES
        if LAW_FROM < lag / multiple < 1.2 * shortest
    ]
    return [(view, lag) for lag in dict.fromkeys((*lags, *hidden))]


def _grid(parameter: Parameter) -> list[float]:
    count = GRID
    if parameter.is_stepped:
        count = parameter.steps if parameter.steps <= MOST_STEPS else GRID
    return [parameter.snap(float(u)) for u in np.linspace(0.0, 1.0, count)]


def _pairs(tried: Sequence[TriedEcho | None]) -> list[tuple[Settings, Values]]:
    return [(t.settings, t.answer) for t in tried if t is not None]


def _noise(target: EchoTarget, view: int) -> float:
    weight = target.weight[view] * target.weight.shape[0]
    return float(1 / np.sqrt(np.median(weight[weight > 0]))) if (weight > 0).any() else 1.0
