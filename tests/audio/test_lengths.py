"""Every sample that is in a file is read, whatever its header says."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dialin.audio import AudioReader, audio_info, read_audio, read_blocks, write_audio
from dialin.audio.mpeg import mpeg_layout
from dialin.data.reading import read_track
from dialin.data.songs import Part, SongTrack
from dialin.errors import AudioFileError

RATE = 44_100
SECONDS = 12


def swelling(seconds=SECONDS, channels=2, rate=RATE) -> np.ndarray:
    """Noise that begins very softly, so that its bit rate grows."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (channels, round(seconds * rate)))
    return (noise * np.linspace(0, 1, noise.shape[1]) ** 4).astype(np.float32)


def variable_mp3(path: Path, audio: np.ndarray, rate=RATE) -> Path:
    with soundfile.SoundFile(
        path, "w", rate, audio.shape[0], format="MP3", bitrate_mode="VARIABLE"
    ) as file:
        file.write(audio.T)
    return path


def without_header(data: bytes) -> bytes:
    """An MP3 file with its first frame, the Xing header, taken away."""
    layout = mpeg_layout(data)
    assert layout is not None
    return data[layout.sections[0].pieces[1][0] :]


def check(path: Path, frames: int, tolerance: float = 1e-6) -> None:
    """All readers agree on the length, and any part is the whole cut there."""
    info = audio_info(path)
    assert info.frames == frames
    whole, rate = read_audio(path)
    assert whole.shape == (info.channels, frames)
    blocks = list(read_blocks(path, 10_007))
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)
    part = Part(str(path), frames, rate)
    track = SongTrack("x", "x", "", "train", 1.0, (part,))
    for share in (0.0, 0.2, 0.499, 0.5, 0.77, 0.97):
        start = int(share * frames)
        wanted = whole[:, start : start + 3_000]
        cut, _ = read_audio(path, start=start, frames=3_000)
        assert cut.shape == wanted.shape
        assert np.abs(cut - wanted).max() <= tolerance, share
        again = read_track(track, start / rate, wanted.shape[1], rate, channels=info.channels)
        assert np.abs(again - wanted).max() <= tolerance, share


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (44_100, 1), (22_050, 2), (8_000, 1)])
def test_an_mp3_without_a_header_is_read_to_its_end(tmp_path, rate, channels):
    audio = swelling(channels=channels, rate=rate)
    tagged = variable_mp3(tmp_path / "tagged.mp3", audio, rate)
    bare = tmp_path / "bare.mp3"
    bare.write_bytes(without_header(tagged.read_bytes()))
    length = audio_info(bare).frames
    assert 0 <= length - audio.shape[1] < 4 * 1152
    check(bare, length)
    # The decoder's delay and the encoder's padding are known to the header only.
    decoded, _ = read_audio(bare)
    expected, _ = read_audio(tagged)
    lag = np.argmax(np.correlate(decoded[0, -8_000:], expected[0, -4_000:], "valid"))
    assert lag > 0
    end = decoded[0, -8_000:][lag : lag + 4_000]
    assert np.abs(end - expected[0, -4_000:][: len(end)]).max() < 1e-5


def test_an_mp3_header_that_promises_too_little_is_not_believed(tmp_path):
    path = variable_mp3(tmp_path / "x.mp3", swelling())
    data = path.read_bytes()
    place = max(data.find(b"Xing"), data.find(b"Info")) + 8
    path.write_bytes(data[:place] + struct.pack(">I", 50) + data[place + 4 :])
    assert abs(audio_info(path).seconds - SECONDS) < 0.1
    check(path, audio_info(path).frames)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "opus", "flac", "bare.mp3"])
def test_joined_files_are_read_as_one(tmp_path, suffix):
    rate = 48_000 if suffix == "opus" else RATE
    parts = [swelling(7, rate=rate), -swelling(8, rate=rate)[:, ::-1], swelling(3, rate=rate)]
    names = []
    for number, audio in enumerate(parts):
        path = tmp_path / f"{number}.{suffix.rpartition('.')[2]}"
        if suffix.endswith("mp3"):
            variable_mp3(path, audio)
        else:
            write_audio(path, np.ascontiguousarray(audio), rate)
        if suffix == "bare.mp3":
            path.write_bytes(without_header(path.read_bytes()))
        names.append(path)
    joined = tmp_path / f"joined.{suffix}"
    joined.write_bytes(b"".join(path.read_bytes() for path in names))
    lengths = [audio_info(path).frames for path in names]
    whole, _ = read_audio(joined)
    check(joined, sum(lengths), 1e-3 if suffix == "opus" else 1e-6)
    if suffix != "bare.mp3":
        separate = np.concatenate([read_audio(path)[0] for path in names], axis=1)
        np.testing.assert_array_equal(whole, separate)


def test_joined_files_of_different_rates_are_refused_with_both(tmp_path):
    write_audio(tmp_path / "a.ogg", swelling(1), 44_100)
    write_audio(tmp_path / "b.ogg", swelling(1), 48_000)
    path = tmp_path / "c.ogg"
    path.write_bytes((tmp_path / "a.ogg").read_bytes() + (tmp_path / "b.ogg").read_bytes())
    with pytest.raises(AudioFileError, match=r"44100 Hz.*number 2 has 48000"):
        audio_info(path)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("claimed", [0, 1_000, 2**36 - 1])
def test_a_flac_file_is_as_long_as_its_frames(tmp_path, subtype, claimed):
    audio = swelling(3)
    path = write_audio(tmp_path / "x.flac", audio, RATE, subtype=subtype)
    data = bytearray(path.read_bytes())
    data[21:26] = bytes([data[21] & 0xF0 | claimed >> 32]) + struct.pack(">I", claimed & 2**32 - 1)
    path.write_bytes(data)
    if claimed > audio.shape[1]:
        with pytest.raises(AudioFileError, match="truncated"):
            audio_info(path)
    else:
        check(path, audio.shape[1])


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_wav_file_from_a_pipe_reaches_to_the_end_of_the_file(tmp_path, size, subtype):
    audio = swelling(1)
    path = write_audio(tmp_path / "x.wav", audio, RATE, subtype=subtype)
    data = path.read_bytes()
    place = data.find(b"data") + 4
    path.write_bytes(
        data[:4] + struct.pack("<I", size) + data[8:place] + struct.pack("<I", size)
        + data[place + 4 :]
    )  # fmt: skip
    check(path, audio.shape[1])


def test_an_aiff_file_whose_sizes_were_never_filled_in_is_read(tmp_path):
    audio = swelling(1)
    path = write_audio(tmp_path / "x.aiff", audio, RATE, subtype="PCM_24")
    data = bytearray(path.read_bytes())
    sound, common = data.find(b"SSND") + 4, data.find(b"COMM") + 10
    data[4:8] = data[sound : sound + 4] = data[common : common + 4] = bytes(4)
    path.write_bytes(data)
    check(path, audio.shape[1])


def test_mp3_inside_wav_has_the_length_of_its_frames(tmp_path):
    mp3 = without_header(variable_mp3(tmp_path / "x.mp3", swelling()).read_bytes())
    (tmp_path / "bare.mp3").write_bytes(mp3)
    format = struct.pack("<HHIIHHHHIHHH", 0x55, 2, RATE, 16_000, 1, 0, 12, 1, 2, 417, 1, 1393)
    chunks = b"fmt " + struct.pack("<I", len(format)) + format
    chunks += b"data" + struct.pack("<I", len(mp3)) + mp3 + bytes(len(mp3) % 2)
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    assert audio_info(path).format == "WAV"
    check(path, audio_info(tmp_path / "bare.mp3").frames)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "mp3", "bare.mp3", "ogg"])
@pytest.mark.parametrize("lost", [0.002, 0.5])
def test_a_file_that_was_cut_off_is_read_with_a_note_or_refused(tmp_path, suffix, lost):
    path = tmp_path / f"x.{suffix}"
    audio = swelling()
    if suffix.endswith("mp3"):
        variable_mp3(path, audio)
    else:
        write_audio(path, audio, RATE)
    if suffix == "bare.mp3":
        path.write_bytes(without_header(path.read_bytes()))
    whole, _ = read_audio(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * (1 - lost))])
    knows = suffix in ("wav", "aiff", "flac", "mp3")
    if lost > 0.1 and knows:
        with pytest.raises(AudioFileError, match=r"truncated: its header promises 12\.\d\d s"):
            audio_info(path)
        return
    info = audio_info(path)
    if knows:
        assert any("cut off" in note for note in info.notes)
    if suffix == "ogg":
        # Its last page may stand for as much as was lost.
        assert 0 < info.frames < whole.shape[1]
        return
    check(path, info.frames)
    part, _ = read_audio(path)
    # What a decoder makes of the last frames depends on those that follow.
    same = info.frames - 2_400
    np.testing.assert_array_equal(part[:, :same], whole[:, :same])
    assert lost > 0.1 or whole.shape[1] - info.frames < 0.25 * RATE


def test_an_mp3_that_was_cut_out_of_a_stream_is_read_from_its_first_whole_frame(tmp_path):
    path = variable_mp3(tmp_path / "x.mp3", swelling())
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 3 : -len(data) // 3])
    info = audio_info(path)
    check(path, info.frames)
    assert info.frames % 1152 == 0 and info.frames > RATE


def test_joined_wav_files_are_read_as_one(tmp_path):
    first, second = swelling(1), -swelling(2)
    write_audio(tmp_path / "a.wav", first, RATE, subtype="PCM_16")
    write_audio(tmp_path / "b.wav", second, RATE, subtype="FLOAT")
    path = tmp_path / "c.wav"
    path.write_bytes((tmp_path / "a.wav").read_bytes() + (tmp_path / "b.wav").read_bytes())
    check(path, 3 * RATE)
    np.testing.assert_array_equal(read_audio(path)[0][:, RATE:], second)


def test_a_format_that_cannot_jump_is_read_from_its_start(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, swelling(2, 1, 8_000).T, 8_000, subtype="GSM610")
    check(path, audio_info(path).frames)


def test_reading_an_mp3_again_and_again_walks_through_it_once(tmp_path, monkeypatch):
    path = variable_mp3(tmp_path / "x.mp3", swelling(2))
    calls = []
    monkeypatch.setattr(
        "dialin.audio.reader.mpeg_layout", lambda data: calls.append(1) or mpeg_layout(data)
    )
    for _ in range(5):
        audio_info(path)
    assert len(calls) == 1


def test_a_reader_goes_on_after_any_jump(tmp_path):
    path = write_audio(tmp_path / "x.flac", swelling(2), RATE)
    whole = read_audio(path)[0].T
    with AudioReader(path) as reader:
        for place in (50_000, 0, 80_000, 100):
            reader.seek(place)
            np.testing.assert_array_equal(reader.read(500), whole[place : place + 500])
            np.testing.assert_array_equal(reader.read(500), whole[place + 500 : place + 1000])
        reader.seek(10**9)
        assert reader.read().shape == (0, 2)
