"""``dialin apply``: a preset on other files."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialin.cli._console import Output, TrustOption, confirm_overwrite, load_preset
from dialin.cli._groups import RenderArguments, RunArguments, grouped
from dialin.cli._options import OUTPUT
from dialin.cli._progress import progress_bar

if TYPE_CHECKING:
    from dialin.errors import DialinError
    from dialin.matching.files.apply import ApplyProgress
    from dialin.reports import Applied

HELP = """Render files through a preset: full length, each in its own format.

A folder stands for every audio file in it and below. What cannot be rendered is
told at the end and does not stop the rest.

\b
  dialin apply out/preset.json song.wav -o wet/
  dialin apply out/preset.json *.wav -o wet/ --amount 80
  dialin apply out/preset.json album/ -o wet/
  dialin apply out/preset.json drums.flac -o wet/ --tail 2 --headroom
"""


@grouped
def apply(
    context: typer.Context,
    preset: Annotated[Path, typer.Argument(help="A preset.json written by dialin match.")],
    files: Annotated[list[Path], typer.Argument(help="Audio files of any length, or folders.")],
    folder: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: a folder.")],
    render: RenderArguments,
    run: RunArguments,
    trust: TrustOption = False,
) -> None:
    """Run the command; `HELP` is what its users read."""
    output = run.begin(context)
    from dialin.matching.files.apply import apply_preset, in_the_way

    overwrite = run.overwrite
    if in_the_way(files, folder):
        overwrite = confirm_overwrite(output, overwrite, folder)
    loaded = load_preset(output, preset, trust)
    failures: list[tuple[Path, DialinError]] = []
    with FileBar(output) as bar:
        results = apply_preset(
            loaded,
            files,
            folder,
            amount=render.amount,
            headroom=render.headroom,
            tail=render.tail,
            overwrite=overwrite,
            progress=bar.update,
            on_failure=lambda file, error: failures.append((file, error)),
            reads=[preset],
        )
    options = render.words() + (["--trust"] if trust else [])

    def again(result: Applied) -> str:
        words = [
            "dialin",
            "apply",
            str(preset),
            str(result.source),
            "-o",
            str(result.target.parent),
        ]
        return shlex.join([*words, "--headroom", "--overwrite", *options])

    show(output, results, again)
    if len(results) + len(failures) == 1 and failures:
        raise failures[0][1]
    for file, error in failures:
        where = "" if str(file) in str(error) else f"{file}: "
        typer.echo(f"error: {where}{error}", err=True)
    if failures:
        output.say(f"[dim]{len(results)} files rendered, {len(failures)} failed[/]")
    output.data(
        {
            "preset": str(preset),
            "amount": render.amount,
            "files": [result.to_dict() for result in results],
            "failures": [{"source": str(file), **error.to_dict()} for file, error in failures],
        }
    )
    if failures:
        raise typer.Exit(failures[0][1].exit_code)


def show(output: Output, results: list[Applied], again: Callable[[Applied], str]) -> None:
    """Say what was written, and what a person should know about its level.

    Parameters
    ----------
    output : Output
        Of the command.
    results : list of Applied
        One for each file.
    again : callable
        Gives the command that renders a file with headroom.
    """
    from rich.markup import escape

    from dialin.matching.files.file_render import level_remark

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
        remark = level_remark(result, again(result))
        if remark:
            output.warn(remark)


class FileBar:
    """Progress over files, on stderr: a line for each that is under way, and one for all.

    Parameters
    ----------
    output : Output
        Of the command.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._progress: Any = None
        self._tasks: dict[int, Any] = {}
        self._shares: dict[int, float] = {}
        self._all: Any = None

    def __enter__(self) -> FileBar:
        if self._output.talks and self._output.stderr.is_terminal:
            self._progress = progress_bar(self._output, "{task.percentage:>3.0f} %")
            self._progress.start()
        return self

    def update(self, progress: ApplyProgress) -> None:
        """Show where the rendering stands.

        Parameters
        ----------
        progress : ApplyProgress
            Of one file.
        """
        if self._progress is None:
            return
        if progress.files > 1 and self._all is None:
            self._all = self._progress.add_task(
                f"{progress.files} files", total=progress.files, note=""
            )
        if progress.index not in self._tasks:
            from rich.markup import escape

            name = f"{progress.file.name} ({progress.index + 1} of {progress.files})"
            self._tasks[progress.index] = self._progress.add_task(
                escape(name), total=progress.seconds, note=""
            )
        task = self._tasks[progress.index]
        self._shares[progress.index] = min(1.0, progress.done / max(progress.seconds, 1e-9))
        # Of many files, those that are done would fill the screen.
        self._progress.update(
            task,
            completed=progress.done,
            visible=progress.files == 1 or progress.done < progress.seconds,
        )
        if self._all is not None:
            self._progress.update(self._all, completed=sum(self._shares.values()))

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.stop()
