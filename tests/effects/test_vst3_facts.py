"""Names and categories of VST3 plugins, without running any of their code."""

import json
from pathlib import Path

import pytest

from dialin.effects import vst3_facts
from dialin.effects.catalogue import list_effects
from dialin.effects.vst3_facts import Vst3Class, vst3_category, vst3_classes
from tests.plugins import needs_lv2, needs_vst3


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


INFO = """{
  // as the SDK's tool writes it: JSON5
  "Name": "Pack", "Factory Info": {"Vendor": "A // maker",},
  "Classes": [
    {"Category": "Audio Module Class", "Name": "Room, big", "Sub Categories": ["Fx", "Reverb",],},
    {"Category": "Audio Module Class", "Name": "Tube", "Vendor": "B",
     "Sub Categories": ["Fx", "Stereo", "Distortion"]},
    {"Category": "Audio Module Class", "Name": "Synth", "Sub Categories": ["Instrument"]},
    {"Category": "Component Controller Class", "Name": "Tube"}, /* no effect */
  ],
}"""


def test_moduleinfo(tmp_path: Path) -> None:
    bundle = tmp_path / "Pack.vst3"
    (bundle / "Contents/Resources").mkdir(parents=True)
    (bundle / "Contents/Resources/moduleinfo.json").write_text(INFO)
    assert vst3_classes([bundle]) == {
        bundle: [
            Vst3Class("Room, big", "Reverb", "A // maker"),
            Vst3Class("Tube", "Distortion", "B"),
        ]
    }


@pytest.mark.parametrize("text", ["", "[]", "{", '{"Classes": 3}', '{"Classes": [3]}', "[" * 9_999])
def test_a_moduleinfo_that_is_none(tmp_path: Path, text: str) -> None:
    bundle = tmp_path / "Pack.vst3"
    (bundle / "Contents/Resources").mkdir(parents=True)
    (bundle / "Contents/Resources/moduleinfo.json").write_text(text)
    assert vst3_classes([bundle]) == {bundle: [Vst3Class("Pack")]}


def binary(monkeypatch: pytest.MonkeyPatch, path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    monkeypatch.setattr(vst3_facts, "vst3_binary", lambda bundle: bundle)
    return path


@pytest.mark.parametrize(
    ("content", "category"),
    [
        (b"\0Fx|Reverb|Stereo\0", "Reverb"),
        (b"..\0Fx\0Fx|Delay\0\0Fx|Mono|Delay\0", "Delay"),
        (b"\0Fx|Delay\0..\0Fx|Reverb\0", ""),  # which of them is it?
        (b"\0Fx|Whatever\0 Fx|EQ\0", ""),
        (b"", ""),
    ],
)
def test_a_category_in_the_binary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, category: str
) -> None:
    path = binary(monkeypatch, tmp_path / "Old.vst3", content)
    assert vst3_classes([path]) == {path: [Vst3Class("Old", category)]}


def test_what_is_kept_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = binary(monkeypatch, tmp_path / "Old.vst3", b"\0Fx|Delay\0")
    vst3_classes([path])
    kept = json.loads((tmp_path / "cache/dialin/vst3.json").read_text())
    assert list(kept) == [str(path)]
    with monkeypatch.context() as patch:
        patch.setattr(vst3_facts, "_classes", lambda bundle: pytest.fail("read again"))
        assert vst3_classes([path])[path][0].category == "Delay"
    path.write_bytes(b"\0Fx|Reverb|Mono\0")
    assert vst3_classes([path])[path][0].category == "Reverb"


def test_categories() -> None:
    assert vst3_category("Fx|Stereo|EQ".split("|")) == "EQ"
    assert vst3_category(["Fx", ""]) == ""


@needs_vst3("ZamVerb.vst3")
@needs_lv2("mda.lv2")
def test_the_list_says_what_kind_each_effect_is() -> None:
    listed = {entry.name: entry.category for entry in list_effects(["vst3"])}
    assert (listed["ZamVerb"], listed["ZamDelay"], listed["ZamEQ2"]) == ("Reverb", "Delay", "EQ")
    listed = {entry.name: entry.category for entry in list_effects(["lv2"])}
    assert (listed["MDA Overdrive"], listed["MDA Ambience"]) == ("Distortion", "Reverb")
    named = [category for name, category in listed.items() if name.startswith("MDA")]
    assert all(named)
