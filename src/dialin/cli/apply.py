"""``dialin apply``: a preset on other files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialin.cli._console import (
    JsonOption,
    Output,
    OverwriteOption,
    QuietOption,
    begin,
    confirm_overwrite,
)

if TYPE_CHECKING:
    from dialin.errors import DialinError
    from dialin.matching.apply import ApplyProgress
    from dialin.matching.file_render import Applied

HELP = """Render files through a preset: full length, each in its own format.

\b
  dialin apply out/preset.json song.wav -o wet/
  dialin apply out/preset.json *.wav -o wet/ --amount 80
  dialin apply out/preset.json drums.flac -o wet/ --tail 2 --headroom
"""


def apply(
    context: typer.Context,
    preset: Annotated[Path, typer.Argument(help="A preset.json written by dialin match.")],
    files: Annotated[list[Path], typer.Argument(help="Audio files of any length.")],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Where the results go.")],
    amount: Annotated[
        float, typer.Option(help="How much of the preset, in per cent; 0 leaves the sound alone.")
    ] = 100.0,
    headroom: Annotated[
        bool,
        typer.Option(
            "--headroom",
            help="Turn a result that would clip down by just enough (and say by how much).",
        ),
    ] = False,
    tail: Annotated[
        float, typer.Option(help="Seconds rendered after the end, for reverb to ring out.")
    ] = 0.0,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Run the command; `HELP` is what its users read."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.matching.apply import apply_preset

    earlier = folder.is_dir() and any((folder / file.name).exists() for file in files)
    overwrite = confirm_overwrite(output, overwrite, folder) if earlier else overwrite
    failures: list[tuple[Path, DialinError]] = []
    with FileBar(output) as bar:
        results = apply_preset(
            preset,
            files,
            folder,
            amount=amount,
            headroom=headroom,
            tail=tail,
            overwrite=overwrite,
            progress=bar.update,
            on_failure=lambda file, error: failures.append((file, error)),
        )
    show(output, results)
    if len(files) == 1 and failures:
        raise failures[0][1]
    for file, error in failures:
        where = "" if str(file) in str(error) else f"{file}: "
        typer.echo(f"error: {where}{error}", err=True)
    output.data(
        {
            "preset": str(preset),
            "amount": amount,
            "files": [result.to_dict() for result in results],
            "failures": [
                {"source": str(file), "code": error.code, "message": str(error)}
                for file, error in failures
            ],
        }
    )
    if failures:
        raise typer.Exit(failures[0][1].exit_code)


def show(output: Output, results: list[Applied]) -> None:
    """Say what was written, and what a person should know about its level."""
    from rich.markup import escape

    from dialin.matching.file_render import level_remark

    for result in results:
        speed = result.seconds / max(result.render_seconds, 1e-9)
        gain = f", turned down {-result.gain_db:.1f} dB" if result.gain_db else ""
        output.say(
            f"{escape(str(result.target))}  {result.seconds:.1f} s, {result.sample_rate} Hz, "
            f"{result.channels} ch, {result.subtype}, peak {result.peak_dbfs:.1f} dBFS{gain}  "
            f"[dim]{speed:.2g}x real time[/]"
        )
        for note in result.notes:
            output.warn(f"{result.target}: {note}")
        remark = level_remark(result)
        if remark:
            output.warn(remark)


class FileBar:
    """Progress over files, on stderr: a line for each that is under way."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._progress: Any = None
        self._tasks: dict[int, Any] = {}

    def __enter__(self) -> FileBar:
        if self._output.talks and self._output.stderr.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                console=self._output.stderr,
                transient=True,
            )
            self._progress.start()
        return self

    def update(self, progress: ApplyProgress) -> None:
        """Show where the rendering stands."""
        if self._progress is None:
            return
        if progress.index not in self._tasks:
            name = f"{progress.file.name} ({progress.index + 1} of {progress.files})"
            self._tasks[progress.index] = self._progress.add_task(name, total=progress.seconds)
        self._progress.update(self._tasks[progress.index], completed=progress.done)

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.stop()
