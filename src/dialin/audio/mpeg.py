"""Where the frames of an MPEG audio file (MP3, MP2) lie, and how many there are.

Only a Xing or Info header says how long an MP3 file is, and not every file has one; decoders guess
from the size of the file and the bit rate of its first frame. Here the frames are walked through,
ISO/IEC 11172-3 section 2.4.2.3, which takes some 10 ms for a song.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from mmap import mmap

from dialin.audio.splice import FileLayout, Piece, Section

Data = mmap | bytes

_LAYER3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_LAYER3_LOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_RATES_KBPS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0),
    (1, 3): _LAYER3,
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0),
    (2, 2): _LAYER3_LOW,
    (2, 3): _LAYER3_LOW,
}
"""By version (2 stands for 2.5 too) and layer."""

_SAME = 0xFFFE0C00
"""Bits of a header that all frames of a stream share: sync, version, layer, sample rate."""

DECODER_DELAY = 529
"""Samples by which a layer III decoder lags; mpg123 drops them where there is a Xing header."""

GARBAGE = 1 << 20
"""Bytes that are no frames and no tags, after which nothing more is looked for."""

MOST_HEADLESS = 100
"""Frames that can need bytes of the ones before them: 511 bytes of at least 5 each."""

FEW = 3
"""Frames in a row that make a stream, and by which a Xing header may be off by mistake."""


@dataclass(frozen=True)
class Header:
    """The fixed facts of a stream, from the header of one of its frames.

    Attributes
    ----------
    word : int
        The first four bytes of a frame, as one number.
    """

    word: int

    @property
    def version(self) -> int:
        """1, or 2 for MPEG 2 and 2.5."""
        return 1 if (self.word >> 19) & 3 == 3 else 2

    @property
    def layer(self) -> int:
        """1, 2 or 3."""
        return 4 - ((self.word >> 17) & 3)

    @property
    def sample_rate(self) -> int:
        """In hertz."""
        rate = (44_100, 48_000, 32_000)[(self.word >> 10) & 3]
        return rate >> {3: 0, 2: 1, 0: 2}[(self.word >> 19) & 3]

    @property
    def mono(self) -> bool:
        """Whether there is one channel."""
        return (self.word >> 6) & 3 == 3

    @property
    def samples(self) -> int:
        """Samples in a frame."""
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.version == 2 else 1152

    def sizes(self) -> tuple[int, ...]:
        """Bytes of a frame without padding, by the index of its bit rate; 0 where not allowed."""
        rates = _RATES_KBPS[self.version, self.layer]
        slots = 12 if self.layer == 1 else self.samples // 8
        unit = 4 if self.layer == 1 else 1
        return tuple(slots * kbps * 1000 // self.sample_rate * unit for kbps in rates)

    @property
    def tag_offset(self) -> int:
        """Where in a frame a Xing header lies: after header and side information."""
        if self.version == 1:
            return 4 + (17 if self.mono else 32)
        return 4 + (9 if self.mono else 17)


@dataclass
class _Stream:
    """Frames that belong to one encoding."""

    header: Header
    start: int
    ranges: list[list[int]] = field(default_factory=list)
    count: int = 0
    tag: int = -1
    """Place of the Xing header's name."""
    tag_frame: tuple[int, int] = (0, 0)
    promised: int = -1
    size: int = -1

    def add(self, offset: int, length: int) -> None:
        self.count += 1
        if self.ranges and self.ranges[-1][1] == offset:
            self.ranges[-1][1] += length
        else:
            self.ranges.append([offset, offset + length])

    def full(self, offset: int) -> bool:
        """Whether the Xing header's two figures agree that the stream ends here."""
        return self.count == self.promised and abs(offset - self.start - self.size) <= 2_000


def _header(data: Data, offset: int) -> Header | None:
    if offset + 4 > len(data):
        return None
    (word,) = struct.unpack_from(">I", data, offset)
    if word >> 21 != 0x7FF or (word >> 19) & 3 == 1 or not (word >> 17) & 3:
        return None
    if (word >> 10) & 3 == 3 or (word >> 12) & 15 in (0, 15):
        return None
    return Header(word)


def _length(header: Header) -> int:
    padding = ((header.word >> 9) & 1) * (4 if header.layer == 1 else 1)
    return header.sizes()[(header.word >> 12) & 15] + padding


def _starts_here(data: Data, offset: int, stop: int) -> Header | None:
    """Header of the frame at `offset`, if `FEW` of the same kind follow one another there."""
    first = _header(data, offset)
    header = first
    for _ in range(FEW):
        if header is None or first is None or (header.word ^ first.word) & _SAME:
            return None
        offset += _length(header)
        if _after_tags(data, offset, stop) == stop:
            return first
        header = _header(data, offset) if offset < stop else None
    return first


def _after_tags(data: Data, offset: int, stop: int) -> int:
    """Step over ID3, APE and Lyrics3 tags."""
    while True:
        head = data[offset : offset + 10]
        if head[:3] == b"ID3" and len(head) == 10:
            size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
            offset += 10 + size + (10 if head[5] & 0x10 else 0)
        elif head[:3] == b"TAG" and offset + 128 <= stop:
            offset += 128
        elif head[:8] == b"APETAGEX" and offset + 32 <= stop:
            size, _, flags = struct.unpack_from("<III", data, offset + 12)
            # A footer alone is followed by nothing of its own.
            offset += 32 + (size if flags & 0x20000000 else 0)
        else:
            return offset


def _next_start(data: Data, offset: int, stop: int) -> tuple[int, Header] | None:
    stop_search = min(stop, offset + GARBAGE)
    while (offset := data.find(b"\xff", offset, stop_search)) >= 0:
        header = _starts_here(data, offset, stop)
        if header is not None:
            return offset, header
        offset += 1
    return None


def is_mpeg(data: Data) -> bool:
    """Whether a file looks like MPEG audio.

    Parameters
    ----------
    data : mmap or bytes
        The file's bytes, mapped or in memory.

    Returns
    -------
    bool
    """
    offset = _after_tags(data, 0, len(data))
    return _starts_here(data, offset, len(data)) is not None


def _walk(data: Data, start: int, stop: int) -> list[_Stream]:
    streams: list[_Stream] = []
    offset = start
    while (following := _next_start(data, _after_tags(data, offset, stop), stop)) is not None:
        offset, header = following
        same, mono, sizes = header.word & _SAME, header.mono, header.sizes()
        slot = 4 if header.layer == 1 else 1
        tag_offset = header.tag_offset if header.layer == 3 else 0
        last = streams[-1] if streams else None
        if last is None or (last.header.word & _SAME, last.header.mono) != (same, mono):
            streams.append(_Stream(header, offset))
        stream = streams[-1]
        while offset + 4 <= stop:
            (word,) = struct.unpack_from(">I", data, offset)
            if word & _SAME != same or ((word >> 6) & 3 == 3) != mono:
                break
            size = sizes[(word >> 12) & 15]
            length = size + ((word >> 9) & 1) * slot
            if not size or offset + length > stop:
                break
            if tag_offset:
                tag = offset + tag_offset
                name = data[tag : tag + 4]
                if name in (b"Xing", b"Info") or data[offset + 36 : offset + 40] == b"VBRI":
                    if stream.count or stream.tag >= 0:
                        stream = _Stream(header, offset)
                        streams.append(stream)
                    if name != b"VBRI":
                        _read_tag(data, stream, offset, length, tag)
                    stream.start = offset
                    offset += length
                    continue
            if stream.full(offset) and not _ends_soon(data, offset, stop, same):
                stream = _Stream(header, offset)
                streams.append(stream)
            stream.add(offset, length)
            offset += length
    return [stream for stream in streams if stream.count]


def _ends_soon(data: Data, offset: int, stop: int, same: int) -> bool:
    """Whether fewer than `FEW` frames follow: the header's count was off, no new recording."""
    for _ in range(FEW):
        header = _header(data, offset)
        if header is None or header.word & _SAME != same:
            return True
        offset += _length(header)
    return offset > stop


def _read_tag(data: Data, stream: _Stream, offset: int, length: int, tag: int) -> None:
    if tag + 16 > offset + length:
        return
    (flags,) = struct.unpack_from(">I", data, tag + 4)
    if not flags & 1:
        return
    stream.tag, stream.tag_frame = tag, (offset, offset + length)
    (stream.promised,) = struct.unpack_from(">I", data, tag + 8)
    if flags & 2:
        (stream.size,) = struct.unpack_from(">I", data, tag + 12)


def _quiet_frame(header: Header) -> bytes:
    """Return a frame of silence at the lowest bit rate there is."""
    word = header.word & ~0x0000F200 | 1 << 12 | 1 << 16
    size = header.sizes()[1]
    return struct.pack(">I", word) + bytes(size - 4)


def _drop_headless(data: Data, stream: _Stream) -> None:
    """Leave out first frames that need bytes of frames before them, where a stream was cut.

    No decoder can do anything with them; mpg123 leaves out an unknown number of samples.
    """
    header, sizes = stream.header, stream.header.sizes()
    offset, stop = stream.ranges[0]
    there, first = 0, offset
    side = header.tag_offset
    slot = 1
    for _ in range(MOST_HEADLESS):
        if offset + side > stop or stream.count <= 1:
            break
        (word,) = struct.unpack_from(">I", data, offset)
        crc = 0 if word & 0x10000 else 2
        needed = int.from_bytes(data[offset + 4 + crc : offset + 6 + crc], "big")
        needed >>= 7 if header.version == 1 else 8
        if needed <= there:
            break
        length = sizes[(word >> 12) & 15] + ((word >> 9) & 1) * slot
        there += length - side - crc
        offset += length
        stream.count -= 1
    if offset != first:
        stream.ranges[0][0] = offset


def _section(data: Data, stream: _Stream) -> tuple[Section, int]:
    """What a decoder is given of a stream, and how many samples of it are missing."""
    header = stream.header
    if header.layer == 3 and stream.tag < 0:
        _drop_headless(data, stream)
    frames: tuple[Piece, ...] = tuple((a, b) for a, b in stream.ranges)
    total = stream.count * header.samples
    if header.layer != 3:
        return Section(frames, most=total), 0
    if stream.tag < 0:
        # mpg123 takes the length from the bit rate of the first frame, and libsndfile reads no
        # further. With a frame of the lowest rate in front it expects too much, and reads it all.
        return Section((_quiet_frame(header), *frames), header.samples, total), 0
    start, stop = stream.tag_frame
    # A count that is off by one is an encoder's mistake and no loss.
    if stream.promised == stream.count or stream.promised > stream.count + 1:
        delay = 0
        if stream.tag + 144 <= stop:
            delay = int.from_bytes(data[stream.tag + 141 : stream.tag + 143], "big") >> 4
        missing = (stream.promised - stream.count) * header.samples
        most = total - delay - DECODER_DELAY if missing else -1
        return Section(((start, stop), *frames), most=most), missing
    count = struct.pack(">I", stream.count)
    return Section(((start, stream.tag + 8), count, (stream.tag + 12, stop), *frames)), 0


def mpeg_layout(data: Data, start: int = 0, stop: int | None = None) -> FileLayout | None:
    """Sections of the MPEG audio in ``data[start:stop]``; None if there is none.

    Several recordings one after the other (files that were joined) are as many sections.

    Parameters
    ----------
    data : mmap or bytes
        The file's bytes, mapped or in memory.
    start : int, default 0
        First byte to look at.
    stop : int, optional
        Last + 1; the file's end by default.

    Returns
    -------
    FileLayout or None
        Each section with its pieces in bytes and its samples.
    """
    streams = _walk(data, start, len(data) if stop is None else stop)
    if not streams:
        return None
    parts = [_section(data, stream) for stream in streams]
    return FileLayout(tuple(s for s, _ in parts), sum(missing for _, missing in parts))
