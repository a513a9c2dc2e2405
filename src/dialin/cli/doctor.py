"""``dialin doctor``: what works here, what is missing, what is kept and how to clear it."""

from __future__ import annotations

from typing import Annotated

import typer

from dialin.cli._console import JsonOption, Output, QuietOption, begin
from dialin.cli._health import Finding, cache_files, clear_cache, examine, healthy, size_text
from dialin.errors import OutputError

HELP = """Look at this installation: hosts, plugins, caches, optional parts, folders.

\b
  dialin doctor
  dialin doctor --json > doctor.json      # to send with a question
  dialin doctor --clear-cache             # forget what was found out about plugins

The exit code is 0 if everything that dialin needs works, and 1 if not.
"""

MARKS = {"ok": "[green]ok[/]", "optional": "[yellow]--[/]", "broken": "[red]!![/]"}


def doctor(
    context: typer.Context,
    clear: Annotated[
        bool,
        typer.Option(
            "--clear-cache", help="Delete what is kept of earlier scans and probes, and end."
        ),
    ] = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Run the command; `HELP` is what its users read."""
    output = begin(context, json=json, quiet=quiet)
    if clear:
        _clear(output)
        return
    findings = []
    part = ""
    for finding in examine():
        findings.append(finding)
        if finding.part != part:
            part = finding.part
            output.say(f"\n[bold]{part}[/]" if len(findings) > 1 else f"[bold]{part}[/]")
        _show(output, finding)
    good = healthy(findings)
    output.data({"healthy": good, "findings": [finding.to_dict() for finding in findings]})
    output.say("")
    if good:
        output.say("Everything that dialin needs works here.")
    else:
        broken = [finding.name for finding in findings if finding.state == "broken"]
        output.warn(f"what does not work: {', '.join(broken)}")
        raise typer.Exit(1)


def _clear(output: Output) -> None:
    try:
        count, size = clear_cache()
    except OSError as error:
        raise OutputError(
            f"the cache file {error.filename!r} cannot be deleted ({error.strerror}); "
            f"{len(cache_files())} files are left"
        ) from error
    output.data({"deleted": count, "bytes": size})
    output.say(f"deleted {count} files, {size_text(size)}; what they held is found out again")


def _show(output: Output, finding: Finding) -> None:
    from rich.markup import escape

    todo = f"\n       [dim]{escape(finding.todo)}[/]" if finding.todo else ""
    output.say(f"  {MARKS[finding.state]} {escape(finding.name)}  {escape(finding.text)}{todo}")
