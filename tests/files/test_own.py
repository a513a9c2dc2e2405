"""The list of own files: what is on it and unchanged is dialin's, all else is the user's."""

import json
import os

import pytest

from dialin.errors import OutputError
from dialin.files import MANIFEST, OwnFiles, check_name, check_space, digest, kept_name
from dialin.files import space as space_module


def test_what_was_written_and_is_unchanged_is_owned(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"a" * 10)
    own = OwnFiles(tmp_path, {"a.wav": (digest(tmp_path / "a.wav"),)}, {"finished": True})
    (tmp_path / MANIFEST).write_text(own.text())
    loaded = OwnFiles.load(tmp_path)
    assert (loaded.files, loaded.about) == (own.files, own.about)
    assert loaded.owns("a.wav")
    (tmp_path / "b.wav").write_bytes(b"a" * 10)
    assert not loaded.owns("b.wav")
    (tmp_path / "a.wav").write_bytes(b"b" * 10)
    assert not loaded.owns("a.wav")
    (tmp_path / "a.wav").unlink()
    (tmp_path / "a.wav").symlink_to(tmp_path / "b.wav")
    assert not loaded.owns("a.wav")
    assert loaded.present() == ["a.wav"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"files": 3}', '{"files": {"a": 3}}', "[" * 100_000),
        *('{"files": {"a": [{}]}}', '{"files": {"a": [{"bytes": Infinity, "sha256": ""}]}}'),
    ],
)
def test_a_list_that_cannot_be_read_owns_nothing(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    assert OwnFiles.load(tmp_path).files == {}


def test_a_list_cannot_reach_out_of_its_folder(tmp_path):
    (tmp_path / "precious").write_bytes(b"")
    (tmp_path / "out").mkdir()
    facts = [digest(tmp_path / "precious")]
    names = ["../precious", str(tmp_path / "precious"), "a/../../precious", "..\\precious", ""]
    text = json.dumps({"schema": 1, "files": dict.fromkeys(names, facts)})
    (tmp_path / "out" / MANIFEST).write_text(text)
    assert OwnFiles.load(tmp_path / "out").files == {}


def test_kept_names_are_free_and_fit(tmp_path):
    (tmp_path / "a.kept.wav").touch()
    assert kept_name(tmp_path / "a.wav").name == "a.kept2.wav"
    long = tmp_path / ("é" * 125 + "x.wav")
    long.touch()
    long.rename(kept_name(long))
    odd = tmp_path / os.fsdecode(b"\xff" * 250 + b".wav")
    odd.touch()
    odd.rename(kept_name(odd))


def test_names_are_measured_in_bytes(tmp_path):
    check_name(tmp_path / ("é" * 125 + "x.wav"))
    with pytest.raises(OutputError, match="takes 256 bytes"):
        check_name(tmp_path / "new" / ("é" * 126 + ".wav"))


def test_space_is_compared(tmp_path, monkeypatch):
    check_space(tmp_path, 1)
    monkeypatch.setattr(space_module.shutil, "disk_usage", lambda _: type("U", (), {"free": 5e6}))
    with pytest.raises(OutputError, match=r"need about 7.0 MB .* 5.0 MB are free"):
        check_space(tmp_path, 7_000_000)
