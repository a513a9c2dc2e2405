"""``dialin presets``: look at presets, check them, take them to other hosts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialin.cli._console import JsonOption, OverwriteOption, QuietOption, begin
from dialin.errors import UsageError

if TYPE_CHECKING:
    pass

app = typer.Typer(
    no_args_is_help=True,
    help="""Look at presets, check them against what is installed, take them to other hosts.

\b
  dialin presets show out/preset.json
  dialin presets check out/preset.json
  dialin presets export out/preset.json --to vstpreset -o presets/
  dialin presets export out/preset.json --to reaper -o presets/
""",
)

KINDS = ("vstpreset", "lv2", "reaper")

PresetArgument = Annotated[Path, typer.Argument(help="A preset.json written by dialin match.")]


@app.command()
def show(
    context: typer.Context,
    preset: PresetArgument,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Show what a preset holds. The effects need not be installed."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.effects import Preset

    loaded = Preset.load(preset)
    output.data(loaded.to_dict())
    if output.talks:
        _show(output, loaded)


@app.command()
def export(
    context: typer.Context,
    preset: PresetArgument,
    to: Annotated[str, typer.Option(help="vstpreset, lv2 or reaper.")],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Where the files go.")] = Path(),
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Write a preset as files that other hosts read."""
    output = begin(context, json=json, quiet=quiet)
    if to not in KINDS:
        raise UsageError(f"--to {to!r} is unknown; use one of {', '.join(KINDS)}")
    from dialin.effects import Preset, export_preset

    loaded = Preset.load(preset)
    written = export_preset(loaded, to, folder)
    output.data({"written": [str(path) for path in written]})
    for path in written:
        output.say(str(path))
