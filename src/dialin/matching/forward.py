"""Which effects of a chain are needed: the fewest that explain the difference.

A long chain can imitate almost anything by moves that cancel each other: a shelf's +8 dB by drive
and reverb, a high-pass against a low shelf. So effects are added one at a time (forward selection;
Efroymson, "Multiple regression analysis", 1960): each is tried alone, the best one is kept, the
others are tried behind it, and so on, as long as one more effect takes away more distance than
`slot_cost`, as in an information criterion. At last all that were kept are turned together; where
much is left unexplained, the whole chain too, which then must be better by `slot_cost` for each of
its effects. The figures are fields of `dialin.matching.options.SearchOptions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from dialin.matching.options import SearchOptions

T = TypeVar("T")


def select_forward(
    effects: Sequence[int],
    wanted: Sequence[int],
    explore: Callable[[tuple[int, ...], tuple[int, ...], T | None, int], T | None],
    value: Callable[[T], float],
    budget: int,
    options: SearchOptions,
    alike: Mapping[int, str] | None = None,
) -> None:
    """Spend a budget of renders on chains that grow.

    Parameters
    ----------
    effects : sequence of int
        Indices of the effects in the whole chain.
    wanted : sequence of int
        Those that are in it whatever they bring.
    explore : callable
        ``explore(slots, turned, start, renders)``: search the chain of `slots` with the knobs of
        `turned` alone, from an earlier answer; the best answer, or None if every render failed.
    value : callable
        What is minimised, `slot_cost` for each effect included.
    budget : int
        Renders.
    options : SearchOptions
        Shares of the budget, and what an effect must bring.
    alike : mapping of int to str, optional
        Slot -> effect: of several slots of one effect only the first that is free is tried.
    """
    same = alike or {}
    worth: dict[int, float] = {}
    left = budget
    chosen = tuple(sorted(wanted))
    best: T | None = None

    def spend(slots: tuple[int, ...], turned: tuple[int, ...], share: int) -> T | None:
        nonlocal left
        share = min(max(share, options.least_renders), left)
        if share <= 0:
            return None
        left -= share
        return explore(slots, turned, best, share)

    if chosen:
        best = spend(chosen, chosen, int(options.first * budget / len(effects)) * len(chosen))
    share = options.first
    while left > 0:
        rest = _tried(effects, chosen, same, worth, options)
        if not rest:
            break
        answers: list[tuple[float, int, T]] = []
        for effect in rest:
            slots = tuple(sorted((*chosen, effect)))
            answer = spend(slots, (effect,), int(share * budget / len(rest)))
            if answer is not None:
                answers.append((value(answer), effect, answer))
        if not answers:
            break
        worth = {effect: distance for distance, effect, _ in answers}
        least, effect, answer = min(answers, key=lambda entry: entry[0])
        if best is not None and least >= value(best):
            break
        chosen, best, share = tuple(sorted((*chosen, effect))), answer, options.next
        if len(chosen) > 1:
            better = spend(chosen, chosen, int(options.together * budget))
            best = better if better is not None and value(better) < value(best) else best
    everything = tuple(effects)
    much = best is not None and value(best) - options.slot_cost * len(chosen) > options.unexplained
    if much and len(chosen) < len(everything):
        spend(everything, everything, left // 2)
    if chosen and left > 0:
        spend(chosen, chosen, left)


def _tried(
    effects: Sequence[int],
    chosen: tuple[int, ...],
    same: Mapping[int, str],
    worth: Mapping[int, float],
    options: SearchOptions,
) -> list[int]:
    """Effects that a round tries: each once, and of the last round's only the better part."""
    rest: dict[object, int] = {}
    for effect in effects:
        if effect not in chosen:
            rest.setdefault(same.get(effect, effect), effect)
    kept = list(rest.values())
    if worth:
        count = max(options.least_effects, math.ceil(options.halving * len(worth)))
        known = {same.get(effect, effect): value for effect, value in worth.items()}
        kept.sort(key=lambda effect: known.get(same.get(effect, effect), -math.inf))
        kept = sorted(kept[:count])
    return kept
