"""Reading a model folder's ``config.json``. No torch.

A model folder may come from a stranger, so it is data and nothing else: its ``kind`` chooses among
loaders that stand in dialin's own code, it never names a module or another file, and
sizes are bounded before anything is made of them.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dialin.errors import ModelError
from dialin.files.reading import read_json
from dialin.networks.frontend_numpy import FrontEndConfig

CONFIG, WEIGHTS, FORMAT = "config.json", "model.safetensors", 1

LARGEST = 16 * 2**20
"""Bytes of a configuration."""

RATES, SAMPLES, DIMENSIONS = (1000, 768_000), (64, 2**25), (1, 65_536)
"""What an encoder's rate, the length of its excerpts and of its vectors may be."""


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the configuration of a model folder.

    Parameters
    ----------
    folder : path-like
        Of the model.

    Returns
    -------
    dict
        Content of ``config.json``.

    Raises
    ------
    ModelError
        If there is none, or another version of dialin wrote it.
    """
    file = Path(folder) / CONFIG
    try:
        # A pipe or a device would be waited for without end.
        if file.exists() and not file.is_file():
            raise ValueError(f"its {CONFIG} is no regular file")
        config = read_json(file, LARGEST)
    except (OSError, ValueError) as error:
        raise ModelError(f"{str(folder)!r} is no model folder: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        written = config.get("format") if isinstance(config, dict) else None
        raise ModelError(
            f"{str(folder)!r} holds a model of format {written!r}; this version reads {FORMAT}"
        )
    return config


def front_end_of(config: Mapping[str, Any], folder: str | os.PathLike[str]) -> FrontEndConfig:
    """Front end that a configuration names; `ModelError` if it names none that is known.

    Parameters
    ----------
    config : mapping
        Content of ``config.json``.
    folder : path-like
        Of the model; for messages.

    Returns
    -------
    FrontEndConfig

    Raises
    ------
    ModelError
        If it names none that is known.
    """
    try:
        values = dict(config["front_end"])
        for field in dataclasses.fields(FrontEndConfig):
            given = values.get(field.name, field.default)
            kind = type(field.default)
            fits = isinstance(given, int | float if kind is float else kind)
            if not fits or isinstance(given, bool):
                raise TypeError(f"{field.name} = {given!r}")
            if kind is float and not math.isfinite(given):
                raise TypeError(f"{field.name} = {given!r}")
        return FrontEndConfig(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{str(folder)!r}: config.json names no front end of this version: {error}"
        ) from error


def whole_number(
    config: Mapping[str, Any],
    name: str,
    limits: tuple[int, int],
    folder: str | os.PathLike[str],
) -> int:
    """A whole number of a configuration, within limits.

    Parameters
    ----------
    config : mapping
        Content of ``config.json``.
    name : str
        Of the entry.
    limits : (int, int)
        Lowest and highest value allowed.
    folder : path-like
        Of the model; for messages.

    Returns
    -------
    int

    Raises
    ------
    ModelError
        If it is missing, no whole number, or outside.
    """
    value = config.get(name)
    low, high = limits
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ModelError(
            f"{str(folder)!r}: config.json says {name} = {value!r}; a whole number from {low} to "
            f"{high} was expected"
        )
    return value
