"""Knobs: positions to native units and back, for any knob that can be described."""

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dialin.effects.parameter import Parameter
from dialin.errors import ParameterError

positions = st.floats(0, 1)


@st.composite
def parameters(draw, id="knob"):
    curve = draw(st.sampled_from(["linear", "log", "stepped", "toggle"]))
    low = draw(st.floats(0.001, 1e3) if curve == "log" else st.floats(-1e4, 1e4))
    high = low + draw(st.floats(0.01, 1e4))
    steps, values, labels = 0, (), ()
    if curve == "stepped":
        steps = draw(st.integers(2, 40))
        if draw(st.booleans()):
            gaps = draw(st.lists(st.floats(0.1, 10), min_size=steps - 1, max_size=steps - 1))
            values = tuple(float(v) for v in low + np.cumsum([0.0, *gaps]))
            high = values[-1]
        if draw(st.booleans()):
            labels = tuple(f"Step {i}" for i in range(steps))
    default = low + draw(positions) * (high - low)
    return Parameter(
        id, "Knob", draw(st.sampled_from(["dB", "Hz", "ms", "%", ""])), low, high,
        min(default, high), curve, values, labels, steps,
    )  # fmt: skip


@given(parameters(), positions)
def test_native_and_back_is_the_same_position(knob, position):
    snapped = knob.snap(position)
    assert knob.to_normalised(knob.to_native(position)) == pytest.approx(snapped, abs=1e-6)


@given(parameters(), positions)
def test_native_values_stay_in_the_range(knob, position):
    margin = 1e-9 * (abs(knob.minimum) + abs(knob.maximum))
    assert knob.minimum - margin <= knob.to_native(position) <= knob.maximum + margin


@given(parameters())
def test_the_ends_of_the_travel_are_the_ends_of_the_range(knob):
    assert knob.to_native(0) == pytest.approx(knob.minimum)
    assert knob.to_native(1) == pytest.approx(knob.maximum)


@given(parameters(), positions, positions)
def test_more_travel_is_never_less_value(knob, one, other):
    assume(one < other)
    assert knob.to_native(one) <= knob.to_native(other)


@given(parameters(), positions)
def test_snapping_twice_is_snapping_once(knob, position):
    once = knob.snap(position)
    assert knob.snap(once) == once
    if knob.is_stepped:
        place = once * (knob.steps - 1)
        assert place == pytest.approx(round(place))
        assert abs(once - position) <= 0.5 / (knob.steps - 1) + 1e-12
    else:
        assert once == position


@given(parameters())
def test_json_and_back_is_the_same_knob(knob):
    assert Parameter.from_dict(json.loads(json.dumps(knob.to_dict()))) == knob


@given(parameters(), positions)
def test_every_position_can_be_read(knob, position):
    assert knob.text(position)


def test_positions_outside_are_clipped_and_no_numbers_refused():
    knob = Parameter("gain", "Gain", "dB", -24, 24, 0)
    assert knob.snap(-3) == 0 and knob.snap(7) == 1
    for nothing in (float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="gain"):
            knob.snap(nothing)


def test_native_values_outside_are_refused_with_what_is_allowed():
    knob = Parameter("ratio", "Ratio", ":1", 1, 20, 4)
    with pytest.raises(ParameterError, match="ratio: 25 :1 is outside 1 to 20 :1"):
        knob.to_normalised(25)
    with pytest.raises(ParameterError, match="ratio"):
        knob.to_normalised(float("nan"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x", "X", "dB", 1, 1, 1), "empty"),
        (("x", "X", "dB", 2, 1, 1), "empty"),
        (("x", "X", "dB", float("nan"), 1, 1), "empty"),
        (("x", "X", "Hz", 0, 1, 1, "log"), "above 0"),
        (("x", "X", "", 0, 1, 1, "stepped"), "two steps"),
    ],
)
def test_impossible_knobs_are_refused(arguments, words):
    with pytest.raises(ParameterError, match=words):
        Parameter(*arguments)


def test_texts_are_what_a_person_reads():
    assert Parameter("g", "G", "dB", -24, 24, 0).text(0.25) == "-12 dB"
    assert Parameter("f", "F", "Hz", 20, 20_000, 1_000, "log").text(0.5) == "632.5 Hz"
    assert Parameter("b", "B", "", 0, 1, 0, "toggle").text(0.7) == "on"
    speed = Parameter("s", "S", "", 0, 2, 0, "stepped", labels=("Stop", "Slow", "Fast"), steps=3)
    assert [speed.text(u) for u in (0, 0.5, 1)] == ["Stop", "Slow", "Fast"]
