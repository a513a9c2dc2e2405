"""Maps of effects whose sound is known."""

import contextlib
import json
import subprocess
import sys

import numpy as np
import pytest

from dialin.effects import open_effect
from dialin.errors import OutputError, UsageError
from dialin.maps import EffectMap, MapOptions, fit_map, load_map, measure_map
from dialin.maps.layout import fill, orient, principal, spread_evenly, to_square
from dialin.maps.sounds import draw, hear
from dialin.rendering import RenderPool

RATE = 24_000


@pytest.fixture(scope="module")
def music():
    rng = np.random.default_rng(0)
    moment = np.arange(RATE) / RATE
    sound = sum(np.sin(2 * np.pi * f * moment) / n for n, f in enumerate((110, 330, 880, 2500), 1))
    sound = 0.1 * sound * np.exp(-3 * (moment % 0.25)) + 0.01 * rng.standard_normal(moment.size)
    return [sound.astype(np.float32)[None]]


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=1) as pool:
        yield pool


@pytest.fixture(scope="module")
def sounds(pool, music):
    spec = open_effect("fake:tilt").spec
    return hear(pool, "fake:tilt", music, RATE, draw(spec, 60, 0))


@pytest.fixture(scope="module")
def tilt(pool, music, sounds):
    options = MapOptions(sounds=60, size=17)
    return fit_map(pool, "fake:tilt", music, RATE, options, sounds=sounds)


def test_brighter_is_to_the_right_and_neutral_in_the_centre(tilt, pool, music, sounds):
    spec = open_effect("fake:tilt").spec
    place = spec.index("tilt")
    left, middle, right = (tilt.settings((x, 0.0), spec)[place] for x in (-0.9, 0.0, 0.9))
    assert left < middle < right
    figures = measure_map(pool, tilt, music, RATE, sounds, lines=3, points=9)
    assert figures.brightness > 0.8
    assert figures.centre < 0.4
    assert figures.coverage < 0.5
    assert 1.0 <= figures.detour < 3.0
    assert figures.unevenness >= 1.0


def test_a_map_is_the_same_every_time(tilt, pool, music):
    options = MapOptions(sounds=60, size=17)
    again = fit_map(pool, "fake:tilt", music, RATE, options)
    assert np.array_equal(again.grid, tilt.grid)


def test_a_map_is_continuous_and_ends_at_its_edges(tilt):
    line = np.column_stack([np.linspace(-1, 1, 2001), np.linspace(1, -0.3, 2001)])
    steps = np.abs(np.diff(tilt.settings(line), axis=0)).max()
    assert steps < 0.02
    assert np.array_equal(tilt.settings((5.0, -5.0)), tilt.settings((1.0, -1.0)))
    assert np.array_equal(tilt.settings((1.0, 1.0)), tilt.grid[-1, -1])


def test_a_saved_map_is_read_without_torch(tilt, tmp_path):
    place = tilt.save(tmp_path / "tilt.npz")
    with pytest.raises(OutputError, match="exists already"):
        tilt.save(place)
    script = f"""
import sys
import numpy as np
from dialin.maps import load_map
found = load_map({str(place)!r})
print(*found.settings((0.3, -0.2)))
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert np.allclose([float(v) for v in done.stdout.split()], tilt.settings((0.3, -0.2)))
    assert load_map(place).about["heard"] == 60


def test_what_is_no_map_is_refused(tilt, tmp_path):
    (tmp_path / "no.npz").write_bytes(b"nothing")
    for name in ("no.npz", "missing.npz"):
        with pytest.raises(UsageError, match="map"):
            load_map(tmp_path / name)
    with pytest.raises(UsageError, match="fake:tilt"):
        tilt.settings((0, 0), open_effect("fake:gain").spec)
    for point in ((0.0, np.nan), (1.0,), np.zeros((2, 3))):
        with pytest.raises(UsageError, match="point"):
            tilt.settings(point)
    with pytest.raises(UsageError, match="way"):
        MapOptions(way="tsne")


def test_dead_knobs_stay_and_stepped_ones_snap(pool, music):
    import dataclasses

    spec = open_effect("fake:mode").spec
    found = fit_map(pool, "fake:mode", music, RATE, MapOptions(sounds=40, size=9), spec=spec)
    steps = found.settings(np.random.default_rng(0).uniform(-1, 1, (50, 2)), spec)[:, 0]
    assert set(np.round(3 * steps, 9)) <= {0.0, 1.0, 2.0, 3.0}
    dead = dataclasses.replace(
        spec, parameters=(spec.parameters[0], spec.parameters[1].with_status("dead"))
    )
    found = fit_map(pool, "fake:mode", music, RATE, MapOptions(sounds=40, size=9), spec=dead)
    assert np.ptp(found.grid[..., 1]) == 0
    every = tuple(p.with_status("dead") for p in spec.parameters)
    with pytest.raises(UsageError, match="no live knob"):
        fit_map(pool, "fake:mode", music, RATE, spec=dataclasses.replace(spec, parameters=every))


def test_the_way_of_a_vae(pool, music, sounds):
    pytest.importorskip("torch")
    options = MapOptions(way="vae", sounds=60, size=17)
    first, second = (
        fit_map(pool, "fake:tilt", music, RATE, options, sounds=sounds) for _ in range(2)
    )
    assert np.array_equal(first.grid, second.grid)
    figures = measure_map(pool, first, music, RATE, sounds, lines=3, points=9)
    assert figures.brightness > 0.7


def test_a_map_from_a_controller_needs_one(pool, music, sounds):
    with pytest.raises(UsageError, match="model folder"):
        fit_map(pool, "fake:tilt", music, RATE, MapOptions(way="controller"), sounds=sounds)


def test_layouts():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(200, 2)) * [3.0, 1.0]
    features = hidden @ rng.normal(size=(2, 6))
    placed = principal(features)
    turned = orient(placed, hidden[:, 1], hidden[:, 0])
    assert np.corrcoef(turned[:, 0], hidden[:, 1])[0, 1] > 0.99
    square = to_square(turned, turned[0])
    assert np.allclose(square[0], 0) and np.abs(square).max() == 1.0
    even = spread_evenly(square, 1.0)
    order = np.lexsort((even[:, 0], square[:, 0]))
    assert np.all(np.diff(even[order, 0]) >= 0)
    inside = rng.uniform(-1, 1, (300, 2))
    grid = fill(inside, 0.5 + 0.4 * inside, 9, 0.2)
    axis = np.linspace(-1, 1, 9)
    assert np.allclose(grid[4, :, 0], 0.5 + 0.4 * axis, atol=0.05)
    assert np.allclose(grid[:, 4, 1], 0.5 + 0.4 * axis, atol=0.05)


def test_a_map_of_nothing_but_numbers():
    grid = np.zeros((2, 2, 1))
    grid[:, 1] = 1.0
    plane = EffectMap("fake:gain", "0", "pca", grid)
    assert plane.settings((0.0, 0.5))[0] == 0.5
    assert plane.settings([(-1.0, 0.0), (1.0, 0.0)])[:, 0].tolist() == [0.0, 1.0]


def _written(path, grid, about):
    np.savez(path, grid=grid, about=json.dumps(about))
    return path


WHOLE = {"format": 1, "effect": "x", "spec_hash": "y", "way": "pca", "about": {}}


@pytest.mark.parametrize(
    ("grid", "about"),
    [
        (np.zeros((1, 2, 2)), WHOLE),
        (np.full((2, 2, 2), np.nan), WHOLE),
        (np.zeros((2, 2, 2), "U3"), WHOLE),
        (np.zeros((2, 2, 2)), WHOLE | {"effect": []}),
        (np.zeros((2, 2, 2)), WHOLE | {"about": None}),
        (np.zeros((2, 2, 2)), []),
    ],
)
def test_a_map_of_a_stranger_is_checked(tmp_path, grid, about):
    with pytest.raises(UsageError, match="cannot be read as a map"):
        load_map(_written(tmp_path / "map.npz", grid, about))


def test_a_map_damaged_anywhere_is_refused_or_read(tmp_path):
    path = _written(tmp_path / "map.npz", np.zeros((2, 2, 2)), WHOLE)
    load_map(path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        with contextlib.suppress(UsageError):
            load_map(path)
