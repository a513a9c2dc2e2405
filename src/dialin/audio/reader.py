"""An open audio file: every sample that is there, whatever its header says.

libsndfile decodes; what it cannot know (the length of an MP3 file without a header that tells,
recordings that were joined, sizes that were never filled in) is found by walking through the file
first, and what it cannot read is decoded by ffmpeg.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dialin.audio.decoder import Decoder
from dialin.audio.flac import flac_layout
from dialin.audio.foreign import decode, demuxer, is_lossless
from dialin.audio.gate import MAX_CHANNELS, check_sample_rate
from dialin.audio.mpeg import is_mpeg, mpeg_layout
from dialin.audio.ogg import ogg_layout
from dialin.audio.riff import riff_layout
from dialin.audio.splice import FileLayout, Section, Spliced
from dialin.errors import AudioError, AudioFileError

UNKNOWN_SIZE = 0x7FFF0000
"""A WAV header from a pipe promises at least this much; its real length is what is there."""

TOLERANCE = 0.25
"""Seconds that may be missing of what a header promises; a file that lacks more is refused."""

FOREIGN = "FFMPEG"
"""`AudioInfo.format` of what ffmpeg decoded."""


@dataclass(frozen=True)
class AudioInfo:
    """What a file holds.

    Attributes
    ----------
    path : Path
    sample_rate, channels : int
    frames : int
        Samples of each channel that can be read; counted where a header cannot be trusted.
    subtype, format : str
        libsndfile's names of sample format and container. Of a file that ffmpeg decodes: the name
        of the codec in capitals, and ``FFMPEG``.
    bits : int
        Bits of a sample where ffmpeg decodes a lossless codec; 0 otherwise.
    notes : tuple of str
        What a user should know, such as that the end is missing.
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int
    subtype: str
    format: str
    bits: int = 0
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate

    @property
    def lossless(self) -> bool:
        """Whether the samples are stored as they are."""
        return self.subtype.startswith(("PCM_", "FLOAT", "DOUBLE", "ALAC_")) or self.bits > 0


def explain(path: Path, error: Exception | None = None) -> AudioFileError:
    """Why a file cannot be read, in a user's words.

    Parameters
    ----------
    path : Path
        What was to be read.
    error : Exception, optional
        What libsndfile or the system said of it.

    Returns
    -------
    AudioFileError
        To be raised by the caller.
    """
    if path.is_symlink() and not path.exists():
        return AudioFileError(
            f"{str(path)!r} is a link to {str(path.readlink())!r}, where there is no file; mend "
            "the link, or name the file itself"
        )
    if not path.exists():
        return AudioFileError(f"there is no file {str(path)!r}; check the path")
    if path.is_dir():
        return AudioFileError(f"{str(path)!r} is a folder; name an audio file in it")
    if not stat.S_ISREG(path.stat().st_mode):
        return AudioFileError(
            f"{str(path)!r} is a pipe or a device; dialin reads a recording several times, so "
            "save it to a file first"
        )
    if not os.access(path, os.R_OK):
        return AudioFileError(f"{str(path)!r} cannot be read: permission denied")
    if path.stat().st_size == 0:
        return AudioFileError(f"{str(path)!r} is empty (0 bytes); export it again")
    # Without the name, which libsndfile gives as bytes.
    words = str(getattr(error, "error_string", error)).strip(" .")
    reason = f" ({words})" if error and words else ""
    return AudioFileError(
        f"{str(path)!r} cannot be read as audio{reason}; "
        "use WAV, FLAC, AIFF, Ogg, Opus or MP3, or convert it with ffmpeg"
    )


def truncated(path: Path, promised: float, there: float) -> AudioFileError:
    """Refusal of a file that lacks a good part of what its header promises.

    Parameters
    ----------
    path : Path
        The file.
    promised : float
        Seconds by its header.
    there : float
        Seconds that can be read.

    Returns
    -------
    AudioFileError
        To be raised by the caller.
    """
    return AudioFileError(
        f"{str(path)!r} is truncated: its header promises {promised:.2f} s, {there:.2f} s can be "
        "read; copy or export it again"
    )


def _file_name(path: Path) -> str | bytes:
    # soundfile encodes text strictly; a name that is no UTF-8 must reach the system as bytes.
    return str(path) if os.name == "nt" else os.fsencode(path)


def _find_layout(path: Path, kind: str = "") -> FileLayout:
    info = path.stat()
    return _layout(str(path), kind, info.st_size, info.st_mtime_ns, info.st_ino)


# A file is opened for each excerpt that is cut from it; walking through it once is enough.
@lru_cache(maxsize=256)
def _layout(path: str, kind: str, *_: int) -> FileLayout:
    with Path(path).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        head = bytes(data[:4])
        layout: FileLayout | None = None
        if head == b"OggS":
            layout = ogg_layout(data)
        elif head in (b"RIFF", b"RIFX", b"FORM", b"RF64", b"BW64"):
            layout = riff_layout(data)
        elif head == b"fLaC":
            layout = flac_layout(data)
        elif kind == "mpeg" or is_mpeg(data):
            layout = mpeg_layout(data)
        elif head[:3] == b"ID3":
            layout = flac_layout(data)
        return layout or FileLayout()


def _chunk_sizes(log: str) -> tuple[int, int]:
    # libsndfile reads a WAV or AIFF file that was cut off as if it ended there, and says so only
    # in its log: "data : 176400 (should be 88178)". The first number is the header's.
    match = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    promised, there = (int(match[1]), int(match[2])) if match else (0, 0)
    return (promised, there) if there > 0 else (0, 0)


class AudioReader:
    """An audio file open for reading.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    info : AudioInfo

    Raises
    ------
    AudioFileError
        If it is missing, empty, truncated, a pipe, or no audio.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._closing = ExitStack()
        self._position = 0
        self._open_section = -1
        try:
            # A pipe must be known before it is opened: opening would wait for its writer.
            if not self._path.is_file() or not self._path.stat().st_size:
                raise explain(self._path)
            self._begin()
        except (RuntimeError, OSError, TypeError, ValueError) as error:
            self.close()
            raise error if isinstance(error, AudioFileError) else self._explain(error) from error
        except BaseException:
            self.close()
            raise

    def _explain(self, error: Exception) -> AudioFileError:
        return explain(self._path, error)

    def _begin(self) -> None:
        import soundfile

        self._layout = _find_layout(self._path)
        self._source: IO[bytes] | None = None
        bits, subtype, format = 0, "", self._layout.format
        try:
            self._file = self._open(self._layout.sections[0])
            if self._file.format == "MP3" and not self._layout.sections[0].pieces:
                # It begins within a frame: what is cut out of a stream does.
                self._file.close()
                self._layout = _find_layout(self._path, "mpeg")
                self._file = self._open(self._layout.sections[0])
        except soundfile.LibsndfileError as error:
            kind = demuxer(self._path)
            if not kind:
                raise
            try:
                made = decode(self._path, kind)
            except AudioFileError:
                if kind in ("wav", "ogg", "caf"):
                    # Of libsndfile's own formats, what it said itself is the better reason.
                    raise error from None
                raise
            self._source = made.file
            made.file.seek(0, os.SEEK_END)
            self._layout = FileLayout((Section(((0, made.file.tell()),)),))
            self._file = self._open(self._layout.sections[0])
            bits = (made.bits or 16) if is_lossless(made.codec) else 0
            subtype, format = made.codec.upper() or kind.upper(), FOREIGN
        self._open_section = 0
        guessed = self._file.subtype in ("MPEG_LAYER_I", "MPEG_LAYER_II")
        if self._file.format == "RAW" or (guessed and not self._layout.sections[0].pieces):
            # libsndfile takes any bytes named .au or .snd for samples, and some for MPEG.
            raise explain(self._path)
        rate, channels = self._file.sample_rate, self._file.channels
        self._check_header(rate, channels)
        info = AudioInfo(
            self._path,
            rate,
            channels,
            0,
            subtype or self._file.subtype,
            format or self._file.format,
            bits,
        )
        self._sizes, notes = self._measure(rate, channels)
        frames = sum(self._sizes)
        if frames <= 0 or channels == 0:
            raise AudioFileError(f"{str(self._path)!r} holds no samples; export it again")
        missing = self._missing(frames)
        if missing > TOLERANCE * rate:
            raise truncated(self._path, (frames + missing) / rate, frames / rate)
        if missing:
            notes.append(f"its last {1000 * missing / rate:.0f} ms are missing: it was cut off")
        self.info = replace(info, frames=frames, notes=tuple(notes))

    def _check_header(self, rate: int, channels: int) -> None:
        """Refuse at once what the gate would refuse of all samples once they are read."""
        try:
            check_sample_rate(rate)
        except AudioError as error:
            raise AudioFileError(f"{str(self._path)!r}: {error}") from error
        if channels > MAX_CHANNELS:
            raise AudioFileError(
                f"{str(self._path)!r} has {channels} channels; dialin takes up to {MAX_CHANNELS}, "
                "so export those you need"
            )

    def _missing(self, frames: int) -> int:
        promised, there = _chunk_sizes(self._file.log)
        if there < promised < UNKNOWN_SIZE:
            return max(1, round(frames * (promised - there) / there))
        return self._layout.missing

    def _measure(self, rate: int, channels: int) -> tuple[list[int], list[str]]:
        """Samples in each section."""
        import soundfile

        sizes, notes = [], []
        for number, section in enumerate(self._layout.sections):
            if number:
                try:
                    self._use(number)
                except soundfile.LibsndfileError:
                    sizes.append(0)
                    notes.append(f"part {number + 1} of it cannot be read and is left out")
                    continue
            made = self._file
            if (made.sample_rate, made.channels) != (rate, channels):
                raise AudioFileError(
                    f"{str(self._path)!r} is several recordings in one file: the first has "
                    f"{rate} Hz and {channels} channels, number {number + 1} has "
                    f"{made.sample_rate} Hz and {made.channels}; convert it to one WAV file"
                )
            size = section.frames if section.frames >= 0 else made.frames - section.skip
            sizes.append(max(0, min(size, section.most) if section.most >= 0 else size))
        return sizes, notes

    def _open(self, section: Section) -> Decoder:
        if not section.pieces:
            return Decoder(_file_name(self._path))
        if self._source is None:
            self._source = self._closing.enter_context(self._path.open("rb"))
        return Decoder(Spliced(self._source, section.pieces))

    def _use(self, number: int) -> None:
        """Have the decoder stand at the start of a section."""
        if number != self._open_section:
            self._open_section = -1
            self._file.close()
            self._file = self._open(self._layout.sections[number])
            self._open_section = number

    def seek(self, place: int) -> None:
        """Go to a sample; past the end nothing is left to read.

        Parameters
        ----------
        place : int
            Index of the sample, from 0; held to what there is.

        Raises
        ------
        AudioFileError
            If the file cannot be read there.
        """
        place = max(0, min(place, self.info.frames))
        number, within = self._find(place)
        self._position = place
        if number < len(self._sizes):
            try:
                self._use(number)
                self._file.seek(self._layout.sections[number].skip + within)
            except (RuntimeError, OSError) as error:
                raise self._explain(error) from error

    def _find(self, position: int) -> tuple[int, int]:
        for number, size in enumerate(self._sizes):
            if position < size:
                return number, position
            position -= size
        return len(self._sizes), 0

    def read(
        self, frames: int = -1, dtype: Literal["float32", "float64", "int32"] = "float32"
    ) -> NDArray[Any]:
        """Read on from where the last read ended.

        Parameters
        ----------
        frames : int
            How many samples at most; -1 for all that are left.
        dtype : str
            ``int32`` gives integer formats as they are stored, in the upper bits.

        Returns
        -------
        ndarray, shape (samples, channels)
            Fewer samples than asked for only at the end, or where a file breaks off.

        Raises
        ------
        AudioFileError
            If the file cannot be read further, or what its header promises fits into no memory.
        """
        left = self.info.frames - self._position
        wanted = left if frames < 0 else min(frames, left)
        pieces: list[NDArray[Any]] = []
        try:
            while wanted > 0:
                number, within = self._find(self._position)
                self._use(number)
                self._file.seek(self._layout.sections[number].skip + within)
                count = min(wanted, self._sizes[number] - within)
                data = self._file.read(count, dtype)
                if data.shape[0]:
                    pieces.append(data)
                if data.shape[0] < count and number == len(self._sizes) - 1:
                    self._position += data.shape[0]
                    break
                # A part that ends early is followed by the next one.
                self._position += count
                wanted -= count
            if len(pieces) > 1:
                pieces = [np.concatenate(pieces)]
        except MemoryError as error:
            hours, size = wanted / self.info.sample_rate / 3600, wanted * self.info.channels * 4
            raise AudioFileError(
                f"{str(self._path)!r} holds {hours:.1f} h more by its header, which is "
                f"{size / 2**30:.1f} GiB and does not fit into memory; export it again, in parts"
            ) from error
        except (RuntimeError, OSError) as error:
            raise self._explain(error) from error
        if not pieces:
            return np.zeros((0, self.info.channels), dtype=dtype)
        return pieces[0]

    def close(self) -> None:
        """Close the file."""
        if getattr(self, "_file", None) is not None:
            self._file.close()
        self._closing.close()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
