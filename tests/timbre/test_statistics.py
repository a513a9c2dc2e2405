"""The statistics of the timbre analysis, on tables whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dialin.evaluation.timbre_statistics import (
    choose,
    correlation,
    movement,
    plot_correlation,
    seed_agreement,
)
from dialin.timbre import ATTRIBUTES

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
    assert [p.suffix for p in paths] == [".png", ".svg"]
    assert all(p.stat().st_size > 1_000 for p in paths)
