"""What is found out about installed plugins, kept in the user's cache until their files change."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

from dialin._version import __version__
from dialin.effects.spec import EffectSpec
from dialin.errors import OutputError
from dialin.files import cache_folder, write_text
from dialin.files.reading import parse_json, read_json

T = TypeVar("T")

SHIPPED = "builtin_probes.json"
"""What was found out about the built-in effects when the package was made, by names of cache files
(``scripts/probe_builtins.py``)."""


def read_cache(name: str) -> dict[str, Any]:
    """Contents of a cache file; empty where it is missing or of no use.

    Parameters
    ----------
    name : str
        Of the file in the cache folder.

    Returns
    -------
    dict
    """
    try:
        known = read_json(cache_folder() / name)
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write_cache(name: str, content: dict[str, Any]) -> None:
    """Write a cache file in one step; one that cannot be written is no reason to fail.

    Parameters
    ----------
    name : str
        Of the file in the cache folder.
    content : dict
        What JSON can hold.
    """
    with contextlib.suppress(OutputError):
        write_text(cache_folder() / name, json.dumps(content), parents=True)


def probe_name(spec: EffectSpec, *details: str, kind: str = "") -> str:
    """Name of the cache file of what was found out about one build of an effect.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.
    *details : str
        What else the findings depend on.
    kind : str
        Of the findings; begins the name.

    Returns
    -------
    str
    """
    key = "\n".join([spec.uri, spec.hash, spec.file_hash, spec.version, __version__, *details])
    return f"probes/{kind}{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


@functools.cache
def shipped_probes() -> dict[str, Any]:
    """What ships with the package: ``probes`` by names of cache files, and of which ``pedalboard``.

    Returns
    -------
    dict
        Not to be changed.
    """
    known = parse_json(files("dialin.effects").joinpath(SHIPPED).read_bytes())
    assert isinstance(known, dict)
    return known


def remembered(
    name: str,
    read: Callable[[Any], T],
    make: Callable[[], T],
    plain: Callable[[T], dict[str, Any]],
    *,
    use_cache: bool = True,
) -> T:
    """What a cache file holds; where it is not there, or not what was written, made and kept.

    What ships with the package is taken in place of a file that is not there.

    Parameters
    ----------
    name : str
        Of the file in the cache folder.
    read : callable
        Makes the value of the file's plain data.
    make : callable
        Makes it anew.
    plain : callable
        Makes plain data of it.
    use_cache : bool, default True
        Whether the file may be read and written; it is made anew else.

    Returns
    -------
    object
        As `read` and `make` return it.
    """
    if not use_cache:
        return make()
    try:
        return read(read_json(cache_folder() / name))
    except (OSError, ValueError, TypeError, KeyError):
        shipped = shipped_probes()["probes"].get(name)
        if shipped is not None:
            return read(shipped)
        result = make()
    write_cache(name, plain(result))
    return result
