"""``dialin presets``: look at presets, check them, take them to other hosts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialin.cli._console import (
    JsonOption,
    Output,
    OverwriteOption,
    QuietOption,
    TrustOption,
    begin,
    load_preset,
)
from dialin.cli._options import NAME, OUTPUT, Kind, example
from dialin.cli._progress import waiting
from dialin.errors import PresetError

if TYPE_CHECKING:
    from dialin.matching.equalisers.elsewhere import Refit
    from dialin.presets.preset import Preset

app = typer.Typer(
    no_args_is_help=True,
    help="""Look at presets, check them against what is installed, take them to other hosts.

\b
  dialin presets show out/preset.json
  dialin presets check out/preset.json
  dialin presets export out/preset.json --to vstpreset -o presets/
  dialin presets export out/preset.json --to reaper -o presets/
  dialin presets export out/preset.json -o ~/.lv2 \\
      --to lv2:http://gareus.org/oss/lv2/fil4#stereo
""",
)

PresetArgument = Annotated[Path, typer.Argument(help="A preset.json written by dialin match.")]


@app.command()
@example("dialin presets show out/preset.json")
def show(
    context: typer.Context,
    preset: PresetArgument,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Show what a preset holds. The effects need not be installed."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.presets.preset import Preset

    loaded = Preset.load(preset)
    output.data(loaded.to_dict())
    if output.talks:
        _show(output, loaded)


@app.command()
@example("dialin presets export out/preset.json --to vstpreset -o presets/")
def export(
    context: typer.Context,
    preset: PresetArgument,
    to: Annotated[
        str,
        typer.Option(
            help="What for: vstpreset, lv2 or reaper; or an LV2 or VST3 equaliser, which is set to "
            "what the preset's builtin:eq does.",
            metavar="KIND|EFFECT",
        ),
    ],
    folder: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: a folder.")] = Path(),
    name: Annotated[
        str,
        typer.Option("--name", help=f"{NAME}: after the recording it was made for by default."),
    ] = "",
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="Load what was written in a fresh plugin, and compare its sound.",
        ),
    ] = True,
    trust: TrustOption = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Write a preset as files that other hosts read, and check that they sound like it."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.configuration import config_file
    from dialin.presets.export import export_preset
    from dialin.presets.verify import verify_export

    loaded = load_preset(output, preset, trust)
    refits: tuple[Refit, ...] = ()
    kind = to
    if to not in list(Kind):
        loaded, refits, kind = _refitted(output, loaded, to)
    written = export_preset(
        loaded, kind, folder, name=name, overwrite=overwrite, reads=[preset, config_file()]
    )
    with waiting(output, "comparing with a fresh plugin"):
        verdicts = verify_export(loaded, written) if verify else {}
    output.data(
        {
            "written": [str(path) for path in written],
            "notes": list(written.notes),
            "refits": [asdict(refit) for refit in refits],
            "verified": {str(path): asdict(verdict) for path, verdict in verdicts.items()},
        }
    )
    from rich.markup import escape

    for path in written:
        verdict = verdicts.get(path)
        said = ""
        if verdict is not None:
            colour = {True: "green", False: "red", None: "dim"}[verdict.same]
            said = f"  [{colour}]{escape(verdict.text)}[/]"
        output.say(f"{escape(str(path))}{said}")
    for refit in refits:
        output.say(escape(refit.text))
    for note in written.notes:
        output.warn(note)
    if any(verdict.same is False for verdict in verdicts.values()):
        raise typer.Exit(PresetError.exit_code)


def _refitted(output: Output, preset: Preset, name: str) -> tuple[Preset, tuple[Refit, ...], str]:
    """The preset's equalisers by another one, how near it comes, and the kind of its presets."""
    from dialin.effects import resolve_effects
    from dialin.effects.uri import parse_uri
    from dialin.errors import DialinError, UsageError
    from dialin.matching.equalisers.elsewhere import refit_preset
    from dialin.rendering import RenderPool

    kinds = {"lv2": Kind.lv2, "vst3": Kind.vstpreset}
    try:
        (uri,) = resolve_effects([name]).uris
        format = parse_uri(uri)[0]
    except DialinError as error:
        raise UsageError(
            f"--to {name} is none of {', '.join(Kind)}, and no effect either: {error}"
        ) from error
    if format not in kinds:
        raise UsageError(
            f"--to {name} is no LV2 or VST3 equaliser; there are presets for those alone"
        )
    with waiting(output, f"setting {name}"), RenderPool(workers=1) as pool:
        made, refits = refit_preset(preset, uri, pool)
    return made, refits, str(kinds[format])


@app.command()
@example("dialin presets check out/preset.json")
def check(
    context: typer.Context,
    preset: PresetArgument,
    trust: TrustOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Check that a preset's effects are installed here and still have its knobs."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.matching.fit import settings_for
    from dialin.rendering import RenderPool

    loaded = load_preset(output, preset, trust)
    with RenderPool(workers=1) as pool:
        fitted = settings_for(loaded, 100.0, pool)
    output.data({"preset": str(preset), "fits": True, "notes": list(fitted.notes)})
    for note in fitted.notes:
        output.warn(note)
    output.say(f"{preset} fits what is installed")


def _show(output: Output, preset: Preset) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not preset.slots:
        output.say("this preset holds no effect: leaving the input alone sounded closest")
    for slot in preset.slots:
        version = f" version {escape(slot.version)}" if slot.version else ""
        output.say(f"[bold]{escape(slot.name)}[/]{version}  [cyan]{escape(slot.uri)}[/]")
        table = Table(box=None, show_header=False, pad_edge=False)
        for _ in range(2):
            table.add_column()
        for knob in slot.knobs:
            table.add_row(f"  {escape(knob.id)}", escape(knob.text or f"{knob.native:.6g}"))
        output.table(table)
