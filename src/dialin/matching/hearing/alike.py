"""Choosing among settings that explain a reference's echoes alike.

A loud echo of a soft sound and a soft echo of a loud one have the same spectrum, and several pairs
of feedback and mix nearly so. What is left to tell them apart is what the reference comes to once
each is undone (`dialin.measures.undoing`), and how they sound on the input: the style distance.
Where that says nothing, the setting nearer to the effect's default wins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dialin.effects.spec import Settings
from dialin.matching.hearing.carrier_lines import SURE
from dialin.matching.hearing.echo_search import ALIKE_DROP, ALIKE_SHARE
from dialin.matching.hearing.time_guesses import Echo
from dialin.measures.carriers import lines_alike
from dialin.rendering import Job, Renderer, SharedAudio

LESS = 3.0
"""Logarithm of the likelihood ratio between settings that explain the echoes best and those that
explain so little less that they are just handed on."""

USUAL = 1.5
"""The same for a knob's whole travel from its default."""

UNDONE, MOST_UNDONE = 300.0, 20.0
"""Logarithm of the likelihood ratio between settings by how concentrated the reference is once they
are undone: of 1, and at most. Of two readings of an echo on validation songs the more concentrated
is right in 96 %, and differs from the other by 0.05 in the median
(`benchmarks/echo_readings.py`). Of 56 delays on such songs what is chosen comes to a mean MRSTFT of
0.20 with it, 0.26 with 70 and 0.34 without; the best of what there was to choose from, to 0.13."""

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
    undone = [0.0] * len(options)
    if echo.undo is not None:
        undone = _less_concentrated(echo.undo([settings for settings, _ in options]))
    lines = [1.0] * len(options)
    if echo.lines:
        jobs = [
            Job(uri, audio, settings, measure=lines_alike, measure_args=(echo.lines, SURE))
            for settings, _ in options
        ]
        lines = [0.0 if r.failure is not None else float(r.value) for r in pool.render(jobs)]
    costs = [
        cost + distance / temperature + min(UNDONE * less, MOST_UNDONE) + OTHER_LINES * (1.0 - line)
        for cost, distance, less, line in zip(
            _unheard(options, default), distances, undone, lines, strict=True
        )
    ]
    return int(np.argmin(costs))


def _less_concentrated(values: Sequence[float]) -> list[float]:
    """By how much each falls short of the greatest; nothing where that is not known."""
    known = [value for value in values if np.isfinite(value)]
    return [max(known) - value if np.isfinite(value) else 0.0 for value in values]
