"""What a match, its search and its rendering can be told, in small groups.

Conventions: fields are keywords, checked when a group is made; a group is never changed, and
`dataclasses.replace` makes another. Distances are in units of content noise (`dialin.matching.
style`), audible differences in log10 magnitude (`dialin.matching.detail`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from dialin.effects.amount import check_amount
from dialin.effects.tempo import check_tempo
from dialin.errors import UsageError
from dialin.matching.style import check_aspect
from dialin.reports.words import SAME_RECORDING

Recording = str | os.PathLike[str] | tuple[Any, int]
"""A file, or audio ``(channels, samples)`` and its rate in hertz."""

LONGEST_TAIL = 600.0
"""Seconds after the end that make sense; more is a typing error."""


def check_tail(tail: float) -> None:
    """Raise `UsageError` unless a tail lies in 0 to 600 seconds.

    Parameters
    ----------
    tail : float
        In seconds.

    Raises
    ------
    UsageError
        If it lies elsewhere.
    """
    if not 0 <= tail <= LONGEST_TAIL:
        raise UsageError(f"the tail is {tail:g} s; it must lie between 0 and {LONGEST_TAIL:g}")


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How knobs are searched, and what a candidate must bring.

    Attributes
    ----------
    prior : float, default 0.03
        Distance that a knob's full travel from its default costs, shared by all knobs: holds
        knobs that do nothing.
    temperature : float, default 0.15
        Difference in distance at which a candidate's likelihood falls to 1/e, where the best comes
        as near as two pieces of one recording are.
    same_recording : float, default 0.6
        Distance between two pieces of one recording (``benchmarks/content_noise.py``).
    largest_noise : float, default 2
        How many times the usual content noise is allowed for, at most.
    candidates : int, default 600
        Renders that take part in the pick, at most: the nearest to the reference.
    crowd : float, default 0.03
        Audible difference within which candidates share a weight, so that where the search looked
        most does not count as likely for that alone.
    learned : float, default 0.2
        Audible difference from a trained controller's answer within which a candidate's likelihood
        falls to 1/e (``benchmarks/controllers.py``).
    judge : float, default 0.3
        How much a network that hears renders counts in the pick beside the distance, where one
        knows the effects (``benchmarks/guess.py``); 0 asks none.
    judged : int, default 24
        Candidates that are played to it, the nearest to the reference.
    every : int, default 4
        The pick looks at every so many values of the details: enough, and fast.
    loudest_step, softest_step : float, default 24 and -20
        Change of level, in decibels, beyond which a setting is unlikely; at -20 dB, 1 % of the
        energy is left.
    extreme : float, default 0.05
        Distance that a decibel beyond that counts as.
    level_sure : float, default 2.5
        Times its content noise that the level must differ by to be set where nothing else is sure.
    level_tolerance : float, default 0.25
        Gain, in decibels, that is not worth an effect.
    min_gain : float, default 0.15
        Distance that a match must take away, or the input is left alone: a quarter of
        `same_recording`. At 0.05 a quarter of dry references are changed, at 0.2 half of all
        effects are left alone (``benchmarks/sureness.py``).
    max_risk : float, default 0.9
        Expected audible difference of a match, as a share of that of the untouched input, above
        which the input is left alone (``benchmarks/sureness.py``).
    unheard_budget : int, default 24
        Renders for each knob that no echo tells of, where all effects are of echoes and were
        heard; and renders in all, where all are absent.
    prune_tolerance : float, default 0.03
        Share of the gain that an effect must bring to stay in a chain.
    slot_cost : float, default 0.05
        Distance that an effect must take away to be added: a twelfth of `same_recording`
        (``benchmarks/sureness.py --chain default``).
    first, next, together : float, default 0.4, 0.15 and 0.08
        Shares of the budget of a chain that grows: for each effect alone, for each one more, and
        for all that are kept after each.
    halving : float, default 1
        Share of the effects of one round that the next one tries, the better ones: less than 1
        for long chains of which few effects are needed (successive halving; Jamieson and
        Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
        AISTATS 2016).
    unexplained : float, default 0.8
        Distance above which much is left: then all effects are also turned at once, with half of
        the renders that are left, since a difference may need several together.
    guessed : float, default 0.6
        Share of the budget of a chain that grows which is spent from the best of a network's
        guesses on.
    least_renders : int, default 8
        Renders that an effect is tried with, at least.
    patience : int, default 3
        Batches of renders of which none is nearer by `step` after which a search of some knobs
        ends, whatever of its budget is left (``benchmarks/guess.py stop``); 0 spends it all.
    step : float, default 0.01
        Distance that counts as nearer there: a sixtieth of `same_recording`.
    least_effects, least_budget : int, default 3 and 20
        Effects, and renders for each of them, from which on a chain grows; else all are turned at
        once.

    Raises
    ------
    UsageError
        If a value is not finite, or not in its range.

    Examples
    --------
    >>> SearchOptions(min_gain=0.1).min_gain
    0.1
    """

    prior: float = 0.03
    temperature: float = 0.15
    same_recording: float = SAME_RECORDING
    largest_noise: float = 2.0
    candidates: int = 600
    crowd: float = 0.03
    learned: float = 0.2
    judge: float = 0.3
    judged: int = 24
    every: int = 4
    loudest_step: float = 24.0
    softest_step: float = -20.0
    extreme: float = 0.05
    level_sure: float = 2.5
    level_tolerance: float = 0.25
    min_gain: float = 0.15
    max_risk: float = 0.9
    unheard_budget: int = 24
    prune_tolerance: float = 0.03
    slot_cost: float = 0.05
    first: float = 0.4
    next: float = 0.15
    together: float = 0.08
    halving: float = 1.0
    unexplained: float = 0.8
    guessed: float = 0.6
    least_renders: int = 8
    patience: int = 3
    step: float = 0.01
    least_effects: int = 3
    least_budget: int = 20

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            whole = isinstance(each.default, int)
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                kind = "a whole number" if whole else "a number"
                raise UsageError(f"{each.name} is {value!r}; use {kind}")
            low, high = _RANGES.get(each.name, (1, math.inf) if whole else (0.0, math.inf))
            above = each.name in _DIVISORS
            if not (math.isfinite(value) and low <= value <= high) or (above and value <= 0):
                limit = f"from {low:g} to {high:g}" if high < math.inf else f"{low:g} or more"
                limit = "above 0" if above else limit
                raise UsageError(f"{each.name} is {value!r}; use a number {limit}")


_SHARE = (0.0, 1.0)
_RANGES: Mapping[str, tuple[float, float]] = {
    "largest_noise": (1.0, math.inf),
    "candidates": (2, math.inf),
    "patience": (0, math.inf),
    "softest_step": (-200.0, 0.0),
    "loudest_step": (0.0, 200.0),
    "first": _SHARE,
    "next": _SHARE,
    "together": _SHARE,
    "halving": _SHARE,
    "guessed": _SHARE,
    "prune_tolerance": _SHARE,
}
_DIVISORS = frozenset({"temperature", "crowd", "learned", "same_recording"})


@dataclass(frozen=True, kw_only=True)
class SongOptions:
    """What is asked for of whole songs, beside the reference (`dialin.matching.songs.mastering`).

    Attributes
    ----------
    smooth : float, default 1/3
        Octaves over which spectra are averaged, 0 to 3: a third is about the ear's own resolution.
    max_eq : float, optional
        Decibels that an equaliser may turn up or down, above 0 and up to 24. Without, it turns up
        by 18 dB and down by 24 dB at most: what is taken away brings up no noise.
    loudness : float, optional
        Integrated loudness in LUFS, -60 to 0, in place of the reference's.
    ceiling : float, optional
        True peak in dBTP, -40 to 0, that a limiter keeps to; there is none without.

    Raises
    ------
    UsageError
        If a value is not in its range.
    """

    smooth: float = 1.0 / 3.0
    max_eq: float | None = None
    loudness: float | None = None
    ceiling: float | None = None

    def __post_init__(self) -> None:
        limits = {
            "smooth": (0.0, 3.0, "octaves"),
            "max_eq": (0.1, 24.0, "dB"),
            "loudness": (-60.0, 0.0, "LUFS"),
            "ceiling": (-40.0, 0.0, "dBTP"),
        }
        for name, (low, high, unit) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                word = name.replace("_", "-")
                raise UsageError(f"{word} is {value:g}; use {low:g} to {high:g} {unit}")

    @property
    def eq_range(self) -> tuple[float, float]:
        """Decibels by which an equaliser may turn up, and down."""
        return (18.0, 24.0) if self.max_eq is None else (self.max_eq, self.max_eq)


@dataclass(frozen=True, kw_only=True)
class MatchOptions:
    """What is asked of a match.

    Attributes
    ----------
    budget : int, optional
        Renders to spend, 1 or more; by default 20 for each knob, but 100 to 600 (with
        ``auto`` at most 400, or 140 where its networks' guesses come near).
    seconds : float, optional
        End the search after this long, whatever the budget; above 0.
    seed : int, default 0
        The same seed, budget, recordings and models give the same match; 0 or more.
    only : sequence of str, optional
        Aspects to match: tone, level, dynamics, space, modulation, distortion.
    weights : mapping, optional
        How much an aspect counts, 0 or more, in place of the default.
    lock : mapping, optional
        Knobs to keep, ``slot.parameter`` -> native value.
    reference_for : mapping, optional
        Aspect -> another recording that alone counts for it.
    models : sequence of path-like, optional
        Folders of trained controllers whose answers are tried first; by default those that
        ``dialin train controller --fx`` left for these effects, and none for ``()``.
    bpm : float or "auto", optional
        Tempo of the song, 20 to 400 beats a minute, for effects that follow it; ``auto`` is heard
        from the input. Without, hosts are at 120.
    pick : int, default 1
        Which of the choices becomes the match, from 1: the first is the likeliest, and the others
        are as likely and sound different.
    keep : bool, default False
        Take the nearest candidate even where it is not sure; of effects that were named, four at
        most, leave none out.
    search : SearchOptions
        How knobs are searched.
    song : SongOptions
        What is asked for of whole songs.

    Raises
    ------
    UsageError
        If an aspect, a weight, the budget or the time limit makes no sense.
    """

    budget: int | None = None
    seconds: float | None = None
    seed: int = 0
    only: Sequence[str] | None = None
    weights: Mapping[str, float] | None = None
    lock: Mapping[str, float] | None = None
    reference_for: Mapping[str, Recording] | None = None
    models: Sequence[str | os.PathLike[str]] | None = None
    bpm: float | Literal["auto"] | None = None
    pick: int = 1
    keep: bool = False
    search: SearchOptions = field(default_factory=SearchOptions)
    song: SongOptions = field(default_factory=SongOptions)

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget < 1:
            raise UsageError(f"the budget is {self.budget} renders; it takes at least 1")
        if self.seconds is not None and not self.seconds > 0:
            raise UsageError(f"the time limit is {self.seconds} s; it must be above 0")
        if self.pick < 1:
            raise UsageError(f"choice {self.pick} is none; they count from 1")
        if self.seed < 0:
            raise UsageError(f"the seed is {self.seed}; use 0 or more")
        if isinstance(self.bpm, str) and self.bpm != "auto":
            raise UsageError(f"the tempo is {self.bpm!r}; use a number of beats a minute, or auto")
        if isinstance(self.bpm, int | float):
            check_tempo(self.bpm)
        for aspect in (*(self.only or ()), *(self.weights or {}), *(self.reference_for or {})):
            check_aspect(aspect)

    @property
    def all_aspects(self) -> bool:
        """Whether the references speak for everything that is heard."""
        return not (self.only or self.reference_for)


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """How a whole recording is rendered through a match or a preset.

    Attributes
    ----------
    amount : float, default 100
        How much of it, in per cent, 0 to 100; 0 is the input, exactly.
    headroom : bool, default False
        Turn a result that would clip down by just enough.
    tail : float, default 0
        Seconds rendered after the end, 0 to 600.

    Raises
    ------
    UsageError
        If the amount or the tail is out of range.
    """

    amount: float = 100.0
    headroom: bool = False
    tail: float = 0.0

    def __post_init__(self) -> None:
        check_amount(self.amount)
        check_tail(self.tail)
