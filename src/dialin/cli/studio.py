"""``dialin studio``: the local page on which everything is done by ear."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dialin.cli._console import JsonOption, QuietOption, WorkersOption, begin
from dialin.errors import MissingPackageError

HELP = """Open the studio: match, hear, turn and explore on a page in your browser.

It runs on this machine and works without internet: nothing leaves it. The address that is printed
has a token in it; whoever does not have that is turned away. Ctrl-C ends it.

\b
  dialin studio
  dialin studio --no-browser --port 8765
  dialin studio --library ~/Music/dialin
"""


def studio(
    context: typer.Context,
    library: Annotated[
        Path | None,
        typer.Option(help="Folder of recordings and matches; one of your own by default."),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let --host be one that other machines reach.")
    ] = False,
    max_upload: Annotated[
        int, typer.Option(min=1, help="Largest recording taken, in megabytes (MiB).")
    ] = 1024,
    max_minutes: Annotated[
        float, typer.Option(min=0.1, help="Longest recording taken, in minutes.")
    ] = 60.0,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Run the command; `HELP` is what its users read."""
    output = begin(context, json=json, quiet=quiet)
    for package in ("fastapi", "uvicorn"):
        if find_spec(package) is None:
            raise MissingPackageError(
                f"the studio needs {package}, which is not installed; install it with: "
                "pip install 'dialin[studio]'"
            )
    import os
    import sys

    from dialin.web import StudioOptions
    from dialin.web.options import studio_folder
    from dialin.web.serve import serve

    options = StudioOptions(
        library=library or studio_folder(),
        host=host,
        port=port,
        allow_remote=allow_remote,
        workers=workers or os.cpu_count() or 1,
        upload_bytes=max_upload << 20,
        upload_seconds=60.0 * max_minutes,
    )

    def ready(address: str) -> None:
        # Printed even where quiet: without it there is no way in.
        if json:
            output.data({"address": address, "library": options.library})
            sys.stdout.flush()
        else:
            typer.echo(address)
        output.say("[dim]Ctrl-C ends the studio.[/]")
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(options, ready)
