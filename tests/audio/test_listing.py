"""The audio files of a folder."""

import pytest

from dialin.audio.listing import audio_files, named_audio
from dialin.errors import AudioFileError


def test_everything_that_sounds_and_nothing_else(tmp_path):
    names = ["b.WAV", "a.flac", "sub/c.mp3", "sub/deep/d.m4a", "out/e.wav", ".x.wav", ".h/f.wav",
             "cover.jpg", "notes.txt"]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "sub" / "round").symlink_to(tmp_path)
    found = audio_files(tmp_path, without=[tmp_path / "out"])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "a.flac", "b.WAV", "sub/c.mp3", "sub/deep/d.m4a",
    ]  # fmt: skip


def test_none_is_an_error(tmp_path):
    with pytest.raises(AudioFileError, match="no audio files"):
        audio_files(tmp_path)
    with pytest.raises(AudioFileError, match="cannot be listed"):
        audio_files(tmp_path / "missing")
    assert named_audio(tmp_path) == []
