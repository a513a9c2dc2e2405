"""``dialin match``: find the settings, write the preset, the audio and the report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from dialin.cli._console import INTERRUPTED, confirm_overwrite
from dialin.cli._groups import PoolArguments, RenderArguments, RunArguments, grouped
from dialin.cli._match_arguments import FileArguments, SearchArguments, SongArguments
from dialin.cli._match_many import halfway, match_all, match_together, task_of_each
from dialin.cli._match_printing import show
from dialin.cli._match_task import InputTask
from dialin.cli._match_words import chosen_effects
from dialin.errors import UsageError
from dialin.matching.first_guess import LEAST_LISTENED

if TYPE_CHECKING:
    from dialin.cli._console import Output
    from dialin.rendering import RenderPool

MEASURING = "dialin.matching.candidate"
"""What workers import, by name: it leans on SciPy, and they start before the command needs that."""

HELP = """Find the settings that make INPUT sound like REFERENCE.

A reference is a file, or FILE:WEIGHT where there are several. Written are a
preset, the processed audio, presets for other hosts, and a report to look at
and listen to.

\b
  dialin match dry.wav ref.wav -o out/
  dialin match takes/ ref.wav -o out/
  dialin match album/*.flac ref.flac -o out/
  dialin match album/ -o out/ --reference punchy.json --fx mastering --together
  dialin match stems/ refstems/ -o out/ --stems
  dialin match dry.wav ref.wav -o out/ --fx compressor --fx reverb --seed 7
  dialin match dry.wav ref.wav -o out/ --fx ZamComp --amount 60
  dialin match dry.wav ref.wav -o out/ --fx lv2:urn:zamaudio:ZamDelay --bpm 96
  dialin match song.wav record.wav -o out/ --fx mastering --loudness -14 --ceiling -1
  dialin match dry.wav ref.wav -o out/ --budget 1
  dialin match dry.wav ref.wav -o out/ --fx auto:drive,delay,reverb
  dialin match dry.wav ref.wav -o out/ \\
      --fx lv2:http://drobilla.net/plugins/mda/Overdrive
  dialin match dry.wav a.wav:0.7 b.wav:0.3 -o out/
  dialin match dry.wav tone.wav -o out/ --reference-for level=loud.wav
  dialin match dry.wav ref.wav -o out/ --lock compressor.ratio=4 --only tone
  dialin match dry.wav ref.wav -o out/ --fx reverb --keep
  dialin match dry.wav ref.wav -o out/ --fx reverb --pick 2 --overwrite
  dialin match dry.wav ref.wav -o out/ --budget 40 \\
      --fx lv2:http://drobilla.net/plugins/mda/Delay --model runs/delay/model

Ctrl-C stops the search and writes the best so far. Where INPUT is a folder, each
audio file in it gets a folder of its own below out/; one that fails does not stop
the rest, and the same command goes on where it was stopped.
"""


@grouped
def match(
    context: typer.Context,
    files: FileArguments,
    search: SearchArguments,
    song: SongArguments,
    render: RenderArguments,
    workers: PoolArguments,
    run: RunArguments,
) -> None:
    """Run the command; `HELP` is what its users read."""
    output = run.begin(context)
    with workers.pool(spare=_is_guess(files, search)) as pool:
        # Whole songs are solved and rendered by built-ins alone, which need no workers.
        if search.fx != ["mastering"]:
            pool.warm_up(MEASURING)
        from dialin.files.system import keep_freed_memory
        from dialin.quick_imports import import_array_api

        import_array_api()
        keep_freed_memory()
        _match(output, files, search, song, render, run, pool)


def _is_guess(files: FileArguments, search: SearchArguments) -> bool:
    """Whether so little is rendered, of built-ins, that a last worker would only start."""
    single = len(files.references or ()) < 2 and not files.input.is_dir()
    auto = all(name.partition(":")[0] == "auto" for name in search.fx or ())
    return single and auto and (search.budget or LEAST_LISTENED) < LEAST_LISTENED


def _match(
    output: Output,
    files: FileArguments,
    search: SearchArguments,
    song: SongArguments,
    render: RenderArguments,
    run: RunArguments,
    pool: RenderPool,
) -> None:
    (inputs, mix), rendering = files.read(), render.options()
    options = replace(search.options(), song=song.options())
    chosen = chosen_effects(output, search.fx)
    if song != SongArguments() and chosen not in (None, "mastering"):
        raise UsageError(
            "--smooth, --max-eq, --loudness and --ceiling are of whole songs; use them with "
            "--fx mastering"
        )
    task = InputTask(output, mix, chosen, options, rendering)
    from dialin.matching.files.folder import has_results

    many = files.stems or len(inputs) > 1 or inputs[0].is_dir()
    if (files.invert or files.halfway) and (many or len(mix) > 1 or files.together):
        raise UsageError("--invert and --halfway are of one input and one reference")
    if files.stems or (many and not files.together):
        tasks = task_of_each(inputs, files.folder, task, files.stems)
        match_all(tasks, task, pool, run.overwrite)
        return
    if files.together:
        match_together(inputs, files.folder, task, pool, run.overwrite)
        return
    if files.halfway:
        match_all(halfway(inputs[0], files.folder, task), task, pool, run.overwrite)
        return
    overwrite = run.overwrite
    if has_results(files.folder):
        overwrite = confirm_overwrite(output, overwrite, files.folder)
    source = mix[0][0] if files.invert else inputs[0]
    chosen_task = replace(task, mix=[(inputs[0], 1.0)]) if files.invert else task
    saved = chosen_task.run(source, files.folder, pool, overwrite=overwrite)
    show(output, saved)
    if saved.error is not None:
        raise saved.error
    if task.stopped.is_set():
        raise typer.Exit(INTERRUPTED)
