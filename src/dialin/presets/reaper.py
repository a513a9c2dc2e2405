"""Chains for REAPER: FX-chain files (``.RfxChain``).

An FX chain holds VST3 plugins with their whole state, as REAPER itself would save it:

::

    BYPASS 0 0 0
    <VST "VST3: Name" Name.vst3 0 "" NUMBER{CLASS ID} ""
      header, state and names, each in Base64 in lines of at most 128 characters
    >
    WAK 0 0

Header (little-endian): the number; 0xFEED5EEE; count of input pins and for each a 64-bit mask of
track channels; the same for outputs; length of the state; 1; 0x0010FFFF. State: length, 1, the
component's bytes; length, 0, the controller's bytes. Names: of program and preset, each ending in
0, then 16. NUMBER is the 32-bit FNV-1a hash of the class id in Microsoft's byte order without its
top bit.

Sources: REAPER's format is not documented by its maker. The layout is described in issue 2 of
CharlesHolbrow/vst-chunk-inspector; it agrees with that project's ``simple.RPP``, saved by REAPER
6.13 on macOS, and with published FX chains saved on Windows, as the hash does with six plugins in
such files. The state's bytes come out of a ``.vstpreset`` file (Steinberg, "VST 3 preset format").
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from dialin.effects.uri import parse_uri
from dialin.effects.vst3_files import split_vst3
from dialin.errors import PresetError
from dialin.presets.preset import PresetSlot
from dialin.presets.reaper_script import one_line

_MAGIC = 0xFEED5EEE
_NO_PROGRAM = 0x0010FFFF
_LINE = 128


@dataclass(frozen=True)
class VstPreset:
    """What a ``.vstpreset`` file holds.

    Attributes
    ----------
    class_id : str
        32 hexadecimal digits.
    component, controller : bytes
        States of the plugin's two halves; the second is often empty.
    """

    class_id: str
    component: bytes
    controller: bytes


def read_vstpreset(data: bytes, name: str) -> VstPreset:
    """Take a ``.vstpreset`` file apart.

    Parameters
    ----------
    data : bytes
        The file's content.
    name : str
        Of the plugin, for the message.

    Returns
    -------
    VstPreset

    Raises
    ------
    PresetError
        If it is none, or cut short.
    """
    try:
        magic, _, class_id, offset = struct.unpack_from("<4sI32sq", data)
        mark, count = struct.unpack_from("<4sI", data, offset)
        number = class_id.decode("ascii")
        int(number, 16)
        if magic != b"VST3" or mark != b"List":
            raise ValueError("its marks are missing")
        parts = {}
        for entry in range(count):
            id, start, size = struct.unpack_from("<4sqq", data, offset + 8 + 20 * entry)
            if start < 0 or size < 0 or start + size > len(data):
                raise ValueError("it is cut short")
            parts[id] = data[start : start + size]
        return VstPreset(number.upper(), parts[b"Comp"], parts.get(b"Cont", b""))
    except (struct.error, ValueError, KeyError) as error:
        raise PresetError(
            f"the preset's state of {name} is no VST3 preset ({error}); "
            "match again with the plugin installed"
        ) from error


def vst3_number(class_id: str) -> int:
    """REAPER's number of a VST3 plugin.

    >>> vst3_number("5653545344656C237473746572656F20")
    1997878177

    Parameters
    ----------
    class_id : str
        32 hexadecimal digits.

    Returns
    -------
    int
        31 bits.
    """
    raw = bytes.fromhex(class_id)
    # The first three fields of Microsoft's GUIDs are numbers, kept little-endian.
    swapped = raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]
    number = 0x811C9DC5
    for byte in swapped:
        number = (number ^ byte) * 0x01000193 & 0xFFFFFFFF
    return number & 0x7FFFFFFF


def vst3_blocks(preset: VstPreset, inputs: Sequence[int], outputs: Sequence[int]) -> list[bytes]:
    """Header, state and names of a plugin.

    Parameters
    ----------
    preset : VstPreset
        From `read_vstpreset`.
    inputs, outputs : sequence of int
        For each pin the mask of the track's channels it is connected to.

    Returns
    -------
    list of bytes
    """
    component, controller = preset.component, preset.controller
    state = struct.pack("<II", len(component), 1) + component
    state += struct.pack("<II", len(controller), 0) + controller
    header = struct.pack("<II", vst3_number(preset.class_id), _MAGIC)
    for pins in (inputs, outputs):
        header += struct.pack(f"<I{len(pins)}Q", len(pins), *pins)
    header += struct.pack("<III", len(state), 1, _NO_PROGRAM)
    return [header, state, b"\0\0" + struct.pack("<I", 16)]


def fx_chain(slots: Sequence[PresetSlot]) -> str:
    """Contents of an ``.RfxChain`` file.

    Mono plugins stand in it twice, once for each side of the track, as dialin runs them.

    Parameters
    ----------
    slots : sequence of PresetSlot
        VST3 only, with their states.

    Returns
    -------
    str
        Text with an end of line after each line.

    Raises
    ------
    PresetError
        If a state is missing or is no VST3 preset.
    """
    lines: list[str] = []
    for slot in slots:
        preset = read_vstpreset(slot.state or b"", slot.name)
        path = PurePath(split_vst3(parse_uri(slot.uri)[1])[0])
        sides = [(1,), (2,)] if slot.channels == 1 else [(1, 2)]
        for pins in sides:
            lines.append("BYPASS 0 0 0")
            lines.append(
                f"<VST {_quoted(f'VST3: {slot.name}')} {_quoted(path.name)} 0 "
                f'"" {vst3_number(preset.class_id)}{{{preset.class_id}}} ""'
            )
            for block in vst3_blocks(preset, pins, pins):
                text = base64.b64encode(block).decode()
                lines += [f"  {text[i : i + _LINE]}" for i in range(0, len(text), _LINE)]
            lines += [">", "WAK 0 0"]
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    return '"' + one_line(text).replace('"', "'") + '"'
