"""Which effects of a chain are needed: the fewest that explain the difference.

A long chain can imitate almost anything by moves that cancel each other: a shelf's +8 dB by drive
and reverb, a high-pass against a low shelf. So effects are added one at a time (forward selection;
Efroymson, "Multiple regression analysis", 1960): each is tried alone, the best one is kept, the
others are tried behind it, and so on, as long as one more effect takes away more distance than
`SLOT_COST`, as in an information criterion. At last all that were kept are turned together; where
much is left unexplained, the whole chain too, which then must be better by `SLOT_COST` for each of
its effects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

SLOT_COST = 0.05
"""Distance that an effect must take away to be added: a twelfth of what two pieces of one recording
differ by."""

FIRST, NEXT, TOGETHER = 0.4, 0.15, 0.08
"""Shares of the budget: each effect alone, each one more, and all that are kept after each."""

UNEXPLAINED = 0.8
"""Distance above which much is left: then all effects are also turned at once, with half of the
renders that are left, since a difference may need several together."""

LEAST = 8
"""Renders that an effect is tried with, at least."""

LEAST_EFFECTS, LEAST_BUDGET = 3, 20
"""Effects, and renders for each of them, from which on this is done; else all are turned at
once."""

T = TypeVar("T")


def select_forward(
    effects: Sequence[int],
    wanted: Sequence[int],
    explore: Callable[[tuple[int, ...], tuple[int, ...], T | None, int], T | None],
    value: Callable[[T], float],
    budget: int,
) -> None:
    """Spend a budget of renders on chains that grow.

    Parameters
    ----------
    effects : sequence of int
        Places of the effects in the whole chain.
    wanted : sequence of int
        Those that are in it whatever they bring.
    explore : callable
        ``explore(slots, turned, start, renders)``: search the chain of `slots` with the knobs of
        `turned` alone, from an earlier answer; the best answer, or None if every render failed.
    value : callable
        What is minimised, `SLOT_COST` for each effect included.
    budget : int
        Renders.
    """
    left = budget
    chosen = tuple(sorted(wanted))
    best: T | None = None

    def spend(slots: tuple[int, ...], turned: tuple[int, ...], share: int) -> T | None:
        nonlocal left
        share = min(max(share, LEAST), left)
        if share <= 0:
            return None
        left -= share
        return explore(slots, turned, best, share)

    if chosen:
        best = spend(chosen, chosen, int(FIRST * budget / len(effects)) * len(chosen))
    share = FIRST
    while left > 0:
        rest = [effect for effect in effects if effect not in chosen]
        if not rest:
            break
        found: list[tuple[float, int, T]] = []
        for effect in rest:
            slots = tuple(sorted((*chosen, effect)))
            answer = spend(slots, (effect,), int(share * budget / len(rest)))
            if answer is not None:
                found.append((value(answer), effect, answer))
        if not found:
            break
        least, effect, answer = min(found, key=lambda entry: entry[0])
        if best is not None and least >= value(best):
            break
        chosen, best, share = tuple(sorted((*chosen, effect))), answer, NEXT
        if len(chosen) > 1:
            better = spend(chosen, chosen, int(TOGETHER * budget))
            best = better if better is not None and value(better) < value(best) else best
    everything = tuple(effects)
    much = best is not None and value(best) - SLOT_COST * len(chosen) > UNEXPLAINED
    if much and len(chosen) < len(everything):
        spend(everything, everything, left // 2)
    if chosen and left > 0:
        spend(chosen, chosen, left)
