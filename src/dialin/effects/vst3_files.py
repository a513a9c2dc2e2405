"""Finding VST3 plugins on disk, and saying what is wrong with one that cannot run here.

Nothing here runs plugin code or imports a host. The layout of a bundle is that of the VST3
documentation ("Plug-in Format Structure"): ``Name.vst3/Contents/<architecture>-<system>/``; older
Windows plugins are a single file.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from dialin.errors import EffectLoadError, EffectNotFoundError

_ELF_MACHINES = {3: "32-bit x86", 40: "32-bit ARM", 62: "x86_64", 183: "ARM64", 243: "RISC-V"}
_PE_MACHINES = {0x14C: "32-bit x86", 0x8664: "x86_64", 0xAA64: "ARM64", 0xA641: "ARM64"}
_MACH_MACHINES = {7: "32-bit x86", 0x01000007: "x86_64", 0x0100000C: "ARM64"}


def vst3_folders() -> list[Path]:
    """Folders where this system keeps VST3 plugins, the user's own first."""
    home = Path.home()
    if sys.platform == "darwin":
        return [home / "Library/Audio/Plug-Ins/VST3", Path("/Library/Audio/Plug-Ins/VST3")]
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local"))
        shared = Path(os.environ.get("COMMONPROGRAMFILES", "C:/Program Files/Common Files"))
        return [local / "Programs/Common/VST3", shared / "VST3"]
    return [home / ".vst3", Path("/usr/lib/vst3"), Path("/usr/local/lib/vst3")]


def installed_vst3() -> Iterator[Path]:
    """Every ``.vst3`` bundle or file in the usual folders, vendors' subfolders included."""

    def walk(folder: Path, depth: int) -> Iterator[Path]:
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            return
        for entry in entries:
            if entry.suffix.lower() == ".vst3":
                yield entry
            elif depth and entry.is_dir():
                yield from walk(entry, depth - 1)

    for folder in vst3_folders():
        yield from walk(folder, 2)


def split_vst3(text: str) -> tuple[str, str]:
    """Path or bare name of a VST3, and which of the plugins in it: ``My.vst3#Plugin``.

    A path is what its owner called it, ``#`` included: it is split only behind ``.vst3``, and not
    where all of it is there as a file.

    >>> split_vst3("/x/Take #1/Pack.vst3#Tube")
    ('/x/Take #1/Pack.vst3', 'Tube')
    >>> split_vst3("/x/Take #1/Tube.vst3")
    ('/x/Take #1/Tube.vst3', '')

    Parameters
    ----------
    text : str
        What follows ``vst3:``.

    Returns
    -------
    (str, str)
        The second is empty where the text names none.
    """
    if "#" not in text or Path(text).expanduser().exists():
        return text, ""
    marks = [m.start(1) for m in re.finditer(r"\.vst3/?(#)", text, re.IGNORECASE)]
    if not marks and "/" not in text and "\\" not in text:
        marks = [text.index("#")]  # a bare name: Pack#Tube
    for index in marks:
        if Path(text[:index]).expanduser().exists():
            return text[:index], text[index + 1 :]
    if marks:
        return text[: marks[0]], text[marks[0] + 1 :]
    return text, ""


def find_vst3(name: str) -> Path:
    """Bundle or file of a VST3, from a path to it, to the binary inside it, or a bare name.

    Parameters
    ----------
    name : str
        A path, or what the bundle is called, with or without ``.vst3``.

    Returns
    -------
    Path

    Raises
    ------
    EffectNotFoundError
        If there is nothing of that name.
    EffectLoadError
        If the path leads to something that is no VST3.
    """
    text = name
    path = Path(text).expanduser()
    looks_like_path = "/" in text or "\\" in text or path.exists()
    if not looks_like_path:
        wanted = text.strip().lower().removesuffix(".vst3")
        names = []
        for bundle in installed_vst3():
            if bundle.stem.lower() == wanted:
                return bundle
            names.append(bundle.stem)
        import difflib

        near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        folders = ", ".join(str(folder) for folder in vst3_folders())
        raise EffectNotFoundError(
            f"no VST3 named {text!r} is installed; {hint}looked in {folders} "
            "(see: dialin effects list, or give the path)"
        )
    if not path.exists():
        raise EffectNotFoundError(
            f"there is no file {str(path)!r}; check the path, or give the plugin's bare name"
        )
    path = Path(os.path.abspath(path))  # noqa: PTH100 - absolute, but links stay as they are
    for parent in (path, *path.parents):
        if parent.suffix.lower() == ".vst3":
            return parent
    what = "a folder" if path.is_dir() else describe_binary(path)
    raise EffectLoadError(
        f"{str(path)!r} is no VST3 plugin but {what}; a VST3 is a bundle or file named *.vst3"
    )


def vst3_binary(bundle: Path) -> Path:
    """Binary in a bundle that this machine can run.

    Parameters
    ----------
    bundle : Path
        A ``.vst3`` folder, or the binary itself.

    Returns
    -------
    Path

    Raises
    ------
    EffectLoadError
        If there is none; the message says for which systems there is one.
    """
    if bundle.is_file():
        binary = bundle
    else:
        folder = bundle / "Contents" / ("MacOS" if sys.platform == "darwin" else _platform_folder())
        binaries = sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
        if not binaries:
            contents = bundle / "Contents"
            others = sorted(p.name for p in contents.iterdir()) if contents.is_dir() else []
            others = [n for n in others if "-" in n or n == "MacOS"]
            built = f"is built for {', '.join(others)}" if others else "holds no binary"
            raise EffectLoadError(
                f"{str(bundle)!r} {built}; this machine needs {folder.name}: "
                "install the plugin's version for it"
            )
        named = [p for p in binaries if p.stem == bundle.stem]
        binary = (named or binaries)[0]
    described = describe_binary(binary)
    if described != _native_binary():
        raise EffectLoadError(
            f"{str(binary)!r} is {described}; this machine needs {_native_binary()}: "
            "install the plugin's version for it"
        )
    return binary


def describe_binary(path: Path) -> str:
    """What a file is: the system and processor it was built for, from its first bytes.

    Sources: the ELF, PE/COFF and Mach-O file format descriptions.

    Parameters
    ----------
    path : Path
        Of any file.

    Returns
    -------
    str
        A noun with its article, to end a sentence with.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        return f"a file that cannot be read ({error.strerror})"
    if not head:
        return "an empty file"
    if head[:4] == b"\x7fELF" and len(head) >= 20:
        order = "<" if head[5] == 1 else ">"
        machine = struct.unpack(order + "H", head[18:20])[0]
        return f"a Linux binary for {_ELF_MACHINES.get(machine, f'processor {machine}')}"
    if head[:2] == b"MZ" and len(head) >= 64:
        offset = struct.unpack("<I", head[60:64])[0]
        if head[offset : offset + 4] == b"PE\0\0":
            machine = struct.unpack("<H", head[offset + 4 : offset + 6])[0]
            return f"a Windows binary for {_PE_MACHINES.get(machine, f'processor {machine}')}"
        return "a Windows binary"
    if head[:4] in (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"):
        count = struct.unpack(">I", head[4:8])[0]
        size = 20 if head[3] == 0xBE else 32
        kinds = [struct.unpack(">I", head[8 + i * size :][:4])[0] for i in range(min(count, 4))]
        names = [_MACH_MACHINES.get(kind, f"processor {kind}") for kind in kinds]
        if _machine() in names:
            names = [_machine()]
        return f"a macOS binary for {' and '.join(names)}"
    if head[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"):
        kind = struct.unpack("<I", head[4:8])[0]
        return f"a macOS binary for {_MACH_MACHINES.get(kind, f'processor {kind}')}"
    return "a file of another kind"


def hash_file(path: Path) -> str:
    """SHA-256 of a file.

    Parameters
    ----------
    path : Path
        Of the file.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _machine() -> str:
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return "x86_64"
    if machine in ("arm64", "aarch64"):
        return "ARM64"
    if machine in ("i386", "i686"):
        return "32-bit x86"
    return machine


def _native_binary() -> str:
    system = {"darwin": "macOS", "win32": "Windows"}.get(sys.platform, "Linux")
    return f"a {system} binary for {_machine()}"


def _platform_folder() -> str:
    system = "win" if sys.platform == "win32" else "linux"
    machine = {"ARM64": "arm64" if system == "win" else "aarch64", "32-bit x86": "x86"}.get(
        _machine(), _machine()
    )
    if system == "linux" and machine == "x86":
        machine = platform.machine().lower()
    return f"{machine}-{system}"
