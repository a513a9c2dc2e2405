"""Many inputs: a folder each, failures on their own, resumed where it stopped."""

from pathlib import Path

import pytest

from dialin.errors import AudioFileError, EffectError, UnexpectedError
from dialin.files import MANIFEST, OwnFiles
from dialin.matching.files.batch import Entry, batch_entries, match_entries, request_of
from dialin.matching.files.making import Saved
from dialin.reports import SavedReport

REPORT = SavedReport.from_dict(
    {"before": 1.0, "after": 0.5, "slots": [{"name": "Gain", "used": True}]}
)


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_each_input_has_its_folder(tmp_path):
    touch(*(tmp_path / name for name in ("a.wav", "A.flac", "b.mp3", "sub/b.wav", "ref.wav")))
    entries = batch_entries(tmp_path, tmp_path / "out", [tmp_path / "ref.wav"])
    places = {
        entry.source.relative_to(tmp_path).as_posix(): entry.folder.relative_to(
            tmp_path / "out"
        ).as_posix()
        for entry in entries
    }
    assert places == {"A.flac": "A.flac", "a.wav": "a.wav", "b.mp3": "b", "sub/b.wav": "sub/b"}
    with pytest.raises(AudioFileError, match="but the references"):
        batch_entries(tmp_path / "sub", "out", [tmp_path / "sub" / "b.wav"])


def test_a_request_is_the_recordings_and_every_option(tmp_path):
    for name in ("a.wav", "ref.wav"):
        (tmp_path / name).write_bytes(b"a")
    args = (tmp_path / "a.wav", [tmp_path / "ref.wav"])
    first = request_of(*args, {"seed": 0})
    assert request_of(*args, {"seed": 0}) == first
    assert request_of(*args, {"seed": 1}) != first
    (tmp_path / "ref.wav").write_bytes(b"ab")
    assert request_of(*args, {"seed": 0}) != first


@pytest.fixture
def batch(tmp_path):
    """Runs a batch of four; what was run, and what came of it."""
    entries = [Entry(Path(f"{n}.wav"), tmp_path / str(n)) for n in range(4)]

    def go(request=lambda source: "same", finished=True, overwrite=False):
        ran = []

        def run(entry, about, replace):
            ran.append((entry.source.stem, replace))
            if entry.source.stem == "1":
                raise EffectError("no")
            if entry.source.stem == "2":
                raise KeyError("a bug")
            entry.folder.mkdir(exist_ok=True)
            (entry.folder / "preset.json").write_text("{}")
            (entry.folder / "report.json").write_text('{"before": 1.0, "after": 0.5}')
            own = OwnFiles(entry.folder, {}, {**about, "finished": finished})
            (entry.folder / MANIFEST).write_text(own.text())
            return Saved(entry.folder, (), None, REPORT)

        outcomes = list(match_entries(entries, request, run, overwrite=overwrite))
        return ran, outcomes

    return go


def test_one_that_fails_does_not_stop_the_rest(batch):
    ran, outcomes = batch()
    assert [name for name, _ in ran] == ["0", "1", "2", "3"]
    assert [outcome.status for outcome in outcomes] == ["matched", "failed", "failed", "matched"]
    assert isinstance(outcomes[2].error, UnexpectedError)
    assert outcomes[0].to_dict() == {
        "source": "0.wav", "folder": str(outcomes[0].entry.folder), "status": "matched",
        "before": 1.0, "after": 0.5, "effects": ["Gain"], "error": None,
    }  # fmt: skip
    assert outcomes[1].to_dict()["error"] == {"code": "effect", "message": "no"}


def test_finished_ones_are_not_matched_again(batch):
    batch()
    ran, outcomes = batch()
    assert [name for name, _ in ran] == ["1", "2"]
    assert [outcome.status for outcome in outcomes][::3] == ["finished before"] * 2
    ran, _ = batch(overwrite=True)
    assert ran == [(name, True) for name in "0123"]


def test_what_was_stopped_is_matched_again_and_what_is_others_is_not_replaced(batch):
    batch(finished=False)
    ran, _ = batch()
    assert ran[0] == ("0", True)
    ran, _ = batch(request=lambda source: "another")
    assert ran[0] == ("0", False)
