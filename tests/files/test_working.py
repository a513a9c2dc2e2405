"""Working folders: gone when done, gone when killed, never anybody else's."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dialin.errors import OutputError
from dialin.files import claim_folder, move, sweep, uninterrupted, working_folder
from dialin.files.working import PREFIX

HOLD = """
import sys, time
from pathlib import Path
from dialin.files import claim_folder, working_folder
with working_folder(Path(sys.argv[1])) as work, claim_folder(Path(sys.argv[1])):
    (work / "part").write_text("half")
    print(work, flush=True)
    time.sleep(60)
"""


def names(folder):
    return sorted(place.name for place in folder.iterdir())


@pytest.fixture
def other(tmp_path):
    """Another process that works in the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "out"], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_is_made_in_it_goes_with_it(tmp_path):
    with working_folder(tmp_path / "a" / "b") as work:
        (work / "x").write_text("1")
        move(work / "x", tmp_path / "a" / "b" / "x")
    assert names(tmp_path / "a" / "b") == ["x"]
    with pytest.raises(ZeroDivisionError), working_folder(tmp_path / "c" / "d"):
        raise ZeroDivisionError
    assert names(tmp_path) == ["a"]


def test_what_a_killed_run_left_is_swept_and_what_is_in_use_is_not(tmp_path, other):
    out = tmp_path / "out"
    (out / ".dialin-mine").mkdir()
    with working_folder(out):
        assert len(list(out.glob(f"{PREFIX}*"))) == 2
    other.kill()
    other.wait()
    assert len(list(out.glob(f"{PREFIX}*"))) == 1
    with working_folder(out):
        assert len(list(out.glob(f"{PREFIX}*"))) == 1
    assert names(out) == [".dialin-mine"]


def test_a_folder_of_another_machine_is_left_for_a_day(tmp_path):
    place = tmp_path / f"{PREFIX}0123abcd-xyz"
    place.mkdir()
    sweep(tmp_path)
    assert place.exists()
    long_ago = time.time() - 2 * 86_400
    os.utime(place, (long_ago, long_ago))
    sweep(tmp_path)
    assert not place.exists()


def test_a_link_with_such_a_name_costs_nothing(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "a.wav").write_text("a")
    place = tmp_path / f"{PREFIX}0123abcd-xyz"
    place.symlink_to(tmp_path / "music")
    long_ago = time.time() - 2 * 86_400
    os.utime(tmp_path / "music", (long_ago, long_ago))
    sweep(tmp_path)
    assert (tmp_path / "music" / "a.wav").exists()


def test_one_run_at_a_time_and_no_stale_lock(tmp_path, other):
    with pytest.raises(OutputError, match="another dialin"), claim_folder(tmp_path / "out"):
        pass
    other.kill()
    other.wait()
    with claim_folder(tmp_path / "out"):
        pass


def test_a_move_replaces_only_where_it_may(tmp_path):
    new, place = tmp_path / "new", tmp_path / "place"
    new.write_text("new")
    place.write_text("old")
    with pytest.raises(OutputError, match="appeared while"):
        move(new, place, replace=False)
    assert place.read_text() == "old"
    move(new, place)
    assert place.read_text() == "new"
    move(place, new, replace=False)
    assert names(tmp_path) == ["new"]


def test_a_disk_without_links_is_served_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    test_a_move_replaces_only_where_it_may(tmp_path)


def test_ctrl_c_waits_for_the_moment_to_pass():
    steps = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            steps.append("done")
        steps.append("never")
    assert steps == ["done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
