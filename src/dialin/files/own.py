"""The list of what dialin wrote into a folder, so that it deletes that and nothing else.

The list is ``.dialin-files.json`` in the folder: for each file, by its path from there, its
length and the SHA-256 of its content. A file that is not on it, or whose content is another one
by now, is the user's: it is never deleted, and where a result has to take its name it is renamed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from dialin.files.reading import read_json
from dialin.files.space import NAME_BYTES
from dialin.files.text import is_text, json_text

MANIFEST = ".dialin-files.json"
SCHEMA_VERSION = 1

Facts = dict[str, int | str]


@dataclass(frozen=True)
class OwnFiles:
    """What dialin wrote into a folder.

    Attributes
    ----------
    folder : Path
    files : dict
        Path from the folder, with slashes -> the contents it may have. There are two of a file
        for the moment in which a new one takes the place of the old one.
    about : dict
        Plain data kept beside the list: what made the files.
    """

    folder: Path
    files: Mapping[str, tuple[Facts, ...]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> OwnFiles:
        """Read a folder's list; one that is missing or unreadable holds nothing.

        A list that cannot be trusted makes every file the user's, which is the safe side.

        Parameters
        ----------
        folder : path-like
            That results were written into.

        Returns
        -------
        OwnFiles
        """
        path = Path(folder)
        try:
            data = read_json(path / MANIFEST)
            files: dict[str, tuple[Facts, ...]] = {
                name: tuple({"bytes": int(f["bytes"]), "sha256": str(f["sha256"])} for f in facts)
                for name, facts in data["files"].items()
                if _is_inside(name)
            }
            about = dict(data.get("about", {}))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return cls(path)
        return cls(path, files, about)

    def owns(self, name: str) -> bool:
        """Whether a file is on the list and still as dialin wrote it.

        Parameters
        ----------
        name : str
            Relative to the folder, with ``/`` between its parts.

        Returns
        -------
        bool
        """
        known = self.files.get(name)
        path = self.folder / name
        if not known or path.is_symlink() or not path.is_file():
            return False
        try:
            size = path.stat().st_size
            if all(facts["bytes"] != size for facts in known):
                return False
            return any(facts["sha256"] == digest(path)["sha256"] for facts in known)
        except OSError:
            return False

    def present(self) -> list[str]:
        """Names on the list under which there is something."""
        return [name for name in self.files if os.path.lexists(self.folder / name)]

    def text(self) -> str:
        """The list as it lies in the folder."""
        files = {name: list(facts) for name, facts in sorted(self.files.items())}
        data = {"schema": SCHEMA_VERSION, "files": files, "about": dict(self.about)}
        return json_text(data, indent=1) + "\n"


def digest(path: Path) -> Facts:
    """Length and SHA-256 of a file's content.

    Parameters
    ----------
    path : path-like
        A file on this disk.

    Returns
    -------
    Facts
    """
    total = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
            size += len(block)
    return {"bytes": size, "sha256": total.hexdigest()}


def kept_name(path: Path) -> Path:
    """Free name beside a file of the user's that has to make room: ``a.wav`` -> ``a.kept.wav``.

    Parameters
    ----------
    path : path-like
        Of the file that must make room.

    Returns
    -------
    Path

    Raises
    ------
    FileExistsError
        If there are too many already.
    """
    for number in range(1, 100_000):
        end = f".kept{number if number > 1 else ''}{path.suffix}"
        stem = os.fsencode(path.stem)
        stem = stem[: NAME_BYTES - len(os.fsencode(end))]
        name = os.fsdecode(stem)
        with suppress(UnicodeEncodeError):
            # A character cut in two is left out.
            name = stem.decode("utf-8", "ignore") if is_text(path.stem) else name
        other = path.with_name(name + end)
        if not os.path.lexists(other):
            return other
    raise FileExistsError(f"there are too many kept files beside {str(path)!r}")


def _is_inside(name: object) -> bool:
    """Whether a name on the list stays in its folder; a list from elsewhere may say anything."""
    if not isinstance(name, str) or not name or "\0" in name or "\\" in name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
