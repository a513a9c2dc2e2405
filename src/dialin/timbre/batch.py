"""Many clips or files, over worker processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from dialin.audio import audio_info, read_audio
from dialin.errors import DialinError, UnexpectedError
from dialin.timbre.extract import Timbre, check_attributes, timbre

_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Have processes started meanwhile run one thread of linear algebra each."""
    before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _keep_memory() -> None:
    """Have a worker's allocator keep what it frees (glibc); faulting pages anew costs a fifth."""
    import ctypes

    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 1 << 28)  # M_MMAP_THRESHOLD
        mallopt(-1, 1 << 28)  # M_TRIM_THRESHOLD


def _ordered(task: Any, items: Iterable[Any], workers: int) -> Iterator[Any]:
    """Results of `task` over `items` in order, a few per worker in flight."""
    if workers <= 1:
        yield from map(task, items)
        return
    with (
        _one_thread_each(),
        ProcessPoolExecutor(workers, get_context("spawn"), _keep_memory) as pool,
    ):
        waiting = iter(items)
        running = [pool.submit(task, item) for item in islice(waiting, 4 * workers)]
        while running:
            result = running.pop(0).result()
            running.extend(pool.submit(task, item) for item in islice(waiting, 1))
            yield result


def _measure(clip: tuple[Any, float], attributes: Sequence[str]) -> Timbre | DialinError:
    try:
        return timbre(clip[0], clip[1], attributes)
    except Exception as error:
        # Whatever is wrong with one clip, the others are measured.
        return UnexpectedError.of(error)


def timbre_batch(
    clips: Iterable[tuple[Any, float]],
    attributes: Iterable[str] | str | None = None,
    *,
    workers: int | None = None,
) -> Iterator[Timbre | DialinError]:
    """Measure many clips, in order, over worker processes.

    Parameters
    ----------
    clips : iterable of (audio, sample_rate)
        Taken as they are needed; see `timbre`.
    attributes : iterable of str, optional
        Which attributes, all by default.
    workers : int, optional
        Processes, one for each core by default; 1 stays in this process.

    Yields
    ------
    Timbre or DialinError
        For a clip that cannot be used the error, not raised.
    """
    task = partial(_measure, attributes=check_attributes(attributes))
    yield from _ordered(task, clips, workers if workers is not None else os.cpu_count() or 1)


def _measure_file(
    path: Path, attributes: Sequence[str], excerpt: float | None
) -> Timbre | DialinError:
    try:
        start, frames = 0, -1
        if excerpt is not None:
            start, frames = _excerpt(path, excerpt)
        audio, rate = read_audio(path, start=start, frames=frames)
        return timbre(audio, rate, attributes)
    except Exception as error:
        # Whatever is wrong with one file, the others are measured.
        return UnexpectedError.of(error)


def _excerpt(path: Path, seconds: float) -> tuple[int, int]:
    """Start and length in samples of the middle `seconds` of a file."""
    info = audio_info(path)
    frames = min(round(seconds * info.sample_rate), info.frames)
    return (info.frames - frames) // 2, frames


def timbre_files(
    paths: Iterable[str | os.PathLike[str]],
    attributes: Iterable[str] | str | None = None,
    *,
    excerpt: float | None = None,
    workers: int | None = None,
) -> Iterator[Timbre | DialinError]:
    """Measure many audio files, in order, over worker processes.

    Parameters
    ----------
    paths : iterable of path-like
    attributes : iterable of str, optional
        Which attributes, all by default.
    excerpt : float, optional
        Measure only the middle so many seconds of each file.
    workers : int, optional
        Processes, one for each core by default; 1 stays in this process.

    Yields
    ------
    Timbre or DialinError
        For a file that cannot be read or used the error, not raised.
    """
    task = partial(_measure_file, attributes=check_attributes(attributes), excerpt=excerpt)
    count = workers if workers is not None else os.cpu_count() or 1
    yield from _ordered(task, map(Path, paths), count)
