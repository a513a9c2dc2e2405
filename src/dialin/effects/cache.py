"""What is found out about installed plugins, kept in the user's cache until their files change."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from dialin.errors import OutputError
from dialin.files import cache_folder, write_text
from dialin.files.reading import read_json


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


def write_cache(name: str, found: dict[str, Any]) -> None:
    """Write a cache file in one step; one that cannot be written is no reason to fail.

    Parameters
    ----------
    name : str
        Of the file in the cache folder.
    found : dict
        What JSON can hold.
    """
    with contextlib.suppress(OutputError):
        write_text(cache_folder() / name, json.dumps(found), parents=True)
