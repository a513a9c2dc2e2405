"""A person's own choices, in a file of theirs: names for effects, and which format comes first.

The file is ``config.toml`` in the folder that the system keeps such files in: on Linux
``$XDG_CONFIG_HOME/dialin`` (by default ``~/.config/dialin``). It need not be there.

::

    [favourites]
    "warm room" = ["builtin:compressor", "lv2:http://drobilla.net/plugins/mda/Ambience"]
    verb = "vst3:ZamVerb"

    [effects]
    prefer = ["lv2", "vst3"]

Only `save_favourite` writes to it, one entry at a time; everything else in the file, comments
included, stays as its owner wrote it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialin.errors import OutputError, UsageError
from dialin.files import atomic_file, config_folder
from dialin.files.reading import parse_toml, read_text, read_toml

PREFERENCE = ("builtin", "vst3", "au", "lv2")
"""Formats in the order in which bare names are looked up, unless ``prefer`` says otherwise."""

LONGEST_NAME = 64
_TABLE = re.compile(r"^\s*\[")
_FAVOURITES = re.compile(r"^\s*\[\s*[\"']?favourites[\"']?\s*\]\s*(#.*)?$")
_BARE = re.compile(r"^[A-Za-z0-9_-]+$")


@dataclass(frozen=True)
class Configuration:
    """What the file says.

    Attributes
    ----------
    favourites : mapping of str to tuple of str
        Name -> URIs or names of one or more effects, in order.
    prefer : tuple of str
        All of `PREFERENCE`, those named first in the file first.
    file : Path, optional
        Where it was read; None where there is no such file.
    """

    favourites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefer: tuple[str, ...] = PREFERENCE
    file: Path | None = None

    def favourite(self, name: str) -> tuple[str, ...] | None:
        """Effects of a favourite; upper and lower case are the same. None if there is none.

        Parameters
        ----------
        name : str
            As a person writes it.

        Returns
        -------
        tuple of str or None
            URIs, in order.
        """
        wanted = name.strip().casefold()
        for known, effects in self.favourites.items():
            if known.casefold() == wanted:
                return effects
        return None


def config_file() -> Path:
    """Where the file lies, or would lie."""
    return config_folder() / "config.toml"


def load_configuration(file: str | os.PathLike[str] | None = None) -> Configuration:
    """Read the file; where there is none, everything is as by default.

    Parameters
    ----------
    file : path-like, optional
        `config_file` by default.

    Returns
    -------
    Configuration
        Empty where there is no file.

    Raises
    ------
    UsageError
        If it cannot be read, is no TOML, or holds a key that means nothing; the message says
        which one, and what is allowed.
    """
    path = config_file() if file is None else Path(file)
    data = _read(path)
    if data is None:
        return Configuration()
    where = f"the configuration {str(path)!r}"
    unknown = sorted(set(data) - {"favourites", "effects"})
    if unknown:
        raise UsageError(
            f"{where} has {unknown[0]!r}, which means nothing here; "
            "it may have the tables [favourites] and [effects]"
        )
    favourites = _table(data, "favourites", where)
    effects = _table(data, "effects", where)
    odd = sorted(set(effects) - {"prefer"})
    if odd:
        raise UsageError(f"{where}, [effects] has {odd[0]!r}; it may have prefer")
    return Configuration(
        {name: _favourite(name, value, where) for name, value in favourites.items()},
        _preference(effects.get("prefer", []), where),
        path,
    )


def check_favourite_name(name: str) -> str:
    """Return a name for a favourite, or raise `UsageError` saying why it cannot be one.

    Parameters
    ----------
    name : str
        As a person writes it.

    Returns
    -------
    str
        Without blanks around it.

    Raises
    ------
    UsageError
        If it cannot be one.
    """
    text = name.strip()
    reason = ""
    if not text:
        reason = "it is empty"
    elif len(text) > LONGEST_NAME:
        reason = f"it is longer than {LONGEST_NAME} characters"
    elif not text.isprintable():
        reason = "it holds characters that cannot be printed"
    elif any(c in text for c in ":/\\"):
        reason = "':', '/' and '\\' are for URIs and paths"
    elif text.startswith("-"):
        reason = "what begins with '-' is an option"
    elif text.lower().endswith((".vst3", ".dsp", ".component")):
        reason = "it ends as a plugin's file does"
    if reason:
        raise UsageError(f"{name!r:.100} cannot name a favourite: {reason}; try: my-reverb")
    return text


def save_favourite(
    name: str,
    effects: Sequence[str] | None,
    *,
    overwrite: bool = False,
    file: str | os.PathLike[str] | None = None,
) -> Path:
    """Write a favourite to the file, or take it out, the rest of the file as it was.

    Parameters
    ----------
    name : str
        As a person writes it.
    effects : sequence of str, optional
        In order; None takes the favourite out.
    overwrite : bool
        Replace one of that name.
    file : path-like, optional
        `config_file` by default; made if it is not there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If the name cannot be one, is taken, or is not there to be taken out.
    OutputError
        If the file cannot be written, or is laid out in a way that only its owner should change.
    """
    text = check_favourite_name(name)
    path = config_file() if file is None else Path(file)
    known = load_configuration(path)
    taken = next((n for n in known.favourites if n.casefold() == text.casefold()), None)
    if effects is None and taken is None:
        raise UsageError(f"there is no favourite {text!r}; there are: {_listed(known)}")
    if effects is not None and not effects:
        raise UsageError(f"the favourite {text!r} would stand for nothing; name an effect")
    if effects is not None and taken is not None and not overwrite:
        now = ", ".join(known.favourites[taken])
        raise UsageError(
            f"there is a favourite {taken!r} already ({now}); "
            "choose another name, or --overwrite it"
        )
    try:
        before = read_text(path) if path.exists() else ""
        wanted = parse_toml(before)
        table = wanted.setdefault("favourites", {})
        if effects is None:
            del table[taken]
        else:
            table[taken or text] = list(effects) if len(effects) > 1 else effects[0]
        after = _edited(before, taken or text, table.get(taken or text))
        if _parsed(after) != wanted:
            raise OutputError(
                f"{str(path)!r} is laid out in a way that cannot be changed safely; "
                f"change {taken or text!r} under [favourites] by hand"
            )
        _replace(path, after)
    except OSError as error:
        raise OutputError(
            f"cannot write {str(path)!r}: {error.strerror or error}; may you write there?"
        ) from error
    return path


def _listed(known: Configuration) -> str:
    return ", ".join(sorted(known.favourites)) or "none yet"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return read_toml(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(
            f"the configuration {str(path)!r} cannot be read: {error.strerror or error}"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"the configuration {str(path)!r} is no TOML: {' '.join(str(error).split())}; "
            "mend it, or move it away"
        ) from error


def _table(data: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{where}: {name} should be a table; write [{name}] on a line of its own")
    return table


def _favourite(name: str, value: Any, where: str) -> tuple[str, ...]:
    try:
        check_favourite_name(name)
    except UsageError as error:
        raise UsageError(f"{where}, [favourites]: {error}") from error
    effects = [value] if isinstance(value, str) else value
    if (
        not isinstance(effects, list)
        or not effects
        or not all(isinstance(effect, str) and effect.strip() for effect in effects)
    ):
        raise UsageError(
            f"{where}, [favourites]: {name!r} should be an effect or a list of effects, such as "
            '"builtin:reverb" or ["builtin:compressor", "builtin:reverb"]'
        )
    return tuple(effects)


def _preference(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(format in PREFERENCE for format in value):
        raise UsageError(
            f"{where}, [effects]: prefer is {value!r:.100}; "
            f"it should be a list of formats, of {', '.join(PREFERENCE)}"
        )
    named = tuple(dict.fromkeys(value))
    return (*named, *(format for format in PREFERENCE if format not in named))


def _edited(text: str, name: str, value: Any) -> str:
    """Text with one entry of ``[favourites]`` set, or taken out where the value is None."""
    key = name if _BARE.match(name) else json.dumps(name, ensure_ascii=False)
    line = [] if value is None else [f"{key} = {json.dumps(value, ensure_ascii=False)}"]
    lines = text.splitlines()
    start = next((n + 1 for n, each in enumerate(lines) if _FAVOURITES.match(each)), None)
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, "[favourites]", *line, ""])
    end = next((n for n in range(start, len(lines)) if _TABLE.match(lines[n])), len(lines))
    for first in range(start, end):
        for last in range(first, len(lines)):
            found = _parsed("\n".join(lines[first : last + 1]))
            if found is not None and list(found) == [name]:
                return "\n".join([*lines[:first], *line, *lines[last + 1 :], ""])
            if found is not None:
                break
    while end > start and not lines[end - 1].strip():
        end -= 1
    return "\n".join([*lines[:end], *line, *lines[end:], ""])


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return parse_toml(text)
    except ValueError:
        return None


def _replace(path: Path, text: str) -> None:
    """Write in one step; where the path is a link, as dotfiles often are, what it leads to."""
    target = path.resolve()
    with atomic_file(target, parents=True) as part:
        part.write_text(text, "utf-8")
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
