"""``dialin evaluate``: how well methods do, by the field's protocols."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialin.cli._console import JsonOption, QuietOption, WorkersOption, begin, words
from dialin.cli._options import (
    METHODS,
    OUTPUT,
    CountOption,
    Engine,
    EngineOption,
    FiguresOption,
    GroupsOption,
    Layout,
    SeedOption,
    SongsOption,
    Split,
    SplitOption,
)
from dialin.cli._progress import progress
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.cli._console import Output
    from dialin.evaluation.items import ItemProtocol

HELP = """Judge methods by a protocol: half, song, audible, dry, cross, counterfx or mastering.

\b
  dialin evaluate half --songs songs/ -n 60 -o table/
  dialin evaluate half:60 counterfx:100 --songs songs/ -o table/
  dialin evaluate audible dry:20 --fx builtin:delay,builtin:reverb --songs songs/ -o time/
  dialin evaluate counterfx --songs songs/ --fx known \\
      --methods untouched,pick:mfcc:512,st-ito:mfcc:512 --curve 1,16,64,512 -o curve/

PROTOCOL:N gives a protocol its own number of items for each effect. The same command goes on where
a stopped run was. Methods: untouched, random, default, mean, nearest[:ENCODER], rules, match:N
(dialin, N renders at most) and guess:N (where the effect is known to be there), search:N and
plain:N (the same without networks), refine:N:FOLDER, pick:ENCODER:N, st-ito:ENCODER:N,
matchering:PYTHON, model:FOLDER (one that dialin made), system:package.module/factory:FOLDER
(code of your own, which only you can name), true.
"""


def evaluate(
    context: typer.Context,
    protocol: Annotated[list[str], typer.Argument(help="Protocols, or PROTOCOL:N.")],
    target: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: rows and tables.")],
    songs: SongsOption,
    methods: Annotated[
        list[str] | None,
        typer.Option("--methods", help=f"{METHODS}; baselines and search by default."),
    ] = None,
    fx: GroupsOption = None,
    count: CountOption = 60,
    seed: SeedOption = 0,
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", help="The protocol's own by default.")
    ] = None,
    split: SplitOption = Split.test,
    layout: Annotated[Layout, typer.Option(help="How --songs is laid out.")] = Layout.folder,
    curve: Annotated[
        list[str] | None,
        typer.Option("--curve", help="Budgets at which searches are looked at, such as 1,16,64."),
    ] = None,
    manifests: Annotated[
        Path | None,
        typer.Option(help="counterfx: folder with audio.csv and targets.jsonl of the public set."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="half, song: truth as in the original, floor included.")
    ] = False,
    figures: FiguresOption = True,
    engine: EngineOption = Engine.local,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Run protocols, write rows, tables and figures."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.evaluation.methods import ALL_BASELINES
    from dialin.evaluation.protocols import Dry, OneEffect
    from dialin.evaluation.report import write_report
    from dialin.evaluation.runner import Plan, Progress, run_plan
    from dialin.evaluation.tables import markdown_overview, summarise
    from dialin.files import check_not_read

    check_not_read(
        [target / name for name in ("rows.jsonl", "table.md", "table.csv", "table.json")],
        [manifests / name for name in ("audio.csv", "targets.jsonl")] if manifests else [],
    )
    plans = []
    wanted, taken = words(fx), set[str]()
    for text in protocol:
        name, colon, number = text.partition(":")
        if colon and not (number.isdigit() and int(number)):
            raise UsageError(f"{text!r}: {number!r} is no number of items; write {name}:60")
        name = protocol_name(output, name)
        chosen = _protocol(name, songs, manifests, exact)
        any_effect = isinstance(chosen, OneEffect | Dry)
        groups = [
            effect
            for effect in wanted
            if len(protocol) == 1 or effect in chosen.groups or (any_effect and ":" in effect)
        ]
        taken.update(groups)
        plans.append(
            Plan(
                chosen,
                tuple(str(s) for s in songs),
                tuple(groups),
                int(number) if colon else count,
                tuple(words(methods)) or ALL_BASELINES,
                tuple(words(metrics)),
                split.value,
                seed,
                layout.value,
                tuple(_numbers(words(curve))),
            )
        )
    for effect in wanted:
        if effect not in taken:
            raise UsageError(f"--fx {effect!r} is a group of none of {', '.join(protocol)}")
    rows = {}
    with progress(output) as show:
        for plan in plans:
            name = plan.protocol.name
            show(name, 0, len(plan.groups) * plan.count or None)

            def tell(state: Progress, name: str = name) -> None:
                note = f"{state.errors} answers missing" if state.errors else ""
                show(name, state.done, state.total, note)

            rows[plan.protocol.name] = run_plan(
                plan, target, workers=workers, engine=engine.value, progress=tell
            )
    leading = {plan.protocol.name: plan.metrics for plan in plans}
    command = " ".join(["dialin", *sys.argv[1:]])
    written = write_report(rows, leading, target, figures=figures, command=command)
    cells = [c for name, own in rows.items() for c in summarise(own, leading[name][:1])]
    if json:
        output.data({"written": written, "cells": [vars(cell) for cell in cells]})
        return
    for name, names in leading.items():
        if output.talks:
            sys.stdout.write(f"{markdown_overview(cells, name, names[0])}\n")
    output.say(f"rows, tables and figures in {target}")


def _numbers(texts: list[str]) -> list[int]:
    for text in texts:
        if not text.isdigit() or not int(text):
            raise UsageError(f"--curve {text!r} is no number of renders; write --curve 1,16,64")
    return sorted({int(text) for text in texts})


def _protocol(name: str, songs: list[Path], manifests: Path | None, exact: bool) -> ItemProtocol:
    from dialin.evaluation.protocols import ManifestCounterFx, OneEffect, get_protocol

    if manifests is not None and name == "counterfx":
        return ManifestCounterFx(
            str(manifests / "audio.csv"), str(manifests / "targets.jsonl"), str(songs[0])
        )
    if exact and name in ("half", "song"):
        return OneEffect(name, exact=True)
    return get_protocol(name)


def protocol_name(output: Output, name: str) -> str:
    """A protocol's name of today, with a remark where a former one was given.

    Parameters
    ----------
    output : Output
        Of the command.
    name : str
        As it was typed.

    Returns
    -------
    str
    """
    from dialin.evaluation.items import FORMER_NAMES

    if name in FORMER_NAMES:
        output.warn(f"the protocol {name} is called {FORMER_NAMES[name]} now")
    return FORMER_NAMES.get(name, name)
