"""``dialin recipes``: the recipes that come with dialin, wherever it is installed."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from dialin.cli._console import JsonOption, QuietOption, begin
from dialin.cli._options import OUTPUT, example
from dialin.errors import OutputError, UsageError

HELP = """Recipes that come with dialin: training data, encoders, controllers.

\b
  dialin recipes list
  dialin recipes show controller
  dialin recipes copy controller
  DIALIN_CORPUS=songs dialin train controller recipes/controller/recipe.toml -o runs/multiband
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="A recipe's name, as list prints it.")]


@app.command("list")
@example("dialin recipes list")
def list_recipes(
    context: typer.Context, quiet: QuietOption = False, json: JsonOption = False
) -> None:
    """List the recipes: their names, what they make, their files."""
    output = begin(context, json=json, quiet=quiet)
    from rich.table import Table

    rows = [
        {"name": folder.name, "makes": _heading(folder), "files": _recipes(folder)}
        for folder in _folders()
    ]
    if json:
        output.data({"recipes": rows})
        return
    table = Table("recipe", "makes", "files")
    for row in rows:
        table.add_row(str(row["name"]), str(row["makes"]), ", ".join(row["files"]))
    output.table(table)


@app.command()
@example("dialin recipes show controller")
def show(
    context: typer.Context,
    name: NameArgument,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Print what a recipe is for, how it is used, and its files."""
    output = begin(context, json=json, quiet=quiet)
    folder = _folder(name)
    texts = {n: (folder / n).read_text(encoding="utf-8") for n in ("README.md", *_recipes(folder))}
    if json:
        output.data({"name": name, "files": texts})
        return
    from rich.markup import escape

    for file, text in texts.items():
        output.say(escape(text.rstrip() if file == "README.md" else f"\n--- {file}\n{text}"))


@app.command()
@example("dialin recipes copy controller")
def copy(
    context: typer.Context,
    name: NameArgument,
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"{OUTPUT}: recipes/NAME by default.")
    ] = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Copy a recipe's files, to run them or to make your own of them."""
    output = begin(context, json=json, quiet=quiet)
    source = _folder(name)
    target = folder or Path("recipes") / name
    if target.exists():
        raise OutputError(f"{str(target)!r} is there already; name another folder with -o")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with as_file(source) as path:
            shutil.copytree(path, target, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    except OSError as error:
        raise OutputError(f"{str(target)!r} cannot be written: {error}") from error
    output.data({"recipe": name, "folder": str(target)})
    output.say(f"{name} in {target}; see {target / 'README.md'}")


def _root() -> Traversable:
    root = files("dialin") / "recipes"
    if not root.is_dir():
        raise UsageError("this installation of dialin has no recipes; install it again")
    return root


def _folders() -> list[Traversable]:
    folders = [f for f in _root().iterdir() if f.is_dir() and (f / "README.md").is_file()]
    return sorted(folders, key=lambda f: f.name)


def _folder(name: str) -> Traversable:
    names = {folder.name: folder for folder in _folders()}
    if name not in names:
        raise UsageError(f"there is no recipe {name!r}; there are {', '.join(names)}")
    return names[name]


def _heading(folder: Traversable) -> str:
    return (folder / "README.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _recipes(folder: Traversable) -> list[str]:
    return sorted(f.name for f in folder.iterdir() if f.name.endswith(".toml"))
