"""LV2 plugins of many makers do what an effect promises."""

import numpy as np
import pytest

from dialin.effects.effect import Effect
from dialin.effects.lilv import Lv2Plugin, Lv2Port
from dialin.effects.lv2 import Lv2Effect, control_symbols, lv2_spec, open_lv2, port_ids
from dialin.effects.open import open_effect
from dialin.errors import EffectLoadError, EffectNotFoundError, ParameterError
from tests.effects.streams import assert_pure, assert_streams, lag, noise
from tests.plugins import MDA, MDA_NINE, needs_lv2

RATE = 44_100
SWH = "http://plugin.org.uk/swh-plugins/"
CALF = "http://calf.sourceforge.net/plugins/"
LSP = "http://lsp-plug.in/plugins/lv2/"
X42 = "http://gareus.org/oss/lv2/"
FAMILIES = (
    ("abGate.lv2", "http://hippie.lt/lv2/gate"),
    ("calf.lv2", f"{CALF}Compressor"),
    ("calf.lv2", f"{CALF}VintageDelay"),
    ("DragonflyPlateReverb.lv2", "urn:dragonfly:plate"),
    ("fomp.lv2", "http://drobilla.net/plugins/fomp/autowah"),
    ("invada.lv2", "http://invadarecords.com/plugins/lv2/phaser/stereo"),
    ("lsp-plugins.lv2", f"{LSP}compressor_stereo"),
    ("lsp-plugins.lv2", f"{LSP}limiter_stereo"),
    ("MVerb.lv2", "http://distrho.sf.net/plugins/MVerb"),
    ("3BandEQ.lv2", "http://distrho.sf.net/plugins/3BandEQ"),
    ("flanger-swh.lv2", f"{SWH}flanger"),
    ("gverb-swh.lv2", f"{SWH}gverb"),
    ("sc4-swh.lv2", f"{SWH}sc4"),
    ("darc.lv2", f"{X42}darc#stereo"),
    ("dpl.lv2", f"{X42}dpl#stereo"),
    ("fil4.lv2", f"{X42}fil4#stereo"),
    ("ZamDelay.lv2", "urn:zamaudio:ZamDelay"),
    ("ZamTube.lv2", "urn:zamaudio:ZamTube"),
)
EVERY = [("mda.lv2", f"{MDA}{name}") for name in MDA_NINE] + list(FAMILIES)


def named(uri: str) -> str:
    return "-".join(uri.replace(":", "/").split("/")[-2:])


every = pytest.mark.parametrize(
    "uri", [pytest.param(uri, marks=needs_lv2(bundle), id=named(uri)) for bundle, uri in EVERY]
)


def tried(effect: Lv2Effect) -> np.ndarray:
    return effect.spec.random(np.random.default_rng(effect.spec.size))


@every
@pytest.mark.parametrize("channels", [1, 2])
def test_render_depends_on_nothing_before_it(uri: str, channels: int) -> None:
    effect = open_lv2(uri)
    audio = noise(channels, 12_001)
    wet = assert_pure(effect, audio, RATE, tried(effect))
    assert np.isfinite(wet).all()
    assert np.array_equal(open_lv2(uri).process(audio, RATE, tried(effect)), wet)


@every
def test_no_latency(uri: str) -> None:
    effect = open_lv2(uri)
    click = np.zeros((2, 20_000), dtype=np.float32)
    click[:, 100] = 0.5
    wet = np.abs(effect.process(click, RATE, effect.spec.default)).max(axis=0)
    # ZamTube's stages wake up with a little direct current.
    assert wet[:100].max() < 1e-3 * wet.max() + 3e-4
    assert int(np.argmax(wet > 0.05 * wet.max())) == 100


@every
def test_channels_and_lengths(uri: str) -> None:
    effect, mono = open_lv2(uri), noise(1, 3_001)
    settings = tried(effect)
    alone = effect.process(mono, RATE, settings)
    both = effect.process(np.repeat(mono, 2, axis=0), RATE, settings)
    assert alone.shape == (1, 3_001) and both.shape == (2, 3_001)
    if effect._layout.outputs > 1 and len(effect._layout.main) == 1:
        np.testing.assert_allclose(alone[0], both.mean(axis=0), atol=1e-6)
    else:
        assert np.array_equal(alone[0], both[0])
    three = effect.process(np.repeat(mono, 3, axis=0), RATE, settings)
    assert three.shape == (3, 3_001) and np.array_equal(three[:2], both)
    for samples in (1, 511, 512, 513):
        assert effect.process(mono[:, :samples], RATE, settings).shape == (1, samples)
    tail = effect.process(mono, RATE, settings, tail=0.01)
    assert tail.shape == (1, 3_442)
    assert np.array_equal(tail[:, :3_001], alone)


@every
def test_spec(uri: str) -> None:
    effect = open_lv2(uri)
    spec = effect.spec
    assert isinstance(effect, Effect)
    assert spec.uri == f"lv2:{uri}" and spec.format == "lv2"
    assert spec.name and len(spec.file_hash) == 64
    assert np.array_equal(spec.default, spec.check(spec.default))
    # Every knob is one that the host has: none is set in vain.
    assert {p.id for p in spec.parameters} <= set(effect._host_index)
    assert set(control_symbols(uri)) >= {p.id for p in spec.parameters}
    again = open_lv2(uri).spec
    assert again == spec and again.hash == spec.hash


OUTPUT = {
    f"{MDA}Overdrive": "output", f"{MDA}Delay": "output", f"{MDA}Ambience": "output",
    f"{MDA}Combo": "output", f"{MDA}Dynamics": "output", f"{MDA}Leslie": "output",
    f"{SWH}sc4": "makeup_gain", f"{CALF}Compressor": "makeup", f"{LSP}compressor_stereo": "g_out",
    f"{X42}fil4#stereo": "gain", "http://distrho.sf.net/plugins/3BandEQ": "master",
    "urn:zamaudio:ZamDelay": "gain",
}  # fmt: skip


@pytest.mark.parametrize(
    "uri",
    [pytest.param(u, marks=needs_lv2(b), id=named(u)) for b, u in EVERY if u in OUTPUT],
)
def test_first_sample_is_already_at_the_new_settings(uri: str) -> None:
    effect = open_lv2(uri)
    place = effect.spec.index(OUTPUT[uri])
    audio = noise(2, 4_000)
    quiet, loud = effect.spec.default, effect.spec.default
    quiet[place], loud[place] = 0.4, 0.6
    one, two = (effect.process(audio, RATE, settings) for settings in (quiet, loud))
    # An output level is a factor: it is the same in the first millisecond as at the end.
    factors = [
        float(np.sqrt((two[:, part] ** 2).sum() / (one[:, part] ** 2).sum()))
        for part in (slice(0, 44), slice(3_000, 4_000))
    ]
    assert factors[0] != pytest.approx(1.0, abs=0.05)
    assert factors[0] == pytest.approx(factors[1], rel=0.02)


@needs_lv2("mda.lv2")
@pytest.mark.parametrize("name", ["RingMod", "MultiBand", "ThruZero"])
def test_first_samples_hear_other_settings(name: str) -> None:
    effect = open_lv2(MDA + name)
    audio = noise(2, 200)
    id = {"RingMod": "freq", "MultiBand": "m_out", "ThruZero": "mix"}[name]
    one, two = (
        effect.process(audio, RATE, effect.spec.vector({id: value})) for value in (0.2, 0.8)
    )
    assert not np.array_equal(one[:, :8], two[:, :8])


@pytest.mark.parametrize(
    ("bundle", "uri", "reported"),
    [
        ("dpl.lv2", f"{X42}dpl#stereo", 56),
        ("lsp-plugins.lv2", f"{LSP}limiter_stereo", 220),
        ("ZaMaximX2.lv2", "urn:zamaudio:ZaMaximX2", 480),
    ],
    ids=["dpl", "lsp-limiter", "ZaMaximX2"],
)
def test_latency_is_taken_off(bundle: str, uri: str, reported: int) -> None:
    if needs_lv2(bundle).args[0]:
        pytest.skip(f"the LV2 bundle {bundle} is not installed")
    effect = open_lv2(uri)
    audio = noise(2, RATE // 2)
    wet = effect.process(audio, RATE, effect.spec.default)
    assert effect._graphs[RATE].latency() == reported
    assert lag(audio, wet) == 0
    assert effect.process(audio[:, :100], RATE, effect.spec.default).shape == (2, 100)


@pytest.mark.parametrize(
    ("bundle", "uri"),
    [("mda.lv2", f"{MDA}Leslie"), ("mda.lv2", f"{MDA}Delay"), ("dpl.lv2", f"{X42}dpl#stereo"),
     ("gverb-swh.lv2", f"{SWH}gverb")],
)  # fmt: skip
def test_stream_gives_the_same_samples(bundle: str, uri: str) -> None:
    if needs_lv2(bundle).args[0]:
        pytest.skip(f"the LV2 bundle {bundle} is not installed")
    effect = open_lv2(uri)
    assert_streams(effect, noise(2, 12_001), RATE, tried(effect))


@needs_lv2("ZamDelay.lv2")
@needs_lv2("3BandEQ.lv2")
@needs_lv2("calf.lv2")
@pytest.mark.parametrize("rate", [8_000, 16_000])
@pytest.mark.parametrize(
    "uri",
    ["urn:zamaudio:ZamDelay", "http://distrho.sf.net/plugins/3BandEQ", f"{CALF}Equalizer5Band"],
    ids=named,
)
def test_frequencies_stay_below_the_nyquist_frequency(uri: str, rate: int) -> None:
    effect = open_lv2(uri)
    highest = {p.id: p.maximum for p in effect.spec.parameters if p.unit == "Hz"}
    assert max(highest.values()) > rate / 2
    values = effect._values(effect.spec.vector(highest), rate)
    for id in highest:
        port = effect._ports[id]
        low, high = float(port.minimum or 0), float(port.maximum or 1)
        set_to = low + values[effect._host_index[id]] * (high - low)
        assert set_to <= max(low, 0.45 * rate) + 1e-3
    wet = effect.process(noise(1, rate // 2), rate, effect.spec.vector(highest))
    assert np.isfinite(wet).all() and np.abs(wet).max() < 1_000


@needs_lv2("mda.lv2")
def test_bad_audio_leaves_no_trace() -> None:
    effect = open_lv2(f"{MDA}Delay")
    settings, audio = tried(effect), noise(2, 3_000)
    clean = effect.process(audio, RATE, settings)
    effect.process(np.full((2, 3_000), np.nan, dtype=np.float32), RATE, settings)
    assert np.array_equal(effect.process(audio, RATE, settings), clean)


@needs_lv2("ZamCompX2.lv2")
def test_side_chains_hear_silence() -> None:
    effect = open_lv2("urn:zamaudio:ZamCompX2")
    assert effect._layout.inputs == 3 and effect._layout.main == (0, 1)
    audio = noise(2, 4_000)
    settings = effect.spec.vector({"thr": -60.0, "rat": 20.0})
    assert np.abs(effect.process(audio, RATE, settings)).max() > 0


@needs_lv2("fomp.lv2")
def test_what_the_host_does_not_offer() -> None:
    with pytest.raises(EffectLoadError, match=r"isLive\); the plugin host does not offer that"):
        open_lv2("http://drobilla.net/plugins/fomp/reverb")


@needs_lv2("lowpass_iir-swh.lv2")
def test_ports_in_parts_of_the_sample_rate() -> None:
    # The host would set its cut-off frequency to half a hertz, and it crashes.
    with pytest.raises(
        EffectLoadError, match="counts Cutoff Frequency in parts of the sample rate"
    ):
        open_lv2(f"{SWH}lowpass_iir")


@needs_lv2("mda.lv2")
def test_what_is_no_effect_is_refused() -> None:
    with pytest.raises(EffectLoadError, match="no audio input: it is an instrument"):
        open_lv2(f"{MDA}Piano")
    with pytest.raises(EffectNotFoundError, match=r"did you mean .*mda/Overdrive"):
        open_effect(f"lv2:{MDA}Overdriver")
    with pytest.raises(ParameterError, match="takes 3 settings"):
        open_lv2(f"{MDA}Overdrive").process(noise(1, 10), RATE, [0.5])


def port(name: str, **values: object) -> Lv2Port:
    fields = {"index": 0, "symbol": name.lower(), "name": name, "is_input": True, "kind": "control"}
    return Lv2Port(**(fields | values))  # type: ignore[arg-type]


def spec_of(*ports: Lv2Port):
    plugin = Lv2Plugin(
        uri="urn:x", name="X", category="Filter Plugin", author="", version="", bundle="/b",
        library="", ports=ports,
    )  # fmt: skip
    spec = lv2_spec(plugin)
    return {p.id: p for p in spec.parameters}, {p.id for p in spec.excluded}


def test_units_curves_and_steps() -> None:
    log = frozenset({"logarithmic"})
    knobs, excluded = spec_of(
        port("Freq", minimum=20.0, maximum=20_000.0, default=1_000.0),
        port("Time (ms)", minimum=0.0, maximum=2_000.0, default=20.0, properties=log),
        port("Gain (dB)", minimum=-60.0, maximum=60.0, default=0.0),
        port("Makeup", unit="coef", minimum=0.0, maximum=1_000.0, default=1.0, properties=log),
        port("Dry amount", unit="G", minimum=0.0, maximum=10.0, default=0.0, properties=log),
        port("Threshold", unit="db", minimum=-60.0, maximum=0.0, default=-20.0),
        port("Stages", minimum=2.0, maximum=6.0, default=4.0, properties=frozenset({"integer"})),
        port("Flip", minimum=0.0, maximum=1.0, default=1.0, properties=frozenset({"toggled"})),
        port(
            "Kind", minimum=0.0, maximum=9.0, default=5.0, properties=frozenset({"enumeration"}),
            scale_points=((0.0, "a"), (5.0, "b"), (9.0, "c")),
        ),
        port("Bypass", minimum=0.0, maximum=1.0, default=0.0),
        port("Cutoff", minimum=0.0, maximum=0.5, properties=frozenset({"sampleRate"})),
    )  # fmt: skip
    assert (knobs["freq"].unit, knobs["freq"].curve) == ("Hz", "log")
    time = knobs["time_ms"]
    assert (time.unit, time.curve, time.minimum) == ("ms", "log", pytest.approx(0.2))
    assert (knobs["gain_db"].unit, knobs["gain_db"].maximum) == ("dB", 24)
    makeup = knobs["makeup"]
    assert (makeup.unit, makeup.curve, makeup.minimum) == ("x", "log", 1e-3)
    assert makeup.maximum == pytest.approx(15.85, abs=0.01)
    # A knob that starts at nothing keeps its nothing.
    assert (knobs["dry_amount"].curve, knobs["dry_amount"].minimum) == ("linear", 0)
    assert (knobs["threshold"].unit, knobs["threshold"].maximum) == ("dB", 0)
    assert (knobs["stages"].curve, knobs["stages"].steps) == ("stepped", 5)
    assert knobs["flip"].curve == "toggle"
    assert knobs["kind"].labels == ("a", "b", "c") and knobs["kind"].default == 5
    assert excluded == {"bypass", "cutoff"}


def test_ids_of_odd_symbols() -> None:
    ports = [port("A", symbol="a-b"), port("B", symbol="a_b"), port("C", symbol="-")]
    assert port_ids(ports) == ["a_b", "a_b_2", "p"]
