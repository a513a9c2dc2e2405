"""Maps for the page: ordered as a job, kept as files, read as what the page draws and decodes.

`dialin.maps.landmark` makes them. The page does the arithmetic of `LandmarkMap.settings` itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dialin._version import __version__
from dialin.audio import audio_info, read_audio
from dialin.errors import UsageError
from dialin.files import write_json
from dialin.files.reading import read_json
from dialin.files.text import json_text
from dialin.maps import load_map, map_around
from dialin.maps.landmark import FIELD, RATE, SECONDS, SOUNDS
from dialin.rendering import RenderPool

FORMAT = 1


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
    key, folder, one = order["key"], Path(order["folder"]), order["input"]
    rate = audio_info(one["path"]).sample_rate
    start, frames = round(one["start"] * rate), round(one["seconds"] * rate)
    audio, _ = read_audio(one["path"], start=start, frames=frames)
    with RenderPool(order["workers"]) as pool:
        made = map_around(
            pool,
            order["uris"],
            order["settings"],
            audio,
            rate,
            progress=lambda what, done, of: tell(what, done=done, of=of),
        )
    made.map.save(folder / f"{key}.npz", overwrite=True)
    facts = {
        "format": FORMAT,
        "key": key,
        "uris": order["uris"],
        "field": {name: np.round(grid, 3).tolist() for name, grid in made.timbre.items()},
        "point": made.point.tolist(),
        "settings": made.landmark.tolist(),
        "width": made.width,
        "live": list(made.live),
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
