"""Names of files are bytes of the user's: every command takes them and gives them back."""

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dialin.audio import read_audio, write_audio

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
RATE = 44_100


def run(*args, cwd):
    return subprocess.run(
        [sys.executable, "-m", "dialin", *args],
        cwd=cwd,
        capture_output=True,
        timeout=120,
        env=os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"},
    )


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / os.fsdecode(b"m\xff#%20")
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, (2, 6 * RATE)).astype(np.float32)
    write_audio(place / os.fsdecode(b"in\xe9.wav"), noise, RATE)
    dull = np.cumsum(noise, axis=1)
    dull = (dull - dull.mean()) / np.abs(dull).max()
    write_audio(place / os.fsdecode(b"ref\xe9.wav"), dull.astype(np.float32), RATE)
    return place


def test_timbre_writes_the_very_names(folder, tmp_path):
    (folder / "notes.txt").touch()
    (folder / "odd.xyz").touch()
    done = run("timbre", folder, "--csv", "--attributes", "brightness", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"in\xe9.wav" in done.stdout
    # What is skipped is told; what always lies beside music is not worth a word.
    assert b"odd.xyz" in done.stderr and b"notes.txt" not in done.stderr
    for _ in range(2):
        done = run("timbre", folder, "-o", "t.csv", "--attributes", "brightness", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    rows = list(csv.reader(io.StringIO((tmp_path / "t.csv").read_text("utf-8", "surrogateescape"))))
    assert [os.path.exists(row[0]) for row in rows[1:]] == [True, True]  # noqa: PTH110


def test_match_and_apply_take_and_give_such_names(folder, tmp_path):
    source, reference = sorted(folder.glob("*.wav"))
    out = folder / "out"
    options = ["--fx", "builtin:lowpass", "--budget", "20", "--json"]
    done = run("match", source, reference, "-o", out, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    assert (out / source.name).exists()
    assert json.loads((out / "report.json").read_text("utf-8"))
    assert "\N{REPLACEMENT CHARACTER}" in (out / "report.html").read_text("utf-8")
    done = run("apply", out / "preset.json", source, "-o", folder / "wet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_audio(folder / "wet" / source.name)[0].shape == (2, 6 * RATE)
