"""Asking an effect for its answers to impulses, and how much of a reference each explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.impulses import (
    SHORTEST,
    EchoTarget,
    ImpulseLab,
    PartPair,
    Values,
    agreed_drop,
)
from dialin.measures.cepstrum import LAG_RATE

HOPELESS = 20.0
"""Drop, at whatever strength, below which nothing is worth refining."""

STRAY = 0.3
"""What a knob's full travel from its default costs, in units of the noise's variance: keeps knobs
that are not heard where they are."""

OTHER_LAGS = 0.01
"""Travel of a lag knob from which lags are others."""


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
    """

    settings: Settings
    answer: Values
    drop: float
    reach: float


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
        pairs: Sequence[PartPair],
        seed: int,
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
        self.drawn = 0

    def ask(self, settings: Sequence[Settings]) -> list[TriedEcho | None]:
        """Render some settings.

        Parameters
        ----------
        settings : sequence of ndarray
            Of the effect alone, shape (knobs,) each.

        Returns
        -------
        list of TriedEcho or None
            None where a render failed.
        """
        results: list[TriedEcho | None] = []
        for vector, answer in zip(settings, self.lab.answers(settings), strict=True):
            if answer is None:
                results.append(None)
                continue
            drop = self._agreed(self.target.drop(answer), answer, 1.0)
            most, gain = self.target.best_drop(answer)
            tried = TriedEcho(vector, answer, drop, self._agreed(most, answer, gain))
            self.tried.append(tried)
            results.append(tried)
        return results

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

    def _agreed(self, drop: float, answer: Values, gain: float) -> float:
        # Where little is explained nothing depends on it.
        if drop < HOPELESS:
            return drop
        return agreed_drop(drop, gain * self.target.fit(answer), self._pairs)

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
        return max(self.tried, key=lambda t: t.drop - self.stray(t.settings))

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
