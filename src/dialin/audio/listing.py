"""The audio files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from dialin.errors import AudioFileError

SUFFIXES = frozenset(
    ".aac .ac3 .aif .aifc .aiff .alac .ape .au .bwf .caf .dsf .dts .flac .m4a .m4b .mka .mkv .mov "
    ".mp2 .mp3 .mp4 .mpc .oga .ogg .opus .rf64 .snd .spx .tak .tta .voc .w64 .wav .wave .webm "
    ".wma .wv".split()
)
"""What people name audio files, those that ffmpeg reads among them.

Those that cannot be read are for the reader to refuse.
"""


BESIDE = frozenset(
    ".asd .bmp .cue .csv .doc .docx .gif .htm .html .jpeg .jpg .json .log .lrc .m3u .m3u8 .md "
    ".nfo .pdf .pk .pkf .pls .png .reapeaks .rtf .sfk .sfv .svg .txt .url .webp .xml".split()
)
"""What lies beside music and is none."""


def audio_files(
    folder: str | os.PathLike[str], *, without: Iterable[str | os.PathLike[str]] = ()
) -> list[Path]:
    """Audio files in a folder and in those below it, by name.

    Parameters
    ----------
    folder : path-like
        It and all folders in it are walked through.
    without : iterable of path-like
        Folders that are passed over, such as that of the results. Hidden files and folders are
        too: what lies beside music with a leading dot is some program's bookkeeping.

    Returns
    -------
    list of Path

    Raises
    ------
    AudioFileError
        If it holds none, or cannot be listed.
    """
    root = Path(folder)
    files = named_audio(root, without=without)
    if not files:
        raise AudioFileError(f"there are no audio files in {str(root)!r}; check the path")
    return files


def named_audio(
    folder: str | os.PathLike[str], *, without: Iterable[str | os.PathLike[str]] = ()
) -> list[Path]:
    """As `audio_files`, for folders that may hold none.

    Parameters
    ----------
    folder : path-like
        Looked through with all folders below it.
    without : iterable of path-like
        Folders that are passed over.

    Returns
    -------
    list of Path

    Raises
    ------
    AudioFileError
        If it cannot be listed.
    """
    return [path for path in _files(Path(folder), without) if path.suffix.lower() in SUFFIXES]


def other_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Files in a folder and below it that `audio_files` leaves out for their name.

    Pictures, texts and the like that usually lie beside music are not among them.

    Parameters
    ----------
    folder : path-like
        It and all folders in it are walked through.

    Returns
    -------
    list of Path
        By name.
    """
    return [
        path for path in _files(Path(folder), ()) if path.suffix.lower() not in SUFFIXES | BESIDE
    ]


def _files(root: Path, without: Iterable[str | os.PathLike[str]]) -> list[Path]:
    passed = {os.path.realpath(folder) for folder in without}

    def walk(folder: Path) -> Iterator[Path]:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        for name in names:
            path = folder / name
            if path.is_dir():
                # A link to a folder may lead back here.
                if not path.is_symlink() and os.path.realpath(path) not in passed:
                    yield from walk(path)
            else:
                yield path

    try:
        return list(walk(root))
    except OSError as error:
        raise AudioFileError(
            f"the folder {str(error.filename or root)!r} cannot be listed: "
            f"{error.strerror or error}; name the files instead"
        ) from error
