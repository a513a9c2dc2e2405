"""Maps for the page: made as a job, kept, and read again."""

import functools

import numpy as np
import pytest

from dialin.errors import RenderError
from dialin.maps import load_map, map_around
from dialin.web import explore
from dialin.web.explore import make_map, map_key, read_map
from tests.web.running import EXAMPLES


def order(folder, **more):
    return {
        "key": "made",
        "folder": str(folder),
        "workers": 1,
        "input": {"path": str(EXAMPLES / "piano.flac"), "start": 0.0, "seconds": 1.0},
        "uris": ["builtin:distortion"],
        "settings": [[0.62, 0.4]],
        **more,
    }


def test_a_kept_map_is_read_as_it_was_made(tmp_path, monkeypatch):
    # The test has no time for as many sounds as a person is given.
    monkeypatch.setattr(explore, "map_around", functools.partial(map_around, sounds=20, field=3))
    told = []
    made = make_map(order(tmp_path), lambda phase, **facts: told.append((phase, facts)))
    assert made == {"key": "made"}
    facts = read_map(tmp_path, "made")
    assert facts["settings"] == pytest.approx([0.62, 0.4]) and facts["live"] == [True, True]
    assert np.shape(facts["point"]) == (2,) and np.shape(facts["field"]["brightness"]) == (3, 3)
    assert facts["grid"] == pytest.approx(load_map(tmp_path / "made.npz").grid, abs=1e-5)
    assert told[-1] == ("measuring the map", {"done": 30, "of": 30})


def test_where_no_map_can_be_made_none_is_left(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RenderError("no usable sound")

    monkeypatch.setattr(explore, "map_around", fail)
    with pytest.raises(RenderError, match="usable sound"):
        make_map(order(tmp_path), lambda *_, **__: None)
    assert read_map(tmp_path, "made") is None and not list(tmp_path.iterdir())


def test_a_key_is_of_effects_knobs_and_sound():
    keys = {
        map_key(["builtin:gain"], [[0.5]], ["a", 0, 1]),
        map_key(["builtin:gain"], [[0.6]], ["a", 0, 1]),
        map_key(["builtin:gain"], [[0.5]], ["b", 0, 1]),
        map_key(["builtin:peak"], [[0.5]], ["a", 0, 1]),
    }
    assert len(keys) == 4
    again = map_key(["builtin:gain"], [[0.5 + 1e-9]], ["a", 0, 1])
    assert again in keys
