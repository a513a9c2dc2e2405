"""Options that several commands have, once each, so that one word means one thing everywhere."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

F = TypeVar("F", bound=Callable[..., Any])


class Engine(StrEnum):
    """Where work is spread over."""

    local = "local"
    ray = "ray"


class Split(StrEnum):
    """Which songs methods are judged on."""

    test = "test"
    valid = "valid"


class Layout(StrEnum):
    """How a folder of songs is laid out."""

    folder = "folder"
    musdb18 = "musdb18"
    musdb18hq = "musdb18hq"


class Way(StrEnum):
    """What makes a map."""

    pca = "pca"
    vae = "vae"
    controller = "controller"


class Kind(StrEnum):
    """Of presets of other hosts."""

    vstpreset = "vstpreset"
    lv2 = "lv2"
    reaper = "reaper"


SEED = "The same seed gives the same result"
FX = (
    "An effect: a URI, a name that dialin effects list prints, or a favourite; may be repeated, "
    "for effects in series"
)
GROUPS = "An effect, or another group of the protocol; may be repeated"
METHODS = "Methods, separated by commas"
PAIRS = "How many pairs are rendered"
OUTPUT = "Where the results go"
DEADLINE = "Seconds a render may take before it counts as failed"
BUDGET = "Renders to spend"
NAME = "What it is called"
SONGS = "Folder of songs"
MODEL = "Folder of a trained controller"
TAIL = "Seconds rendered after the end, for reverb to ring out."
AMOUNT = "How much of the effect, in per cent; 0 leaves the sound alone."

SeedOption = Annotated[int, typer.Option("--seed", min=0, help=f"{SEED}.")]
EngineOption = Annotated[Engine, typer.Option("--engine", help="Ray needs a Ray cluster.")]
SplitOption = Annotated[
    Split, typer.Option("--split", help="Songs to judge on: valid while you tune, test after.")
]
FxOption = Annotated[list[str] | None, typer.Option("--fx", metavar="EFFECT", help=f"{FX}.")]
GroupsOption = Annotated[
    list[str] | None, typer.Option("--fx", metavar="EFFECT", help=f"{GROUPS}.")
]
CountOption = Annotated[
    int, typer.Option("--count", "-n", min=1, help="Items of each effect or group.")
]
SongsOption = Annotated[list[Path], typer.Option("--songs", help=f"{SONGS}; may be repeated.")]
AmountOption = Annotated[float, typer.Option("--amount", help=AMOUNT)]
TailOption = Annotated[float, typer.Option("--tail", help=TAIL)]
HeadroomOption = Annotated[
    bool,
    typer.Option(
        "--headroom",
        help="Turn a result that would clip down by just enough, and say by how much.",
    ),
]
FiguresOption = Annotated[bool, typer.Option("--figures/--no-figures", help="Draw figures.")]


def example(*commands: str) -> Callable[[F], F]:
    """Show commands below the help of one, as they are typed.

    Parameters
    ----------
    *commands : str
        As they are typed.

    Returns
    -------
    callable
        A decorator, to stand below that of the command.
    """

    def add(function: F) -> F:
        lines = "\n".join(f"  {command}" for command in commands)
        function.__doc__ = f"{inspect.getdoc(function)}\n\n\b\n{lines}"
        return function

    return add


def renamed(old: Mapping[str, str]) -> type[TyperCommand]:
    """Kind of a command some of whose options had other names, which go on working for a while.

    Parameters
    ----------
    old : mapping of str to str
        Old spelling -> the one it has now.

    Returns
    -------
    type
        For ``cls`` of a command. Whoever uses an old spelling is told on stderr.
    """

    class Renamed(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> Any:
            """Take old spellings for what they are called now.

            Parameters
            ----------
            ctx : click.Context
                Of the command.
            args : list of str
                As they were typed.

            Returns
            -------
            list of str
                What is left of them.
            """
            quiet = {"--quiet", "-q"} & set(args)
            end = args.index("--") if "--" in args else len(args)
            new = []
            for word in args[:end]:
                name, equals, value = word.partition("=")
                if name in old:
                    if not quiet:
                        sys.stderr.write(
                            f"note: {name} is called {old[name]} now; the old name goes away "
                            "with the next release\n"
                        )
                    word = f"{old[name]}{equals}{value}"
                new.append(word)
            return super().parse_args(ctx, new + args[end:])

    return Renamed
