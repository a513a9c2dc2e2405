"""Native presets are listened to, and one that sounds different is found."""

from dataclasses import replace
from pathlib import Path

import pytest

from dialin.presets.export import Exported, export_preset
from dialin.presets.preset import Preset
from dialin.presets.verify import verify_export
from tests.plugins import MDA, needs_lv2, needs_vst3, vst3_path
from tests.presets.test_preset import made


@needs_vst3("ZamDelay.vst3")
@needs_vst3("ZamAutoSat.vst3")
def test_vst3_presets(tmp_path: Path) -> None:
    uris = [f"vst3:{vst3_path(f'{name}.vst3')}" for name in ("ZamDelay", "ZamAutoSat")]
    preset = made(*uris, seed=1)
    exported = export_preset(preset, "vstpreset", tmp_path)
    # A plugin without knobs, whose empty state its own host refuses, needs none.
    assert [path.name for path in exported] == ["zamdelay.vstpreset"]
    assert "ZamAutoSat has no knobs and keeps no state" in exported.notes[0]
    (delay,) = verify_export(preset, exported).values()
    assert delay.same is True, delay
    # Another one's state in the file.
    other = made(uris[0], seed=2)
    exported[0].write_bytes(other.slots[0].state or b"")
    assert verify_export(preset, exported)[exported[0]].same is False
    exported[0].write_bytes(b"VST3 nonsense")
    verdict = verify_export(preset, exported)[exported[0]]
    assert verdict.same is False


@needs_lv2("mda.lv2")
def test_lv2_presets(tmp_path: Path) -> None:
    uri = f"lv2:{MDA}Overdrive"
    preset = made(uri, uri, seed=1)
    exported = export_preset(preset, "lv2", tmp_path, name="#1 50% é")
    first, second = verify_export(preset, exported).values()
    assert first.same is True and second.same is True, (first, second)
    file = exported[0]
    file.write_text(file.read_text().replace("pset:value 0.", "pset:value 1.", 1))
    assert verify_export(preset, exported)[file].same is False
    file.write_text("nonsense")
    assert "finds no value of" in verify_export(preset, exported)[file].text


def test_nothing_to_verify(tmp_path: Path) -> None:
    exported = export_preset(made("builtin:gain"), "reaper", tmp_path)
    assert verify_export(made("builtin:gain"), exported) == {}


def test_code_is_not_loaded_unasked(tmp_path: Path) -> None:
    (slot,) = made("builtin:gain").slots
    slot = replace(slot, uri="vst3:/x/Tube.vst3", format="vst3", state=b"VST3")
    preset = Preset((slot,), trusted=False)
    exported = export_preset(preset, "vstpreset", tmp_path)
    assert isinstance(exported, Exported)
    assert "--trust" in verify_export(preset, exported)[exported[0]].text
    trusted = replace(preset, trusted=True)
    assert verify_export(trusted, exported)[exported[0]].same is False


def test_verdicts_can_be_told() -> None:
    with pytest.raises(IndexError):
        Exported(())[0]
