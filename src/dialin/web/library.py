"""What the studio keeps: recordings, matches and maps, in a folder with an index beside it.

::

    studio.sqlite              the index; `SCHEMA` is its version
    recordings/ID/NAME         as they were uploaded, under a safe name
    matches/ID/request.json    what was asked for
    matches/ID/result/         what ``dialin match`` writes: preset, audio, report
    maps/KEY.npz, KEY.json     maps, and what is heard on them
    .dialin-rendered/          whole recordings, until they were fetched and the studio closed

A match is found while it runs, marked so; one that a closed studio left unfinished is marked
``interrupted`` when the library is opened again. One studio at a time holds a library.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dialin.audio.examples import example_files
from dialin.errors import DialinError, OutputError, UsageError
from dialin.files import claim_folder
from dialin.files.reading import parse_json

SCHEMA = 1

_MIGRATIONS = (
    """
    CREATE TABLE recordings (
        id TEXT PRIMARY KEY, created REAL NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL,
        facts TEXT NOT NULL);
    CREATE TABLE matches (
        id TEXT PRIMARY KEY, created REAL NOT NULL, finished REAL, status TEXT NOT NULL,
        title TEXT NOT NULL, words TEXT NOT NULL, request TEXT NOT NULL, summary TEXT NOT NULL,
        error TEXT NOT NULL);
    CREATE INDEX matches_created ON matches (created);
    """,
)
"""What brings the index from one version to the next."""

RENDERED = ".dialin-rendered"

EXAMPLE = "example-"
"""What ids of the recordings that come with dialin begin with."""

ENDED = ("done", "failed", "cancelled", "interrupted")


class NotThereError(UsageError):
    """Nothing is kept under that id."""

    code = "not-found"


@dataclass(frozen=True)
class Recording:
    """One recording of the library.

    Attributes
    ----------
    id, name : str
        The name is the user's own, for the eye alone.
    path : Path
        Where it lies.
    facts : dict
        What is known of it: seconds, sample_rate, channels, format, active.
    """

    id: str
    name: str
    path: Path
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What the page is told."""
        return {"id": self.id, "name": self.name, **self.facts}


@dataclass(frozen=True)
class Kept:
    """One match of the history.

    Attributes
    ----------
    id, status, title, error : str
        Status is ``queued``, ``running`` or one of `ENDED`.
    created, finished : float
        Seconds since 1970.
    request, summary : dict
        What was asked for, and what came of it in short.
    folder : Path
    """

    id: str
    status: str
    title: str
    error: str
    created: float
    finished: float | None
    request: dict[str, Any]
    summary: dict[str, Any]
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        """What the page is told."""
        names = ("id", "status", "title", "error", "created", "finished", "request", "summary")
        return {name: getattr(self, name) for name in names}


class Library:
    """A folder of recordings, matches and maps, and its index. Any thread may use it.

    Parameters
    ----------
    folder : Path
        Made if it is not there.

    Raises
    ------
    OutputError
        If it cannot be written to, or another studio holds it.
    UsageError
        If a newer dialin wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._examples: dict[str, Recording] = {}
        try:
            for name in ("recordings", "matches", "maps"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot write into {str(folder)!r}: {error.strerror or error}; choose another "
                "folder with --library"
            ) from error
        self._claim: AbstractContextManager[None] = claim_folder(folder)
        try:
            self._claim.__enter__()
        except OutputError as error:
            raise OutputError(
                f"another dialin studio is open with the library {str(folder)!r}; use that one, "
                "or name another folder with --library"
            ) from error
        try:
            # Nobody can ask any more for what another studio rendered.
            shutil.rmtree(folder / RENDERED, ignore_errors=True)
            self._index = sqlite3.connect(folder / "studio.sqlite", check_same_thread=False)
            self._index.row_factory = sqlite3.Row
            self._migrate()
            with self._write() as index:
                index.execute(
                    "UPDATE matches SET status = 'interrupted', finished = ?, error = ? "
                    "WHERE status IN ('queued', 'running')",
                    (time.time(), "the studio was closed before this match was done"),
                )
        except sqlite3.Error as error:
            self._claim.__exit__(None, None, None)
            raise OutputError(
                f"the index {str(folder / 'studio.sqlite')!r} cannot be used: {error}; move it "
                "away, and a new one is made"
            ) from error
        except DialinError:
            self._claim.__exit__(None, None, None)
            raise

    def close(self) -> None:
        """Let go of the folder."""
        with self._lock:
            self._index.close()
            shutil.rmtree(self.folder / RENDERED, ignore_errors=True)
            self._claim.__exit__(None, None, None)

    def _migrate(self) -> None:
        (version,) = self._index.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise UsageError(
                f"the library {str(self.folder)!r} was written by a newer dialin (version "
                f"{version} of its index, this one reads {SCHEMA}); update dialin, or name another "
                "folder with --library"
            )
        for number in range(version, SCHEMA):
            # One script is one transaction, its version with it.
            self._index.executescript(
                f"BEGIN; {_MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
            )

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._index:
            yield self._index

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        with self._lock:
            return self._index.execute(query, values).fetchall()

    # -- recordings ---------------------------------------------------------------------------

    def examples(self) -> list[Recording]:
        """Recordings that come with dialin."""
        with self._lock:
            if not self._examples:
                for path in example_files():
                    if re.fullmatch(r"[A-Za-z0-9-]+", path.stem):
                        id = f"{EXAMPLE}{path.stem}"
                        self._examples[id] = Recording(id, path.name, path)
            return list(self._examples.values())

    def add_recording(self, name: str, made: Path, facts: dict[str, Any]) -> Recording:
        """Move a file that was checked into the library.

        Parameters
        ----------
        name : str
            The user's own.
        made : Path
            On the library's disk, in a folder of its own under the name it is to have.
        facts : dict
            Plain data.

        Returns
        -------
        Recording
        """
        id = secrets.token_hex(8)
        home = self.folder / "recordings" / id
        made.parent.rename(home)
        recording = Recording(id, name, home / made.name, facts)
        with self._write() as index:
            index.execute(
                "INSERT INTO recordings VALUES (?, ?, ?, ?, ?)",
                (id, time.time(), name, made.name, json.dumps(facts)),
            )
        return recording

    def recording(self, id: str) -> Recording:
        """One recording.

        Parameters
        ----------
        id : str
            Of the recording.

        Returns
        -------
        Recording

        Raises
        ------
        NotThereError
            If there is none of that id, or its file is gone.
        """
        for one in self.examples() if id.startswith(EXAMPLE) else ():
            if one.id == id:
                return one
        rows = self._rows("SELECT * FROM recordings WHERE id = ?", (id,))
        for row in rows:
            path = self.folder / "recordings" / row["id"] / row["file"]
            if path.is_file():
                return Recording(row["id"], row["name"], path, parse_json(row["facts"]))
        raise NotThereError(f"there is no recording {id!r} any more; drop the file once more")

    def learn(self, id: str, facts: dict[str, Any]) -> None:
        """Keep what was found out about an example.

        Parameters
        ----------
        id : str
            Of the recording.
        facts : dict
            Plain data.
        """
        with self._lock:
            # Only examples come without: what is uploaded is looked at when it comes.
            self._examples[id] = replace(self._examples[id], facts=facts)

    # -- matches ------------------------------------------------------------------------------

    def add_match(self, title: str, words: str, request: dict[str, Any]) -> Kept:
        """Begin a match.

        Parameters
        ----------
        title : str
            For the eye.
        words : str
            That it is found by.
        request : dict
            Plain data.

        Returns
        -------
        Kept
        """
        id = secrets.token_hex(8)
        (self.folder / "matches" / id).mkdir()
        with self._write() as index:
            index.execute(
                "INSERT INTO matches VALUES (?, ?, NULL, 'queued', ?, ?, ?, '{}', '')",
                (id, time.time(), title, words.casefold(), json.dumps(request)),
            )
        return self.match(id)

    def set_match(
        self, id: str, status: str, *, summary: dict[str, Any] | None = None, error: str = ""
    ) -> None:
        """Say what became of a match.

        Parameters
        ----------
        id : str
            Of the match.
        status : str
            ``running``, or one of `ENDED`.
        summary : dict, optional
            Plain data; the one known stays where there is none.
        error : str
            Why it failed.
        """
        finished = time.time() if status in ENDED else None
        with self._write() as index:
            index.execute(
                "UPDATE matches SET status = ?, finished = ?, error = ? WHERE id = ?",
                (status, finished, error, id),
            )
            if summary is not None:
                index.execute(
                    "UPDATE matches SET summary = ?, words = words || ' ' || ? WHERE id = ?",
                    (json.dumps(summary), " ".join(summary.get("effects", ())).casefold(), id),
                )

    def match(self, id: str) -> Kept:
        """One match.

        Parameters
        ----------
        id : str
            Of the match.

        Returns
        -------
        Kept

        Raises
        ------
        NotThereError
            If there is none of that id.
        """
        rows = self._rows("SELECT * FROM matches WHERE id = ?", (id,))
        if not rows:
            raise NotThereError(f"there is no match {id!r} in this library any more")
        return self._kept(rows[0])

    def matches(self, search: str = "", limit: int = 200) -> list[Kept]:
        """Matches, the newest first.

        Parameters
        ----------
        search : str
            Words that all must be in names of recordings or effects.
        limit : int
            How many at most.

        Returns
        -------
        list of Kept
        """
        wanted = search.casefold().split()
        where = " AND ".join(["instr(words, ?) > 0"] * len(wanted)) or "1"
        query = f"SELECT * FROM matches WHERE {where} ORDER BY created DESC, rowid DESC LIMIT ?"
        return [self._kept(row) for row in self._rows(query, (*wanted, limit))]

    def remove_match(self, id: str) -> None:
        """Delete a match, its files, and recordings that no other match needs.

        Parameters
        ----------
        id : str
            Of the match.
        """
        gone = self.match(id)
        with self._write() as index:
            index.execute("DELETE FROM matches WHERE id = ?", (id,))
        shutil.rmtree(gone.folder, ignore_errors=True)
        needed = {
            used
            for row in self._rows("SELECT request FROM matches", ())
            for used in _recordings_of(parse_json(row["request"]))
        }
        for unused in _recordings_of(gone.request) - needed:
            if not unused.startswith(EXAMPLE):
                with self._write() as index:
                    index.execute("DELETE FROM recordings WHERE id = ?", (unused,))
                shutil.rmtree(self.folder / "recordings" / unused, ignore_errors=True)

    def _kept(self, row: sqlite3.Row) -> Kept:
        names = ("id", "status", "title", "error", "created", "finished")
        return Kept(
            **{name: row[name] for name in names},
            request=parse_json(row["request"]),
            summary=parse_json(row["summary"]),
            folder=self.folder / "matches" / row["id"],
        )


def _recordings_of(request: dict[str, Any]) -> set[str]:
    named = [request.get("input"), *request.get("references", ())]
    return {one["recording"] for one in named if one and re.fullmatch(r"[\w-]+", one["recording"])}


def safe_name(name: str, suffix: str) -> str:
    """Name of a file that any system takes, from one that anybody may have thought of.

    >>> safe_name("../../etc/My Song (1).WAV", "wav"), safe_name("", "mp3"), safe_name("CON", "wav")
    ('My Song 1.wav', 'recording.mp3', 'CON_.wav')

    Parameters
    ----------
    name : str
        As it was sent.
    suffix : str
        That it gets, without a dot.

    Returns
    -------
    str
    """
    last = re.split(r"[/\\]", name)[-1]
    stem = unicodedata.normalize("NFC", last.rpartition(".")[0] or last)
    kept = "".join(c if c.isalnum() or c in "-_ ." else "" for c in stem)
    kept = re.sub(r"\s+", " ", kept).strip(" .-")[:60].strip(" .-")
    if re.fullmatch(r"(?i)con|prn|aux|nul|com\d|lpt\d", kept):
        kept += "_"
    return f"{kept or 'recording'}.{suffix}"
