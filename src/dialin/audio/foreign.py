"""Formats that libsndfile cannot read (m4a, wma, mka, WavPack, APE ...), decoded by ffmpeg."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import IO

from dialin.errors import AudioFileError

_MAGIC = (
    # Content, where it stands, ffmpeg's demuxer. The demuxer is given by name, so that a file
    # that pretends to be a playlist makes ffmpeg open nothing else.
    (b"ftyp", 4, "mov"),
    (b"moov", 4, "mov"),
    (b"mdat", 4, "mov"),
    (b"0&\xb2u\x8ef\xcf\x11", 0, "asf"),
    (b"\x1aE\xdf\xa3", 0, "matroska"),
    (b"wvpk", 0, "wv"),
    (b"MAC ", 0, "ape"),
    (b"TTA1", 0, "tta"),
    (b"MPCK", 0, "mpc8"),
    (b"MP+", 0, "mpc"),
    (b"DSD ", 0, "dsf"),
    (b"tBaK", 0, "tak"),
    (b"ADIF", 0, "aac"),
    (b"\xff\xf1", 0, "aac"),
    (b"\xff\xf9", 0, "aac"),
    (b"\x0bw", 0, "ac3"),
    (b"\x7f\xfe\x80\x01", 0, "dts"),
    (b"OggS", 0, "ogg"),
    (b"caff", 0, "caf"),
    (b"RIFF", 0, "wav"),
)
_LOSSLESS = frozenset({"alac", "wavpack", "ape", "tta", "flac", "tak", "mlp", "truehd"})
"""ffmpeg's names of codecs that lose nothing."""


PATIENCE, LEAST_BYTES = 60.0, 50_000
"""Seconds that ffmpeg and ffprobe are given at least; and bytes of a file that ffmpeg should get
through in each further second. It takes about 50 times as many, of AAC on one busy core."""


def is_lossless(codec: str) -> bool:
    """Whether a codec of ffmpeg's keeps integers as they are.

    Parameters
    ----------
    codec : str
        Its name, as ffprobe gives it.

    Returns
    -------
    bool
    """
    return codec in _LOSSLESS or codec.startswith(("pcm_s", "pcm_u"))


@dataclass(frozen=True)
class Decoded:
    """What ffmpeg made of a file: an AU file of floats that has no name.

    Attributes
    ----------
    file : IO[bytes]
        Goes away with the process, however that ends.
    codec : str
        ffmpeg's name of the codec, such as ``aac``.
    bits : int
        Of a sample; 0 where the codec has none.
    """

    file: IO[bytes]
    codec: str
    bits: int


def demuxer(path: Path) -> str:
    """Name of ffmpeg's demuxer for a file by its content; empty for what is not ffmpeg's.

    Parameters
    ----------
    path : Path
        Its first 16 bytes are read.

    Returns
    -------
    str
    """
    with path.open("rb") as file:
        head = file.read(16)
    if head[:3] == b"ID3" and path.suffix.lower() == ".aac":
        return "aac"
    for content, offset, name in _MAGIC:
        if head[offset : offset + len(content)] == content:
            return name
    return ""


def decode(path: Path, kind: str) -> Decoded:
    """Decode a file once for this process, its first sound track, at its own rate.

    Parameters
    ----------
    path : Path
        A file on this disk.
    kind : str
        ffmpeg's name of the demuxer; see `demuxer`.

    Returns
    -------
    Decoded

    Raises
    ------
    AudioFileError
        If ffmpeg is missing, cannot read the file, or the folder for temporary files is full.
    """
    stat = path.stat()
    return _decode(path, kind, stat.st_size, stat.st_mtime_ns, stat.st_ino)


# Two: an input and a reference. A matching run reads each of them several times.
@lru_cache(maxsize=2)
def _decode(path: Path, kind: str, *_: int) -> Decoded:
    program = shutil.which("ffmpeg")
    if program is None:
        raise AudioFileError(
            f"{str(path)!r} holds a format ({path.suffix or kind}) that is read by ffmpeg, which "
            "is not installed; install ffmpeg (apt install ffmpeg, brew install ffmpeg), or "
            "convert the file to WAV or FLAC"
        )
    codec, bits = _probe(path, kind)
    spool = TemporaryFile(prefix="dialin-")
    # AU may leave its length open, so that it can be written to a pipe; reading the pipe here
    # is how a full disk is noticed.
    command: list[bytes | str] = [
        program, "-v", "error", "-nostdin", *ffmpeg_input(path, kind), "-map", "0:a:0", "-vn",
        "-c:a", "pcm_f32be", "-f", "au", "-",
    ]  # fmt: skip
    limit = PATIENCE + path.stat().st_size / LEAST_BYTES
    with (
        TemporaryFile() as words,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words) as process,
        _killed_after(limit, process) as late,
    ):
        assert process.stdout is not None
        try:
            shutil.copyfileobj(process.stdout, spool, 1 << 20)
            spool.flush()
        except OSError as error:
            process.kill()
            raise AudioFileError(
                f"{str(path)!r} cannot be decoded into {gettempdir()!r}: {error.strerror}; make "
                "room there, or name another folder in TMPDIR"
            ) from error
        except BaseException:
            process.kill()
            raise
        process.wait()
        if late.is_set():
            spool.close()
            raise AudioFileError(
                f"{str(path)!r} was not decoded by ffmpeg within {limit:.0f} s; it may be damaged, "
                "or its disk not answer: convert it to WAV or FLAC"
            )
        words.seek(0)
        said = words.read(65_536).decode("utf-8", "replace").strip()
    size = spool.tell()
    if size <= 32:
        reason = said.splitlines()[-1] if said else "no sound track in it"
        raise AudioFileError(
            f"{str(path)!r} cannot be decoded by ffmpeg ({reason}); convert it to WAV or FLAC"
        )
    return Decoded(spool, codec, bits)


@contextlib.contextmanager
def _killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """End a process that takes longer, and set the event."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def ffmpeg_input(path: Path, kind: str) -> list[bytes | str]:
    """Arguments of ffmpeg or ffprobe that name a file, and keep them from opening any other.

    Parameters
    ----------
    path : Path
        A file on this disk.
    kind : str
        ffmpeg's name of the demuxer; see `demuxer`.

    Returns
    -------
    list of bytes or str
        To put before the arguments of the output.
    """
    # A name is given as bytes after "file:", so that nothing in it means anything to ffmpeg.
    name = b"file:" + os.fsencode(path.resolve())
    return ["-protocol_whitelist", "file,pipe,fd", "-f", kind, "-i", name]


def run_ffprobe(command: Sequence[bytes | str]) -> bytes:
    """What ffprobe says; nothing where it says nothing in time.

    Parameters
    ----------
    command : sequence of bytes or str
        With its arguments.

    Returns
    -------
    bytes
    """
    try:
        told = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return b""
    return told.stdout


def _probe(path: Path, kind: str) -> tuple[str, int]:
    """Codec and bit depth as ffprobe tells them; ``("", 0)`` without it."""
    program = shutil.which("ffprobe")
    if program is None:
        return "", 0
    command: list[bytes | str] = [
        program, "-v", "error", "-select_streams", "a:0", "-show_entries",
        "stream=codec_name,bits_per_raw_sample,bits_per_sample", "-of", "default=nw=1",
        *ffmpeg_input(path, kind),
    ]  # fmt: skip
    told = run_ffprobe(command)
    values: dict[str, str] = {}
    for line in told.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        values[key] = value
    depths = [values.get("bits_per_raw_sample", ""), values.get("bits_per_sample", "")]
    bits = next((int(value) for value in depths if value.isdigit() and int(value)), 0)
    return values.get("codec_name", ""), bits
