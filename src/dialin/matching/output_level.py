"""The output knob of an effect: the one that changes how loud it is and nothing else.

It is found by trying: a knob whose renders differ in level but not in what is heard at equal level
(`dialin.matching.detail`). Knobs in decibels and those named like one are tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.detail import Detail, detail_distances
from dialin.matching.features import Vector
from dialin.matching.style import level_of

OUTPUT_RENDERS = 12
"""Most renders spent on it."""

KNOBS, STEPS = 5, 5

SAME = 0.1
"""Audible difference (log10 magnitude) that is none."""

NEAR = 0.3
"""Decibels within which the level is right."""

STEP = 0.2
"""Share of a knob's travel that it is moved by to see what it does."""

_NAMES = re.compile(r"out|gain|level|volume|make.?up|trim|master", re.IGNORECASE)

FeaturesAndDetail = tuple[Vector, Detail]


def turn_output(
    spec: EffectSpec,
    start: Settings,
    free: Sequence[int],
    untouched: FeaturesAndDetail,
    offset: float,
    render: Callable[[Settings], FeaturesAndDetail | None],
) -> tuple[Settings, Vector] | None:
    """Settings that change the level by `offset` decibels and nothing else, and how they sound.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect or chain.
    start : ndarray, shape (knobs,)
        Settings to begin with. Where they change more than the level, mixes and gains are set to
        what is neutral; where that does too, there is no answer.
    free : sequence of int
        Places of knobs that may be moved.
    untouched : features and detail of the input
        What the input sounds like.
    offset : float
        In decibels.
    render : callable
        Settings -> features and detail; None where that failed or no render is left.

    Returns
    -------
    (ndarray, Vector) or None
    """
    neutral = start.copy()
    for index in free:
        knob = spec.parameters[index]
        if knob.neutral is not None:
            neutral[index] = knob.to_normalised(knob.neutral)
    base = None
    for settings in (start, neutral):
        heard = render(settings)
        if heard is not None and _apart(heard, untouched) <= SAME:
            base = settings, heard
            break
    if base is None:
        return None
    settings, heard = base
    likely = [p for p in free if _likely(spec, p)]
    for index in likely[:KNOBS]:
        position = settings[index]
        moved = settings.copy()
        moved[index] = position - STEP if position > 0.5 else position + STEP
        if offset > 0 and position + STEP <= 1.0:
            moved[index] = position + STEP
        other = render(moved)
        if other is None or _apart(other, heard) > SAME:
            continue
        if abs(level_of(other[0]) - level_of(heard[0])) < 1.0:
            continue
        wanted = level_of(untouched[0]) + offset
        return _approach(settings, heard, moved, other, index, wanted, render)
    return None


def _likely(spec: EffectSpec, index: int) -> bool:
    knob = spec.parameters[index]
    return not knob.is_stepped and (knob.unit == "dB" or bool(_NAMES.search(knob.name)))


def _apart(one: FeaturesAndDetail, other: FeaturesAndDetail) -> float:
    return float(detail_distances(np.stack([one[1], other[1]]))[0, 1])


def _approach(
    settings: Settings,
    heard: FeaturesAndDetail,
    moved: Settings,
    other: FeaturesAndDetail,
    index: int,
    wanted: float,
    render: Callable[[Settings], FeaturesAndDetail | None],
) -> tuple[Settings, Vector]:
    """Secant steps to the level wanted; the nearest that was heard."""
    tried = [(settings, heard[0]), (moved, other[0])]
    for _ in range(STEPS):
        tried.sort(key=lambda pair: abs(level_of(pair[1]) - wanted))
        (near, near_features), (far, far_features) = tried[:2]
        missing = wanted - level_of(near_features)
        rise = level_of(far_features) - level_of(near_features)
        run = far[index] - near[index]
        if abs(missing) < NEAR or abs(rise) < 1e-3 or run == 0:
            break
        step = near.copy()
        step[index] = float(np.clip(near[index] + missing * run / rise, 0.0, 1.0))
        again = render(step)
        if again is None or step[index] == near[index]:
            break
        tried.append((step, again[0]))
    tried.sort(key=lambda pair: abs(level_of(pair[1]) - wanted))
    return tried[0]
