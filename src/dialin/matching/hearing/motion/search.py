"""Setting an effect that moves by what it does to impulses, no music rendered.

Random settings are asked for one turn each, their rate knob where it turns easily
(`dialin.matching.hearing.motion.probe`), and each turn is looked for in the reference at every rate
(`dialin.matching.hearing.motion.listener`). What the input shows by itself at the same rate, a beat
or a trill, is no effect. The best are refined by CMA-ES at the rate that was heard, and the law of
the rate knob is inverted at that rate in the end. The phase of the oscillator is never asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dialin.effects.spec import Settings
from dialin.matching.evolution import plain_cma
from dialin.matching.hearing.motion.ears import APART, COARSE, FINE
from dialin.matching.hearing.motion.listener import HOPELESS, WINDOW, MotionListener
from dialin.matching.hearing.motion.turns import TriedMotion
from dialin.measures.turning import Turning

DRAWS, MORE_DRAWS, MOST_DRAWS = 23, 24, 3
"""Random settings to begin with, and more, so many times at most, where little was found."""

RATE_DRAWS, HALF_DRAWS = 48, 32
"""Random settings more at a rate that was heard, and at half of it."""

MOST_SEEDS, LIKELY_RATES = 16, 3
"""Settings that are likely and are tried, and of their rates those that are followed."""

OCTAVES, SLOWER, LEAST_PHASED = (0.5, 1 / 3, 2.0), 0.9, 0.4
"""Other rates of which a shape may be the overtone, or the fundamental; the share of its score from
which a slower one is taken, and of what phases tell."""

OCTAVE_PASSES, MANY_RENDERS = 2, 700
"""How often other rates are looked at: a sixth is a half of a third; and after how many renders no
more."""

LEAST_BETWEEN = 0.15
"""Share of what a slower motion tells that must lie between the lines of the faster one."""

MOST_BETWEEN, LEAST_SLOWER = 0.25, 0.6
"""Share from which it need not explain as much yet, and how much then. Of thirteen right rates the
halves told 0.1 between their lines at most; of three doubles the right rates told 0.33 or more."""

LEAST_DOUBLE = 0.4
"""Share of a score from which the double rate is taken where nothing lies between its lines."""

FOLLOWED = (5, 3, 1)
"""Rates that are followed after a first look, and after more of them."""

BEAMS = 3
"""Rates that are followed at first."""

WORTH = 0.15
"""Share of the best one's score from which a rate is followed on."""

POPULATION, ROUNDS, MORE_ROUNDS = 8, 2, 14
"""Renders in a round, rounds for each of the rates, and the most for the best."""

STARTS, MORE_STARTS, LEAST_START, APART_SHAPES = 3, 6, 0.2, 0.15
"""Shapes from which the best is looked for in each band, and where slopes lead on; the least share
of the best one's score, and how far apart they are."""

MOST_ALIKE, LEAST_ALIKE = 10, 0.4
"""Shapes besides that are handed on, and the least share of the best one's score."""

SIGMAS = (0.15, 0.12)
"""How far around them at first."""

STEP, LONGEST_STEP, DAMPINGS = 0.02, 0.2, (0.01, 0.1, 1.0, 10.0)
"""How far knobs are moved for a descent's slopes, how far it goes at most, and its dampings."""

DESCENTS, MOST_DESCENTS, LAST_DESCENTS, SMOOTH, LEVEL = (1, 3), 6, 2, 1.05, 1.003
"""Steps of a descent from each start, from those that came farthest, from the best, and in the end;
gain in one step from which an effect is smooth enough for it, and below which it ends."""

RATE_STEP, RATE_STEPS = 0.03, (25, 151)
"""Turns by which the last and the first of a stretch may differ between two rates that are looked
at in the end, and how many those are, at least and at most."""

NARROW = (0.03, 0.01)
"""The same for combs in the end: long teeth agree only within thousandths of a knob's travel."""

NEAR_DESCENTS, NEAR_ROUNDS, NEAR_SIGMA = 4, 4, 0.025
"""Steps, or rounds and how far, around settings that came near by the sound."""

SHARP_STEP, SHARP, REDRAWN, REDRAWN_STARTS = 0.04, 0.6, 32, 2
"""How far a knob is moved to see whether it is known sharply; what is left of a shape's worth then,
at most; settings at which the other knobs are drawn anew, and how many of these are followed."""

CALM, GAINED = 4, 1.02
"""Rounds after which nothing more is hoped for where the best is not so many times better."""

SAME_LAW = 0.06
"""Logarithm of the rate, by which a setting may seem to be off the law and is not."""

HEARD, PHASED, HEARD_HALF, EVEN = 170.0, 35.0, 20.0, 0.12
"""Score in all, what phases tell of it, and score in the worse half of the references, from which
a motion is heard; and the share of all that the worse half must have."""

SLOW, SLOWEST = 0.4, 1.2
"""How much higher a score must be for what goes round once, both together; for what does twice half
of the one and a quarter of the other: a piece that grows brighter moves as a slow sweep does."""

STRONG, STRONG_EVEN, STRONG_HALF, STRONG_ROUNDS = 220.0, 0.2, 60.0, 3.0
"""Score from which energy alone is enough, the share of it in the worse half and the score there
that is enough in any case, and how many times it goes round: a comb that sweeps by many of its
teeth in a frame has no phases to tell of."""

CLEAR, CLEAR_HALF = 300.0, 15.0
"""Score from which so much in the worse half is enough: music is loud in one half and soft in the
other."""

ABSENT = 25.0
FAINT, LIKELY, ENOUGH = 45.0, 80.0, 200.0
"""Scores below which little is refined, from which more is tried at a rate, and from which no more
is drawn."""

STRAY = 1.0
"""What a knob's full travel from its default costs, in units of the noise's variance."""


@dataclass(frozen=True, eq=False)
class MotionFit:
    """What a search came to.

    Attributes
    ----------
    settings : ndarray
    rate : float
        Heard in the references, in hertz.
    score : float
        How much is explained beyond what the input has by itself.
    half : float
        How much in the worse half.
    depth : float
        In dB, at these settings.
    renders : int
    phased : float
        What of the score its phases tell, energy apart.
    frame : int
        Place of the band that tells most.
    rounds : float
        How many times it goes round in the references.
    alike : tuple of (ndarray, float)
        Other settings that explain a good part of it, and how much each does.
    worth : float
        Of the shape; see `TriedMotion.worth`.
    """

    settings: Settings
    rate: float
    score: float
    half: float
    depth: float
    renders: int
    phased: float = 0.0
    frame: int = 0
    rounds: float = np.inf
    alike: tuple[tuple[Settings, float], ...] = ()
    worth: float = 0.0

    @property
    def verdict(self) -> str:
        """``heard``, ``doubt`` or ``absent``."""
        even = self.half >= max(HEARD_HALF, EVEN * self.score)
        clear = self.score >= CLEAR and self.half >= CLEAR_HALF
        strong = self.score >= STRONG
        strong &= self.half >= min(STRONG_EVEN * self.score, STRONG_HALF)
        strong &= self.rounds >= STRONG_ROUNDS
        enough = self.score >= HEARD * (1 + SLOW / self.rounds + SLOWEST / self.rounds**2)
        if enough and (strong or (self.phased >= PHASED and (even or clear))):
            return "heard"
        return "absent" if self.score < ABSENT or self.half < HEARD_HALF / 3 else "doubt"


def _is_apart(rate: float, others: Sequence[float]) -> bool:
    """Whether a rate is another one than all of some."""
    return all(abs(np.log(rate / other)) > APART for other in others)


class MotionSearch:
    """One search.

    Parameters
    ----------
    listener : MotionListener
        Of the effect alone.
    seed : int
    seeds : sequence of ndarray
        Settings that are likely, the likeliest first; of locked knobs they say nothing.
    brief : bool, default False
        Whether a rate and a shape that come near will do, in a third of the renders.
    """

    def __init__(
        self,
        listener: MotionListener,
        *,
        seed: int = 0,
        seeds: Sequence[Settings] = (),
        brief: bool = False,
    ) -> None:
        self._listener, self._brief = listener, brief
        self._spec, self._ears, self._probe = listener.spec, listener.ears, listener.probe
        self._knob, self._shape, self._start = listener.knob, listener.shape, listener.start
        self._rng = np.random.default_rng([seed, 31])
        self._redraws = np.random.default_rng([seed, 37])
        self._seeds, self._likely_rates = self._told(seeds[:MOST_SEEDS])

    def _told(self, seeds: Sequence[Settings]) -> tuple[list[Settings], list[float]]:
        """Shapes that are likely, their rate knob where it turns easily, and their rates."""
        shapes: list[Settings] = []
        rates: list[float] = []
        for seed in seeds:
            vector = self._start.copy()
            vector[self._shape] = seed[self._shape]
            shapes.append(self._spec.check(vector))
            if self._knob is not None:
                rate = self._probe.rate_at(float(seed[self._knob]))
                if all(abs(np.log(rate / other)) > APART for other in rates):
                    rates.append(rate)
        return shapes, rates[:LIKELY_RATES]

    @property
    def places(self) -> tuple[int, ...]:
        """Knobs that are set."""
        return tuple(sorted([*self._shape, *self.rate_places]))

    @property
    def rate_places(self) -> tuple[int, ...]:
        """The knob that sets the rate, if there is one."""
        return () if self._knob is None else (self._knob,)

    def run(self) -> MotionFit | None:
        """Search; None if nothing went round at any setting."""
        with self._listener.listening():
            return self._run()

    def weigh(self, fit: MotionFit, settings: Sequence[Settings]) -> list[float]:
        """How much settings explain at the rate that was heard, whatever their own.

        Parameters
        ----------
        fit : MotionFit
            What was heard.
        settings : sequence of ndarray
            Of the effect.

        Returns
        -------
        list of float
            In units of `MotionFit.score`; 0 for what does not go round.
        """
        near = TriedMotion(fit.settings, (), fit.frame, fit.rate, fit.score)
        with self._listener.listening():
            tried = self._listener.try_settings(settings, near)
        unit = fit.score / fit.worth if fit.worth > 0 else 1.0
        return [0.0 if t is None else unit * t.worth for t in tried]

    def refined(self, fit: MotionFit, settings: Settings) -> Settings:
        """Settings near some that explain more of the motion that was heard.

        Parameters
        ----------
        fit : MotionFit
            What was heard.
        settings : ndarray
            Of the effect.

        Returns
        -------
        ndarray
            The same where nothing near explains more, but for the rate that goes with them.
        """
        near = TriedMotion(fit.settings, (), fit.frame, fit.rate, fit.score)
        with self._listener.listening():
            (tried,) = self._listener.try_settings([settings], near)
            if tried is None:
                return settings
            better = self._descend(tried, NEAR_DESCENTS)
            if better.worth < SMOOTH * tried.worth:
                better = self._refine(better, NEAR_ROUNDS, NEAR_SIGMA, near=True)
            return self._finish(better).settings

    def _run(self) -> MotionFit | None:
        self._listener.try_settings([self._start, *self._seeds, *self._drawn(DRAWS)], None)
        for _ in range(1 if self._brief else MOST_DRAWS):
            best = max(self._listener.tried, key=lambda t: t.score, default=None)
            # Much of what a first look tells may be the input's own as well.
            again = self._listener.again(best) if best and best.score >= ENOUGH else None
            if again is not None and again.score >= ENOUGH:
                break
            self._listener.try_settings(self._drawn(MORE_DRAWS), None)
        if not self._listener.tried:
            return None
        return self._finish(self._followed())

    def _followed(self) -> TriedMotion:
        """The best of what the likeliest rates lead to."""
        beams = sorted(self._listener.tried, key=lambda t: -t.score)
        if beams[0].score >= HOPELESS:
            kept: list[TriedMotion] = []
            for tried in beams:
                if tried.score < 0.3 * beams[0].score or len(kept) == BEAMS:
                    break
                if _is_apart(tried.rate, [k.rate for k in kept]):
                    kept.append(tried)
            kept += self._listener.at_lines(kept)
            likely = [r for r in self._likely_rates if _is_apart(r, [k.rate for k in kept])]
            kept += [b for b in map(self._listener.nearest, likely) if b is not None]
            kept = [b for b in map(self._listener.again, kept) if b is not None] or kept[:1]
            for count in FOLLOWED:
                kept = self._worth(kept)
                kept = self._worth([self._refine(beam, 1) for beam in kept])[:count]
                if kept[0].score < FAINT:
                    break
            best = self._finer(kept[0])
            if best.score < FAINT:
                return best
            if self._brief:
                return self._descend(self._refine(best, ROUNDS, near=True), LAST_DESCENTS)
            best = self._settle(best)
            if self._knob is not None and best.score > LIKELY:
                for _ in range(OCTAVE_PASSES):
                    before, best = best, self._octave(best)
                    if best is before or self._listener.renders > MANY_RENDERS:
                        break
            narrowed = self._narrowed(best)
            again = self._redrawn(narrowed)
            if again is not narrowed:
                self._narrowed(again)
            beams = self._listener.at_rate(best.rate)
        return max(beams, key=lambda t: t.worth - self._stray(t.settings))

    def _worth(self, beams: Sequence[TriedMotion]) -> list[TriedMotion]:
        """Those that come near the best one, which is the first."""
        best = max(beam.score for beam in beams)
        near = [beam for beam in beams if beam.score >= WORTH * best]
        return sorted(near, key=lambda t: -t.score)

    def _octave(self, best: TriedMotion) -> TriedMotion:
        """The same, or at another rate of which it may be the overtone or the fundamental."""
        for factor in OCTAVES:
            rate = best.rate * factor
            lines = self._listener.between(best, 2) if factor == 2.0 else 0.0
            if lines >= MOST_BETWEEN:
                # Of what lies between its lines a faster one has nothing.
                continue
            if factor == OCTAVES[0] and rate >= self._ears.whole[0].rates[0]:
                # The commonest mistake: a sweep to and fro taken for two.
                self._listener.try_at(replace(best, rate=rate), self._drawn(HALF_DRAWS))
            there = self._listener.again(self._listener.nearest(rate, [best]))
            others = [*self._listener.at_rate(rate), *([] if there is None else [there])]
            if others:
                other = self._refine(max(others, key=lambda t: t.score), ROUNDS)
                if other.score > 0.4 * best.score:
                    other = self._refine(other, ROUNDS)
                # A turn that takes twice as long explains all that two do, and what differs; mere
                # energy is alike at both rates, but between the lines of the faster one.
                told = self._listener.phased(other) > LEAST_PHASED * self._listener.phased(best)
                enough = 1.0
                if factor == 2.0 and lines < LEAST_BETWEEN:
                    # Of the slower one only the lines were there that both have.
                    told, enough = True, LEAST_DOUBLE
                elif factor < 1.0:
                    share = self._listener.between(other, round(1 / factor))
                    told = share > (LEAST_BETWEEN if told else 2 * LEAST_BETWEEN)
                    enough = SLOWER if share < MOST_BETWEEN else LEAST_SLOWER
                if told and other.score > enough * best.score:
                    best = self._settle(other)
        return best

    def _settle(self, best: TriedMotion) -> TriedMotion:
        """Refine shapes at a rate that was heard, from several beginnings: combs have many tops."""
        if best.score > LIKELY:
            self._listener.try_at(best, [*self._seeds, *self._drawn(RATE_DRAWS)])
        starts = self._starts(best.rate, STARTS)
        smooth = bool(starts) and self._is_smooth(starts[0])
        if smooth:
            # One descent finds one top; they take few renders.
            starts = self._starts(best.rate, MORE_STARTS)
            for steps, kept in zip(DESCENTS, (STARTS, 1), strict=True):
                starts = [self._descend(start, steps) for start in starts]
                starts = sorted(map(self._finer, starts), key=lambda t: -t.worth)[:kept]
        sigma = SIGMAS[0]
        while len(starts) > 1:
            starts = [
                self._finer(self._refine(start, ROUNDS, sigma, near=True)) for start in starts
            ]
            starts = sorted(starts, key=lambda t: -t.worth)[: len(starts) // 2]
        first = starts[0] if starts else best
        refined = self._descend(self._finer(first), MOST_DESCENTS)
        rounds = NEAR_ROUNDS if smooth else MORE_ROUNDS
        refined = self._refine(refined, rounds, SIGMAS[1], near=True)
        return max(best, refined, key=lambda t: t.worth)

    def _narrowed(self, best: TriedMotion) -> TriedMotion:
        """The same shape more finely, in the end."""
        refined = self._descend(best, MOST_DESCENTS)
        if refined.worth < SMOOTH * best.worth:
            for sigma in NARROW:
                refined = self._refine(refined, MORE_ROUNDS, sigma, near=True)
        return self._descend(refined, LAST_DESCENTS)

    def _redrawn(self, best: TriedMotion) -> TriedMotion:
        """The same shape or one that tells more: what is known sharply stays, the rest is drawn.

        A comb's lags are known to thousandths of a knob's travel, and no draw but one that has them
        tells anything of its feedback and its mix, which have tops of their own for either sign.
        """
        parameters = self._spec.parameters
        knobs = [n for n in self._shape if not parameters[n].is_stepped]
        if best.score < LIKELY or len(knobs) < 2:
            return best
        asked = []
        for place in knobs:
            for step in (-SHARP_STEP, SHARP_STEP):
                vector = best.settings.copy()
                vector[place] = np.clip(vector[place] + step, 0.0, 1.0)
                asked.append(self._spec.check(vector))
        worths = [0.0 if t is None else t.worth for t in self._listener.try_settings(asked, best)]
        left = np.array(worths).reshape(-1, 2).max(axis=1)
        free = [n for n, worth in zip(knobs, left, strict=True) if worth > SHARP * best.worth]
        if not free or len(free) == len(knobs):
            return best
        vectors = []
        for _ in range(REDRAWN):
            vector = best.settings.copy()
            vector[free] = 0.03 + 0.94 * self._redraws.random(len(free))
            vectors.append(self._spec.check(vector))
        tried = [t for t in self._listener.try_settings(vectors, best) if t is not None]
        for start in sorted(tried, key=lambda t: -t.worth)[:REDRAWN_STARTS]:
            best = max(best, self._descend(start, MOST_DESCENTS), key=lambda t: t.worth)
        return best

    def _starts(self, rate: float, most: int) -> list[TriedMotion]:
        """Shapes at a rate that explain most in each band, no two of a band near each other."""
        starts: list[TriedMotion] = []
        for frame in range(len(self._ears.whole)):
            # Short frames tell more of a shape that is right, and less of one that nearly is.
            mine: list[TriedMotion] = []
            for tried in self._listener.at_rate(rate, frame):
                if mine and (len(mine) == most or tried.worth < LEAST_START * mine[0].worth):
                    break
                if all(self._listener.apart(tried, other) > APART_SHAPES for other in mine):
                    mine.append(tried)
            starts += mine
        return starts

    def _is_smooth(self, start: TriedMotion) -> bool:
        """Whether slopes lead on: teeth of combs that are a little off tell nothing of the way."""
        return self._descend(start, 1).worth >= SMOOTH * start.worth

    def _descend(self, tried: TriedMotion, steps: int) -> TriedMotion:
        """Go where slopes say that more is explained (Levenberg and Marquardt)."""
        parameters = self._spec.parameters
        places = [n for n in self._shape if not parameters[n].is_stepped]
        for _ in range(steps if places else 0):
            ear, turn = self._ears.whole[tried.frame], tried.turns[tried.frame]
            assert turn is not None
            asked, moves = [], []
            for place in places:
                vector = tried.settings.copy()
                moves.append(STEP if vector[place] < 0.5 else -STEP)
                vector[place] += moves[-1]
                asked.append(self._spec.check(vector))
            moved: list[tuple[int, float, Turning]] = []
            for place, move, other in zip(
                places, moves, self._listener.try_settings(asked, tried), strict=True
            ):
                there = None if other is None else other.turns[tried.frame]
                if there is not None:
                    moved.append((place, move, there))
            if not moved:
                break
            rate, _ = self._exact_rate(tried)
            vectors = []
            for step in ear.steps(turn, [m[2] for m in moved], rate, DAMPINGS):
                vector = tried.settings.copy()
                for (place, move, _), share in zip(moved, step, strict=True):
                    vector[place] += np.clip(share * move, -LONGEST_STEP, LONGEST_STEP)
                vectors.append(self._spec.check(np.clip(vector, 0.0, 1.0)))
            others = [t for t in self._listener.try_settings(vectors, tried) if t is not None]
            best = max([tried, *others], key=lambda t: t.worth)
            ended = best.worth < LEVEL * tried.worth
            tried = best
            if ended:
                break
        return tried

    def _exact_rate(self, tried: TriedMotion) -> tuple[float, float]:
        """Rate in hertz at which a motion explains most, and what its phases tell there."""
        ear, turn = self._ears.whole[tried.frame], tried.turns[tried.frame]
        assert turn is not None
        middle = max(tried.rate, ear.rates[0])
        count = int(np.clip(0.03 * middle * ear.seconds / RATE_STEP, *RATE_STEPS))
        rates = middle * np.exp(np.linspace(-0.015, 0.015, count))
        if self._knob is None:
            rates = np.array([tried.rate])
        phased = ear.drops(turn, rates, exactly=True)[0]
        # Energy tells a rate less finely than phases do.
        drops = phased if phased.max() >= PHASED else phased + ear.spreads(turn, rates)
        top = int(np.argmax(drops))
        return float(rates[top]), float(phased[top])

    def _finer(self, tried: TriedMotion) -> TriedMotion:
        """The same by the band that tells more, where it was led to by the lowest teeth alone."""
        if tried.frame != COARSE:
            return tried
        (finer,) = self._listener.try_settings([tried.settings], replace(tried, frame=FINE))
        return tried if finer is None or finer.score < tried.score else finer

    def _drawn(self, count: int) -> list[Settings]:
        drawn = []
        for _ in range(count if self._shape else 0):
            vector = self._start.copy()
            vector[self._shape] = 0.03 + 0.94 * self._rng.random(len(self._shape))
            drawn.append(self._spec.check(vector))
        return drawn

    def _stray(self, vector: Settings) -> float:
        return STRAY * float(np.abs(vector - self._start)[self._shape].sum())

    def _refine(
        self, beam: TriedMotion, rounds: int, sigma: float = 0.2, *, near: bool = False
    ) -> TriedMotion:
        """Search the shape knobs near a beam, at its rate; by phases where it is near already."""

        def told(tried: TriedMotion) -> float:
            return tried.worth if near else tried.score

        indices = [n for n in self._shape if not self._spec.parameters[n].is_stepped]
        if not indices:
            return beam
        search = plain_cma()(
            mean=beam.settings[indices],
            sigma=sigma,
            bounds=np.tile([0.0, 1.0], (len(indices), 1)),
            seed=int(self._rng.integers(2**31)),
            population_size=POPULATION,
        )
        best, scores = beam, [told(beam)]
        for _ in range(rounds):
            if len(scores) > CALM and scores[-1] < GAINED * scores[-1 - CALM]:
                break
            asked = [search.ask() for _ in range(POPULATION)]
            vectors = []
            for position in asked:
                vector = beam.settings.copy()
                vector[indices] = position
                vectors.append(self._spec.check(vector))
            tried = self._listener.try_settings(vectors, best)
            search.tell(
                [
                    (position, 1e6 if t is None else self._stray(t.settings) - told(t))
                    for position, t in zip(asked, tried, strict=True)
                ]
            )
            best = max([best, *(t for t in tried if t is not None)], key=told)
            scores.append(told(best))
        return best

    def _finish(self, best: TriedMotion) -> MotionFit:
        turn = best.turns[best.frame]
        assert turn is not None
        ear = self._ears.whole[best.frame]
        rate, phased = self._exact_rate(best)
        near = rate * np.exp(np.linspace(-WINDOW, WINDOW, 13))
        halves = [
            # In half the time a rate is known half as well, and rotors may still speed up.
            float((half.drops(turn, near)[0] + half.spreads(turn, near)).max())
            for half in self._ears.halves[best.frame]
        ]
        settings = best.settings.copy()
        if self._knob is not None:
            # The law was taken down elsewhere: what counts is how far to go from here.
            scale = self._probe.rate_at(float(settings[self._knob])) / turn.rate
            if abs(np.log(scale)) < SAME_LAW:
                # Rotors that still speed up say less of it than the law does.
                scale = 1.0
            settings[self._knob] = self._spec.parameters[self._knob].snap(
                self._probe.position_of(rate * scale)
            )
        return MotionFit(
            *(settings, rate, best.score, min(halves), turn.depth, self._listener.renders),
            *(phased, best.frame, rate * ear.seconds * ear.stretches),
            alike=tuple(self._alike(best, settings)),
            worth=best.worth,
        )

    def _alike(self, best: TriedMotion, settings: Settings) -> list[tuple[Settings, float]]:
        """Other shapes at this rate that explain a good part, no two of them near each other."""
        kept = [best]
        for tried in self._listener.at_rate(best.rate):
            if len(kept) > MOST_ALIKE or tried.worth < LEAST_ALIKE * best.worth:
                break
            if all(self._listener.apart(tried, other) > APART_SHAPES for other in kept):
                kept.append(tried)
        alike = []
        unit = best.score / best.worth
        for tried in kept[1:]:
            vector = tried.settings.copy()
            if self._knob is not None:
                vector[self._knob] = settings[self._knob]
            alike.append((vector, unit * tried.worth))
        return alike
