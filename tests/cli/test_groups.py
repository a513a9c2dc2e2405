"""Options in groups: dataclasses on the inside, single options on the command line."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from dialin.cli._groups import RenderArguments, grouped
from dialin.errors import UsageError


@dataclass(frozen=True)
class _Group:
    number: Annotated[int, typer.Option(min=1)]
    words: Annotated[list[str] | None, typer.Option("--word")] = None


@grouped
def _command(
    context: typer.Context,
    first: Annotated[str, typer.Argument()],
    group: _Group,
    render: RenderArguments,
) -> None:
    typer.echo(f"{first} {group.number} {group.words} {render.amount:g} {context.info_name}")


def run(*words):
    app = typer.Typer()
    app.command()(_command)
    return CliRunner().invoke(app, words)


def test_fields_of_a_group_are_options_of_their_own():
    result = run("one", "--number", "2", "--word", "a", "--word", "b", "--amount", "50")
    assert result.output.startswith("one 2 ['a', 'b'] 50 ")
    assert run("one", "--number", "2").output.startswith("one 2 None 100 ")


def test_bounds_and_what_is_required_hold_in_a_group():
    assert run("one", "--number", "0").exit_code == 2
    assert run("one").exit_code == 2


def test_what_is_required_comes_first():
    names = list(inspect.signature(_command).parameters)
    assert names == ["context", "first", "number", "words", "amount", "headroom", "tail"]


def test_a_group_checks_what_it_holds():
    with pytest.raises(UsageError, match="the amount is 101"):
        RenderArguments(amount=101).options()


def test_a_grouped_command_can_be_called_by_another(capsys):
    _command(typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None))), "one", 3)
    assert capsys.readouterr().out.startswith("one 3 None 100")
