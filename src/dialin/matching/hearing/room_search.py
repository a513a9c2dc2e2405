"""Setting together the knob that stretches a room's reflections and the one that delays them.

The size of a room must be right to a thousandth, or none of its late reflections lies where the
reference's do, and with it the pre-delay: a knob that is moved while the other is wrong leads
nowhere. A sweep over the stretching knob does, as the cross-correlation of an answer and a
reference shows all delays at once, and low frequencies forgive more. Both cepstra are low-passed
over lags, which leaves of their log spectra what lies below a limit: a hundredth of a knob's travel
is seen there that would be nothing at all above. An answer stretched a little stands for sizes
beside its own. What stands out is followed at higher limits, in smaller steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dialin.audio import fourier as sfft
from dialin.effects.spec import Settings
from dialin.matching.hearing.echo_target import SHORTEST, EchoTarget, Values
from dialin.matching.hearing.echo_trials import HOPELESS, EchoTrials, TriedEcho, with_knob
from dialin.matching.hearing.lag_laws import LagPatterns
from dialin.measures.cepstrum import LAG_RATE
from dialin.measures.smoothing import uniform_filter1d

SECONDS = 0.8
"""For which impulses are followed: later reflections tell little more, and cost as much."""

SWEEP, MOST_SWEEPS = 64, 2
"""Positions of the stretching knob, and settings of the smooth knobs that are swept."""

LIMIT, NARROWINGS, AGAIN = 1000.0, 4, 2
"""Frequency in hertz up to which a sweep looks; how often what it finds is narrowed, each time
at the limit before or at its double; and how often once the smooth knobs are searched."""

STRETCHES, STRETCH_STEP = (8, 4, 2, 0, 0), 2.0
"""By how many steps to both sides answers of a sweep and of each narrowing are stretched, and what
one is in log time, over the limit in hertz."""

FINER = 4
"""Positions to both sides that are asked for in a refinement, as many between two of the last."""

OUTSTANDING, SURELY, FOLLOWED = 1.6, 2.5, 2
"""How many times the median of a sweep something must be to be followed; and to be the only thing
that is; and how much is followed at most."""

FAINT = 55.0
"""What must stand out, squared and in units of the noise's variance, once it was narrowed: where
there is nothing it is 30 to 45."""

LEAST_ANSWERS = 16
"""Answers without which a sweep says nothing."""

NOISE_HZ = 500.0
"""Width in hertz over which it is averaged how much log spectra vary."""

POWER_FLOOR = 1e-10
"""Mean square at which an answer is taken for none."""

TAIL_FROM, TAIL_TO, QUIET_FROM = 0.02, 0.4, 1.0
"""Lags in seconds between which a room has most of its reflections, and from which few are left."""

EXPLAINED = 0.1
"""Share of all energy at those lags, noise and all, that a search explains which found a room. Of
twelve dry pieces of the validation split the energy was as high as of six wet ones, so that nothing
but a sweep tells that there is none."""

QUIET_MEDIAN = 0.4549
"""Median of the square of a standard normal variable."""

LONGEST_DELAY = 0.5
"""Seconds up to which delays are looked at."""

ENVELOPE_SECONDS = 0.01
"""Length of the stretches of lags in which energy is summed up."""


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a room may be.

    Attributes
    ----------
    score : float
        How far its answer stands out, compared with others.
    context : ndarray
        Settings, the delay at its least.
    position : float
        Of the stretching knob.
    seconds : float
        Delay.
    limit : float
        Frequency in hertz up to which it was looked at.
    """

    score: float
    context: Settings
    position: float
    seconds: float
    limit: float


class _Correlator:
    """Looks for answers in a reference at all delays and some stretches, up to a frequency.

    Parameters
    ----------
    target : EchoTarget
        What the reference holds; of several views the middle is looked at.
    limit : float
        In hertz.
    seconds : float
        Length of answers.
    longest : float
        Longest delay, in seconds.
    stretches : int
        Steps of stretching to both sides.
    """

    def __init__(
        self, target: EchoTarget, limit: float, seconds: float, longest: float, stretches: int
    ) -> None:
        limit = min(limit, LAG_RATE / 2)
        self._count = round(seconds * LAG_RATE)
        size = sfft.next_fast_len(self._count + round(longest * LAG_RATE) + 1, real=True)
        hertz = np.arange(size // 2 + 1) * LAG_RATE / size
        self._size = size
        self._bins = int((hertz < limit).sum())
        rising = np.clip(hertz[: self._bins] / limit - 0.5, 0.0, 0.5) / 0.5
        # Twice as dense as the limit asks for, so that stretching by straight lines does no harm.
        self._short = min(sfft.next_fast_len(4 * self._bins, real=True), size)
        self._rate = LAG_RATE * self._short / size
        goal = np.zeros(size)
        row = (target.values * target.weight)[-1][:size]
        goal[: row.size] = row
        spectrum = sfft.rfft(goal)
        # Of music with few partials low frequencies vary most.
        noise = uniform_filter1d(np.abs(spectrum) ** 2, max(1, round(NOISE_HZ * size / LAG_RATE)))
        noise = np.maximum(noise, 1e-9 * noise.max())[: self._bins]
        taper = 0.5 + 0.5 * np.cos(np.pi * rising)
        self._whitened = taper * np.sqrt(noise.mean() / noise)
        self._goal = (spectrum[: self._bins] * taper / np.sqrt(noise)).astype(np.complex64)
        self._delays = max(1, round(longest * self._rate))
        steps = np.arange(-stretches, stretches + 1)
        self._stretches = np.exp(steps * STRETCH_STEP / limit)

    def score(self, answer: Values) -> tuple[float, float]:
        """How far an answer stands out at the best stretch, and the delay in seconds there."""
        row = np.zeros(self._size)
        first = round(SHORTEST * LAG_RATE)
        count = min(self._count, answer.size)
        row[first:count] = answer[first:count]
        spectrum = np.zeros(self._short // 2 + 1, dtype=np.complex128)
        spectrum[: self._bins] = sfft.rfft(row)[: self._bins]
        short = sfft.irfft(spectrum, self._short)[: round(self._count * self._rate / LAG_RATE)]
        place = np.arange(short.size)
        rows = np.stack([np.interp(place / s, place, short, right=0.0) for s in self._stretches])
        spectra = sfft.rfft(rows.astype(np.float32), self._short, axis=1)[:, : self._bins]
        spectra *= self._whitened
        shared = sfft.irfft(self._goal * np.conj(spectra), self._short, axis=1)[:, : self._delays]
        power = 2 * (np.abs(spectra) ** 2).sum(axis=1, keepdims=True) / self._short**2
        explained = np.maximum(shared, 0.0) ** 2 / np.maximum(power, POWER_FLOOR)
        best = np.unravel_index(int(np.argmax(explained)), explained.shape)
        return float(explained[best]), float(best[1] / self._rate)


class RoomSearch:
    """Looks for a room by its size and its pre-delay together.

    Parameters
    ----------
    trials : EchoTrials
    shifting : mapping of int to LagPatterns
        Places of the knobs that shift a dense tail in time, and how.
    """

    def __init__(
        self,
        trials: EchoTrials,
        shifting: Mapping[int, LagPatterns],
    ) -> None:
        self._trials = trials
        lab = trials.lab
        self._lab = replace(lab, seconds=min(SECONDS, lab.seconds), renders=0, _shared=None)
        # Any other may stretch it; what does not is told by a sweep.
        stretching = [
            n for n in trials.lags if n not in shifting and not trials.spec.parameters[n].is_stepped
        ]
        self._pairs = list(itertools.product(stretching, shifting))
        self._shifting = shifting
        self._staying: Values = np.zeros(0)
        self._listeners: dict[tuple[float, int], _Correlator] = {}

    @property
    def swept(self) -> tuple[int, ...]:
        """Places of the knobs that `run` sets together."""
        return self._pairs[0] if self._pairs else ()

    def missed(self, explained: float) -> bool:
        """Whether there may be more of a room in the reference than was found.

        Parameters
        ----------
        explained : float
            What was found, at whatever strength.

        Returns
        -------
        bool
        """
        target = self._trials.target
        early = slice(round(TAIL_FROM * LAG_RATE), round(TAIL_TO * LAG_RATE))
        energy = float((target.weight[:, early] * target.values[:, early] ** 2).sum())
        return bool(self._pairs) and explained < EXPLAINED * energy

    def run(self) -> list[TriedEcho]:
        """Sweep, and ask for what stands out.

        Returns
        -------
        list of TriedEcho
            What was asked in the end, of each place that was followed.
        """
        found: list[TriedEcho] = []
        stretcher, shifter = self._pairs[0]
        try:
            for context in self._contexts(shifter)[:MOST_SWEEPS]:
                places, sure = self._swept(context, stretcher)
                for place in self._narrowed(places, stretcher):
                    found += self._placed(place, stretcher, shifter)
                if sure and max((t.reach for t in found), default=0.0) >= SURELY * HOPELESS:
                    break
        finally:
            self._trials.lab.renders += self._lab.renders
            self._lab.close()
        return found

    def refined(self, beam: TriedEcho) -> TriedEcho:
        """Both knobs in small steps again, as smooth knobs that suit better show more.

        Parameters
        ----------
        beam : TriedEcho
            Found here, its smooth knobs searched since.

        Returns
        -------
        TriedEcho
            What explains more, or the same.
        """
        stretcher, shifter = self._pairs[0]
        context = with_knob(beam.settings, shifter, self._least(shifter))
        place = _Place(0.0, context, float(beam.settings[stretcher]), 0.0, LAG_RATE / 4)
        before = self._lab.renders
        try:
            found = [beam]
            for closer in self._narrowed([place], stretcher, AGAIN):
                found += self._placed(closer, stretcher, shifter)
        finally:
            self._trials.lab.renders += self._lab.renders - before
            self._lab.close()
        return max(found, key=lambda t: t.reach)

    def _contexts(self, shifter: int) -> list[Settings]:
        """Settings to sweep from, the delay at its least: those whose energy falls as it does."""
        energy = _tail(self._trials.target)
        drawn = self._trials.tried[: self._trials.drawn]
        ranked = sorted(drawn, key=lambda t: -_envelope_likeness(energy, t.answer))
        least = self._least(shifter)
        return [with_knob(v, shifter, least) for v in (ranked[0].settings, self._trials.start)]

    def _least(self, shifter: int) -> float:
        positions, seconds = self._shifting[shifter].law
        return float(positions[int(np.argmin(seconds))])

    def _longest(self) -> float:
        spans = [np.ptp(patterns.law[1]) for patterns in self._shifting.values()]
        return float(min(max(spans), LONGEST_DELAY))

    def _swept(self, context: Settings, stretcher: int) -> tuple[list[_Place], bool]:
        """What stands out along the travel, and whether it is one place only."""
        answers = self._answers(context, stretcher, (np.arange(SWEEP) + 0.5) / SWEEP)
        if len(answers) < LEAST_ANSWERS:
            return [], False
        count = min(answer.shape[1] for _, answer in answers)
        self._staying = np.median([answer[-1, :count] for _, answer in answers], axis=0)
        places = self._scored(context, answers, LIMIT, STRETCHES[0])
        usual = float(np.median([place.score for place in places]))
        chosen: list[_Place] = []
        for place in sorted(places, key=lambda p: -p.score):
            if place.score < OUTSTANDING * usual or len(chosen) == FOLLOWED:
                break
            if all(abs(place.position - other.position) > 1.5 / SWEEP for other in chosen):
                chosen.append(place)
        return chosen, bool(chosen) and chosen[0].score >= SURELY * usual

    def _narrowed(
        self, places: Sequence[_Place], stretcher: int, times: int = NARROWINGS
    ) -> list[_Place]:
        """The same in smaller steps, at higher limits as far as more stands out there."""
        width = 1.0 / SWEEP / FINER ** (NARROWINGS - times)
        for level in range(NARROWINGS - times, NARROWINGS):
            closer = []
            for place in places:
                around = place.position + width * np.linspace(-1.0, 1.0, 2 * FINER + 1)
                answers = self._answers(place.context, stretcher, around)
                closer.append(self._best(place, answers, (1.0, 2.0), STRETCHES[level + 1]))
            most = max((place.score for place in closer), default=0.0)
            places = [place for place in closer if place.score >= most / 2]
            if not level:
                places = [place for place in places if place.score >= FAINT]
                places = [self._coloured(place, stretcher) for place in places]
            width /= FINER
        return list(places)

    def _best(
        self,
        place: _Place,
        answers: Sequence[tuple[float, Values]],
        limits: Sequence[float],
        stretches: int,
    ) -> _Place:
        """What stands out most of some answers, at the limit of a place by some factors."""
        options = []
        for share in limits:
            limit = min(place.limit * share, LAG_RATE / 2)
            options += self._scored(place.context, answers, limit, stretches)
        return max(options, key=lambda p: p.score, default=replace(place, score=0.0))

    def _coloured(self, place: _Place, stretcher: int) -> _Place:
        """The same place with the smooth knobs of those random settings that suit it best."""
        vectors = []
        for tried in self._trials.tried[: self._trials.drawn]:
            vector = with_knob(place.context, stretcher, place.position)
            vector[self._trials.smooth] = tried.settings[self._trials.smooth]
            vectors.append(vector)
        best = place
        for vector, answer in zip(vectors, self._lab.answers(vectors), strict=True):
            if answer is not None:
                own = replace(place, context=vector)
                there = self._best(own, [(place.position, answer)], (0.5, 1.0), STRETCHES[1])
                best = max(best, there, key=lambda p: p.score)
        return best

    def _answers(
        self, context: Settings, stretcher: int, positions: NDArray[np.float64]
    ) -> list[tuple[float, Values]]:
        kept = np.unique(np.clip(positions, 0.0, 1.0))
        answers = self._lab.answers([with_knob(context, stretcher, float(u)) for u in kept])
        return [(float(u), a) for u, a in zip(kept, answers, strict=True) if a is not None]

    def _scored(
        self,
        context: Settings,
        answers: Sequence[tuple[float, Values]],
        limit: float,
        stretches: int,
    ) -> list[_Place]:
        listener = self._listeners.get((limit, stretches))
        if listener is None:
            listener = self._listeners[limit, stretches] = _Correlator(
                self._trials.target, limit, self._lab.seconds, self._longest(), stretches
            )
        places = []
        for position, answer in answers:
            count = min(answer.shape[1], self._staying.size)
            score, seconds = listener.score(answer[-1, :count] - self._staying[:count])
            places.append(_Place(score, context, position, seconds, limit))
        return places

    def _placed(self, place: _Place, stretcher: int, shifter: int) -> list[TriedEcho]:
        """Settings with the delay of a place, and some beside it."""
        patterns = self._shifting[shifter]
        u = patterns.moved(float(place.context[shifter]), place.seconds)
        if u is None:
            return []
        vector = with_knob(place.context, stretcher, place.position)
        beside = u + patterns.fine(u) * np.arange(-2.0, 2.5, 0.5)
        return self._trials.answered([with_knob(vector, shifter, float(v)) for v in beside])


def _tail(target: EchoTarget) -> Values:
    """Energy of reflections by lag: weighted squares, less what they are where few are left."""
    power = target.values[-1] ** 2 * target.weight[-1] * target.weight.shape[0]
    quiet = power[min(round(QUIET_FROM * LAG_RATE), power.size // 2) :]
    usual = float(np.median(quiet)) / QUIET_MEDIAN if quiet.size else 1.0
    return np.asarray(np.where(target.weight[-1] > 0, power - usual, 0.0))


def _envelope_likeness(energy: Values, answer: Values) -> float:
    """How alike energies are by lag, whatever the delay of one of them: 1 at most."""
    step = round(ENVELOPE_SECONDS * LAG_RATE)
    last = round(TAIL_TO * LAG_RATE) // step * step
    own = answer[-1][: min(last, answer.shape[1] // step * step)] ** 2
    own[: round(SHORTEST * LAG_RATE)] = 0.0
    theirs = energy[: min(last, energy.size // step * step)]
    one, two = (rows.reshape(-1, step).sum(axis=1) for rows in (theirs, own))
    size = float(np.sqrt((one**2).sum() * (two**2).sum()))
    return float(np.correlate(one, two, "full").max() / size) if size > 0 else 0.0
