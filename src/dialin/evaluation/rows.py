"""Rows of results on disk: one JSON object a line, added as items are done.

A row carries what decides it (seed, split, songs, protocol, hash of the effects), so that a file
cannot silently mix runs: one that does not fit is refused, not overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dialin.errors import OutputError
from dialin.evaluation.items import FORMER_NAMES
from dialin.files import plain, write_bytes
from dialin.files.reading import parse_json

Row = dict[str, Any]
Key = tuple[str, str, int, str]

FILE = "rows.jsonl"


def key_of(row: Mapping[str, Any]) -> Key:
    """What a row is known by: protocol, group, item, method.

    Parameters
    ----------
    row : mapping
        Of a table of results.

    Returns
    -------
    (str, str, int, str)
    """
    return row["protocol"], row["group"], int(row["item"]), row["method"]


def read_rows(path: Path) -> dict[Key, Row]:
    """Read rows; of several with one key the last counts, half a line at the end is left out.

    Parameters
    ----------
    path : Path
        A ``.jsonl`` file; it may be missing.

    Returns
    -------
    dict of (str, str, int, str) to dict
        By `key_of`, in the order of the file.

    Raises
    ------
    OutputError
        If a line is no row.
    """
    rows: dict[Key, Row] = {}
    if not path.exists():
        return rows
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:
        raise OutputError(
            f"{str(path)!r} holds no rows of results ({error}); name another folder"
        ) from error
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), 1):
        try:
            row = _renamed(parse_json(line))
            rows[key_of(row)] = row
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise OutputError(
                f"line {number} of {str(path)!r} is no row of results ({error}); "
                "name another folder"
            ) from error
    return rows


def _renamed(row: Row) -> Row:
    """A row with its protocol's name of today; see `FORMER_NAMES`."""
    name = FORMER_NAMES.get(row["protocol"])
    if name is not None:
        row["protocol"] = name
        run = row.get("run", {}).get("protocol")
        if isinstance(run, dict) and "name" in run:
            run["name"] = name
    return row


class RowFile:
    """The file of rows, opened to be continued.

    Parameters
    ----------
    folder : Path
        Where it is; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / FILE
            self.rows = read_rows(self.path)
            self._mend()
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write to {str(folder)!r}: {error.strerror}") from error

    def _mend(self) -> None:
        """Cut off half a line, which a killed run may have left."""
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            write_bytes(self.path, whole)

    def refuse_others(self, protocol: str, runs: Mapping[str, Mapping[str, Any]]) -> None:
        """Raise `OutputError` if rows of a group were made by another run.

        Parameters
        ----------
        protocol : str
            Its name.
        runs : mapping
            Group -> what decides its rows.
        """
        for row in self.rows.values():
            if row["protocol"] != protocol or row["group"] not in runs:
                continue
            mine, theirs = dict(runs[row["group"]]), row.get("run", {})
            other = sorted(k for k in {*mine, *theirs} if mine.get(k) != theirs.get(k))
            if other:
                what = "; ".join(f"{k}: {theirs.get(k)!r}, not {mine.get(k)!r}" for k in other)
                raise OutputError(
                    f"{str(self.path)!r} holds rows of another run of {protocol} "
                    f"{row['group']} ({what}); use another folder, or the same options"
                )

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows of one item, all of them or none.

        Parameters
        ----------
        rows : iterable of dict
            All of one item.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        rows = [plain(row) for row in rows]
        lines = (json.dumps(row, sort_keys=True, allow_nan=False) for row in rows)
        text = "".join(line + "\n" for line in lines)
        try:
            self._file.write(text)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {str(self.path)!r}: {error.strerror}") from error
        for row in rows:
            self.rows[key_of(row)] = row

    def close(self) -> None:
        """Close the file."""
        self._file.close()
