"""The audio files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from dialin.errors import AudioFileError

SUFFIXES = frozenset(
    ".aac .aif .aifc .aiff .alac .ape .au .bwf .caf .flac .m4a .mka .mp3 .mp4 .oga .ogg .opus "
    ".rf64 .snd .voc .w64 .wav .wave .webm .wma .wv".split()
)
"""What people name audio files; those that cannot be read are for the reader to refuse."""


def audio_files(
    folder: str | os.PathLike[str], *, without: Iterable[str | os.PathLike[str]] = ()
) -> list[Path]:
    """Audio files in a folder and in those below it, by name.

    Parameters
    ----------
    folder : path-like
    without : iterable of path-like
        Folders that are passed over, such as that of the results. Hidden files and folders are
        too: what lies beside music with a leading dot is some program's bookkeeping.

    Raises
    ------
    AudioFileError
        If it holds none, or cannot be listed.
    """
    root = Path(folder)
    passed = {os.path.realpath(place) for place in without}

    def walk(place: Path) -> Iterator[Path]:
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        for name in names:
            path = place / name
            if path.is_dir():
                # A link to a folder may lead back here.
                if not path.is_symlink() and os.path.realpath(path) not in passed:
                    yield from walk(path)
            elif path.suffix.lower() in SUFFIXES:
                yield path

    try:
        found = list(walk(root))
    except OSError as error:
        raise AudioFileError(
            f"the folder {str(error.filename or root)!r} cannot be listed: "
            f"{error.strerror or error}; name the files instead"
        ) from error
    if not found:
        raise AudioFileError(f"there are no audio files in {str(root)!r}; check the path")
    return found
