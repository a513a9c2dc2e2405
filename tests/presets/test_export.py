"""Presets for other hosts: they are listed, load, and carry nothing but what they should."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dialin.effects.open import open_effect
from dialin.errors import OutputError, PresetError, UsageError
from dialin.presets.export import EXPORT_KINDS, export_preset
from dialin.presets.preset import Preset, PresetKnob
from tests.effects.streams import noise
from tests.plugins import MDA, needs_lv2, needs_program, needs_vst3, vst3_path
from tests.presets.test_preset import made

RATE = 44_100


@needs_vst3("ZamTube.vst3")
def test_a_vst3_preset_file_sounds_like_the_preset(tmp_path: Path) -> None:
    uri = f"vst3:{vst3_path('ZamTube.vst3')}"
    preset = made(uri, "builtin:gain", seed=3)
    (file,) = export_preset(preset, "vstpreset", tmp_path)
    assert file == tmp_path / "zamtube.vstpreset"
    assert file.read_bytes()[:4] == b"VST3"

    effect = open_effect(uri)
    vector = preset.slots[0].normalised
    audio = noise(2, RATE // 2)
    expected = effect.process(audio, RATE, vector)
    default = effect.process(audio, RATE, effect.spec.default)
    effect.close()
    assert np.abs(expected - default).max() > 1e-3

    # Loaded as another program would: by the host's own reader of such files.
    pedalboard = pytest.importorskip("pedalboard")
    plugin = pedalboard.load_plugin(vst3_path("ZamTube.vst3"))
    plugin.load_preset(str(file))
    loaded = {p.name: p.raw_value for p in plugin._parameters}
    for knob in preset.slots[0].knobs:
        assert loaded[knob.name] == pytest.approx(knob.position, abs=1e-5), knob.name


@needs_lv2("mda.lv2")
@needs_program("lv2info")
def test_lv2info_lists_the_bundle(tmp_path: Path) -> None:
    home = tmp_path / "home"
    uris = [f"lv2:{MDA}Overdrive", f"lv2:{MDA}Delay"]
    label = 'My "loud" \\ match'
    files = export_preset(made(*uris), "lv2", home / ".lv2", name=label)
    assert {file.name for file in files} == {"manifest.ttl", "overdrive.ttl", "delay.ttl"}
    assert len({file.parent for file in files}) == 1
    for uri in uris:
        listed = subprocess.run(
            ["lv2info", uri.removeprefix("lv2:")],
            env={**os.environ, "HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert label in listed.stdout.partition("Presets:")[2]
        assert "error" not in listed.stderr.casefold()


@needs_lv2("mda.lv2")
def test_an_lv2_preset_names_every_port_and_its_native_value(tmp_path: Path) -> None:
    preset = made(f"lv2:{MDA}MultiBand", seed=2)
    files = {file.name: file for file in export_preset(preset, "lv2", tmp_path)}
    text = files["multiband.ttl"].read_text()
    ports = re.findall(r'lv2:symbol "(\w+)" ;\s+pset:value ([-+.\de]+)', text)
    assert [float(value) for _, value in ports] == list(preset.slots[0].native.values())
    assert len({symbol for symbol, _ in ports}) == len(preset.slots[0].knobs)


@needs_lv2("mda.lv2")
def test_an_lv2_plugin_that_lost_a_knob(tmp_path: Path) -> None:
    preset = made(f"lv2:{MDA}Overdrive")
    (slot,) = preset.slots
    gone = replace(slot, knobs=(replace(slot.knobs[0], id="fuzz"), *slot.knobs[1:]))
    with pytest.raises(PresetError, match=r"has no fuzz; install the version"):
        export_preset(Preset((gone,)), "lv2", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def vst3_like(**knob: str) -> Preset:
    """A preset of a VST3 that need not be installed."""
    (slot,) = made("builtin:gain").slots
    changed = replace(slot.knobs[0], **knob)
    slot = replace(slot, uri="vst3:/x/Tube.vst3", name="Tube", format="vst3", knobs=(changed,))
    return Preset((slot,))


def test_a_script_for_reaper(tmp_path: Path) -> None:
    preset = vst3_like()
    (file,) = export_preset(preset, "reaper", tmp_path, name="Warm tube")
    assert file.name == "Warm-tube.lua"
    text = file.read_text()
    assert 'add = { "VST3:Tube" }, knobs = {' in text
    (knob,) = preset.slots[0].knobs
    assert f'name = "Gain", nth = 1, of = 1, value = {knob.normalised!r}' in text
    # The plugin's own position, where it is known, is what another host must set.
    (slot,) = preset.slots
    moved = replace(slot, knobs=(replace(knob, position=0.125),))
    (file,) = export_preset(Preset((moved,)), "reaper", tmp_path / "own")
    assert "value = 0.125" in file.read_text()
    assert text.count("(") == text.count(")")


@pytest.mark.parametrize("ends", ["\n", "\r", "\r\n", "\u2028", "\0"])
def test_a_preset_brings_no_code_into_the_script(tmp_path: Path, ends: str) -> None:
    evil = f'x"{ends}os.execute("rm") --'
    plain = export_preset(vst3_like(), "reaper", tmp_path / "plain")[0].read_text()
    preset = vst3_like(name=evil, text=evil)
    slot = replace(preset.slots[0], name=evil)
    (file,) = export_preset(Preset((slot,)), "reaper", tmp_path / "evil", name=evil)
    text = file.read_bytes().decode()
    assert len(text.splitlines()) == len(plain.splitlines())
    for line in text.splitlines():
        # Whatever is neither a comment nor between quotes.
        code = re.sub(r'"(\\.|[^"\\])*"', "", line).partition("--")[0]
        assert "os.execute" not in code, line


@pytest.mark.parametrize("kind", EXPORT_KINDS)
def test_what_has_no_native_preset(tmp_path: Path, kind: str) -> None:
    with pytest.raises(PresetError, match="builtin effects; use it with dialin apply"):
        export_preset(made("builtin:pitch"), kind, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_out_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "half.dsp").write_text('process = *(hslider("gain", 0.5, 0, 1, 0.01));')
    others = made("builtin:reverb", "builtin:chorus", f"faust:{tmp_path / 'half.dsp'}")
    preset = Preset((*vst3_like().slots, *others.slots))
    exported = export_preset(preset, "reaper", tmp_path / "out", name="x")
    assert [path.name for path in exported] == ["x.lua"]
    chorus, faust = exported.notes
    assert "built-in Chorus has no twin in REAPER; nearest is JS: Chorus" in chorus
    assert "Faust program half runs in dialin only" in faust
    text = exported[0].read_text()
    assert chorus in text and faust in text  # the script says so too
    with pytest.raises(PresetError, match=r"can become: reaper$"):
        export_preset(others, "lv2", tmp_path / "out")


def test_a_mix_is_exported_as_what_it_mixes(tmp_path: Path) -> None:
    (slot,) = vst3_like().slots
    mix = PresetKnob("dry_wet", "Dry/wet", "%", 25.0, 0.25, "25 %", 0.0)
    mixed = replace(slot, uri=f"mix:{slot.uri}", format="mix", knobs=(*slot.knobs, mix))
    mixed = replace(mixed, state=b"VST3 and more")
    exported = export_preset(Preset((mixed,)), "vstpreset", tmp_path)
    assert exported[0].read_bytes() == b"VST3 and more"
    assert "tube is mixed with its input, 25 % of it" in exported.notes[0]
    exported = export_preset(Preset((mixed,)), "reaper", tmp_path)
    # A chain file has no word for it that is known; the script has REAPER's own knob.
    assert [path.suffix for path in exported] == [".lua"] and not exported.notes
    assert "wet = 0.25" in exported[0].read_text()


def test_names_of_files_and_presets(tmp_path: Path) -> None:
    preset = replace(vst3_like(), provenance={"input": "My Größe #1.wav"})
    assert export_preset(preset, "reaper", tmp_path)[0].name == "My-Groe-1.lua"
    assert export_preset(preset, "reaper", tmp_path, name="音")[0].name == "dialin.lua"


@needs_lv2("mda.lv2")
def test_two_slots_of_one_plugin_are_two_presets(tmp_path: Path) -> None:
    uri = f"lv2:{MDA}Overdrive"
    exported = export_preset(made(uri, uri, f"lv2:{MDA}Delay"), "lv2", tmp_path, name="Warm")
    assert {path.name for path in exported} == {
        "overdrive.ttl", "overdrive2.ttl", "delay.ttl", "manifest.ttl"
    }  # fmt: skip
    assert {path.parent.name for path in exported} == {"Warm.lv2"}
    labels = re.findall(r'rdfs:label "(.*)"', (tmp_path / "Warm.lv2/manifest.ttl").read_text())
    assert labels == ["Warm (overdrive)", "Warm (overdrive2)", "Warm"]


def test_the_message_names_what_is_possible(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="it can become: vstpreset, reaper"):
        export_preset(vst3_like(), "lv2", tmp_path)
    with pytest.raises(PresetError, match="no effect at all"):
        export_preset(Preset(()), "lv2", tmp_path)
    with pytest.raises(UsageError, match="choose from vstpreset, lv2, reaper"):
        export_preset(vst3_like(), "ableton", tmp_path)


def test_a_vst3_without_its_state(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="holds no state of Tube"):
        export_preset(vst3_like(), "vstpreset", tmp_path)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    (file,) = export_preset(vst3_like(), "reaper", tmp_path)
    assert file.suffix == ".lua"  # without the plugin's state there is no chain to write
    file.write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        export_preset(vst3_like(), "reaper", tmp_path)
    assert file.read_text() == "precious"
    export_preset(vst3_like(), "reaper", tmp_path, overwrite=True)
    assert "Tube" in file.read_text()
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write into"):
        export_preset(vst3_like(), "reaper", tmp_path / "file" / "out")


def test_a_loaded_preset_exports_as_the_fresh_one(tmp_path: Path) -> None:
    fresh = vst3_like()
    loaded = Preset.from_dict(json.loads(json.dumps(fresh.to_dict())))
    one, two = (
        export_preset(preset, "reaper", tmp_path / name)[0].read_text()
        for name, preset in (("a", fresh), ("b", loaded))
    )
    assert one == two


def test_a_plugin_without_knobs_and_state_needs_no_preset(tmp_path: Path) -> None:
    from tests.presets.test_reaper import vstpreset

    (slot,) = vst3_like().slots
    empty = replace(slot, knobs=(), state=vstpreset("0" * 32, b"\0", b""))
    with pytest.raises(PresetError, match="Tube has no knobs and keeps no state"):
        export_preset(Preset((empty,)), "vstpreset", tmp_path)
