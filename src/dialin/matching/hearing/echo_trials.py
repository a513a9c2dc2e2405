"""Asking an effect for its answers to impulses, and how much of a reference each explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.echo_target import (
    SHORTEST,
    EchoTarget,
    PartPair,
    Values,
    agreed_drop,
    best_of,
)
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.measures.cepstrum import LAG_RATE

HOPELESS = 20.0
"""Drop, at whatever strength, below which nothing is worth refining."""

STRAY = 0.3
"""What a knob's full travel from its default costs, in units of the noise's variance: keeps knobs
that are not heard where they are."""

OTHER_LAGS = 0.01
"""Travel of a lag knob from which lags are others."""

SAME_DROP, SAME_SHARE = 4.0, 0.01
"""How much two answers may differ, in units of the noise's variance and as a share of what they
explain, to be one."""


@dataclass(eq=False)
class TriedEcho:
    """Settings that were asked.

    Attributes
    ----------
    settings : ndarray, shape (knobs,)
    answer : ndarray, shape (views, lags)
        Cepstra of the effect's answer.
    drop : float
        What it explains in all parts of the references alike.
    reach : float
        What it would explain at whatever strength.
    stray : float
        Cost of settings that are far from the start.
    """

    settings: Settings
    answer: Values
    drop: float
    reach: float
    stray: float = 0.0

    @property
    def net(self) -> float:
        """What it explains, less what straying costs."""
        return self.drop - self.stray


class EchoTrials:
    """All that one search has asked so far.

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

    Attributes
    ----------
    lags, smooth, free : list of int
        Places of the free knobs of each kind, and of both.
    tried : list of TriedEcho
    drawn : int
        How many of them, from the first on, were drawn at random or are likely.
    rng : numpy.random.Generator
        All chance of the search.
    """

    def __init__(
        self,
        lab: ImpulseLab,
        spec: EffectSpec,
        target: EchoTarget,
        kinds: dict[str, str],
        start: Settings,
        free: Sequence[int],
        pairs: Sequence[PartPair] = (),
        seed: int = 0,
    ) -> None:
        self.lab, self.spec, self.target, self._pairs = lab, spec, target, pairs
        self.start = start
        heard = [n for n in free if kinds.get(spec.parameters[n].id) != "none"]
        # A step of one knob is told from the next by echoes that another one has set exactly.
        self.lags = sorted(
            (n for n in heard if kinds.get(spec.parameters[n].id) == "lag"),
            key=lambda n: spec.parameters[n].is_stepped,
        )
        self.smooth = [n for n in heard if n not in self.lags]
        self.free = heard
        self.rng = np.random.default_rng([seed, 23])
        self.tried: list[TriedEcho] = []
        self._known: dict[bytes, TriedEcho | None] = {}
        self.drawn = 0

    def ask(self, settings: Sequence[Settings]) -> list[TriedEcho | None]:
        """Render some settings, those that were not rendered yet.

        Settings that differ in the one knob that is moved ask for the same ones.

        Parameters
        ----------
        settings : sequence of ndarray
            Of the effect alone, shape (knobs,) each.

        Returns
        -------
        list of TriedEcho or None
            None where a render failed.
        """
        keys = [vector.tobytes() for vector in settings]
        fresh = {
            key: vector
            for key, vector in zip(keys, settings, strict=True)
            if key not in self._known
        }
        asked = list(fresh.values())
        come: dict[int, TriedEcho | None] = {}
        for place, answer in self.lab.stream(asked) if asked else ():
            come[place] = None if answer is None else self._explained(asked[place], answer)
        # In one order, however they come.
        for place, vector in enumerate(asked):
            tried = self._known[vector.tobytes()] = come[place]
            if tried is not None:
                self.tried.append(tried)
        return [self._known[key] for key in keys]

    def _explained(self, vector: Settings, answer: Values) -> TriedEcho:
        rows = self.target.fit(answer, whole=False)
        shared, power = self.target.products(rows)
        drop = 2 * shared - power
        reach, gain = best_of(shared, power)
        if max(drop, reach) >= HOPELESS:
            # Where less is explained nothing depends on it.
            parts = [pair.products(rows) for pair in self._pairs]
            drop = drop if drop < HOPELESS else agreed_drop(drop, parts, power=power)
            reach = reach if reach < HOPELESS else agreed_drop(reach, parts, gain, power)
        return TriedEcho(vector, answer, drop, max(drop, reach), self.stray(vector))

    def answered(self, settings: Sequence[Settings]) -> list[TriedEcho]:
        """Render some settings; those that failed are left out.

        Parameters
        ----------
        settings : sequence of ndarray
            Of the effect alone, shape (knobs,) each.

        Returns
        -------
        list of TriedEcho
        """
        return [tried for tried in self.ask(settings) if tried is not None]

    def stray(self, vector: Settings) -> float:
        """Cost of settings that are far from the start.

        Parameters
        ----------
        vector : ndarray, shape (knobs,)
            Settings.

        Returns
        -------
        float
        """
        moved = np.abs(vector - self.start)[self.free]
        return STRAY * float(moved.sum())

    @property
    def best(self) -> TriedEcho:
        """What explains most, for as little straying as that takes."""
        return max(self.tried, key=lambda t: t.net)

    def same(self, one: TriedEcho, two: TriedEcho) -> bool:
        """Whether the references cannot tell two answers apart.

        Parameters
        ----------
        one, two : TriedEcho
            What was asked.

        Returns
        -------
        bool
        """
        away = self.target.fit(one.answer) - self.target.fit(two.answer)
        apart = float((self.target.weight * away**2).sum())
        return apart < max(SAME_DROP, SAME_SHARE * max(one.reach, two.reach))

    def distinct(self, tried: Sequence[TriedEcho], count: int) -> list[TriedEcho]:
        """Those that explain most at whatever strength, and not the same.

        Parameters
        ----------
        tried : sequence of TriedEcho
            What was asked.
        count : int
            How many at most.

        Returns
        -------
        list of TriedEcho
        """
        kept: list[TriedEcho] = []
        for one in sorted(tried, key=lambda t: -t.reach):
            if not any(self.same(one, other) for other in kept):
                kept.append(one)
            if len(kept) == count:
                break
        return kept

    def differ(self, one: TriedEcho, two: TriedEcho) -> bool:
        """Whether two have other lags.

        Parameters
        ----------
        one, two : TriedEcho
            What was asked.

        Returns
        -------
        bool
        """
        return float(np.abs(one.settings - two.settings)[self.lags].max()) > OTHER_LAGS


def with_knob(settings: Settings, index: int, position: float) -> Settings:
    """Settings with one knob elsewhere.

    Parameters
    ----------
    settings : ndarray, shape (knobs,)
        What is copied.
    index : int
        Place of the knob.
    position : float
        Cut to 0 to 1.

    Returns
    -------
    ndarray, shape (knobs,)
        A copy.
    """
    vector = settings.copy()
    vector[index] = min(1.0, max(0.0, position))
    return vector


def peak_height(answer: Values) -> float:
    """How much the highest peak of an answer stands out.

    Parameters
    ----------
    answer : ndarray, shape (views, lags)
        Cepstra.

    Returns
    -------
    float
    """
    return float(np.abs(answer[:, round(SHORTEST * LAG_RATE) :]).max())
