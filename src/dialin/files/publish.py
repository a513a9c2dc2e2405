"""Putting finished results into their folder: all of dialin's old ones out, nothing else touched.

Conventions: a *name* is a path from the folder, with slashes. Whatever is in the folder and not
on its list (`dialin.files.own`), or was changed since dialin wrote it, is the user's: it is left
where it is, and renamed where a result has to take its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialin.errors import OutputError
from dialin.files.guard import check_not_read
from dialin.files.own import MANIFEST, Facts, OwnFiles, digest, kept_name
from dialin.files.working import move, uninterrupted


@dataclass(frozen=True)
class Published:
    """Where results went.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
    kept : tuple of (Path, Path)
        The user's files that had to make room: the name they had, the one they have.
    left : tuple of Path
        Files of earlier results that the user has changed since; they stay where they are.
    missing : dict
        Name -> why it could not be put into place.
    """

    folder: Path
    files: tuple[Path, ...]
    kept: tuple[tuple[Path, Path], ...]
    left: tuple[Path, ...]
    missing: dict[str, str]


def stands_in_the_way(folder: Path, names: Iterable[str]) -> list[Path]:
    """What is in a folder already, of results to come and of earlier ones.

    Parameters
    ----------
    folder : path-like
        Where results are to go.
    names : iterable of str
        Of results to come.

    Returns
    -------
    list of Path
    """
    own = OwnFiles.load(folder)
    paths = [folder / name for name in dict.fromkeys([*names, *own.present()])]
    return [path for path in paths if os.path.lexists(path)]


def free_folder(folder: Path) -> Path:
    """Name beside a folder, on its disk, that nothing has: ``out`` -> ``out-2``.

    Parameters
    ----------
    folder : path-like
        Whose name is taken.

    Returns
    -------
    Path
    """
    real = Path(os.path.realpath(folder))
    number = 2
    while os.path.lexists(real.with_name(f"{real.name}-{number}")):
        number += 1
    return real.with_name(f"{real.name}-{number}")


def publish(
    staged: Path,
    folder: Path,
    names: Sequence[str],
    *,
    reads: Iterable[str | os.PathLike[str]] = (),
    about: Mapping[str, Any] | None = None,
) -> Published:
    """Move results from a working folder to their place, and keep the list of them.

    Each moves in one step; the list is written before, with the old contents and the new ones, and
    again after, so that whenever a run is killed every file of dialin's is on it.

    Parameters
    ----------
    staged : Path
        Where the results are, on the same disk.
    folder : Path
        Where they go; made if it is not there.
    names : sequence of str
        Of the results, in the order they move in.
    reads : iterable of path-like
        What the run reads; none of it is replaced or deleted.
    about : mapping, optional
        Plain data to keep with the list.

    Returns
    -------
    Published

    Raises
    ------
    OutputError
        If a result would replace something that is read.
    """
    earlier = OwnFiles.load(folder)
    news = {name: digest(staged / name) for name in names}
    owned = {name for name in earlier.files if earlier.owns(name)}
    reads = list(reads)
    check_not_read([folder / name for name in (*names, *owned)], reads)
    files: list[Path] = []
    kept: list[tuple[Path, Path]] = []
    missing: dict[str, str] = {}
    with uninterrupted():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        both: dict[str, tuple[Facts, ...]] = {
            name: (*earlier.files.get(name, ()), *([news[name]] if name in news else []))
            for name in (*earlier.files, *names)
        }
        _write_list(staged, OwnFiles(folder, both, earlier.about), missing)
        for name in names:
            path = folder / name
            try:
                kept += _make_way(folder, name)
                if os.path.lexists(path) and name not in owned:
                    other = kept_name(path)
                    path.rename(other)
                    kept.append((path, other))
                move(staged / name, path, replace=name in owned)
            except (OSError, OutputError) as error:
                missing[name] = str(error)
                continue
            files.append(path)
        gone = [name for name in owned if name not in news]
        for name in gone:
            with suppress(OSError):
                (folder / name).unlink()
            _remove_empty(folder, (folder / name).parent)
        rest = {name: (facts,) for name, facts in news.items() if folder / name in files}
        _write_list(staged, OwnFiles(folder, rest, about or {}), missing)
    left = [name for name in earlier.present() if name not in news and name not in owned]
    return Published(
        folder, tuple(files), tuple(kept), tuple(folder / name for name in left), missing
    )


def _write_list(staged: Path, own: OwnFiles, missing: dict[str, str]) -> None:
    part = staged / MANIFEST
    try:
        part.write_text(own.text(), "utf-8")
        move(part, own.folder / MANIFEST)
    except (OSError, OutputError) as error:
        # Without its list dialin takes these files for the user's, which costs them nothing.
        missing[MANIFEST] = str(error)


def _make_way(folder: Path, name: str) -> list[tuple[Path, Path]]:
    """Make the folders a result lies in; a file of such a name is renamed."""
    kept = []
    for parent in reversed((folder / name).relative_to(folder).parents):
        path = folder / parent
        if os.path.lexists(path) and not path.is_dir():
            other = kept_name(path)
            path.rename(other)
            kept.append((path, other))
        path.mkdir(exist_ok=True)
    return kept


def _remove_empty(folder: Path, path: Path) -> None:
    while path != folder and folder in path.parents:
        try:
            path.rmdir()
        except OSError:
            return
        path = path.parent
