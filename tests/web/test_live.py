"""Quick renders while knobs are turned: plugins that crash, and what is kept from before."""

import numpy as np
import pytest

from dialin.errors import ParameterError, RenderCrashError
from dialin.web.live import Live, LiveSlot, slots_by_hand

RATE = 44_100
STRETCH = np.random.default_rng(0).normal(0, 0.1, (2, RATE // 2)).astype(np.float32)


@pytest.fixture(scope="module")
def live():
    made = Live(workers=1)
    yield made
    made.close()


def heard(live, *slots, amount=100.0, changed=None):
    return live.render("stretch", lambda: (STRETCH, RATE), live.hear(slots, amount), changed)[0]


def test_a_plugin_that_crashes_costs_its_own_render_and_the_next_one_is_made(live):
    bad = live.describe("fake:crash").vector({"badness": 1.0})
    with pytest.raises(RenderCrashError, match="crash"):
        heard(live, LiveSlot("fake:crash", tuple(bad)))
    for _ in range(2):
        # However often, each tried twice: it is a person who decides to go on.
        with pytest.raises(RenderCrashError):
            heard(live, LiveSlot("fake:crash", tuple(bad)))
    assert heard(live, LiveSlot("builtin:gain", (0.5,))).shape == STRETCH.shape


def test_what_lies_before_a_turned_knob_is_not_rendered_again(live, monkeypatch):
    first, second = LiveSlot("builtin:distortion", (0.4, 0.6)), LiveSlot("builtin:gain", (0.3,))
    whole = heard(live, first, second)
    assert np.array_equal(heard(live, first, second, changed=1), whole)
    ran = []
    run = live._run

    def noted(audio, uris, parts):
        ran.append(uris)
        return run(audio, uris, parts)

    monkeypatch.setattr(live, "_run", noted)
    heard(live, first, LiveSlot("builtin:gain", (0.35,)), changed=1)
    assert ran == [("builtin:gain",)]
    ran.clear()
    heard(live, LiveSlot("builtin:distortion", (0.5, 0.6)), second, changed=1)
    assert ran == [("builtin:distortion",), ("builtin:gain",)]


def test_settings_that_do_not_fit_are_refused(live):
    with pytest.raises(ParameterError, match="takes 1 settings"):
        live.hear([LiveSlot("builtin:gain", (0.1, 0.2))], 100.0)


def test_effects_by_hand_stand_at_their_defaults_under_names_of_their_own(live):
    made = slots_by_hand(["builtin:peak", "builtin:peak"], live.describe)
    assert [slot["slot"] for slot in made["slots"]] == ["peak", "peak2"]
    for slot in made["slots"]:
        assert all(knob["position"] == knob["default_position"] for knob in slot["knobs"])
    gains = [knob for knob in made["slots"][0]["knobs"] if knob["id"] == "gain"]
    assert gains[0]["neutral"] == 0.0 and 0 < gains[0]["neutral_position"] < 1
