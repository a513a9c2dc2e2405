"""How many samples a FLAC file really holds, from the headers of its last frames (RFC 9639)."""

from __future__ import annotations

from dataclasses import dataclass

from dialin.audio.mpeg import Data
from dialin.audio.splice import FileLayout, Section

_MARK = b"fLaC\x00\x00\x00\x22"
_TAIL = 1 << 20
"""Bytes searched for the last frame; far more than one takes."""
_TRIES = 64


def _crc_table(polynomial: int, bits: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        crc = value << (bits - 8)
        for _ in range(8):
            crc = (crc << 1) ^ (polynomial if crc >> (bits - 1) else 0)
            crc &= (1 << bits) - 1
        table.append(crc)
    return tuple(table)


_CRC8 = _crc_table(0x07, 8)
_CRC16 = _crc_table(0x8005, 16)


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc


@dataclass(frozen=True)
class _Frame:
    offset: int
    first: int
    samples: int


def _frame(data: Data, offset: int, block: int) -> _Frame | None:
    """Frame header at `offset` with a true checksum; `block` is the block size where all agree."""
    head = data[offset : offset + 16]
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    size_code, rate_code = head[2] >> 4, head[2] & 15
    if size_code == 0 or rate_code == 15 or head[3] >> 4 > 10:
        return None
    lead = head[4]
    extra = 0
    while extra < 7 and lead & (0x80 >> extra):
        extra += 1
    if extra == 1 or (extra == 7 and lead != 0xFE):
        return None
    count = max(1, extra)
    if len(head) < 4 + count + 5:
        head = head + bytes(16 - len(head))
    number = lead & (0x7F >> extra)
    for byte in head[5 : 4 + count]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    at = 4 + count
    if size_code == 6:
        samples, at = head[at] + 1, at + 1
    elif size_code == 7:
        samples, at = (head[at] << 8 | head[at + 1]) + 1, at + 2
    elif size_code == 1:
        samples = 192
    else:
        samples = 576 << (size_code - 2) if size_code < 6 else 256 << (size_code - 8)
    at += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    variable = head[1] & 1
    return _Frame(offset, number if variable else number * (block or samples), samples)


def _last_sample(data: Data, start: int, stop: int, block: int) -> int | None:
    """Sample after the last whole frame in ``data[start:stop]``."""
    low = max(start, stop - _TAIL)
    frames: list[_Frame] = []
    offset = stop
    while len(frames) < _TRIES and (offset := data.rfind(b"\xff", low, offset)) >= 0:
        candidate = _frame(data, offset, block)
        if candidate is not None:
            frames.append(candidate)
    ends = [stop]
    if data[stop - 128 : stop - 125] == b"TAG":
        ends.append(stop - 128)
    for end in ends:
        for frame in frames[:8]:
            if frame.offset < end and _crc16(data[frame.offset : end]) == 0:
                return frame.first + frame.samples
    # Cut off within a frame: what comes before it is whole if its checksum is right.
    for index, later in enumerate(frames):
        for frame in frames[index + 1 : index + 5]:
            if _crc16(data[frame.offset : later.offset]) == 0:
                return frame.first + frame.samples
    return None


def _one(data: Data, start: int, stop: int) -> tuple[Section, int]:
    info = data[start + 8 : start + 42]
    if len(info) < 34:
        return Section(((start, stop),)), 0
    least, most = int.from_bytes(info[:2], "big"), int.from_bytes(info[2:4], "big")
    total = int.from_bytes(info[13:18], "big") & 0xF_FFFF_FFFF
    there = _last_sample(data, start + 42, stop, most if least == most else 0)
    if there is None or there == total:
        return Section(((start, stop),)), 0
    # The count lies in the last 36 bits of these five bytes.
    patched = bytes([info[13] & 0xF0 | there >> 32]) + (there & 0xFFFFFFFF).to_bytes(4, "big")
    pieces = ((start, start + 21), patched, (start + 26, stop))
    return Section(pieces, frames=there), max(0, total - there)


def flac_layout(data: Data) -> FileLayout | None:
    """Sections of a FLAC file; None where there is no FLAC stream.

    A header without a count (from an encoder that wrote to a pipe) or with a wrong one is mended
    for the decoder; files that were joined are as many sections.

    Parameters
    ----------
    data : Data
        The file's bytes, mapped or in memory.

    Returns
    -------
    FileLayout or None
        Empty where the decoder can be trusted.
    """
    starts: list[int] = []
    offset = 0
    while (offset := data.find(_MARK, offset)) >= 0:
        starts.append(offset)
        offset += len(_MARK)
    if not starts:
        return None
    parts = [_one(data, a, b) for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
    missing = sum(lost for _, lost in parts)
    sections = tuple(section for section, _ in parts)
    if len(sections) == 1 and not missing and sections[0].frames < 0:
        return FileLayout()
    return FileLayout(sections, missing)
