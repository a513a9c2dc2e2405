"""Which format an output gets: as near to its input as libsndfile can write."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dialin.audio.reader import FOREIGN, AudioInfo
from dialin.errors import OutputError

_CONTAINERS = {
    "wav": "WAV",
    "wave": "WAV",
    "bwf": "WAV",
    "flac": "FLAC",
    "aif": "AIFF",
    "aiff": "AIFF",
    "aifc": "AIFF",
    "ogg": "OGG",
    "oga": "OGG",
    "opus": "OGG",
    "mp3": "MP3",
    "w64": "W64",
    "rf64": "RF64",
    "caf": "CAF",
    "au": "AU",
    "snd": "AU",
}
"""What a suffix says that a file is."""

_LOSSLESS = ("WAV", "AIFF", "FLAC", "W64", "RF64", "CAF", "AU")
_FLOATS = ("WAV", "AIFF", "W64", "RF64", "CAF", "AU")
_WAV = ("WAV", "WAVEX", "RF64")


@dataclass(frozen=True)
class OutputFormat:
    """Format of an output.

    Attributes
    ----------
    suffix : str
        Of its name, without the dot.
    container, subtype : str
        libsndfile's names.
    note : str
        Why it is not the input's, for the user; empty where it is.
    """

    suffix: str
    container: str
    subtype: str
    note: str = ""


def file_suffix(path: Path) -> str:
    """Suffix of a name, in small letters and without the dot.

    Parameters
    ----------
    path : Path
        Only its name is looked at.

    Returns
    -------
    str
    """
    return path.suffix.lower().lstrip(".")


def container_of(suffix: str) -> str:
    """Libsndfile's name of the container a suffix stands for; empty for an unknown one.

    Parameters
    ----------
    suffix : str
        With or without the dot, in any case.

    Returns
    -------
    str
        Such as ``WAV`` or ``FLAC``.
    """
    return _CONTAINERS.get(suffix.lower().lstrip("."), "")


def can_write(container: str, subtype: str, sample_rate: int, channels: int) -> bool:
    """Whether libsndfile, as it is here, writes this, by writing a little of it.

    Parameters
    ----------
    container : str
        libsndfile's name, such as ``FLAC``.
    subtype : str
        libsndfile's name, such as ``PCM_24``.
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.

    Returns
    -------
    bool
    """
    import soundfile

    try:
        if not soundfile.check_format(container, subtype):
            return False
        with soundfile.SoundFile(
            io.BytesIO(), "w", sample_rate, channels, subtype, format=container
        ) as file:
            file.write(np.zeros((sample_rate // 20, channels), np.float32))
    except (RuntimeError, OSError, TypeError, ValueError):
        return False
    return True


def output_format(info: AudioInfo) -> OutputFormat:
    """Format of the output for an input, decided before anything is rendered.

    The input's own where it can be written and its name says the same. A file whose name and
    content disagree keeps the suffix where that promises a lossless format, and otherwise gets
    the suffix of its content; what cannot be written becomes FLAC (if ffmpeg decoded it) or WAV.

    Parameters
    ----------
    info : AudioInfo
        Of the input file.

    Returns
    -------
    OutputFormat
        One that `can_write` has tried at the input's rate and channels.
    """
    suffix = file_suffix(info.path)
    named = container_of(suffix)
    kind = "WAV" if info.format in _WAV else info.format
    agrees = named == kind or (named == "RF64" and kind == "WAV") or suffix == _natural(info)
    if agrees and info.subtype == "OPUS":
        agrees = suffix in ("opus", "ogg", "oga")
    elif agrees and suffix == "opus":
        agrees = False
    written = info.format
    choices: list[tuple[str, str, str]] = []
    if agrees:
        choices.append((info.path.suffix.lstrip("."), written, info.subtype))
    elif named in _LOSSLESS:
        choices += [(suffix, named, subtype) for subtype in _subtypes(info, named)]
    elif info.format != FOREIGN:
        choices.append((_natural(info), written, info.subtype))
    if info.format == FOREIGN:
        choices += [("flac", "FLAC", subtype) for subtype in _subtypes(info, "FLAC")]
    elif agrees and named in _LOSSLESS:
        # Such as MP3 inside WAV.
        choices += [(suffix, named, subtype) for subtype in _subtypes(info, named)]
    choices += [("wav", "WAV", subtype) for subtype in (*_subtypes(info, "WAV"), "FLOAT")]
    for number, (ending, container, subtype) in enumerate(choices):
        if can_write(container, subtype, info.sample_rate, info.channels):
            note = ""
            if not agrees or number:
                note = (
                    f"{info.path.name!r} holds {_content(info)}, so the output is written as "
                    f"{container} ({subtype}) and named .{ending}"
                )
            return OutputFormat(ending, container, subtype, note)
    return OutputFormat("wav", "WAV", "FLOAT")


def _subtypes(info: AudioInfo, container: str) -> list[str]:
    """Sample formats that keep all there is, the best first."""
    if info.bits:
        return ["PCM_16" if info.bits <= 16 else "PCM_24" if info.bits <= 24 else "PCM_32"]
    if info.lossless and info.format != FOREIGN:
        same = "PCM_24" if container == "FLAC" and info.subtype == "PCM_32" else info.subtype
        return [same, *(["FLOAT"] if container in _FLOATS else ["PCM_24"])]
    # What was decoded from a lossy format has no bit depth, and may exceed full scale.
    return ["FLOAT"] if container in _FLOATS else ["PCM_24"]


def _natural(info: AudioInfo) -> str:
    if info.subtype == "OPUS":
        return "opus"
    if info.format in _WAV:
        return "wav"
    return {"AIFF": "aiff"}.get(info.format, info.format.lower())


def _content(info: AudioInfo) -> str:
    if info.format == FOREIGN:
        return f"{info.subtype}, which cannot be written here"
    return f"{info.format} ({info.subtype})"


def format_for(target: Path, info: AudioInfo, *, tail: float = 0.0) -> OutputFormat:
    """Format of an output whose name is given.

    That of `output_format` where the names agree; otherwise what the name says, with the input's
    own sample format where the container can hold it.

    Parameters
    ----------
    target : Path
        File to be written; its suffix tells the container.
    info : AudioInfo
        Of the input.
    tail : float
        Seconds the output is longer.

    Returns
    -------
    OutputFormat

    Raises
    ------
    OutputError
        If nothing can be written under that name at the input's rate and channels.
    """
    chosen = output_format(info)
    suffix = file_suffix(target)
    if suffix != chosen.suffix.lower():
        container = container_of(suffix)
        default = {"opus": "OPUS", "ogg": "VORBIS", "oga": "VORBIS", "mp3": "MPEG_LAYER_III"}
        subtypes = [default[suffix]] if suffix in default else _subtypes(info, container)
        for subtype in (info.subtype, *subtypes):
            if can_write(container, subtype, info.sample_rate, info.channels):
                chosen = OutputFormat(suffix, container, subtype)
                break
        else:
            raise OutputError(
                f"cannot write {str(target)!r} at {info.sample_rate} Hz and {info.channels} "
                f"channels; name it .{chosen.suffix}"
            )
    # A plain WAV file counts its bytes in 32 bits.
    width = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "DOUBLE": 8}.get(chosen.subtype, 4)
    size = (info.frames + tail * info.sample_rate) * info.channels * width + 65_536
    if chosen.container in ("WAV", "WAVEX") and size >= 2**32:
        return replace(chosen, container="RF64")
    return chosen
