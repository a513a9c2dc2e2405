"""In which order effects stand, where that can be heard.

Filters, delays and rooms commute; nothing commutes with drive or dynamics. So neighbours of which
at least one is not linear are swapped, and a swap is kept if it brings the sound nearer by what an
order must; again, until none does. Where no swap makes a difference the usual order stays, and
nothing is claimed of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ORDER_GAIN = 0.04
"""Distance by which another order must be nearer."""

MOST_SWAPS = 10
"""Renders spent at most."""


@dataclass(frozen=True)
class Ordered:
    """An order.

    Attributes
    ----------
    slots : tuple of int
        In their order.
    value : float
        Their distance.
    swaps : tuple of (int, int, float)
        Slots that changed places: what comes first now, what second, and what it brought.
    told : tuple of (int, int, float)
        Neighbours whose order can be heard as it is: a swap would take the sound so much farther.
    """

    slots: tuple[int, ...]
    value: float
    swaps: tuple[tuple[int, int, float], ...] = ()
    told: tuple[tuple[int, int, float], ...] = ()


def best_order(
    slots: Sequence[int],
    value: float,
    bends: Callable[[int], bool],
    distance: Callable[[tuple[int, ...]], float | None],
    most: int = MOST_SWAPS,
) -> Ordered:
    """Swap neighbours as long as that brings the sound nearer.

    Parameters
    ----------
    slots : sequence of int
        In their usual order.
    value : float
        Distance to the reference in that order.
    bends : callable
        Whether the effect of a slot is not linear.
    distance : callable
        Order -> distance, or None where the render failed.
    most : int
        Renders that may be spent.

    Returns
    -------
    Ordered
    """
    order, best = tuple(slots), value
    swaps: list[tuple[int, int, float]] = []
    known: dict[tuple[int, ...], float | None] = {order: value}
    told: list[tuple[int, int, float]] = []
    while True:
        nearer: list[tuple[float, int, tuple[int, ...]]] = []
        told = []
        for n in range(len(order) - 1):
            first, second = order[n], order[n + 1]
            if not (bends(first) or bends(second)):
                continue
            trial = (*order[:n], second, first, *order[n + 2 :])
            if trial not in known:
                if len(known) > most:
                    continue
                known[trial] = distance(trial)
            other = known[trial]
            if other is None:
                continue
            if best - other >= ORDER_GAIN:
                nearer.append((other, n, trial))
            elif other - best >= ORDER_GAIN:
                told.append((first, second, other - best))
        if not nearer:
            return Ordered(order, best, tuple(swaps), tuple(told))
        nearest, n, trial = min(nearer)
        swaps.append((trial[n], trial[n + 1], best - nearest))
        order, best = trial, nearest
