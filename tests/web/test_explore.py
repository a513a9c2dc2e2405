"""Maps for the page: the match lies on them, and every point has its own settings."""

import numpy as np
import pytest

from dialin.errors import DialinError
from dialin.web.explore import ATTRIBUTES, FIELD, make_map, map_key, read_map, settings_at
from tests.web.running import EXAMPLES

MATCH = [0.62, 0.4]


def order(folder, **more):
    return {
        "key": "made",
        "folder": str(folder),
        "workers": 2,
        "input": {"path": str(EXAMPLES / "piano.flac"), "start": 0.0, "seconds": 2.0},
        "uris": ["builtin:distortion"],
        "settings": [MATCH],
        **more,
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    told = []
    make_map(order(folder), lambda phase, **facts: told.append((phase, facts)))
    return read_map(folder, "made"), told


def test_where_the_match_lies_its_own_settings_are(made):
    facts, told = made
    assert settings_at(facts, facts["point"]) == pytest.approx(MATCH)
    assert max(map(abs, facts["point"])) <= 0.95
    assert told[-1][1]["done"] == told[-1][1]["of"]
    assert set(facts["field"]) == set(ATTRIBUTES)
    assert np.shape(facts["field"]["brightness"]) == (FIELD, FIELD)


def test_points_lie_close_together_where_their_settings_do(made):
    facts, _ = made
    line = [settings_at(facts, (x, 0.3)) for x in np.linspace(-1, 1, 400)]
    steps = np.abs(np.diff(line, axis=0)).max(axis=1)
    assert steps.max() < 0.06, "no jumps"
    assert np.count_nonzero(steps) > 380, "no steps"
    brightness = np.array(facts["field"]["brightness"])
    assert brightness[:, -3:].mean() > brightness[:, :3].mean(), "brighter to the right"


def test_an_effect_that_fails_everywhere_is_told_and_no_map_is_left(tmp_path):
    with pytest.raises(DialinError, match="usable sound"):
        make_map(
            order(tmp_path, uris=["fake:nan"] * 2, settings=[[0.5, 1.0]] * 2), lambda *_, **__: None
        )
    assert read_map(tmp_path, "made") is None


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
