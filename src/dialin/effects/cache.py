"""What is found out about installed plugins, kept in the user's cache until their files change."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """Where dialin keeps what it can find out again: all of it may be deleted."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dialin"


def read_cache(name: str) -> dict[str, Any]:
    """Contents of a cache file; empty where it is missing or of no use."""
    try:
        known = json.loads((cache_folder() / name).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def write_cache(name: str, found: dict[str, Any]) -> None:
    """Write a cache file in one step; one that cannot be written is no reason to fail."""
    file = cache_folder() / name
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-")
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            json.dump(found, target)
        Path(temporary).replace(file)
