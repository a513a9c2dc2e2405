"""Every Zam VST3 does what an effect promises."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest

from dialin.effects.chain import chain_slots, chain_uri
from dialin.effects.effect import Effect
from dialin.effects.open import open_effect
from dialin.effects.pedalboard_host import HostedEffect, open_vst3
from dialin.errors import EffectLoadError, EffectNotFoundError, ParameterError
from tests.effects.streams import assert_pure, assert_streams, lag, noise
from tests.plugins import needs_vst3, vst3_path

RATE = 44_100
ZAM = (
    "ZaMaximX2", "ZaMultiComp", "ZaMultiCompX2", "ZamAutoSat", "ZamComp", "ZamCompX2", "ZamDelay",
    "ZamDynamicEQ", "ZamEQ2", "ZamGEQ31", "ZamGate", "ZamGateX2", "ZamGrains", "ZamHeadX2",
    "ZamPhono", "ZamTube", "ZamVerb",
)  # fmt: skip
STEREO = {"ZaMaximX2", "ZaMultiCompX2", "ZamCompX2", "ZamGateX2", "ZamHeadX2", "ZamVerb"}
OWN_RATE = {"ZamVerb": 48_000}
"""Its impulse responses have this rate: at another one it takes twice as long to load one."""

every_zam = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs_vst3(f"{n}.vst3")) for n in ZAM]
)


def fresh(name: str) -> HostedEffect:
    return open_vst3(vst3_path(f"{name}.vst3"))


@functools.cache
def load(name: str) -> HostedEffect:
    """One instance for all tests: what one did to it must not matter to the next."""
    return fresh(name)


@functools.cache
def another(name: str) -> HostedEffect:
    """A second instance: ZamVerb alone takes three seconds to open."""
    return fresh(name)


@every_zam
def test_render_depends_on_nothing_before_it(name: str) -> None:
    effect = load(name)
    settings = effect.spec.random(np.random.default_rng(len(name)))
    audio, rate = noise(2, 12_001), OWN_RATE.get(name, RATE)
    wet = assert_pure(effect, audio, rate, settings)
    assert np.isfinite(wet).all()
    # Another instance agrees: what one was set to before has left no trace.
    other = another(name)
    other._settled.blocks = (
        effect._settled.blocks
    )  # known; finding it out takes ZamVerb two seconds
    assert np.array_equal(other.process(audio, rate, settings), wet)


@every_zam
def test_stream_gives_the_same_samples(name: str) -> None:
    effect = load(name)
    settings = effect.spec.random(np.random.default_rng(len(name)))
    assert_streams(effect, noise(2, 12_001), OWN_RATE.get(name, RATE), settings)


@every_zam
def test_channels_and_lengths(name: str) -> None:
    effect, rate = load(name), OWN_RATE.get(name, RATE)
    assert effect.channels == (2 if name in STEREO else 1)
    settings = effect.spec.random(np.random.default_rng(len(name)))
    mono = noise(1, 3_001)
    alone = effect.process(mono, rate, settings)
    both = effect.process(np.repeat(mono, 2, axis=0), rate, settings)
    assert np.array_equal(alone[0], both[0])
    if name not in STEREO:
        assert np.array_equal(both[0], both[1])
    three = effect.process(np.repeat(mono, 3, axis=0), rate, settings)
    assert three.shape == (3, 3_001)
    assert np.array_equal(three[2], alone[0])
    # ZamVerb loads its impulse response for each render, a second.
    for samples in (1, 511, 512, 513) if name != "ZamVerb" else (1,):
        assert effect.process(noise(2, samples), rate, settings).shape == (2, samples)
        assert_streams(effect, noise(2, samples), rate, settings)


@every_zam
def test_spec(name: str) -> None:
    effect = load(name)
    spec = effect.spec
    assert isinstance(effect, Effect)
    assert spec.name == name
    assert spec.format == "vst3"
    assert spec.file == str(Path(vst3_path(f"{name}.vst3")))
    assert len(spec.file_hash) == 64 and spec.version and spec.vendor and spec.category
    assert np.array_equal(spec.default, spec.check(spec.default))
    kept = {p.name for p in spec.parameters}
    unwanted = ("Current Program", "Buffer Size", "Sample Rate", "Gain Reduction", "Latency")
    assert not [k for k in kept if k.startswith(unwanted)]
    assert "Buffer Size" in {p.name for p in spec.excluded}
    again = another(name).spec
    assert again.parameters == spec.parameters and again.hash == spec.hash


@needs_vst3("ZamDelay.vst3")
@needs_vst3("ZamTube.vst3")
@needs_vst3("ZamDynamicEQ.vst3")
def test_units_curves_and_steps() -> None:
    spec = load("ZamDelay").spec
    knobs = {p.id: p for p in spec.parameters}
    assert (knobs["time"].unit, knobs["time"].minimum, knobs["time"].maximum) == ("ms", 1, 8_000)
    assert knobs["time"].curve == "log"
    assert knobs["time"].default == pytest.approx(160, rel=1e-4)
    assert (knobs["lpf"].unit, knobs["lpf"].curve) == ("Hz", "log")
    assert knobs["invert"].curve == "toggle"
    assert knobs["divisor"].values == (1, 2, 3, 4, 5)
    assert "delaytime" not in knobs  # a meter
    assert load("ZamTube").spec.parameters[4].labels[1] == "Mesa Boogie Mark"
    # It wakes up with this switch on, though it announces off.
    dynamic = load("ZamDynamicEQ").spec
    assert dynamic.parameters[dynamic.index("peak")].default == 1.0


@needs_vst3("ZamDelay.vst3")
def test_settings_arrive_in_native_units() -> None:
    effect = load("ZamDelay")
    settings = effect.spec.vector(
        {"time": 50.0, "dry_wet": 1.0, "lpf": 20_000.0, "feedback": 0.0, "output_gain": 0.0}
    )
    click = np.zeros((1, 8_000), dtype=np.float32)
    click[0, 0] = 0.5
    echo = effect.process(click, RATE, settings)
    assert int(np.argmax(np.abs(echo[0]))) == pytest.approx(0.05 * RATE, abs=30)


@needs_vst3("ZamEQ2.vst3")
def test_first_sample_is_already_at_the_new_settings() -> None:
    effect = load("ZamEQ2")
    audio = noise(1, 4_000)
    flat = effect.process(audio, RATE, effect.spec.vector({"master_gain": 0.0}))
    loud = effect.process(audio, RATE, effect.spec.vector({"master_gain": 12.0}))
    gain = 20 * np.log10(np.abs(loud[0, :200]).sum() / np.abs(flat[0, :200]).sum())
    assert gain == pytest.approx(12.0, abs=0.1)


@needs_vst3("ZaMaximX2.vst3")
def test_latency_is_taken_off() -> None:
    effect = load("ZaMaximX2")
    audio = noise(2, RATE // 2)
    wet = effect.process(audio, RATE, effect.spec.default)
    assert lag(audio, wet) == 0
    assert np.array_equal(effect.process(audio[:, :100], RATE, effect.spec.default).shape, (2, 100))


@pytest.mark.parametrize("rate", [8_000, 96_000])
@needs_vst3("ZamComp.vst3")
def test_other_rates(rate: int) -> None:
    effect = load("ZamComp")
    settings = effect.spec.vector({"threshold": -40.0, "ratio": 10.0})
    effect.process(noise(2, 2_000), RATE, settings)
    wet = assert_pure(effect, noise(2, 5_000), rate, settings)
    assert np.array_equal(fresh("ZamComp").process(noise(2, 5_000), rate, settings), wet)


@needs_vst3("ZamDelay.vst3")
def test_bad_audio_leaves_no_trace() -> None:
    effect = load("ZamDelay")
    settings = effect.spec.random(np.random.default_rng(0))
    audio = noise(1, 3_000)
    clean = effect.process(audio, RATE, settings)
    effect.process(np.full((1, 3_000), np.nan, dtype=np.float32), RATE, settings)
    assert np.array_equal(effect.process(audio, RATE, settings), clean)


@needs_vst3("ZamComp.vst3")
def test_state_is_a_preset_of_these_settings(tmp_path: Path) -> None:
    effect = load("ZamComp")
    settings = effect.spec.vector({"threshold": -33.0, "ratio": 7.0, "attack": 3.0})
    effect.process(noise(1, 1_000), RATE, effect.spec.default)
    state = effect.state(settings)
    assert state is not None
    assert state[:4] == b"VST3"
    assert effect.state(settings) == state
    assert effect.state(effect.spec.default) != state
    other = fresh("ZamComp")
    preset = tmp_path / "a.vstpreset"
    preset.write_bytes(state)
    other._plugin.load_preset(str(preset))
    texts = {k.name: float(k.string_value) for k in other._plugin._parameters[3:11]}
    assert texts["Threshold"] == pytest.approx(-33.0, abs=1e-3)
    assert texts["Ratio"] == pytest.approx(7.0, abs=1e-3)
    assert texts["Attack"] == pytest.approx(3.0, abs=1e-3)


@needs_vst3("ZamComp.vst3")
def test_any_way_to_name_it() -> None:
    path = vst3_path("ZamComp.vst3")
    inner = next(Path(path).glob("Contents/*/*.so"))
    for name in (path, f"{path}/", str(inner), "ZamComp", "zamcomp.vst3"):
        assert open_effect(f"vst3:{name}").spec.uri == f"vst3:{path}"
    with pytest.raises(EffectNotFoundError, match="did you mean"):
        open_effect("vst3:ZamComq")
    with pytest.raises(ParameterError, match="takes 8 settings"):
        load("ZamComp").process(noise(1, 10), RATE, [0.5])


def test_audio_units_need_a_mac() -> None:
    if sys.platform == "darwin":
        pytest.skip("this is a Mac")
    with pytest.raises(EffectLoadError, match="only macOS"):
        open_effect("au:AUDelay")


def test_instruments_and_odd_channel_counts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from dialin.effects import pedalboard_host

    class Odd:
        name = "Odd"
        is_effect = False

        def process(self, *args: object, **options: object) -> None:
            raise ValueError("Plugin 'Odd' does not support 2-channel output.")

    odd = Odd()
    monkeypatch.setattr(pedalboard_host._pedalboard, "load_plugin", lambda *a, **k: odd)
    with pytest.raises(EffectLoadError, match="is an instrument; dialin needs an effect"):
        HostedEffect("vst3:/x", "vst3", "/x", "", "")
    odd.is_effect = True
    with pytest.raises(EffectLoadError, match="neither mono nor stereo"):
        HostedEffect("vst3:/x", "vst3", "/x", "", "")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=needs_vst3(f"{n}.vst3"))
        for n in ("ZaMultiComp", "ZaMultiCompX2", "ZamDelay", "ZamEQ2", "ZamDynamicEQ")
    ],
)
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_frequencies_stay_below_the_nyquist_frequency(name: str, rate: int) -> None:
    effect = load(name)
    highest = {p.id: p.maximum for p in effect.spec.parameters if p.unit == "Hz"}
    assert max(highest.values()) > rate / 2
    rng = np.random.default_rng(0)
    for _ in range(4):
        settings = effect.spec.random(rng)
        for id in highest:
            settings[effect.spec.index(id)] = 1.0
        wet = effect.process(noise(1, rate // 2), rate, settings)
        assert np.abs(wet).max() < 1_000


@needs_vst3("ZamDelay.vst3")
@needs_vst3("ZaMaximX2.vst3")
def test_chain_of_plugins_of_several_kinds() -> None:
    delay = f"vst3:{vst3_path('ZamDelay.vst3')}"
    chain = open_effect(
        chain_uri([delay, "builtin:reverb", f"vst3:{vst3_path('ZaMaximX2.vst3')}", delay])
    )
    assert [name for name, _, _ in chain_slots(chain.spec)] == [
        "zamdelay",
        "reverb",
        "zamaximx2",
        "zamdelay2",
    ]
    settings = chain.spec.random(np.random.default_rng(2))
    assert_pure(chain, noise(2, 12_001), RATE, settings)
    assert_streams(chain, noise(2, 12_001), RATE, settings)
    # Two streams at once keep out of each other's way, and of whole renders in between.
    audio = noise(2, 12_001)
    whole = chain.process(audio, RATE, settings)
    first = chain.stream(RATE, 2, settings)
    begun = first.process(audio[:, :6_000])
    second = chain.stream(RATE, 2, chain.spec.default)
    second.process(audio[:, :6_000])
    chain.process(audio, RATE, chain.spec.default)
    rest = [first.process(audio[:, 6_000:]), first.finish()]
    assert np.array_equal(np.concatenate([begun, *rest], axis=1), whole)
    chain.close()
