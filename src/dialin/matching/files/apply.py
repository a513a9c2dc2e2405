"""A preset on other files: any length, each file's own rate, channels, format and length."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from dialin.audio import audio_info, output_format
from dialin.audio.listing import audio_files
from dialin.configuration import config_file
from dialin.effects.amount import check_amount
from dialin.effects.files import effect_files
from dialin.errors import DialinError, OutputError, UnexpectedError, UsageError
from dialin.files import check_distinct, check_not_read, check_space, working_folder
from dialin.matching.files.file_render import (
    OutputPlan,
    Steps,
    file_steps,
    plan_output,
    side_by_side,
    try_output,
)
from dialin.matching.fit import Fitted, settings_for
from dialin.matching.options import check_tail
from dialin.reports.report import Applied

if TYPE_CHECKING:
    from dialin.presets.preset import Preset
    from dialin.rendering import RenderPool

Failure = Callable[[Path, DialinError], None]


@dataclass(frozen=True)
class ApplyProgress:
    """Where `apply_preset` stands: told about ten times a second.

    Attributes
    ----------
    file : Path
    index, files : int
        Which file this is, from 0, and of how many.
    done, seconds : float
        Seconds of input rendered, and of the whole file.
    """

    file: Path
    index: int
    files: int
    done: float
    seconds: float


def apply_preset(
    preset: Preset | str | PathLike[str],
    files: Sequence[str | PathLike[str]],
    folder: str | PathLike[str],
    *,
    amount: float = 100.0,
    headroom: bool = False,
    tail: float = 0.0,
    overwrite: bool = False,
    pool: RenderPool | None = None,
    progress: Callable[[ApplyProgress], None] | None = None,
    on_failure: Failure | None = None,
    reads: Iterable[str | PathLike[str]] = (),
    trust: bool = False,
) -> list[Applied]:
    """Render files through a preset, full length.

    Parameters
    ----------
    preset : Preset or path-like
        What they are rendered through; a path is read first.
    files : sequence of path-like
        Outputs are named after them. A folder stands for every audio file in it and below;
        their outputs lie in folders of the same names.
    folder : path-like
        Where outputs go; made if it is not there.
    amount : float
        How much of the preset, in per cent; 0 is the input, exactly.
    headroom : bool
        Turn outputs that would exceed full scale down, each by just enough.
    tail : float
        Seconds rendered after the end of each file, for reverb and echoes to ring out.
    overwrite : bool
        Replace existing outputs.
    pool : RenderPool, optional
        A pool to use; one is made and closed otherwise.
    progress : callable, optional
        Called with an `ApplyProgress`; files are rendered side by side.
    on_failure : callable, optional
        Called with a file and its error, whatever it is, and the other files go on. Without it the
        first error is raised; files already finished stay.
    reads : iterable of path-like
        What else the run reads; none of it is ever replaced.
    trust : bool
        Whether the preset may have plugins loaded from outside the usual folders, and Faust
        programs compiled: they are code, and presets are passed around.

    Returns
    -------
    list of Applied
        Of the files that were rendered, in order.

    Raises
    ------
    UsageError
        If there are no files, or two outputs would get the same name.
    OutputError
        Before anything is rendered: if an output would replace something that is read, or is
        there already, or the folder cannot be written to or has too little room.
    PresetError, AudioError, EffectError
    """
    from dialin.presets.preset import Preset
    from dialin.rendering import RenderPool

    read: list[str | PathLike[str]] = [*reads, config_file()]
    if not isinstance(preset, Preset):
        read.append(preset)
        preset = Preset.load(preset, trust=trust)
    elif trust:
        preset = replace(preset, trusted=True)
    check_amount(amount)
    check_tail(tail)
    target = Path(folder)
    plans = _plans(files, target, tail, on_failure)
    read += [*(plan.source.path for plan in plans), *effect_files(s.uri for s in preset.slots)]
    check_not_read([plan.target for plan in plans], read)
    for plan in plans:
        if os.path.lexists(plan.target) and not overwrite:
            raise OutputError(
                f"{str(plan.target)!r} exists already; choose another folder or --overwrite"
            )
    own = None if pool is not None else RenderPool(max(1, min(len(plans), os.cpu_count() or 1)))
    used = pool if own is None else own
    assert used is not None

    def render(plan: OutputPlan, fitted: Fitted) -> Steps[Applied | None]:
        try:
            made = yield from file_steps(
                plan.source.path,
                plan.target,
                fitted.effect,
                fitted.settings,
                pool=used,
                headroom=headroom,
                tail=tail,
                overwrite=overwrite,
                reads=read,
            )
        except Exception as error:
            if on_failure is None:
                raise
            on_failure(plan.source.path, UnexpectedError.of(error))
            return None
        return replace(made, notes=(*fitted.notes, *made.notes))

    def tell(index: int, done: float) -> None:
        if progress is not None:
            source = plans[index].source
            progress(ApplyProgress(source.path, index, len(plans), done, source.seconds))

    try:
        # The folder is held for all of them: a file that fails would take an empty one away.
        with working_folder(target) as work:
            plans = _tried(plans, work, on_failure)
            fitted = settings_for(preset, amount, used)
            done = side_by_side([partial(render, plan, fitted) for plan in plans], used, tell)
    finally:
        if own is not None:
            own.close()
    return [result for result in done if result is not None]


def in_the_way(files: Sequence[str | PathLike[str]], folder: str | PathLike[str]) -> list[Path]:
    """What is there already of the outputs of `apply_preset`, by its names; nothing is opened.

    Parameters
    ----------
    files : sequence of path-like
        Of inputs and folders of inputs.
    folder : path-like
        Where outputs would go.

    Returns
    -------
    list of Path
        By path.
    """
    paths = {
        path / name
        for source, path in _sources(files, Path(folder))
        for name in (source.name, f"{source.stem}.wav")
    }
    return sorted(path for path in paths if os.path.lexists(path))


def _sources(files: Sequence[str | PathLike[str]], folder: Path) -> list[tuple[Path, Path]]:
    """Every input with the folder its output goes to; folders are laid out."""
    folders: dict[Path, Path] = {}
    for file in map(Path, files):
        if file.is_dir():
            inside = audio_files(file, without=[folder])
            folders |= {path: folder / path.relative_to(file).parent for path in inside}
        else:
            folders[file] = folder
    return list(folders.items())


def _plans(
    files: Sequence[str | PathLike[str]], folder: Path, tail: float, on_failure: Failure | None
) -> list[OutputPlan]:
    """Every input with its output; headers are read first, so that a bad file is known early."""
    if not files:
        raise UsageError("there are no files to render; name at least one")
    plans: list[OutputPlan] = []
    for source, target in _sources(files, folder):
        try:
            info = audio_info(source)
            suffix = output_format(info).suffix
            plans.append(plan_output(info, target / f"{source.stem}.{suffix}", tail))
        except Exception as error:
            if on_failure is None:
                raise
            on_failure(source, UnexpectedError.of(error))
    return plans


def _tried(plans: Sequence[OutputPlan], work: Path, on_failure: Failure | None) -> list[OutputPlan]:
    """Those of the outputs that can be written; nothing has been rendered yet."""
    check_distinct([(plan.source.path, plan.target) for plan in plans], work)
    kinds: dict[tuple[object, ...], OutputError | None] = {}
    good: list[OutputPlan] = []
    for plan in plans:
        info = plan.source
        kind = (plan.target.suffix, plan.subtype, plan.container, info.sample_rate, info.channels)
        if kind not in kinds:
            try:
                try_output(plan, work)
                kinds[kind] = None
            except OutputError as error:
                kinds[kind] = error
        failure = kinds[kind]
        if failure is None:
            good.append(plan)
        elif on_failure is None:
            raise failure
        else:
            on_failure(info.path, failure)
    check_space(work.parent, sum(plan.size for plan in good))
    return good
