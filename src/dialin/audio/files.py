"""Reading and writing audio files, whole or in blocks.

Reading goes through libsndfile (WAV, FLAC, AIFF, Ogg Vorbis, Opus, MP3 and more). Writing goes to
a temporary name beside the target and is renamed at the end, so a file is never half written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import numpy as np

from dialin.audio.gate import Audio, check_audio
from dialin.errors import AudioError, AudioFileError, OutputError

if TYPE_CHECKING:
    import soundfile

UNKNOWN_SIZE = 0x7FFF0000
"""A WAV header from a pipe promises at least this much; its real length is what is there."""

OGG_PAGE_SECONDS = 6.0
"""Longer than the last page of an Ogg file."""

LENGTH_TOLERANCE = 0.25
"""Seconds by which the length in an MP3's header may be wrong."""


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says."""

    path: Path
    sample_rate: int
    channels: int
    frames: int
    subtype: str
    format: str

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate


def _explain(path: Path, error: Exception | None = None) -> AudioFileError:
    if not path.exists():
        return AudioFileError(f"there is no file {str(path)!r}; check the path")
    if path.is_dir():
        return AudioFileError(f"{str(path)!r} is a folder; name an audio file in it")
    if not os.access(path, os.R_OK):
        return AudioFileError(f"{str(path)!r} cannot be read: permission denied")
    if path.stat().st_size == 0:
        return AudioFileError(f"{str(path)!r} is empty (0 bytes); export it again")
    reason = f" ({error})" if error else ""
    return AudioFileError(
        f"{str(path)!r} cannot be read as audio{reason}; "
        "use WAV, FLAC, AIFF, Ogg, Opus or MP3, or convert it with ffmpeg"
    )


def _chunk_sizes(log: str) -> tuple[int, int]:
    # libsndfile reads a WAV or AIFF file that was cut off as if it ended there, and says so only
    # in its log: "data : 176400 (should be 88178)". The first number is the header's.
    found = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    promised, there = (int(found[1]), int(found[2])) if found else (0, 0)
    return (promised, there) if there > 0 else (0, 0)


def _truncated(path: Path, promised: float, there: float) -> AudioFileError:
    return AudioFileError(
        f"{str(path)!r} is truncated: its header promises {promised:.2f} s, {there:.2f} s can be "
        "read; copy or export it again"
    )


def audio_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Read a file's header; raise `AudioFileError` if it is no readable audio file."""
    import soundfile

    file = Path(path)
    try:
        info = soundfile.info(str(file))
    except (RuntimeError, OSError, TypeError) as error:
        raise _explain(file, error) from error
    if info.frames == 0 or info.channels == 0:
        raise AudioFileError(f"{str(file)!r} holds no samples; export it again")
    promised, there = _chunk_sizes(info.extra_info)
    if there < promised < UNKNOWN_SIZE:
        raise _truncated(file, info.duration * promised / there, info.duration)
    return AudioInfo(
        file, int(info.samplerate), info.channels, info.frames, info.subtype, info.format
    )


def read_audio(
    path: str | os.PathLike[str], *, start: int = 0, frames: int = -1
) -> tuple[Audio, int]:
    """Read a file as float32 ``(channels, samples)`` and its rate in hertz.

    Parameters
    ----------
    path : path-like
    start, frames : int
        Where to start and how many samples to read; -1 reads to the end.

    Raises
    ------
    AudioFileError
        If the file is missing, empty, truncated or no audio.
    AudioError
        If it holds samples that are not finite.
    """
    import soundfile

    info = audio_info(path)
    try:
        with soundfile.SoundFile(str(info.path)) as file:
            rate = file.samplerate
            seek_exactly(file, start)
            data = file.read(frames, dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:
        raise _explain(info.path, error) from error
    wanted = info.frames - start if frames < 0 else min(frames, info.frames - start)
    if data.shape[0] == 0 or data.shape[0] < wanted - LENGTH_TOLERANCE * rate:
        raise _truncated(info.path, info.seconds, (start + data.shape[0]) / rate)
    return check_audio(data.T, rate, what=repr(str(info.path))), int(rate)


def seek_exactly(file: soundfile.SoundFile, start: int) -> None:
    """Go to a sample of an open file.

    libsndfile (1.2.2) arrives somewhere else when the place lies in the last page of an Ogg file;
    there the samples before it are read and forgotten.
    """
    if file.format == "OGG":
        place = max(0, min(start, file.frames - int(OGG_PAGE_SECONDS * file.samplerate)))
        if place:
            file.seek(place)
        file.read(start - place, dtype="float32", always_2d=True)
    else:
        file.seek(start)


def read_blocks(path: str | os.PathLike[str], block: int = 262_144) -> Iterator[Audio]:
    """Yield a file in blocks of at most `block` samples, each checked, ``(channels, samples)``."""
    import soundfile

    info = audio_info(path)
    try:
        done = 0
        with soundfile.SoundFile(str(info.path)) as file:
            # Not SoundFile.blocks: where a file ends early, its last block is padded with
            # whatever lay in memory.
            while (data := file.read(block, dtype="float32", always_2d=True)).shape[0]:
                done += data.shape[0]
                yield check_audio(data.T, info.sample_rate, what=repr(str(info.path)))
        if done < info.frames - LENGTH_TOLERANCE * info.sample_rate:
            raise _truncated(info.path, info.seconds, done / info.sample_rate)
    except (RuntimeError, OSError) as error:
        raise _explain(info.path, error) from error


def write_audio(
    path: str | os.PathLike[str],
    audio: Audio | Iterable[Audio],
    sample_rate: int,
    *,
    subtype: str | None = None,
    container: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write audio, whole or as an iterable of blocks, to a temporary file and rename it.

    Parameters
    ----------
    path : path-like
        The suffix chooses the format.
    audio : ndarray, shape (channels, samples), or iterable of such blocks
    sample_rate : int
        In hertz.
    subtype : str, optional
        libsndfile's name of the sample format, such as ``PCM_24``. Floating point by default for
        WAV, the format's own default otherwise.
    container : str, optional
        libsndfile's name of the file format, such as ``RF64`` for a WAV file above 4 GiB; by
        default what the suffix says.
    overwrite : bool
        Replace an existing file. Without it an existing file is an error.

    Raises
    ------
    OutputError
        If the file exists, or the folder cannot be written to or is full.
    """
    import soundfile

    target = Path(path)
    if target.exists() and not overwrite:
        raise OutputError(f"{str(target)!r} exists already; choose another name or overwrite it")
    blocks: Iterable[Audio] = [audio] if isinstance(audio, np.ndarray) else audio
    suffix = target.suffix.lower().lstrip(".")
    kind = {
        "wav": "WAV",
        "flac": "FLAC",
        "aif": "AIFF",
        "aiff": "AIFF",
        "ogg": "OGG",
        "opus": "OGG",
        "mp3": "MP3",
        "w64": "W64",
        "rf64": "RF64",
        "caf": "CAF",
    }.get(suffix)
    if kind is None:
        raise OutputError(f"cannot write {str(target)!r}: use .wav, .flac, .aiff, .ogg or .mp3")
    kind = container or kind
    if subtype is None:
        subtype = "FLOAT" if kind in ("WAV", "W64", "RF64", "CAF") else None
        subtype = "OPUS" if suffix == "opus" else subtype
    if subtype is not None and not soundfile.check_format(kind, subtype):
        subtype = None
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.stem}-", suffix=f".{suffix}.part", delete=False
        ) as handle:
            temporary = Path(handle.name)
        writer: soundfile.SoundFile | None = None
        try:
            for data in blocks:
                if writer is None:
                    writer = soundfile.SoundFile(
                        str(temporary), "w", sample_rate, data.shape[0], subtype, format=kind
                    )
                writer.write(data.T)
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise AudioError(
                f"there is nothing to write to {str(target)!r}: no block of audio came"
            )
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except (OSError, soundfile.SoundFileError) as error:
        raise OutputError(
            f"cannot write {str(target)!r}: {error}; is the folder writable and the disk not full?"
        ) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return target
