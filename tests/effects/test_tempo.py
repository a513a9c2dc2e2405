"""Effects that follow the host's tempo sound as they do in that song."""

import numpy as np
import pytest

from dialin.effects.chain import chain_uri, slot_names
from dialin.effects.files import effect_files
from dialin.effects.open import open_effect
from dialin.effects.tempo import check_tempo, split_tempo, with_tempo, without_tempo
from dialin.errors import EffectLoadError, EffectNotFoundError, UsageError
from tests.plugins import _installed_lv2, needs_lv2

RATE = 44_100
ZAM = "lv2:urn:zamaudio:ZamDelay"
CALF = "lv2:http://calf.sourceforge.net/plugins/VintageDelay"


def first_echo(uri, **knobs):
    """Milliseconds from an impulse to the first echo."""
    effect = open_effect(uri)
    impulse = np.zeros((2, 2 * RATE), np.float32)
    impulse[:, 100] = 0.5
    wet = effect.process(impulse, RATE, effect.spec.vector(knobs))
    assert np.array_equal(wet, effect.process(impulse, RATE, effect.spec.vector(knobs)))
    late = np.abs(wet[0, 400:])
    return (300 + int(np.flatnonzero(late > 0.1 * late.max())[0])) / RATE * 1000


def test_a_fake_that_follows_is_told_the_tempo():
    at_120 = first_echo("fake:sync", steps=4, mix=50)
    assert at_120 == pytest.approx(500, abs=1)
    assert first_echo("bpm:120:fake:sync", steps=4, mix=50) == at_120
    assert first_echo("bpm:90:fake:sync", steps=4, mix=50) == pytest.approx(667, abs=1)
    assert first_echo("bpm:90:fake:sync", steps=3, mix=50) == pytest.approx(500, abs=1)


@needs_lv2("ZamDelay.lv2")
def test_a_plugin_that_asks_for_the_position_in_the_song_is_told_its_tempo():
    assert first_echo(ZAM, sync=1, div=3) == pytest.approx(500, abs=5)
    assert first_echo(f"bpm:90:{ZAM}", sync=1, div=3) == pytest.approx(667, abs=5)
    stream = open_effect(f"bpm:60:{ZAM}").stream(
        RATE, 2, open_effect(ZAM).spec.vector({"sync": 1, "div": 3})
    )
    impulse = np.zeros((2, 2 * RATE), np.float32)
    impulse[:, 100] = 0.5
    blocks = [stream.process(b) for b in np.array_split(impulse, 7, axis=1)]
    wet = np.concatenate([*blocks, stream.finish()], axis=1)
    assert 400 + np.argmax(np.abs(wet[0, 400:])) == pytest.approx(RATE + 100, abs=200)


@pytest.mark.skipif("calf.lv2" not in _installed_lv2(), reason="calf.lv2 is not installed")
def test_a_port_for_the_tempo_is_set_by_the_host_and_is_no_knob():
    assert "bpm_host" not in [p.id for p in open_effect(CALF).spec.parameters]
    assert first_echo(CALF, timing=3, amount=1) == pytest.approx(375, abs=2)
    assert first_echo(f"bpm:90:{CALF}", timing=3, amount=1) == pytest.approx(500, abs=2)


def test_the_tempo_is_part_of_the_name():
    effect = open_effect("bpm:96:fake:sync")
    assert effect.spec.uri == "bpm:96:fake:sync"
    assert effect.spec.format == "bpm"
    assert slot_names([effect.spec.uri]) == ["sync"]
    assert with_tempo(effect.spec.uri, 97.25) == "bpm:97.25:fake:sync"
    assert without_tempo("bpm:90:bpm:80:fake:sync") == "fake:sync"
    assert open_effect(chain_uri(["bpm:96:fake:sync", "fake:gain"])).spec.size == 3
    assert [str(f) for f in effect_files(["bpm:96:vst3:/a/b.vst3"])] == ["/a/b.vst3"]


def test_what_follows_no_tempo_says_so():
    with pytest.raises(EffectLoadError, match="builtin:delay follows no tempo"):
        open_effect("bpm:96:builtin:delay")
    for wrong in ("x:fake:sync", "96", "96:", "-3:fake:sync"):
        with pytest.raises(EffectNotFoundError, match="bpm:NUMBER:EFFECT"):
            split_tempo(wrong)
    with pytest.raises(EffectNotFoundError, match="makes no sense; use 20 to 400"):
        open_effect("bpm:900:fake:sync")
    with pytest.raises(UsageError, match="nan beats a minute"):
        check_tempo(float("nan"))
