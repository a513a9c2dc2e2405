"""Nothing that a run reads is ever replaced by what it writes."""

import os

import pytest

from dialin.errors import OutputError, UsageError
from dialin.files import check_distinct, check_not_read, folds_case
from dialin.files import guard as module


@pytest.fixture
def reference(tmp_path):
    place = tmp_path / "ref.wav"
    place.write_bytes(b"music")
    return place


def test_the_file_itself_is_refused(reference):
    with pytest.raises(OutputError, match="read by this run"):
        check_not_read([reference.parent / "x" / ".." / "ref.wav", reference], [reference])


def test_links_are_the_file(reference, tmp_path):
    (tmp_path / "soft.wav").symlink_to(reference)
    (tmp_path / "softer.wav").symlink_to(tmp_path / "soft.wav")
    os.link(reference, tmp_path / "hard.wav")
    for name in ("soft.wav", "softer.wav", "hard.wav"):
        with pytest.raises(OutputError, match="read by this run"):
            check_not_read([tmp_path / name], [reference])
        with pytest.raises(OutputError, match="read by this run"):
            check_not_read([reference], [tmp_path / name])


def test_a_folder_reached_by_a_link_is_the_folder(reference, tmp_path):
    (tmp_path / "door").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="read by this run"):
        check_not_read([tmp_path / "door" / "ref.wav"], [reference])


def test_what_lies_in_a_folder_that_is_read_is_refused(tmp_path):
    model = tmp_path / "model"
    (model / "deep").mkdir(parents=True)
    (model / "deep" / "config.json").write_text("{}")
    with pytest.raises(OutputError, match="is part of"):
        check_not_read([model / "deep" / "config.json"], [model])
    check_not_read([model / "new.json"], [model])


def test_everything_else_passes(reference, tmp_path):
    (tmp_path / "other.wav").write_bytes(b"music")
    (tmp_path / "loose.wav").symlink_to(tmp_path / "nowhere")
    targets = [tmp_path / name for name in ("other.wav", "loose.wav", "REF.WAV", "new/a.wav")]
    check_not_read(targets, [reference, tmp_path / "missing.wav"])
    check_not_read(targets, [])


def test_two_outputs_of_one_name_are_refused(tmp_path, monkeypatch):
    pairs = [("a/x.wav", tmp_path / "x.wav"), ("b/x.wav", tmp_path / "x.wav")]
    with pytest.raises(UsageError, match=r"'a/x.wav' and 'b/x.wav' would both become"):
        check_distinct(pairs, tmp_path)
    pairs = [("É.wav", tmp_path / "É.wav"), ("é.wav", tmp_path / "e\u0301.wav")]
    if not folds_case(tmp_path):
        check_distinct(pairs, tmp_path)
    monkeypatch.setattr(module, "folds_case", lambda _: True)
    with pytest.raises(UsageError, match="would both become"):
        check_distinct(pairs, tmp_path)


def test_whether_case_counts_is_asked_of_the_disk(tmp_path):
    place = tmp_path / "Folder"
    place.mkdir()
    assert folds_case(place) == (tmp_path / "fOLDER").exists()
    (tmp_path / "fOLDER").mkdir(exist_ok=True)
    assert folds_case(place) == (len(list(tmp_path.iterdir())) == 1)
