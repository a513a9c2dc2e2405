"""FX chains for REAPER: laid out as REAPER lays them out, carrying the plugins' own states."""

import base64
import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from dialin.errors import PresetError
from dialin.presets.export import export_preset
from dialin.presets.preset import Preset
from dialin.presets.reaper import VstPreset, fx_chain, read_vstpreset, vst3_blocks, vst3_number
from tests.plugins import needs_vst3, vst3_path
from tests.presets.test_preset import made


def vstpreset(class_id: str, component: bytes, controller: bytes) -> bytes:
    body = component + controller
    head = struct.pack("<4sI32sq", b"VST3", 1, class_id.encode(), 48 + len(body))
    entries = struct.pack("<4sqq", b"Comp", 48, len(component))
    entries += struct.pack("<4sqq", b"Cont", 48 + len(component), len(controller))
    return head + body + struct.pack("<4sI", b"List", 2) + entries


def blocks(lines: list[str]) -> list[bytes]:
    """Take the three Base64 blocks of a plugin apart by the lengths they tell."""
    text = [line.strip() for line in lines]
    assert all(len(line) <= 128 for line in text)
    header = base64.b64decode(text[0])
    (length,) = struct.unpack_from("<I", header, len(header) - 12)
    count = -(-len(base64.b64encode(bytes(length))) // 128)
    state = base64.b64decode("".join(text[1 : 1 + count]))
    assert len(state) == length
    assert len(text) == count + 2
    return [header, state, base64.b64decode(text[-1])]


@pytest.mark.parametrize(
    ("number", "class_id"),
    [
        # As REAPER wrote them into published projects, on macOS and Windows.
        (1997878177, "5653545344656C237473746572656F20"),
        (1006355412, "D39D5B69D6AF42FA12345678506F646F"),
        (1456132600, "5653545435333274723520737465616C"),
        (928022665, "4D656C646170726F4D4165334D416533"),
        (896536053, "60A40168727C4E7DAAF808B790961DAA"),
        (1086681545, "0700D6A78BFA9A03BA678484750C4B21"),
    ],
)
def test_numbers_of_plugins(number: int, class_id: str) -> None:
    assert vst3_number(class_id) == number


def test_the_header_is_the_one_that_reaper_writes() -> None:
    # From a published project: an equaliser with two halves of 505 bytes of state each.
    saved = base64.b64decode(
        "iYBQN+5e7f4CAAAAAQAAAAAAAAACAAAAAAAAAAIAAAABAAAAAAAAAAIAAAAAAAAAAgQAAAEAAAAAABAA"
    )
    preset = VstPreset("4D656C646170726F4D4165334D416533", bytes(505), bytes(505))
    header, state, names = vst3_blocks(preset, (1, 2), (1, 2))
    # The last word is the program: 0 there, none here.
    assert header[:-4] == saved[:-4]
    assert header[-4:] == struct.pack("<I", 0x10FFFF)
    assert state[:8] == base64.b64decode("+QEAAAEAAAA=")
    assert base64.b64encode(names) == b"AAAQAAAA"


@pytest.mark.parametrize("size", [0, 1, 56, 80, 96, 5_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_chain_comes_apart_again(size: int, channels: int) -> None:
    component, controller = bytes(n % 251 for n in range(size)), b"knobs"
    data = vstpreset("ABCDEF01" * 4, component, controller)
    (slot,) = made("builtin:gain").slots
    slot = replace(slot, uri='vst3:/x/My "odd" one.vst3', name='A "B"\nC', format="vst3",
                   state=data, channels=channels)  # fmt: skip
    lines = fx_chain([slot]).splitlines()
    per_plugin = len(lines) // (2 if channels == 1 else 1)
    pins = [(1,), (2,)] if channels == 1 else [(1, 2)]
    for side, masks in enumerate(pins):
        part = lines[side * per_plugin : (side + 1) * per_plugin]
        assert part[0] == "BYPASS 0 0 0"
        number = vst3_number("ABCDEF01" * 4)
        assert part[1] == (
            f'<VST "VST3: A \'B\' C" "My \'odd\' one.vst3" 0 "" {number}{{{"ABCDEF01" * 4}}} ""'
        )
        assert part[-2:] == [">", "WAK 0 0"]
        header, state, _ = blocks(part[2:-2])
        inputs = struct.unpack_from(f"<I{len(masks)}Q", header, 8)
        assert inputs == (len(masks), *masks)
        assert state == (
            struct.pack("<II", size, 1) + component + struct.pack("<II", 5, 0) + controller
        )


@needs_vst3("ZamTube.vst3")
@needs_vst3("ZaMaximX2.vst3")
def test_the_state_in_a_chain_is_the_presets(tmp_path: Path) -> None:
    preset = made(*(f"vst3:{vst3_path(f'{n}.vst3')}" for n in ("ZaMaximX2", "ZamTube")), seed=4)
    chain, script = export_preset(preset, "reaper", tmp_path, name="Warm tube")
    assert (chain.name, script.name) == ("Warm-tube.RfxChain", "Warm-tube.lua")
    text = chain.read_text()
    # The mono plugin stands for left and right.
    assert [name for name in re.findall(r'"VST3: (\w+)"', text)] == [
        "ZaMaximX2",
        "ZamTube",
        "ZamTube",
    ]
    pedalboard = pytest.importorskip("pedalboard")
    found = re.findall(r"<VST \"VST3: (\w+)\".*\{(\w+)\}.*\n((?:  .*\n)+)>", text)
    for name, class_id, body in found:
        slot = next(s for s in preset.slots if s.name == name)
        _, state, _ = blocks(body.splitlines())
        (length,) = struct.unpack_from("<I", state)
        file = tmp_path / "again.vstpreset"
        file.write_bytes(vstpreset(class_id, state[8 : 8 + length], state[16 + length :]))
        plugin = pedalboard.load_plugin(vst3_path(f"{name}.vst3"))
        plugin.load_preset(str(file))
        loaded = {p.name: p.raw_value for p in plugin._parameters}
        for knob in slot.knobs:
            assert loaded[knob.name] == pytest.approx(knob.position, abs=1e-5), knob.name


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"VST3",
        vstpreset("0" * 32, b"a", b"b")[:-3],
        vstpreset("0" * 32, b"a", b"b").replace(b"List", b"Lost"),
        vstpreset("0" * 32, b"a", b"b").replace(b"Comp", b"Camp"),
        vstpreset("x" * 32, b"a", b"b"),
        vstpreset("0" * 32, b"a" * 9, b"b").replace(struct.pack("<q", 9), struct.pack("<q", 10**9)),
    ],
)
def test_states_that_are_no_vst3_presets(data: bytes) -> None:
    with pytest.raises(PresetError, match="state of Tube is no VST3 preset"):
        read_vstpreset(data, "Tube")


def test_channels_survive_the_file(tmp_path: Path) -> None:
    (slot,) = made("builtin:gain").slots
    Preset((replace(slot, channels=1),)).save(tmp_path / "p.json")
    assert Preset.load(tmp_path / "p.json").slots[0].channels == 1
    text = (tmp_path / "p.json").read_text()
    for odd in ("-1", "true", '"2"', "1.5"):
        (tmp_path / "p.json").write_text(text.replace('"channels": 1', f'"channels": {odd}'))
        with pytest.raises(PresetError, match="channels, not 0 to 64"):
            Preset.load(tmp_path / "p.json")
