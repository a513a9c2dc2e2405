"""Many clips or files, over worker processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dialin.audio import Audio, audio_info, read_audio, read_blocks
from dialin.audio.excerpts import middle_of
from dialin.errors import DialinError, UnexpectedError
from dialin.timbre.clip import LONG, StreamedClip
from dialin.timbre.extract import Timbre, check_attributes, measure, timbre
from dialin.timbre.tables import RATE
from dialin.workers import CallPool


def _ordered(task: Any, items: Iterable[Any], workers: int | None) -> Iterator[Any]:
    """Results of `task` over `items` in order, a few per worker in flight."""
    if workers == 1:
        yield from map(task, items)
        return
    with CallPool(workers) as pool:
        yield from pool.map(task, ((item,) for item in items), failures=True)


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
    yield from _ordered(task, clips, workers)


def _measure_file(
    path: Path, attributes: Sequence[str], excerpt: float | None
) -> Timbre | DialinError:
    try:
        start, frames = 0, -1
        info = audio_info(path)
        seconds = info.seconds if excerpt is None else min(excerpt, info.seconds)
        if seconds > LONG / RATE:
            return _measure_long(path, attributes, excerpt)
        if excerpt is not None:
            start, frames = _excerpt(path, excerpt)
        audio, rate = read_audio(path, start=start, frames=frames)
        return timbre(audio, rate, attributes)
    except Exception as error:
        # Whatever is wrong with one file, the others are measured.
        return UnexpectedError.of(error)


def _measure_long(path: Path, attributes: Sequence[str], excerpt: float | None) -> Timbre:
    """Measure a file that is too long to be in memory as it is."""
    info = audio_info(path)
    start, frames = (0, info.frames) if excerpt is None else _excerpt(path, excerpt)

    def blocks() -> Iterator[Audio]:
        offset = 0
        for block in read_blocks(path):
            first, last = max(start - offset, 0), min(start + frames - offset, block.shape[1])
            offset += block.shape[1]
            if last > first:
                yield block[:, first:last]
            if offset >= start + frames:
                return

    return measure(StreamedClip(blocks, info.sample_rate, info.channels, frames), attributes)


def _excerpt(path: Path, seconds: float) -> tuple[int, int]:
    """Start and length in samples of the middle `seconds` of a file."""
    info = audio_info(path)
    middle = middle_of(info.frames, round(seconds * info.sample_rate))
    return middle.start, middle.stop - middle.start


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
        Of audio files.
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
    yield from _ordered(task, map(Path, paths), workers)
