"""``dialin match``: find the settings, write the preset, the audio and the report."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialin.cli._console import (
    INTERRUPTED,
    JsonOption,
    Output,
    OverwriteOption,
    QuietOption,
    WorkersOption,
    begin,
    confirm_overwrite,
    named_effects,
    number,
    pairs,
    words,
)
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.matching.folder import Saved
    from dialin.matching.result import MatchProgress

HELP = """Find the settings that make INPUT sound like REFERENCE.

A reference is a file, or FILE:WEIGHT where there are several. Written are a
preset, the processed audio, presets for other hosts, and a report to look at
and listen to.

\b
  dialin match dry.wav ref.wav -o out/
  dialin match dry.wav ref.wav -o out/ --fx compressor --fx reverb --seed 7
  dialin match dry.wav ref.wav -o out/ --fx ZamComp --amount 60
  dialin match dry.wav ref.wav -o out/ \\
      --fx lv2:http://drobilla.net/plugins/mda/Overdrive
  dialin match dry.wav a.wav:0.7 b.wav:0.3 -o out/
  dialin match dry.wav tone.wav -o out/ --reference-for level=loud.wav
  dialin match dry.wav ref.wav -o out/ --lock compressor.ratio=4 --only tone
  dialin match dry.wav ref.wav -o out/ --budget 40 \\
      --fx lv2:http://drobilla.net/plugins/mda/Delay --model runs/delay/model

Ctrl-C stops the search and writes the best so far.
"""


def match(
    context: typer.Context,
    input: Annotated[Path, typer.Argument(metavar="INPUT", help="The recording to change.")],
    references: Annotated[
        list[str],
        typer.Argument(metavar="REFERENCE", help="What it should sound like: FILE[:WEIGHT]."),
    ],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    fx: Annotated[
        list[str] | None,
        typer.Option(
            help="An effect, in order; may be repeated: a URI, a name that dialin effects list "
            "prints, or a favourite. "
            "Without it: a chain of built-in effects, those that do not help left out."
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="Renders to spend; by default 20 for each knob, from 100 to 600."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Stop searching after this long, whatever the budget.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same match.")] = 0,
    amount: Annotated[
        float,
        typer.Option(
            help="How much of the match is rendered, in per cent; 0 leaves the sound alone."
        ),
    ] = 100.0,
    lock: Annotated[
        list[str] | None,
        typer.Option(help="Keep a knob, in its own units: SLOT.KNOB=VALUE. May be repeated."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Match only these aspects, separated by commas.")
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="How much an aspect counts: ASPECT=FACTOR.")
    ] = None,
    reference_for: Annotated[
        list[str] | None,
        typer.Option(help="Another reference for one aspect: ASPECT=FILE. May be repeated."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of a trained controller to start from; may be repeated. Without it, "
            "those that dialin train controller --fx made of these effects."
        ),
    ] = None,
    models: Annotated[
        bool, typer.Option("--models/--no-models", help="Start from trained controllers.")
    ] = True,
    headroom: Annotated[
        bool,
        typer.Option("--headroom", help="Turn a result that would clip down by just enough."),
    ] = False,
    tail: Annotated[
        float, typer.Option(help="Seconds rendered after the end, for reverb to ring out.")
    ] = 0.0,
    deadline: Annotated[
        float, typer.Option(min=0.1, help="Seconds a render may take before it counts as failed.")
    ] = 20.0,
    workers: WorkersOption = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Run the command; `HELP` is what its users read."""
    output = begin(context, json=json, quiet=quiet)
    locks = {
        name: number(value, option="--lock", example="compressor.ratio=4")
        for name, value in pairs(lock, option="--lock", example="compressor.ratio=4")
    }
    weights = {
        name: number(value, option="--weight", example="tone=2")
        for name, value in pairs(weight, option="--weight", example="tone=2")
    }
    mix = [parse_reference(text) for text in references]
    for_aspect = dict(pairs(reference_for, option="--reference-for", example="level=loud.wav"))

    from dialin.effects.amount import check_amount
    from dialin.matching.folder import has_results, match_folder, save_match
    from dialin.matching.matcher import match as run
    from dialin.rendering import RenderPool

    check_amount(amount)
    chosen = named_effects(output, fx) if fx else None
    if model and not models:
        raise UsageError("--model names what --no-models leaves out; use one of them")
    if has_results(folder):
        overwrite = confirm_overwrite(output, overwrite, folder)
    with (
        match_folder(
            folder,
            input,
            reads=[*(path for path, _ in mix), *for_aspect.values(), *(model or [])],
            effects=fx or (),
            overwrite=overwrite,
            tail=tail,
        ) as place,
        RenderPool(workers=workers, deadline=deadline) as pool,
    ):
        with watch_interrupt() as stopped, SearchBar(output) as bar:
            found = run(
                input,
                mix,
                chosen,
                budget=budget,
                seconds=seconds,
                seed=seed,
                only=words(only) or None,
                lock=locks or None,
                weights=weights or None,
                reference_for=for_aspect or None,
                models=(model or None) if models else (),
                pool=pool,
                progress=bar.update,
            )
        saved = save_match(
            found,
            place,
            [*(path for path, _ in mix), *for_aspect.values()],
            amount=amount,
            headroom=headroom,
            tail=tail,
            pool=pool,
            command=shlex.join(["dialin", *sys.argv[1:]]),
        )
    show(output, saved)
    if saved.error is not None:
        raise saved.error
    if stopped.is_set():
        raise typer.Exit(INTERRUPTED)


@contextmanager
def watch_interrupt() -> Iterator[threading.Event]:
    """Note whether Ctrl-C is pressed, which the search answers with the best so far."""
    pressed = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def parse_reference(text: str) -> tuple[Path, float]:
    """Read ``FILE`` or ``FILE:WEIGHT``; a file whose own name ends so is taken as the file.

    >>> parse_reference("a:b.wav:0.5")
    (PosixPath('a:b.wav'), 0.5)

    Raises
    ------
    UsageError
        If the weight is not above 0.
    """
    head, colon, tail = text.rpartition(":")
    if not colon or not head or Path(text).exists():
        return Path(text), 1.0
    try:
        weight = float(tail)
    except ValueError:
        return Path(text), 1.0
    if not 0 < weight < float("inf"):
        raise UsageError(f"the weight of reference {text!r} must be above 0; write FILE:0.5")
    return Path(head), weight


def show(output: Output, saved: Saved) -> None:
    """Say what was found, and where it lies."""
    facts = saved.facts
    output.data(facts | {"folder": str(saved.folder), "files": [str(f) for f in saved.files]})
    for note in (*facts["notes"], *saved.remarks):
        output.warn(note)
    if not output.talks:
        return
    from rich.markup import escape
    from rich.table import Table

    from dialin.reports.words import change, percent, signed, still_off

    before, after = facts["before"], facts["after"]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("distance to the reference")
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right")
    for aspect in facts["aspects"]:
        was, now = aspect["before"], aspect["after"]
        table.add_row(escape(aspect["name"]), f"{was:.2f}", f"{now:.2f}", change(was, now))
    table.add_row(
        "[bold]all[/]", f"[bold]{before:.2f}[/]", f"[bold]{after:.2f}[/]",
        f"[bold]{signed(percent(before, after), 0)} %[/]",
    )  # fmt: skip
    output.table(table)
    output.say(escape(still_off(facts["aspects"])))
    output.say("")
    for slot in facts["slots"]:
        if not slot["used"]:
            reason = f": {escape(slot['reason'])}" if slot["reason"] else ""
            output.say(f"[dim]{escape(slot['slot'])} left out{reason}[/]")
            continue
        output.say(f"[bold]{escape(slot['slot'])}[/]  [dim]{escape(slot['uri'])}[/]")
        table = Table(box=None, show_header=False, pad_edge=False)
        for _ in range(2):
            table.add_column()
        for knob in slot["knobs"]:
            tags = "  [dim]locked[/]" if knob["locked"] else ""
            tags += "  [dim]does nothing[/]" if knob["dead"] else ""
            moved = knob["before_text"] != knob["after_text"]
            was = f"  [dim]was {escape(knob['before_text'])}[/]" if moved else ""
            value = f"[cyan]{escape(knob['after_text'])}[/]{was}{tags}"
            table.add_row(f"  {escape(knob['name'])}", value)
        output.table(table)
    output.say("")
    for file in saved.files:
        output.say(escape(str(file)))
    speed = facts["renders"] / facts["seconds"] if facts["seconds"] > 0 else 0.0
    for folder in facts["models"]:
        output.say(f"[dim]began with the answer of {escape(folder)}[/]")
    output.say(f"[dim]{facts['renders']} renders in {facts['seconds']:.1f} s, {speed:.0f}/s[/]")


class SearchBar:
    """Progress of the search on stderr: renders, renders a second, best distance so far."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> SearchBar:
        if self._output.talks and self._output.stderr.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                TextColumn("matching"),
                BarColumn(),
                TextColumn("{task.completed:.0f} of {task.total:.0f} renders"),
                TextColumn("{task.fields[rate]}"),
                TextColumn("{task.fields[best]}"),
                TimeElapsedColumn(),
                console=self._output.stderr,
                transient=True,
            )
            self._task = self._progress.add_task("matching", total=1, rate="", best="")
            self._progress.start()
        return self

    def update(self, progress: MatchProgress) -> None:
        """Show where the search stands."""
        if self._progress is None:
            return
        rate = progress.renders / progress.seconds if progress.seconds > 0 else 0.0
        self._progress.update(
            self._task,
            completed=progress.renders,
            total=max(progress.budget, 1),
            rate=f"{rate:.0f}/s",
            best=f"best {progress.best:.3f}",
        )

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.stop()
