"""``dialin effects``: what is installed, its knobs, and what the probe says of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialin.cli._console import (
    JsonOption,
    Output,
    OverwriteOption,
    QuietOption,
    WorkersOption,
    begin,
    named_effect,
)
from dialin.cli._options import DEADLINE, example
from dialin.cli._progress import progress, waiting
from dialin.errors import OutputError

if TYPE_CHECKING:
    from dialin.cli._scan import Verdict
    from dialin.effects.catalogue import EffectEntry
    from dialin.effects.probe import Probe
    from dialin.effects.spec import EffectSpec

app = typer.Typer(
    no_args_is_help=True,
    help="""What effects are installed, their knobs, and how they behave.

\b
  dialin effects list --format lv2 --search reverb
  dialin effects show builtin:compressor
  dialin effects probe lv2:http://drobilla.net/plugins/mda/Overdrive
  dialin effects scan --format vst3
  dialin effects favourite "warm room" compressor "MDA Ambience"
  dialin effects list --favourites
""",
)

FormatOption = Annotated[
    list[str] | None,
    typer.Option("--format", "-f", help="Only these formats: builtin, lv2, vst3, au."),
]
SearchOption = Annotated[
    str | None, typer.Option("--search", "-s", help="Only what has this in its name or category.")
]
PROBE_DEADLINE = 30.0
"""Seconds a single render of a probe may take."""

EffectArgument = Annotated[
    str,
    typer.Argument(
        metavar="EFFECT", help="A URI, a name that dialin effects list prints, or a favourite."
    ),
]


@app.command("list")
@example("dialin effects list --format lv2 --search reverb")
def list_(
    context: typer.Context,
    formats: FormatOption = None,
    search: SearchOption = None,
    favourites: Annotated[
        bool,
        typer.Option("--favourites", help="Only your own names, and what they stand for."),
    ] = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """List what is installed. No plugin's code is run.

    What stands under "name" may be written after --fx too, wherever only one effect is called so.
    """
    output = begin(context, json=json, quiet=quiet)
    if favourites:
        _list_favourites(output, search)
        return
    entries = _entries(formats, search)
    output.data({"schema": 1, "effects": [_entry_dict(entry) for entry in entries]})
    if not entries:
        output.say(_none(search))
    if not output.talks or not entries:
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("effect", overflow="fold", style="cyan")
    for column in ("name", "category", "vendor"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        cells = (entry.uri, entry.name, entry.category, entry.vendor)
        table.add_row(*(escape(cell) for cell in cells))
    output.table(table)
    output.say(f"[dim]{len(entries)} effects; dialin effects show EFFECT tells the knobs of one[/]")


@app.command(
    help="""Give an effect, or several in series, a name to write after --fx.

\b
  dialin effects favourite verb vst3:ZamVerb
  dialin effects favourite "warm room" compressor "MDA Ambience"
  dialin effects favourite verb --remove
"""
)
def favourite(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name of your own.")],
    effects: Annotated[
        list[str] | None,
        typer.Argument(help="What it stands for: one effect, or several in series."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget this favourite.")] = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Give effects a name of your own, in the configuration file."""
    output = begin(context, json=json, quiet=quiet)
    from rich.markup import escape

    from dialin.cli._console import named_effects
    from dialin.configuration import check_favourite_name, save_favourite
    from dialin.errors import UsageError

    if remove == bool(effects):
        raise UsageError("name what the favourite stands for, or --remove it")
    check_favourite_name(name)
    # Kept as a URI, so that what is installed later does not change what it means.
    uris = named_effects(output, effects) if effects else None
    path = save_favourite(name, uris, overwrite=overwrite)
    output.data({"name": name.strip(), "effects": uris, "file": str(path)})
    if uris is None:
        output.say(f"{escape(name.strip())} is forgotten  [dim]{escape(str(path))}[/]")
    else:
        stands = " > ".join(escape(uri) for uri in uris)
        output.say(f"{escape(name.strip())} is {stands}  [dim]{escape(str(path))}[/]")


@app.command()
@example("dialin effects show builtin:compressor")
def show(
    context: typer.Context,
    effect: EffectArgument,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Show an effect's knobs: units, ranges, defaults."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.rendering import RenderPool

    uri = named_effect(output, effect)
    with waiting(output, f"opening {effect}"), RenderPool(workers=1) as pool:
        spec = pool.describe(uri)
    output.data(spec.to_dict() | {"hash": spec.hash})
    if output.talks:
        _show_spec(output, spec)


@app.command()
@example("dialin effects probe lv2:http://drobilla.net/plugins/mda/Overdrive")
def probe(
    context: typer.Context,
    effect: EffectArgument,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Find out how an effect behaves: live and dead knobs, latency, repeatability, dangers."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.rendering import RenderPool

    effect = named_effect(output, effect)
    busy = waiting(output, f"probing {effect}")
    with busy, RenderPool(workers=1, deadline=PROBE_DEADLINE) as pool:
        spec = pool.describe(effect)
        probe = pool.probe(effect)
    output.data(probe.to_dict())
    if output.talks:
        _show_probe(output, spec, probe)


@app.command()
@example("dialin effects scan --format vst3")
def scan(
    context: typer.Context,
    formats: FormatOption = None,
    search: SearchOption = None,
    deadline: Annotated[
        float, typer.Option("--deadline", min=0.1, help=f"{DEADLINE}, and an effect to open.")
    ] = 30.0,
    again: Annotated[
        bool, typer.Option("--again", help="Probe also what an earlier scan has probed.")
    ] = False,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Open and probe everything, each in a worker process; crashes are noted, not suffered.

    What was scanned before is not done again unless its file has changed, so a scan that was
    stopped goes on where it was.
    """
    output = begin(context, json=json, quiet=quiet)
    import os

    from dialin.cli._scan import load_verdicts, save_verdicts, scan_file
    from dialin.cli._scan import scan as run

    entries = _entries(formats, search)
    if not entries:
        output.data({"schema": 1, "verdicts": []})
        output.say(_none(search))
        return
    path = scan_file()
    known = load_verdicts(path)
    usable = {} if again else known

    kept, done = True, 0

    def tell(verdict: Verdict) -> None:
        nonlocal kept, done
        if known.get(verdict.uri) != verdict:
            known[verdict.uri] = verdict
            try:
                if kept:
                    save_verdicts(path, known)
            except OutputError as error:
                kept = False
                output.warn(
                    f"what the scan finds cannot be kept ({error}); the next one starts afresh"
                )
        done += 1
        scanned("effects", done, len(entries), verdict.name)

    with progress(output) as scanned:
        verdicts = run(
            entries,
            deadline=deadline,
            workers=workers or os.cpu_count() or 1,
            known=usable,
            tell=tell,
        )
    output.data({"schema": 1, "verdicts": [asdict(verdict) for verdict in verdicts]})
    if not output.talks:
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("effect", overflow="fold", style="cyan")
    table.add_column("verdict")
    table.add_column("knobs", justify="right")
    table.add_column("remarks", overflow="fold")
    for verdict in verdicts:
        colour = "green" if verdict.outcome == "ok" else "red"
        table.add_row(
            escape(verdict.uri),
            f"[{colour}]{verdict.outcome}[/]",
            str(verdict.knobs or ""),
            escape(verdict.text),
        )
    output.table(table)
    bad = sum(verdict.outcome != "ok" for verdict in verdicts)
    where = f"; kept in {escape(str(path))}" if kept else ""
    output.say(f"[dim]{len(verdicts)} effects, {bad} of them unusable{where}[/]")


def _entries(formats: list[str] | None, search: str | None) -> list[EffectEntry]:
    from dialin.cli._console import words
    from dialin.effects.catalogue import LISTED, list_effects
    from dialin.errors import UsageError

    wanted = words(formats)
    for name in wanted:
        if name == "faust":
            raise UsageError(
                "Faust programs are files of your own, which cannot be listed; "
                "name one: dialin effects show faust:FILE.dsp"
            )
        if name not in LISTED:
            raise UsageError(f"--format {name!r} is unknown; use one of {', '.join(LISTED)}")
    entries = list_effects(wanted or None)
    if search:
        text = search.casefold()
        entries = [
            entry
            for entry in entries
            if text in f"{entry.name} {entry.category} {entry.vendor} {entry.uri}".casefold()
        ]
    return entries


def _list_favourites(output: Output, search: str | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from dialin.configuration import config_file, load_configuration

    text = (search or "").casefold()
    mine = [
        (name, effects)
        for name, effects in sorted(load_configuration().favourites.items())
        if text in f"{name} {' '.join(effects)}".casefold()
    ]
    favourites = [{"name": name, "effects": list(effects)} for name, effects in mine]
    output.data({"schema": 1, "favourites": favourites})
    if not mine:
        which = f"no favourite has {escape(repr(search))} in it" if search else "no favourites yet"
        output.say(f"{which}; make one: dialin effects favourite NAME EFFECT...")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("favourite", overflow="fold", style="cyan")
    table.add_column("stands for", overflow="fold")
    for name, effects in mine:
        table.add_row(escape(name), escape(" > ".join(effects)))
    output.table(table)
    output.say(f"[dim]kept in {escape(str(config_file()))}[/]")


def _none(search: str | None) -> str:
    from rich.markup import escape

    if search:
        return f"no installed effect has {escape(repr(search))} in its name, category or maker"
    return "no effects of these formats are installed"


def _entry_dict(entry: EffectEntry) -> dict[str, Any]:
    return {
        "uri": entry.uri,
        "name": entry.name,
        "format": entry.format,
        "category": entry.category,
        "vendor": entry.vendor,
        "file": str(entry.file),
    }


def _show_spec(output: Output, spec: EffectSpec) -> None:
    from rich.markup import escape
    from rich.table import Table

    by = f" by {escape(spec.vendor)}" if spec.vendor else ""
    version = f", version {escape(spec.version)}" if spec.version else ""
    category = f", {escape(spec.category)}" if spec.category else ""
    output.say(f"[bold]{escape(spec.name)}[/]{by} ({spec.format}{version}{category})")
    output.say(f"[cyan]{escape(spec.uri)}[/]")
    if spec.file:
        output.say(f"[dim]{escape(str(Path(spec.file)))}[/]")
    output.say("")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("knob", style="cyan")
    table.add_column("name")
    table.add_column("from", justify="right")
    table.add_column("to", justify="right")
    table.add_column("default", justify="right")
    table.add_column("travel")
    for knob in spec.parameters:
        if knob.labels:
            travel = " | ".join(knob.labels[:8]) + (" | ..." if len(knob.labels) > 8 else "")
        elif knob.curve == "stepped":
            travel = f"{knob.steps} steps"
        else:
            travel = "on or off" if knob.curve == "toggle" else knob.curve
        if knob.status == "dead":
            travel += ", does nothing"
        default = knob.text(knob.to_normalised(knob.default))
        cells = (knob.id, knob.name, knob.text(0.0), knob.text(1.0), default, travel)
        table.add_row(*(escape(cell) for cell in cells))
    output.table(table)
    if spec.excluded:
        names = ", ".join(escape(knob.id) for knob in spec.excluded)
        output.say(f"[dim]left alone: {names}[/]")


def _show_probe(output: Output, spec: EffectSpec, probe: Probe) -> None:
    from rich.markup import escape
    from rich.table import Table

    def level(value: float) -> str:
        return "none" if value <= -300 else f"{value:.1f} dBFS"

    colour = "green" if probe.verdict == "ok" else "red"
    output.say(
        f"[bold]{escape(spec.name)}[/]  [cyan]{escape(spec.uri)}[/]  [{colour}]{probe.verdict}[/]"
    )
    repeats = "yes, bit for bit" if probe.deterministic else "no"
    if not probe.deterministic:
        repeats += f", renders differ by {level(probe.repeat_error_db)}"
    rows = {
        "renders repeat": repeats,
        "latency": f"{probe.latency} samples, after compensation",
        "channels": probe.channels,
        "default": "changes nothing" if probe.transparent_default else "changes the sound",
        "noise of its own": level(probe.noise_floor_db),
        "highest peak": f"{level(probe.peak_db)}, for an input that peaks at -6 dBFS",
        "speed": f"{probe.speed:.0f} times real time",
    }
    if probe.tail:
        rows["rings for"] = f"{probe.tail:g} s after a click" + (" or more" * (probe.tail >= 2))
    if probe.neutrals:
        by_id = {knob.id: knob for knob in spec.parameters}
        rows["does nothing at"] = ", ".join(
            f"{id} {by_id[id].text(by_id[id].to_normalised(value))}"
            for id, value in probe.neutrals.items()
        )
    if probe.loud_knobs:
        rows["dangerously loud"] = ", ".join(probe.loud_knobs)
    for state in ("live", "stepped", "dead"):
        knobs = [knob for knob, value in probe.knobs.items() if value == state]
        if knobs:
            rows[f"{state} knobs"] = ", ".join(knobs)
    for number, failure in enumerate(probe.failures):
        rows[f"failure {number + 1}"] = failure
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(2):
        table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, escape(value))
    output.table(table)
