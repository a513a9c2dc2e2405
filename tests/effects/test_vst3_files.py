"""Finding plugins, and plain words about those that cannot run here."""

import struct
from pathlib import Path

import pytest

from dialin.effects import vst3_files
from dialin.effects.vst3_files import describe_binary, find_vst3, installed_vst3, vst3_binary
from dialin.errors import EffectLoadError, EffectNotFoundError


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(100)


def pe(machine: int) -> bytes:
    return (
        b"MZ"
        + bytes(58)
        + struct.pack("<I", 64)
        + b"PE\0\0"
        + struct.pack("<H", machine)
        + bytes(50)
    )


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(vst3_files, "vst3_folders", lambda: [tmp_path / "vst3"])
    (tmp_path / "vst3").mkdir()
    return tmp_path / "vst3"


def bundle(folder: Path, name: str, platform: str, content: bytes) -> Path:
    binary = folder / f"{name}.vst3" / "Contents" / platform / f"{name}.so"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(content)
    return folder / f"{name}.vst3"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (elf(62), "a Linux binary for x86_64"),
        (elf(183), "a Linux binary for ARM64"),
        (elf(9999), "a Linux binary for processor 9999"),
        (pe(0x8664), "a Windows binary for x86_64"),
        (pe(0x14C), "a Windows binary for 32-bit x86"),
        (b"MZ", "a file of another kind"),
        (struct.pack("<II", 0xFEEDFACF, 0x0100000C) + bytes(20), "a macOS binary for ARM64"),
        (b"RIFF1234WAVE", "a file of another kind"),
        (b"", "an empty file"),
    ],
)
def test_what_a_file_is(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x").write_bytes(content)
    assert describe_binary(tmp_path / "x") == words


def test_find_by_path_and_name(linux: Path) -> None:
    plugin = bundle(linux / "Vendor", "Echo", "x86_64-linux", elf(62))
    binary = plugin / "Contents/x86_64-linux/Echo.so"
    assert list(installed_vst3()) == [plugin]
    for name in ("Echo", "echo", "Echo.vst3", str(plugin), f"{plugin}/", str(binary)):
        assert find_vst3(name) == plugin
    assert vst3_binary(plugin) == binary


def test_what_is_not_there(linux: Path, tmp_path: Path) -> None:
    bundle(linux, "Echo", "x86_64-linux", elf(62))
    with pytest.raises(EffectNotFoundError, match=r"did you mean Echo\?"):
        find_vst3("Echoo")
    with pytest.raises(EffectNotFoundError, match="there is no file"):
        find_vst3("/nowhere/Echo.vst3")
    (tmp_path / "song.wav").write_bytes(b"RIFF1234WAVE")
    with pytest.raises(EffectLoadError, match=r"is no VST3 plugin but a file.*\*\.vst3"):
        find_vst3(str(tmp_path / "song.wav"))


@pytest.mark.parametrize(
    ("platform", "content", "words"),
    [
        ("x86_64-win", pe(0x8664), "is built for x86_64-win; this machine needs x86_64-linux"),
        ("aarch64-linux", elf(183), "is built for aarch64-linux; this machine needs"),
        ("x86_64-linux", elf(183), "is a Linux binary for ARM64; this machine needs a Linux"),
        ("x86_64-linux", b"hello", "is a file of another kind"),
        ("x86_64-linux", b"", "is an empty file"),
    ],
)
def test_wrong_architecture(linux: Path, platform: str, content: bytes, words: str) -> None:
    plugin = bundle(linux, "Echo", platform, content)
    with pytest.raises(EffectLoadError, match=words):
        vst3_binary(plugin)


def test_empty_bundle_and_single_file(linux: Path) -> None:
    (linux / "Empty.vst3").mkdir()
    with pytest.raises(EffectLoadError, match="holds no binary"):
        vst3_binary(linux / "Empty.vst3")
    (linux / "Win.vst3").write_bytes(pe(0x8664))
    with pytest.raises(EffectLoadError, match="Windows binary for x86_64"):
        vst3_binary(linux / "Win.vst3")


def test_host_refuses_in_one_sentence(linux: Path) -> None:
    from dialin.effects.pedalboard_host import open_vst3

    bundle(linux, "Fake", "x86_64-linux", elf(62))
    with pytest.raises(EffectLoadError, match=r"Fake\.vst3' cannot be opened by the plugin host"):
        open_vst3("Fake")
