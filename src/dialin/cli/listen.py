"""``dialin listen``: listening tests after ITU-R BS.1534 (MUSHRA)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dialin.cli._console import (
    JsonOption,
    OverwriteOption,
    QuietOption,
    WorkersOption,
    begin,
    words,
)
from dialin.cli._options import (
    METHODS,
    NAME,
    OUTPUT,
    CountOption,
    FiguresOption,
    GroupsOption,
    SeedOption,
    SongsOption,
    Split,
    SplitOption,
    example,
    renamed,
)
from dialin.cli._progress import progress
from dialin.cli.evaluate import protocol_name

HELP = """Make listening tests (MUSHRA, for webMUSHRA) and analyse what raters said.

\b
  dialin listen build half --songs songs/ --fx Overdrive,MultiBand -n 3 -o test/
  dialin listen analyse mushra.csv -o results/
"""

app = typer.Typer(help=HELP, no_args_is_help=True)


@app.command(cls=renamed({"--effects": "--fx"}))
@example("dialin listen build half --songs songs/ --fx Overdrive,MultiBand -n 3 -o test/")
def build(
    context: typer.Context,
    protocol: Annotated[str, typer.Argument(help="half, song, cross or counterfx.")],
    target: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: folder of the test.")],
    songs: SongsOption,
    methods: Annotated[
        list[str] | None, typer.Option("--methods", help=f"{METHODS}; search:100 by default.")
    ] = None,
    fx: GroupsOption = None,
    count: CountOption = 3,
    seed: SeedOption = 0,
    split: SplitOption = Split.test,
    name: Annotated[str, typer.Option("--name", help=f"{NAME}: dialin by default.")] = "dialin",
    overwrite: OverwriteOption = False,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Make a test: stimuli at one loudness, anchors, a practice page, webMUSHRA's config."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.evaluation.listening import build_test
    from dialin.evaluation.protocols import get_protocol
    from dialin.evaluation.runner import Plan

    plan = Plan(
        get_protocol(protocol_name(output, protocol)),
        tuple(str(s) for s in songs),
        tuple(words(fx)),
        count,
        tuple(words(methods)) or ("search:100",),
        split=split.value,
        seed=seed,
    )
    with progress(output) as show:
        show("trials", 0, None)
        written = build_test(
            plan,
            target,
            name=name,
            workers=workers,
            overwrite=overwrite,
            progress=lambda done, total: show("trials", done, total),
        )
    output.data({"written": written})
    for path in written:
        output.say(str(path))


@app.command()
@example("dialin listen analyse mushra.csv -o results/")
def analyse(
    context: typer.Context,
    results: Annotated[Path, typer.Argument(help="webMUSHRA's mushra.csv.")],
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"{OUTPUT}: tables and a plot.")
    ] = None,
    figures: FiguresOption = True,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Screen raters, then means, medians, confidence intervals, Wilcoxon tests, a plot."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.evaluation.listening import analyse as analyse_ratings
    from dialin.evaluation.listening import read_ratings
    from dialin.evaluation.listening.report import analysis_text, write_analysis
    from dialin.files import check_not_read

    if target is not None:
        names = ("listening.md", "conditions.csv", "comparisons.csv", "ratings.png")
        check_not_read([target / name for name in names], [results])
    analysis = analyse_ratings(read_ratings(results))
    written = [] if target is None else write_analysis(analysis, target, figures=figures)
    output.data(
        {
            "raters": analysis.raters,
            "excluded": analysis.excluded,
            "conditions": [vars(c) for c in analysis.conditions],
            "comparisons": [vars(c) for c in analysis.comparisons],
            "written": written,
        }
    )
    if output.talks:
        sys.stdout.write(analysis_text(analysis))
    for path in written:
        output.say(str(path))
