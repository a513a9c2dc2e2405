"""``dialin train controller``: networks that set the knobs of one effect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialin.cli._console import JsonOption, QuietOption, WorkersOption, begin, named_effect
from dialin.cli._options import OUTPUT, PAIRS, SONGS, FxOption
from dialin.cli._progress import progress
from dialin.cli.train import RenderedOption, ResumeOption, SetOption, need_torch, tell
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.cli._console import Output
    from dialin.effects.spec import EffectSpec
    from dialin.training.controller_recipe import ControllerRecipe

HELP = """Train a controller: a network that hears a recording and a reference and sets an effect.

\b
  dialin train controller recipes/controller/recipe.toml -o runs/overdrive
  dialin train controller --fx lv2:http://drobilla.net/plugins/mda/Delay --songs songs/ --time

With --fx and --songs no recipe is needed: the effect is probed, the time is estimated, and the
model goes where matching looks for models of that effect (see dialin.networks.store), or to
--model-folder. A run that was stopped, or killed, goes on with --resume.
"""

PAIRS_OF_ONE = 1200
"""Pairs that one effect is learned on."""


def controller(
    context: typer.Context,
    recipe: Annotated[
        Path | None, typer.Argument(help="A training recipe; or use --fx and --songs.")
    ] = None,
    fx: FxOption = None,
    songs: Annotated[
        list[Path] | None, typer.Option("--songs", help=f"{SONGS}; one, to learn --fx on.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="Folder of a trained encoder, with --fx; statistics by default.")
    ] = "",
    pairs: Annotated[
        int | None,
        typer.Option("--pairs", min=32, help=f"{PAIRS}; 1200 by default, with --fx."),
    ] = None,
    by_ear: Annotated[
        bool, typer.Option(help="Finish with training on rendered audio, with --fx.")
    ] = True,
    time: Annotated[
        bool,
        typer.Option(
            "--time/--no-time", help="Tell it of echoes, rooms and motion as well, with --fx."
        ),
    ] = False,
    output_folder: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"{OUTPUT}: folder of the run.")
    ] = None,
    keep_as: Annotated[
        Path | None, typer.Option("--model-folder", help="Where the finished model goes.")
    ] = None,
    set: SetOption = None,
    resume: ResumeOption = False,
    rendered: RenderedOption = None,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Train a controller from a recipe, or of an effect of your own."""
    output = begin(context, json=json, quiet=quiet)
    need_torch()
    if (recipe is None) == (not fx) or (not fx) != (not songs) or len(songs or []) > 1:
        raise UsageError("name a recipe, or an effect with --fx and a folder of songs with --songs")
    if fx and set:
        raise UsageError(
            "--set changes a recipe; with --fx use --pairs, --encoder, --time and --by-ear"
        )
    if fx and songs:
        from dialin.networks.store import model_place
        from dialin.training.inputs import check_inputs
        from dialin.training.own_effect import check_audio_folder, recipe_for
        from dialin.training.runs import PARAMETERS, refuse_run

        # Before a minute goes into finding out what it does and how long it would take.
        check_audio_folder(songs[0])
        spec, notes = _look(named_effect(output, fx))
        path = model_place(spec)
        keep_as, folder = keep_as or path, output_folder or Path("runs") / path.name
        if not resume:
            refuse_run(folder / PARAMETERS)
        pairs = pairs or PAIRS_OF_ONE
        plan = recipe_for(spec, songs[0], encoder=encoder, pairs=pairs, by_ear=by_ear, time=time)
        root = rendered or folder / "rendered"
        check_inputs(plan, root, folder / PARAMETERS, "controller", resume=resume)
        # How much of a run is left cannot be told from its recipe.
        if not resume:
            _estimate(output, plan, spec, notes, workers)
    else:
        from dialin.training.config import load_recipe
        from dialin.training.controller_recipe import ControllerRecipe

        assert recipe is not None
        from dialin.training.inputs import check_inputs
        from dialin.training.runs import PARAMETERS

        plan = load_recipe(recipe, ControllerRecipe, set or ())
        folder = output_folder or Path("runs/controller")
        root = rendered or folder / "rendered"
        check_inputs(plan, root, folder / PARAMETERS, "controller", resume=resume)
    _run(output, plan, folder, keep_as, resume, rendered, workers)


def _look(fx: str) -> tuple[EffectSpec, tuple[str, ...]]:
    """Spec of an effect of one's own, and what its probe has to say."""
    from dialin.matching.probing import probe_chain
    from dialin.rendering import RenderPool

    with RenderPool(1) as pool:
        probed = probe_chain(pool, fx)
    return probed.effect, probed.notes


def _estimate(
    output: Output,
    plan: ControllerRecipe,
    spec: EffectSpec,
    notes: tuple[str, ...],
    workers: int | None,
) -> None:
    """Say what there is to learn and how long it will take."""
    from dialin.training.own_effect import estimate

    cost = estimate(plan, spec, notes, workers)
    live = sum(p.status == "live" for p in cost.spec.parameters)
    output.say(f"{cost.spec.name}: {live} knobs to learn")
    for note in cost.notes:
        output.warn(note)
    output.say(
        f"this will take about {_duration(cost.seconds)} (rendering {_duration(cost.rendering)}, "
        f"embedding {_duration(cost.embedding)}, training {_duration(cost.training)}, "
        f"listening {_duration(cost.listening)})"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _run(
    output: Output,
    plan: ControllerRecipe,
    folder: Path,
    model: Path | None,
    resume: bool,
    rendered: Path | None,
    workers: int | None,
) -> None:
    from dialin.training.learn import train_controller

    with progress(output, gone=lambda what: True) as show:
        trained = train_controller(
            plan,
            folder,
            rendered=rendered,
            model=model,
            resume=resume,
            workers=workers,
            show=show,
            say=output.say,
        )
    tell(output, folder, trained.finished, trained.model, trained.figures, 12, debug=plan.debug)
