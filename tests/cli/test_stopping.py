"""Stopped at any moment, a command leaves the folder as it was and says so by its exit code."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from dialin.presets.preset import Preset
from dialin.rendering import RenderPool
from tests.cli.runner import dialin_process

RATE = 44_100


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("stopping")
    rng = np.random.default_rng(0)
    for name in ("dry.wav", "more.wav", "ref.wav"):
        soundfile.write(place / name, rng.uniform(-0.5, 0.5, (2 * RATE, 1)), RATE)
    with RenderPool(workers=1) as pool:
        spec = pool.describe("fake:hang")
        Preset.from_settings([spec], spec.default).save(place / "hang.json")
    return place


def start(place, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "dialin", *map(str, arguments)],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(place, pattern, process):
    until = time.monotonic() + 90
    while not list(place.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def families(place):
    """Processes that still have to do with a folder."""
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:  # noqa: PTH112, PTH208
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:  # noqa: PTH123
                if str(place).encode() in file.read():
                    found.append(entry)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by SIGHUP"),
        (signal.SIGINT, 130, "stopped by Ctrl-C"),
    ],
)
@pytest.mark.parametrize("files", [["dry.wav"], ["dry.wav", "more.wav"]], ids=["one", "two"])
def test_apply_leaves_nothing(place, number, code, word, files):
    out = place / f"wet-{len(files)}-{code}"
    process = start(place, "apply", "hang.json", *files, "-o", out)
    wait_for(out, ".dialin-work-*", process)
    time.sleep(0.5)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()) == (code, [f"error: {word}"])
    assert not out.exists()
    assert not families(out)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_match_ends_at_once_when_it_is_told_to(place, number, code):
    out = place / f"out-{code}"
    arguments = ["match", "dry.wav", "ref.wav", "-o", out, "--fx", "fake:hang"]
    process = start(place, *arguments)
    wait_for(out, ".dialin-work-*", process)
    time.sleep(1.0)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert not out.exists()


def test_what_a_killed_run_left_goes_with_the_next(place):
    out = place / "killed"
    process = start(place, "apply", "hang.json", "dry.wav", "-o", out)
    wait_for(out, ".dialin-work-*", process)
    process.kill()
    process.communicate()
    assert list(out.glob(".dialin-work-*"))
    Preset(()).save(place / "nothing.json", overwrite=True)
    ran = dialin_process("apply", "nothing.json", "dry.wav", "-o", out, cwd=place)
    assert ran.code == 0, ran.err
    assert [path.name for path in out.iterdir()] == ["dry.wav"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")  # noqa: PTH110
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["effects", "list", "--json"], ["presets", "show", "hang.json"]],
    ids=" ".join,
)
def test_a_full_disk_under_the_output_is_one_clear_error(place, arguments):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "dialin", *arguments],
            cwd=place,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 7
    assert done.stderr.startswith("error: the disk is full")
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_who_has_read_enough_is_no_error(place):
    process = start(place, "effects", "list", "--format", "builtin")
    process.stdout.close()
    process.stdout = None
    assert process.wait(60) == 0


def test_a_table_never_replaces_what_is_measured(place):
    before = (place / "dry.wav").read_bytes()
    (place / "link.csv").unlink(missing_ok=True)
    (place / "link.csv").symlink_to(place / "dry.wav")
    for target in ("dry.wav", "link.csv"):
        ran = dialin_process("timbre", "dry.wav", "-o", target, cwd=place)
        assert ran.code == 7
        assert "read by this run" in ran.err
    assert (place / "dry.wav").read_bytes() == before


def test_a_table_that_was_cut_goes_on_after_its_last_whole_line(place):
    table = place / "table.csv"
    command = ("timbre", "dry.wav", "more.wav", "-o", table, "--attributes", "brightness")
    assert dialin_process(*command, cwd=place).code == 0
    whole = table.read_bytes()
    for cut in (len(whole) - 3, whole.index(b"\n") - 2, 0):
        table.write_bytes(whole[:cut])
        ran = dialin_process(*command, cwd=place)
        assert (ran.code, table.read_bytes()) == (0, whole), ran.err


def test_an_analysis_never_replaces_the_ratings(place):
    (place / "conditions.csv").write_text("ratings")
    ran = dialin_process("listen", "analyse", "conditions.csv", "-o", ".", cwd=place)
    assert ran.code == 7
    assert (place / "conditions.csv").read_text() == "ratings"
