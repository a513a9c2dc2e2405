"""``dialin match`` of many inputs: each by itself, stem by stem, or all together as an album."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dialin.cli._console import INTERRUPTED
from dialin.cli._match_printing import show_album, show_all
from dialin.cli._match_task import InputTask, search_bar, watch_interrupt
from dialin.cli._progress import progress
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.matching.files.batch import Entry, EntryOutcome
    from dialin.matching.files.making import Saved
    from dialin.rendering import RenderPool


def task_of_each(
    inputs: Sequence[Path], folder: Path, task: InputTask, stems: bool
) -> dict[Entry, InputTask]:
    """What is to be done with each of many inputs.

    Parameters
    ----------
    inputs : sequence of Path
        Files, or one folder.
    folder : Path
        That each input's own folder lies in.
    task : InputTask
        What is to be done with each.
    stems : bool
        Whether the reference is a folder too, and each input has its own there, by name.

    Returns
    -------
    dict of Entry to InputTask

    Raises
    ------
    UsageError
        If stems are not in two folders.
    AudioFileError
        If there are no inputs.
    """
    from dialin.matching.files.batch import batch_entries, file_entries, stem_references

    if not stems:
        if len(inputs) == 1:
            entries = batch_entries(inputs[0], folder, task.references)
        else:
            entries = file_entries(inputs, folder)
        return dict.fromkeys(entries, task)
    if len(inputs) != 1 or len(task.mix) != 1 or not task.mix[0][0].is_dir():
        raise UsageError("--stems takes two folders: stems, and the reference's stems")
    if not inputs[0].is_dir():
        raise UsageError(f"--stems takes two folders, and {str(inputs[0])!r} is none")
    pairs, alone = stem_references(inputs[0], task.mix[0][0], folder)
    for path in alone:
        task.output.warn(f"{path}: there is no reference stem of that name; it was left out")
    return {entry: replace(task, mix=[(path, 1.0)]) for entry, path in pairs.items()}


def halfway(source: Path, folder: Path, task: InputTask) -> dict[Entry, InputTask]:
    """Input and reference, each to be brought half of the way to the other.

    Parameters
    ----------
    source : Path
        The input.
    folder : Path
        Of its results; the reference's lie in ``reference`` below it.
    task : InputTask
        What is to be done, with one reference.

    Returns
    -------
    dict of Entry to InputTask
    """
    from dialin.matching.files.batch import Entry

    reference = task.mix[0][0]
    half = replace(task.rendering, amount=task.rendering.amount / 2)
    there = replace(task, rendering=half)
    back = replace(task, rendering=half, mix=[(source, 1.0)])
    return {Entry(reference, folder / "reference"): back, Entry(source, folder): there}


def match_all(
    tasks: Mapping[Entry, InputTask], task: InputTask, pool: RenderPool, overwrite: bool
) -> None:
    """Match many inputs, say what became of each, and leave with an exit code.

    Parameters
    ----------
    tasks : mapping of Entry to InputTask
        What is to be done with each.
    task : InputTask
        What they have in common.
    pool : RenderPool
        Workers that render.
    overwrite : bool
        Whether finished ones are matched again.

    Raises
    ------
    Exit
        If one failed, or Ctrl-C was pressed.
    """
    from rich.markup import escape

    from dialin.matching.files.batch import match_entries, request_of

    output, entries = task.output, list(tasks)
    numbers = {entry.source: number for number, entry in enumerate(entries, 1)}
    own = {entry.source: tasks[entry] for entry in entries}

    def run(entry: Entry, about: Mapping[str, Any], replace: bool) -> Saved:
        label = f"{entry.source.name} ({numbers[entry.source]} of {len(entries)})"
        saved = own[entry.source].run(
            entry.source, entry.folder, pool, overwrite=replace, label=label, about=about
        )
        for note in (*saved.report.notes, *saved.remarks):
            output.warn(f"{entry.source}: {note}")
        return saved

    outcomes: list[EntryOutcome] = []
    try:
        for outcome in match_entries(
            entries,
            lambda source: request_of(source, own[source].references, own[source].facts()),
            run,
            overwrite=overwrite,
        ):
            outcomes.append(outcome)
            if outcome.error is not None:
                name = f"{outcome.entry.source}: "
                where = "" if name[:-2] in str(outcome.error) else name
                typer.echo(f"error: {where}{outcome.error}", err=True)
            else:
                output.say(f"{escape(str(outcome.entry.folder))}  [dim]{outcome.status}[/]")
            if task.stopped.is_set():
                break
    finally:
        show_all(output, outcomes, len(entries))
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if task.stopped.is_set():
        raise typer.Exit(INTERRUPTED)
    if failed:
        raise typer.Exit(failed[0].exit_code)


def match_together(
    inputs: Sequence[Path], folder: Path, task: InputTask, pool: RenderPool, overwrite: bool
) -> None:
    """Match many inputs as one, and render each through the one preset.

    Parameters
    ----------
    inputs : sequence of Path
        Files and folders.
    folder : Path
        For the preset and the audio.
    task : InputTask
        What is to be done.
    pool : RenderPool
        Workers that render.
    overwrite : bool
        Whether what is there may be replaced.

    Raises
    ------
    Exit
        If a file failed.
    """
    from dialin.audio.listing import audio_files
    from dialin.matching.files.batch import request_of
    from dialin.matching.files.together import Album
    from dialin.matching.matcher import match as run

    output = task.output
    sources = [p for path in inputs for p in (audio_files(path) if path.is_dir() else [path])]
    known = {reference.resolve() for reference in task.references}
    sources = [path for path in sources if path.resolve() not in known]
    request = " ".join(request_of(source, task.references, task.facts()) for source in sources)
    album = Album(sources, folder, request, overwrite=overwrite)
    try:
        with watch_interrupt(task.stopped), search_bar(output, "matching all together") as searched:
            preset = album.solve(
                lambda material: run(
                    material,
                    task.mix,
                    task.effects,
                    options=task.options,
                    pool=pool,
                    progress=searched,
                )
            )
        with progress(output, count="{task.percentage:>3.0f} %") as show:
            album.render(
                preset,
                task.rendering,
                pool,
                reads=task.references,
                progress=lambda at: show(at.file.name, at.done, at.seconds, ""),
            )
    finally:
        show_album(output, album)
    failed = [track.error for track in album.tracks if track.error is not None]
    if task.stopped.is_set():
        raise typer.Exit(INTERRUPTED)
    if failed:
        raise typer.Exit(failed[0].exit_code)
