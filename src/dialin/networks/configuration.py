"""Reading a model folder's ``config.json``. No torch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dialin.errors import UsageError
from dialin.networks.frontend_numpy import FrontEndConfig

CONFIG, FORMAT = "config.json", 1


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the configuration of a model folder.

    Raises
    ------
    UsageError
        If there is none, or another version of dialin wrote it.
    """
    file = Path(folder) / CONFIG
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(folder)!r} is no model folder: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        found = config.get("format") if isinstance(config, dict) else None
        raise UsageError(
            f"{str(folder)!r} holds a model of format {found!r}; this version reads {FORMAT}"
        )
    return config


def front_end_of(config: Mapping[str, Any], folder: str | os.PathLike[str]) -> FrontEndConfig:
    """Front end that a configuration names; `UsageError` if it names none that is known."""
    try:
        return FrontEndConfig(**config["front_end"])
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{str(folder)!r}: config.json names no front end of this version: {error}"
        ) from error
