"""Reading audio files, whole, in part or in blocks.

`AudioReader` does the work; here everything that comes from a file passes the gate.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dialin.audio.gate import Audio, check_audio, check_sample_rate
from dialin.audio.reader import TOLERANCE, AudioInfo, AudioReader, truncated
from dialin.errors import AudioError


def audio_info(path: str | os.PathLike[str]) -> AudioInfo:
    """What a file holds; raise `AudioFileError` if it is no readable audio file.

    Parameters
    ----------
    path : path-like
        Of the file.

    Returns
    -------
    AudioInfo
    """
    with AudioReader(path) as reader:
        return reader.info


def read_audio(
    path: str | os.PathLike[str], *, start: int = 0, frames: int = -1
) -> tuple[Audio, int]:
    """Read a file as float32 ``(channels, samples)`` and its rate in hertz.

    Parameters
    ----------
    path : path-like
        Of the file.
    start, frames : int
        Where to start and how many samples to read; -1 reads to the end.

    Returns
    -------
    (ndarray, int)

    Raises
    ------
    AudioFileError
        If the file is missing, empty, truncated or no audio.
    AudioError
        If it holds samples that are not finite.
    """
    with AudioReader(path) as reader:
        info = reader.info
        if start:
            reader.seek(start)
        data = reader.read(frames)
    wanted = info.frames - start if frames < 0 else min(frames, info.frames - start)
    if data.shape[0] == 0 or data.shape[0] < wanted - TOLERANCE * info.sample_rate:
        raise truncated(info.path, info.seconds, (start + data.shape[0]) / info.sample_rate)
    return _checked(data, info, start), info.sample_rate


def read_blocks(path: str | os.PathLike[str], block: int = 262_144) -> Iterator[Audio]:
    """Yield a file in blocks of at most `block` samples, each checked, ``(channels, samples)``.

    Parameters
    ----------
    path : path-like
        Of the file.
    block : int
        Samples of a block, at most.

    Yields
    ------
    ndarray, float32, shape (channels, samples)
    """
    with AudioReader(path) as reader:
        info = reader.info
        done = 0
        while (data := reader.read(block)).shape[0]:
            yield _checked(data, info, done)
            done += data.shape[0]
        if done < info.frames - TOLERANCE * info.sample_rate:
            raise truncated(info.path, info.seconds, done / info.sample_rate)


def exact_blocks(path: str | os.PathLike[str], block: int = 262_144) -> Iterator[NDArray[Any]]:
    """Yield a file in blocks, ``(channels, samples)``, with all bits that are stored.

    Integer formats come as int32 in the upper bits, floating point of 64 bits as float64, and
    everything else as float32; `write_audio` takes each of them.

    Parameters
    ----------
    path : path-like
        Of the file.
    block : int
        Samples of a block, at most.

    Yields
    ------
    ndarray
    """
    with AudioReader(path) as reader:
        info = reader.info
        check_sample_rate(info.sample_rate)
        dtype: Literal["float32", "float64", "int32"] = "float32"
        if info.subtype.startswith(("PCM_", "ALAC_")):
            dtype = "int32"
        elif info.subtype == "DOUBLE":
            dtype = "float64"
        done = 0
        while (data := reader.read(block, dtype)).shape[0]:
            if dtype != "int32":
                _check_finite(data, info, done)
            done += data.shape[0]
            yield np.ascontiguousarray(data.T)
        if done < info.frames - TOLERANCE * info.sample_rate:
            raise truncated(info.path, info.seconds, done / info.sample_rate)


def _checked(data: NDArray[Any], info: AudioInfo, start: int) -> Audio:
    """Samples that were read, ``(samples, channels)``, through the gate; `start` is the first."""
    _check_finite(data, info, start)
    return check_audio(data.T, info.sample_rate, what=repr(str(info.path)))


def _check_finite(data: NDArray[Any], info: AudioInfo, start: int) -> None:
    """Say where in the file there is what is no sound, which the gate cannot know."""
    finite = np.isfinite(data)
    if finite.all():
        return
    sample, channel = np.argwhere(~finite)[0]
    raise AudioError(
        f"{str(info.path)!r} has samples that are not finite: the first is "
        f"{data[sample, channel]:g} at {(start + int(sample)) / info.sample_rate:.4f} s, channel "
        f"{int(channel) + 1}; export it again, or mute that place in an audio editor"
    )
