"""Files that are there whole or not at all: made under a name beside their place, then renamed.

The process that makes such a file holds a lock on it, which goes with the process. So the next
file that is made in a folder can delete what a killed run left there, and nothing that is in use.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dialin.errors import OutputError
from dialin.files.text import json_text, plain
from dialin.files.working import PART, host_key, lock, move, sweep


@contextmanager
def atomic_file(
    path: str | os.PathLike[str], *, overwrite: bool = True, parents: bool = False
) -> Iterator[Path]:
    """Give a file to write to, empty, and rename it to `path` when the block is left in peace.

    When the block fails or is interrupted, what was at `path` stays as it was and the new file is
    deleted. Files that killed runs left half written in the folder are deleted first.

    Parameters
    ----------
    path : path-like
        Where the file is to be. A link there is replaced, not followed.
    overwrite : bool
        Whether a file that is there may be replaced.
    parents : bool
        Make the folders that it lies in.

    Yields
    ------
    Path
        In the same folder, so on the same disk; with the permissions of a new file.

    Raises
    ------
    OutputError
        If something is at `path` that may not be replaced, or writing fails with an `OSError`.
    """
    target = Path(path)
    if not overwrite and os.path.lexists(target):
        raise OutputError(f"{str(target)!r} exists already; choose another name or overwrite it")
    part: Path | None = None
    descriptor = -1
    try:
        if parents:
            target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        part, descriptor = _made(target.parent)
        yield part
        move(part, target, replace=overwrite)
    except OSError as error:
        raise OutputError(
            f"cannot write {str(target)!r}: {error.strerror or error}; is the folder there, "
            "writable and the disk not full?"
        ) from error
    finally:
        if part is not None:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        if descriptor >= 0:
            os.close(descriptor)


def write_bytes(
    path: str | os.PathLike[str],
    data: bytes,
    *,
    overwrite: bool = True,
    parents: bool = False,
    sync: bool = False,
) -> Path:
    """Write a file in one step; see `atomic_file`.

    Parameters
    ----------
    path : path-like
        Of the file.
    data : bytes
        The whole content.
    overwrite, parents : bool
        As `atomic_file` takes them.
    sync : bool
        Wait until it is on the disk, so that it outlives a loss of power.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    OutputError
        As `atomic_file`.
    """
    with atomic_file(path, overwrite=overwrite, parents=parents) as part, part.open("wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    return Path(path)


def write_text(
    path: str | os.PathLike[str], text: str, *, overwrite: bool = True, parents: bool = False
) -> Path:
    """Write text as UTF-8, line ends as they are, in one step.

    Parameters
    ----------
    path : path-like
        Of the file.
    text : str
        The whole content.
    overwrite, parents : bool
        As `atomic_file` takes them.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    OutputError
        As `atomic_file`.
    """
    return write_bytes(path, text.encode("utf-8"), overwrite=overwrite, parents=parents)


def write_json(
    path: str | os.PathLike[str],
    payload: Any,
    *,
    indent: int | None = 1,
    sort_keys: bool = False,
    overwrite: bool = True,
    parents: bool = False,
) -> Path:
    """Write strict JSON, with a line end, in one step.

    Parameters
    ----------
    path : path-like
        Of the file.
    payload : object
        `plain` is made of it.
    indent, sort_keys : int or None, bool
        As `json_text` takes them.
    overwrite, parents : bool
        As `atomic_file` takes them.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    OutputError
        As `atomic_file`.
    TypeError
        If it holds what neither `plain` nor JSON knows.
    """
    text = json_text(plain(payload), indent=indent, sort_keys=sort_keys) + "\n"
    return write_text(path, text, overwrite=overwrite, parents=parents)


def _made(folder: Path) -> tuple[Path, int]:
    """Make a new, empty, locked file; its name is short, so that it fits wherever others do."""
    while True:
        part = folder / f"{PART}{host_key()}-{secrets.token_hex(4)}"
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            continue
        descriptor = lock(part)
        # Between the two, another run may have taken it for one that was left behind.
        if descriptor < 0 or os.fstat(descriptor).st_nlink:
            return part, descriptor
        os.close(descriptor)
