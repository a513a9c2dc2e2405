"""Maps for the page: a plane of an effect, or of a chain around a match, with what it sounds like.

`dialin.maps` lays out what is heard at many settings and gives settings at every point, neutral in
the centre. Here comes what a person looks at and starts from: timbre measured at a grid of points
of that very map, and the point at which the match lies. Near that point the map bends to the
match's own settings, so that there it sounds exactly as the match does (see `POINT_WIDTH`); the
page does the same arithmetic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin._version import __version__
from dialin.audio import Audio, active_excerpts, read_audio, resample
from dialin.effects.chain import chain_uri
from dialin.effects.spec import EffectSpec
from dialin.errors import RenderError, UsageError
from dialin.files import write_json
from dialin.files.reading import read_json
from dialin.files.text import json_text
from dialin.maps import MapOptions, fit_map, load_map
from dialin.maps.sounds import describe, draw, hear
from dialin.matching.probing import probe_chain
from dialin.rendering import Job, RenderPool
from dialin.timbre import timbre

FORMAT = 1

RATE = 24_000
SECONDS = 3.0
"""Of the excerpt that a map is heard on: its liveliest part."""

SOUNDS = (80, 240)
"""Settings that are heard, at least and at most; `SOUNDS_PER_KNOB` for each live knob."""

SOUNDS_PER_KNOB = 24

FIELD = 9
"""Points along a side of the grid at which timbre is measured."""

POINT_WIDTH = 0.22
"""Standard deviation of the Gaussian around the match's point over which the map bends to it."""

ATTRIBUTES = ("brightness", "depth", "warmth", "hardness", "roughness", "boominess")
"""Those of the eight that go by degrees, less sharpness, which goes with brightness."""


def map_key(uris: Sequence[str], settings: Sequence[Sequence[float]], heard: Sequence[Any]) -> str:
    """Name that a map is kept under: the same for the same effects, knobs and sound.

    Parameters
    ----------
    uris : sequence of str
        Of the effects.
    settings : sequence of sequence of float
        Of each.
    heard : sequence
        What it is heard on, as plain data.

    Returns
    -------
    str
    """
    exact = [[round(value, 6) for value in row] for row in settings]
    made = [FORMAT, __version__, SOUNDS, FIELD, SECONDS, RATE]
    text = json_text([made, list(uris), exact, list(heard)])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def make_map(order: dict[str, Any], tell: Callable[..., None]) -> dict[str, Any]:
    """Make a map and keep it.

    Parameters
    ----------
    order : dict
        ``key``, ``folder``, ``workers``, ``input`` (path, start, seconds), ``uris`` and
        ``settings`` of the effects.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        ``key``.

    Raises
    ------
    UsageError
        If none of the effects has a knob that does anything.
    """
    uris, key, folder = order["uris"], order["key"], Path(order["folder"])
    uri = uris[0] if len(uris) == 1 else chain_uri(uris)
    here = np.concatenate([np.asarray(row, np.float64) for row in order["settings"]])
    tell("looking at the knobs", done=0, of=1)
    piece = _piece(order["input"])
    with RenderPool(order["workers"]) as pool:
        probed = probe_chain(pool, uri)
        spec = probed.spec if len(uris) > 1 else probed.slots[0]
        here = spec.check(here)
        live = sum(parameter.status == "live" for parameter in spec.parameters)
        if not live:
            raise UsageError(f"{spec.name} has no knob that changes anything: nothing to explore")
        count = int(np.clip(SOUNDS_PER_KNOB * live, *SOUNDS))
        settings = _around(spec, here, count, 0) if len(uris) > 1 else draw(spec, count, 0)
        total = count + FIELD * FIELD + 1
        sounds = hear(
            pool,
            uri,
            [piece],
            RATE,
            settings,
            progress=lambda done, _: tell("listening to many settings", done=done, of=total),
        )
        options = MapOptions(sounds=count)
        made = fit_map(pool, uri, [piece], RATE, options, spec=spec, sounds=sounds)
        axis = np.linspace(-1.0, 1.0, FIELD)
        points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        grid = [*made.settings(points, spec), here]
        rows = _measure(
            pool,
            uri,
            piece,
            grid,
            lambda done: tell("measuring the map", done=count + done, of=total),
        )
    features, heard = rows[:, : -len(ATTRIBUTES)], rows[:, -len(ATTRIBUTES) :]
    point = _where(points, features[:-1], features[-1])
    place = folder / f"{key}.npz"
    place.unlink(missing_ok=True)
    made.save(place)
    facts = {
        "format": FORMAT,
        "key": key,
        "uris": uris,
        "field": {
            name: np.round(heard[:-1, n].reshape(FIELD, FIELD), 3).tolist()
            for n, name in enumerate(ATTRIBUTES)
        },
        "point": point.tolist(),
        "settings": here.tolist(),
        "width": POINT_WIDTH,
        "live": [parameter.status == "live" for parameter in spec.parameters],
    }
    # Written last: where it is, the map is whole.
    write_json(folder / f"{key}.json", facts)
    return {"key": key}


def read_map(folder: Path, key: str) -> dict[str, Any] | None:
    """A kept map as the page draws and decodes it; None where there is none (of this version).

    Parameters
    ----------
    folder : Path
        Of maps.
    key : str
        From `map_key`.

    Returns
    -------
    dict or None
    """
    try:
        facts: dict[str, Any] = read_json(folder / f"{key}.json")
        if facts.get("format") != FORMAT:
            return None
        grid = load_map(folder / f"{key}.npz").grid
    except (OSError, ValueError, UsageError):
        return None
    return facts | {"grid": np.round(grid, 5).tolist()}


def settings_at(facts: dict[str, Any], point: Sequence[float]) -> NDArray[np.float64]:
    """Settings at a point of a kept map, as the page decodes them; stepped knobs not snapped.

    Parameters
    ----------
    facts : dict
        From `read_map`.
    point : sequence of float
        x and y, -1 to 1.

    Returns
    -------
    ndarray, float64, shape (knobs,)
        0 to 1.
    """
    grid = np.asarray(facts["grid"])

    def plain(x: float, y: float) -> NDArray[np.float64]:
        rows, columns, _ = grid.shape
        across, up = (x + 1) / 2 * (columns - 1), (y + 1) / 2 * (rows - 1)
        left, low = min(int(across), columns - 2), min(int(up), rows - 2)
        u, v = across - left, up - low
        below = (1 - u) * grid[low, left] + u * grid[low, left + 1]
        above = (1 - u) * grid[low + 1, left] + u * grid[low + 1, left + 1]
        return np.asarray((1 - v) * below + v * above)

    x, y = point
    px, py = facts["point"]
    near = np.exp(-0.5 * ((x - px) ** 2 + (y - py) ** 2) / facts["width"] ** 2)
    bent = plain(x, y) + near * (np.asarray(facts["settings"]) - plain(px, py))
    return np.asarray(np.clip(bent, 0.0, 1.0))


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
    found = timbre(audio, sample_rate, ATTRIBUTES)
    features = describe(audio, sample_rate)[:-2]
    return np.concatenate([features, [found[name] for name in ATTRIBUTES]])


def _piece(one: dict[str, Any]) -> Audio:
    from dialin.audio import audio_info

    rate = audio_info(one["path"]).sample_rate
    start, frames = round(one["start"] * rate), round(one["seconds"] * rate)
    audio, _ = read_audio(one["path"], start=start, frames=frames)
    audio = audio[:2]
    (place,) = active_excerpts(audio, rate, seconds=SECONDS, pieces=1)
    return resample(audio[:, place], rate, RATE)


def _around(
    spec: EffectSpec, here: NDArray[np.float64], count: int, seed: int
) -> NDArray[np.float64]:
    """Settings from the match outwards, and some from it to the defaults.

    All knobs of a chain anywhere at once mostly sound like nothing anybody would keep; half-way
    from the match to there is where there is something to find.
    """
    far = draw(spec, count, seed)
    rng = np.random.default_rng(seed)
    share = np.sqrt(rng.random((count, 1)))
    mixed = here + share * (far - here)
    quarter = count // 4
    # Between leaving alone and the match: the amount, more or less.
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
