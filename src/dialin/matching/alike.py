"""Choosing among settings that explain a reference's echoes alike.

A loud echo of a soft sound and a soft echo of a loud one have the same spectrum, and several pairs
of feedback and mix nearly so. What is left to tell them apart is how they sound on the input: the
style distance, and whether attacks come before or after the louder sound
(`dialin.measures.order`). Where that says nothing, the setting nearer to the effect's default wins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dialin.audio import Audio
from dialin.effects.spec import Settings
from dialin.matching.echo_search import ALIKE_DROP, ALIKE_SHARE
from dialin.matching.time_guesses import Echo
from dialin.measures.order import echo_order
from dialin.rendering import Job, RenderPool, SharedAudio

LESS = 3.0
"""Logarithm of the likelihood ratio between settings that explain the echoes best and those that
explain so little less that they are just handed on."""

USUAL = 1.5
"""The same for a knob's whole travel from its default."""

ORDER_NOISE = 0.15
"""Difference in order that content alone makes."""


def choices(echo: Echo, most: int) -> list[tuple[Settings, float]]:
    """Settings to choose from, with what they explain."""
    return [(echo.settings, echo.drop), *echo.alike][: max(1, most)]


def measure_order(audio: Audio, sample_rate: int, lag: float) -> float:
    """Which comes first in a render, the loud sound or the soft; runs in a worker."""
    return echo_order(audio, sample_rate, lag)


def choose(
    pool: RenderPool,
    uri: str,
    audio: SharedAudio,
    echo: Echo,
    options: Sequence[tuple[Settings, float]],
    distances: Sequence[float],
    default: Settings,
    temperature: float,
) -> int:
    """Place of the most likely of some settings.

    Parameters
    ----------
    pool : RenderPool
    uri : str
        Of the effect alone.
    audio : SharedAudio
        The input's excerpt.
    echo : Echo
    options : sequence of (settings, drop)
    distances : sequence of float
        Style distance of the whole chain with each; infinite for a render that failed.
    default : ndarray
        Of the effect.
    temperature : float
        Difference in distance at which a likelihood falls to 1/e.
    """
    orders = [echo.order] * len(options)
    if echo.lag is not None:
        jobs = [
            Job(uri, audio, settings, measure=measure_order, measure_args=(echo.lag,))
            for settings, _ in options
        ]
        results = pool.render(jobs)
        orders = [echo.order if r.failure is not None else float(r.value) for r in results]
    best = max(drop for _, drop in options)
    span = max(ALIKE_DROP, ALIKE_SHARE * best)
    costs = [
        LESS * (best - drop) / span
        + distance / temperature
        + USUAL * float(np.abs(settings - default).sum())
        + abs(order - echo.order) / ORDER_NOISE
        for (settings, drop), distance, order in zip(options, distances, orders, strict=True)
    ]
    return int(np.argmin(costs))
