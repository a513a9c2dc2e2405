"""Whether what is to be written can be: names and free space, before any work is done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dialin.errors import OutputError
from dialin.files.system import longest_name

NAME_BYTES = 255
"""Longest file name where the system does not tell."""


def check_name(target: str | os.PathLike[str]) -> None:
    """Raise `OutputError` where a file's name is longer than its folder's file system takes.

    Parameters
    ----------
    target : path-like
        The file to be written.
    """
    path = Path(target)
    limit = NAME_BYTES
    for folder in path.absolute().parents:
        if folder.is_dir():
            limit = longest_name(folder)
            break
    size = len(os.fsencode(path.name))
    if size > limit:
        raise OutputError(
            f"the name {path.name!r} takes {size} bytes, and its folder takes names of up to "
            f"{limit}; rename the input"
        )


def check_space(folder: str | os.PathLike[str], need: int) -> None:
    """Raise `OutputError` where fewer than `need` bytes are free in an existing folder.

    Parameters
    ----------
    folder : path-like
        It has to be there.
    need : int
        Bytes.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        # Some network file systems do not tell; writing will.
        return
    if free < need:
        raise OutputError(
            f"the results need about {_size(need)} in {str(folder)!r}, where {_size(free)} are "
            "free; make room or choose another folder"
        )


def _size(count: int) -> str:
    number = float(count)
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
