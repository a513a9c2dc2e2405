"""One file through an effect: its own rate, channels, format and length, in blocks, in a worker.

Conventions: peaks are sample peaks, 1.0 is full scale (0 dBFS). Nothing is ever limited: output
above full scale is kept in floating-point files and, in others, cut by the file format, which is
reported, or avoided by `headroom`, which turns the whole file down.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio import Audio, AudioInfo, audio_info, copy_metadata, format_for, to_db, write_audio
from dialin.errors import OutputError, RenderCrashError, RenderTimeoutError
from dialin.files import check_name, check_not_read, check_space, move, working_folder
from dialin.matching.files.streaming import (
    FileJob,
    FileRender,
    copy_file,
    read_count,
    stream_file,
    was_writing,
    write_rendered,
)
from dialin.matching.options import check_tail
from dialin.reports.report import Applied

if TYPE_CHECKING:
    from dialin.rendering import RenderPool, Result

T = TypeVar("T")

CEILING = 10 ** (-0.1 / 20)
"""Peak that `headroom` turns an output down to: 0.1 dB below full scale, which leaves room for
the rounding of integer formats and the overshoot of lossy ones."""

STALL = 60.0
"""Seconds a worker may spend on one block (3 s of audio) before it counts as hanging."""

_FLOAT = {"FLOAT", "DOUBLE"}
_WIDTHS = {
    "PCM_S8": 1,
    "PCM_U8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
}
"""Bytes a sample."""

LOSSY_BYTES_PER_SECOND = 64_000
"""More than Vorbis, Opus and MP3 take for two channels at their best quality (512 kbit/s)."""


@dataclass(frozen=True)
class OutputPlan:
    """What an output will be, decided before anything is rendered.

    Attributes
    ----------
    source : AudioInfo
    target : Path
    subtype, container : str
        libsndfile's names of the sample format and the file format.
    size : int
        Bytes it will take, at most.
    note : str
        Why it is not in the input's own format; empty where it is.
    """

    source: AudioInfo
    target: Path
    subtype: str
    container: str
    size: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class Step:
    """What the render of a file waits for.

    Attributes
    ----------
    future : Future of Result
    counter : Path
        File in which the worker counts samples.
    sample_rate : int
        In hertz.
    """

    future: Future[Result]
    counter: Path
    sample_rate: int

    def seconds(self) -> float:
        """Seconds of input done; 0 where the counter is just being written."""
        return read_count(str(self.counter)) / self.sample_rate


Steps = Generator[Step, None, T]


def plan_output(info: AudioInfo, target: Path, tail: float = 0.0) -> OutputPlan:
    """Decide what to write for an input.

    Parameters
    ----------
    info : AudioInfo
        Of the input.
    target : Path
        The name asked for.
    tail : float, default 0.0
        Seconds rendered after the end.

    Returns
    -------
    OutputPlan

    Raises
    ------
    OutputError
        If the name is longer than the file system takes, or belongs to a folder, or nothing can
        be written under it at the input's rate and channels.
    """
    check_name(target)
    if target.is_dir():
        raise OutputError(f"{str(target)!r} is a folder; move it, or choose another output folder")
    format = format_for(target, info, tail=tail)
    width = _WIDTHS.get(format.subtype, 0)
    seconds = info.seconds + tail
    if width:
        size = int(seconds * info.sample_rate * info.channels * width)
        if target.suffix.lower() == ".flac":
            # What it cannot compress it stores as it is.
            size += size // 20
    else:
        size = int(seconds * LOSSY_BYTES_PER_SECOND * max(1, info.channels / 2))
    return OutputPlan(info, target, format.subtype, format.container, size + 65_536, format.note)


def try_output(plan: OutputPlan, work: Path) -> None:
    """Write a moment of silence as an output will be written: format, rate, channels, rights.

    Parameters
    ----------
    plan : OutputPlan
        From `plan_output`.
    work : Path
        A working folder on the disk that is written to.

    Raises
    ------
    OutputError
        If no such file can be written.
    """
    trial = work / f"trial{plan.target.suffix}"
    info = plan.source
    silence = np.zeros((info.channels, info.sample_rate // 10 + 1), dtype=np.float32)
    try:
        write_audio(
            trial,
            silence,
            info.sample_rate,
            subtype=plan.subtype,
            container=plan.container,
            overwrite=True,
        )
    except OutputError as error:
        raise OutputError(str(error).replace(str(trial), str(plan.target))) from error
    finally:
        with suppress(OSError):
            trial.unlink()


def render_file(
    source: str | PathLike[str],
    target: str | PathLike[str],
    effect: str,
    settings: ArrayLike,
    *,
    pool: RenderPool,
    headroom: bool = False,
    tail: float = 0.0,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
    reads: Iterable[str | PathLike[str]] = (),
    rendered: Audio | None = None,
) -> Applied:
    """Render one file through an effect, in blocks, in a worker process.

    Parameters
    ----------
    source, target : path-like
        The output is written beside the target under another name and moved when it is whole.
    effect : str
        URI of an effect or a chain; empty for none.
    settings : array_like
        In [0, 1], in spec order.
    pool : RenderPool
        Workers that render.
    headroom : bool
        Turn an output that would exceed full scale down to 0.1 dB below it, by rendering again.
    tail : float
        Seconds rendered after the end.
    overwrite : bool
        Replace an existing target.
    progress : callable, optional
        Called with the seconds of input done.
    reads : iterable of path-like
        What else the run reads; none of it is ever replaced.
    rendered : ndarray, float32, shape (channels, samples), optional
        All of the source through the effect, where that was done before: it is written alone.

    Returns
    -------
    Applied

    Raises
    ------
    AudioError, EffectError, OutputError
        `RenderTimeoutError` if a block takes longer than a minute.
    """
    steps = file_steps(
        *(source, target, effect, settings),
        pool=pool, headroom=headroom, tail=tail, overwrite=overwrite, reads=reads,
        rendered=rendered,
    )  # fmt: skip
    tell = None if progress is None else lambda _, done: progress(done)
    return side_by_side([lambda: steps], pool, tell)[0]


def file_steps(
    source: str | PathLike[str],
    target: str | PathLike[str],
    effect: str,
    settings: ArrayLike,
    *,
    pool: RenderPool,
    headroom: bool = False,
    tail: float = 0.0,
    overwrite: bool = False,
    reads: Iterable[str | PathLike[str]] = (),
    rendered: Audio | None = None,
) -> Steps[Applied]:
    """`render_file`, told step by step what it waits for, so that several go on side by side.

    Parameters
    ----------
    source, target, effect, settings, pool, headroom, tail, overwrite, reads, rendered
        As there.

    Yields
    ------
    Step
        To be waited for.
    """
    info = audio_info(source)
    goal = Path(target)
    check_tail(tail)
    check_not_read([goal], [info.path, *reads])
    if os.path.lexists(goal) and not overwrite:
        raise OutputError(f"{str(goal)!r} exists already; choose another folder or --overwrite")
    plan = plan_output(info, goal, tail)
    vector = tuple(float(v) for v in np.asarray(settings, dtype=np.float64))
    began = time.monotonic()
    with working_folder(goal.parent) as work:
        check_space(goal.parent, plan.size)
        try_output(plan, work)
        # Short, because the name of the output itself may be as long as names can be.
        part = work / f"output{goal.suffix}"
        job = FileJob(
            source=str(info.path.resolve()),
            target=str(part.resolve()),
            settings=vector,
            tail=tail,
            subtype=plan.subtype,
            container=plan.container,
            counter=str((work / ".count").resolve()),
            stall=STALL,
        )
        gain_db = 0.0
        try:
            made = yield from _make(pool, effect, job, info, rendered)
            if headroom and made.peak > 1.0:
                gain = CEILING / made.peak
                gain_db = float(to_db(gain))
                quieter = FileJob(**(asdict(job) | {"gain": gain}))
                # Both would not fit on a disk that is nearly full.
                part.unlink(missing_ok=True)
                made = yield from _make(pool, effect, quieter, info, rendered)
        except OutputError as error:
            # A person knows the file by its own name, not by that of its making.
            raise OutputError(str(error).replace(job.target, str(goal))) from error
        lost = () if made.copied else copy_metadata(info.path, part)
        move(part, goal, replace=overwrite)
    written = audio_info(goal)
    is_float = written.subtype in _FLOAT
    notes = [*info.notes, *([plan.note] if plan.note else []), *lost]
    if not made.exact:
        notes.append("block-wise render may differ slightly from one in one piece")
    return Applied(
        source=info.path,
        target=goal,
        seconds=made.frames / info.sample_rate,
        sample_rate=info.sample_rate,
        channels=made.channels,
        subtype=written.subtype,
        peak_dbfs=float(to_db(made.peak)),
        rms_dbfs=float(to_db(np.sqrt(made.mean_square))),
        over_db=max(0.0, float(to_db(made.peak))),
        clipped=0 if is_float else made.clipped,
        gain_db=gain_db,
        exact=made.exact,
        render_seconds=time.monotonic() - began,
        notes=tuple(notes),
    )


def level_remark(result: Applied, again: str = "") -> str:
    """Sentence on clipping or silence, or empty.

    Parameters
    ----------
    result : Applied
        From `render_file`.
    again : str
        Command that renders it with headroom.

    Returns
    -------
    str
    """
    offer = f"; turned down, without another search: {again}" if again else ""
    offer = offer or "; --headroom turns it down by that much"
    if result.clipped:
        return (
            f"{result.target} clips: its peak lies {result.over_db:.1f} dB above full scale and "
            f"{result.clipped} samples were cut by the {result.subtype} format{offer}"
        )
    if result.over_db > 0:
        return (
            f"{result.target} peaks {result.over_db:.1f} dB above full scale; its floating point "
            f"format keeps that, but players will clip it{offer}"
        )
    if result.peak_dbfs < -90:
        return f"{result.target} is silent (peak {result.peak_dbfs:.1f} dBFS)"
    return ""


def _make(
    pool: RenderPool, effect: str, job: FileJob, info: AudioInfo, rendered: Audio | None
) -> Generator[Step, None, FileRender]:
    if rendered is not None:
        return write_rendered(job, rendered)
    return (yield from _stream(pool, effect, job, info))


def _stream(
    pool: RenderPool, effect: str, job: FileJob, info: AudioInfo
) -> Generator[Step, None, FileRender]:
    # Slower than a quarter of real time is no plugin's normal speed; a hang is caught far sooner,
    # by the worker's own timer on each block.
    deadline = 120.0 + 4.0 * (info.seconds + job.tail)
    before = time.time()
    counter = Path(job.counter)
    function = stream_file if effect else copy_file
    (future,) = pool.submit_calls(function, [(job,)], deadline=deadline, effect=effect or None)
    yield Step(future, counter, info.sample_rate)
    try:
        result = future.result().get()
    except RenderCrashError as error:
        last = counter.stat().st_mtime if counter.exists() else before
        at = read_count(job.counter) / info.sample_rate
        if was_writing(job.counter) and time.time() - last < job.stall:
            raise OutputError(
                f"cannot write {job.target!r}: libsndfile crashed while it wrote "
                f"{job.container} ({job.subtype}), {at:.1f} s into it; the effect is not to "
                "blame, so convert the input to WAV or FLAC, which gives an output like it"
            ) from error
        if time.time() - last < job.stall:
            raise
        raise RenderTimeoutError(
            f"{effect} hung {at:.1f} s into {job.source!r}: one block took longer than "
            f"{job.stall:.0f} s; change its settings or leave it out"
        ) from error
    assert isinstance(result, FileRender)
    return result


def side_by_side(
    files: Sequence[Callable[[], Steps[T]]],
    pool: RenderPool,
    tell: Callable[[int, float], None] | None = None,
) -> list[T]:
    """Go through the steps of several files, one more at a time than the pool has workers.

    So none of them waits while what another made is put into its place.

    Parameters
    ----------
    files : sequence of callable
        Each begins a file.
    pool : RenderPool
        Where they are rendered. When this is interrupted, workers that are at it are ended.
    tell : callable, optional
        Called with a file's index and the seconds of it that are done, ten times a second.

    Returns
    -------
    list
        What came of each.

    Raises
    ------
    Exception
        The first of any file, once those begun are done.
    """
    todo = deque(enumerate(files))
    begun: dict[int, Steps[T]] = {}
    steps: dict[int, Step] = {}
    told: dict[int, float] = {}
    results: dict[int, T] = {}
    failure: Exception | None = None
    try:
        while todo or begun:
            while todo and len(begun) <= pool.workers:
                index, begin = todo.popleft()
                begun[index] = begin()
            if steps:
                wait([s.future for s in steps.values()], 0.1, return_when=FIRST_COMPLETED)
            for index, file in list(begun.items()):
                if index in steps:
                    seconds = steps[index].seconds()
                    if tell is not None and seconds and seconds != told.get(index):
                        told[index] = seconds
                        tell(index, seconds)
                    if not steps[index].future.done():
                        continue
                try:
                    steps[index] = next(file)
                    continue
                except StopIteration as end:
                    results[index] = end.value
                except Exception as error:
                    failure = failure or error
                    todo.clear()
                del begun[index]
                steps.pop(index, None)
    except BaseException:
        # Ctrl-C. What runs is ended first, so that it writes no more where others clean up.
        pool.abandon([step.future for step in steps.values()])
        raise
    finally:
        for file in begun.values():
            file.close()
    if failure is not None:
        raise failure
    return [results[index] for index in range(len(files))]
