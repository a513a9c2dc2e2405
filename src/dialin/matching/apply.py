"""A preset on other files: any length, each file's own rate, channels, format and length.

Conventions: peaks are sample peaks, 1.0 is full scale (0 dBFS). Nothing is ever limited: output
above full scale is kept in floating-point files and, in others, cut by the file format, which is
reported, or avoided by `headroom`, which turns the whole file down.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio import Audio, AudioInfo, audio_info, check_audio, to_db
from dialin.effects.amount import check_amount
from dialin.errors import (
    DialinError,
    OutputError,
    RenderCrashError,
    RenderTimeoutError,
    UsageError,
)
from dialin.matching.fit import settings_for
from dialin.matching.streaming import FileJob, FileRender, copy_file, read_count, stream_file

if TYPE_CHECKING:
    from dialin.effects.preset import Preset
    from dialin.rendering import RenderPool

CEILING = 10 ** (-0.1 / 20)
"""Peak that `headroom` turns an output down to: 0.1 dB below full scale, which leaves room for
the rounding of integer formats and the overshoot of lossy ones."""

STALL = 60.0
"""Seconds a worker may spend on one block (3 s of audio) before it counts as hanging."""

_WRITABLE = {"wav", "flac", "aif", "aiff", "ogg", "opus", "mp3", "w64", "rf64", "caf"}
_FLOAT = {"FLOAT", "DOUBLE"}


@dataclass(frozen=True)
class Applied:
    """One rendered file.

    Attributes
    ----------
    source, target : Path
    seconds : float
        Length of the output.
    sample_rate, channels : int
    subtype : str
        libsndfile's name of the output's sample format.
    peak_dbfs, rms_dbfs : float
        Of the output as rendered and turned down by `gain_db`.
    over_db : float
        How far the peak lies above full scale; 0 if it does not.
    clipped : int
        Samples that the file format had to cut; 0 in floating point formats.
    gain_db : float
        What `headroom` turned the output down by, 0 or negative.
    exact : bool
        Whether the block-wise render equals one render of the whole, bit for bit.
    render_seconds : float
        Wall-clock time it took.
    """

    source: Path
    target: Path
    seconds: float
    sample_rate: int
    channels: int
    subtype: str
    peak_dbfs: float
    rms_dbfs: float
    over_db: float
    clipped: int
    gain_db: float
    exact: bool
    render_seconds: float
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"source": str(self.source), "target": str(self.target)}


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


def output_format(info: AudioInfo) -> tuple[str, str | None]:
    """Suffix (without dot) and libsndfile subtype to write, as near to the input as can be."""
    suffix = info.path.suffix.lower().lstrip(".")
    if suffix in _WRITABLE and info.format != "RAW":
        return suffix, info.subtype
    return "wav", info.subtype if info.subtype.startswith(("PCM_", "FLOAT", "DOUBLE")) else None


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
    headroom : bool
        Turn an output that would exceed full scale down to 0.1 dB below it, by rendering again.
    tail : float
        Seconds rendered after the end.
    overwrite : bool
        Replace an existing target.
    progress : callable, optional
        Called with the seconds of input done, from another thread.

    Raises
    ------
    AudioError, EffectError, OutputError
        `RenderTimeoutError` if a block takes longer than a minute.
    """
    info = audio_info(source)
    goal = Path(target)
    _check_tail(tail)
    if goal.exists():
        if goal.samefile(info.path):
            raise OutputError(f"{str(goal)!r} is the input itself; choose another folder")
        if not overwrite:
            raise OutputError(f"{str(goal)!r} exists already; choose another folder or --overwrite")
    vector = tuple(float(v) for v in np.asarray(settings, dtype=np.float64))
    subtype = _subtype(goal, info)
    began = time.monotonic()
    with working_folder(goal.parent) as work:
        part = work / goal.name
        job = FileJob(
            source=str(info.path.resolve()),
            target=str(part.resolve()),
            settings=vector,
            tail=tail,
            subtype=subtype,
            container=_container(goal, info, tail),
            counter=str((work / ".count").resolve()),
            stall=STALL,
        )
        gain_db = 0.0
        try:
            made = _call(pool, effect, job, info, progress)
            if headroom and made.peak > 1.0:
                gain = CEILING / made.peak
                gain_db = float(to_db(gain))
                quieter = FileJob(**(asdict(job) | {"gain": gain}))
                made = _call(pool, effect, quieter, info, progress)
        except OutputError as error:
            # A person knows the file by its own name, not by that of its making.
            raise OutputError(str(error).replace(job.target, str(goal))) from error
        move(part, goal)
    written = audio_info(goal)
    is_float = written.subtype in _FLOAT
    notes = () if made.exact else ("block-wise render may differ slightly from one in one piece",)
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
        notes=notes,
    )


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
    on_failure: Callable[[Path, DialinError], None] | None = None,
) -> list[Applied]:
    """Render files through a preset, full length.

    Parameters
    ----------
    preset : Preset or path-like
    files : sequence of path-like
        Outputs are named after them.
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
        Called with an `ApplyProgress`, from other threads: files are rendered side by side.
    on_failure : callable, optional
        Called with a file and its error, and the other files go on. Without it the first error is
        raised; files already finished stay.

    Returns
    -------
    list of Applied
        Of the files that were rendered, in order.

    Raises
    ------
    UsageError
        If there are no files, or two outputs would get the same name.
    PresetError, AudioError, EffectError, OutputError
    """
    from dialin.effects.preset import Preset
    from dialin.rendering import RenderPool

    if not isinstance(preset, Preset):
        preset = Preset.load(preset)
    check_amount(amount)
    _check_tail(tail)
    goals = _targets(files, Path(folder), on_failure)
    if not overwrite:
        for goal in goals.values():
            if goal.exists():
                raise OutputError(
                    f"{str(goal)!r} exists already; choose another folder or --overwrite"
                )
    if pool is None:
        with RenderPool(workers=max(1, min(len(goals), os.cpu_count() or 1))) as own:
            return _apply_all(
                preset,
                goals,
                Path(folder),
                own,
                amount,
                headroom,
                tail,
                overwrite,
                progress,
                on_failure,
            )
    return _apply_all(
        preset, goals, Path(folder), pool, amount, headroom, tail, overwrite, progress, on_failure
    )


def _apply_all(
    preset: Preset,
    goals: dict[Path, Path],
    folder: Path,
    pool: RenderPool,
    amount: float,
    headroom: bool,
    tail: float,
    overwrite: bool,
    progress: Callable[[ApplyProgress], None] | None,
    on_failure: Callable[[Path, DialinError], None] | None,
) -> list[Applied]:
    fitted = settings_for(preset, amount, pool)

    def render(index: int, source: Path, goal: Path) -> Applied | None:
        total = audio_info(source).seconds

        def tell(done: float) -> None:
            if progress is not None:
                progress(ApplyProgress(source, index, len(goals), done, total))

        try:
            done = render_file(
                source,
                goal,
                fitted.effect,
                fitted.settings,
                pool=pool,
                headroom=headroom,
                tail=tail,
                overwrite=overwrite,
                progress=tell if progress is not None else None,
            )
            return replace(done, notes=(*fitted.notes, *done.notes))
        except DialinError as error:
            if on_failure is None or isinstance(error, OutputError):
                raise
            on_failure(source, error)
            return None

    work = [(index, *pair) for index, pair in enumerate(goals.items())]
    if len(work) == 1:
        done = [render(*work[0])]
        return [result for result in done if result is not None]
    # The folder is held for all of them: a file that fails would take an empty one away.
    with working_folder(folder):
        threads = ThreadPoolExecutor(min(pool.workers, max(1, len(work))), "dialin-apply")
        try:
            done = list(threads.map(lambda args: render(*args), work))
        except KeyboardInterrupt:
            # Not waited for: closing the pool ends what runs.
            threads.shutdown(wait=False, cancel_futures=True)
            raise
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
        threads.shutdown()
    return [result for result in done if result is not None]


def render_audio(
    preset: Preset,
    audio: Audio,
    sample_rate: int,
    *,
    amount: float = 100.0,
    tail: float = 0.0,
    pool: RenderPool | None = None,
) -> Audio:
    """Render audio in memory through a preset.

    Parameters
    ----------
    preset : Preset
    audio : ndarray, shape (channels, samples)
    sample_rate : int
    amount : float
        How much of the preset, in per cent; 0 is the input, exactly.
    tail : float
        Seconds rendered after the end.
    pool : RenderPool, optional
        Where there is none, or where it was closed: the one that all effects share.

    Returns
    -------
    ndarray, float32, shape (channels, samples + round(tail * sample_rate))

    Raises
    ------
    UsageError, AudioError, PresetError, EffectError
    """
    from dialin.rendering import Job, RenderPool

    check_amount(amount)
    _check_tail(tail)
    checked = check_audio(audio, sample_rate)
    if pool is None or pool.closed:
        with RenderPool(workers=1) as own:
            return render_audio(preset, checked, sample_rate, amount=amount, tail=tail, pool=own)
    fitted = settings_for(preset, amount, pool)
    if not fitted.effect:
        rest = np.zeros((checked.shape[0], round(tail * sample_rate)), dtype=np.float32)
        return np.concatenate([checked, rest], axis=1)
    seconds = checked.shape[1] / sample_rate + tail
    job = Job(
        fitted.effect, checked, fitted.settings, sample_rate, tail, deadline=120.0 + 4.0 * seconds
    )
    rendered: Audio = pool.render([job])[0].get()
    return rendered


def level_remark(result: Applied) -> str:
    """Sentence on clipping or silence, or empty."""
    if result.clipped:
        return (
            f"{result.target} clips: its peak lies {result.over_db:.1f} dB above full scale and "
            f"{result.clipped} samples were cut by the {result.subtype} format; "
            "--headroom turns it down by that much"
        )
    if result.over_db > 0:
        return (
            f"{result.target} peaks {result.over_db:.1f} dB above full scale; its floating point "
            "format keeps that, but players will clip it (--headroom turns it down)"
        )
    if result.peak_dbfs < -90:
        return f"{result.target} is silent (peak {result.peak_dbfs:.1f} dBFS)"
    return ""


def _check_tail(tail: float) -> None:
    if not 0 <= tail <= 600:
        raise UsageError(f"the tail is {tail:g} s; it must lie between 0 and 600")


def _targets(
    files: Sequence[str | PathLike[str]],
    folder: Path,
    on_failure: Callable[[Path, DialinError], None] | None,
) -> dict[Path, Path]:
    if not files:
        raise UsageError("there are no files to render; name at least one")
    goals: dict[Path, Path] = {}
    for file in files:
        source = Path(file)
        try:
            suffix, _ = output_format(audio_info(source))
        except DialinError as error:
            # Headers are read first, so that a bad file is known before an hour of rendering.
            if on_failure is None:
                raise
            on_failure(source, error)
            continue
        goal = folder / f"{source.stem}.{suffix}"
        if goal.exists() and goal.samefile(source):
            raise OutputError(
                f"the output would replace its input {str(source)!r}; choose another folder"
            )
        twin = next((s for s, g in goals.items() if g == goal and s != source), None)
        if twin is not None:
            raise UsageError(
                f"{str(twin)!r} and {str(source)!r} would both become {str(goal)!r}; "
                "render them into different folders"
            )
        goals[source] = goal
    return goals


def _subtype(goal: Path, info: AudioInfo) -> str | None:
    import soundfile

    suffix, subtype = output_format(info)
    if goal.suffix.lower().lstrip(".") == suffix:
        return subtype
    kind = goal.suffix.lower().lstrip(".").upper()
    return subtype if subtype and soundfile.check_format(kind, subtype) else None


def _container(goal: Path, info: AudioInfo, tail: float) -> str | None:
    if goal.suffix.lower() != ".wav":
        return None
    # A plain WAV file counts its bytes in 32 bits.
    width = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "DOUBLE": 8}.get(info.subtype, 4)
    size = (info.frames + tail * info.sample_rate) * info.channels * width + 65_536
    if info.format == "RF64" or size >= 2**32:
        return "RF64"
    return "WAVEX" if info.format == "WAVEX" else None


def _call(
    pool: RenderPool,
    effect: str,
    job: FileJob,
    info: AudioInfo,
    progress: Callable[[float], None] | None,
) -> FileRender:
    # Slower than a quarter of real time is no plugin's normal speed; a hang is caught far sooner,
    # by the worker's own timer on each block.
    deadline = 120.0 + 4.0 * (info.seconds + job.tail)
    before = time.time()
    with _watch(job.counter, info.sample_rate, progress):
        try:
            if effect:
                result = pool.call(stream_file, job, deadline=deadline, effect=effect)
            else:
                result = pool.call(copy_file, job, deadline=deadline)
        except RenderCrashError as error:
            counter = Path(job.counter)
            last = counter.stat().st_mtime if counter.exists() else before
            if time.time() - last < job.stall:
                raise
            at = read_count(job.counter) / info.sample_rate
            raise RenderTimeoutError(
                f"{effect} hung {at:.1f} s into {job.source!r}: one block took longer than "
                f"{job.stall:.0f} s; change its settings or leave it out"
            ) from error
    assert isinstance(result, FileRender)
    return result


@contextmanager
def _watch(
    counter: str, sample_rate: int, progress: Callable[[float], None] | None
) -> Iterator[None]:
    if progress is None:
        yield
        return
    stop = threading.Event()
    last = -1

    def poll() -> None:
        nonlocal last
        while not stop.wait(0.1):
            done = read_count(counter)
            # 0 is a counter caught while it is being written.
            if done and done != last:
                last = done
                progress(done / sample_rate)

    thread = threading.Thread(target=poll, name="dialin-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def working_folder(folder: Path) -> Iterator[Path]:
    """Make a temporary folder inside `folder`, on the same disk; both go again on failure.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    made: list[Path] = []
    try:
        for parent in reversed([folder, *folder.parents]):
            if not parent.exists():
                with suppress(FileExistsError):
                    # Another thread may have been quicker.
                    parent.mkdir()
                    made.append(parent)
        work = Path(mkdtemp(prefix=".dialin-", dir=folder))
    except OSError as error:
        for parent in reversed(made):
            with suppress(OSError):
                parent.rmdir()
        raise OutputError(
            f"cannot write into {str(folder)!r}: {error.strerror or error}; "
            "choose a folder that you may write to"
        ) from error
    try:
        yield work
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        for parent in reversed(made):
            with suppress(OSError):
                parent.rmdir()
        raise
    shutil.rmtree(work, ignore_errors=True)


def move(source: Path, target: Path) -> None:
    """Move a finished file into place in one step, or raise `OutputError`."""
    try:
        source.replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot write {str(target)!r}: {error.strerror or error}; "
            "choose another folder or move what is there"
        ) from error
