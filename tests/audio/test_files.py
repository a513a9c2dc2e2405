"""Audio files, good and bad: nothing unreadable passes, nothing on disk is harmed."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dialin.audio import audio_info, read_audio, read_blocks, write_audio
from dialin.errors import AudioError, AudioFileError, OutputError


@pytest.fixture
def audio():
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30_000)).astype(np.float32)


@pytest.fixture
def wav(tmp_path, audio):
    return write_audio(tmp_path / "good.wav", audio, 44_100)


def test_a_wav_comes_back_bit_for_bit(wav, audio):
    back, rate = read_audio(wav)
    np.testing.assert_array_equal(back, audio)
    assert rate == 44_100 and back.dtype == np.float32
    info = audio_info(wav)
    assert (info.channels, info.frames, info.subtype) == (2, 30_000, "FLOAT")
    assert info.seconds == pytest.approx(30_000 / 44_100)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg", "mp3", "opus", "w64", "caf"])
def test_every_format_that_is_written_can_be_read(tmp_path, audio, suffix):
    path = write_audio(tmp_path / f"x.{suffix}", audio, 48_000)
    back, rate = read_audio(path)
    assert rate == 48_000 and back.shape[0] == 2
    assert abs(back.shape[1] - 30_000) < 3_000


@pytest.mark.parametrize(("subtype", "error"), [("PCM_16", 2**-15), ("PCM_24", 2**-23)])
def test_bit_depths_are_kept(tmp_path, audio, subtype, error):
    path = write_audio(tmp_path / "x.wav", audio, 44_100, subtype=subtype)
    assert audio_info(path).subtype == subtype
    np.testing.assert_allclose(read_audio(path)[0], audio, atol=error)


@pytest.mark.parametrize(("channels", "rate"), [(1, 8_000), (8, 44_100), (2, 192_000)])
def test_odd_channels_and_rates_are_kept(tmp_path, channels, rate):
    audio = np.random.default_rng(1).uniform(-1, 1, (channels, 500)).astype(np.float32)
    back, back_rate = read_audio(write_audio(tmp_path / "x.wav", audio, rate))
    np.testing.assert_array_equal(back, audio)
    assert back_rate == rate


def test_above_full_scale_survives_floats_and_is_clipped_in_integers(tmp_path):
    loud = np.array([[4.0, -4.0, 0.5]], np.float32)
    back, _ = read_audio(write_audio(tmp_path / "f.wav", loud, 44_100))
    np.testing.assert_array_equal(back, loud)
    back, _ = read_audio(write_audio(tmp_path / "i.wav", loud, 44_100, subtype="PCM_16"))
    np.testing.assert_allclose(back, [[1, -1, 0.5]], atol=1e-4)


def test_a_part_and_the_blocks_are_parts_of_the_whole(wav, audio):
    part, _ = read_audio(wav, start=1_000, frames=50)
    np.testing.assert_array_equal(part, audio[:, 1_000:1_050])
    blocks = list(read_blocks(wav, 7_000))
    assert [b.shape[1] for b in blocks] == [7_000] * 4 + [2_000]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), audio)


def test_blocks_are_written_as_the_whole_is(tmp_path, wav, audio):
    blocks = (audio[:, i : i + 999] for i in range(0, 30_000, 999))
    path = write_audio(tmp_path / "blocks.wav", blocks, 44_100)
    np.testing.assert_array_equal(read_audio(path)[0], audio)


def make_bad(folder: Path, kind: str, audio) -> Path:
    path = folder / f"{kind}.wav"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("This is no recording. " * 100)
    elif kind == "folder":
        path.mkdir()
    elif kind == "no samples":
        soundfile.write(path, np.zeros((0, 2)), 44_100)
    elif kind == "header only":
        write_audio(path, audio, 44_100)
        path.write_bytes(path.read_bytes()[:20])
    elif kind == "truncated":
        write_audio(path, audio, 44_100, subtype="PCM_16")
        path.write_bytes(path.read_bytes()[: 44 + 60_000])
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "there is no file"),
        ("empty", "0 bytes"),
        ("text", "convert it"),
        ("folder", "is a folder"),
        ("no samples", "no samples"),
        ("header only", "cannot be read|no samples|truncated"),
        ("truncated", "truncated: its header promises 0.68 s, 0.34 s"),
    ],
)
def test_bad_files_are_refused_by_every_reader(tmp_path, audio, kind, words):
    path = make_bad(tmp_path, kind, audio)
    for read in (audio_info, read_audio, lambda p: list(read_blocks(p))):
        with pytest.raises(AudioFileError, match=words) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_bytes_that_happen_to_be_named_au_are_no_recording(tmp_path):
    path = tmp_path / "x.au"
    path.write_bytes(np.random.default_rng(0).bytes(20_000))
    with pytest.raises(AudioFileError, match="cannot be read as audio"):
        audio_info(path)


@pytest.mark.parametrize("suffix", ["flac", "ogg"])
def test_a_cut_off_compressed_file_is_refused(tmp_path, audio, suffix):
    path = write_audio(tmp_path / f"x.{suffix}", np.tile(audio, 4), 44_100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        back, _ = read_audio(path)
    except AudioFileError:
        return
    # An Ogg stream has no promised length: what is there is the recording.
    assert suffix == "ogg" and np.isfinite(back).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_file_with_samples_that_are_not_finite_is_refused(tmp_path, value):
    path = tmp_path / "nan.wav"
    data = np.zeros((100, 2), np.float32)
    data[40, 1] = value
    soundfile.write(path, data, 44_100, subtype="FLOAT")
    for read in (read_audio, lambda p: list(read_blocks(p))):
        with pytest.raises(AudioError, match=r"nan\.wav.*at 0\.0009 s, channel 2"):
            read(path)


def test_an_unreadable_file_says_permission(wav, monkeypatch):
    # Root may read everything, so the refusal is simulated.
    def denied(*_, **__):
        raise OSError("System error.")

    monkeypatch.setattr(soundfile, "SoundFile", denied)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(AudioFileError, match="permission denied"):
        audio_info(wav)


def test_an_existing_file_is_refused_and_left_alone(wav, audio):
    before = wav.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_audio(wav, -audio, 44_100)
    assert wav.read_bytes() == before
    write_audio(wav, -audio, 44_100, overwrite=True)
    np.testing.assert_array_equal(read_audio(wav)[0], -audio)


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(wav, audio):
    def blocks():
        yield audio
        raise KeyboardInterrupt

    before = wav.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_audio(wav, blocks(), 44_100, overwrite=True)
    assert wav.read_bytes() == before
    assert list(wav.parent.iterdir()) == [wav]


def test_nothing_is_written_when_no_block_comes(tmp_path):
    with pytest.raises(AudioError, match="nothing to write"):
        write_audio(tmp_path / "x.wav", iter(()), 44_100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_folder_that_cannot_be_written_to_is_said(tmp_path, audio, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("dialin.files.atomic._made", refuse)
    with pytest.raises(OutputError, match=os.strerror(code)):
        write_audio(tmp_path / "x.wav", audio, 44_100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said(tmp_path, audio, monkeypatch):
    real = soundfile.SoundFile
    monkeypatch.setattr(soundfile, "SoundFile", lambda _, *a, **k: real("/dev/full", *a, **k))
    with pytest.raises(OutputError, match="disk not full"):
        write_audio(tmp_path / "x.wav", audio, 44_100)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_said(wav, audio):
    with pytest.raises(OutputError, match=r"good\.wav"):
        write_audio(wav / "x.wav", audio, 44_100)


def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path, audio):
    with pytest.raises(OutputError, match=r"\.flac"):
        write_audio(tmp_path / "x.xyz", audio, 44_100)


def test_folders_are_made_and_files_obey_the_umask(tmp_path, audio):
    path = write_audio(tmp_path / "a" / "b" / "x.wav", audio, 44_100)
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
