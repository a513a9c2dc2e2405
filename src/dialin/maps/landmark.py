"""A map with a landmark: the plane of an effect, or of a chain around a match, to walk on.

`fit_map` lays out what is heard at many settings and gives settings at every point, neutral in
the centre. Here comes what a person looks at and starts from: timbre measured at a grid of points
of that very map, and the point at which given settings, such as those of a match, lie. Near that
point the map bends to the settings themselves, so that there it sounds exactly as they do (see
`POINT_WIDTH`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dialin.audio import Audio, active_excerpts, resample
from dialin.effects.chain import chain_uri
from dialin.effects.spec import EffectSpec
from dialin.errors import RenderError, UsageError
from dialin.maps.fit import MapOptions, fit_map
from dialin.maps.map import EffectMap
from dialin.maps.sounds import describe, draw, hear
from dialin.matching.probing import probe_chain
from dialin.rendering import Job, RenderPool
from dialin.timbre import timbre

RATE = 24_000
"""Sample rate at which a map is heard, in hertz."""

SECONDS = 3.0
"""Of the excerpt that a map is heard on: its liveliest part."""

SOUNDS = (80, 240)
"""Settings that are heard, at least and at most; `SOUNDS_PER_KNOB` for each live knob."""

SOUNDS_PER_KNOB = 24

FIELD = 9
"""Points along a side of the grid at which timbre is measured."""

POINT_WIDTH = 0.22
"""Standard deviation of the Gaussian around the landmark over which the map bends to it."""

ATTRIBUTES = ("brightness", "depth", "warmth", "hardness", "roughness", "boominess")
"""Those of the eight that go by degrees, less sharpness, which goes with brightness."""


@dataclass(frozen=True, eq=False)
class LandmarkMap:
    """A map, what it sounds like, and where given settings lie on it.

    Attributes
    ----------
    map : EffectMap
        Settings over the square from -1 to 1.
    timbre : dict of str to ndarray, float64, shape (points, points)
        Each of `ATTRIBUTES`, 0 to 100, on a grid over the square; rows from y = -1 to 1.
    landmark : ndarray, float64, shape (knobs,)
        The given settings, 0 to 1.
    point : ndarray, float64, shape (2,)
        x and y at which they lie, -0.95 to 0.95.
    live : tuple of bool
        Of each knob, whether it does anything.
    width : float
        See `POINT_WIDTH`.
    """

    map: EffectMap
    timbre: dict[str, NDArray[np.float64]]
    landmark: NDArray[np.float64]
    point: NDArray[np.float64]
    live: tuple[bool, ...]
    width: float = POINT_WIDTH

    def settings(self, point: ArrayLike) -> NDArray[np.float64]:
        """Settings at a point, bent towards the landmark; stepped knobs are not snapped.

        Parameters
        ----------
        point : array_like, shape (2,)
            x and y from -1 to 1.

        Returns
        -------
        ndarray, float64, shape (knobs,)
            0 to 1.

        Raises
        ------
        UsageError
            If the point is no point.
        """
        plain = self.map.settings(point)
        away = np.sum((np.asarray(point, np.float64) - self.point) ** 2)
        near = np.exp(-0.5 * away / self.width**2)
        bent = plain + near * (self.landmark - self.map.settings(self.point))
        return np.asarray(np.clip(bent, 0.0, 1.0))


def map_around(
    pool: RenderPool,
    uris: Sequence[str],
    settings: Sequence[Sequence[float]],
    audio: Audio,
    sample_rate: int,
    *,
    sounds: int | None = None,
    field: int = FIELD,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> LandmarkMap:
    """Map some effects around where their knobs stand.

    A single effect is heard anywhere; a chain around its settings, since all knobs of a chain
    anywhere at once mostly sound like nothing that anybody would keep.

    Parameters
    ----------
    pool : RenderPool
        Workers that render.
    uris : sequence of str
        Of the effects, in order.
    settings : sequence of sequence of float
        Of each, 0 to 1.
    audio : ndarray, float32, shape (channels, samples)
        What they are heard on: the liveliest `SECONDS` of it, two channels at most.
    sample_rate : int
        In hertz.
    sounds : int, optional
        Settings to hear, 20 at least; by the number of live knobs if left out.
    field : int, default 9
        Points along a side of the grid at which timbre is measured.
    seed : int, default 0
        Of all chance.
    progress : callable, optional
        ``progress(what, done, total)``.

    Returns
    -------
    LandmarkMap

    Raises
    ------
    UsageError
        If none of the effects has a knob that does anything.
    RenderError
        If the effects give a usable sound at too few settings.
    """
    tell = progress or (lambda what, done, total: None)
    tell("looking at the knobs", 0, 1)
    uri = uris[0] if len(uris) == 1 else chain_uri(uris)
    (span,) = active_excerpts(audio[:2], sample_rate, seconds=SECONDS, pieces=1)
    piece = resample(audio[:2, span], sample_rate, RATE)
    probed = probe_chain(pool, uri)
    spec = probed.spec if len(uris) > 1 else probed.slots[0]
    here = spec.check(np.concatenate([np.asarray(row, np.float64) for row in settings]))
    live = tuple(parameter.status == "live" for parameter in spec.parameters)
    if not any(live):
        raise UsageError(f"{spec.name} has no knob that changes anything: nothing to explore")
    count = sounds or int(np.clip(SOUNDS_PER_KNOB * sum(live), *SOUNDS))
    drawn = _around(spec, here, count, seed) if len(uris) > 1 else draw(spec, count, seed)
    total = count + field * field + 1
    heard = hear(
        pool,
        uri,
        [piece],
        RATE,
        drawn,
        progress=lambda done, _: tell("listening to many settings", done, total),
    )
    options = MapOptions(sounds=count, seed=seed)
    made = fit_map(pool, uri, [piece], RATE, options, spec=spec, sounds=heard)
    axis = np.linspace(-1.0, 1.0, field)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    rows = _measure(
        pool,
        uri,
        piece,
        [*made.settings(points, spec), here],
        lambda done: tell("measuring the map", count + done, total),
    )
    features, attributes = rows[:, : -len(ATTRIBUTES)], rows[:-1, -len(ATTRIBUTES) :]
    return LandmarkMap(
        map=made,
        timbre={name: attributes[:, n].reshape(field, field) for n, name in enumerate(ATTRIBUTES)},
        landmark=here,
        point=_where(points, features[:-1], features[-1]),
        live=live,
    )


def sound(audio: Audio, sample_rate: int) -> NDArray[np.float64]:
    """What a point of a map is told by: spectrum and its motion, and timbre. Run by workers.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float64
        Features of `dialin.maps.sounds.describe` less its timbre, then `ATTRIBUTES`.
    """
    attributes = timbre(audio, sample_rate, ATTRIBUTES)
    features = describe(audio, sample_rate)[:-2]
    return np.concatenate([features, [attributes[name] for name in ATTRIBUTES]])


def _around(
    spec: EffectSpec, here: NDArray[np.float64], count: int, seed: int
) -> NDArray[np.float64]:
    """Settings from the landmark outwards, and some from it to the defaults.

    All knobs of a chain anywhere at once mostly sound like nothing anybody would keep; half-way
    from the landmark to there is where there is something to find.
    """
    far = draw(spec, count, seed)
    rng = np.random.default_rng(seed)
    share = np.sqrt(rng.random((count, 1)))
    mixed = here + share * (far - here)
    quarter = count // 4
    # Between leaving alone and the landmark: the amount, more or less.
    calm = np.array(
        [
            default if parameter.neutral is None else parameter.to_normalised(parameter.neutral)
            for parameter, default in zip(spec.parameters, spec.default, strict=True)
        ]
    )
    mixed[:quarter] = calm + rng.random((quarter, 1)) * (mixed[:quarter] - calm)
    mixed[0], mixed[1] = here, calm
    live = np.array([parameter.status == "live" for parameter in spec.parameters])
    mixed[:, ~live] = here[~live]
    return np.stack([spec.check(row) for row in mixed])


def _measure(
    pool: RenderPool,
    uri: str,
    piece: Audio,
    settings: Sequence[NDArray[np.float64]],
    progress: Callable[[int], None],
) -> NDArray[np.float64]:
    """`sound` at each of the settings; where a render fails, what is heard around it on average."""
    shared = pool.share(piece, RATE)
    rows: list[NDArray[np.float64] | None] = [None] * len(settings)
    try:
        jobs = [Job(uri, shared, row, measure=sound) for row in settings]
        for done, (index, result) in enumerate(pool.render_iter(jobs), 1):
            if result.failure is None and np.isfinite(result.value).all():
                rows[index] = result.value
            progress(done)
    finally:
        pool.release(shared)
    good = [row for row in rows if row is not None]
    if len(good) < len(rows) / 2:
        raise RenderError(
            f"{uri} gave a usable sound at {len(good)} of {len(rows)} points of its map only; "
            "leave it out, or explore another effect"
        )
    mean = np.mean(good, axis=0)
    return np.stack([mean if row is None else row for row in rows])


def _where(
    points: NDArray[np.float64], features: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Point of the map that sounds most like something: the nearest few, the nearer the heavier."""
    away = np.sqrt(np.mean((features - wanted) ** 2, axis=1))
    near = np.argsort(away, kind="stable")[:4]
    weights = 1.0 / (away[near] + 1e-3) ** 3
    best = points[near[0]]
    # Those that lie together with the nearest; another one far off would pull it to nowhere.
    together = np.hypot(*(points[near] - best).T) < 0.4
    mean = np.average(points[near][together], axis=0, weights=weights[together])
    return np.asarray(np.clip(mean, -0.95, 0.95))
