"""What lies around a match: how far each knob may go, and which effects it could do without.

Conventions: *as likely* means that the distance to the reference grows by less than what a match
must take away to be sure (`dialin.matching.options.SearchOptions.min_gain`, more where there is
little sound to tell from): a quarter of what two pieces of one recording differ by, so nothing that
was heard speaks against it. Knobs are turned one at a time, the others held, and effects taken out
one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.effects.chain import chain_slots, chain_uri
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.features import style_features
from dialin.matching.options import SearchOptions
from dialin.matching.recordings import Heard
from dialin.rendering import Job, RenderPool

PLACES = 9
"""Evenly spaced positions that every knob is tried at, and besides:"""

NEAR = (-0.1, -0.04, 0.04, 0.1)


@dataclass(frozen=True)
class Around:
    """What was found around a match.

    Attributes
    ----------
    distance : float
        Of the match itself.
    margin : float
        By which a distance may be larger and as likely.
    likely : tuple of (float, float) or None
        Positions between which each knob is as likely; None for those that were not turned.
    without : tuple of Without
        Chains of one effect less, in the order of the chain.
    """

    distance: float
    margin: float
    likely: tuple[tuple[float, float] | None, ...]
    without: tuple[Without, ...]


@dataclass(frozen=True)
class Without:
    """The match with one effect taken out.

    Attributes
    ----------
    slot : int
        Index of the effect.
    distance : float
    aspects : tuple of float
        Distance of each aspect, in the order of `dialin.matching.features.ASPECTS`.
    """

    slot: int
    distance: float
    aspects: tuple[float, ...]


def look_around(
    pool: RenderPool,
    heard: Heard,
    spec: EffectSpec,
    settings: Settings,
    *,
    fixed: Sequence[int] = (),
    options: SearchOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Around:
    """Turn each knob of a match, and take each effect out, and measure what comes of it.

    Parameters
    ----------
    pool : RenderPool
        Workers that render.
    heard : Heard
        Input and references of the match.
    spec : EffectSpec
        Of its chain, with dead knobs marked.
    settings : ndarray, float64, shape (knobs,)
        The match, 0 to 1.
    fixed : sequence of int
        Knobs that are not turned.
    options : SearchOptions, optional
        With what a sure match takes away.
    progress : callable, optional
        ``progress(done, total)``, in renders.

    Returns
    -------
    Around
    """
    how, target = options or SearchOptions(), heard.target
    here = spec.check(settings)
    turned: list[tuple[int, float]] = []
    for index, parameter in enumerate(spec.parameters):
        if parameter.status == "live" and index not in fixed:
            turned += [(index, position) for position in _positions(parameter, float(here[index]))]
    slots = chain_slots(spec)
    shared = pool.share(heard.input.pieces[0], heard.input.sample_rate)
    try:
        jobs = [Job(spec.uri, shared, here, measure=style_features)]
        for index, position in turned:
            moved = here.copy()
            moved[index] = position
            jobs.append(Job(spec.uri, shared, moved, measure=style_features))
        shorter = range(len(slots)) if len(slots) > 1 else range(0)
        for out in shorter:
            uris = [uri for n, (_, uri, _) in enumerate(slots) if n != out]
            rest = np.concatenate([here[span] for n, (_, _, span) in enumerate(slots) if n != out])
            jobs.append(Job(chain_uri(uris), shared, rest, measure=style_features))
        features: list[NDArray[np.float64] | None] = [None] * len(jobs)
        for done, (number, result) in enumerate(pool.render_iter(jobs), 1):
            if result.failure is None:
                features[number] = np.asarray(result.value)
            elif number == 0:
                result.get()
            if progress is not None:
                progress(done, len(jobs))
    finally:
        pool.release(shared)
    distances = [np.inf if row is None else float(target.distance(row)) for row in features]
    least = distances[0]
    margin = how.min_gain * float(target.doubt) ** 2
    likely: list[tuple[float, float] | None] = [None] * spec.size
    for index in sorted({index for index, _ in turned}):
        points = [
            (position, distances[1 + n])
            for n, (which, position) in enumerate(turned)
            if which == index
        ]
        likely[index] = _range(points, float(here[index]), least, margin)
    first = 1 + len(turned)
    without = tuple(
        Without(out, distances[first + n], tuple(float(v) for v in target.aspects(row)))
        for n, out in enumerate(shorter)
        if (row := features[first + n]) is not None
    )
    return Around(least, margin, tuple(likely), without)


def _positions(parameter: Parameter, here: float) -> list[float]:
    """Positions at which a knob is tried, in order, without its own."""
    if parameter.is_stepped and parameter.steps <= PLACES:
        positions = np.linspace(0.0, 1.0, parameter.steps)
    else:
        positions = np.concatenate([np.linspace(0.0, 1.0, PLACES), here + np.asarray(NEAR)])
    snapped = {parameter.snap(float(position)) for position in positions if 0 <= position <= 1}
    return sorted(position for position in snapped if abs(position - here) > 1e-9)


def _range(
    points: Sequence[tuple[float, float]], here: float, least: float, margin: float
) -> tuple[float, float]:
    """How far a knob goes to either side until the distance passes the margin, interpolated."""
    ends = []
    for side in (-1, 1):
        at, value = here, least
        end = here
        for position, distance in sorted(points, key=lambda point: side * point[0]):
            if side * (position - here) <= 0:
                continue
            if distance > least + margin:
                share = (least + margin - value) / (distance - value)
                share = float(np.clip(share, 0.0, 1.0)) if np.isfinite(distance) else 0.0
                end = at + share * (position - at)
                break
            at, value, end = position, distance, position
        ends.append(end)
    return ends[0], ends[1]
