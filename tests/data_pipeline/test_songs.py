import contextlib
import dataclasses

import numpy as np
import pytest

from dialin.audio import write_audio
from dialin.data import Recipe, find_songs, split_key, split_of
from dialin.data.reading import ReadingCache, read_track
from dialin.data.songs import DEFAULT_SPLITS, speaker_of
from dialin.errors import UsageError


def recipe(root, **source):
    return Recipe.from_dict(
        {"effect": "fake:gain", "songs": [{"root": str(root), **source}], "splits": [1.0, 0.0, 0.0]}
    )


def tone(seconds, rate=44_100, hertz=440.0, channels=1):
    time = np.arange(round(seconds * rate)) / rate
    return np.tile(0.4 * np.sin(2 * np.pi * hertz * time), (channels, 1)).astype(np.float32)


def test_adding_files_never_moves_a_song_across(tmp_path):
    def splits():
        found = {}
        for split in ("train", "valid", "test"):
            sides = {"effect": "fake:gain", "songs": [{"root": str(tmp_path)}], "split": split}
            with contextlib.suppress(UsageError):
                tracks = find_songs(Recipe.from_dict(sides)).tracks
                found.update({track.id: split for track in tracks})
        return found

    for place in range(12):
        write_audio(tmp_path / "z" / f"song{place}.wav", tone(0.1, 8000), 8000)
    before = splits()
    assert len(before) == 12
    for place in range(12, 30):
        write_audio(tmp_path / "a" / f"song{place}.wav", tone(0.1, 8000), 8000)
    after = splits()
    assert len(after) == 30
    assert before.items() <= after.items()


def test_splits_have_their_shares():
    drawn = [split_of(split_key(f"album{i % 7}/song{i}")) for i in range(2000)]
    shares = [drawn.count(which) / 2000 for which in ("train", "valid", "test")]
    assert shares == pytest.approx(DEFAULT_SPLITS, abs=0.035)


def test_the_split_is_the_same_whichever_folder_is_searched(tmp_path):
    for name in ("games/a/music/Aria.ogg", "games/b/Metal/guitar.wav", "games/b/Metal/song.wav"):
        write_audio(tmp_path / name, tone(0.3), 44_100)

    def splits(root):
        halves = Recipe.from_dict(
            {"effect": "fake:gain", "songs": [{"root": str(root)}], "splits": [0.5, 0.0, 0.5]}
        )
        found = {}
        for split in ("train", "test"):
            with contextlib.suppress(UsageError):
                for track in find_songs(dataclasses.replace(halves, split=split)).tracks:
                    found[track.parts[0].path] = split
        return found

    whole = splits(tmp_path)
    assert len(whole) == 3
    for part in ("games", "games/a", "games/a/music", "games/b", "games/b/Metal"):
        below = splits(tmp_path / part)
        assert below
        assert below.items() <= whole.items()
    stems = {split for path, split in whole.items() if "Metal" in path}
    assert len(stems) == 1, "stems of a song went to different splits"


def test_versions_of_a_song_stay_together():
    assert split_key("a/Aria.ogg") == split_key("/elsewhere/ARIA.mp3")
    assert (
        split_key("x/Metal/drums.wav") == split_key("Metal/vocals.flac") != split_key("drums/x.wav")
    )


@pytest.mark.parametrize(
    ("path", "speaker"),
    [
        ("wav48/p225/p225_001.wav", "p225"),
        ("clean/m3_script2_clean.wav", "m3"),
        ("train-clean-100/84/121123/84_121123_000007_000001.wav", "84"),
        ("nl/alpha/a.ogg", "nl"),
    ],
)
def test_speakers_are_told_apart(path, speaker):
    assert speaker_of(path) == speaker


def test_folders_are_searched_and_broken_files_named(tmp_path):
    for name in ("a/x.wav", "a/y.flac", "b/z.ogg"):
        write_audio(tmp_path / name, tone(1.0), 44_100)
    (tmp_path / "a" / "broken.wav").write_bytes(b"nothing")
    corpus = find_songs(recipe(tmp_path))
    assert [t.id for t in corpus.tracks] == ["a/x.wav", "a/y.flac", "b/z.ogg"]
    assert corpus.unreadable == ("a/broken.wav",)
    assert corpus.hours == pytest.approx(3 / 3600, rel=0.01)


def test_empty_or_wrong_roots_say_what_was_looked_for(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        find_songs(recipe(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"looked for \.wav, \.flac"):
        find_songs(recipe(tmp_path))
    with pytest.raises(UsageError, match=r"train/\*\.stem\.mp4"):
        find_songs(recipe(tmp_path, kind="musdb18"))
    with pytest.raises(UsageError, match=r"train/\*/mixture\.wav"):
        find_songs(recipe(tmp_path, kind="musdb18hq"))


def test_musdb18_hq_stems_share_their_songs_split(tmp_path):
    for title in ("A - One", "B - Two"):
        for stem in ("mixture", "drums", "bass", "other", "vocals"):
            write_audio(tmp_path / "train" / title / f"{stem}.wav", tone(0.5), 44_100)
    corpus = find_songs(recipe(tmp_path, kind="musdb18hq", stem="any"))
    assert len(corpus.tracks) == 10
    assert {t.song for t in corpus.tracks} == {"A - One", "B - Two"}
    vocals = find_songs(recipe(tmp_path, kind="musdb18hq", stem="vocals"))
    assert [t.id for t in vocals.tracks] == ["train/A - One/vocals", "train/B - Two/vocals"]


def test_musdb18_stem_files_are_read_at_any_place(tmp_path):
    stempeg = pytest.importorskip("stempeg", reason="stempeg and ffmpeg are not installed")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "Song.stem.mp4").symlink_to(stempeg.example_stem_path())
    (track,) = find_songs(recipe(tmp_path, kind="musdb18", stem="drums")).tracks
    assert 5.5 < track.seconds < 7
    whole = read_track(track, 0.0, 5 * 24_000, 24_000)
    part = read_track(track, 2.0, 24_000, 24_000)
    assert np.abs(part).max() > 0.01
    # AAC decoders start anew at a seek: near, not equal.
    same = np.corrcoef(part[0, 4000:-4000], whole[0, 52_000 : 72_000 - 4000 + 0])[0, 1]
    assert same > 0.95


def test_reading_a_part_is_cutting_the_whole(tmp_path):
    rng = np.random.default_rng(0)
    audio = (0.1 * rng.standard_normal((2, 88_200))).astype(np.float32)
    write_audio(tmp_path / "x.wav", audio, 44_100)
    (track,) = find_songs(recipe(tmp_path)).tracks
    exact = read_track(track, 0.5, 1000, 44_100, channels=2)
    np.testing.assert_array_equal(exact, audio[:, 22_050:23_050])
    whole = read_track(track, 0.0, 48_000, 24_000)
    part = read_track(track, 0.5, 12_000, 24_000)
    np.testing.assert_array_equal(part, whole[:, 12_000:24_000])
    odd = read_track(track, 0.123, 5_000, 24_000)
    np.testing.assert_array_equal(odd, whole[:, 2_952:7_952])


def test_peaks_above_full_scale_survive_reading(tmp_path):
    write_audio(tmp_path / "x.wav", 3.0 * tone(1.0), 44_100)
    (track,) = find_songs(recipe(tmp_path)).tracks
    assert np.abs(read_track(track, 0.0, 20_000, 44_100)).max() == pytest.approx(1.2, rel=1e-3)


def test_short_files_are_joined(tmp_path):
    for place, hertz in enumerate((300.0, 600.0, 1200.0)):
        write_audio(tmp_path / "nl" / f"{place}.wav", tone(0.5, 24_000, hertz), 24_000)
    (track,) = find_songs(recipe(tmp_path, group="speaker", join=True)).tracks
    assert (track.song, track.seconds) == ("nl", 1.5)
    audio = read_track(track, 0.25, 24_000, 24_000)
    pitches = [np.argmax(np.abs(np.fft.rfft(piece))) for piece in np.split(audio[0], 4)]
    assert pitches == [75, 150, 150, 300]


def test_speed_changes_pitch(tmp_path):
    write_audio(tmp_path / "x.wav", tone(3.0, hertz=500.0), 44_100)
    (track,) = find_songs(recipe(tmp_path)).tracks
    audio = read_track(track, 0.2, 24_000, 24_000, speed=1.25)
    assert np.argmax(np.abs(np.fft.rfft(audio[0]))) == 625


def test_the_cache_changes_nothing_and_stays_small(tmp_path):
    rng = np.random.default_rng(1)
    for name in ("a.wav", "b.ogg", "c.flac"):
        noise = (0.1 * rng.standard_normal((2, 132_300))).astype(np.float32)
        write_audio(tmp_path / "songs" / name, noise, 44_100)
    tracks = find_songs(recipe(tmp_path / "songs")).tracks
    whole = 3 * 24_000 * 4
    cache = ReadingCache(tmp_path / "cache", gigabytes=2.1 * whole / 2**30)
    for _ in range(2):
        for track in tracks:
            for start in (0.0, 0.5, 1.2345, 2.9):
                expected = read_track(track, start, 12_000, 24_000)
                np.testing.assert_array_equal(cache.read(track, start, 12_000, 24_000), expected)
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 2
    again = ReadingCache(tmp_path / "cache", gigabytes=0.0)
    expected = read_track(tracks[0], 1.0, 12_000, 24_000)
    np.testing.assert_array_equal(again.read(tracks[0], 1.0, 12_000, 24_000), expected)


def test_weighting_by_folder_and_other_songs(tmp_path):
    write_audio(tmp_path / "long" / "x.wav", tone(9.0), 44_100)
    write_audio(tmp_path / "short" / "y.wav", tone(1.0), 44_100)
    base = recipe(tmp_path).to_dict()
    rng = np.random.default_rng(0)
    for weighting, share in (("duration", 0.9), ("folder", 0.5), ("file", 0.5)):
        corpus = find_songs(Recipe.from_dict({**base, "weighting": weighting}))
        drawn = [corpus.draw(rng).folder for _ in range(500)]
        assert drawn.count("long") / 500 == pytest.approx(share, abs=0.07)
        assert {corpus.draw(rng, besides="long/x").song for _ in range(20)} == {"short/y"}
