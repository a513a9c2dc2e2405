"""Judging candidates: which one is the best bet, and whether it is sure.

The lowest distance is not the best bet: input and reference play different music, so distances
carry content noise. Every candidate i gets a weight ``exp(-(d_i - d_min) / T)``, shared with those
that sound the same, and the pick is the candidate whose expected audible difference to all the
others, weighted so, is least (minimum Bayes risk; a weighted medoid). The untouched input is a
candidate like any other, so where the evidence is weak it wins. Where a network has heard renders
(`dialin.matching.guessing.judging`), what it says of each counts beside d_i. Of chains the
candidates that it has heard are those there are; of single effects all are, and what it would say
of the others is told by a line through what it said. T grows with the square of ``d_min``, up to
`largest_noise`: what the effect could not mend is mostly content, and tells how large its noise is
for this pair.

A pick is *sure* if it brings the sound closer by `min_gain`, and its expected difference is at most
`max_risk` times the untouched input's (`dialin.matching.options.SearchOptions`). Of a single effect
that does not move and whose renders a network has heard, what it says counts beside the distance,
and the expected difference must be smaller. Where none is sure, what comes back is the nearest
candidate by the same measure, marked as not sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dialin.matching.candidate import Candidate, Pick
from dialin.matching.detail import detail_distances
from dialin.matching.style import Target, level_of
from dialin.matching.trials import Trials

Floats = NDArray[np.float64]

HEEDED = 0.9
"""Share of the doubt that a motion takes away which is heard clearly."""

PLAIN = 20.0
"""Standard deviations from which the sound is not asked about an echo: true ones of mda Delay on
validation songs are heard by 25 to 91 (n = 7), the periods of a flute's notes were by 13."""

FAR = 0.4
"""Distance that an echo must not take the sound away by, however plainly it is heard: its lag is
right then, and how loud it is is not. Of 33 right ones (delays and rooms, validation songs) one
took it away by 0.22 and none of the others by more than 0.1; one that was the louder of its sound
by mistake did by 0.49 (test songs)."""

FAINT = 0.1
"""Distance that a motion must take away, what it explains apart, which is hardly heard; less, the
clearer it is."""

ROUNDS = 3.0
"""Turns in the references from which the sound may be a little farther with a motion that is heard:
a piece that grows brighter moves as a slow sweep does."""

TOLD, TOLD_RISK, WIDE_RISK = 0.2, 0.5, 0.7
"""Of a single effect that a network has heard: how much of what it says of a match (in L_d, less
than of the input) counts as distance taken away, and `max_risk` there; where all renders are
weighed the input is less wrong by comparison. On validation songs (seeds
7 and 8, 100 renders) the mean MRSTFT of four mda effects that are not heard in time comes to .48 of
untouched instead of .51 (n = 152), L_d of five built-ins to .38 instead of .41 (n = 60), and of 128
dry references 18 are changed instead of 22. What moves is judged as before, as networks tell little
of it."""


def pick(
    trials: Trials,
    said: Sequence[Candidate],
    parts: Sequence[Target],
    *,
    heard_alone: bool = True,
) -> Pick:
    """The candidate of least expected difference to what the reference may be.

    Parameters
    ----------
    trials : Trials
        What was rendered.
    said : sequence of Candidate
        Renders of controllers' answers: a second witness.
    parts : sequence of Target
        Parts of the references by themselves, which tell how consistent a gain is.
    heard_alone : bool, default True
        Whether those renders alone take part that a network has heard, where one has.

    Returns
    -------
    Pick
    """
    space, target, options = trials.space, trials.target, trials.options
    trials.weigh_again()
    heard_all = [c for c in trials.candidates if c.judged is not None] if heard_alone else []
    ranked = sorted(heard_all or trials.candidates, key=_value)[: options.candidates - 1]
    # The others have the reference's level by the gain alone, which must not speak for them.
    base = trials.levelled(replace(trials.untouched, settings=space.start))
    field = [base, *ranked]
    values = np.array([c.value for c in field])
    least = values.min()
    # What was heard of a motion is weighed already, and tells settings apart more finely.
    temperature = trials.temperature(float(least)) * (1.0 - HEEDED * trials.certainty)
    said_of = _said_of(field, values)
    score = values if said_of is None else values + options.judge * said_of
    weights = np.exp(-(score - score.min()) / temperature)
    apart = detail_distances(np.stack([c.detail[:: options.every] for c in field]))
    weights /= np.exp(-((apart / options.crowd) ** 2)).sum(axis=1)
    if said:
        # It heard the same recordings, but listens to other things in them.
        heard = detail_distances(np.stack([c.detail[:: options.every] for c in (*said, *field)]))
        count = len(said)
        weights *= np.exp(-heard[:count, count:] / options.learned).mean(axis=0)
    # Renders are compared at one level; where the level counts, so do its differences.
    level = np.array([level_of(c.features) for c in field])
    apart += target.level_weight * np.abs(level[:, None] - level) / 20.0
    risk = apart @ (weights / weights.sum())
    if not ranked:
        return Pick(trials.untouched, sure=False)
    # Renders that differ in level alone sound the same, so that what is unlikely has to speak.
    risk += np.array([c.cost for c in field])
    first = int(np.argmin(risk))
    best = first or 1 + int(np.argmin(risk[1:]))
    weighed = float(values[0] - values[best]) + field[best].size_cost
    gain = weighed - base.unexplained + field[best].unexplained
    share = float(risk[best] / max(risk[0], 1e-12))
    told_by = _told_by(trials, base, said_of, best)
    least_risk = TOLD_RISK if heard_alone else WIDE_RISK
    largest = options.max_risk if told_by is None else min(least_risk, options.max_risk)
    asked = asked_gain(trials)
    # Echoes are set by exact means whatever the sound says, but for faint ones that take it surely
    # away, and any that take it far away.
    near, bearable = gain > -asked, gain > -FAR
    # A motion's rate is heard more surely than how deep it goes: what explains too little of the
    # motion, or takes the sound surely away, is no answer. Where it is hardly heard, the sound must
    # say so by itself, and of what goes round once or twice it must not be farther.
    certain = trials.certainty
    plain = any(echo.rounds >= ROUNDS for echo in space.heard if not echo.exact)
    moved = weighed > 0 and gain >= FAINT * (1.0 - certain) - asked * certain * plain
    listened = any(
        near or (bearable and echo.score >= PLAIN) if echo.exact else moved for echo in space.heard
    )
    sure = bool(space.wanted or listened) or (
        bool(space.active)
        and first > 0
        and gain > 0
        and gain + (told_by or 0.0) >= asked
        and share <= largest
    )
    return Pick(
        candidate=field[best],
        sure=sure,
        gain=gain,
        risk=share,
        evidence=_evidence(trials, field[best], base, gain, told_by, share, largest),
        parts=tuple(
            float(part.distance(base.features) - part.distance(field[best].features))
            for part in parts
        ),
        slots=field[best].slots,
    )


def _said_of(field: Sequence[Candidate], values: Floats) -> Floats | None:
    """What a network says of candidates, L_d; of those it has not heard, by their distance."""
    said = np.array([np.nan if c.judged is None else c.judged for c in field])
    heard = np.isfinite(said)
    if not heard[0]:
        return None
    apart, told = values[heard] - values[heard].mean(), said[heard].mean()
    slope = max(0.0, float(apart @ said[heard]) / max(float(apart @ apart), 1e-12))
    return np.where(heard, said, told + slope * (values - values[heard].mean()))


def _told_by(trials: Trials, base: Candidate, said: Floats | None, best: int) -> float | None:
    """What a network that heard a single effect's renders takes off the distance, by its word."""
    moves = base.motion is not None
    if said is None or moves or len(trials.space.slots) != 1:
        return None
    return TOLD * float(said[0] - said[best])


def _value(candidate: Candidate) -> float:
    return candidate.value


def asked_gain(trials: Trials) -> float:
    """Distance that a sure match takes away; more where there is little sound to tell from.

    Parameters
    ----------
    trials : Trials
        Of the search.

    Returns
    -------
    float
    """
    return trials.options.min_gain * trials.target.doubt**2


def _evidence(
    trials: Trials,
    best: Candidate,
    base: Candidate,
    gain: float,
    told_by: float | None,
    share: float,
    largest: float,
) -> tuple[str, ...]:
    """What speaks for and against a candidate."""
    space, options = trials.space, trials.options
    parts = f"two pieces of one recording differ by {options.same_recording:g}"
    level = " at the reference's level" if space.gain is not None else ""
    lines = [f"heard in the reference: {echo.text}" for echo in space.heard]
    if told_by is not None:
        nearer = "nearer" if told_by > 0 else "farther"
        parts += f"; a network that heard it holds it for {nearer}, which counts for {told_by:+.2f}"
    lines += [
        f"it takes {gain:.2f} off the distance of {base.apart:.2f} that the input has"
        f"{level}; to be sure it should take {asked_gain(trials):.2g} ({parts})"
        if gain > 0
        else f"its distance to the reference is no smaller than the input's ({parts})",
        f"what it may still be wrong by is {100 * share:.0f} % of what leaving the input alone "
        f"may be wrong by; to be sure it should be {100 * largest:.0f} % at most",
    ]
    if best.cost > 0:
        moved = level_of(best.features) - level_of(trials.untouched.features)
        if space.gain is not None and best.settings is not None:
            moved -= space.spec.parameters[space.gain].to_native(best.settings[space.gain])
        lines.append(f"its effects move the level by {moved:+.0f} dB, which is unlikely")
    if space.wanted:
        lines.append("its effect was asked for, since a knob of it is locked")
    return tuple(lines)
