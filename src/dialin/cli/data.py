"""``dialin data``: training pairs from songs."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialin.cli._console import JsonOption, QuietOption, WorkersOption, begin
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.data import Progress

HELP = """Make training data: pairs of a clean and an effected excerpt, with the settings.

\b
  dialin data fetch-corpus songs/
  DIALIN_CORPUS=songs dialin data render recipes/mda-overdrive/recipe.toml -o pairs/
  dialin data report pairs/
"""

app = typer.Typer(help=HELP, no_args_is_help=True)


@app.command()
def render(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="A recipe, as a TOML file.")],
    output_folder: Annotated[
        str, typer.Option("--output", "-o", help="Folder, or an fsspec URL such as s3://...")
    ],
    pairs: Annotated[
        int | None, typer.Option(min=1, help="So many pairs instead of the recipe's number.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the recipe's seed.")] = None,
    engine: Annotated[str, typer.Option(help="local, or ray for a Ray cluster.")] = "local",
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps decoded songs, for the next recipe too."),
    ] = None,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Render pairs to disk; an interrupted run is finished by the same command."""
    output = begin(context, json=json, quiet=quiet)
    if engine not in ("local", "ray"):
        raise UsageError(f"--engine {engine!r}: use local or ray")
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from dialin.data import load_recipe, render_recipe
    from dialin.data.render import with_overrides

    plan = with_overrides(load_recipe(recipe), pairs=pairs, seed=seed)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    hidden = output.quiet or json or not sys.stderr.isatty()
    with Bar(*columns, console=output.stderr, disable=hidden) as bar:
        task = bar.add_task("pairs", total=plan.pairs, counts="")

        def show(state: Progress) -> None:
            bar.update(task, completed=state.done, counts=_counts(state))

        manifest = render_recipe(
            plan,
            output_folder,
            engine="ray" if engine == "ray" else "local",
            workers=workers,
            cache=cache,
            progress=show,
        )
    if json:
        sys.stdout.write(json_format.dumps({"output": output_folder, **manifest}) + "\n")
        return
    counts = manifest["counts"]
    output.say(f"{counts['pairs'] - counts['lost']} pairs in {output_folder}")
    for word in ("lost", "rejected", "dropped"):
        if counts[word]:
            output.say(f"{word}: {_words(counts[word])}")
    output.say(f"manifest {manifest['hash']}")


def _counts(state: Progress) -> str:
    text = f"{state.rate:.1f}/s"
    if state.rejected:
        text += f", refused {_words(state.rejected)}"
    return text + (f", lost {state.lost}" if state.lost else "")


def _words(counts: Any) -> str:
    if isinstance(counts, int):
        return str(counts)
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


@app.command()
def report(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(help="A folder of rendered pairs.")],
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Show which settings of the effect were refused, by cause and by region of each knob."""
    output = begin(context, json=json, quiet=quiet)
    from rich.table import Table

    from dialin.data import read_manifest, rejection_report
    from dialin.effects.spec import EffectSpec

    manifest, records = read_manifest(folder)
    spec = EffectSpec.from_dict(manifest["effect"])
    found = rejection_report(spec, records)
    if json:
        sys.stdout.write(json_format.dumps(found.to_dict()) + "\n")
        return
    refused = sum(found.causes.values())
    output.say(
        f"{spec.name}: {found.pairs} pairs, {found.lost} lost, {found.draws} settings drawn, "
        f"{refused} refused ({_words(found.causes) or 'none'})"
    )
    if found.dropped:
        output.say(f"excerpts dropped: {_words(found.dropped)}")
    table = Table("knob", *(f"{20 * r}-{20 * r + 20} %" for r in range(5)), title="share refused")
    for name, row in zip(found.parameters, found.share, strict=True):
        table.add_row(name, *("" if v != v else f"{100 * v:.1f} %" for v in row))
    output.table(table)


@app.command("fetch-corpus")
def fetch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where the corpus goes.")],
    package: Annotated[
        list[str] | None, typer.Option(help="Only this package; may be given again.")
    ] = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Fetch about 9 hours of free music, speech and instruments (427 MB) from Debian."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.data.fetch import PACKAGES, fetch_corpus

    def show(name: str) -> None:
        if output.talks:
            output.stderr.print(f"{name}: {PACKAGES[name][1]} ({PACKAGES[name][0]})")

    manifest = fetch_corpus(folder, package or tuple(PACKAGES), progress=show)
    if json:
        sys.stdout.write(json_format.dumps(manifest) + "\n")
        return
    output.say(f"{len(manifest['files'])} files, {manifest['hours']:.2f} hours in {folder}")
    if manifest["skipped"]:
        output.say(f"{len(manifest['skipped'])} files could not be read; see corpus.json")
