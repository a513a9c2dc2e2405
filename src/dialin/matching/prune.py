"""Taking effects out of a chain that bring too little, and pairs that undo each other."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from dialin.effects.spec import Settings
from dialin.matching.candidate import Candidate, Pick
from dialin.matching.guessing.auto_voters import asked_of
from dialin.matching.trials import Trials

EVEN_BROUGHT, ODDS_BROUGHT, BROUGHT = 0.03, 0.015, (-0.04, 0.12)
"""Distance that an effect must take away which is as likely as not, how much less for each unit of
log odds, and within which limits."""


def prune(trials: Trials, choice: Pick, told: Collection[int] = ()) -> Pick:
    """Take out effects that bring too little, the least useful first.

    Each slot is left out once by itself, to rank them; then they go one after another, as long as
    what is lost altogether stays within `SearchOptions.prune_tolerance`, or each loses less than
    voters ask of it (`Trials.told_cost`). Last go two that undo each other.

    Parameters
    ----------
    trials : Trials
        Renders.
    choice : Pick
        What was picked.
    told : collection of int
        Slots of effects that must bring what was asked of them, whatever share of the gain it is.

    Returns
    -------
    Pick
        The same, with fewer effects.
    """
    space, options = trials.space, trials.options
    best, slots = choice.candidate, choice.slots
    whole = best.settings
    assert whole is not None
    reached, gain = best.distance, trials.untouched.distance - best.distance
    allowed = reached + options.prune_tolerance * max(gain, 0.0)
    left_out: dict[int, str] = {}
    spared = 0.0
    if space.gain is not None:
        # Its level is put right by the gain, whatever else goes; it is looked at last.
        whole = whole.copy()
        whole[space.gain] = space.start[space.gain]
    last = None if space.gain is None else slots[-1]
    complete = len(slots)
    removable = tuple(s for s in slots if s != last and s not in space.kept)
    if not removable or trials.renders + len(removable) > trials.budget:
        return choice
    alone = without(trials, whole, [tuple(s for s in slots if s != out) for out in removable])
    costs = [np.inf if c is None else c.distance - reached for c in alone]
    for number in np.argsort(costs, kind="stable"):
        gone, cost = removable[int(number)], costs[int(number)]
        asked, alone_counts = trials.told_cost(gone), gone in told
        enough = asked if alone_counts else max(allowed - reached, asked)
        if not np.isfinite(cost) or cost > enough:
            continue
        trial = tuple(s for s in slots if s != gone)
        again = len(trial) < complete - 1
        if all(s == last for s in trial) or (again and trials.renders >= trials.budget):
            break
        (candidate,) = without(trials, whole, [trial]) if again else [alone[int(number)]]
        most = best.distance + asked if alone_counts else max(allowed, reached + spared + asked)
        if candidate is None or candidate.distance > most:
            continue
        spared += max(asked, 0.0)
        share = 100 * cost / max(gain, 1e-9)
        left_out[gone] = (
            "with it off, and all else as it is, the match is no further from the reference"
            if share <= 0
            else f"it brought {share:.1f} % of the gain, less than the "
            f"{100 * options.prune_tolerance:.0f} % it must"
            if not alone_counts and share <= 100 * options.prune_tolerance
            else f"it brought {cost:.2f}, less than the {asked:.2f} that it must, being as likely "
            "as it is"
        )
        best, slots = candidate, trial
    best, slots = _part_pairs(trials, whole, best, slots, [s for s in removable if s in slots])
    for gone in set(removable) - set(slots) - set(left_out):
        left_out[gone] = "it and another effect undid each other, so both are out"
    if space.gain is not None and best.settings is not None:
        gain = space.spec.parameters[space.gain].to_native(best.settings[space.gain])
        if abs(gain) < options.level_tolerance:
            left_out[slots[-1]] = "the level is right without it"
            slots = slots[:-1]
    return replace(choice, candidate=best, slots=slots, left_out=choice.left_out | left_out)


def least_brought(chance: float) -> float:
    """Distance that an effect must take away to stay in a chain.

    A sure one stays even where the sound comes a little farther with it.

    Parameters
    ----------
    chance : float
        Probability that the effect is there, before anything was rendered, 0 to 1.

    Returns
    -------
    float
    """
    return asked_of(chance, EVEN_BROUGHT, ODDS_BROUGHT, BROUGHT)


def _part_pairs(
    trials: Trials,
    whole: Settings,
    best: Candidate,
    slots: tuple[int, ...],
    removable: Sequence[int],
) -> tuple[Candidate, tuple[int, ...]]:
    """Take out two effects that undo each other: each by itself is missed, both are not.

    Together they must have brought what two effects have to.
    """
    others = len(slots) - (trials.space.gain is not None)
    pairs = list(itertools.combinations(removable, 2)) if others > 2 else []
    if not pairs or trials.renders + len(pairs) > trials.budget:
        return best, slots
    chains = [tuple(s for s in slots if s not in pair) for pair in pairs]
    allowed = [best.distance + sum(map(trials.slot_cost, pair)) for pair in pairs]
    rendered = zip(allowed, chains, without(trials, whole, chains), strict=True)
    parted = [
        (candidate.distance, chain, candidate)
        for most, chain, candidate in rendered
        if candidate is not None and candidate.distance <= most
    ]
    if not parted:
        return best, slots
    _, chain, candidate = min(parted, key=lambda entry: entry[0])
    return candidate, chain


def without(
    trials: Trials, whole: Settings, chains: Sequence[tuple[int, ...]]
) -> list[Candidate | None]:
    """Render with some slots only; the settings stay those of the whole chain.

    Parameters
    ----------
    trials : Trials
        Renders.
    whole : ndarray, float64, shape (knobs,)
        Settings of the whole chain, 0 to 1.
    chains : sequence of tuple of int
        Slots of each render.

    Returns
    -------
    list of Candidate or None
        None for a render that failed; none of them may be picked.
    """
    return trials.render_each([(slots, whole) for slots in chains], kept=False)
