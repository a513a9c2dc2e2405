"""Presets: what is saved comes back sample for sample, and odd files are refused in words."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dialin._version import __version__
from dialin.effects.effect import Plugin
from dialin.effects.open import open_effect
from dialin.errors import OutputError, ParameterError, PresetError
from dialin.presets.preset import SCHEMA_VERSION, Preset
from tests.effects.streams import noise
from tests.plugins import MDA, needs_lv2, needs_vst3, vst3_path

RATE = 44_100


def made(*uris: str, seed: int = 0, **options: Any) -> Preset:
    """A preset with random settings, and its hosts' states."""
    rng = np.random.default_rng(seed)
    effects = [open_effect(uri) for uri in uris]
    vectors = [effect.spec.random(rng) for effect in effects]
    states = [effect.state(vector) for effect, vector in zip(effects, vectors, strict=True)]
    positions = [
        effect.positions(vector) if isinstance(effect, Plugin) else None
        for effect, vector in zip(effects, vectors, strict=True)
    ]
    specs = [effect.spec for effect in effects]
    for effect in effects:
        effect.close()
    return Preset.from_settings(
        specs, np.concatenate(vectors), states=states, positions=positions, **options
    )


def assert_same_samples(preset: Preset, path: Path) -> None:
    """Save, load, and render both with effects opened anew."""
    preset.save(path)
    loaded = Preset.load(path)
    assert loaded == preset
    np.testing.assert_array_equal(loaded.settings, preset.settings)
    audio = noise(2, RATE // 2)
    renders = []
    for each in (preset, loaded):
        effect = open_effect(each.effect)
        renders.append(effect.process(audio, RATE, each.settings))
        effect.close()
    np.testing.assert_array_equal(*renders)
    assert np.abs(renders[0] - audio).max() > 1e-3


def test_builtins_sound_the_same(tmp_path: Path) -> None:
    uris = ["builtin:compressor", "builtin:peak", "builtin:peak", "builtin:reverb"]
    preset = made(*uris, seed=5)
    assert_same_samples(preset, tmp_path / "p.json")
    assert "peak2.frequency" in preset.native
    assert len(preset.native) == preset.settings.size


@needs_lv2("mda.lv2")
def test_lv2_sounds_the_same(tmp_path: Path) -> None:
    uris = [f"lv2:{MDA}{name}" for name in ("Overdrive", "Delay")]
    assert_same_samples(made(*uris), tmp_path / "p.json")


@needs_vst3("ZamTube.vst3")
def test_vst3_sounds_the_same(tmp_path: Path) -> None:
    preset = made(f"vst3:{vst3_path('ZamTube.vst3')}")
    assert preset.slots[0].state is not None
    assert preset.slots[0].file_hash
    assert_same_samples(preset, tmp_path / "p.json")


def test_native_values_say_the_same_as_positions(tmp_path: Path) -> None:
    preset = made("builtin:delay", "builtin:ladder", seed=8)
    start = 0
    for slot in preset.slots:
        spec = open_effect(slot.uri).spec
        vector = preset.settings[start : start + spec.size]
        start += spec.size
        np.testing.assert_allclose(spec.vector(slot.native), vector, atol=1e-9)
        assert slot.spec_hash == spec.hash


def test_the_file_is_for_people_too(tmp_path: Path) -> None:
    preset = made("builtin:gain", provenance={"seed": 7, "reference": "é.wav"})
    data = json.loads(preset.save(tmp_path / "p.json").read_text("utf-8"))
    assert data["dialin_preset"] == SCHEMA_VERSION
    assert data["created_by"] == f"dialin {__version__}"
    assert data["provenance"] == {"seed": 7, "reference": "é.wav"}
    (slot,) = data["slots"]
    assert slot["uri"] == "builtin:gain"
    (knob,) = slot["knobs"]
    assert knob["unit"] == "dB"
    assert knob["text"].endswith("dB")


def test_no_effect_at_all(tmp_path: Path) -> None:
    preset = Preset(())
    preset.save(tmp_path / "p.json")
    loaded = Preset.load(tmp_path / "p.json")
    assert loaded.effect == ""
    assert loaded.settings.shape == (0,)
    assert loaded.native == {}


def test_opaque_state_comes_back(tmp_path: Path) -> None:
    spec = open_effect("fake:gain").spec
    state = bytes(range(256))
    preset = Preset.from_settings([spec, spec], [0.1, 0.2], states=[None, state])
    preset.save(tmp_path / "p.json")
    assert [slot.state for slot in Preset.load(tmp_path / "p.json").slots] == [None, state]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_settings_of_a_wrong_length(count: int) -> None:
    spec = open_effect("fake:gain").spec
    with pytest.raises(ParameterError, match="2 effects take 2 settings"):
        Preset.from_settings([spec, spec], np.zeros(count))


def test_files_are_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        made("builtin:gain").save(path)
    assert path.read_text() == "precious"
    made("builtin:gain").save(path, overwrite=True)
    assert Preset.load(path).slots
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is the folder there"):
        made("builtin:gain").save(tmp_path / "no" / "p.json")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made("builtin:gain").save(tmp_path / "p.json")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        made("builtin:gain", seed=1).save(path, overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [float("nan"), np.int64(3), {1, 2}])
def test_provenance_that_json_cannot_hold(tmp_path: Path, value: object) -> None:
    preset = made("builtin:gain", provenance={"value": value})
    with pytest.raises(PresetError, match="provenance"):
        preset.save(tmp_path / "p.json")
    assert not list(tmp_path.iterdir())


Edit = Callable[[dict[str, Any]], object]


def slot(data: dict[str, Any]) -> dict[str, Any]:
    return data["slots"][0]


def first(data: dict[str, Any]) -> dict[str, Any]:
    return slot(data)["knobs"][0]


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


FAULTS: list[tuple[str, Edit, str]] = [
    ("newer", lambda d: d.update(dialin_preset=2), "schema version 2.*update dialin"),
    ("unversioned", lambda d: d.pop("dialin_preset"), "says no version of the format"),
    ("true", lambda d: d.update(dialin_preset=True), "schema version True"),
    ("slotless", lambda d: d.pop("slots"), "no list of slots"),
    ("slot", lambda d: d["slots"].append(3), "slot 2 should be a JSON object, not int"),
    ("nameless", lambda d: slot(d).pop("name"), "slot 1 lacks its name"),
    ("uri", lambda d: slot(d).update(uri=5), "slot 1 lacks its uri"),
    ("unknown", lambda d: slot(d).update(uri="zzz:q/1"), "slot 1: 'zzz:q/1' names no effect"),
    ("chain", lambda d: slot(d).update(uri='chain:["gain"]'), "names no effect"),
    ("knobless", lambda d: slot(d).pop("knobs"), "no list of knobs"),
    ("knob", lambda d: slot(d)["knobs"].append("x"), "a knob should be a JSON object, not str"),
    ("twice", lambda d: slot(d)["knobs"].append(first(d)), "holds room_size more than once"),
    ("nan", lambda d: first(d).update(native=float("nan")), "knob room_size has native value nan"),
    ("huge", lambda d: first(d).update(native=10**400), "not a finite number"),
    ("text", lambda d: first(d).update(normalised="0.5"), "normalised value '0.5', not a finite"),
    ("gone", lambda d: first(d).pop("normalised"), "normalised value None"),
    ("bool", lambda d: first(d).update(normalised=True), "normalised value True"),
    ("outside", lambda d: first(d).update(normalised=1.5), "stands at 1.5, outside 0 to 1"),
    ("state", lambda d: slot(d).update(state="!!"), "not valid base64"),
    ("state type", lambda d: slot(d).update(state=5), "not valid base64"),
    ("slots", lambda d: d.update(slots=d["slots"] * 65), "has 65 slots; at most 64"),
    ("knobs", lambda d: slot(d).update(knobs=slot(d)["knobs"] * 1_000), "at most 4096 are read"),
    ("long uri", lambda d: slot(d).update(uri="lv2:" + "x" * 10_000), "at most 10000 are read"),
    ("long name", lambda d: slot(d).update(name="x" * 1_001), "its name has 1001 characters"),
    ("long text", lambda d: first(d).update(text="x" * 1_001), "its text has 1001 characters"),
    ("version", lambda d: slot(d).update(version={"a": 1}), "version should be text, not dict"),
    ("mixes", lambda d: slot(d).update(uri="mix:" * 9 + "gain", format="mix"), "more than 8 times"),
    ("big state", lambda d: slot(d).update(state="A" * (45 << 20)), "state of more than 32 MiB"),
    ("deep", lambda d: d.update(provenance=nested(40)), "nested more than 32 deep"),
    ("creator", lambda d: d.update(created_by=["x"]), "created_by should be text, not list"),
    ("provenance", lambda d: d.update(provenance=[1]), "provenance should be a JSON object"),
]


@pytest.mark.parametrize(
    ("edit", "message"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_each_fault_has_its_sentence(tmp_path: Path, edit: Edit, message: str) -> None:
    data = made("builtin:reverb").to_dict()
    edit(data)
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(data))
    with pytest.raises(PresetError, match=message) as caught:
        Preset.load(path)
    assert "odd.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF....WAVE", b"\xff\xfe\x00", b"[]", b"null", b'{"dialin_preset": 1,', b"[" * 90_000],
    ids=["empty", "audio", "binary", "list", "null", "cut", "deep"],
)
def test_what_is_no_preset(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(PresetError, match=r"odd\.json"):
        Preset.load(path)


def test_a_file_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialin.presets.preset.LARGEST_FILE", 1_000)
    path = tmp_path / "odd.json"
    path.write_text(" " * 1_001)
    with pytest.raises(PresetError, match="which no preset is"):
        Preset.load(path)


def test_a_path_that_is_no_text(tmp_path: Path) -> None:
    preset = made("builtin:gain")
    odd = replace(preset.slots[0], uri="vst3:/x/\udcff.vst3", format="vst3")
    Preset((odd,)).save(tmp_path / "p.json")
    assert Preset.load(tmp_path / "p.json").slots == (odd,)
    json.loads((tmp_path / "p.json").read_text("utf-8"))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="there is no preset"):
        Preset.load(tmp_path / "none.json")
    with pytest.raises(PresetError, match="cannot be read"):
        Preset.load(tmp_path)
