"""Plain data from strangers: JSON and TOML that is bounded before anything is made of it.

Presets, recipes, models, maps and lists are passed around. Whatever stands in such a file, reading
it ends in plain data or in `OSError` or `ValueError`, of which the caller makes an error that
says what the file should have been. Python's own parsers also end in `RecursionError`, and what
they let through may be nested too deep to be compared, hashed or written again.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

LARGEST = 64 * 2**20
"""Bytes of a file of plain data."""

DEEPEST = 100
"""Tables within tables."""


def read_text(path: str | os.PathLike[str], largest: int = LARGEST) -> str:
    """Text of a file in UTF-8, with or without the mark that Windows puts before it.

    Parameters
    ----------
    path : path-like
        Of the file.
    largest : int, default LARGEST
        Bytes that it may have.

    Returns
    -------
    str

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is larger than `largest` bytes, or no text.
    """
    with Path(path).open("rb") as file:
        # No more than there is: room for the most there may be is costly where memory is filled.
        there = os.fstat(file.fileno()).st_size
        content = file.read(min(there, largest) + 1)
        if len(content) > there:
            # A pipe, or a file that grows.
            content += file.read(largest + 1 - len(content))
    if len(content) > largest:
        raise ValueError(f"it has more than {largest / 2**20:g} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no text in UTF-8 (byte {error.start})") from error


def parse_json(text: str | bytes, deepest: int = DEEPEST) -> Any:
    """Plain data of JSON; `ValueError` if it is none, or nested deeper than `deepest`.

    Parameters
    ----------
    text : str or bytes
        JSON.
    deepest : int, default DEEPEST
        Levels of lists and tables within each other that are allowed.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it is no JSON, or nested too deep.
    """
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise _too_deep(deepest) from error
    return check_depth(data, deepest)


def parse_toml(text: str, deepest: int = DEEPEST) -> dict[str, Any]:
    """Plain data of TOML; `ValueError` if it is none, or nested deeper than `deepest`.

    Parameters
    ----------
    text : str
        TOML.
    deepest : int, default DEEPEST
        Levels of lists and tables within each other that are allowed.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is no TOML, or nested too deep.
    """
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise _too_deep(deepest) from error
    check_depth(data, deepest)
    return data


def read_json(path: str | os.PathLike[str], largest: int = LARGEST) -> Any:
    """Plain data of a JSON file; `OSError` or `ValueError` if there is none in it.

    Parameters
    ----------
    path : path-like
        Of the file.
    largest : int, default LARGEST
        Bytes that it may have.

    Returns
    -------
    object

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is too large, no text, no JSON, or nested too deep.
    """
    return parse_json(read_text(path, largest))


def read_toml(path: str | os.PathLike[str], largest: int = LARGEST) -> dict[str, Any]:
    """Plain data of a TOML file; `OSError` or `ValueError` if there is none in it.

    Parameters
    ----------
    path : path-like
        Of the file.
    largest : int, default LARGEST
        Bytes that it may have.

    Returns
    -------
    dict

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is too large, no text, no TOML, or nested too deep.
    """
    return parse_toml(read_text(path, largest))


def check_depth(data: Any, deepest: int = DEEPEST) -> Any:
    """Return plain data, or raise `ValueError` if it is nested deeper than `deepest`.

    Parameters
    ----------
    data : object
        Lists, dictionaries and what they hold.
    deepest : int, default DEEPEST
        Levels of lists and tables within each other that are allowed.

    Returns
    -------
    object
        `data` itself.

    Raises
    ------
    ValueError
        If it is nested deeper.
    """
    level = [data]
    for _ in range(deepest + 1):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return data
    raise _too_deep(deepest)


def _too_deep(deepest: int) -> ValueError:
    return ValueError(f"it is nested more than {deepest} deep")
