"""Amounts: settings between neutral and the match, and slots mixed with their input."""

import numpy as np
import pytest

from dialin.effects.amount import MixedEffect, effect_at_amount, settings_at_amount
from dialin.effects.chain import ChainEffect
from dialin.effects.fake import open_fake
from dialin.effects.open import open_effect
from dialin.errors import EffectNotFoundError, ParameterError, UsageError
from tests.effects.streams import assert_pure, noise, pump
from tests.plugins import MDA, needs_lv2

RATE = 44_100


def test_neutral_knobs_travel_and_others_stay() -> None:
    spec = open_fake("drive").spec
    match = spec.vector({"drive": 30, "level": -10, "mix": 80})
    settings, shares = settings_at_amount(spec, match, 50)
    assert spec.native(settings) == pytest.approx({"drive": 30, "level": -10, "mix": 40})
    assert shares == {"drive": 1.0}


def test_a_gain_moves_in_decibels_from_0() -> None:
    spec = open_fake("gain").spec
    settings, _ = settings_at_amount(spec, spec.vector({"gain": -20}), 25)
    assert spec.native(settings)["gain"] == pytest.approx(-5)


def test_slots_without_neutral_knobs_are_mixed() -> None:
    spec = open_fake("mode").spec
    match = spec.vector({"mode": 2, "amount": 12})
    settings, shares = settings_at_amount(spec, match, 30)
    np.testing.assert_array_equal(settings, match)
    assert shares == {"mode": pytest.approx(0.3)}


def test_a_probe_may_know_neutral_positions() -> None:
    spec = open_fake("mode").spec
    match = spec.vector({"mode": 2, "amount": 12})
    settings, shares = settings_at_amount(spec, match, 50, {"amount": 0.0})
    assert spec.native(settings)["amount"] == pytest.approx(6)
    assert shares == {"mode": 1.0}


def test_a_chain_goes_slot_by_slot() -> None:
    spec = open_effect('chain:["fake:gain","fake:mode","fake:gain"]').spec
    match = spec.vector({"gain.gain": 10, "mode.amount": 12, "gain2.gain": -10})
    settings, shares = settings_at_amount(spec, match, 40)
    native = spec.native(settings)
    assert native["gain.gain"] == pytest.approx(4)
    assert native["mode.amount"] == pytest.approx(12)
    assert native["gain2.gain"] == pytest.approx(-4)
    assert shares == {"gain": 1.0, "mode": pytest.approx(0.4), "gain2": 1.0}


@pytest.mark.parametrize("name", ["drive", "gain", "mode", "tilt"])
def test_both_ends(name: str) -> None:
    spec = open_fake(name).spec
    match = spec.random(np.random.default_rng(3))
    settings, shares = settings_at_amount(spec, match, 100)
    np.testing.assert_array_equal(settings, match)
    assert shares == {name: 1.0}
    assert settings_at_amount(spec, match, 0)[1] == {name: 0.0}


@pytest.mark.parametrize("amount", [-1, 100.5, float("nan")])
def test_odd_amounts(amount: float) -> None:
    spec = open_fake("gain").spec
    with pytest.raises(UsageError, match="between 0 and 100"):
        settings_at_amount(spec, spec.default, amount)


def test_settings_of_another_effect() -> None:
    with pytest.raises(ParameterError, match="takes 1 settings"):
        settings_at_amount(open_fake("gain").spec, [0.5, 0.5], 50)


def test_a_mix_is_the_weighted_sum() -> None:
    effect = MixedEffect(open_fake("mode"))
    audio = noise(2, 3_000)
    assert [p.id for p in effect.spec.parameters] == ["mode", "amount", "dry_wet"]
    native = {"mode": 1, "amount": 20}
    wet = effect.process(audio, RATE, effect.spec.vector(native))
    np.testing.assert_array_equal(
        wet, open_fake("mode").process(audio, RATE, effect.spec.vector(native)[:-1])
    )
    half = effect.process(audio, RATE, effect.spec.vector(native | {"dry_wet": 50}))
    np.testing.assert_allclose(half, (audio + wet) / 2, atol=1e-6)
    assert_pure(effect, audio, RATE, effect.spec.vector(native | {"dry_wet": 30}))


def test_what_to_run() -> None:
    spec = open_effect('chain:["fake:gain","fake:mode"]').spec
    match = spec.vector({"gain.gain": 10, "mode.mode": 2, "mode.amount": 12})
    uri, settings = effect_at_amount(spec, match, 40)
    assert uri == 'chain:["fake:gain","mix:fake:mode"]'
    assert open_effect(uri).spec.native(settings) == pytest.approx(
        {"gain.gain": 4, "mode.mode": 2, "mode.amount": 12, "mode.dry_wet": 40}
    )
    uri, settings = effect_at_amount(spec, match, 100)
    assert uri == spec.uri
    np.testing.assert_array_equal(settings, match)
    uri, settings = effect_at_amount(spec, match, 0)
    assert uri == "" and settings.size == 0
    uri, settings = effect_at_amount(open_fake("gain").spec, [1.0], 50)
    assert uri == "fake:gain" and settings == pytest.approx([0.75])


def test_any_effect_gets_a_mix_knob() -> None:
    effect = open_effect("mix:fake:mode")
    assert (effect.spec.uri, effect.spec.format) == ("mix:fake:mode", "mix")
    assert effect.spec.parameters[-1].id == "dry_wet"
    assert effect.spec.hash != open_fake("mode").spec.hash
    with pytest.raises(EffectNotFoundError):
        open_effect("mix:")
    with pytest.raises(EffectNotFoundError):
        open_effect("mix:fake:nothing")


def test_nothing_of_an_effect_is_left_at_0() -> None:
    effect = MixedEffect(open_fake("error"))  # it may not even be asked
    audio = noise(2, 500)
    dry = effect.process(audio, RATE, effect.spec.vector({"dry_wet": 0}), tail=0.01)
    np.testing.assert_array_equal(dry[:, :500], audio)
    assert dry.shape == (2, 941)
    assert not dry[:, 500:].any()
    stream = effect.stream(RATE, 2, effect.spec.vector({"dry_wet": 0}), tail=0.01)
    np.testing.assert_array_equal(pump(stream, audio, (77,)), dry)


@pytest.mark.parametrize("share", [0, 35, 100])
@pytest.mark.parametrize("uri", ["fake:echo", "builtin:pitch", "builtin:chorus"])
def test_streams_wait_for_late_output(uri: str, share: float) -> None:
    effect = MixedEffect(open_effect(uri))
    settings = effect.spec.random(np.random.default_rng(1))
    settings[-1] = share / 100
    audio = noise(2, 30_000)
    for tail in (0.0, 0.05):
        whole = effect.process(audio, RATE, settings, tail=tail)
        stream = effect.stream(RATE, 2, settings, tail=tail)
        blocks = pump(stream, audio, (100, 9_000, 1))
        assert blocks.shape == whole.shape
        if stream.exact:
            np.testing.assert_array_equal(blocks, whole)


def test_the_added_knob_gives_way_to_a_plugins_own() -> None:
    twice = MixedEffect(MixedEffect(open_fake("gain")))
    assert [p.id for p in twice.spec.parameters] == ["gain", "dry_wet", "dry_wet_"]


def test_a_mixed_slot_stands_in_a_chain() -> None:
    chain = ChainEffect(
        'chain:["fake:mode","fake:gain"]', lambda uri: MixedEffect(open_effect(uri))
    )
    audio = noise(1, 200)
    settings = chain.spec.vector({"mode.dry_wet": 0, "gain.gain": 6, "gain.dry_wet": 0})
    np.testing.assert_array_equal(chain.process(audio, RATE, settings), audio)


@needs_lv2("mda.lv2")
def test_a_plugin_at_nothing_half_and_all() -> None:
    effect = MixedEffect(open_effect(f"lv2:{MDA}Delay"))
    inner = open_effect(f"lv2:{MDA}Delay")
    audio = noise(2, 20_000)
    match = inner.spec.random(np.random.default_rng(2))
    wet = inner.process(audio, RATE, match)
    for amount in (0, 40, 100):
        settings, shares = settings_at_amount(inner.spec, match, amount)
        (share,) = shares.values()
        rendered = effect.process(audio, RATE, np.append(settings, share))
        expected = {0: audio, 40: audio + 0.4 * (wet - audio), 100: wet}[amount]
        np.testing.assert_allclose(rendered, expected, atol=0 if amount != 40 else 1e-6)
