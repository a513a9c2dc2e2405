"""No output may take the place of anything that the same run reads.

Conventions: two paths are the same file where the system says so (device and inode), which covers
symbolic links, hard links, and names that differ in case or Unicode form on file systems that
take those for one name; where a path does not exist yet, nothing can be lost under it.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from dialin.errors import OutputError, UsageError

PathLike = str | os.PathLike[str]


def check_not_read(targets: Iterable[PathLike], reads: Iterable[PathLike]) -> None:
    """Refuse outputs that would replace something the run reads, or lie inside it.

    Parameters
    ----------
    targets : iterable of path-like
        Files that are to be written, replaced or deleted.
    reads : iterable of path-like
        Files and folders that are read: recordings, presets, models, plugins, configurations.
        Those that do not exist are passed over.

    Raises
    ------
    OutputError
        If a target is a file that is read, by whatever name or link, or an existing file inside
        a folder that is read.
    """
    files: dict[object, Path] = {}
    folders: dict[object, Path] = {}
    for read in map(Path, reads):
        for key in _identities(read):
            (folders if read.is_dir() else files)[key] = read
    if not files and not folders:
        return
    for target in map(Path, targets):
        inputs = [files[key] for key in _identities(target) if key in files]
        if inputs:
            same = "" if str(inputs[0]) == str(target) else f" by the name {str(inputs[0])!r}"
            raise OutputError(
                f"{str(target)!r} is read by this run{same} and would be replaced by its result; "
                "choose another folder for the output"
            )
        if not folders or not os.path.lexists(target):
            continue
        real = Path(os.path.realpath(target))
        for parent in (real, *real.parents):
            held = next((folders[key] for key in _identities(parent) if key in folders), None)
            if held is not None:
                raise OutputError(
                    f"{str(target)!r} is part of {str(held)!r}, which this run reads; "
                    "choose another folder for the output"
                )


def check_distinct(targets: Iterable[tuple[PathLike, PathLike]], folder: PathLike) -> None:
    """Refuse two outputs of one name, as the file system of `folder` counts names.

    Parameters
    ----------
    targets : iterable of (source, target)
        Pairs of a file that is read and the file made of it.
    folder : path-like
        An existing folder on the file system that is written to.

    Raises
    ------
    UsageError
        Naming the two sources.
    """
    fold = folds_case(folder)
    seen: dict[str, PathLike] = {}
    for source, target in targets:
        name = os.fspath(target)
        if fold:
            name = unicodedata.normalize("NFC", name).casefold()
        if name in seen:
            raise UsageError(
                f"{str(seen[name])!r} and {str(source)!r} would both become "
                f"{os.fspath(target)!r}; render them into different folders"
            )
        seen[name] = source


def folds_case(folder: PathLike) -> bool:
    """Whether ``A`` and ``a`` are one name in an existing folder, as far as can be seen.

    Parameters
    ----------
    folder : path-like
        It has to be there.

    Returns
    -------
    bool
    """
    real = Path(os.path.realpath(folder))
    for part in (real, *real.parents):
        other = part.with_name(part.name.swapcase()) if part.name else part
        if other.name == part.name:
            continue
        try:
            return other.samefile(part)
        except OSError:
            return False
    return False


def _identities(path: Path) -> list[object]:
    """What a file is known by: its device and inode where it exists, and its real path."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return []
    keys: list[object] = [os.path.realpath(path)]
    # Some network file systems have no inode numbers; 0 would make all their files one.
    if facts.st_ino:
        keys.append((facts.st_dev, facts.st_ino))
    return keys
