"""What a file says about itself besides its samples, kept in what is made of it.

Output has the sample rate and at least the length of its input, so that places counted in samples
(cue points, loops, time references) stay true.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from os import PathLike
from pathlib import Path

from dialin.audio.files import audio_info
from dialin.audio.mpeg import Data
from dialin.audio.reader import AudioInfo
from dialin.audio.riff import byte_order, chunks
from dialin.audio.tags import Tags, info_chunk, info_tags, read_tags, write_tags
from dialin.errors import AudioError, OutputError

_RIFF_KEPT = frozenset(
    b"bext|cue |smpl|inst|LIST|iXML|axml|chna|cart|plst|acid|strc|id3 |ID3 |_PMX|link|umid|aXML"
    .split(b"|")
)  # fmt: skip
_AIFF_KEPT = frozenset(b"MARK|INST|NAME|AUTH|(c) |ANNO|COMT|APPL|ID3 |MIDI|AESD|SAXL".split(b"|"))
_CAF_KEPT = frozenset(b"strg|mark|regn|inst|info|umid|uuid|midi|edct".split(b"|"))
_BEXT_LOUDNESS = 412
"""Place of five 16-bit loudness figures in a bext chunk, EBU Tech 3285 version 2."""
_FLAC_KEPT = (2, 5)
"""Metadata blocks APPLICATION (which holds chunks of WAV) and CUESHEET."""


def copy_metadata(source: str | PathLike[str], target: str | PathLike[str]) -> tuple[str, ...]:
    """Give a finished file the tags, pictures, markers and time references of another.

    Parameters
    ----------
    source, target : path-like
        `target` is changed in place, and so should be a temporary file still.

    Returns
    -------
    tuple of str
        What could not be kept, for the user; empty where all was.

    Raises
    ------
    OutputError
        If the target was damaged, as by a full disk.
    """
    old, new = Path(source), Path(target)
    before, after = audio_info(old), audio_info(new)
    try:
        notes = _copy(before, after)
    except Exception as error:  # Damaged tags are no reason to lose a recording.
        try:
            whole = audio_info(new).frames == after.frames
        except AudioError:
            whole = False
        if not whole:
            raise OutputError(
                f"cannot write the tags of {str(new)!r}: {error}; is the disk full?"
            ) from error
        return (f"tags and markers of {old.name!r} could not be kept ({error})",)
    return notes


def _copy(before: AudioInfo, after: AudioInfo) -> tuple[str, ...]:
    old, new = before.path, after.path
    with old.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        family = _family(data)
        kept = _chunks(data, family)
    ours = _family_of(after)
    if family == ours:
        # ID3 tags go through `write_tags`, which knows what an effect makes untrue.
        raw = [c for c in kept if c.name.lower() != b"id3 " or after.format == "RF64"]
        if raw:
            _append(new, raw, family)
        if family == "flac":
            _copy_flac_blocks(old, new)
        if family == "caf" and any(c.name == b"info" for c in raw):
            return ()
    info = next((c.content for c in kept if c.content[:4] == b"INFO"), b"")
    tags = read_tags(old)
    if info and family == ours:
        # They are there already, and mutagen sees only those in an ID3 chunk.
        tags.fields.clear()
    elif info and not tags:
        tags = info_tags(info)
    lost = []
    if tags and not _put_tags(tags, after, ours):
        lost.append("tags")
    if family != ours:
        lost += sorted({_WHAT[c.name] for c in kept if c.name in _WHAT})
    if not lost:
        return ()
    return (f"{after.format} cannot hold the {', '.join(lost)} of {old.name!r} here",)


_WHAT = {
    b"bext": "time reference",
    b"cue ": "cue points",
    b"MARK": "markers",
    b"mark": "markers",
    b"smpl": "loop points",
    b"INST": "loop points",
    b"inst": "loop points",
}


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    content: bytes


def _family(data: Data) -> str:
    if data[:4] == b"caff":
        return "caf"
    if data[:4] == b"fLaC":
        return "flac"
    return {"<": "riff", ">": "aiff"}.get(byte_order(data), "") if data[:4] != b"RIFX" else ""


def _family_of(info: AudioInfo) -> str:
    return {
        "WAV": "riff", "WAVEX": "riff", "RF64": "riff", "AIFF": "aiff", "CAF": "caf",
        "FLAC": "flac",
    }.get(info.format, "")  # fmt: skip


def _chunks(data: Data, family: str) -> list[_Chunk]:
    kept: list[_Chunk] = []
    if family == "caf":
        offset = 8
        while offset + 12 <= len(data):
            name = bytes(data[offset : offset + 4])
            (size,) = struct.unpack_from(">q", data, offset + 4)
            if size < 0 or offset + 12 + size > len(data):
                break
            if name in _CAF_KEPT:
                kept.append(_Chunk(name, bytes(data[offset + 12 : offset + 12 + size])))
            offset += 12 + size
    elif family in ("riff", "aiff"):
        wanted = _RIFF_KEPT if family == "riff" else _AIFF_KEPT
        for chunk in chunks(data):
            # The samples are a chunk, too, and may be gigabytes.
            if chunk.name not in wanted or chunk.start + chunk.size > len(data):
                continue
            content = bytes(data[chunk.start : chunk.start + chunk.size])
            if chunk.name == b"bext" and len(content) >= _BEXT_LOUDNESS + 10:
                # Not that of the output: 0x7FFF stands for a figure that is not given.
                unknown = struct.pack("<5h", *[0x7FFF] * 5)
                content = content[:_BEXT_LOUDNESS] + unknown + content[_BEXT_LOUDNESS + 10 :]
            kept.append(_Chunk(chunk.name, content))
    return kept


def _append(path: Path, kept: list[_Chunk], family: str) -> None:
    """Add chunks after the samples, and to the size of the file that its header gives."""
    order = "<" if family == "riff" else ">"
    with path.open("r+b") as file:
        head = file.read(40)
        size = file.seek(0, 2)
        added = b""
        for chunk in kept:
            if family == "caf":
                added += chunk.name + struct.pack(">q", len(chunk.content)) + chunk.content
            else:
                length = struct.pack(f"{order}I", len(chunk.content))
                added += chunk.name + length + chunk.content + bytes(len(chunk.content) & 1)
        padding = bytes(size & 1) if family != "caf" else b""
        total = size + len(padding) + len(added) - 8
        if family != "caf" and head[:4] != b"RF64" and total >= 2**32:
            raise ValueError("the file would exceed 4 GiB")
        file.write(padding + added)
        if head[:4] == b"RF64":
            file.seek(20)
            file.write(struct.pack("<Q", total))
        elif family != "caf":
            file.seek(4)
            file.write(struct.pack(f"{order}I", total))


def _put_tags(tags: Tags, after: AudioInfo, family: str) -> bool:
    if family == "riff" and tags.fields:
        content = info_chunk(tags.fields)
        if content:
            _append(after.path, [_Chunk(b"LIST", content)], family)
        if after.format == "RF64":
            return bool(content)
    return write_tags(tags, after.path, after.format, after.subtype)


def _copy_flac_blocks(old: Path, new: Path) -> None:
    from mutagen.flac import FLAC

    blocks = [block for block in FLAC(old).metadata_blocks if block.code in _FLAC_KEPT]
    if blocks:
        file = FLAC(new)
        file.metadata_blocks += blocks
        file.save()
