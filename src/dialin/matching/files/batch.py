"""Many inputs matched to one reference: a folder each, resumed where it stopped.

Conventions: the results of an input lie in a folder of its name below the output folder. That
folder's list of files (`dialin.files`) says which request made them: input and references by
content facts, and every option. An input whose folder holds the finished results of the same
request is not matched again; results of another request are never replaced without asking.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dialin.audio.listing import audio_files
from dialin.errors import AudioFileError, DialinError, UnexpectedError
from dialin.files import OwnFiles
from dialin.files.reading import read_json
from dialin.matching.files.making import Saved
from dialin.reports import SavedReport

Status = Literal["matched", "finished before", "failed"]


@dataclass(frozen=True)
class Entry:
    """One input of a batch, and the folder its results go to.

    Attributes
    ----------
    source : Path
        The input.
    folder : Path
        Of its results.
    """

    source: Path
    folder: Path


@dataclass(frozen=True)
class EntryOutcome:
    """What became of one input.

    Attributes
    ----------
    entry : Entry
    status : {"matched", "finished before", "failed"}
    report : SavedReport, optional
        What its ``report.json`` says; None where there is none.
    error : DialinError, optional
        Why it failed, or what is missing of its results.
    """

    entry: Entry
    status: Status
    report: SavedReport | None
    error: DialinError | None = None

    @property
    def effects(self) -> list[str]:
        """Names of the effects in use."""
        return [] if self.report is None else [s.name for s in self.report.slots if s.used]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "source": str(self.entry.source),
            "folder": str(self.entry.folder),
            "status": self.status,
            "before": None if self.report is None else self.report.before,
            "after": None if self.report is None else self.report.after,
            "effects": self.effects,
            "error": None if self.error is None else self.error.to_dict(),
        }


def batch_entries(
    inputs: str | os.PathLike[str],
    output: str | os.PathLike[str],
    references: Iterable[str | os.PathLike[str]] = (),
) -> list[Entry]:
    """Every audio file of a folder and of those below it, with its folder below `output`.

    References that lie among them are no inputs. Where two inputs differ in their suffix alone,
    their folders are named with it.

    Parameters
    ----------
    inputs : path-like
        Folder of the inputs.
    output : path-like
        Folder that each input's own folder lies in; it may be missing.
    references : iterable of path-like, optional
        Files that are none of the inputs.

    Returns
    -------
    list of Entry
        By name.

    Raises
    ------
    AudioFileError
        If there is none.
    """
    root, target = Path(inputs), Path(output)
    known = [Path(reference) for reference in references]
    known = [reference for reference in known if reference.exists()]
    sources = [
        path
        for path in audio_files(root, without=[target])
        if not any(path.samefile(reference) for reference in known if path.exists())
    ]
    if not sources:
        raise AudioFileError(
            f"there are no audio files in {str(root)!r} but the references; check the path"
        )
    names = Counter(path.with_suffix("").as_posix().casefold() for path in sources)
    entries = []
    for path in sources:
        alone = names[path.with_suffix("").as_posix().casefold()] == 1
        name = path.relative_to(root)
        entries.append(Entry(path, target / (name.with_suffix("") if alone else name)))
    return entries


def file_entries(files: Sequence[Path], output: Path) -> list[Entry]:
    """Files that were named, each with a folder of its name below `output`.

    Parameters
    ----------
    files : sequence of Path
        Inputs.
    output : Path
        Folder that each input's own folder lies in.

    Returns
    -------
    list of Entry
        In their order, each file once. Where two have one name, they are numbered.
    """
    entries: list[Entry] = []
    taken: Counter[str] = Counter()
    for path in dict.fromkeys(files):
        taken[path.stem.casefold()] += 1
        count = taken[path.stem.casefold()]
        name = path.stem if count == 1 else f"{path.stem}-{count}"
        entries.append(Entry(path, output / name))
    return entries


def stem_references(
    stems: Path, references: Path, output: Path
) -> tuple[dict[Entry, Path], list[Path]]:
    """Stems of a folder, each with the reference's stem of the same name.

    Parameters
    ----------
    stems : Path
        Folder of the inputs.
    references : Path
        Folder of the reference's stems.
    output : Path
        Folder that each stem's own folder lies in.

    Returns
    -------
    (dict of Entry to Path, list of Path)
        Stems with their references, and those that have none of their name, or several.

    Raises
    ------
    AudioFileError
        If there are no stems, or none has a reference.
    """
    theirs: dict[str, list[Path]] = {}
    for path in audio_files(references, without=[output]):
        theirs.setdefault(path.stem.casefold(), []).append(path)
    matched: dict[Entry, Path] = {}
    alone: list[Path] = []
    for entry in batch_entries(stems, output):
        choices = theirs.get(entry.source.stem.casefold(), [])
        if len(choices) == 1:
            matched[entry] = choices[0]
        else:
            alone.append(entry.source)
    if not matched:
        raise AudioFileError(
            f"no stem in {str(stems)!r} is called as one in {str(references)!r}, which has "
            f"{', '.join(sorted(theirs)) or 'none'}; name them alike"
        )
    return matched, alone


def request_of(
    source: Path, references: Iterable[str | os.PathLike[str]], options: Mapping[str, Any]
) -> str:
    """What was asked for, as one word: recordings by name, length and time, and all options.

    Parameters
    ----------
    source : Path
        The input.
    references : iterable of path-like
        Of the match.
    options : mapping
        Plain data; all that changes a result.

    Returns
    -------
    str
        Hexadecimal digits.
    """

    def facts(path: Path) -> list[Any]:
        try:
            status = path.stat()
        except OSError:
            return [path.name]
        return [path.name, status.st_size, status.st_mtime_ns]

    data = [facts(source), [facts(Path(r)) for r in references], dict(options)]
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def match_entries(
    entries: Sequence[Entry],
    request: Callable[[Path], str],
    run: Callable[[Entry, Mapping[str, Any], bool], Saved],
    *,
    overwrite: bool = False,
) -> Iterator[EntryOutcome]:
    """Match one input after the other; one that fails does not stop the rest.

    Parameters
    ----------
    entries : sequence of Entry
        From `batch_entries`.
    request : callable
        What is asked for of an input, from `request_of`.
    run : callable
        Matches one: gets the entry, what is to be kept with its list of files, and whether
        results that are there may be replaced.
    overwrite : bool
        Match finished ones again, and replace results of other requests.

    Yields
    ------
    EntryOutcome
        Of each, in order.
    """
    for entry in entries:
        try:
            wanted = request(entry.source)
            about = OwnFiles.load(entry.folder).about
            same = about.get("request") == wanted
            if same and about.get("finished") and not overwrite:
                report = _report(entry.folder)
                if report is not None:
                    yield EntryOutcome(entry, "finished before", report)
                    continue
            # What a stopped run of the same request left is no result to be kept.
            saved = run(entry, {"request": wanted}, overwrite or same)
            yield EntryOutcome(entry, "matched", saved.report, saved.error)
        except Exception as error:
            yield EntryOutcome(entry, "failed", None, UnexpectedError.of(error))


def _report(folder: Path) -> SavedReport | None:
    """Report of finished results, or None where they are not there any more."""
    if not (folder / "preset.json").exists():
        return None
    try:
        return SavedReport.from_dict(read_json(folder / "report.json"))
    except (OSError, ValueError):
        return None
