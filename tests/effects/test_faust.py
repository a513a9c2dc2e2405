"""Faust programs do what an effect promises, and their knobs mean what the program says."""

from pathlib import Path

import numpy as np
import pytest

from dialin.effects.effect import Effect
from dialin.effects.faust import FaustEffect, faust_message, open_faust, widget_ids
from dialin.effects.faust_ui import Widget, parse_widgets
from dialin.errors import EffectLoadError, EffectNotFoundError
from tests.effects.streams import assert_pure, assert_streams, lag, noise

RATE = 44_100
DRIVE = """
declare name "Soft drive";
declare author "A maker";
declare version "1.2";
import("stdfaust.lib");
drive = hslider("drive [unit:dB]", 6, 0, 60, 0.1) : ba.db2linear;
tone = hslider("tone [unit:Hz][scale:log]", 3000, 100, 15000, 1);
mode = nentry("mode [style:menu{'soft':0;'hard':1;'fold':2}]", 0, 0, 2, 1);
wide = checkbox("wide");
bypass = checkbox("bypass");
mix = hslider("mix [unit:%]", 100, 0, 100, 1) / 100;
go = button("go");
meter = _ <: attach(_, abs : vbargraph("level [unit:dB]", 0, 1));
shape(x) = select3(mode, ma.tanh(x), max(-1, min(1, x)), sin(x));
one = _ <: *(1 - mix), (*(drive) : shape : fi.lowpass(1, tone) : *(mix)) :> meter;
process = vgroup("main", par(i, 2, one)) : *(1 + wide + 1e-6 * (bypass + go)), _;
"""
ECHO = """
import("stdfaust.lib");
time = hslider("time [unit:ms]", 50, 1, 500, 1) : *(ma.SR / 1000);
depth = hslider("depth", 0.3, 0, 1, 0.01);
process = + ~ (de.fdelay(30000, time) : *(depth * 0.7)) : *(1 + depth * os.osc(3));
"""


def load(folder: Path, program: str, name: str = "effect") -> FaustEffect:
    file = folder / f"{name}.dsp"
    file.write_text(program)
    return open_faust(str(file))


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> FaustEffect:
    return load(tmp_path_factory.mktemp("faust"), DRIVE)


def test_spec(drive: FaustEffect) -> None:
    spec = drive.spec
    assert isinstance(drive, Effect)
    assert (spec.name, spec.vendor, spec.version) == ("Soft drive", "A maker", "1.2")
    assert spec.uri == f"faust:{spec.file}" and spec.format == "faust"
    knobs = {p.id: p for p in spec.parameters}
    assert set(knobs) == {"drive", "tone", "mode", "wide", "mix"}
    assert [p.id for p in spec.excluded] == ["bypass", "go"]
    tone = knobs["tone"]
    assert (tone.unit, tone.curve, tone.minimum, tone.maximum) == ("Hz", "log", 100, 15_000)
    assert tone.default == 3_000
    # 60 dB of gain are not for the ears.
    assert (knobs["drive"].unit, knobs["drive"].maximum, knobs["drive"].default) == ("dB", 24, 6)
    assert knobs["mode"].labels == ("soft", "hard", "fold") and knobs["mode"].values == (0, 1, 2)
    assert knobs["wide"].curve == "toggle"
    assert (knobs["mix"].unit, knobs["mix"].curve) == ("%", "linear")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("program", [DRIVE, ECHO])
def test_render_depends_on_nothing_before_it(tmp_path: Path, program: str, channels: int) -> None:
    effect = load(tmp_path, program)
    settings = effect.spec.random(np.random.default_rng(1))
    audio = noise(channels, 12_001)
    wet = assert_pure(effect, audio, RATE, settings)
    assert np.isfinite(wet).all() and not np.array_equal(wet, audio)
    assert np.array_equal(load(tmp_path, program).process(audio, RATE, settings), wet)
    assert_streams(effect, audio, RATE, settings)


def test_settings_arrive_at_the_first_sample(drive: FaustEffect) -> None:
    step = np.full((2, 1_000), 0.1, dtype=np.float32)
    drive.process(step, RATE, drive.spec.vector({"drive": 20.0}))
    dry = drive.process(step, RATE, drive.spec.vector({"mix": 0.0, "wide": 1.0}))
    assert dry[0, 0] == pytest.approx(0.2) and dry[1, 0] == pytest.approx(0.1)


def test_channels_and_lengths(tmp_path: Path) -> None:
    mono = load(tmp_path, ECHO)
    settings = mono.spec.default
    audio = noise(3, 2_001)
    wet = mono.process(audio, RATE, settings)
    assert wet.shape == (3, 2_001)
    for channel in range(3):
        alone = mono.process(audio[channel : channel + 1], RATE, settings)
        assert np.array_equal(wet[channel], alone[0])
    for samples in (1, 511, 512, 513):
        assert mono.process(audio[:1, :samples], RATE, settings).shape == (1, samples)
    assert lag(audio[:1], wet[:1]) == 0


@pytest.mark.parametrize("rate", [8_000, 192_000])
def test_frequencies_stay_below_the_nyquist_frequency(drive: FaustEffect, rate: int) -> None:
    wet = drive.process(noise(2, 4_000), rate, drive.spec.vector({"tone": 15_000}))
    assert np.isfinite(wet).all() and np.abs(wet).max() < 10


def test_what_a_program_imports_is_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "mine.lib").write_text("g = 0.5;")
    program = 'import("mine.lib"); process = *(g * hslider("a", 1, 0, 2, 0.01));'
    before = load(tmp_path, program)
    audio = noise(1, 100)
    np.testing.assert_allclose(before.process(audio, RATE, before.spec.default), audio / 2)
    (tmp_path / "mine.lib").write_text("g = 0.25;")
    after = load(tmp_path, program)
    assert after.spec.file_hash != before.spec.file_hash
    assert after.spec.hash == before.spec.hash
    np.testing.assert_allclose(after.process(audio, RATE, after.spec.default), audio / 4)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("process = _ : foo;", "line 1: undefined symbol : foo"),
        ("\n\nprocess = _ : foo;", "line 3: undefined symbol : foo"),
        ("", "undefined symbol : process"),
        ('import("stdfaust.lib"); process = os.osc(440);', "has 0 inputs and 1 outputs"),
        ("process = !;", "has no output signal"),
        (
            'process = *(hslider("a", 1, 0, 2, 0.1) + hslider("a", 1, 0, 3, 0.1));',
            "path '/dawdreamer/a' is already used",
        ),
    ],
)
def test_bad_programs(tmp_path: Path, program: str, message: str) -> None:
    with pytest.raises(EffectLoadError, match=message):
        load(tmp_path, program)


def test_no_program(tmp_path: Path) -> None:
    with pytest.raises(EffectNotFoundError, match="there is no Faust program"):
        open_faust(str(tmp_path / "none.dsp"))
    binary = tmp_path / "binary.dsp"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EffectLoadError, match="is no text"):
        open_faust(str(binary))


def test_widgets_of_a_translation() -> None:
    found = parse_widgets("""
        virtual void buildUserInterface(UI* ui_interface) {
            ui_interface->openVerticalBox("eq");
            ui_interface->openHorizontalBox("band 1");
            ui_interface->declare(&fHslider0, "scale", "log");
            ui_interface->declare(&fHslider0, "unit", "Hz");
            ui_interface->addHorizontalSlider("freq \\"f\\"", &fHslider0, 1e3f, 1.0f, 2e4f, 1.0f);
            ui_interface->closeBox();
            ui_interface->declare(&fEntry0, "style", "radio{'a':0;'b':2.5}");
            ui_interface->addNumEntry("kind", &fEntry0, 0.0f, 0.0f, 3.0f, 1.0f);
            ui_interface->addVerticalBargraph("level", &fBar0, 0.0f, 1.0f);
            ui_interface->closeBox();
        }
        virtual void compute(int count, FAUSTFLOAT** inputs, FAUSTFLOAT** outputs) {}
    """)
    assert found == [
        Widget("slider", 'freq "f"', ("eq", "band 1"), "Hz", True),
        Widget("number", "kind", ("eq",), menu=((0.0, "a"), (2.5, "b"))),
        Widget("meter", "level", ("eq",)),
    ]
    assert parse_widgets("") == []


def test_ids_of_knobs_with_one_label() -> None:
    bands = [Widget("slider", "gain", ("eq", f"band {n}")) for n in (1, 2)]
    others = [Widget("slider", "Wet/Dry"), Widget("slider", "é"), Widget("slider", "wet dry")]
    assert widget_ids([*bands, *others]) == [
        "band_1_gain",
        "band_2_gain",
        "wet_dry",
        "e",
        "wet_dry_2",
    ]


def test_labels_in_other_scripts(tmp_path: Path) -> None:
    labels = ["Größe", "Hall-Länge [unit:ms]", "音量", "音", "wet/dry", "wet  dry", "emoji 🎚", ""]
    knobs = [f'hslider("{label}", {n}, 0, 20, 0.01)' for n, label in enumerate(labels)]
    effect = load(tmp_path, f'declare name "Größe"; process = *({"+".join(knobs)});')
    spec = effect.spec
    assert {p.id: p.name for p in spec.parameters} == {
        "grosse": "Größe",
        "hall_lange": "Hall-Länge",
        "u97f3_u91cf": "音量",
        "u97f3": "音",
        "wet_dry": "wet dry",
        "wet_dry_2": "wet/dry",
        "emoji": "emoji 🎚",
        "0x00": "0x00",
    }
    assert spec.parameters[spec.index("hall_lange")].unit == "ms"
    # Each label turns its own knob.
    audio = np.ones((1, 4), dtype=np.float32)
    for id, start in (("grosse", 0), ("u97f3_u91cf", 2), ("u97f3", 3), ("emoji", 6)):
        wet = effect.process(audio, RATE, spec.vector({id: 0.5}))
        assert wet[0, 0] == pytest.approx(sum(range(len(labels))) - start + 0.5)


def test_messages() -> None:
    assert faust_message("dawdreamer:3 : ERROR : a\n  b") == "line 2: a b"
    assert faust_message("x\n my.lib:7 : ERROR : a") == "my.lib:7: a"
    assert faust_message("????:-1 : ERROR : undefined") == "undefined"
    assert faust_message("a() b . Check the faustlibraries path: /x") == "a() b"
    assert faust_message("out of\nluck") == "out of luck"
