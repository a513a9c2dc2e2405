"""Rendering a whole file in blocks, inside a worker process.

A file never lies in memory as a whole: blocks are read, streamed through the effect and written,
so that an hour costs no more memory than a minute.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, AudioInfo, audio_info, exact_blocks, read_blocks, write_audio
from dialin.effects.effect import Effect, Stream
from dialin.errors import NonFiniteOutputError, OutputError

BLOCK = 1 << 17
"""Samples a block: 3 s at 44.1 kHz, long enough for the host's own overhead to vanish."""


@dataclass(frozen=True)
class FileJob:
    """One file to render; plain data, so that it travels to a worker.

    Attributes
    ----------
    source, target : str
        Input file, and where the output goes; the target's folder exists.
    settings : tuple of float
        In [0, 1], in spec order.
    tail : float
        Seconds rendered after the end.
    gain : float
        Factor on the output.
    subtype : str, optional
        libsndfile's name of the output's sample format.
    container : str, optional
        libsndfile's name of the output's file format; by default what the suffix says.
    counter : str
        File that receives the number of input samples done, as a little-endian 64-bit integer,
        and a byte that is 1 while a block is written; empty for none.
    stall : float
        Seconds one block may take before the worker gives itself up.
    """

    source: str
    target: str
    settings: tuple[float, ...]
    tail: float = 0.0
    gain: float = 1.0
    subtype: str | None = None
    container: str | None = None
    counter: str = ""
    stall: float = 60.0


@dataclass(frozen=True)
class FileRender:
    """What a worker tells of a rendered file.

    Attributes
    ----------
    frames, channels : int
        Of what was written.
    peak : float
        Largest absolute sample before any clipping by the file format, 1.0 is full scale.
    mean_square : float
        Of all samples written.
    clipped : int
        Samples above full scale.
    exact : bool
        Whether the blocks equal one render of the whole, bit for bit.
    copied : bool
        Whether it is the input, byte for byte, with all that it says about itself.
    """

    frames: int
    channels: int
    peak: float
    mean_square: float
    clipped: int
    exact: bool
    copied: bool = False


class Untouched:
    """The stream of no effect at all: what comes in goes out.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.
    tail : float
        Seconds of silence at the end.
    """

    exact = True

    def __init__(self, sample_rate: int, channels: int, tail: float) -> None:
        self._rest = np.zeros((channels, round(tail * sample_rate)), dtype=np.float32)

    def process(self, block: Audio) -> Audio:
        """Hand the block back.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            The same array.
        """
        return block

    def finish(self) -> Audio:
        """Return the tail, which is silent."""
        return self._rest


def copy_file(job: FileJob) -> FileRender:
    """Do what `stream_file` does, with no effect in between, and lose nothing.

    Integers of 32 bits and floats of 64 stay what they are; a lossy file is not coded again.

    Parameters
    ----------
    job : FileJob
        What to read, and how to write.

    Returns
    -------
    FileRender

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    info = audio_info(job.source)
    stream = Untouched(info.sample_rate, info.channels, job.tail)
    same = (job.subtype, job.container) == (info.subtype, info.format)
    if not same or job.gain != 1.0:
        return _run(stream, info, job, "no effect")
    total = _Levels()
    if not info.lossless and not job.tail:
        for block in read_blocks(job.source, BLOCK):
            total.add(block)
            _count(job.counter, total.frames)
        try:
            shutil.copyfile(job.source, job.target)
        except OSError as error:
            raise OutputError(f"cannot write {job.target!r}: {error.strerror}") from error
        return total.result(info, exact=True, copied=True)

    def blocks() -> Iterator[NDArray[Any]]:
        for block in exact_blocks(job.source, BLOCK):
            total.add(block)
            yield block
            _count(job.counter, total.frames)
            kind = block.dtype
        if job.tail:
            rest = np.zeros((info.channels, round(job.tail * info.sample_rate)), dtype=kind)
            total.add(rest)
            yield rest

    write_audio(
        job.target,
        blocks(),
        info.sample_rate,
        subtype=job.subtype,
        container=job.container,
        overwrite=True,
    )
    return total.result(info, exact=True)


def stream_file(effect: Effect, job: FileJob) -> FileRender:
    """Render one file in blocks; runs on a worker's main thread.

    Parameters
    ----------
    effect : Effect
        The effect, opened here.
    job : FileJob
        What to read, and how to write.

    Returns
    -------
    FileRender

    Raises
    ------
    AudioFileError
        If the input breaks off before the end its header promises.
    NonFiniteOutputError
        If the effect returns NaN or infinity.
    OutputError
        If the target cannot be written.
    """
    info = audio_info(job.source)
    stream = effect.stream(info.sample_rate, info.channels, np.array(job.settings), tail=job.tail)
    return _run(stream, info, job, effect.spec.uri)


def _run(stream: Stream, info: AudioInfo, job: FileJob, name: str) -> FileRender:
    total = _Levels()

    def checked(audio: Audio) -> Audio:
        if not np.isfinite(audio).all():
            raise NonFiniteOutputError(
                f"{name} returned samples that are not finite about "
                f"{total.frames / info.sample_rate:.1f} s into {job.source!r}; "
                "change its settings or leave it out"
            )
        if job.gain != 1.0:
            audio = audio * np.float32(job.gain)
        total.add(audio)
        return audio

    with Path(os.devnull).open("w") as log:

        def blocks() -> Iterator[Audio]:
            done = 0
            for block in read_blocks(job.source, BLOCK):
                _arm(job.stall, log)
                done += block.shape[1]
                ready = stream.process(block)
                if ready.shape[1]:
                    ready = checked(ready)
                    # Whoever dies from here to the next line is the writer, not the effect.
                    _count(job.counter, done, writing=True)
                    yield ready
                _count(job.counter, done)
            _arm(job.stall + 4 * job.tail, log)
            rest = stream.finish()
            if rest.shape[1]:
                rest = checked(rest)
            _count(job.counter, done, writing=True)
            if rest.shape[1]:
                yield rest

        try:
            write_audio(
                job.target,
                blocks(),
                info.sample_rate,
                subtype=job.subtype,
                container=job.container,
                overwrite=True,
            )
        finally:
            faulthandler.cancel_dump_traceback_later()
    return total.result(info, exact=bool(stream.exact))


def write_rendered(job: FileJob, audio: Audio) -> FileRender:
    """Write what was rendered before, as `stream_file` does.

    Parameters
    ----------
    job : FileJob
        How to write it.
    audio : ndarray, float32, shape (channels, samples)
        All of the source through the effect.

    Returns
    -------
    FileRender

    Raises
    ------
    OutputError
        If the target cannot be written.
    """
    info, total = audio_info(job.source), _Levels()

    def blocks() -> Iterator[Audio]:
        for start in range(0, audio.shape[1], BLOCK):
            block = audio[:, start : start + BLOCK]
            if job.gain != 1.0:
                block = block * np.float32(job.gain)
            total.add(block)
            yield block
            _count(job.counter, total.frames)

    write_audio(
        job.target,
        blocks(),
        info.sample_rate,
        subtype=job.subtype,
        container=job.container,
        overwrite=True,
    )
    return total.result(info, exact=True)


@dataclass
class _Levels:
    """Running peak, power and count of what was written."""

    frames: int = 0
    peak: float = 0.0
    square: float = 0.0
    clipped: int = 0

    def add(self, audio: NDArray[Any]) -> None:
        if audio.dtype.kind == "i":
            audio = audio / -float(np.iinfo(audio.dtype).min)
        size = np.abs(audio)
        self.frames += audio.shape[1]
        self.peak = max(self.peak, float(size.max(initial=0.0)))
        self.clipped += int((size > 1.0).sum())
        self.square += float(np.sum(np.square(audio, dtype=np.float64)))

    def result(self, info: AudioInfo, *, exact: bool, copied: bool = False) -> FileRender:
        """What was written, from an input."""
        return FileRender(
            frames=self.frames,
            channels=info.channels,
            peak=self.peak,
            mean_square=self.square / max(1, self.frames * info.channels),
            clipped=self.clipped,
            exact=exact,
            copied=copied,
        )


def _arm(seconds: float, log: TextIO) -> None:
    # A plugin that hangs in native code cannot be interrupted from Python. This timer runs on a
    # thread of its own without the interpreter's lock and ends the worker, which the pool reports.
    faulthandler.dump_traceback_later(seconds, exit=True, file=log)


def _count(counter: str, done: int, *, writing: bool = False) -> None:
    if counter:
        Path(counter).write_bytes(struct.pack("<q?", done, writing))


def read_count(counter: str) -> int:
    """Input samples done so far, from a job's counter file; 0 before the first block.

    Parameters
    ----------
    counter : str
        Path of the job's counter file.

    Returns
    -------
    int
        Of each channel.
    """
    return _counter(counter)[0]


def was_writing(counter: str) -> bool:
    """Whether the file was being written when the counter was last set.

    Parameters
    ----------
    counter : str
        Path of the job's counter file.

    Returns
    -------
    bool
    """
    return _counter(counter)[1]


def _counter(counter: str) -> tuple[int, bool]:
    try:
        done, writing = struct.unpack("<q?", Path(counter).read_bytes())
    except (OSError, struct.error):
        return 0, False
    return int(done), bool(writing)
