"""The script for REAPER does what it should, as far as a stand-in for REAPER can tell."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialin.presets.export import export_preset
from dialin.presets.jsfx import jsfx
from dialin.presets.preset import Preset, PresetKnob, PresetSlot
from tests.plugins import REQUIRED, needs_lv2
from tests.presets.test_preset import made

LUA = shutil.which("lua5.3") or shutil.which("lua")
needs_lua = pytest.mark.skipif(LUA is None and not REQUIRED, reason="no Lua is installed")

# A table of the calls that the script makes, which writes down what was done to the track.
STAND_IN = """
local plugins = dofile("plugins.lua")
local track, log, wet = {}, {}, {}
local function note(...) log[#log + 1] = table.concat({...}, " ") end
reaper = {
  ShowConsoleMsg = function(text) note("say", (text:gsub("\\n", ""))) end,
  CountSelectedTracks = function() return 1 end,
  GetSelectedTrack = function() return track end,
  Undo_BeginBlock = function() end, Undo_EndBlock = function(name) note("undo", name) end,
  GetResourcePath = function() return "." end,
  RecursiveCreateDirectory = function(path) os.execute("mkdir -p '" .. path .. "'") end,
  TrackFX_AddByName = function(_, name)
    if not plugins[name] then return -1 end
    track[#track + 1] = plugins[name]
    note("add", #track - 1, name)
    return #track - 1
  end,
  TrackFX_GetNumParams = function(_, fx) return #track[fx + 1].names end,
  TrackFX_GetParamName = function(_, fx, p)
    local name = track[fx + 1].names[p + 1]
    return name ~= nil, name or ""
  end,
  TrackFX_SetParamNormalized = function(_, fx, p, v) note("set", fx, p, v) end,
  TrackFX_SetParam = function(_, fx, p, v) note("native", fx, p, v) end,
  TrackFX_GetParamFromIdent = function(_, fx, ident) return ident == ":wet" and 99 or -1 end,
  TrackFX_GetIOSize = function(_, fx) return true, track[fx + 1].ins, track[fx + 1].outs end,
  TrackFX_SetPinMappings = function(_, fx, out, pin, low, high)
    note("pin", fx, out, pin, low, high)
  end,
}
dofile(arg[1])
for _, line in ipairs(log) do print(line) end
"""


def run(preset: Preset, folder: Path, plugins: dict[str, tuple[list[str], int, int]]) -> list[str]:
    """What the script does where these plugins are installed: names, input and output pins."""
    exported = export_preset(preset, "reaper", folder, name="My chain", overwrite=True)
    script = next(path for path in exported if path.suffix == ".lua")
    rows = [
        f"[{json.dumps(name)}] = {{ names = {{ {', '.join(map(json.dumps, names))} }}, "
        f"ins = {ins}, outs = {outs} }},"
        for name, (names, ins, outs) in plugins.items()
    ]
    (folder / "plugins.lua").write_text("\n".join(["return {", *rows, "}"]))
    (folder / "reaper.lua").write_text(STAND_IN)
    assert LUA is not None
    done = subprocess.run(
        [LUA, "reaper.lua", script.name], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "undo My chain"
    return done.stdout.splitlines()[:-1]


def knob(name: str, at: float, **options: Any) -> PresetKnob:
    id = options.pop("id", name.lower())
    return PresetKnob(id, name, "", at, at, f"{at}", position=at, **options)


def slot(*knobs: PresetKnob, channels: int = 2) -> PresetSlot:
    return PresetSlot("vst3:/x/Tube.vst3", "Tube", "vst3", knobs, channels=channels)


@needs_lua
def test_knobs_are_set_by_number(tmp_path: Path) -> None:
    preset = Preset((slot(knob("Gain", 0.25, index=1), knob("Tone", 0.5, index=2)),))
    log = run(preset, tmp_path, {"VST3:Tube": (["Bypass", "gain ", "Tone", "Wet"], 2, 2)})
    assert log == ["add 0 VST3:Tube", "set 0 1 0.25", "set 0 2 0.5"]


@needs_lua
def test_knobs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    knobs = (
        knob("Level", 0.1, index=0, id="a"),
        knob("Level (b)", 0.2, index=1, id="b", title="Level"),
        knob("Level (c)", 0.3, index=3, id="c", title="Level"),
    )
    names = ["Level", "Level", "Tone", "Level"]
    log = run(Preset((slot(*knobs),)), tmp_path, {"VST3:Tube": (names, 2, 2)})
    assert log[1:] == ["set 0 0 0.1", "set 0 1 0.2", "set 0 3 0.3"]
    # Where the host counts otherwise: by name, the first to the last of it.
    log = run(Preset((slot(*knobs),)), tmp_path, {"VST3:Tube": (["X", *names], 2, 2)})
    assert log[1:] == ["set 0 1 0.1", "set 0 1 0.2", "set 0 4 0.3"] or log[1:] == [
        "set 0 1 0.1",
        "set 0 2 0.2",
        "set 0 4 0.3",
    ]
    # Where some are missing it is said, not guessed.
    log = run(Preset((slot(*knobs),)), tmp_path, {"VST3:Tube": (["X", "Y", "Z", "Level"], 2, 2)})
    assert [line.split(" by hand")[0] for line in log[1:3]] == [
        "say Tube: set Level to 0.1",
        "say Tube: set Level to 0.2",
    ]


@needs_lua
def test_presets_from_before_knobs_had_numbers(tmp_path: Path) -> None:
    knobs = (knob("Gain", 0.1, id="gain"), knob("Gain (2)", 0.2, id="gain_2"))
    log = run(Preset((slot(*knobs),)), tmp_path, {"VST3:Tube": (["Gain", "X", "Gain"], 2, 2)})
    assert log[1:] == ["set 0 0 0.1", "set 0 2 0.2"]


@needs_lua
def test_mono_plugins_stand_for_left_and_right(tmp_path: Path) -> None:
    preset = Preset((slot(knob("Gain", 0.25, index=0), channels=1),))
    log = run(preset, tmp_path, {"VST3:Tube": (["Gain"], 1, 1)})
    assert log == [
        "add 0 VST3:Tube", "pin 0 0 0 1 0", "pin 0 1 0 1 0", "set 0 0 0.25",
        "add 1 VST3:Tube", "pin 1 0 0 2 0", "pin 1 1 0 2 0", "set 1 0 0.25",
    ]  # fmt: skip
    # A side chain hears nothing, and of two outputs each side keeps its own.
    log = run(preset, tmp_path, {"VST3:Tube": (["Gain"], 2, 2)})
    pins = [line for line in log if line.startswith("pin")]
    assert pins == [
        "pin 0 0 0 1 0", "pin 0 0 1 0 0", "pin 0 1 0 1 0", "pin 0 1 1 0 0",
        "pin 1 0 0 2 0", "pin 1 0 1 0 0", "pin 1 1 0 0 0", "pin 1 1 1 2 0",
    ]  # fmt: skip


@needs_lua
def test_built_ins_come_along(tmp_path: Path) -> None:
    preset = made("builtin:peak", "builtin:reverb", seed=2)
    names = ["Frequency (Hz)", "Gain (dB)", "Q"]
    log = run(preset, tmp_path, {
        "JS:dialin/peak.jsfx": (names, 2, 2),
        "JS:dialin/reverb.jsfx": (["Room size (%)", "Damping (%)", "Width (%)", "Wet (%)",
                                   "Dry (%)"], 2, 2),
    })  # fmt: skip
    values = [knob.native for slot in preset.slots for knob in slot.knobs]
    found = [line.split() for line in log if line.startswith("native")]
    assert [(int(fx), int(p)) for _, fx, p, _ in found] == [
        *((0, n) for n in range(3)),
        *((1, n) for n in range(5)),
    ]
    assert [float(v) for *_, v in found] == pytest.approx(values)
    assert (tmp_path / "Effects/dialin/peak.jsfx").read_text() == jsfx("peak")


@needs_lua
def test_what_is_missing_is_said(tmp_path: Path) -> None:
    preset = Preset((slot(knob("Gain", 0.25)), *made("builtin:chorus").slots))
    log = run(preset, tmp_path, {})
    assert log[0].startswith("say left out: the built-in Chorus has no twin in REAPER")
    assert log[1:] == ["say not installed: Tube"]


@needs_lua
def test_mixes(tmp_path: Path) -> None:
    inner = slot(knob("Gain", 0.25, index=0))
    mix = knob("Dry/wet", 0.4, id="dry_wet")
    mixed = replace(inner, uri=f"mix:{inner.uri}", format="mix", knobs=(*inner.knobs, mix))
    log = run(Preset((mixed,)), tmp_path, {"VST3:Tube": (["Gain"], 2, 2)})
    assert log == ["add 0 VST3:Tube", "set 0 0 0.25", "set 0 99 0.4"]


@needs_lua
@needs_lv2("calf.lv2")
def test_a_plugin_many_of_whose_knobs_share_their_names(tmp_path: Path) -> None:
    from dialin.effects.lilv import installed

    uri = "http://calf.sourceforge.net/plugins/Saturator"
    preset = made(f"lv2:{uri}", seed=3)
    plugin = installed().plugin(uri)
    assert plugin is not None
    controls = [port for port in plugin.ports if port.kind == "control" and port.is_input]
    names = [port.name for port in controls]
    assert len(set(names)) < len(names)
    log = run(preset, tmp_path, {f"LV2:{uri}": (names, 2, 2)})
    found = {int(p): float(v) for _, fx, p, v in (s.split() for s in log if s.startswith("set"))}
    (slot,) = preset.slots
    assert len(found) == len(slot.knobs)
    for each in slot.knobs:
        (place,) = [n for n, port in enumerate(controls) if port.symbol == each.id]
        assert found[place] == pytest.approx(each.position)
