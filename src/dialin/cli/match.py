"""``dialin match``: find the settings, write the preset, the audio and the report."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
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
from dialin.cli._options import (
    BUDGET,
    DEADLINE,
    FX,
    MODEL,
    OUTPUT,
    AmountOption,
    HeadroomOption,
    SeedOption,
    TailOption,
)
from dialin.cli._progress import progress
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.matching.batch import Outcome
    from dialin.matching.folder import Saved
    from dialin.matching.result import MatchProgress
    from dialin.rendering import RenderPool

HELP = """Find the settings that make INPUT sound like REFERENCE.

A reference is a file, or FILE:WEIGHT where there are several. Written are a
preset, the processed audio, presets for other hosts, and a report to look at
and listen to.

\b
  dialin match dry.wav ref.wav -o out/
  dialin match takes/ ref.wav -o out/
  dialin match dry.wav ref.wav -o out/ --fx compressor --fx reverb --seed 7
  dialin match dry.wav ref.wav -o out/ --fx ZamComp --amount 60
  dialin match dry.wav ref.wav -o out/ --fx auto
  dialin match dry.wav ref.wav -o out/ --fx auto:drive,delay,reverb
  dialin match dry.wav ref.wav -o out/ \\
      --fx lv2:http://drobilla.net/plugins/mda/Overdrive
  dialin match dry.wav a.wav:0.7 b.wav:0.3 -o out/
  dialin match dry.wav tone.wav -o out/ --reference-for level=loud.wav
  dialin match dry.wav ref.wav -o out/ --lock compressor.ratio=4 --only tone
  dialin match dry.wav ref.wav -o out/ --fx reverb --keep
  dialin match dry.wav ref.wav -o out/ --budget 40 \\
      --fx lv2:http://drobilla.net/plugins/mda/Delay --model runs/delay/model

Ctrl-C stops the search and writes the best so far. Where INPUT is a folder, each
audio file in it gets a folder of its own below out/; one that fails does not stop
the rest, and the same command goes on where it was stopped.
"""


def match(
    context: typer.Context,
    input: Annotated[
        Path, typer.Argument(metavar="INPUT", help="The recording to change, or a folder.")
    ],
    references: Annotated[
        list[str],
        typer.Argument(metavar="REFERENCE", help="What it should sound like: FILE[:WEIGHT]."),
    ],
    folder: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: a folder.")],
    fx: Annotated[
        list[str] | None,
        typer.Option(
            "--fx",
            metavar="EFFECT",
            help=f"{FX}. auto: built-ins, chosen by what is heard in the reference. default, as "
            "without it: a fixed chain of built-ins, those that do not help left out.",
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget",
            min=1,
            help=f"{BUDGET}; by default 20 for each knob, from 100 to 600.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Stop searching after this long, whatever the budget.")
    ] = None,
    seed: SeedOption = 0,
    amount: AmountOption = 100.0,
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
            "--model",
            help=f"{MODEL}; one to start from, may be repeated. Without it, those that "
            "dialin train controller --fx made of these effects.",
        ),
    ] = None,
    models: Annotated[
        bool, typer.Option("--models/--no-models", help="Start from trained controllers.")
    ] = True,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Take the nearest candidate even where it is not sure to be better."
        ),
    ] = False,
    headroom: HeadroomOption = False,
    tail: TailOption = 0.0,
    deadline: Annotated[float, typer.Option("--deadline", min=0.1, help=f"{DEADLINE}.")] = 20.0,
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
    chosen = chosen_effects(output, fx)
    if model and not models:
        raise UsageError("--model names what --no-models leaves out; use one of them")
    heard = [*(path for path, _ in mix), *map(Path, for_aspect.values())]
    options: dict[str, Any] = {
        "effects": chosen,
        "budget": budget,
        "seconds": seconds,
        "seed": seed,
        "only": words(only) or None,
        "lock": locks or None,
        "weights": weights or None,
        "reference_for": for_aspect or None,
        "models": (model or None) if models else (),
        "keep": keep,
    }
    rendering: dict[str, Any] = {"amount": amount, "headroom": headroom, "tail": tail}
    command = shlex.join(["dialin", *sys.argv[1:]])
    stopped = threading.Event()

    def one(
        source: Path,
        target: Path,
        pool: RenderPool,
        *,
        replace: bool,
        label: str = "matching",
        about: Mapping[str, Any] | None = None,
    ) -> Saved:
        with match_folder(
            target,
            source,
            reads=[*heard, *(model or [])],
            effects=chosen if isinstance(chosen, list) else (),
            overwrite=replace,
            tail=tail,
        ) as place:
            with watch_interrupt(stopped), search_bar(output, label) as searched:
                found = run(source, mix, **options, pool=pool, progress=searched)
            with progress(output, count="{task.percentage:>3.0f} %") as rendered:
                return save_match(
                    found,
                    place,
                    heard,
                    **rendering,
                    pool=pool,
                    command=command,
                    about=about,
                    progress=rendered,
                )

    if input.is_dir():
        facts = {**options, **rendering, "weights of references": [weight for _, weight in mix]}
        with RenderPool(workers=workers, deadline=deadline) as pool:
            match_all(
                output, input, folder, heard, facts, overwrite, stopped, partial(one, pool=pool)
            )
        return
    if has_results(folder):
        overwrite = confirm_overwrite(output, overwrite, folder)
    with RenderPool(workers=workers, deadline=deadline) as pool:
        saved = one(input, folder, pool, replace=overwrite)
    show(output, saved)
    if saved.error is not None:
        raise saved.error
    if stopped.is_set():
        raise typer.Exit(INTERRUPTED)


def chosen_effects(output: Output, names: Sequence[str] | None) -> list[str] | str | None:
    """URIs of the effects that were named; ``auto`` and ``default`` stand as they are.

    Parameters
    ----------
    output : Output
        Of the command.
    names : sequence of str, optional
        As given.

    Returns
    -------
    list of str, str, or None
        None where none was named.

    Raises
    ------
    UsageError
        If ``auto`` or ``default`` stands beside other effects, or a family is unknown.
    EffectNotFoundError
        If there is no effect of a name.
    """
    from dialin.matching.auto import AUTO, DEFAULT, is_auto, wanted_families

    named = list(names or ())
    for name in named:
        if is_auto(name) or name == DEFAULT:
            if len(named) > 1:
                raise UsageError(
                    f"--fx {name} lets dialin choose the effects, so it stands alone; name "
                    f"families with --fx {AUTO}:drive,delay, or each effect with --fx"
                )
            if name != DEFAULT:
                wanted_families(name)
            return name
    return named_effects(output, named) if named else None


def match_all(
    output: Output,
    inputs: Path,
    folder: Path,
    references: Sequence[Path],
    options: Mapping[str, Any],
    overwrite: bool,
    stopped: threading.Event,
    one: Callable[..., Saved],
) -> None:
    """Match every file of a folder, say what became of each, and leave with an exit code.

    Parameters
    ----------
    output : Output
        Of the command.
    inputs : Path
        Folder of the inputs.
    folder : Path
        That each input's own folder lies in.
    references : sequence of Path
        Files.
    options : mapping
        Plain data; all that changes a result.
    overwrite : bool
        Whether finished ones are matched again.
    stopped : Event
        Set when Ctrl-C was pressed.
    one : callable
        Matches one input.

    Raises
    ------
    Exit
        If one failed, or Ctrl-C was pressed.
    """
    from rich.markup import escape

    from dialin.matching.batch import Entry, batch_entries, match_entries, request_of

    entries = batch_entries(inputs, folder, references)
    places = {entry.source: number for number, entry in enumerate(entries, 1)}

    def run(entry: Entry, about: Mapping[str, Any], replace: bool) -> Saved:
        label = f"{entry.source.name} ({places[entry.source]} of {len(entries)})"
        saved = one(entry.source, entry.folder, replace=replace, label=label, about=about)
        for note in (*saved.facts["notes"], *saved.remarks):
            output.warn(f"{entry.source}: {note}")
        return saved

    outcomes: list[Outcome] = []
    try:
        for outcome in match_entries(
            entries,
            lambda source: request_of(source, references, options),
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
            if stopped.is_set():
                break
    finally:
        show_all(output, outcomes, len(entries))
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if stopped.is_set():
        raise typer.Exit(INTERRUPTED)
    if failed:
        raise typer.Exit(failed[0].exit_code)


def show_all(output: Output, outcomes: Sequence[Outcome], total: int) -> None:
    """Say in one table how far each input was from the reference, and is.

    Parameters
    ----------
    output : Output
        Of the command.
    outcomes : sequence of Outcome
        Of the inputs that were begun.
    total : int
        How many inputs there are.
    """
    output.data(
        {
            "matches": [outcome.to_dict() for outcome in outcomes],
            "not_begun": total - len(outcomes),
        }
    )
    if not output.talks or not outcomes:
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("input")
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right")
    table.add_column("what was done")
    for outcome in outcomes:
        cells = ["", "", ""]
        before, after = outcome.facts.get("before"), outcome.facts.get("after")
        if before is not None and after is not None:
            share = f"{100 * (after / before - 1):+.0f} %" if before > 0 else ""
            cells = [f"{before:.3f}", f"{after:.3f}", share]
        done = ", ".join(outcome.effects) or "left alone"
        if outcome.status == "failed":
            done = "failed"
        elif outcome.error is not None:
            done += " (not all was written)"
        table.add_row(escape(outcome.entry.source.name), *cells, escape(done))
    output.say("")
    output.table(table)
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    before_ = sum(outcome.status == "finished before" for outcome in outcomes)
    words = [f"{len(outcomes) - failed - before_} matched"]
    words += [f"{before_} finished before"] if before_ else []
    words += [f"{failed} failed"] if failed else []
    rest = total - len(outcomes)
    words += [f"{rest} not begun (the same command goes on there)"] if rest else []
    output.say(f"[dim]{', '.join(words)}[/]")


@contextmanager
def watch_interrupt(pressed: threading.Event) -> Iterator[None]:
    """Note whether Ctrl-C is pressed, which the search answers with the best so far.

    Parameters
    ----------
    pressed : Event
        Set when it is.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def parse_reference(text: str) -> tuple[Path, float]:
    """Read ``FILE`` or ``FILE:WEIGHT``; a file whose own name ends so is taken as the file.

    >>> parse_reference("a:b.wav:0.5")
    (PosixPath('a:b.wav'), 0.5)

    Parameters
    ----------
    text : str
        As given.

    Returns
    -------
    (Path, float)
        File and weight.

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
    """Say what was found, and where it lies.

    Parameters
    ----------
    output : Output
        Of the command.
    saved : Saved
        The match in its folder.
    """
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
    show_families(output, facts.get("families") or ())
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
    nearest = facts["nearest"]
    if nearest:
        used = ", ".join(slot["slot"] for slot in nearest["slots"] if slot["used"])
        output.say(
            f"[yellow]not sure[/]: the nearest candidate ({escape(used)}) would bring the distance "
            f"to {nearest['after']:.3f}; it is in nearest/, and --keep takes it"
        )
        for line in nearest["evidence"]:
            output.say(f"[dim]  {escape(line)}[/]")
    output.say("")
    for file in saved.files:
        output.say(escape(str(file)))
    speed = facts["renders"] / facts["seconds"] if facts["seconds"] > 0 else 0.0
    for folder in facts["models"]:
        output.say(f"[dim]began with the answer of {escape(folder)}[/]")
    output.say(f"[dim]{facts['renders']} renders in {facts['seconds']:.1f} s, {speed:.0f}/s[/]")


def show_families(output: Output, families: Sequence[Mapping[str, Any]]) -> None:
    """Say how likely each family of effects is in the reference, where dialin chose them.

    Parameters
    ----------
    output : Output
        Of the command.
    families : sequence of mapping
        As in ``report.json``.
    """
    if not families:
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("heard in the reference?")
    table.add_column("likely", justify="right")
    table.add_column("why")
    for family in sorted(families, key=lambda each: -each["probability"]):
        name = escape(family["title"])
        table.add_row(
            f"[bold]{name}[/]" if family["used"] else f"[dim]{name}[/]",
            f"{100 * family['probability']:.0f} %",
            f"[dim]{escape('; '.join(family['evidence']))}[/]",
        )
    output.table(table)
    output.say("")


@contextmanager
def search_bar(output: Output, label: str) -> Iterator[Callable[[MatchProgress], None]]:
    """Show where a search stands: renders, how fast, the best so far.

    Parameters
    ----------
    output : Output
        Of the command.
    label : str
        What stands before the bar.

    Yields
    ------
    callable
        Shows a `MatchProgress`.
    """
    with progress(output, count="{task.completed:.0f} of {task.total:.0f} renders") as show:

        def update(state: MatchProgress) -> None:
            rate = state.renders / state.seconds if state.seconds > 0 else 0.0
            note = f"{rate:.0f}/s  best {state.best:.3f}"
            show(label, state.renders, max(state.budget, 1), note)

        yield update
