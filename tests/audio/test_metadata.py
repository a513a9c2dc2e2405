"""Tags, pictures, markers and time references of an input are in its output."""

import shutil
import struct
import tracemalloc
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, RVA2, TIT2, TPE1, TXXX
from mutagen.mp3 import MP3

from dialin.audio import audio_info, copy_metadata, output_format, read_audio, write_audio
from dialin.audio.riff import chunks
from dialin.audio.tags import read_tags

RATE = 44_100
ART = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
DATA = Path(__file__).parent.parent / "data" / "audio"


def sound() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32)


def again(source: Path, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """An output as `dialin apply` makes one, and what could not be kept."""
    info = audio_info(source)
    format = output_format(info)
    target = write_audio(
        folder / f"again.{format.suffix}",
        read_audio(source)[0],
        RATE,
        subtype=format.subtype,
        container=format.container,
    )
    before = read_audio(target)[0]
    notes = copy_metadata(source, target)
    np.testing.assert_array_equal(read_audio(target)[0], before)
    return target, notes


def chunk(name: bytes, content: bytes, order: str) -> bytes:
    return name + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) & 1)


def found(path: Path) -> dict[bytes, bytes]:
    data = path.read_bytes()
    return {c.name: data[c.start : c.start + c.size] for c in chunks(data)}


def with_chunks(path: Path, added: dict[bytes, bytes], *, first: bool) -> Path:
    """A WAV or AIFF file with more chunks, before or after the samples."""
    data = path.read_bytes()
    order = "<" if data[:4] == b"RIFF" else ">"
    more = b"".join(chunk(name, content, order) for name, content in added.items())
    place = 12 if first else len(data)
    data = data[:place] + more + data[place:]
    path.write_bytes(data[:4] + struct.pack(f"{order}I", len(data) - 8) + data[8:])
    return path


BEXT = bytes(338) + struct.pack("<QH", 1_234_567, 2) + bytes(64) + struct.pack("<5h", *[-2300] * 5)
WAV_CHUNKS = {
    b"bext": BEXT + bytes(180) + b"A=PCM",
    b"cue ": struct.pack("<I", 1) + struct.pack("<II4sIII", 1, 500, b"data", 0, 0, 500),
    b"smpl": struct.pack("<9I", 0, 0, 22_676, 60, 0, 0, 0, 1, 0)
    + struct.pack("<6I", 0, 0, 100, 2_000, 0, 0),
    b"LIST": b"INFO" + chunk(b"INAM", b"A title\0", "<"),
    b"iXML": b"<BWFXML><SCENE>4</SCENE></BWFXML>",
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_chunks_of_a_wav_file_are_kept(tmp_path, first, subtype):
    path = write_audio(tmp_path / "x.wav", sound()[:, :-1], RATE, subtype=subtype)
    source = with_chunks(path, WAV_CHUNKS, first=first)
    target, notes = again(source, tmp_path)
    assert not notes
    kept = found(target)
    for name in WAV_CHUNKS:
        if name != b"bext":
            assert kept[name] == WAV_CHUNKS[name]
    # The time reference is true still, and the loudness of the input is not.
    assert struct.unpack_from("<QH", kept[b"bext"], 338) == (1_234_567, 2)
    assert struct.unpack_from("<5h", kept[b"bext"], 412) == (0x7FFF,) * 5
    assert struct.unpack_from("<I", target.read_bytes(), 4)[0] == target.stat().st_size - 8


def test_the_samples_of_a_long_file_are_not_read_for_its_tags(tmp_path):
    for name in ("old.wav", "new.wav"):
        write_audio(tmp_path / name, np.zeros((2, 10**6), np.float32), 44_100)
    tracemalloc.start()
    try:
        assert copy_metadata(tmp_path / "old.wav", tmp_path / "new.wav") == ()
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_chunks_of_an_rf64_file_are_kept(tmp_path):
    source = with_chunks(write_audio(tmp_path / "x.wav", sound(), RATE), WAV_CHUNKS, first=False)
    target = write_audio(tmp_path / "y.wav", sound(), RATE, container="RF64")
    assert copy_metadata(source, target) == ()
    assert target.read_bytes()[:4] == b"RF64"
    assert found(target)[b"cue "] == WAV_CHUNKS[b"cue "]
    np.testing.assert_array_equal(read_audio(target)[0], sound())


def test_chunks_of_an_aiff_file_are_kept(tmp_path):
    mark = struct.pack(">HHI", 1, 1, 400) + b"\x04loop\0"
    added = {b"MARK": mark, b"NAME": b"A title", b"INST": bytes(20)}
    source = with_chunks(write_audio(tmp_path / "x.aiff", sound(), RATE), added, first=True)
    target, notes = again(source, tmp_path)
    assert not notes and {name: found(target)[name] for name in added} == added


def picture() -> Picture:
    result = Picture()
    result.type, result.mime, result.data = 3, "image/png", ART
    return result


def tag(path: Path) -> None:
    if path.suffix == ".mp3":
        tags = ID3()
        tags.add(TIT2(encoding=3, text="Tïtle"))
        tags.add(TPE1(encoding=3, text=["One", "Two"]))
        tags.add(TXXX(encoding=3, desc="mood", text="calm"))
        tags.add(TXXX(encoding=3, desc="REPLAYGAIN_TRACK_GAIN", text="-3 dB"))
        tags.add(RVA2(desc="track", channel=1, gain=-3, peak=0.9))
        tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=ART))
        tags.save(path)
        return
    file = mutagen.File(path)
    file["title"], file["artist"], file["mood"] = "Tïtle", ["One", "Two"], "calm"
    file["replaygain_track_gain"] = "-3 dB"
    if isinstance(file, FLAC):
        file.add_picture(picture())
    else:
        import base64

        file["metadata_block_picture"] = base64.b64encode(picture().write()).decode()
    file.save()


@pytest.mark.parametrize("suffix", ["flac", "ogg", "opus", "mp3"])
def test_tags_and_art_are_kept(tmp_path, suffix):
    rate = 48_000 if suffix == "opus" else RATE
    source = write_audio(tmp_path / f"x.{suffix}", sound(), rate)
    tag(source)
    info = audio_info(source)
    target = write_audio(tmp_path / f"y.{suffix}", read_audio(source)[0], rate)
    assert copy_metadata(source, target) == ()
    tags = read_tags(target)
    assert tags.fields["title"] == ["Tïtle"] and tags.fields["artist"] == ["One", "Two"]
    assert [found.data for found in tags.pictures] == [ART]
    text = str(mutagen.File(target).tags).lower()
    assert "calm" in text and "replaygain" not in text and "rva2" not in text
    assert audio_info(target).frames == info.frames


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg"])
def test_tags_go_from_one_format_to_another(tmp_path, suffix):
    source = write_audio(tmp_path / "x.mp3", sound(), RATE)
    tag(source)
    target = write_audio(tmp_path / f"y.{suffix}", sound(), RATE)
    assert copy_metadata(source, target) == ()
    tags = read_tags(target)
    assert tags.fields["title"] == ["Tïtle"]
    assert [found.data for found in tags.pictures] == [ART]
    assert audio_info(target).frames == RATE
    if suffix == "wav":
        assert "Tïtle".encode() in found(target)[b"LIST"]


def test_what_cannot_be_kept_is_said(tmp_path):
    source = with_chunks(write_audio(tmp_path / "x.wav", sound(), RATE), WAV_CHUNKS, first=True)
    target = write_audio(tmp_path / "y.flac", sound(), RATE)
    (note,) = copy_metadata(source, target)
    assert "cue points" in note and "loop points" in note and "time reference" in note
    assert read_tags(target).fields["title"] == ["A title"]


def test_damaged_tags_cost_the_tags_and_not_the_recording(tmp_path, monkeypatch):
    source = write_audio(tmp_path / "x.mp3", sound(), RATE)
    tag(source)
    target = write_audio(tmp_path / "y.mp3", sound(), RATE)

    def fail(*_, **__):
        raise struct.error("odd size")

    monkeypatch.setattr("dialin.audio.metadata.read_tags", fail)
    (note,) = copy_metadata(source, target)
    assert "could not be kept (odd size)" in note
    assert MP3(target).info.length == pytest.approx(MP3(source).info.length)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_tags_of_m4a_go_into_flac(tmp_path):
    target, notes = again(DATA / "tiny.m4a", tmp_path)
    assert target.suffix == ".flac" and not notes
    assert read_tags(target).fields["title"] == ["Tiny"]
