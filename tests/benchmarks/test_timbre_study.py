"""The study of timbre: statistics of tables whose answers are known, and a small run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dialin.audio import write_audio
from dialin.timbre import ATTRIBUTES

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))
try:
    from timbre_statistics import choose, correlation, movement, plot_correlation, seed_agreement
finally:
    sys.path.remove(str(FOLDER))

RATE = 24_000
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def table() -> np.ndarray:
    rng = np.random.default_rng(0)
    a = rng.normal(50, 10, 500)
    return np.stack([a, -a + rng.normal(0, 1, 500), rng.normal(50, 10, 500), a * 0.01], axis=1)


def test_correlation_is_absolute_and_skips_holes(table: np.ndarray) -> None:
    table[3, 0] = np.nan
    found = correlation(table)
    assert found[0, 1] > 0.98
    assert found[0, 2] < 0.2
    assert np.array_equal(found, found.T)


def test_choice_drops_what_does_not_vary_and_one_of_a_pair(table: np.ndarray) -> None:
    choice = choose(NAMES, table)
    assert "c" in choice.kept
    assert len({"a", "b"} & set(choice.kept)) == 1
    assert "varies too little" in choice.reasons["d"]


def test_movement(table: np.ndarray) -> None:
    effects = ["x"] * 250 + ["y"] * 250
    after = table.copy()
    after[250:, 2] += 10.0
    found = movement(table, after, effects)
    assert np.allclose(found["x"], 0.0)
    assert found["y"][0, 2] == pytest.approx(10.0)
    assert found["y"][2, 2] == pytest.approx(1.0, abs=0.1)


def test_seed_agreement_of_itself() -> None:
    table = np.full((8, 8), 0.6)
    table[0, 1] = table[1, 0] = 0.5
    likeness, difference = seed_agreement(ATTRIBUTES, table)
    assert -1.0 <= likeness <= 1.0
    assert 0.0 < difference < 0.5


def test_heat_map_is_drawn(tmp_path: Path, table: np.ndarray) -> None:
    pytest.importorskip("matplotlib")
    paths = plot_correlation(NAMES, correlation(table), "title", tmp_path / "map")
    assert {p.name for p in tmp_path.iterdir()} == {"map.png", "map.svg"}
    assert [p.suffix for p in paths] == [".png", ".svg"]
    assert all(p.stat().st_size > 1_000 for p in paths)


def test_a_small_study_goes_on_where_it_was(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    for number in range(2):
        beat = 0.05 + np.sin(np.arange(21 * RATE) * np.pi * (2 + number) / RATE) ** 8
        noise = (0.1 * beat * rng.standard_normal(beat.size)).astype(np.float32)[None]
        write_audio(tmp_path / f"song{number}.wav", noise, RATE)
    command = [sys.executable, FOLDER / "timbre_study.py", tmp_path, "-o", tmp_path / "out"]
    command += ["--fx", "builtin:distortion,builtin:reverb", "--workers", "1", "--excerpts"]
    for count in ("4", "6"):
        subprocess.run([*command, count], check=True, timeout=300, stderr=subprocess.DEVNULL)
        rows = (tmp_path / "out" / "clips.csv").read_text().splitlines()[1:]
        assert sum(not row.startswith("(") for row in rows) == int(count)
    assert "excerpts of 5 s, one of 2 effects each" in (tmp_path / "out" / "report.md").read_text()
