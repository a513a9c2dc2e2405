"""``dialin data``: training pairs from songs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialin.cli._console import JsonOption, QuietOption, WorkersOption, begin
from dialin.cli._options import OUTPUT, PAIRS, SEED, Engine, EngineOption, example
from dialin.cli._progress import progress

if TYPE_CHECKING:
    from dialin.data import RenderProgress

HELP = """Make training data: pairs of a clean and an effected excerpt, with the settings.

\b
  dialin data fetch-corpus songs/
  DIALIN_CORPUS=songs dialin data render recipes/mda-overdrive/recipe.toml -o pairs/
  dialin data report pairs/
"""

app = typer.Typer(help=HELP, no_args_is_help=True)


@app.command()
@example("dialin data render recipes/mda-overdrive/recipe.toml -o pairs/")
def render(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="A recipe, as a TOML file.")],
    output_folder: Annotated[
        str, typer.Option("--output", "-o", help=f"{OUTPUT}: a folder, or an fsspec URL, s3://...")
    ],
    pairs: Annotated[
        int | None, typer.Option("--pairs", min=1, help=f"{PAIRS}; the recipe's by default.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help=f"{SEED}; the recipe's by default.")
    ] = None,
    engine: EngineOption = Engine.local,
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
    from dialin.data import load_recipe, render_recipe
    from dialin.data.render import with_overrides
    from dialin.files import check_not_read

    written = [Path(output_folder) / name for name in ("plan.json", "manifest.json")]
    check_not_read(written, [recipe])
    plan = with_overrides(load_recipe(recipe), pairs=pairs, seed=seed)
    with progress(output) as show:

        def tell(state: RenderProgress) -> None:
            show("pairs", state.done, plan.pairs, _counts(state))

        manifest = render_recipe(
            plan,
            output_folder,
            engine=engine.value,
            workers=workers,
            cache=cache,
            progress=tell,
        )
    if json:
        output.data({"output": output_folder, **manifest})
        return
    counts = manifest["counts"]
    output.say(f"{counts['pairs'] - counts['lost']} pairs in {output_folder}")
    for word in ("lost", "rejected", "dropped"):
        if counts[word]:
            output.say(f"{word}: {_words(counts[word])}")
    output.say(f"manifest {manifest['hash']}")


def _counts(state: RenderProgress) -> str:
    text = f"{state.rate:.1f}/s"
    if state.rejected:
        text += f", refused {_words(state.rejected)}"
    return text + (f", lost {state.lost}" if state.lost else "")


def _words(counts: Any) -> str:
    if isinstance(counts, int):
        return str(counts)
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


@app.command()
@example("dialin data report pairs/")
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
    report = rejection_report(spec, records)
    if json:
        output.data(report.to_dict())
        return
    refused = sum(report.causes.values())
    output.say(
        f"{spec.name}: {report.pairs} pairs, {report.lost} lost, {report.draws} settings drawn, "
        f"{refused} refused ({_words(report.causes) or 'none'})"
    )
    if report.dropped:
        output.say(f"excerpts dropped: {_words(report.dropped)}")
    table = Table("knob", *(f"{20 * r}-{20 * r + 20} %" for r in range(5)), title="share refused")
    for name, row in zip(report.parameters, report.share, strict=True):
        table.add_row(name, *("" if v != v else f"{100 * v:.1f} %" for v in row))
    output.table(table)


@app.command("fetch-corpus")
@example("dialin data fetch-corpus songs/")
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

    names = package or list(PACKAGES)
    with progress(output) as show:

        def tell(name: str) -> None:
            if output.talks:
                output.stderr.print(f"{name}: {PACKAGES[name][1]} ({PACKAGES[name][0]})")
            show("packages", names.index(name), len(names), name)

        manifest = fetch_corpus(folder, names, progress=tell)
    if json:
        output.data(manifest)
        return
    output.say(f"{len(manifest['files'])} files, {manifest['hours']:.2f} hours in {folder}")
    if manifest["skipped"]:
        output.say(f"{len(manifest['skipped'])} files could not be read; see corpus.json")
