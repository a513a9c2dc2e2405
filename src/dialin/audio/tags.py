"""Tags and pictures, in one form for all formats: names as in Vorbis comments.

Where two formats keep tags the same way, everything is copied as it is; otherwise the fields that
both know. What an effect makes untrue (ReplayGain, R128 gain, loudness) is left out.
"""

from __future__ import annotations

import base64
import shutil
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialin.files.reading import parse_json

_ID3 = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "date": "TDRC",
    "genre": "TCON",
    "tracknumber": "TRCK",
    "discnumber": "TPOS",
    "composer": "TCOM",
    "conductor": "TPE3",
    "lyricist": "TEXT",
    "copyright": "TCOP",
    "publisher": "TPUB",
    "isrc": "TSRC",
    "bpm": "TBPM",
    "language": "TLAN",
    "initialkey": "TKEY",
}
_MP4 = {
    "\xa9nam": "title",
    "\xa9ART": "artist",
    "\xa9alb": "album",
    "aART": "albumartist",
    "\xa9day": "date",
    "\xa9gen": "genre",
    "\xa9cmt": "comment",
    "\xa9wrt": "composer",
    "cprt": "copyright",
    "trkn": "tracknumber",
    "disk": "discnumber",
    "tmpo": "bpm",
    "\xa9lyr": "lyrics",
}
_INFO = {
    b"INAM": "title",
    b"IART": "artist",
    b"IPRD": "album",
    b"ICRD": "date",
    b"IGNR": "genre",
    b"ICMT": "comment",
    b"ITRK": "tracknumber",
    b"IPRT": "tracknumber",
    b"ICOP": "copyright",
    b"IMUS": "composer",
}
_OTHER_NAMES = {
    "author": "artist",
    "wm/albumtitle": "album",
    "wm/albumartist": "albumartist",
    "album_artist": "albumartist",
    "album artist": "albumartist",
    "wm/year": "date",
    "year": "date",
    "wm/genre": "genre",
    "wm/tracknumber": "tracknumber",
    "track": "tracknumber",
    "disc": "discnumber",
    "wm/composer": "composer",
    "description": "comment",
}
"""Of ASF, APE and ffmpeg."""
_COMMON = frozenset((*_ID3, *_MP4.values(), "comment", "lyrics"))
_UNTRUE = ("replaygain", "r128_", "mp3gain", "loudness", "itunnorm")


@dataclass
class Tags:
    """Tags of a recording.

    Attributes
    ----------
    fields : dict
        Texts by name, in small letters.
    pictures : list of mutagen.flac.Picture
    frames : list
        ID3 frames as they are, where that is what there was.
    """

    fields: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[Any] = field(default_factory=list)
    frames: list[Any] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.fields or self.pictures or self.frames)

    def add(self, name: str, value: object) -> None:
        """Add a text, unless it is empty or made untrue by an effect.

        Parameters
        ----------
        name : str
            As in Vorbis comments; small and large letters are the same.
        value : object
            Made a text; the same text is not added twice.
        """
        text = str(value).strip("\0 ")
        if text and not name.lower().startswith(_UNTRUE):
            values = self.fields.setdefault(name.lower(), [])
            if text not in values:
                values.append(text)


def read_tags(path: Path) -> Tags:
    """Tags of a file; empty where there are none or the format is not known.

    Parameters
    ----------
    path : Path
        Of an audio file.

    Returns
    -------
    Tags
    """
    import mutagen
    from mutagen.flac import Picture

    file = mutagen.File(path)
    tags = Tags()
    if file is None:
        _from_ffprobe(path, tags)
        return tags
    tags.pictures += [picture for picture in getattr(file, "pictures", [])]
    family = type(file.tags).__name__ if file.tags is not None else ""
    if "ID3" in family:
        _from_id3(file.tags, tags)
    elif family == "MP4Tags":
        _from_mp4(file.tags, tags)
    elif hasattr(file.tags, "vendor"):
        for name, value in file.tags:
            if name.lower() == "metadata_block_picture":
                with suppress(Exception):
                    tags.pictures.append(Picture(base64.b64decode(value)))
            else:
                tags.add(name, value)
    elif file.tags is not None:
        for name, values in dict(file.tags).items():
            common = _OTHER_NAMES.get(name.lower(), name.lower())
            if common in _COMMON and common not in tags.fields:
                for value in values if isinstance(values, list) else [values]:
                    tags.add(common, value)
    return tags


def _from_id3(frames: Any, tags: Tags) -> None:
    from mutagen.flac import Picture

    names = {frame: name for name, frame in _ID3.items()}
    for frame in frames.values():
        kind = frame.FrameID
        text = [str(part) for part in getattr(frame, "text", [])]
        about = str(getattr(frame, "desc", "")).lower()
        if kind in ("RVA2", "RVAD", "RGAD", "MLLT", "ASPI", "SEEK") or about.startswith(_UNTRUE):
            continue
        tags.frames.append(frame)
        if kind == "APIC":
            picture = Picture()
            picture.mime, picture.type, picture.desc = frame.mime, int(frame.type), frame.desc
            picture.data = frame.data
            tags.pictures.append(picture)
        elif kind == "COMM":
            tags.add("comment", "\n".join(text))
        elif kind == "USLT":
            tags.add("lyrics", frame.text)
        elif kind in names:
            for part in text:
                tags.add(names[kind], part)


def _from_mp4(atoms: Any, tags: Tags) -> None:
    from mutagen.flac import Picture

    for name, values in atoms.items():
        if name == "covr":
            for data in values:
                picture = Picture()
                png = bytes(data[:8]) == b"\x89PNG\r\n\x1a\n"
                picture.mime, picture.type = "image/png" if png else "image/jpeg", 3
                picture.data = bytes(data)
                tags.pictures.append(picture)
        elif name in _MP4:
            for value in values:
                if isinstance(value, tuple):
                    value = f"{value[0]}/{value[1]}" if value[1] else value[0]
                tags.add(_MP4[name], value)


def _from_ffprobe(path: Path, tags: Tags) -> None:
    """What mutagen does not know (Matroska), where ffmpeg is there."""
    from dialin.audio.foreign import demuxer, ffmpeg_input, run_ffprobe

    program, kind = shutil.which("ffprobe"), demuxer(path)
    if program is None or not kind or kind == "wav":
        return
    entries = ["-show_entries", "format_tags:stream_tags", "-of", "json"]
    command = [program, "-v", "error", *entries, *ffmpeg_input(path, kind)]
    told = run_ffprobe(command)
    with suppress(ValueError):
        data = parse_json(told)
        for part in (data.get("format", {}), *data.get("streams", [])[:1]):
            for name, value in part.get("tags", {}).items():
                common = _OTHER_NAMES.get(name.lower(), name.lower())
                if common in _COMMON and common not in tags.fields:
                    tags.add(common, value)


def info_tags(chunk: bytes) -> Tags:
    """Tags of a ``LIST`` chunk of the kind ``INFO``.

    Parameters
    ----------
    chunk : bytes
        The chunk's content, from its kind on.

    Returns
    -------
    Tags
    """
    tags, offset = Tags(), 4
    while chunk[:4] == b"INFO" and offset + 8 <= len(chunk):
        (size,) = struct.unpack_from("<I", chunk, offset + 4)
        name = _INFO.get(chunk[offset : offset + 4])
        if name is not None:
            tags.add(name, chunk[offset + 8 : offset + 8 + size].decode("utf-8", "replace"))
        offset += 8 + size + (size & 1)
    return tags


def info_chunk(fields: dict[str, list[str]]) -> bytes:
    """Content of a ``LIST`` chunk with the fields that WAV knows; empty for none.

    Parameters
    ----------
    fields : dict of str to list of str
        Texts of each field, by its name in Vorbis comments.

    Returns
    -------
    bytes
    """
    content = b""
    written: set[str] = set()
    for code, name in _INFO.items():
        if name in fields and name not in written:
            written.add(name)
            text = "; ".join(fields[name]).encode() + b"\0"
            content += code + struct.pack("<I", len(text)) + text + bytes(len(text) & 1)
    return b"INFO" + content if content else b""


def write_tags(tags: Tags, path: Path, container: str, subtype: str) -> bool:
    """Write tags into a finished file; return whether its format can hold them.

    Parameters
    ----------
    tags : Tags
        What it should hold.
    path : Path
        Of the finished file, which is changed in place.
    container, subtype : str
        libsndfile's names.

    Returns
    -------
    bool
    """
    if container == "FLAC":
        from mutagen.flac import FLAC

        flac = FLAC(path)
        _comments(flac, tags.fields)
        flac.clear_pictures()
        for picture in tags.pictures:
            flac.add_picture(picture)
        flac.save()
    elif container == "OGG":
        from mutagen.oggflac import OggFLAC
        from mutagen.oggopus import OggOpus
        from mutagen.oggvorbis import OggVorbis

        kinds = {"OPUS": OggOpus, "VORBIS": OggVorbis}
        ogg = kinds.get(subtype, OggFLAC)(path)
        _comments(ogg, tags.fields)
        pictures = [base64.b64encode(picture.write()).decode() for picture in tags.pictures]
        if pictures:
            ogg["metadata_block_picture"] = pictures
        ogg.save()
    elif container in ("MP3", "AIFF", "WAV", "WAVEX", "RF64"):
        _write_id3(tags, path, container)
    else:
        return False
    return True


def _comments(file: Any, fields: dict[str, list[str]]) -> None:
    if file.tags is None:
        file.add_tags()
    for name, values in fields.items():
        # Names of Vorbis comments are printable ASCII without "=".
        if all(32 <= ord(letter) < 126 and letter != "=" for letter in name):
            file[name] = values


def _write_id3(tags: Tags, path: Path, container: str) -> None:
    from mutagen.aiff import AIFF
    from mutagen.id3 import ID3
    from mutagen.wave import WAVE

    frames = tags.frames or list(_id3_frames(tags))
    if container == "MP3":
        id3 = ID3()
        for frame in frames:
            id3.add(frame)
        id3.save(path, v1=0)
        return
    file = AIFF(path) if container == "AIFF" else WAVE(path)
    if file.tags is None:
        file.add_tags()
    for frame in frames:
        file.tags.add(frame)
    file.save()


def _id3_frames(tags: Tags) -> Iterable[Any]:
    from mutagen import id3

    for name, values in tags.fields.items():
        if name in _ID3:
            yield getattr(id3, _ID3[name])(encoding=3, text=values)
        elif name == "comment":
            yield id3.COMM(encoding=3, lang="XXX", desc="", text=values)
        elif name == "lyrics":
            yield id3.USLT(encoding=3, lang="XXX", desc="", text="\n".join(values))
        else:
            yield id3.TXXX(encoding=3, desc=name, text=values)
    for picture in tags.pictures:
        yield id3.APIC(
            encoding=3, mime=picture.mime, type=picture.type, desc=picture.desc, data=picture.data
        )
