"""The level by itself: computed, where it surely differs and nothing else does.

A gain at the end of the chain is not searched but computed, since no feature but ``level`` hears
it; a single effect is set by its output knob (`dialin.matching.output_level`).
"""

from __future__ import annotations

import numpy as np

from dialin.effects.spec import Settings
from dialin.matching.candidate import Candidate, Pick
from dialin.matching.detail import Detail
from dialin.matching.features import Vector
from dialin.matching.output_level import turn_output
from dialin.matching.style import level_of, with_gain
from dialin.matching.trials import TimeUp, Trials


def level_differs(trials: Trials) -> bool:
    """Whether the level differs by more than content does.

    Parameters
    ----------
    trials : Trials
        Of the search.

    Returns
    -------
    bool
    """
    target, options = trials.target, trials.options
    offset = target.level_offset(trials.untouched.features)
    if target.level_weight == 1.0:
        return abs(offset) >= options.level_tolerance
    enough = options.level_sure * target.level_noise
    return target.level_weight > 0.0 and abs(offset) >= enough


def level_alone(trials: Trials) -> Pick | None:
    """The answer where the level surely differs and nothing else does.

    Parameters
    ----------
    trials : Trials
        Of the search.

    Returns
    -------
    Pick or None
        None where it does not differ, or nothing can set it.
    """
    if not level_differs(trials):
        return None
    space, target = trials.space, trials.target
    start = trials.untouched.features
    offset = target.level_offset(start)
    slots = tuple(range(len(space.slots)))
    if space.gain is not None:
        knob = space.spec.parameters[space.gain]
        gain = float(np.clip(offset, knob.minimum, knob.maximum))
        settings = space.start.copy()
        settings[space.gain] = knob.to_normalised(gain)
        features = with_gain(start, gain)
        used = slots[-1:]
    elif len(slots) == 1:
        turned = _turn_output(trials, offset)
        if turned is None:
            return None
        settings, features = turned
        gain, used = level_of(features) - level_of(start), slots
    else:
        return None
    distance = float(target.distance(features))
    alone = target.level_weight == 1.0
    reason = "what was asked for is the level" if alone else "nothing else is surely closer"
    return Pick(
        candidate=Candidate(settings, features, trials.untouched.detail, distance),
        sure=True,
        gain=trials.untouched.distance - distance,
        risk=0.0,
        evidence=(
            f"the reference is {abs(offset):.1f} dB {'louder' if offset > 0 else 'quieter'}, more "
            f"than two pieces of one recording differ by ({target.level_noise:.1f} dB); "
            f"{reason}, so the level alone is set, by {gain:+.1f} dB",
        ),
        slots=used,
        left_out={n: "the level alone is surely different" for n in slots[:-1]},
    )


def _turn_output(trials: Trials, offset: float) -> tuple[Settings, Vector] | None:
    """Settings of a single effect that change the level alone, by so much; None if none do."""
    space = trials.space

    def render(settings: Settings) -> tuple[Vector, Detail] | None:
        if trials.renders >= trials.budget:
            return None
        (candidate,) = trials.render(space.effects, [settings])
        return None if candidate is None else (candidate.features, candidate.detail)

    untouched = (trials.untouched.features, trials.untouched.detail)
    try:
        return turn_output(space.spec, space.start, space.free, untouched, offset, render)
    except (KeyboardInterrupt, TimeUp):
        return None
