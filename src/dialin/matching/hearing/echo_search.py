"""Setting an effect of echoes by its answers to impulses, no music rendered.

What a reference's cepstrum holds beyond the input's is compared with cepstra of the effect's
answers (`dialin.matching.hearing.impulses`). Two kinds of knobs are told
(`dialin.matching.hearing.time_probe`): those that set *lags* are moved by their laws
(`dialin.matching.hearing.lag_search`), and *smooth* ones, that only scale what is there, are
searched by small steps where lags are right (`dialin.matching.hearing.smooth_search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.echo_trials import HOPELESS, EchoTrials, TriedEcho, peak_height
from dialin.matching.hearing.impulses import EchoTarget, ImpulseLab, PartPair, Values
from dialin.matching.hearing.lag_search import LagSearch
from dialin.matching.hearing.smooth_search import MOST_REFINING, RIVAL_DROP, SmoothSearch

MOST_IMPULSES = 1200
"""After so many no lag knob is moved along its travel any more."""

FIRST_DRAWS, SEEDED_DRAWS = 20, 8
"""Random settings tried to begin with: without and with likely ones beside them."""

ENDS, MOST_ENDS = (0.05, 0.98, 0.95), 6
"""Where smooth knobs stand in some more, and how many of the knobs."""

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
    rivals : list of EchoFit
        With other lags, that explain less but something, the best first: what explains most may
        be a beat.
    """

    settings: Settings
    drop: float
    chance: float
    answer: Values
    alike: list[tuple[Settings, float]]
    rivals: list[EchoFit] = field(default_factory=list)


class EchoSearch:
    """One search.

    Parameters
    ----------
    lab : ImpulseLab
    spec : EffectSpec
        Of the effect alone.
    target : EchoTarget
    kinds : mapping
        Parameter id -> ``lag``, ``smooth`` or ``none``.
    start : ndarray
        Settings, of which locked knobs keep theirs.
    free : sequence of int
        Places of the knobs that may be moved.
    pairs : sequence of PartPair
        Parts of the references that must agree.
    seed : int
    seeds : sequence of ndarray
        Settings of the effect that are likely, tried first; then few are drawn, and half of the
        impulses do.
    budget : int
        Impulses, about.
    """

    def __init__(
        self,
        lab: ImpulseLab,
        spec: EffectSpec,
        target: EchoTarget,
        kinds: dict[str, str],
        start: Settings,
        free: Sequence[int],
        *,
        pairs: Sequence[PartPair] = (),
        seed: int = 0,
        seeds: Sequence[Settings] = (),
        budget: int = 280,
    ) -> None:
        self._trials = EchoTrials(lab, spec, target, kinds, start, free, pairs, seed)
        self._lags, self._smooth = LagSearch(self._trials), SmoothSearch(self._trials)
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
        trials.drawn = len(drawn)
        first = trials.ask(drawn)
        if not trials.tried:
            return None
        chance = max((t.drop for t in first if t is not None), default=0.0)
        if not trials.lags:
            loudest = max(trials.tried, key=lambda t: t.reach)
            if loudest.reach < NOTHING:
                return EchoFit(loudest.settings, loudest.drop, chance, loudest.answer, [])
        beams = self._contexts() + self._lags.combined()
        for number in range(2 if len(trials.lags) > 1 else 1):
            for index in trials.lags:
                if trials.lab.renders < MOST_IMPULSES:
                    beams = self._lags.along(index, beams)
            if number == 0 and len(trials.lags) > 1:
                beams += [self._smooth.refine(beam, 32) for beam in beams[:2]]
        if trials.lags and self._lags.tallest > TALL and max(t.reach for t in beams) < HOPELESS:
            beams = self._lags.swept(beams)
        if trials.lags and max(t.reach for t in beams) < HOPELESS:
            best = max(trials.tried, key=lambda t: t.reach)
            return EchoFit(best.settings, best.drop, chance, best.answer, [])
        reach = [t.reach for t in beams]
        beams = [t for t, drop in zip(beams, reach, strict=True) if drop > 0.5 * max(reach)]
        left = max(MOST_REFINING, self._budget - trials.lab.renders) // max(1, len(beams))
        for beam in beams:
            self._smooth.refine(beam, max(LEAST_REFINING, left))
        best = trials.best
        if trials.lags:
            best = self._lags.polish(best)
            self._smooth.mirror(best)
        if trials.smooth:
            self._smooth.refine(best, LEAST_REFINING, sigma=0.05)
        best = trials.best
        fit = EchoFit(best.settings, best.drop, chance, best.answer, self._alike(best))
        fit.rivals = [
            EchoFit(t.settings, t.drop, chance, t.answer, self._alike(t))
            for t in self._rivals(best)
        ]
        return fit

    def _rivals(self, best: TriedEcho) -> list[TriedEcho]:
        kept = [best]
        for tried in sorted(self._trials.tried if self._trials.lags else [], key=lambda t: -t.drop):
            if tried.drop < RIVAL_DROP or len(kept) > RIVALS:
                break
            if all(self._trials.differ(tried, k) for k in kept):
                kept.append(tried)
        return [self._smooth.refine(t, LEAST_REFINING, sigma=0.1, fresh=False) for t in kept[1:]]

    def _alike(self, best: TriedEcho) -> list[tuple[Settings, float]]:
        least = best.drop - max(ALIKE_DROP, ALIKE_SHARE * best.drop)
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
