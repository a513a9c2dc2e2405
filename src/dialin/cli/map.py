"""``dialin map``: the knobs of an effect as a plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialin.cli._console import (
    JsonOption,
    OverwriteOption,
    QuietOption,
    WorkersOption,
    begin,
    named_effect,
)
from dialin.cli._options import MODEL, OUTPUT, SeedOption, Way, example
from dialin.cli._progress import progress
from dialin.errors import UsageError

if TYPE_CHECKING:
    from dialin.effects.spec import EffectSpec
    from dialin.maps import EffectMap

HELP = """Make a map of an effect: a plane on which its sounds lie in order.

In the centre the effect does as little as it can; to the right it sounds brighter, upwards deeper.

\b
  dialin map fit builtin:distortion examples/audio/drums-break.flac -o drive.npz
  dialin map show drive.npz
  dialin map at drive.npz 0.4 -0.2 -o preset.json
  dialin apply preset.json song.wav -o wet/
"""

SECONDS = 3.0
"""Length of the excerpt of each recording that the effect is heard on."""

RATE = 24_000
"""Of that excerpt, in hertz."""

app = typer.Typer(help=HELP, no_args_is_help=True)

MapArgument = Annotated[Path, typer.Argument(help="A map, as `dialin map fit` writes it.")]


@app.command()
@example("dialin map fit builtin:distortion examples/audio/drums-break.flac -o drive.npz")
def fit(
    context: typer.Context,
    effect: Annotated[str, typer.Argument(help="An effect, as `dialin effects list` names it.")],
    recordings: Annotated[
        list[Path], typer.Argument(help="What the effect is heard on: one to three recordings.")
    ],
    file: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: an .npz file.")],
    way: Annotated[
        Way, typer.Option(help="What makes it: vae needs torch, controller needs --model.")
    ] = Way.pca,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help=f"{MODEL}; one, with two latent dimensions."),
    ] = None,
    sounds: Annotated[int, typer.Option(min=20, help="Settings that are heard.")] = 400,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Hear an effect at many settings and lay them out on a plane."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.audio import active_excerpts, read_audio, resample
    from dialin.files import check_not_read
    from dialin.maps import MapOptions, fit_map
    from dialin.matching.probing import probe_chain
    from dialin.rendering import RenderPool

    options = MapOptions(way=way.value, sounds=sounds, seed=seed)
    if (way is Way.controller) != (len(model or []) == 1):
        raise UsageError("a map from a controller, and no other, needs one --model FOLDER")
    check_not_read([file], [*recordings, *(model or [])])
    if file.exists() and not overwrite:
        raise UsageError(f"{str(file)!r} is there already; name another file, or --overwrite it")
    uri = named_effect(output, effect)
    pieces = []
    for recording in recordings:
        audio, rate = read_audio(recording)
        (span,) = active_excerpts(audio, rate, seconds=SECONDS, pieces=1)
        pieces.append(resample(audio[:, span], rate, RATE))
    with RenderPool(workers) as pool:
        probed = probe_chain(pool, uri)
        spec = probed.effect
        with progress(output) as show:
            made = fit_map(
                pool,
                uri,
                pieces,
                RATE,
                options,
                spec=spec,
                model=Path(model[0]) if model else None,
                progress=lambda done, total: show("renders", done, total),
            )
    made.save(file, overwrite=overwrite)
    output.say(f"{file}: a map of {spec.name} by {way}, {made.about['heard']} sounds, seed {seed}")
    output.data({"map": file, "effect": uri, "way": way.value, "about": made.about})


@app.command()
@example("dialin map show drive.npz")
def show(
    context: typer.Context,
    file: MapArgument,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Show what a map's corners, edges and centre are set to."""
    output = begin(context, json=json, quiet=quiet)
    from rich.table import Table

    loaded, spec, _ = _read(file)
    table = Table(title=f"{spec.name}, by {loaded.way}", title_justify="left")
    table.add_column("knob")
    points = [(x, y) for y in (0.9, 0.0, -0.9) for x in (-0.9, 0.0, 0.9)]
    for x, y in points:
        table.add_column(f"{x:g}, {y:g}", justify="right")
    settings = loaded.settings(points, spec)
    for index, parameter in enumerate(spec.parameters):
        if parameter.status == "live":
            table.add_row(parameter.name, *(parameter.text(row[index]) for row in settings))
    output.table(table)
    output.data(
        {
            "effect": loaded.effect,
            "way": loaded.way,
            "about": loaded.about,
            "points": [
                {"point": point, "native": spec.native(row)}
                for point, row in zip(points, settings, strict=True)
            ],
        }
    )


@app.command(context_settings={"ignore_unknown_options": True})
@example("dialin map at drive.npz 0.4 -0.2 -o preset.json")
def at(
    context: typer.Context,
    file: MapArgument,
    x: Annotated[float, typer.Argument(help="-1 (darker) to 1 (brighter).")],
    y: Annotated[float, typer.Argument(help="-1 to 1 (deeper).")],
    preset: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"{OUTPUT}: a preset of these settings.")
    ] = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Say, or write as a preset, what the knobs are set to at a point."""
    output = begin(context, json=json, quiet=quiet)
    if not (-1 <= x <= 1 and -1 <= y <= 1):
        raise UsageError(f"({x:g}, {y:g}) is not on the map: give x and y from -1 to 1")
    from dialin.files import check_not_read
    from dialin.presets.preset import Preset

    loaded, spec, slots = _read(file)
    settings = loaded.settings((x, y), spec)
    for index, parameter in enumerate(spec.parameters):
        output.say(f"{parameter.name}: {parameter.text(settings[index])}")
    if preset is not None:
        check_not_read([preset], [file])
        provenance = {"map": file.name, "point": [x, y], "effect": loaded.effect}
        made = Preset.from_settings(slots, settings, provenance=provenance)
        made.save(preset, overwrite=overwrite)
        output.say(f"written to {preset}")
    output.data({"point": [x, y], "native": spec.native(settings), "preset": preset})


def _read(file: Path) -> tuple[EffectMap, EffectSpec, tuple[EffectSpec, ...]]:
    """Map, and the specs of its effect and that effect's slots, as they are installed here."""
    from dialin.maps import load_map
    from dialin.matching.probing import probe_chain
    from dialin.rendering import RenderPool

    loaded = load_map(file)
    with RenderPool(1) as pool:
        probed = probe_chain(pool, loaded.effect)
    spec = probed.effect
    if spec.hash != loaded.spec_hash:
        raise UsageError(
            f"{str(file)!r} is a map of another version of {spec.name} (spec {loaded.spec_hash}, "
            f"installed {spec.hash}); fit it again"
        )
    return loaded, spec, probed.slots
