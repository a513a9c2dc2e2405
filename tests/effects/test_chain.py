"""Chains: naming, taking apart, rendering."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.builtin import BuiltinEffect, open_builtin
from dialin.effects.chain import (
    ChainEffect,
    chain_slots,
    chain_uri,
    is_chain,
    parse_chain,
    slot_names,
)
from dialin.effects.effect import Effect
from dialin.effects.open import open_effect
from dialin.errors import EffectNotFoundError, NonFiniteOutputError, ParameterError, UsageError
from tests.effects.streams import assert_pure, assert_streams, noise

URIS = ["builtin:compressor", "builtin:delay", "builtin:reverb", "builtin:delay"]


def test_uri_round_trip() -> None:
    uri = chain_uri(URIS)
    assert is_chain(uri)
    assert parse_chain(uri) == URIS
    assert parse_chain("builtin:gain") == ["builtin:gain"]
    assert chain_uri([uri, "gain"]) == chain_uri([*URIS, "builtin:gain"])
    assert chain_uri("gain") == chain_uri(["builtin:gain"])
    with pytest.raises(UsageError, match="at least one effect"):
        chain_uri([])
    for bad in ("chain:", "chain:[]", "chain:[1]", 'chain:{"a":1}', "chain:[builtin:gain]"):
        with pytest.raises(EffectNotFoundError, match="no chain"):
            parse_chain(bad)


def test_slot_names() -> None:
    assert slot_names(
        [
            "vst3:/usr/lib/vst3/ZamComp.vst3",
            "vst3:/usr/lib/vst3/ZamComp.vst3/",
            "lv2:http://drobilla.net/plugins/mda/Overdrive",
            "lv2:http://gareus.org/oss/lv2/fil4#stereo",
            "lv2:urn:ardour:a-eq",
            "faust:/tmp/My Echo.dsp",
            "builtin:reverb",
        ]
    ) == ["zamcomp", "zamcomp2", "overdrive", "fil4_stereo", "a_eq", "my_echo", "reverb"]


def test_spec_of_a_chain() -> None:
    chain = open_effect(chain_uri(URIS))
    assert isinstance(chain, Effect)
    spec = chain.spec
    assert spec.format == "chain"
    slots = chain_slots(spec)
    assert [name for name, _, _ in slots] == ["compressor", "delay", "reverb", "delay2"]
    assert [uri for _, uri, _ in slots] == URIS
    assert slots[-1][2].stop == spec.size
    assert spec.vector({"delay2.time": 100.0})[slots[3][2]][0] != spec.default[slots[3][2]][0]
    assert spec.parameters[spec.index("compressor.ratio")].unit == ":1"
    with pytest.raises(ParameterError, match=r"compressor\.ratio"):
        spec.index("compressor.ration")
    alone = open_builtin("reverb").spec
    assert chain_slots(alone) == [("reverb", "builtin:reverb", slice(0, 5))]


def test_renders_its_slots_in_order() -> None:
    chain = open_effect(chain_uri(URIS))
    settings = chain.spec.random(np.random.default_rng(0))
    audio = noise(2, 20_001)
    expected = np.pad(audio, ((0, 0), (0, 441)))
    for _, uri, place in chain_slots(chain.spec):
        expected = open_effect(uri).process(expected, 44_100, settings[place])
    assert np.array_equal(chain.process(audio, 44_100, settings, tail=0.01), expected)
    assert_pure(chain, audio, 44_100, settings)
    assert_streams(chain, audio, 44_100, settings)
    chain.close()


def test_latent_slots_stream_too() -> None:
    chain = open_effect(chain_uri(["builtin:brickwall", "builtin:pitch", "builtin:brickwall"]))
    settings = chain.spec.random(np.random.default_rng(1))
    assert_streams(chain, noise(2, 30_000), 44_100, settings)


class Broken(BuiltinEffect):
    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        wet = super().process(audio, sample_rate, settings, tail=tail)
        wet[0, 3] = np.nan
        return wet


def test_a_slot_that_breaks_is_named() -> None:
    from dialin.effects.builtin_table import BUILTINS

    uri = chain_uri(["fake:gain", "reverb"])
    chain = ChainEffect(uri, lambda slot: Broken(BUILTINS[slot.split(":")[1]]))
    with pytest.raises(NonFiniteOutputError, match="slot 'gain'"):
        chain.process(noise(1, 100), 44_100, chain.spec.default)


def test_a_slot_that_is_missing_is_named() -> None:
    with pytest.raises(EffectNotFoundError, match="no built-in effect 'nope'"):
        open_effect('chain:["builtin:gain","builtin:nope"]')


def test_effects_before_the_one_that_is_turned_are_not_run_again() -> None:
    ran: list[str] = []

    class Counted(BuiltinEffect):
        def process(
            self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
        ) -> Audio:
            ran.append(self.spec.uri)
            return super().process(audio, sample_rate, settings, tail=tail)

    uris = ["builtin:distortion", "builtin:highshelf", "builtin:reverb"]
    chain = ChainEffect(chain_uri(uris), lambda uri: Counted(open_builtin(uri[8:])._row))
    audio, other = noise(2, 4_000), noise(2, 4_000)
    rng = np.random.default_rng(0)
    turned = [chain.spec.random(rng) for _ in range(6)]
    size = chain.effects[0].spec.size + chain.effects[1].spec.size
    for settings in turned[1:]:
        settings[:size] = turned[0][:size]
    turned[4][0] = 1.0 - turned[4][0]
    expected = [chain.process(audio, 44_100, settings) for settings in turned]
    assert len(ran) == 18
    ran.clear()
    audio.flags.writeable = False
    for settings, wanted in zip(turned, expected, strict=True):
        np.testing.assert_array_equal(chain.process(audio, 44_100, settings), wanted)
    # All of the first, all of the second, whose first two are kept; then the reverb alone, until
    # the drive is turned, there and back.
    assert len(ran) == 3 + 3 + 1 + 1 + 3 + 3
    other.flags.writeable = False
    ran.clear()
    chain.process(other, 44_100, turned[5])
    assert len(ran) == 3
