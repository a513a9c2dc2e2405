"""``dialin effects`` and ``dialin presets`` in the hands of someone who makes mistakes."""

import json

import numpy as np
import pytest
import soundfile

from tests.cli.runner import dialin
from tests.plugins import MDA, needs_lv2


def refused(ran, code, *words):
    assert ran.code == code, ran.err
    assert len(ran.errors) == 1, ran.err
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.errors[0]


@pytest.mark.parametrize("command", ["list", "scan"])
def test_nothing_found_is_said(command):
    ran = dialin("effects", command, "--format", "builtin", "--search", "no [such]")
    assert ran.code == 0
    assert "no installed effect has 'no [such]'" in ran.out
    ran = dialin("effects", command, "--format", "builtin", "--search", "no such", "--json")
    assert json.loads(ran.out) == {
        "schema": 1,
        {"list": "effects", "scan": "verdicts"}[command]: [],
    }


@pytest.mark.parametrize("command", ["list", "scan"])
def test_formats_that_cannot_be_listed(command):
    refused(dialin("effects", command, "--format", "vst2"), 2, "vst2", "builtin, lv2, vst3, au")
    refused(dialin("effects", command, "--format", "faust"), 2, "faust:FILE.dsp")


@pytest.mark.parametrize(
    ("effect", "code", "words"),
    [
        ("", 4, "names no effect"),
        ("revreb", 4, "did you mean reverb"),
        ("mix:", 4, "names no effect"),
        ("chain:reverb", 4, "JSON list"),
        ("vst3:/etc/passwd", 4, "is no VST3 plugin"),
        ("nowhere.dsp", 4, "there is no Faust program"),
        ("fake:fail_load", 4, "fail_load"),
        ("fake:crash_load", 5, "leave it out"),
    ],
)
@pytest.mark.parametrize("command", ["show", "probe"])
def test_effects_that_cannot_be_shown(command, effect, code, words):
    ran = dialin("effects", command, effect)
    refused(ran, code, words)
    assert "other settings" not in ran.err


def test_a_probe_says_where_an_effect_does_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ran = dialin("effects", "probe", "builtin:delay")
    assert ran.code == 0
    rows = {line[:18].strip(): line[18:].strip() for line in ran.out.splitlines()[1:]}
    assert rows["does nothing at"] == "mix 0 %"
    assert rows["rings for"] == "0.75 s after a click"


def test_a_mixed_effect_is_shown():
    ran = dialin("effects", "show", "mix:gain")
    assert ran.code == 0 and "dry_wet" in ran.out


def test_a_scan_whose_findings_cannot_be_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    ran = dialin("effects", "scan", "--format", "builtin", "--search", "pass filter")
    assert ran.code == 0, ran.err
    assert ran.err.count("cannot be kept") == 1
    assert "builtin:lowpass" in ran.out and "kept in" not in ran.out


def write_wave(path):
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 4_000), 44_100)


def preset(**slot):
    body = {
        "uri": "builtin:gain",
        "name": "Gain",
        "format": "builtin",
        "knobs": [{"id": "gain", "native": 0.0, "normalised": 0.5}],
    }
    return {"dialin_preset": 1, "slots": [body | slot]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "no version of the format"),
        ({"dialin_preset": 2, "slots": []}, "update dialin"),
        (preset(format="vst3"), "not 'builtin'"),
        (preset(uri='chain:["gain"]'), "names no effect"),
        (preset(state="!"), "base64"),
        (preset(knobs=[{"id": "gain", "native": 0, "normalised": 0.5, "position": 7}]), "outside"),
        (preset(knobs=[{"id": "gain", "native": 0, "normalised": 0.5, "neutral": "x"}]), "finite"),
    ],
)
def test_presets_that_make_no_sense(tmp_path, body, words):
    (tmp_path / "p.json").write_text(json.dumps(body))
    for command in ("show", "check"):
        refused(dialin("presets", command, tmp_path / "p.json"), 6, words)


def test_things_that_are_no_presets(tmp_path):
    (tmp_path / "sound.wav").write_bytes(b"RIFF\xff\xfe")
    refused(dialin("presets", "show", tmp_path / "sound.wav"), 6, "it is no text")
    refused(dialin("presets", "show", tmp_path), 6, "dialin match wrote")
    refused(dialin("presets", "show", tmp_path / "none.json"), 6, "there is no preset")


def test_exports_that_cannot_be(tmp_path):
    file = tmp_path / "p.json"
    file.write_text(json.dumps(preset()))
    refused(dialin("presets", "export", file, "--to", "logic"), 2, "none of vstpreset, lv2, reaper")
    refused(dialin("presets", "export", file, "--to", "lv2"), 6, "only builtin effects")
    file.write_text(json.dumps({"dialin_preset": 1, "slots": []}))
    refused(dialin("presets", "export", file, "--to", "lv2"), 6, "holds no effect at all;")


@needs_lv2("mda.lv2")
def test_exports_are_named_and_not_overwritten(tmp_path):
    knobs = [{"id": k, "native": 0.5, "normalised": 0.5} for k in ("drive", "muffle", "output")]
    file = tmp_path / "p.json"
    file.write_text(
        json.dumps(preset(uri=f"lv2:{MDA}Overdrive", name="MDA", format="lv2", knobs=knobs))
    )
    command = ("presets", "export", file, "--to", "lv2", "-o", tmp_path, "--name", "../Warm one")
    assert dialin(*command).code == 0
    assert (tmp_path / "Warm-one.lv2" / "manifest.ttl").exists()
    refused(dialin(*command), 7, "--overwrite")
    assert dialin(*command, "--overwrite").code == 0


def test_favourites_are_made_shown_used_and_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    ran = dialin("effects", "list", "--favourites")
    assert ran.code == 0 and "no favourites yet" in ran.out
    ran = dialin("effects", "favourite", "warm room", "compressor", "Low shelf")
    assert ran.code == 0, ran.err
    assert "warm room is builtin:compressor > builtin:lowshelf" in ran.out
    ran = dialin("effects", "list", "--favourites", "--json")
    assert json.loads(ran.out)["favourites"] == [
        {"name": "warm room", "effects": ["builtin:compressor", "builtin:lowshelf"]}
    ]
    ran = dialin("effects", "show", "Warm Room")
    assert ran.code == 0 and "lowshelf.gain" in ran.out
    refused(dialin("effects", "favourite", "warm room", "gain"), 2, "already", "--overwrite")
    refused(dialin("effects", "favourite", "x"), 2, "--remove")
    refused(dialin("effects", "favourite", "x", "revreb"), 4, "did you mean reverb")
    assert dialin("effects", "favourite", "warm room", "gain", "--overwrite").code == 0
    assert dialin("effects", "favourite", "WARM ROOM", "--remove").code == 0
    assert "no favourites yet" in dialin("effects", "list", "--favourites").out
    refused(dialin("effects", "favourite", "warm room", "--remove"), 2, "no favourite")


def test_a_configuration_that_makes_no_sense_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "dialin").mkdir()
    (tmp_path / "dialin/config.toml").write_text("[favourite]")
    refused(dialin("effects", "show", "no such"), 2, "config.toml", "'favourite'")
    # URIs need no names.
    assert dialin("effects", "show", "builtin:gain").code == 0


@needs_lv2("mda.lv2")
def test_effects_are_called_as_the_list_prints_them():
    ran = dialin("effects", "show", "mda overdrive")
    assert ran.code == 0 and f"lv2:{MDA}Overdrive" in ran.out


def test_a_preset_with_code_of_its_own_asks(tmp_path):
    (tmp_path / "half.dsp").write_text('process = *(hslider("gain", 0.5, 0, 1, 0.01));')
    file = tmp_path / "p.json"
    body = preset(uri=f"faust:{tmp_path / 'half.dsp'}", format="faust")
    file.write_text(json.dumps(body))
    # It may be looked at, but its program is compiled only with the user's word.
    assert dialin("presets", "show", file).code == 0
    refused(dialin("presets", "check", file), 6, "half.dsp", "--trust")
    assert dialin("presets", "check", file, "--trust").code == 0
    write_wave(tmp_path / "in.wav")
    refused(dialin("apply", file, tmp_path / "in.wav", "-o", tmp_path / "out"), 6, "--trust")
    assert not (tmp_path / "out").exists()
    command = ("apply", file, tmp_path / "in.wav", "-o", tmp_path / "out", "--trust")
    assert dialin(*command).code == 0
