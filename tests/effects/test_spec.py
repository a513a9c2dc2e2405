"""Specs: vectors of settings by name and back, hashes, and messages that help."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec
from dialin.errors import ParameterError
from tests.effects.test_parameter import parameters


@st.composite
def specs(draw):
    count = draw(st.integers(0, 6))
    knobs = tuple(draw(parameters(id=f"p{i}")) for i in range(count))
    excluded = tuple(draw(parameters(id=f"x{i}")) for i in range(draw(st.integers(0, 2))))
    return EffectSpec("fake:x", "X", "fake", knobs, excluded, version="2", vendor="v")


@pytest.fixture
def spec():
    return EffectSpec(
        "fake:two",
        "Two",
        "fake",
        (
            Parameter("gain", "Gain", "dB", -24, 24, 0),
            Parameter("cutoff", "Cutoff", "Hz", 20, 20_000, 1_000, "log"),
            Parameter("mode", "Mode", "", 0, 2, 0, "stepped", steps=3),
        ),
    )


@given(specs())
def test_json_and_back_is_the_same_spec(spec):
    again = EffectSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.hash == spec.hash


@given(specs(), st.integers(0, 2**32))
def test_settings_survive_their_native_values(spec, seed):
    settings = spec.random(np.random.default_rng(seed))
    np.testing.assert_allclose(spec.vector(spec.native(settings)), settings, atol=1e-6)
    assert list(spec.texts(settings)) == [p.id for p in spec.parameters]


@given(specs())
def test_the_default_is_a_valid_vector(spec):
    assert spec.default.shape == (spec.size,)
    np.testing.assert_allclose(spec.check(spec.default), spec.default)


def test_the_hash_follows_what_gives_a_vector_its_meaning(spec):
    gain, cutoff, mode = spec.parameters
    assert replace(spec, parameters=(cutoff, gain, mode)).hash != spec.hash
    assert replace(spec, parameters=(replace(gain, maximum=30.0), cutoff, mode)).hash != spec.hash
    assert replace(spec, uri="fake:other").hash != spec.hash
    dead = replace(spec, parameters=(gain.with_status("dead"), cutoff, mode))
    assert dead.hash == spec.hash
    assert len(spec.hash) == 16


def test_values_by_name_leave_the_others_at_their_default(spec):
    vector = spec.vector({"gain": 12})
    assert spec.native(vector)["gain"] == pytest.approx(12)
    assert spec.native(vector)["cutoff"] == pytest.approx(1_000)


def test_unknown_names_get_a_suggestion_or_the_list(spec):
    with pytest.raises(ParameterError, match="did you mean cutoff"):
        spec.index("cutof")
    with pytest.raises(ParameterError, match="it has: gain, cutoff, mode"):
        spec.vector({"zzz": 1})


@pytest.mark.parametrize("settings", [[0.5], [0.5] * 4, [[0.5] * 3], 0.5])
def test_vectors_of_another_shape_are_refused(spec, settings):
    with pytest.raises(ParameterError, match="takes 3 settings"):
        spec.check(settings)


def test_vectors_are_snapped_clipped_and_finite(spec):
    np.testing.assert_array_equal(spec.check([-1, 2, 0.6]), [0, 1, 0.5])
    with pytest.raises(ParameterError, match="cutoff"):
        spec.check([0, np.nan, 0])


def test_an_id_stands_once():
    knob = Parameter("gain", "Gain", "dB", -24, 24, 0)
    with pytest.raises(ParameterError, match="gain"):
        EffectSpec("fake:x", "X", "fake", (knob,), (knob,))
