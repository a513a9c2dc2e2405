"""Options of a command in groups: a few dataclasses in place of twenty parameters.

A command that is `grouped` takes dataclasses whose fields are annotated as Typer wants its
parameters; on the command line they are options of its own, in the order of the fields.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from dialin.cli._console import (
    JsonOption,
    Output,
    OverwriteOption,
    QuietOption,
    WorkersOption,
    begin,
)
from dialin.cli._options import DEADLINE, AmountOption, HeadroomOption, TailOption

if TYPE_CHECKING:
    from dialin.matching.options import RenderOptions
    from dialin.rendering import RenderPool


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Spread the dataclasses that a command takes into options of its own.

    Parameters
    ----------
    command : callable
        A function whose parameters are annotated as Typer wants them, or with dataclasses whose
        fields are.

    Returns
    -------
    callable
        With the fields for parameters: those without a default first.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            own = get_type_hints(hints[name], include_extras=True)
            parameters += [_parameter(each, own[each.name]) for each in fields(hints[name])]
        else:
            parameters.append(parameter.replace(annotation=hints[name]))
    parameters.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)
    signature = inspect.Signature(parameters)

    @functools.wraps(command)
    def spread(*arguments: Any, **keywords: Any) -> None:
        bound = signature.bind(*arguments, **keywords)
        bound.apply_defaults()
        given = bound.arguments
        made = {
            name: kind(**{each.name: given.pop(each.name) for each in fields(kind)})
            for name, kind in groups.items()
        }
        command(**given, **made)

    spread.__signature__ = signature  # type: ignore[attr-defined]
    spread.__annotations__ = {each.name: each.annotation for each in parameters}
    return spread


def _parameter(each: Field[Any], annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if each.default is MISSING else each.default
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(each.name, kind, default=default, annotation=annotation)


@dataclass(frozen=True)
class RenderArguments:
    """How whole files are rendered.

    Attributes
    ----------
    amount : float
        In per cent.
    headroom : bool
        Whether what would clip is turned down.
    tail : float
        In seconds.
    """

    amount: AmountOption = 100.0
    headroom: HeadroomOption = False
    tail: TailOption = 0.0

    def options(self) -> RenderOptions:
        """The same, checked."""
        from dialin.matching.options import RenderOptions

        return RenderOptions(amount=self.amount, headroom=self.headroom, tail=self.tail)

    def words(self) -> list[str]:
        """Options as they are typed, without headroom."""
        words = [] if self.amount == 100 else ["--amount", f"{self.amount:g}"]
        return words + (["--tail", f"{self.tail:g}"] if self.tail else [])


@dataclass(frozen=True)
class RunArguments:
    """How a command runs, and what it says.

    Attributes
    ----------
    overwrite : bool
        Whether earlier results are replaced.
    quiet : bool
        Whether only errors are told.
    json : bool
        Whether what is told is for programs.
    """

    overwrite: OverwriteOption = False
    quiet: QuietOption = False
    json: JsonOption = False

    def begin(self, context: typer.Context) -> Output:
        """Where the command's words go.

        Parameters
        ----------
        context : typer.Context
            Of the command.

        Returns
        -------
        Output
        """
        return begin(context, json=self.json, quiet=self.quiet)


@dataclass(frozen=True)
class PoolArguments:
    """Workers that render.

    Attributes
    ----------
    deadline : float
        Seconds that a render may take.
    workers : int, optional
        How many; one a core by default.
    """

    deadline: Annotated[float, typer.Option("--deadline", min=0.1, help=f"{DEADLINE}.")] = 20.0
    workers: WorkersOption = None

    def pool(self, *, spare: bool = False) -> RenderPool:
        """Workers, to be closed by the caller.

        Parameters
        ----------
        spare : bool, default False
            Where nobody said how many: leave a core to the program itself.

        Returns
        -------
        RenderPool
        """
        from dialin.rendering import RenderPool

        count = self.workers
        if count is None and spare:
            count = max(1, (os.cpu_count() or 1) - 1)
        return RenderPool(workers=count, deadline=self.deadline)
