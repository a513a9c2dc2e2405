"""Writing audio files: to a temporary name beside the target, renamed when it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio.formats import container_of, file_suffix
from dialin.audio.gate import Audio
from dialin.errors import AudioError, OutputError
from dialin.files import atomic_file

if TYPE_CHECKING:
    import soundfile

SLICE = 16_384
"""Samples given to libsndfile at once.

libvorbis extrapolates what it is given first backwards in an array on the stack, of as many floats
as there are samples: 60 s at 48 kHz overflow a stack of 8 MiB and end the process. Later it moves
all that it was given and has not coded for each 1024 samples it codes, so that the time grows with
the square of the size. This many are 64 KiB on the stack, little even for a thread's, and cost
nothing in other formats.
"""


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
        Of float32, float64 or int32 (full scale is that of the type).
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

    Returns
    -------
    Path
        The same file.

    Raises
    ------
    OutputError
        If the file exists, or the folder cannot be written to or is full.
    AudioError
        If no block of audio came.
    """
    import soundfile

    target = Path(path)
    if target.exists() and not overwrite:
        raise OutputError(f"{str(target)!r} exists already; choose another name or overwrite it")
    blocks: Iterable[NDArray[Any]] = [audio] if isinstance(audio, np.ndarray) else audio
    suffix = file_suffix(target)
    kind = container or container_of(suffix)
    if not kind:
        raise OutputError(f"cannot write {str(target)!r}: use .wav, .flac, .aiff, .ogg or .mp3")
    if subtype is None:
        subtype = "FLOAT" if kind in ("WAV", "W64", "RF64", "CAF") else None
        subtype = "OPUS" if suffix == "opus" else subtype
    if subtype is not None and not soundfile.check_format(kind, subtype):
        subtype = None
    with atomic_file(target, overwrite=overwrite, parents=True) as part:
        writer: soundfile.SoundFile | None = None
        try:
            for data in blocks:
                if writer is None:
                    writer = soundfile.SoundFile(
                        _file_name(part), "w", sample_rate, data.shape[0], subtype, format=kind
                    )
                for first in range(0, data.shape[1], SLICE):
                    writer.write(data[:, first : first + SLICE].T)
        except soundfile.SoundFileError as error:
            raise OutputError(
                f"cannot write {str(target)!r}: {error}; is the disk not full?"
            ) from error
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise AudioError(
                f"there is nothing to write to {str(target)!r}: no block of audio came"
            )
    return target


def _file_name(path: Path) -> str | bytes:
    return str(path) if os.name == "nt" else os.fsencode(path)
