"""``dialin train``: networks from recipes."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialin.cli._console import JsonOption, QuietOption, WorkersOption, begin
from dialin.cli._options import OUTPUT, example
from dialin.cli._progress import progress
from dialin.errors import MissingPackageError

if TYPE_CHECKING:
    from dialin.cli._console import Output

HELP = """Train networks from recipes: an encoder first, then what uses it.

\b
  dialin data fetch-corpus songs/
  DIALIN_CORPUS=songs dialin train vae recipes/vae/recipe.toml -o runs/vae
  DIALIN_CORPUS=songs dialin train vae recipes/vae/recipe.toml -o runs/vae --resume
  dialin train encoder recipes/encoder/recipe.toml -o runs/encoder --set loop.epochs=5

A run that was stopped, or killed, goes on with --resume and ends with the same network. Relative
paths start at the current folder, in --set and in variables too; those in a recipe start at it.
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

RecipeArgument = Annotated[Path, typer.Argument(help="A training recipe, as a TOML file.")]
FolderOption = Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: folder of the run.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Another value for the recipe, as in optimiser.rate=1e-3."),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with the run in that folder.", show_default=False)
]
RenderedOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder that keeps rendered excerpts, for other recipes too; in the run by default."
    ),
]


def need_torch() -> None:
    """Refuse to go on without what training needs, and say which command brings it."""
    # The last two turn what was trained into a model folder, hours later.
    needed = ("torch", "lightning", "safetensors", "onnxscript", "onnxruntime")
    missing = [name for name in needed if not importlib.util.find_spec(name)]
    if missing:
        raise MissingPackageError(
            f"training needs {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed: pip install 'dialin[training]'"
        )


@app.command()
@example("dialin train vae recipes/vae/recipe.toml -o runs/vae")
def vae(
    context: typer.Context,
    recipe: RecipeArgument,
    output_folder: FolderOption = Path("runs/vae"),
    set: SetOption = None,
    resume: ResumeOption = False,
    rendered: RenderedOption = None,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Train a beta-VAE on effected audio: an encoder that can also decode."""
    output = begin(context, json=json, quiet=quiet)
    _train("vae", output, recipe, output_folder, set, resume, rendered, workers)


@app.command()
@example("dialin train encoder recipes/encoder/recipe.toml -o runs/encoder --set loop.epochs=5")
def encoder(
    context: typer.Context,
    recipe: RecipeArgument,
    output_folder: FolderOption = Path("runs/encoder"),
    set: SetOption = None,
    resume: ResumeOption = False,
    rendered: RenderedOption = None,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Train an encoder to recognise effects and their settings, whatever the music."""
    output = begin(context, json=json, quiet=quiet)
    _train("encoder", output, recipe, output_folder, set, resume, rendered, workers)


def _train(
    stage: str,
    output: Output,
    recipe: Path,
    folder: Path,
    overrides: list[str] | None,
    resume: bool,
    rendered: Path | None,
    workers: int | None,
) -> None:
    need_torch()
    from dialin.training.config import EncoderRecipe, VaeRecipe, load_recipe
    from dialin.training.inputs import check_inputs
    from dialin.training.runs import is_first_process

    kinds: dict[str, Any] = {"vae": VaeRecipe, "encoder": EncoderRecipe}
    plan = load_recipe(recipe, kinds[stage], overrides or ())
    # Whatever is wrong is said before torch is imported, which takes seconds.
    check_inputs(plan, rendered or folder / "rendered", folder, stage, resume=resume)
    from dialin.training.learn import train_encoder

    output.quiet = output.quiet or not is_first_process()
    # Rendering and reading stay on the screen when they are done; an epoch makes room for the next.
    with progress(output, gone=lambda what: what.startswith("epoch")) as show:
        trained = train_encoder(
            stage,
            plan,
            folder,
            rendered=rendered,
            resume=resume,
            workers=workers,
            show=show,
            say=output.say,
        )
    figures = dict(sorted(trained.figures.items()))
    tell(output, folder, trained.finished, trained.model, figures, 32, debug=plan.debug)


def tell(
    output: Output,
    folder: Path,
    finished: bool,
    model: Path | None,
    figures: Mapping[str, float],
    width: int,
    *,
    debug: bool = False,
) -> None:
    """Say where the model is and how good; for a run that was stopped, how it goes on.

    Parameters
    ----------
    output : Output
        Of the command.
    folder : Path
        Of the run.
    finished : bool
        Whether the training came to its end.
    model : Path or None
        Folder of the model.
    figures : mapping of str to float
        From validation, by name.
    width : int
        Columns that names of figures are padded to.
    debug : bool, default False
        Whether a debug recipe made it.

    Raises
    ------
    KeyboardInterrupt
        If the training was stopped.
    """
    if not finished:
        output.warn(f"stopped; the same command with --resume goes on in {folder}")
        raise KeyboardInterrupt
    output.data({"model": str(model), "figures": dict(figures), "debug": debug})
    output.say(f"model in {model}")
    if debug:
        from dialin.training.config import DEBUG

        output.warn(DEBUG)
    for name, value in figures.items():
        output.say(f"  {name:{width}s} {value:.4g}{' (debug)' if debug else ''}")
