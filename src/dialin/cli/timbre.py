"""``dialin timbre``: the timbre of files as numbers."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialin.cli._console import (
    JsonOption,
    Output,
    QuietOption,
    WorkersOption,
    begin,
    words,
)
from dialin.cli._options import OUTPUT
from dialin.cli._progress import progress
from dialin.configuration import config_file
from dialin.errors import AudioFileError, DialinError, OutputError, UsageError
from dialin.files import check_not_read

if TYPE_CHECKING:
    from dialin.timbre import Timbre

HELP = """Measure the timbre of recordings: hardness, depth, brightness, roughness, warmth,
sharpness, boominess and reverb, on the published AudioCommons scales.

\b
  dialin timbre song.wav
  dialin timbre album/*.flac --csv > timbre.csv
  dialin timbre album/ -o timbre.csv --excerpt 5
  dialin timbre song.wav --attributes brightness,depth --json
"""

BYTES = "surrogateescape"
"""How names of files that are no UTF-8 are written into tables: as they are."""

UPRIGHT = 4
"""Up to so many files are shown as columns."""


def measure(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    attributes: Annotated[
        list[str] | None,
        typer.Option(help="Which attributes, separated by commas; all by default."),
    ] = None,
    excerpt: Annotated[
        float | None,
        typer.Option(min=0.1, help="Measure only the middle so many seconds of each file."),
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print a CSV table.", show_default=False)
    ] = False,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help=f"{OUTPUT}: CSV, as it is made; files in it are skipped."
        ),
    ] = None,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Measure files. A file that cannot be measured is reported, skipped, and exits with 3."""
    output = begin(context, json=json, quiet=quiet)
    if json and (as_csv or output_file):
        raise UsageError("--json stands alone; leave out --csv and --output")
    from dialin.timbre.extract import check_attributes

    names = check_attributes(words(attributes) or None)
    paths = _expand(_without_former_words(files, output), output)
    if output_file is not None:
        failures = _to_file(output, paths, names, excerpt, workers, output_file)
    else:
        failures = _to_stdout(output, paths, names, excerpt, workers, as_csv)
    if failures:
        raise typer.Exit(AudioFileError.exit_code)


def _without_former_words(files: list[Path], output: Output) -> list[Path]:
    """Files without the name of a command that they once stood behind."""
    word = str(files[0])
    if word not in ("measure", "analyse") or files[0].exists():
        return files
    if word == "analyse":
        raise UsageError(
            "dialin timbre analyse is no longer a command; the study of timbre is run by "
            "python benchmarks/timbre_study.py in dialin's repository"
        )
    output.warn("dialin timbre measure is called dialin timbre now")
    return files[1:]


def _expand(files: list[Path], output: Output) -> list[Path]:
    """Files as given, folders replaced by the audio files in them."""
    from dialin.audio.listing import audio_files, other_files

    paths: list[Path] = []
    for path in files:
        if path.is_dir():
            paths += audio_files(path)
            others = other_files(path)
            if others:
                names = ", ".join(other.name for other in others[:3])
                more = ", ..." if len(others) > 3 else ""
                output.warn(
                    f"{len(others)} files in {str(path)!r} are not named like audio and are "
                    f"skipped ({names}{more}); name them to have them measured"
                )
        else:
            paths.append(path)
    return paths


def _results(
    output: Output,
    paths: list[Path],
    names: tuple[str, ...],
    excerpt: float | None,
    workers: int | None,
) -> Iterator[tuple[Path, Timbre | DialinError]]:
    """Each file with its result, with a progress bar on stderr where someone looks."""
    from dialin.timbre import timbre_files

    # A process takes half a second to start, so few files are measured faster in this one.
    count = workers or (1 if len(paths) < 8 else os.cpu_count() or 1)
    with progress(output) as show:
        show("measuring", 0, len(paths))
        results = timbre_files(paths, names, excerpt=excerpt, workers=count)
        for done, (path, result) in enumerate(zip(paths, results, strict=True), 1):
            show("measuring", done, len(paths))
            if isinstance(result, DialinError):
                sys.stderr.write(f"error: {' '.join(str(result).split())}\n")
            yield path, result


def _cells(result: Timbre, names: tuple[str, ...]) -> list[str]:
    """Values as CSV cells; empty where there is none."""
    values = [result[name] for name in names]
    cells = ["" if v != v else f"{v:.6g}" for v in values]
    cells.append("" if result.rt60 != result.rt60 else f"{result.rt60:.6g}")
    cells.append("; ".join(f"{name}: {why}" for name, why in result.reasons.items()))
    return cells


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _to_file(
    output: Output,
    paths: list[Path],
    names: tuple[str, ...],
    excerpt: float | None,
    workers: int | None,
    target: Path,
) -> int:
    """Add what is missing to a CSV table; return how many files failed."""
    header = _line(["file", *names, "rt60", "reasons"])
    check_not_read([target], [*paths, config_file()])
    if target.exists() and not target.is_file():
        raise OutputError(f"{str(target)!r} is no file; name a file for the table")
    try:
        old = target.read_text("utf-8", BYTES) if target.exists() else ""
        if not (old.startswith(header) or header.startswith(old)):
            raise OutputError(
                f"{str(target)!r} holds another table (its first line is "
                f"{old.partition(chr(10))[0]!r}); name another file or the same attributes"
            )
        # A run that was killed may have left half a line.
        whole = old[: old.rfind("\n") + 1]
        try:
            done = {row[0] for row in csv.reader(io.StringIO(whole)) if row}
        except csv.Error as error:
            raise OutputError(
                f"{str(target)!r} is damaged ({error}); delete it, or name another file"
            ) from error
        waiting = [path for path in paths if str(path) not in done]
        if len(waiting) < len(paths):
            output.warn(f"{len(paths) - len(waiting)} files are in {target} already")
        failures = 0
        if whole != old or not old:
            _end_at_a_line(target, header)
        with target.open("a", newline="", encoding="utf-8", errors=BYTES) as file:
            for path, result in _results(output, waiting, names, excerpt, workers):
                if isinstance(result, DialinError):
                    failures += 1
                    continue
                file.write(_line([str(path), *_cells(result, names)]))
                file.flush()
    except OSError as error:
        raise OutputError(f"cannot write {str(target)!r}: {error.strerror}") from error
    output.say(f"{len(waiting) - failures} files measured, table in {target}")
    return failures


def _end_at_a_line(target: Path, header: str) -> None:
    """Cut half a line off the end, in place: what was measured is never written anew."""
    with target.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        if not file.seek(0, 2):
            file.write(header.encode("utf-8", BYTES))


def _to_stdout(
    output: Output,
    paths: list[Path],
    names: tuple[str, ...],
    excerpt: float | None,
    workers: int | None,
    as_csv: bool,
) -> int:
    """Print a table, CSV or JSON; return how many files failed."""
    results = list(_results(output, paths, names, excerpt, workers))
    failures = sum(isinstance(result, DialinError) for _, result in results)
    if output.json:
        output.data({"files": [_entry(p, r) for p, r in results]})
    elif as_csv:
        sys.stdout.write(_line(["file", *names, "rt60", "reasons"]))
        for path, result in results:
            if not isinstance(result, DialinError):
                sys.stdout.write(_line([str(path), *_cells(result, names)]))
    else:
        _show(output, results, names)
    return failures


def _entry(path: Path, result: Timbre | DialinError) -> dict[str, Any]:
    if isinstance(result, DialinError):
        return {"file": str(path), "error": result.to_dict()}
    return {
        "file": str(path),
        "timbre": dict(result),
        "reverberant": result.reverberant,
        "rt60": result.rt60,
        "reasons": dict(result.reasons),
    }


def _show(
    output: Output, results: list[tuple[Path, Timbre | DialinError]], names: tuple[str, ...]
) -> None:
    from rich.markup import escape
    from rich.table import Table

    rows, reasons = [], []
    for path, result in results:
        if isinstance(result, DialinError):
            continue
        cells = [escape(path.name)]
        for name in names:
            value = result[name]
            if name == "reverb" and value == value:
                cells.append(f"{value:.2f} ({result.rt60:.2f} s)")
            else:
                cells.append("-" if value != value else f"{value:.1f}")
        rows.append(cells)
        for why in dict.fromkeys(result.reasons.values()):
            which = ", ".join(n for n, w in result.reasons.items() if w == why)
            reasons.append(f"{path.name}: no {which}: {why}")
    heads = ["", *names]
    if len(rows) <= UPRIGHT:
        # A few files stand side by side, so that the names of attributes fit a terminal.
        heads, *rows = [list(column) for column in zip(heads, *rows, strict=True)]
    table = Table(box=None, pad_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i else "left")
    for row in rows:
        table.add_row(*row)
    output.table(table)
    for reason in reasons:
        output.warn(reason)
