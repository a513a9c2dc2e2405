"""What else is as likely: other candidates that sound different, and how far each knob may go.

Music differs for other reasons by as much as a setting does. Within the temperature of the pick
(`dialin.matching.pick`) nothing that was heard speaks for one candidate against another, so those
that sound clearly different are kept beside the pick; and of each of its knobs the positions that
are as likely are told. All of it comes from the renders that the search made anyway:

* what a knob does by itself is told by a ridge regression of the style features on the knobs, near
  the pick (as in `dialin.matching.surrogate`): the positions at which the features so predicted are
  within the temperature are as likely, all else being as it is;
* of a stepped knob, which is no line, the steps of candidates within the temperature are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dialin.matching.candidate import KnobRange, Other, Pick
from dialin.matching.detail import detail_distances
from dialin.matching.trials import Trials

MOST = 5
"""Choices in all, the pick included."""

CLEARLY = 0.08
"""Audible difference (log10 magnitude) from which two candidates are two choices."""

OTHER_EFFECTS = 0.04
"""The same between candidates of different effects."""

MORE_EFFECTS = 1
"""By which a choice may have more than the pick."""

AS_LIKELY = 1.5
"""Temperatures by which a choice may be farther than the pick."""

FEWEST = 16
"""Candidates of the same effects that it takes to tell how far a knob may go."""

SURE, UNHEARD = 0.12, 0.8
"""Share of its travel up to which a knob is sure, and from which it cannot be heard."""

RADIUS, RIDGE = 0.25, 0.02
"""Travel within which the regression counts renders most, and how much it holds back."""

STEPS = 41

Floats = NDArray[np.float64]


def other_choices(trials: Trials, choice: Pick) -> tuple[Other, ...]:
    """Candidates that are as likely as a pick, clearly different from it and from each other.

    Parameters
    ----------
    trials : Trials
        What was rendered.
    choice : Pick
        What was picked.

    Returns
    -------
    tuple of Other
        The likeliest first; four at most.
    """
    picked = choice.candidate
    if picked.settings is None or not choice.slots:
        return ()
    temperature = trials.temperature(trials.best)
    values = [(c.value, n) for n, c in enumerate(trials.candidates)]
    least = min([picked.value, *(value for value, _ in values)])
    limit = min(least + AS_LIKELY * temperature, trials.untouched.value)
    kept = [picked]
    # What takes many more effects to be as near is no choice to listen to.
    simple = sum(slot in trials.space.effects for slot in choice.slots) + MORE_EFFECTS
    for value, number in sorted(values):
        candidate = trials.candidates[number]
        if value > limit or len(kept) == MOST:
            break
        if candidate.settings is None or not 0 < len(candidate.slots) <= simple:
            continue
        every = trials.options.every
        apart = detail_distances(np.stack([c.detail[::every] for c in (candidate, *kept)]))[0, 1:]
        needed = [CLEARLY if set(c.slots) == set(candidate.slots) else OTHER_EFFECTS for c in kept]
        if np.all(apart >= needed):
            kept.append(candidate)
    weights = np.exp(-(np.array([c.value for c in kept]) - least) / temperature)
    shares = weights / weights.sum()
    last = () if trials.space.gain is None else (len(trials.space.slots) - 1,)
    return tuple(
        Other(c, (*c.slots, *last), float(s)) for c, s in zip(kept[1:], shares[1:], strict=True)
    )


def knob_ranges(trials: Trials, choice: Pick) -> Mapping[int, KnobRange]:
    """How far each knob of a pick may go.

    Parameters
    ----------
    trials : Trials
        What was rendered.
    choice : Pick
        What was picked.

    Returns
    -------
    mapping of int to KnobRange
        By index in the settings of the whole chain; those alone of which enough was tried.
    """
    space, here = trials.space, choice.candidate.settings
    if here is None:
        return {}
    ranges: dict[int, KnobRange] = {}
    for echo in space.heard:
        if echo.slot in choice.slots and echo.exact:
            for offset in echo.places:
                index = space.slots[echo.slot][2].start + offset
                ranges[index] = KnobRange(float(here[index]), float(here[index]), "heard")
    effects = tuple(s for s in choice.slots if s in space.effects)
    free = [index for index in space.free_of(effects) if index not in ranges]
    tried = [c for c in trials.candidates if c.settings is not None]
    same = [c for c in tried if set(c.slots) == set(effects)]
    if len(same) < FEWEST:
        # What was taken out again did little.
        same = [c for c in tried if set(c.slots) >= set(effects)]
    if len(same) < FEWEST or not free:
        return ranges
    positions = np.array([c.settings for c in same])[:, free]
    features = np.array([c.features for c in same])
    distances = np.array([c.distance + c.cost for c in same])
    margin = trials.temperature(trials.best)
    reach = float(choice.candidate.distance + choice.candidate.cost) + margin
    likely = positions[distances <= reach]
    slopes = _slopes(positions - here[free], features - choice.candidate.features)
    for column, index in enumerate(free):
        at = float(here[index])
        low, high = at, at
        if space.spec.parameters[index].is_stepped:
            low, high = (float(f([at, *likely[:, column]])) for f in (min, max))
        else:
            grid = np.linspace(0.0, 1.0, STEPS)
            moved = (grid - at)[:, None] * slopes[column]
            alone = trials.target.distance(choice.candidate.features + moved)
            low, high = _stretch(grid, np.asarray(alone) <= reach, at, low, high)
        width = high - low
        certainty = "sure" if width <= SURE else "unheard" if width >= UNHEARD else "about"
        ranges[index] = KnobRange(low, high, certainty)
    return ranges


def _slopes(offsets: Floats, changes: Floats) -> Floats:
    """What each knob does to each feature by itself, ``(knobs, features)``, near the pick."""
    near = 1.0 / (RADIUS + np.abs(offsets).max(axis=1))
    scaled = offsets * near[:, None]
    moved = np.nan_to_num(changes, nan=0.0, posinf=0.0, neginf=0.0) * near[:, None]
    ridge = RIDGE * float((near**2).sum()) * RADIUS**2
    gram = scaled.T @ scaled + ridge * np.eye(offsets.shape[1])
    return np.asarray(np.linalg.solve(gram, scaled.T @ moved))


def _stretch(
    grid: Floats, fits: NDArray[np.bool_], at: float, low: float, high: float
) -> tuple[float, float]:
    """The range with what lies beside it on the grid and fits, without a gap."""
    for position, good in zip(grid, fits, strict=True):
        if position > at:
            if not good:
                break
            high = max(high, float(position))
    for position, good in zip(grid[::-1], fits[::-1], strict=True):
        if position < at:
            if not good:
                break
            low = min(low, float(position))
    return low, high
