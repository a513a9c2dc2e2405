"""Presets find their plugins where they lie now, and load no stranger's code unasked."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dialin.errors import PresetError
from dialin.matching import apply_preset
from dialin.matching.fit import render_audio
from dialin.presets import whereabouts
from dialin.presets.preset import Preset, PresetKnob, PresetSlot
from dialin.presets.whereabouts import check_trust, located, untrusted
from tests.effects.streams import noise
from tests.plugins import needs_vst3, vst3_path
from tests.presets.test_preset import made

KNOB = PresetKnob("gain", "Gain", "dB", 0.0, 0.5, "0 dB")


def naming(*uris: str, origin: Path | None = None, trusted: bool = False) -> Preset:
    slots = tuple(PresetSlot(uri, "X", uri.partition(":")[0], (KNOB,)) for uri in uris)
    return Preset(slots, origin=origin, trusted=trusted)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only usual plugin folder."""
    usual = tmp_path / "usual"
    usual.mkdir()
    monkeypatch.setattr(whereabouts, "vst3_folders", lambda: [usual])
    monkeypatch.setattr("dialin.effects.vst3_files.vst3_folders", lambda: [usual])
    return usual


@pytest.mark.parametrize(
    ("uri", "asks"),
    [
        ("vst3:{usual}/Tube.vst3", False),
        ("vst3:{usual}/maker/Tube.vst3#Big", False),
        ("vst3:Tube", False),
        ("vst3:{usual}/../else/Tube.vst3", True),
        ("vst3:{usual}more/Tube.vst3", True),
        ("vst3:/home/x/Tube.vst3", True),
        ("vst3:~/Tube.vst3", True),
        ("vst3:./Tube.vst3", True),
        ("mix:vst3:/home/x/Tube.vst3", True),
        ("mix:mix:faust:x.dsp", True),
        ('mix:chain:["gain","faust:x.dsp"]', True),
        ("faust:/x/y.dsp", True),
        ("builtin:reverb", False),
        ("lv2:urn:x", False),
    ],
)
def test_what_asks(folder: Path, uri: str, asks: bool) -> None:
    uri = uri.replace("{usual}", str(folder))
    preset = naming(uri, "builtin:gain")
    assert bool(untrusted(preset)) is asks
    assert not untrusted(replace(preset, trusted=True))
    if asks:
        with pytest.raises(PresetError, match=r"would load code from .*--trust"):
            check_trust(preset)
    else:
        check_trust(preset)


def test_a_bare_name_that_is_a_file_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Tube.vst3").mkdir()
    monkeypatch.chdir(tmp_path)
    assert untrusted(naming("vst3:Tube.vst3"))


FAUST = 'process = *(hslider("gain", 0.5, 0, 1, 0.01));'


def faust_preset(tmp_path: Path) -> Path:
    (tmp_path / "half.dsp").write_text(FAUST)
    return made(f"faust:{tmp_path / 'half.dsp'}", seed=1).save(tmp_path / "preset.json")


def test_a_faust_preset_asks_before_anything_is_compiled(tmp_path: Path) -> None:
    file = faust_preset(tmp_path)
    audio = noise(1, 1_000)
    with pytest.raises(PresetError, match=r"preset\.json' would load code .*half\.dsp.*--trust"):
        render_audio(Preset.load(file), audio, 44_100)
    sound = tmp_path / "in.wav"
    import soundfile

    soundfile.write(sound, audio.T, 44_100)
    with pytest.raises(PresetError, match="--trust"):
        apply_preset(file, [sound], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    wet = render_audio(Preset.load(file, trust=True), audio, 44_100)
    np.testing.assert_allclose(wet, audio * Preset.load(file).slots[0].knobs[0].native, atol=1e-6)
    assert apply_preset(file, [sound], tmp_path / "out", trust=True)


def test_a_preset_made_here_asks_nothing(tmp_path: Path) -> None:
    (tmp_path / "half.dsp").write_text(FAUST)
    assert not untrusted(made(f"faust:{tmp_path / 'half.dsp'}"))


def test_a_faust_program_beside_its_preset(tmp_path: Path) -> None:
    file = faust_preset(tmp_path)
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "half.dsp").rename(moved / "half.dsp")
    file.rename(moved / "preset.json")
    preset, notes = located(Preset.load(moved / "preset.json"))
    assert preset.slots[0].uri == f"faust:{moved / 'half.dsp'}"
    assert "is not there" in notes[0]
    audio = noise(1, 1_000)
    trusted = Preset.load(moved / "preset.json", trust=True)
    wet = render_audio(trusted, audio, 44_100)
    np.testing.assert_allclose(wet, audio * trusted.slots[0].knobs[0].native, atol=1e-6)


@needs_vst3("ZamTube.vst3")
def test_a_plugin_that_was_moved(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(vst3_path("ZamTube.vst3"), folder / "ZamTube.vst3")
    slot = made(f"vst3:{vst3_path('ZamTube.vst3')}").slots[0]
    assert (slot.file, slot.plugin_id[:4]) == ("ZamTube.vst3", slot.state[8:12].decode())
    gone = replace(slot, uri="vst3:/Users/x/Library/Audio/ZamTube.vst3")
    preset, notes = located(Preset((gone,)))
    assert preset.slots[0].uri == f"vst3:{folder}/ZamTube.vst3"
    assert notes == (
        f"/Users/x/Library/Audio/ZamTube.vst3 is not there; {folder}/ZamTube.vst3 is taken in its "
        "place",
    )
    # Windows paths too, and inside a mix.
    windows = replace(gone, uri=r"mix:vst3:C:\Program Files\Common Files\VST3\ZamTube.vst3")
    assert located(Preset((windows,)))[0].slots[0].uri == f"mix:vst3:{folder}/ZamTube.vst3"
    # Of two of one name the one with the preset's hash is taken,
    (folder / "a").mkdir()
    shutil.copytree(folder / "ZamTube.vst3", folder / "a" / "ZamTube.vst3")
    for binary in (folder / "a").rglob("*.so"):
        binary.write_bytes(binary.read_bytes() + b"another build")
    assert located(Preset((gone,)))[0].slots[0].uri == f"vst3:{folder}/ZamTube.vst3"
    # and one of another name if its hash is the preset's.
    (folder / "ZamTube.vst3").rename(folder / "Renamed.vst3")
    for binary in (folder / "Renamed.vst3").rglob("*.so"):
        binary.rename(binary.with_name("Renamed.so"))
    shutil.rmtree(folder / "a")
    assert located(Preset((gone,)))[0].slots[0].uri == f"vst3:{folder}/Renamed.vst3"
    # What is nowhere stays, and opening it says so.
    shutil.rmtree(folder / "Renamed.vst3")
    assert located(Preset((gone,))) == (Preset((gone,)), ())


@needs_vst3("ZamTube.vst3")
def test_a_moved_plugin_sounds_the_same(tmp_path: Path) -> None:
    preset = made(f"vst3:{vst3_path('ZamTube.vst3')}", seed=4)
    data = json.loads(json.dumps(preset.to_dict()))
    data["slots"][0]["uri"] = "vst3:/nowhere/ZamTube.vst3"
    (tmp_path / "p.json").write_text(json.dumps(data))
    audio = noise(1, 4_000)
    moved = Preset.load(tmp_path / "p.json")
    np.testing.assert_array_equal(
        render_audio(moved, audio, 44_100), render_audio(preset, audio, 44_100)
    )
