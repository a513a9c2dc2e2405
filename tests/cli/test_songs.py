"""Albums, stems and profiles on the command line."""

import json

import numpy as np
import pytest
import soundfile

from tests.cli.runner import dialin
from tests.matching.songs.test_mastering import RATE, song

MASTERING = ("--fx", "mastering", "-q", "--workers", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    sounds = {"album/one": song(1, 4.0), "album/two": song(2, 4.0) * np.float32(0.3)}
    sounds |= {"ref": song(3, 4.0, 0.2), "stems/bass": song(4, 4.0), "stems/odd": song(5, 4.0)}
    sounds |= {"theirs/Bass": song(6, 4.0, 0.1)}
    for name, audio in sounds.items():
        path = folder / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, audio.T, RATE, subtype="FLOAT")
    (folder / "album" / "zzz.wav").write_text("no audio")
    ran = dialin("profile", "save", "ref.wav", "-o", "punchy.json", cwd=folder)
    assert ran.code == 0, ran.err
    return folder


def test_an_album_gets_a_preset_for_each_and_goes_on_behind_a_bad_file(place):
    files = [f"album/{name}.wav" for name in ("one", "zzz", "two")]
    ran = dialin("match", *files, "ref.wav", "-o", "out", "--fx", "mastering", cwd=place)
    assert ran.code == 3
    assert ran.errors == [line for line in ran.errors if "zzz.wav" in line]
    assert "2 matched, 1 failed" in ran.out
    presets = [(place / "out" / name / "preset.json") for name in ("one", "two")]
    assert all(path.exists() for path in presets)
    before = [path.stat().st_mtime_ns for path in presets]
    ran = dialin("match", *files, "ref.wav", "-o", "out", "--fx", "mastering", cwd=place)
    assert "2 finished before, 1 failed" in ran.out
    assert [path.stat().st_mtime_ns for path in presets] == before


def test_what_is_written_is_what_the_preset_renders(place):
    ran = dialin("match", "album/two.wav", "ref.wav", "-o", "same", *MASTERING, cwd=place)
    assert ran.code == 0, ran.err
    ran = dialin("apply", "same/preset.json", "album/two.wav", "-o", "applied", cwd=place)
    assert ran.code == 0, ran.err
    both = [soundfile.read(place / name / "two.wav")[0] for name in ("same", "applied")]
    np.testing.assert_array_equal(*both)


def test_together_there_is_one_preset_and_a_bad_file_does_not_stop_the_rest(place):
    files = [f"album/{name}.wav" for name in ("one", "zzz", "two")]
    arguments = ["match", *files, "ref.wav", "-o", "together", "--together", *MASTERING[:2]]
    ran = dialin(*arguments, cwd=place)
    assert ran.code == 3, ran.err
    assert ran.errors == [line for line in ran.errors if "zzz.wav" in line]
    assert "2 rendered" in ran.out and "1 failed" in ran.out
    made = sorted(p.name for p in (place / "together").iterdir() if not p.name.startswith("."))
    assert made == ["one.wav", "preset.json", "two.wav"]


def test_an_album_goes_on_where_it_stopped(place):
    files = ["album/one.wav", "album/two.wav"]
    arguments = ["match", *files, "ref.wav", "-o", "resumed", "--together", *MASTERING[:2]]
    assert dialin(*arguments, cwd=place).code == 0
    preset, one, two = (place / "resumed" / n for n in ("preset.json", "one.wav", "two.wav"))
    sound, stamps = soundfile.read(two)[0], [p.stat().st_mtime_ns for p in (preset, one)]
    two.unlink()  # as if it had been stopped before
    ran = dialin(*arguments, cwd=place)
    assert ran.code == 0, ran.err
    assert "1 finished before, 1 rendered" in ran.out
    np.testing.assert_array_equal(soundfile.read(two)[0], sound)
    assert [p.stat().st_mtime_ns for p in (preset, one)] == stamps
    # Another request replaces nothing without asking.
    ran = dialin(*arguments, "--loudness", "-20", cwd=place)
    assert ran.code == 7 and "--overwrite" in ran.err
    assert [p.stat().st_mtime_ns for p in (preset, one)] == stamps


def test_a_profile_stands_for_its_references(place):
    data = json.loads((place / "punchy.json").read_text())
    assert data["names"] == ["ref.wav"] and "audio" not in data
    both = ["match", "album/one.wav", *MASTERING]
    ran = dialin(*both, "-o", "by-profile", "--reference", "punchy.json", cwd=place)
    assert ran.code == 0, ran.err
    assert dialin(*both, "ref.wav", "-o", "by-sound", cwd=place).code == 0
    one, two = (
        json.loads((place / name / "report.json").read_text())
        for name in ("by-profile", "by-sound")
    )
    assert one["after"] == pytest.approx(two["after"], abs=0.02)
    for fact in ("loudness_wanted_lufs", "crest_wanted_db"):
        assert one["song"][fact] == pytest.approx(two["song"][fact], abs=0.01)
    ran = dialin(
        "match", "album/one.wav", "punchy.json", "-o", "eq", "--fx", "peak", "--budget", "20", "-q",
        cwd=place,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    notes = json.loads((place / "eq" / "report.json").read_text())["notes"]
    assert any("without their sound" in note for note in notes)
    shown = dialin("profile", "show", "punchy.json", cwd=place)
    assert "LUFS" in shown.out
    assert dialin("match", "punchy.json", "ref.wav", "-o", "no", cwd=place).code == 3


def test_stems_are_matched_by_name(place):
    ran = dialin("match", "stems", "theirs", "-o", "wet", "--stems", "--fx", "mastering", cwd=place)
    assert ran.code == 0, ran.err
    assert "odd.wav" in ran.err and "left out" in ran.err
    report = json.loads((place / "wet" / "bass" / "report.json").read_text())
    assert [r["name"] for r in report["references"]] == ["Bass.wav"]
    assert dialin("match", "stems", "ref.wav", "-o", "x", "--stems", cwd=place).code == 2


def test_invert_and_halfway(place):
    ran = dialin(
        "match", "album/two.wav", "ref.wav", "-o", "inverse", "--invert", *MASTERING, cwd=place
    )
    assert ran.code == 0, ran.err
    assert (place / "inverse" / "ref.wav").exists()
    back = json.loads((place / "inverse" / "report.json").read_text())
    assert back["song"]["loudness_wanted_lufs"] < back["song"]["loudness_before_lufs"]
    ran = dialin(
        "match", "album/two.wav", "ref.wav", "-o", "half", "--halfway", *MASTERING, cwd=place
    )
    assert ran.code == 0, ran.err
    assert (place / "half" / "two.wav").exists() and (place / "half/reference/ref.wav").exists()
    levels = [
        20 * np.log10(np.std(soundfile.read(place / name)[0]))
        for name in ("album/two.wav", "half/two.wav", "half/reference/ref.wav", "ref.wav")
    ]
    # Both go half of the way, and meet.
    assert levels[0] < min(levels[1:3]) and max(levels[1:3]) < levels[3]
    assert levels[1] == pytest.approx(levels[2], abs=1.0)
    arguments = ("match", "album/two.wav", "ref.wav", "-o", "half", "--halfway", *MASTERING[:2])
    assert "2 finished before" in dialin(*arguments, cwd=place).out
    files = ["album/one.wav", "album/two.wav"]
    assert dialin("match", *files, "ref.wav", "-o", "x", "--invert", cwd=place).code == 2


def test_wishes_are_of_songs(place):
    ran = dialin(
        "match",
        "album/one.wav",
        "ref.wav",
        "-o",
        "x",
        "--fx",
        "peak",
        "--loudness",
        "-9",
        cwd=place,
    )
    assert ran.code == 2 and "--fx mastering" in ran.err
