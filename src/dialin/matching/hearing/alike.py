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
from dialin.matching.hearing.carrier_search import SURE
from dialin.matching.hearing.echo_search import ALIKE_DROP, ALIKE_SHARE
from dialin.matching.hearing.time_guesses import Echo
from dialin.measures.carriers import symmetry_lines, symmetry_near, symmetry_spectrum
from dialin.measures.order import echo_order
from dialin.rendering import Job, Renderer, SharedAudio

LESS = 3.0
"""Logarithm of the likelihood ratio between settings that explain the echoes best and those that
explain so little less that they are just handed on."""

USUAL = 1.5
"""The same for a knob's whole travel from its default."""

ORDER_NOISE = 0.025
"""Difference in order at which a likelihood falls to 1/e. Half of 61 delays on validation songs
differ by 0.006 from the same delay on the input (standard deviation 0.056), and an echo that is the
louder from one that is the softer by 0.07; the nearer of both is right in 77 %, from 30 ms on in
85 %."""

OTHER_LINES = 10.0
"""The same between lines of a ring modulator that all agree and none that do."""


def choices(echo: Echo, most: int, default: Settings) -> list[tuple[Settings, float]]:
    """Settings to choose from, with what they explain.

    Parameters
    ----------
    echo : Echo
        What was found.
    most : int
        How many at most; one always comes back.
    default : ndarray, shape (knobs,)
        Of the effect.

    Returns
    -------
    list of (ndarray, float)
        The likeliest first, as far as that can be told without rendering.
    """
    options = [(echo.settings, echo.drop), *echo.alike]
    costs = _unheard(options, default)
    order = sorted(range(len(options)), key=lambda n: costs[n])
    return [options[n] for n in order[: max(1, most)]]


def _unheard(options: Sequence[tuple[Settings, float]], default: Settings) -> list[float]:
    """What speaks against settings, as far as that can be told without rendering."""
    best = max(drop for _, drop in options)
    span = max(ALIKE_DROP, ALIKE_SHARE * best)
    return [
        LESS * (best - drop) / span + USUAL * float(np.abs(settings - default).sum())
        for settings, drop in options
    ]


def measure_order(audio: Audio, sample_rate: int, lag: float) -> float:
    """Which comes first in a render, the loud sound or the soft; runs in a worker.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The render.
    sample_rate : int
        In hertz.
    lag : float
        Of the echo, in seconds.

    Returns
    -------
    float
        From +1 (the echo is the softer) to -1 (it is the louder).
    """
    return echo_order(audio, sample_rate, lag)


def measure_lines(audio: Audio, sample_rate: int, wanted: tuple[tuple[float, float], ...]) -> float:
    """Share of lines of symmetry that a render has in common with some others, by strength.

    Runs in a worker.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The render.
    sample_rate : int
        In hertz.
    wanted : tuple of (float, float)
        Frequency in hertz and strength of the lines of the reference.

    Returns
    -------
    float
        0 to 1.
    """
    spectrum = symmetry_spectrum(audio, sample_rate)
    if not spectrum[0].size:
        return 0.0
    common = total = 0.0
    for line, sigma in wanted:
        here = symmetry_near(*spectrum, line)
        common += min(here, sigma)
        total += max(here, sigma)
    for line, sigma in symmetry_lines(audio, sample_rate, len(wanted)):
        if sigma >= SURE and all(abs(line - other) > 1.0 for other, _ in wanted):
            total += sigma
    return common / max(total, 1e-9)


def choose(
    pool: Renderer,
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
    pool : Renderer
        Workers that render.
    uri : str
        Of the effect alone.
    audio : SharedAudio
        The input's excerpt.
    echo : Echo
        What explains the reference's echoes.
    options : sequence of (settings, drop)
        Settings to choose from, and what each explains; from `choices`.
    distances : sequence of float
        Style distance of the whole chain with each; infinite for a render that failed.
    default : ndarray, shape (knobs,)
        Of the effect.
    temperature : float
        Difference in distance at which a likelihood falls to 1/e.

    Returns
    -------
    int
    """
    orders = [echo.order] * len(options)
    if echo.lag is not None:
        jobs = [
            Job(uri, audio, settings, measure=measure_order, measure_args=(echo.lag,))
            for settings, _ in options
        ]
        results = pool.render(jobs)
        orders = [echo.order if r.failure is not None else float(r.value) for r in results]
    lines = [1.0] * len(options)
    if echo.lines:
        jobs = [
            Job(uri, audio, settings, measure=measure_lines, measure_args=(echo.lines,))
            for settings, _ in options
        ]
        lines = [0.0 if r.failure is not None else float(r.value) for r in pool.render(jobs)]
    costs = [
        cost
        + distance / temperature
        + abs(order - echo.order) / ORDER_NOISE
        + OTHER_LINES * (1.0 - line)
        for cost, distance, order, line in zip(
            _unheard(options, default), distances, orders, lines, strict=True
        )
    ]
    return int(np.argmin(costs))
