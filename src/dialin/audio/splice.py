"""A file put together from pieces of another, so that a decoder sees what it should have been."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import IO

from dialin.files.system import read_at

Piece = bytes | tuple[int, int]
"""Bytes as they are, or the place ``(start, stop)`` of bytes in the file."""


@dataclass(frozen=True)
class Section:
    """A stretch of a file that is a whole recording of its own to a decoder.

    Attributes
    ----------
    pieces : tuple of Piece
        What the decoder is given; empty for the file as it is.
    skip : int
        Samples to drop from the start of what is decoded.
    frames : int
        Samples that can be decoded after those; -1 where the decoder's own count is right.
    most : int
        Samples there can be at most, whatever the decoder counts; -1 for no limit.
    """

    pieces: tuple[Piece, ...] = ()
    skip: int = 0
    frames: int = -1
    most: int = -1


@dataclass(frozen=True)
class FileLayout:
    """What a file really holds, found by walking through it.

    Attributes
    ----------
    sections : tuple of Section
        Decoded one after the other.
    missing : int
        Samples that the header promises and that are not there.
    format : str
        libsndfile's name of the container where the sections do not show it.
    """

    sections: tuple[Section, ...] = (Section(),)
    missing: int = 0
    format: str = ""


class Spliced:
    """Read-only binary file made of pieces; what libsndfile needs of a file, and no more.

    Parameters
    ----------
    file : IO[bytes]
        Opened for reading bytes.
    pieces : sequence of bytes or (int, int)
        Bytes themselves, or start and stop in the file, in order.
    """

    def __init__(self, file: IO[bytes], pieces: Sequence[Piece]) -> None:
        self._file = file
        self._pieces = list(pieces)
        sizes = [len(p) if isinstance(p, bytes) else p[1] - p[0] for p in self._pieces]
        self._starts = [0, *accumulate(sizes)]
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place and return it.

        Parameters
        ----------
        offset : int
            In bytes.
        whence : int, optional
            ``os.SEEK_SET``, ``os.SEEK_CUR`` or ``os.SEEK_END``.

        Returns
        -------
        int
            Bytes from the start.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Where the next byte is read from."""
        return self._position

    def read(self, count: int = -1) -> bytes:
        """Read at most `count` bytes; all that are left if it is negative.

        Parameters
        ----------
        count : int, default -1
            In bytes.

        Returns
        -------
        bytes
            Empty at the end.
        """
        left = self._starts[-1] - self._position
        count = left if count < 0 else min(count, left)
        parts: list[bytes] = []
        while count > 0:
            index = bisect_right(self._starts, self._position) - 1
            offset = self._position - self._starts[index]
            size = min(count, self._starts[index + 1] - self._position)
            piece = self._pieces[index]
            if isinstance(piece, bytes):
                data = piece[offset : offset + size]
            else:
                data = read_at(self._file, piece[0] + offset, size)
            if not data:
                break
            parts.append(data)
            count -= len(data)
            self._position += len(data)
        return b"".join(parts)

    def write(self, _: bytes) -> int:
        """Refuse: the original is never changed.

        Returns
        -------
        int

        Raises
        ------
        OSError
            Always.
        """
        raise OSError("this file is read only")
