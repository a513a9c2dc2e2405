"""``dialin demo``: a match of two recordings that come with dialin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

import dialin
from dialin.cli import match
from dialin.cli._console import JsonOption, OverwriteOption, QuietOption, WorkersOption, begin
from dialin.cli._options import BUDGET, OUTPUT
from dialin.errors import UsageError

HELP = """Match two recordings that come with dialin, and write a report to look at.

A clean slide guitar is made to sound like a metal one, with built-in effects that
are heard in it. It takes half a minute or so on two cores.

\b
  dialin demo
  dialin demo -o demo-out/ --open
"""

INPUT, REFERENCE, SEED = "guitar-slide.flac", "guitar-metal.flac", 1


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: a folder.")] = Path(
        "demo-out"
    ),
    budget: Annotated[int | None, typer.Option("--budget", min=1, help=f"{BUDGET}.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
    workers: WorkersOption = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Run the command; `HELP` is what its users read."""
    output = begin(context, json=json, quiet=quiet)
    with example(INPUT) as input, example(REFERENCE) as reference:
        match.match(
            context,
            input=input,
            references=[str(reference)],
            folder=folder,
            budget=budget,
            seed=SEED,
            workers=workers,
            overwrite=overwrite,
            quiet=quiet,
            json=json,
        )
    page = (folder / "report.html").resolve()
    output.say(
        f"\nopen {page.as_uri()}\nand switch between input, match and reference as they play"
    )
    if show:
        import webbrowser

        webbrowser.open(page.as_uri())


@contextmanager
def example(name: str) -> Iterator[Path]:
    """A recording that comes with dialin, as a file while the ``with`` block lasts.

    Parameters
    ----------
    name : str
        Of the file, with its suffix.

    Yields
    ------
    Path

    Raises
    ------
    UsageError
        If this installation has none.
    """
    checkout = Path(dialin.__file__).parents[2] / "examples" / "audio" / name
    for source in (files("dialin") / "examples" / "audio" / name, checkout):
        if source.is_file():
            with as_file(source) as path:
                yield path
            return
    raise UsageError(
        f"this installation of dialin has no {name!r}; match two recordings of your own: "
        "dialin match dry.wav reference.wav -o out/"
    )
