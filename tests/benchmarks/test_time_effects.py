"""The benchmark of time-based effects: it runs on made-up songs, goes on, says what it found."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.music import write_songs

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "time_effects.py"


@pytest.fixture(scope="module")
def script():
    import importlib.util

    spec = importlib.util.spec_from_file_location("time_effects", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["time_effects"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["time_effects"]


def test_it_makes_a_table_and_goes_on_from_its_rows(tmp_path):
    songs = write_songs(tmp_path / "songs")
    command = [sys.executable, SCRIPT, songs, "--effects", "builtin:reverb"]
    command += ["--n", "1", "--dry", "1", "--budget", "20"]
    command += ["--workers", "1", "-o", tmp_path / "rows"]
    first = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    assert "| builtin:reverb | 1 | match:20 |" in first.stdout
    assert "1 items an effect" in first.stdout
    rows = (tmp_path / "rows" / "rows.jsonl").read_text()
    kept = [json.loads(line) for line in rows.splitlines()]
    assert {row["protocol"] for row in kept} == {"audible", "dry"}
    # A second run has nothing left to do and says the same.
    again = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    assert again.stdout == first.stdout
    assert (tmp_path / "rows" / "rows.jsonl").read_text() == rows


def test_quick_is_a_few_items_and_renders(script):
    arguments = script.parsed(["songs", "--quick", "-o", "rows"])
    assert (arguments.n, arguments.dry, arguments.budget) == (4, 4, 20)


def test_seconds_are_those_of_a_half(script):
    command = [
        "time_effects.py",
        "songs",
        "--seconds",
        "20",
        "-o",
        "rows",
        "--n",
        "1",
        "--dry",
        "1",
    ]
    protocols = [plan.protocol for plan in script.plans_of(script.parsed(command[1:]))]
    assert {p.identity()["samples"] for p in protocols} == {960_000}


def row(item, method, coarse, **more):
    body = {"group": "delay", "item": item, "method": method, "error": None, "seconds": 1.0}
    return {**body, "metrics": {"coarse": coarse, **more.pop("metrics", {})}, **more}


def test_the_table_says_what_rows_hold(script):
    rows = []
    for item in range(4):
        rows.append(row(item, "untouched", 2.0, alone=1.0, metrics={"echo": 400.0}))
        echo = 0.5 if item else 30.0
        rows.append(row(item, "search:8", 1.0, alone=float(item == 0), metrics={"echo": echo}))
    dry = [row(item, "search:8", 0.0, false_alarm=float(item < 1)) for item in range(2)]
    line = script.table(rows, dry, ("untouched", "search:8")).splitlines()[3]
    assert "75 ±22 % (n=4)" in line
    assert "0.50 ±0.00" in line
    assert "25 ±22 %" in line
    assert line.endswith("50 ±35 % | 1.0 |")


def test_answers_that_failed_are_left_out_of_both_sides(script):
    rows = [row(0, "untouched", 2.0, alone=1.0), row(1, "untouched", 8.0, alone=1.0)]
    rows += [row(0, "search:8", 1.0, alone=0.0), row(1, "search:8", 1.0, alone=0.0)]
    rows[3]["error"] = "render: it crashed"
    line = script.table(rows, [], ("untouched", "search:8")).splitlines()[3]
    assert line.startswith("| delay | 1 | search:8 |")
    assert "0.50" in line


def test_ratio_of_nothing(script):
    assert script.ratio_text(np.array([np.nan]), np.array([1.0])) == ""
    assert script.ratio_text(np.array([1.0]), np.array([0.0])) == ""
