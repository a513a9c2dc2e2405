"""``dialin match``: find the settings, write the preset, the audio and the report."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dialin.cli._console import (
    INTERRUPTED,
    Output,
    confirm_overwrite,
    named_effects,
    number,
    pairs,
    words,
)
from dialin.cli._groups import PoolArguments, RenderArguments, RunArguments, grouped
from dialin.cli._options import BUDGET, FX, MODEL, OUTPUT, SeedOption
from dialin.cli._progress import progress
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.matching.files.batch import Entry, EntryOutcome
    from dialin.matching.files.making import Saved
    from dialin.matching.options import MatchOptions, RenderOptions, SongOptions
    from dialin.matching.result import MatchProgress
    from dialin.rendering import RenderPool
    from dialin.reports import ChoiceReport, FamilyReport, SavedReport, SlotReport

HELP = """Find the settings that make INPUT sound like REFERENCE.

A reference is a file, or FILE:WEIGHT where there are several. Written are a
preset, the processed audio, presets for other hosts, and a report to look at
and listen to.

\b
  dialin match dry.wav ref.wav -o out/
  dialin match takes/ ref.wav -o out/
  dialin match album/*.flac ref.flac -o out/
  dialin match album/ -o out/ --reference punchy.json --fx mastering --together
  dialin match stems/ refstems/ -o out/ --stems
  dialin match dry.wav ref.wav -o out/ --fx compressor --fx reverb --seed 7
  dialin match dry.wav ref.wav -o out/ --fx ZamComp --amount 60
  dialin match dry.wav ref.wav -o out/ --fx lv2:urn:zamaudio:ZamDelay --bpm 96
  dialin match song.wav record.wav -o out/ --fx mastering --loudness -14 --ceiling -1
  dialin match dry.wav ref.wav -o out/ --fx auto
  dialin match dry.wav ref.wav -o out/ --fx auto:drive,delay,reverb
  dialin match dry.wav ref.wav -o out/ \\
      --fx lv2:http://drobilla.net/plugins/mda/Overdrive
  dialin match dry.wav a.wav:0.7 b.wav:0.3 -o out/
  dialin match dry.wav tone.wav -o out/ --reference-for level=loud.wav
  dialin match dry.wav ref.wav -o out/ --lock compressor.ratio=4 --only tone
  dialin match dry.wav ref.wav -o out/ --fx reverb --keep
  dialin match dry.wav ref.wav -o out/ --fx reverb --pick 2 --overwrite
  dialin match dry.wav ref.wav -o out/ --budget 40 \\
      --fx lv2:http://drobilla.net/plugins/mda/Delay --model runs/delay/model

Ctrl-C stops the search and writes the best so far. Where INPUT is a folder, each
audio file in it gets a folder of its own below out/; one that fails does not stop
the rest, and the same command goes on where it was stopped.
"""


@dataclass(frozen=True)
class FileArguments:
    """What is matched, and where the results go.

    Attributes
    ----------
    input : Path
        The recording to change, or a folder.
    references : list of str
        Each ``FILE`` or ``FILE:WEIGHT``; more inputs before the last one where there are no
        weights.
    folder : Path
        For the results.
    reference : list of str, optional
        References, where all else are inputs.
    together : bool
        Whether all inputs get one preset.
    stems : bool
        Whether input and reference are folders of stems.
    invert : bool
        Whether the reference is changed, and the input is what it should sound like.
    halfway : bool
        Whether both move, half of the way each.
    """

    input: Annotated[
        Path, typer.Argument(metavar="INPUT", help="The recording to change, or a folder.")
    ]
    folder: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: a folder.")]
    references: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]... REFERENCE",
            help="What it should sound like: FILE[:WEIGHT]. Of several without weights, the last.",
        ),
    ] = None
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            help="What they should sound like: FILE[:WEIGHT], or a profile; all else are inputs.",
        ),
    ] = None
    together: Annotated[
        bool, typer.Option("--together", help="One preset for all inputs, heard as one album.")
    ] = False
    stems: Annotated[
        bool,
        typer.Option("--stems", help="Two folders: each stem is matched with that of its name."),
    ] = False
    invert: Annotated[
        bool,
        typer.Option("--invert", help="Change the reference, so that it sounds like the input."),
    ] = False
    halfway: Annotated[
        bool,
        typer.Option("--halfway", help="Move both, half of the way each, to meet in the middle."),
    ] = False

    def read(self) -> tuple[list[Path], list[tuple[Path, float]]]:
        """Inputs; references and their weights."""
        named = [str(self.input), *(self.references or [])]
        if self.reference:
            return [Path(name) for name in named], [parse_reference(r) for r in self.reference]
        if len(named) < 2:
            raise UsageError("there is no reference; name one behind the input, or --reference")
        mix = [parse_reference(text) for text in named[1:]]
        plain = [Path(text) == path for (path, _), text in zip(mix, named[1:], strict=True)]
        if len(mix) > 1 and all(plain):
            return [Path(name) for name in named[:-1]], mix[-1:]
        return [self.input], mix


@dataclass(frozen=True)
class SearchArguments:
    """What is searched, and what counts.

    Attributes
    ----------
    fx : list of str, optional
        Effects.
    budget : int, optional
        Renders.
    seconds : float, optional
        Time limit.
    seed : int
        Of all chance.
    lock : list of str, optional
        Each ``SLOT.KNOB=VALUE``.
    only : list of str, optional
        Aspects, separated by commas.
    weight : list of str, optional
        Each ``ASPECT=FACTOR``.
    reference_for : list of str, optional
        Each ``ASPECT=FILE``.
    model : list of str, optional
        Folders of controllers.
    models : bool
        Whether there may be any.
    bpm : str, optional
        Tempo, or ``auto``.
    pick : int
        Which of the choices becomes the match.
    keep : bool
        Whether the nearest candidate is taken even where it is not sure.
    """

    fx: Annotated[
        list[str] | None,
        typer.Option(
            "--fx",
            metavar="EFFECT",
            help=f"{FX}. auto: built-ins, chosen by what is heard in the reference. default, as "
            "without it: a fixed chain of built-ins, those that do not help left out. "
            "mastering, as without it where all are whole mixes: tone, width, dynamics and level "
            "of songs.",
        ),
    ] = None
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget",
            min=1,
            help=f"{BUDGET}; by default 20 for each knob, from 100 to 600.",
        ),
    ] = None
    seconds: Annotated[
        float | None, typer.Option(help="Stop searching after this long, whatever the budget.")
    ] = None
    seed: SeedOption = 0
    lock: Annotated[
        list[str] | None,
        typer.Option(help="Keep a knob, in its own units: SLOT.KNOB=VALUE. May be repeated."),
    ] = None
    only: Annotated[
        list[str] | None, typer.Option(help="Match only these aspects, separated by commas.")
    ] = None
    weight: Annotated[
        list[str] | None, typer.Option(help="How much an aspect counts: ASPECT=FACTOR.")
    ] = None
    reference_for: Annotated[
        list[str] | None,
        typer.Option(help="Another reference for one aspect: ASPECT=FILE. May be repeated."),
    ] = None
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help=f"{MODEL}; one to start from, may be repeated. Without it, those that "
            "dialin train controller --fx made of these effects.",
        ),
    ] = None
    models: Annotated[
        bool, typer.Option("--models/--no-models", help="Start from trained controllers.")
    ] = True
    bpm: Annotated[
        str | None,
        typer.Option(
            "--bpm",
            metavar="N|auto",
            help="Tempo for effects that follow their host's (LV2), in beats a minute; auto: "
            "heard from the input. Without it: 120.",
        ),
    ] = None
    pick: Annotated[
        int,
        typer.Option(
            "--pick",
            min=1,
            help="Which of the choices becomes the match; the report lists them, the likeliest is "
            "the first.",
        ),
    ] = 1
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Take the nearest candidate even where it is not sure to be better."
        ),
    ] = False

    def options(self) -> MatchOptions:
        """The same, read and checked."""
        from dialin.matching.options import MatchOptions

        if self.model and not self.models:
            raise UsageError("--model names what --no-models leaves out; use one of them")
        return MatchOptions(
            budget=self.budget,
            seconds=self.seconds,
            seed=self.seed,
            only=words(self.only) or None,
            lock=_numbers(self.lock, "--lock", "compressor.ratio=4") or None,
            weights=_numbers(self.weight, "--weight", "tone=2") or None,
            reference_for=dict(
                pairs(self.reference_for, option="--reference-for", example="level=loud.wav")
            )
            or None,
            models=(self.model or None) if self.models else (),
            bpm=parse_tempo(self.bpm),
            pick=self.pick,
            keep=self.keep,
        )


@dataclass(frozen=True)
class SongArguments:
    """What is asked for of whole songs.

    Attributes
    ----------
    smooth : float
        Octaves.
    max_eq : float
        Decibels.
    loudness : float, optional
        LUFS.
    ceiling : float, optional
        dBTP.
    """

    smooth: Annotated[
        float, typer.Option(help="Whole songs: octaves over which spectra are compared.")
    ] = 1 / 3
    max_eq: Annotated[
        float, typer.Option("--max-eq", help="Whole songs: decibels that a band may do, at most.")
    ] = 18.0
    loudness: Annotated[
        float | None,
        typer.Option(help="Whole songs: LUFS to end at, in place of the reference's."),
    ] = None
    ceiling: Annotated[
        float | None,
        typer.Option(help="Whole songs: a limiter keeps to this true peak, in dBTP, such as -1."),
    ] = None

    def options(self) -> SongOptions:
        """The same, checked."""
        from dialin.matching.options import SongOptions

        return SongOptions(
            smooth=self.smooth, max_eq=self.max_eq, loudness=self.loudness, ceiling=self.ceiling
        )


def _numbers(values: list[str] | None, option: str, example: str) -> dict[str, float]:
    return {
        name: number(value, option=option, example=example)
        for name, value in pairs(values, option=option, example=example)
    }


@grouped
def match(
    context: typer.Context,
    files: FileArguments,
    search: SearchArguments,
    song: SongArguments,
    render: RenderArguments,
    workers: PoolArguments,
    run: RunArguments,
) -> None:
    """Run the command; `HELP` is what its users read."""
    output = run.begin(context)
    (inputs, mix), rendering = files.read(), render.options()
    options = replace(search.options(), song=song.options())
    chosen = chosen_effects(output, search.fx)
    if song != SongArguments() and chosen not in (None, "mastering"):
        raise UsageError(
            "--smooth, --max-eq, --loudness and --ceiling are of whole songs; use them with "
            "--fx mastering"
        )
    task = _Task(output, mix, chosen, options, rendering)
    from dialin.matching.candidate import warm_up
    from dialin.matching.files.folder import has_results

    many = files.stems or len(inputs) > 1 or inputs[0].is_dir()
    if (files.invert or files.halfway) and (many or len(mix) > 1 or files.together):
        raise UsageError("--invert and --halfway are of one input and one reference")
    if files.stems or (many and not files.together):
        tasks = task_of_each(inputs, files.folder, task, files.stems)
        with workers.pool() as pool:
            warm_up(pool)
            match_all(tasks, task, pool, run.overwrite)
        return
    overwrite = run.overwrite
    if has_results(files.folder):
        overwrite = confirm_overwrite(output, overwrite, files.folder)
    with workers.pool() as pool:
        warm_up(pool)
        if files.together:
            match_together(inputs, files.folder, task, pool, overwrite)
            return
        turned = replace(task, mix=[(inputs[0], 1.0)])
        if files.halfway:
            half = replace(rendering, amount=rendering.amount / 2)
            task, turned = replace(task, rendering=half), replace(turned, rendering=half)
            place = files.folder / "reference"
            show(output, turned.run(mix[0][0], place, pool, overwrite=overwrite))
        source = mix[0][0] if files.invert else inputs[0]
        chosen_task = turned if files.invert else task
        saved = chosen_task.run(source, files.folder, pool, overwrite=overwrite)
    show(output, saved)
    if saved.error is not None:
        raise saved.error
    if task.stopped.is_set():
        raise typer.Exit(INTERRUPTED)


@dataclass(frozen=True)
class _Task:
    """What is to be done with each input."""

    output: Output
    mix: list[tuple[Path, float]]
    effects: list[str] | str | None
    options: MatchOptions
    rendering: RenderOptions
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def references(self) -> list[Path]:
        """Files that are listened to."""
        special = [Path(str(path)) for path in (self.options.reference_for or {}).values()]
        return [*(path for path, _ in self.mix), *special]

    def facts(self) -> dict[str, Any]:
        """Plain data: all that changes a result."""
        options = asdict(self.options) | asdict(self.rendering)
        # No option of the command changes it; and what was begun before it was there goes on.
        del options["search"]
        if self.options.song == type(self.options.song)():
            del options["song"]
        return options | {
            "effects": self.effects,
            "weights of references": [weight for _, weight in self.mix],
        }

    def run(
        self,
        source: Path,
        target: Path,
        pool: RenderPool,
        *,
        overwrite: bool,
        label: str = "matching",
        about: Mapping[str, Any] | None = None,
    ) -> Saved:
        """Match one input, and write what was found."""
        from dialin.matching.files.folder import match_folder, save_match
        from dialin.matching.matcher import match as run

        with match_folder(
            target,
            source,
            reads=[*self.references, *map(Path, self.options.models or [])],
            effects=self.effects if isinstance(self.effects, list) else (),
            overwrite=overwrite,
            tail=self.rendering.tail,
        ) as held:
            with watch_interrupt(self.stopped), search_bar(self.output, label) as searched:
                match = run(
                    source,
                    self.mix,
                    self.effects,
                    options=self.options,
                    pool=pool,
                    progress=searched,
                )
            with progress(self.output, count="{task.percentage:>3.0f} %") as rendered:
                return save_match(
                    match,
                    held,
                    [path for path in self.references if path.suffix.lower() != ".json"],
                    pool=pool,
                    options=self.rendering,
                    command=shlex.join(["dialin", *sys.argv[1:]]),
                    about=about,
                    progress=rendered,
                )


def parse_tempo(text: str | None) -> float | Literal["auto"] | None:
    """Read ``--bpm``.

    >>> parse_tempo("97.5"), parse_tempo("AUTO"), parse_tempo(None)
    (97.5, 'auto', None)

    Parameters
    ----------
    text : str, optional
        As given.

    Returns
    -------
    float, "auto" or None

    Raises
    ------
    UsageError
        If it is neither a tempo nor ``auto``.
    """
    from dialin.effects.tempo import check_tempo

    if text is None or text.strip().lower() == "auto":
        return None if text is None else "auto"
    return check_tempo(number(text, option="--bpm", example="128, or auto"))


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
    from dialin.matching.guessing.auto import AUTO, DEFAULT, is_auto, wanted_families
    from dialin.matching.songs.mixes import MASTERING_NAME, is_mastering

    named = list(names or ())
    if any(is_mastering(name) for name in named):
        if len(named) > 1:
            raise UsageError(
                f"--fx {MASTERING_NAME} is a chain of its own for whole songs, so it stands alone"
            )
        return MASTERING_NAME
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


def task_of_each(
    inputs: Sequence[Path], folder: Path, task: _Task, stems: bool
) -> dict[Entry, _Task]:
    """What is to be done with each of many inputs.

    Parameters
    ----------
    inputs : sequence of Path
        Files, or one folder.
    folder : Path
        That each input's own folder lies in.
    task : _Task
        What is to be done with each.
    stems : bool
        Whether the reference is a folder too, and each input has its own there, by name.

    Returns
    -------
    dict of Entry to _Task

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


def match_together(
    inputs: Sequence[Path], folder: Path, task: _Task, pool: RenderPool, overwrite: bool
) -> None:
    """Match many inputs as one, and render each through the one preset.

    Parameters
    ----------
    inputs : sequence of Path
        Files and folders.
    folder : Path
        For the preset and the audio.
    task : _Task
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
    from dialin.matching.files.apply import apply_preset
    from dialin.matching.matcher import match as run
    from dialin.matching.songs.mixes import album_material

    output = task.output
    sources = [p for path in inputs for p in (audio_files(path) if path.is_dir() else [path])]
    known = {reference.resolve() for reference in task.references}
    sources = [path for path in sources if path.resolve() not in known]
    with watch_interrupt(task.stopped), search_bar(output, "matching all together") as searched:
        audio, rate = album_material(sources)
        match = run(
            (audio, rate), task.mix, task.effects, options=task.options, pool=pool,
            progress=searched,
        )  # fmt: skip
    failed: list[Path] = []

    def fail(path: Path, error: Exception) -> None:
        failed.append(path)
        typer.echo(f"error: {path}: {error}", err=True)

    made = apply_preset(
        match.preset,
        sources,
        folder,
        amount=task.rendering.amount,
        headroom=task.rendering.headroom,
        tail=task.rendering.tail,
        overwrite=overwrite,
        pool=pool,
        on_failure=fail,
        reads=task.references,
    )
    match.preset.save(folder / "preset.json", overwrite=overwrite)
    output.data(
        match.report.to_dict() | {"folder": str(folder), "files": [str(one.target) for one in made]}
    )
    for note in match.report.notes:
        output.warn(note)
    output.say(f"all together: {match.report.before:.3f} to {match.report.after:.3f}")
    for one in made:
        output.say(str(one.target))
    if failed:
        raise typer.Exit(3)


def match_all(tasks: Mapping[Entry, _Task], task: _Task, pool: RenderPool, overwrite: bool) -> None:
    """Match many inputs, say what became of each, and leave with an exit code.

    Parameters
    ----------
    tasks : mapping of Entry to _Task
        What is to be done with each.
    task : _Task
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


def show_all(output: Output, outcomes: Sequence[EntryOutcome], total: int) -> None:
    """Say in one table how far each input was from the reference, and is.

    Parameters
    ----------
    output : Output
        Of the command.
    outcomes : sequence of EntryOutcome
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
        if outcome.report is not None:
            before, after = outcome.report.before, outcome.report.after
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
    report = saved.report
    files = [str(file) for file in saved.files]
    output.data(report.to_dict() | {"folder": str(saved.folder), "files": files})
    for note in (*report.notes, *saved.remarks):
        output.warn(note)
    if not output.talks:
        return
    from rich.markup import escape

    from dialin.reports.words import still_off

    _show_distances(output, report)
    output.say(escape(still_off(report.aspects)))
    output.say("")
    show_families(output, report.families)
    for slot in report.slots:
        _show_slot(output, slot)
    show_choices(output, report.choices)
    nearest = report.nearest
    if nearest is not None:
        used = ", ".join(slot.slot for slot in nearest.slots if slot.used)
        output.say(
            f"[yellow]not sure[/]: the nearest candidate ({escape(used)}) would bring the distance "
            f"to {nearest.after:.3f}; it is in nearest/, and --keep takes it"
        )
        for line in nearest.evidence:
            output.say(f"[dim]  {escape(line)}[/]")
    output.say("")
    for file in files:
        output.say(escape(file))
    for folder in report.models:
        output.say(f"[dim]began with the answer of {escape(folder)}[/]")
    speed = report.renders / report.seconds if report.seconds > 0 else 0.0
    output.say(f"[dim]{report.renders} renders in {report.seconds:.1f} s, {speed:.0f}/s[/]")


def _show_distances(output: Output, report: SavedReport) -> None:
    """How far it was and is, by aspect."""
    from rich.markup import escape
    from rich.table import Table

    from dialin.reports.words import change, percent, signed

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("distance to the reference")
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right")
    for aspect in report.aspects:
        was, now = aspect.before, aspect.after
        table.add_row(escape(aspect.name), f"{was:.2f}", f"{now:.2f}", change(was, now))
    before, after = report.before, report.after
    table.add_row(
        "[bold]all[/]", f"[bold]{before:.2f}[/]", f"[bold]{after:.2f}[/]",
        f"[bold]{signed(percent(before, after), 0)} %[/]",
    )  # fmt: skip
    output.table(table)


def _show_slot(output: Output, slot: SlotReport) -> None:
    """An effect's knobs, or why it was left out."""
    from rich.markup import escape
    from rich.table import Table

    from dialin.reports.words import knob_range

    if not slot.used:
        reason = f": {escape(slot.reason)}" if slot.reason else ""
        output.say(f"[dim]{escape(slot.slot)} left out{reason}[/]")
        return
    output.say(f"[bold]{escape(slot.slot)}[/]  [dim]{escape(slot.uri)}[/]")
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(2):
        table.add_column()
    for knob in slot.knobs:
        tags = "  [dim]locked[/]" if knob.locked else ""
        tags += "  [dim]does nothing[/]" if knob.dead else ""
        moved = knob.before_text != knob.after_text
        was = f"  [dim]was {escape(knob.before_text)}[/]" if moved else ""
        reach = knob_range(knob.low_text, knob.high_text, knob.certainty)
        tags += f"  [dim]({escape(reach)})[/]" if reach else ""
        table.add_row(f"  {escape(knob.name)}", f"[cyan]{escape(knob.after_text)}[/]{was}{tags}")
    output.table(table)


def show_choices(output: Output, choices: Sequence[ChoiceReport]) -> None:
    """Say what else is as likely, and how to take it.

    Parameters
    ----------
    output : Output
        Of the command.
    choices : sequence of ChoiceReport
        Of the report.
    """
    if not choices:
        return
    from rich.markup import escape

    from dialin.reports.wording import choice_text

    output.say("")
    output.say("as likely, and clearly different (take one with --pick):")
    for choice in choices:
        output.say(
            f"  [bold]{choice.number}[/]  {escape(choice_text(choice))}  [dim]distance "
            f"{choice.after:.3f}, {100 * choice.likelihood:.0f} % likely[/]"
        )


def show_families(output: Output, families: Sequence[FamilyReport]) -> None:
    """Say how likely each family of effects is in the reference, where dialin chose them.

    Parameters
    ----------
    output : Output
        Of the command.
    families : sequence of FamilyReport
        Of the report.
    """
    if not families:
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("heard in the reference?")
    table.add_column("likely", justify="right")
    table.add_column("why")
    for family in sorted(families, key=lambda each: -each.probability):
        name = escape(family.title)
        table.add_row(
            f"[bold]{name}[/]" if family.used else f"[dim]{name}[/]",
            f"{100 * family.probability:.0f} %",
            f"[dim]{escape('; '.join(family.evidence))}[/]",
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
