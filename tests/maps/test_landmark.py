"""Maps with a landmark: the match lies on them, and every point has its own settings."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dialin.errors import RenderError, UsageError
from dialin.maps import landmark, map_around
from dialin.maps.landmark import ATTRIBUTES
from dialin.rendering import RenderPool

RATE = 24_000
MATCH = [0.62, 0.4]


@pytest.fixture(scope="module")
def music():
    rng = np.random.default_rng(0)
    moment = np.arange(RATE) / RATE
    sound = sum(np.sin(2 * np.pi * f * moment) / n for n, f in enumerate((110, 330, 880, 2500), 1))
    sound = 0.1 * sound * np.exp(-3 * (moment % 0.25)) + 0.01 * rng.standard_normal(moment.size)
    return sound.astype(np.float32)[None]


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=1) as pool:
        yield pool


@pytest.fixture(scope="module")
def made(pool, music):
    told = []
    made = map_around(
        pool,
        ["builtin:distortion"],
        [MATCH],
        music,
        RATE,
        sounds=60,
        field=5,
        progress=lambda *facts: told.append(facts),
    )
    return made, told


def test_where_the_match_lies_its_own_settings_are(made):
    made, told = made
    assert made.settings(made.point) == pytest.approx(MATCH)
    assert np.abs(made.point).max() <= 0.95
    what, done, of = told[-1]
    assert what == "measuring the map" and done == of == 60 + 25 + 1
    assert set(made.timbre) == set(ATTRIBUTES)
    assert made.timbre["brightness"].shape == (5, 5)
    assert made.live == (True, True)


def test_far_from_the_match_the_map_is_as_it_was_fitted(made):
    made, _ = made
    corner = -np.sign(made.point)
    assert made.settings(corner) == pytest.approx(made.map.settings(corner), abs=1e-3)


def test_points_lie_close_together_where_their_settings_do(made):
    made, _ = made
    line = [made.settings((x, 0.3)) for x in np.linspace(-1, 1, 400)]
    steps = np.abs(np.diff(line, axis=0)).max(axis=1)
    assert steps.max() < 0.06, "no jumps"
    assert np.count_nonzero(steps) > 380, "no steps"
    brightness = made.timbre["brightness"]
    assert brightness[:, -2:].mean() > brightness[:, :2].mean(), "brighter to the right"


def test_a_chain_is_heard_around_its_settings(pool, music):
    uris, here = ["builtin:gain", "builtin:distortion"], [[0.5], MATCH]
    made = map_around(pool, uris, here, music, RATE, sounds=20, field=3)
    assert made.settings(made.point) == pytest.approx([0.5, *MATCH])
    again = map_around(pool, uris, here, music, RATE, sounds=20, field=3)
    assert np.array_equal(again.map.grid, made.map.grid), "the same every time"


def test_effects_without_a_sound_are_told(pool, music):
    with pytest.raises(RenderError, match="usable sound"):
        map_around(pool, ["fake:nan"] * 2, [[0.5, 1.0]] * 2, music, RATE, sounds=20, field=3)


def test_an_effect_whose_knobs_change_nothing_is_told(pool, music, monkeypatch):
    spec = pool.describe("builtin:gain")
    dead = replace(spec, parameters=tuple(replace(p, status="dead") for p in spec.parameters))
    monkeypatch.setattr(landmark, "probe_chain", lambda *_: SimpleNamespace(slots=[dead]))
    with pytest.raises(UsageError, match="nothing to explore"):
        map_around(pool, ["builtin:gain"], [[0.5]], music, RATE)
