"""Single files: whole or not there, swept after a kill, never one in use."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dialin.errors import OutputError
from dialin.files import atomic_file, plain, write_bytes, write_json, write_text

HOLD = """
import sys, time
from dialin.files import atomic_file
with atomic_file(sys.argv[1]) as part:
    part.write_text("half")
    print(part, flush=True)
    time.sleep(60)
"""


def names(folder):
    return sorted(place.name for place in folder.iterdir())


def test_a_file_appears_whole_and_with_the_permissions_of_a_new_one(tmp_path):
    target = tmp_path / "a" / "b.txt"
    with atomic_file(target, parents=True) as part:
        assert part.parent == target.parent
        part.write_text("half")
        assert not target.exists()
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert names(target.parent) == ["b.txt"]
    umask = os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_fails_or_is_interrupted_leaves_what_was_there(tmp_path, error):
    target = write_text(tmp_path / "x", "before")
    with pytest.raises(error), atomic_file(target) as part:
        part.write_text("half")
        raise error
    assert target.read_text() == "before"
    assert names(tmp_path) == ["x"]


def test_nothing_is_replaced_unasked_not_even_what_appears_meanwhile(tmp_path):
    target = write_text(tmp_path / "x", "mine")
    with pytest.raises(OutputError, match="exists already"):
        write_text(target, "yours", overwrite=False)
    target.unlink()
    with pytest.raises(OutputError, match="appeared"), atomic_file(target, overwrite=False) as part:
        part.write_text("yours")
        target.write_text("mine")
    assert target.read_text() == "mine"
    assert names(tmp_path) == ["x"]


def test_what_cannot_be_written_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write '.*none/x': No such file"):
        write_bytes(tmp_path / "none" / "x", b"")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_what_a_killed_run_left_is_swept_and_what_is_in_use_is_not(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "x"], stdout=subprocess.PIPE, text=True
    )
    with process, process.stdout as said:
        part = Path(said.readline().strip())
        try:
            write_text(tmp_path / "other", "1")
            assert part.read_text() == "half"
        finally:
            process.kill()
    assert part.exists()
    write_text(tmp_path / "other", "2")
    assert names(tmp_path) == ["other"]


def test_json_is_strict_whatever_it_is_given(tmp_path):
    payload = {
        1: [math.inf, -math.inf, math.nan, 1.5],
        "array": np.array([[1.0, np.nan]], np.float32),
        "numbers": (np.float64(2.0), np.float64("nan"), np.int64(3), np.bool_(True)),
        "path": Path("a/b"),
        "name": os.fsdecode(b"\xff.wav"),
    }
    path = write_json(tmp_path / "x.json", payload)
    assert json.loads(path.read_text("utf-8")) == {
        "1": [None, None, None, 1.5],
        "array": [[1.0, None]],
        "numbers": [2.0, None, 3, True],
        "path": "a/b",
        "name": "\udcff.wav",
    }
    with pytest.raises(TypeError):
        write_json(path, {"what": object()})
    assert type(plain(np.float64(2.0))) is float
