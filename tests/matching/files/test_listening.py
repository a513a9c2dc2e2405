"""What a page plays is drawn by workers, and here where one failed or had other room."""

from concurrent.futures import Future

import numpy as np
import pytest

from dialin.audio import write_audio
from dialin.errors import AudioFileError, RenderCrashError
from dialin.matching.files.listening import Listening, draw_file
from dialin.rendering import Result
from dialin.reports.clips import AUDIO_BYTES

RATE = 8_000


class Here:
    """A pool that calls functions here, but for those that fail."""

    def __init__(self, failing=()):
        self.failing, self.calls = failing, []

    def submit_calls(self, function, arguments, *, deadline):
        futures = []
        for number, given in enumerate(arguments):
            self.calls.append(given)
            future = Future()
            failed = number in self.failing
            future.set_result(
                Result(failure=RenderCrashError("boom")) if failed else Result(function(*given))
            )
            futures.append(future)
        return futures


@pytest.fixture
def songs(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("in", "ref", "wet"):
        audio = (0.1 * rng.standard_normal((2, 3 * RATE))).astype(np.float32)
        write_audio(tmp_path / f"{name}.wav", audio, RATE)
    return tmp_path


@pytest.mark.parametrize("failing", [(), (0,), (0, 1)])
def test_tracks_stand_in_the_order_of_the_page_whoever_drew_them(songs, failing):
    pool = Here(failing)
    (songs / "link.wav").symlink_to(songs / "ref.wav")
    listening = Listening(pool, songs / "in.wav", [songs / "link.wav"])
    tracks = listening.tracks([("matched", songs / "wet.wav")])
    assert [(t.played.kind, t.played.name) for t in tracks] == [
        ("input", "in.wav"), ("matched", "wet.wav"), ("reference", "link.wav"),
    ]  # fmt: skip
    alone, first, length = draw_file("reference", songs / "link.wav", AUDIO_BYTES // 3)
    assert (tracks[2].clip.flac, tracks[2].outline) == (alone.clip.flac, alone.outline)
    assert (first, length) == (0, 3 * RATE)
    assert tracks[1].played.start == tracks[0].played.start


def test_where_nothing_was_made_the_others_have_more_room(songs):
    pool = Here()
    listening = Listening(pool, songs / "in.wav", [songs / "ref.wav"])
    assert [given[2] for given in pool.calls] == [AUDIO_BYTES // 3] * 2
    assert [t.played.kind for t in listening.tracks([])] == ["input", "reference"]


def test_a_recording_that_went_away_is_told_by_name(songs):
    listening = Listening(Here(failing=(1,)), songs / "in.wav", [songs / "ref.wav"])
    (songs / "ref.wav").unlink()
    with pytest.raises(AudioFileError, match=r"ref\.wav"):
        listening.tracks([])
