"""Chunks of WAV and AIFF files: where they lie, and sizes that were never filled in.

A program that writes to a pipe, or dies while it records, leaves the size of the samples at 0 or
at the largest number there is; the recording then reaches to the end of the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from dialin.audio.mpeg import Data, mpeg_layout
from dialin.audio.splice import FileLayout, Section

MPEG_TAGS = (0x50, 0x55)
"""Format tags of MP2 and MP3 inside WAV."""


@dataclass(frozen=True)
class Chunk:
    """One chunk of a RIFF or AIFF file.

    Attributes
    ----------
    name : bytes
        Four characters.
    start, size : int
        Place of its content, and the size it claims.
    """

    name: bytes
    start: int
    size: int

    @property
    def stop(self) -> int:
        """Place after its content and padding, as claimed."""
        return self.start + self.size + (self.size & 1)


def byte_order(data: Data) -> str:
    """``<`` or ``>`` for a RIFF, RF64, RIFX or AIFF file; empty for any other.

    Parameters
    ----------
    data : Data
        The file's bytes, mapped or in memory.

    Returns
    -------
    str
    """
    head, kind = bytes(data[:4]), bytes(data[8:12])
    if head in (b"RIFF", b"RF64", b"BW64") and kind == b"WAVE":
        return "<"
    if (head == b"RIFX" and kind == b"WAVE") or (head == b"FORM" and kind in (b"AIFF", b"AIFC")):
        return ">"
    return ""


def chunks(data: Data) -> list[Chunk]:
    """Chunks in order; the last may claim more than there is.

    Parameters
    ----------
    data : Data
        The file's bytes, mapped or in memory.

    Returns
    -------
    list of Chunk
        Each with its name, where its content starts, and its length in bytes.
    """
    order = byte_order(data)
    listed: list[Chunk] = []
    large: dict[bytes, int] = {}
    offset, size = 12, len(data)
    while order and offset + 8 <= size:
        name = bytes(data[offset : offset + 4])
        (length,) = struct.unpack_from(f"{order}I", data, offset + 4)
        if name == b"ds64" and offset + 24 <= size:
            (large[b"data"],) = struct.unpack_from("<Q", data, offset + 16)
        if length == 0xFFFFFFFF and name in large:
            length = large[name]
        listed.append(Chunk(name, offset + 8, length))
        offset = listed[-1].stop
    return listed


def _reads_as_chunks(data: Data, offset: int, order: str) -> bool:
    """Whether chunks with sane names fill the file from `offset` on."""
    while offset + 8 <= len(data):
        name = bytes(data[offset : offset + 4])
        (length,) = struct.unpack_from(f"{order}I", data, offset + 4)
        if not all(32 <= byte < 127 for byte in name) or offset + 8 + length > len(data):
            return False
        offset += 8 + length + (length & 1)
    return True


def riff_layout(data: Data) -> FileLayout | None:
    """Sections of a WAV or AIFF file; None for what is neither.

    Parameters
    ----------
    data : Data
        The file's bytes, mapped or in memory.

    Returns
    -------
    FileLayout or None
        Empty where the decoder can be trusted.
    """
    order = byte_order(data)
    if not order:
        return None
    listed = chunks(data)
    joined = [chunk.start - 8 for chunk in listed if chunk.name in (b"RIFF", b"FORM", b"RIFX")]
    if joined and bytes(data[joined[0] : joined[0] + 4]) == bytes(data[:4]):
        # Several files one after the other, each of which is walked through by itself.
        ends = zip([0, *joined], [*joined, len(data)], strict=True)
        sections: list[Section] = []
        for start, stop in ends:
            part = riff_layout(data[start:stop])
            for section in part.sections if part else ():
                whole = section if section.pieces else Section(((0, stop - start),))
                sections.append(_moved(whole, start))
        return FileLayout(tuple(sections))
    name = b"SSND" if data[:4] == b"FORM" else b"data"
    sound = next((chunk for chunk in listed if chunk.name == name), None)
    format = next((chunk for chunk in listed if chunk.name == b"fmt "), None)
    if sound is None:
        return FileLayout()
    there = len(data) - sound.start
    unfilled = sound.size == 0 and not _reads_as_chunks(data, sound.start, order)
    if format is not None and format.start + 2 <= len(data):
        (tag,) = struct.unpack_from(f"{order}H", data, format.start)
        if tag in MPEG_TAGS:
            stop = sound.start + (there if unfilled else min(there, sound.size))
            inside = mpeg_layout(data, sound.start, stop)
            return FileLayout(inside.sections, inside.missing, "WAV") if inside else FileLayout()
    if not unfilled or there >= 2**32:
        return FileLayout()
    size = struct.pack(f"{order}I", there)
    pieces: list[bytes | tuple[int, int]] = [(0, sound.start - 4), size, (sound.start, len(data))]
    if name == b"SSND":
        pieces = _aiff_pieces(data, listed, sound, size)
    return FileLayout((Section(tuple(pieces)),))


def _moved(section: Section, start: int) -> Section:
    """A section of a part of the file as one of the file."""
    pieces = tuple(
        piece if isinstance(piece, bytes) else (piece[0] + start, piece[1] + start)
        for piece in section.pieces
    )
    return replace(section, pieces=pieces)


def _aiff_pieces(
    data: Data, listed: list[Chunk], sound: Chunk, size: bytes
) -> list[bytes | tuple[int, int]]:
    """As for WAV, with the count of samples that AIFF keeps in another chunk."""
    common = next((chunk for chunk in listed if chunk.name == b"COMM"), None)
    if common is None or common.start > sound.start:
        return [(0, sound.start - 4), size, (sound.start, len(data))]
    channels, _, bits = struct.unpack_from(">hIh", data, common.start)
    frames = (len(data) - sound.start - 8) // max(1, channels * ((bits + 7) // 8))
    return [
        (0, common.start + 2),
        struct.pack(">I", max(0, frames)),
        (common.start + 6, sound.start - 4),
        size,
        (sound.start, len(data)),
    ]
