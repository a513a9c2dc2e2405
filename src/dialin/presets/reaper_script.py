"""A ReaScript that builds a chain in REAPER: effects, channels, and where every knob stands.

The script asks REAPER for each parameter by its number and checks the name that stands there; if
it is another one (plugins count differently in different formats), it is looked for by its name,
as the n-th of that name. What cannot be told apart or is not there is said, never guessed.

* Mono plugins stand twice, for left and right, each connected to its side, as dialin runs them.
* Built-ins are written as JSFX (`dialin.presets.jsfx`) into REAPER's ``Effects/dialin`` folder.
* ``mix:`` becomes REAPER's own wet/dry knob of the effect.
* What REAPER cannot run (Faust programs, built-ins without a JSFX) is told when it is run.

Source: REAPER's ReaScript API (reaper.fm/sdk/reascript): TrackFX_AddByName, GetParamName,
SetParamNormalized, SetParam, GetParamFromIdent (``:wet``), GetIOSize, SetPinMappings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dialin.effects.builtin_table import BUILTINS
from dialin.effects.uri import parse_uri
from dialin.effects.vst3_files import split_vst3
from dialin.presets.jsfx import WITHOUT, can_become_jsfx, jsfx, sliders
from dialin.presets.preset import PresetKnob, PresetSlot

_RUN = r"""
local function say(text) reaper.ShowConsoleMsg(text .. "\n") end

local function plain(text) return (text:lower():gsub("^%s+", ""):gsub("%s+$", "")) end

-- Number of a parameter: as the preset counts, if the name is right there, or by its name.
local function find(track, fx, knob)
  local function name_at(p)
    local there, name = reaper.TrackFX_GetParamName(track, fx, p, "")
    return there and plain(name) or nil
  end
  local wanted = plain(knob.name)
  local count = reaper.TrackFX_GetNumParams(track, fx)
  if knob.index >= 0 and knob.index < count and name_at(knob.index) == wanted then
    return knob.index
  end
  local matches = {}
  for p = 0, count - 1 do
    if name_at(p) == wanted then matches[#matches + 1] = p end
  end
  if #matches == knob.of then return matches[knob.nth] end
  return nil, #matches
end

local function add(track, effect)
  for _, name in ipairs(effect.add) do
    local fx = reaper.TrackFX_AddByName(track, name, false, -1)
    if fx >= 0 then return fx end
  end
  return -1
end

-- Connect the pins of a plugin: side 1 is left, 2 right, 0 both.
local function connect(track, fx, side)
  local _, ins, outs = reaper.TrackFX_GetIOSize(track, fx)
  if side == 0 then
    if outs == 1 then reaper.TrackFX_SetPinMappings(track, fx, 1, 0, 3, 0) end
    return
  end
  for pin = 0, ins - 1 do
    reaper.TrackFX_SetPinMappings(track, fx, 0, pin, pin == 0 and side or 0, 0)
  end
  -- One that makes two channels of one gives each side its own.
  local from = (outs > 1 and side == 2) and 1 or 0
  for pin = 0, outs - 1 do
    reaper.TrackFX_SetPinMappings(track, fx, 1, pin, pin == from and side or 0, 0)
  end
end

local function set(track, fx, effect)
  local failed = 0
  for _, knob in ipairs(effect.knobs) do
    local p, count = find(track, fx, knob)
    if p then
      if effect.native then
        reaper.TrackFX_SetParam(track, fx, p, knob.value)
      else
        reaper.TrackFX_SetParamNormalized(track, fx, p, knob.value)
      end
    else
      failed = failed + 1
      say(effect.name .. ": set " .. knob.name .. " to " .. knob.text .. " by hand (" ..
        count .. " knobs of that name)")
    end
  end
  if effect.wet < 1 then
    local p = reaper.TrackFX_GetParamFromIdent(track, fx, ":wet")
    if p >= 0 then
      reaper.TrackFX_SetParamNormalized(track, fx, p, effect.wet)
    else
      say(effect.name .. ": set wet/dry to " .. 100 * effect.wet .. " % by hand")
    end
  end
  return failed
end

local function write_jsfx()
  for name, text in pairs(jsfx) do
    local folder = reaper.GetResourcePath() .. "/Effects/dialin"
    reaper.RecursiveCreateDirectory(folder, 0)
    local path = folder .. "/" .. name .. ".jsfx"
    local file, why = io.open(path, "wb")
    if file then
      file:write(text)
      file:close()
    else
      say("cannot write " .. path .. ": " .. why)
    end
  end
end

local tracks = reaper.CountSelectedTracks(0)
if tracks == 0 then say("select the tracks that the chain is for, and run this again") end
reaper.Undo_BeginBlock()
write_jsfx()
for _, text in ipairs(missing) do say(text) end
for t = 0, tracks - 1 do
  local track = reaper.GetSelectedTrack(0, t)
  for _, effect in ipairs(chain) do
    for _, side in ipairs(effect.sides) do
      local fx = add(track, effect)
      if fx < 0 then
        say("not installed: " .. effect.name)
        break
      end
      connect(track, fx, side)
      set(track, fx, effect)
    end
  end
end
"""


@dataclass(frozen=True)
class ReaperSlot:
    """One slot of a chain as REAPER is to have it.

    Attributes
    ----------
    slot : PresetSlot
        Of the effect itself, without ``mix:``.
    wet : float
        Share of its output, 0 to 1.
    """

    slot: PresetSlot
    wet: float = 1.0


def why_not_in_reaper(slot: PresetSlot) -> str:
    """Why REAPER cannot have an effect, and what comes near it; empty where it can.

    Parameters
    ----------
    slot : PresetSlot
        Of a preset.

    Returns
    -------
    str
    """
    format, rest = parse_uri(slot.uri)
    if format in ("vst3", "lv2", "au"):
        return ""
    if format == "builtin":
        if can_become_jsfx(rest):
            return ""
        return f"the built-in {slot.name} has no twin in REAPER; nearest is {WITHOUT[rest]}"
    if format == "faust":
        return (
            f"the Faust program {slot.name} runs in dialin only; compiled with faust2jack, "
            "faust2lv2 or as VST3 it can be loaded"
        )
    return f"{slot.name} ({format}) runs in dialin only"


def script(chain: Sequence[ReaperSlot], name: str, missing: Sequence[str] = ()) -> str:
    """ReaScript that puts a chain on the selected tracks and sets every knob.

    Parameters
    ----------
    chain : sequence of ReaperSlot
        Effects in order.
    name : str
        Of the chain.
    missing : sequence of str
        What the script says when it is run: effects that are not in it.

    Returns
    -------
    str
    """
    lines = [
        f"-- {one_line(name)}: a chain found by dialin. Load it in REAPER's action list",
        "-- (New action > Load ReaScript) and run it with tracks selected: it adds the effects",
        "-- and sets their knobs.",
        "local missing = {",
        *(f"  {literal(text)}," for text in missing),
        "}",
        "local jsfx = {}",
    ]
    built_in = {parse_uri(item.slot.uri)[1] for item in chain if item.slot.format == "builtin"}
    for each in sorted(built_in):
        lines += [f"jsfx[{literal(each)}] = [==[", jsfx(each) + "]==]"]
    lines.append("local chain = {")
    for item in chain:
        lines += _effect(item)
    lines += ["}", _RUN.strip(), f"reaper.Undo_EndBlock({literal(name)}, -1)", ""]
    return "\n".join(lines)


def _effect(item: ReaperSlot) -> list[str]:
    slot = item.slot
    format, rest = parse_uri(slot.uri)
    sides = "1, 2" if slot.channels == 1 and format != "builtin" else "0"
    head = (
        f"  {{ name = {literal(slot.name)}, sides = {{ {sides} }}, wet = {item.wet!r}, "
        f"native = {str(format == 'builtin').lower()},"
    )
    added = ", ".join(literal(each) for each in _names(slot, format, rest))
    lines = [head, f"    add = {{ {added} }}, knobs = {{"]
    for knob, (title, index, nth, of) in zip(slot.knobs, _titles(slot, format, rest), strict=True):
        value = knob.normalised if knob.position is None else knob.position
        if format == "builtin":
            value = knob.native
        lines.append(
            f"    {{ index = {index}, name = {literal(title)}, nth = {nth}, of = {of}, "
            f"value = {value!r}, text = {literal(knob.text)} }},"
        )
    return [*lines, "  } },"]


def _names(slot: PresetSlot, format: str, rest: str) -> list[str]:
    """What REAPER may know an effect by, the surest first."""
    if format == "builtin":
        return [f"JS:dialin/{rest}.jsfx", f"JS:dialin {BUILTINS[rest].title}"]
    if format == "lv2":
        return [f"LV2:{rest}", f"LV2:{slot.name}"]
    if format == "au":
        return [f"AU:{slot.name}"]
    path = split_vst3(rest)[0].replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    stem = re.sub(r"\.vst3$", "", path, flags=re.IGNORECASE)
    return list(dict.fromkeys([f"VST3:{slot.name}", f"VST3:{stem}"]))


def _titles(slot: PresetSlot, format: str, rest: str) -> list[tuple[str, int, int, int]]:
    """For each knob what the host calls it, its number there, and which of how many of the name."""
    if format == "builtin":
        order = list(sliders(rest))
        parameters = {k.parameter.id: k.parameter for k in BUILTINS[rest].knobs}
        result = []
        for knob in slot.knobs:
            p = parameters[knob.id]
            unit = f" ({p.unit})" if p.unit else ""
            result.append((f"{p.name}{unit}", order.index(knob.id), 1, 1))
        return result
    titles = [_title(knob) for knob in slot.knobs]
    result = []
    for number, (knob, title) in enumerate(zip(slot.knobs, titles, strict=True)):
        same = [n for n, other in enumerate(titles) if other.casefold() == title.casefold()]
        index = -1 if knob.index is None else knob.index
        result.append((title, index, same.index(number) + 1, len(same)))
    return result


def _title(knob: PresetKnob) -> str:
    if knob.title:
        return knob.title
    # Presets of before: knobs of one name were numbered, the first excepted.
    number = re.search(r"_(\d+)$", knob.id)
    ending = f" ({number[1]})" if number else ""
    return knob.name.removesuffix(ending) if ending else knob.name


def literal(text: str) -> str:
    """Text as a literal that Lua and Turtle read alike.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        With its quotes.
    """
    escaped = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def one_line(text: str) -> str:
    """Text without line breaks and control characters.

    Presets are passed around: a line break in a knob's text would end a comment of the script,
    and what follows would run in REAPER.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        As long; each such character becomes a space.
    """
    return "".join(c if c.isprintable() else " " for c in text)
