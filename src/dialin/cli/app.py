"""The command line's root: which commands there are."""

from __future__ import annotations

from typing import Annotated

import typer

import dialin
from dialin.cli import (
    apply,
    data,
    demo,
    doctor,
    effects,
    evaluate,
    listen,
    map,
    match,
    presets,
    profile,
    recipes,
    studio,
    timbre,
    train,
    train_controller,
)
from dialin.cli._console import Commands, Output
from dialin.cli._options import renamed

HELP = """Find the knob settings that make a recording sound like a reference.

\b
  dialin match dry.wav reference.wav -o out/
  dialin match dry.wav reference.wav -o out/ --fx compressor --fx reverb
  dialin match takes/ reference.wav -o out/
  dialin apply out/preset.json *.wav -o wet/ --amount 80
  dialin effects list --search reverb
  dialin presets show out/preset.json
  dialin studio
  dialin demo
  dialin doctor

Exit codes: 0 done, 2 usage, 3 audio, 4 effect, 5 render, 6 preset, 7 output, 8 recipe,
9 model, 10 training, 11 missing package, 130 Ctrl-C, 143 and 129 ended by the system.
"""

app = typer.Typer(
    name="dialin",
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dialin {dialin.__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error."),
    ] = False,
) -> None:
    """Options of all commands."""
    output = context.find_object(Output)
    if output is not None:
        output.debug = output.debug or debug


app.command("match", help=match.HELP)(match.match)
app.command("apply", help=apply.HELP)(apply.apply)
app.add_typer(effects.app, name="effects")
app.add_typer(presets.app, name="presets")
app.add_typer(profile.app, name="profile")
app.add_typer(map.app, name="map")
app.command("timbre", help=timbre.HELP)(timbre.measure)
app.add_typer(data.app, name="data")
app.command("evaluate", help=evaluate.HELP, cls=renamed({"--effects": "--fx"}))(evaluate.evaluate)
app.add_typer(listen.app, name="listen")
train.app.command(
    "controller",
    help=train_controller.HELP,
    cls=renamed({"--audio": "--songs", "--model": "--model-folder"}),
)(train_controller.controller)
app.add_typer(train.app, name="train")
app.add_typer(recipes.app, name="recipes")
app.command("studio", help=studio.HELP)(studio.studio)
app.command("demo", help=demo.HELP)(demo.demo)
app.command("doctor", help=doctor.HELP)(doctor.doctor)
