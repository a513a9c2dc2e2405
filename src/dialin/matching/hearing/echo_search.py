"""Setting an effect of echoes by its answers to impulses, no music rendered.

What a reference's cepstrum holds beyond the input's is compared with cepstra of the effect's
answers (`dialin.matching.hearing.impulses`). Two kinds of knobs are told
(`dialin.matching.hearing.time_probe`): those that set *lags* are moved by their laws
(`dialin.matching.hearing.lag_search`), and *smooth* ones, that only scale what is there, are
searched by small steps where lags are right (`dialin.matching.hearing.smooth_search`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dialin.effects.spec import Settings
from dialin.matching.hearing.echo_target import SHORTEST, Values
from dialin.matching.hearing.echo_trials import HOPELESS, EchoTrials, TriedEcho, peak_height
from dialin.matching.hearing.impulses import SECONDS
from dialin.matching.hearing.lag_search import BEAMS, LagSearch
from dialin.matching.hearing.room_search import RoomSearch
from dialin.matching.hearing.smooth_search import MOST_REFINING, RIVAL_DROP, SmoothSearch
from dialin.matching.hearing.step_taps import StepTaps
from dialin.matching.hearing.taps_search import ask_taps
from dialin.measures.cepstrum import LAG_RATE

MOST_IMPULSES = 1200
"""After so many no lag knob is moved along its travel any more."""

FIRST_DRAWS, SEEDED_DRAWS = 20, 8
"""Random settings tried to begin with: without and with likely ones beside them."""

ENDS, MOST_ENDS = (0.05, 0.98, 0.95), 6
"""Where smooth knobs stand in some more, and how many of the knobs."""

AGAIN = 2
"""Settings whose smooth knobs are refined between moving lag knobs and moving them once more, and
after that."""

TALL = 15.0
"""Standard deviations of a peak that should not be left unexplained."""

LEAST_REFINING = 40
"""Impulses for the smooth knobs of one setting of the lag knobs."""

ALIKE_DROP, ALIKE_SHARE = 15.0, 0.03
"""Drop, and share of it, by which settings may explain less and still be handed on."""

MOST_ALIKE, APART = 8, 0.08
"""How many of them, and how far a knob of theirs must stand from that of the others."""

RIVALS = 2
"""How many settings with other lags are handed on besides, that explain `RIVAL_DROP` or more."""

SAME_ECHO = 3
"""Steps of `LAG_RATE` within which two answers have the same echo."""

MOST_PATTERNS, PATTERN_REFINING, SWITCH = 6, 40, 4
"""Patterns of knobs in steps whose smooth knobs are searched, impulses for each, and steps of a
knob up to which it is a switch that is tried again then."""

ROOM, ROOM_REFINING = 100.0, 120
"""What a room must explain at whatever strength that was found by size and delay together; and
impulses for its smooth knobs, once its lags are right."""

NOTHING = 10.0
"""The same of the first random settings of an effect without lag knobs: of 19 rooms on music of the
validation split the least reached 103 with them, of ten dry pieces the most 7; what a search found
in the end was at most 1.6 times as much."""


@dataclass(eq=False)
class EchoFit:
    """What a search came to.

    Attributes
    ----------
    settings : ndarray
    drop : float
        How much of the reference's cepstrum it explains; see `EchoTarget.drop`.
    chance : float
        The best of the first random settings.
    answer : ndarray
        The effect's cepstrum at these settings.
    alike : list of (settings, drop)
        Other settings that explain nearly as much, far from each other, the best first: a loud
        echo of a soft sound and a soft echo of a loud one have the same spectrum.
    find_rivals : callable
        Asks for settings with other lags, that explain less but something, the best first: what
        explains most may be a beat.
    refine : callable, optional
        Searches the smooth knobs of such settings as thoroughly as those of the best.
    """

    settings: Settings
    drop: float
    chance: float
    answer: Values
    alike: list[tuple[Settings, float]]
    find_rivals: Callable[[], list[EchoFit]] = list
    refine: Callable[[], EchoFit] | None = None


class EchoSearch:
    """One search.

    Parameters
    ----------
    trials : EchoTrials
        Of the effect alone, nothing asked yet.
    seeds : sequence of ndarray
        Settings of the effect that are likely, tried first; then few are drawn, and half of the
        impulses do.
    taps : StepTaps, optional
        Patterns of the effect's echoes, where knobs in steps make them together.
    budget : int
        Impulses, about.
    """

    def __init__(
        self,
        trials: EchoTrials,
        *,
        seeds: Sequence[Settings] = (),
        taps: StepTaps | None = None,
        budget: int = 280,
    ) -> None:
        self._trials, self._taps = trials, taps
        self._lags, self._smooth = LagSearch(trials), SmoothSearch(trials)
        self._seeds = list(seeds)
        self._budget = budget // 2 if self._seeds else budget

    def run(self) -> EchoFit | None:
        """Search; None if not a single impulse came back."""
        trials = self._trials
        trials.lab.renders = 0
        drawn = [trials.start]
        for seed in self._seeds:
            vector = trials.start.copy()
            vector[trials.free] = seed[trials.free]
            drawn.append(trials.spec.check(vector))
        for _ in range(SEEDED_DRAWS if self._seeds else FIRST_DRAWS):
            vector = trials.start.copy()
            vector[trials.free] = 0.02 + 0.96 * trials.rng.random(len(trials.free))
            drawn.append(trials.spec.check(vector))
        for index in trials.smooth[:MOST_ENDS] if trials.lags else []:
            # What is all wet has a pattern of its own.
            for end in ENDS:
                vector = trials.start.copy()
                vector[trials.free] = 0.02 + 0.96 * trials.rng.random(len(trials.free))
                vector[index] = end
                drawn.append(trials.spec.check(vector))
        first = trials.ask(drawn)
        trials.drawn = len(trials.tried)
        if not trials.tried:
            return None
        chance = max((t.drop for t in first if t is not None), default=0.0)
        if not trials.lags:
            loudest = max(trials.tried, key=lambda t: t.reach)
            if loudest.reach < NOTHING:
                return EchoFit(loudest.settings, loudest.drop, chance, loudest.answer, [])
        beams, led = self._contexts() + self._lags.combined(), False
        if trials.lags and self._taps is not None:
            beams, led = self._patterns(beams, self._taps)
        room: RoomSearch | None = None
        rooms: list[TriedEcho] = []
        swept: tuple[int, ...] = ()
        for again in range(0 if led else 2 if len(trials.lags) > 1 else 1):
            for index in trials.lags:
                # Where a sweep shows nothing with any delay, nothing is to be seen with one.
                if trials.lab.renders < MOST_IMPULSES and index not in swept:
                    beams = self._lags.along(index, beams, otherwise=not again)
                if not again and room is None and self._lags.shifting:
                    room = RoomSearch(trials, self._lags.shifting)
                    rooms, swept = self._rooms(beams, room)
                    if rooms:
                        beams = rooms
                        break
            if rooms:
                break
            if not again and len(trials.lags) > 1:
                beams += [self._smooth.refine(beam, 32) for beam in beams[:AGAIN]]
                beams = trials.distinct(beams, BEAMS)
        if trials.lags and self._lags.tallest > TALL and max(t.reach for t in beams) < HOPELESS:
            beams = self._lags.swept(beams)
        if trials.lags and max(t.reach for t in beams) < HOPELESS:
            best = max(trials.tried, key=lambda t: t.reach)
            return EchoFit(best.settings, best.drop, chance, best.answer, [])
        best_reach = max(t.reach for t in beams)
        # What was refined once already needs fewer beside it.
        most = AGAIN if len(trials.lags) > 1 else len(beams)
        beams = [t for t in trials.distinct(beams, most) if t.reach > 0.5 * best_reach]
        left = max(MOST_REFINING, self._budget - trials.lab.renders) // max(1, len(beams))
        for beam in beams:
            self._smooth.refine(beam, max(LEAST_REFINING, left))
        if room is not None and rooms:
            closer = room.refined(trials.best)
            self._smooth.refine(closer, ROOM_REFINING)
        self._finish(trials.best)
        best = trials.best
        alike = self._alike(best)
        rivals = functools.partial(self._rivals, best, chance)
        return EchoFit(best.settings, best.drop, chance, best.answer, alike, rivals)

    def _finish(self, best: TriedEcho) -> None:
        """Look for what is left of settings, and for others that cannot be told from them."""
        if self._trials.lags:
            best = self._lags.polish(best)
            for crossed in self._lags.crossed(best):
                closer = self._smooth.refine(crossed, MOST_REFINING)
                if closer.drop >= least_alike(best.drop):
                    self._smooth.refine(self._lags.polish(closer), LEAST_REFINING, sigma=0.05)
            mirrored = self._smooth.mirror(best)
            if mirrored is not None and mirrored.drop >= least_alike(best.drop):
                # Which of both it is, is told by the sound: both must be exact.
                self._smooth.refine(mirrored, LEAST_REFINING, sigma=0.05)
        if self._trials.smooth:
            self._smooth.refine(best, LEAST_REFINING, sigma=0.05)
        if self._trials.lab.seconds > SECONDS:
            self._ask_plainer()

    def _ask_plainer(self) -> None:
        """Ask for smooth knobs at their defaults, one after the other, as long as all is explained.

        Echoes that come late are heard once, and say nothing of what comes again.
        """
        best = plain = self._trials.best
        for index in self._trials.smooth:
            vector = plain.settings.copy()
            vector[index] = self._trials.start[index]
            (tried,) = self._trials.ask([vector])
            if tried is not None and tried.drop >= least_alike(best.drop):
                plain = tried

    def _patterns(self, beams: list[TriedEcho], taps: StepTaps) -> tuple[list[TriedEcho], bool]:
        """What known patterns explain, and whether that is more than anything asked before.

        Then all knobs that move lags are where they belong, and patterns that differ but in how
        high some of their echoes are need the smooth knobs to be told apart.
        """
        placed = ask_taps(self._trials, taps)
        known = max(t.reach for t in beams)
        if max((t.reach for t in placed), default=0.0) < max(known, HOPELESS):
            return beams + placed, False
        kept = self._trials.distinct(placed, MOST_PATTERNS)
        kept += [self._smooth.refine(beam, PATTERN_REFINING) for beam in kept]
        kept = self._trials.distinct(kept, BEAMS)
        for index in self._trials.lags:
            parameter = self._trials.spec.parameters[index]
            if parameter.is_stepped and parameter.steps <= SWITCH:
                # A switch may change the colour of echoes where they are.
                kept = self._lags.along(index, kept)
        return kept, True

    def _rooms(
        self, beams: list[TriedEcho], search: RoomSearch
    ) -> tuple[list[TriedEcho], tuple[int, ...]]:
        """What is found of a room by its size and delay together, where one is missed so far.

        And places of the knobs that were swept for it.
        """
        known = max(t.reach for t in beams)
        if not search.missed(known):
            return [], ()
        rooms = [t for t in search.run() if t.reach > max(known, ROOM)]
        return self._trials.distinct(rooms, AGAIN), search.swept

    def _rivals(self, best: TriedEcho, chance: float) -> list[EchoFit]:
        kept = [best]
        for tried in sorted(self._trials.tried if self._trials.lags else [], key=lambda t: -t.drop):
            if tried.drop < RIVAL_DROP or len(kept) > RIVALS:
                break
            # A knob in steps may say nothing: what has the same echo is no other one.
            if all(
                self._trials.differ(tried, k) and abs(tallest(tried) - tallest(k)) > SAME_ECHO
                for k in kept
            ):
                kept.append(tried)
        refined = [self._smooth.refine(t, LEAST_REFINING, sigma=0.1, fresh=False) for t in kept[1:]]
        return [
            EchoFit(
                *(t.settings, t.drop, chance, t.answer, self._alike(t)),
                refine=functools.partial(self._refined, t, chance),
            )
            for t in refined
        ]

    def _refined(self, rival: TriedEcho, chance: float) -> EchoFit:
        self._finish(self._smooth.refine(rival, MOST_REFINING))
        there = [t for t in self._trials.tried if not self._trials.differ(t, rival)]
        best = max(there, key=lambda t: t.net)
        return EchoFit(best.settings, best.drop, chance, best.answer, self._alike(best))

    def _alike(self, best: TriedEcho) -> list[tuple[Settings, float]]:
        least = least_alike(best.drop)
        kept = [best]
        for tried in sorted(self._trials.tried, key=lambda t: -t.drop):
            if tried.drop < least or len(kept) > MOST_ALIKE:
                break
            indices = self._trials.free
            if (
                self._trials.lags
                and best is not self._trials.best
                and self._trials.differ(tried, best)
            ):
                continue
            if all(np.abs(tried.settings - k.settings)[indices].max() > APART for k in kept):
                kept.append(tried)
        return [(t.settings, t.drop) for t in kept[1:]]

    def _contexts(self) -> list[TriedEcho]:
        """Settings from which lag knobs are moved: where a lot is heard, and where it fits."""
        if not self._trials.lags:
            return [self._trials.best]
        loud = sorted(self._trials.tried, key=lambda t: -peak_height(t.answer))[:1]
        return [self._trials.best, *(t for t in loud if t is not self._trials.best)]


def tallest(tried: TriedEcho) -> int:
    """Place of the highest peak of an answer.

    Parameters
    ----------
    tried : TriedEcho
        What was asked.

    Returns
    -------
    int
        In steps of `LAG_RATE`.
    """
    first = round(SHORTEST * LAG_RATE)
    return first + int(np.argmax(np.abs(tried.answer[:, first:]).max(axis=0)))


def least_alike(drop: float) -> float:
    """What other settings must explain to be handed on beside the best.

    Parameters
    ----------
    drop : float
        What the best explains.

    Returns
    -------
    float
    """
    return drop - max(ALIKE_DROP, ALIKE_SHARE * drop)
