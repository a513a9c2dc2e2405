"""Where a preset's plugins lie on this machine, and whether a preset may have them loaded.

A plugin is code: loading it runs whatever its maker, or whoever sent it, put in. What lies in the
usual plugin folders was installed by the user; a preset may name it. A plugin anywhere else, and
every Faust program, which is compiled to machine code, needs the user's word first
(``--trust``, ``trust=True``), because presets are passed around.

A plugin that is not where the preset says is looked for by its file name, then by its hash, in the
usual folders, then beside the preset.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from dialin.effects.chain import chain_uri, is_chain, parse_chain
from dialin.effects.tempo import split_tempo, with_tempo
from dialin.effects.uri import parse_uri
from dialin.effects.vst3_files import (
    find_vst3,
    hash_file,
    installed_vst3,
    split_vst3,
    vst3_binary,
    vst3_folders,
)
from dialin.errors import EffectLoadError, EffectNotFoundError, PresetError
from dialin.presets.preset import Preset, PresetSlot

_AU_FOLDERS = (Path.home() / "Library/Audio/Plug-Ins/Components",
               Path("/Library/Audio/Plug-Ins/Components"))  # fmt: skip


def located(preset: Preset) -> tuple[Preset, tuple[str, ...]]:
    """Preset with its plugins where they are found here, and what a person should know of that.

    Slots whose plugin is found nowhere stay as they are: opening them says what is missing.

    Parameters
    ----------
    preset : Preset
        As it was read.

    Returns
    -------
    preset : Preset
        With the URIs that open here.
    notes : tuple of str
        What was found elsewhere, or in another build.
    """
    slots, notes = [], []
    for slot in preset.slots:
        there, remarks = _located_uri(slot.uri, slot, preset.folder)
        slots.append(replace(slot, uri=there))
        notes += remarks
    return replace(preset, slots=tuple(slots)), tuple(notes)


def untrusted(preset: Preset) -> list[str]:
    """Files with code that loading the preset would run, and that only its user can vouch for.

    Parameters
    ----------
    preset : Preset
        As it was read.

    Returns
    -------
    list of str
        Plugins outside the usual folders, and Faust programs; none of a trusted preset.
    """
    if preset.trusted:
        return []
    foreign = [path for slot in preset.slots for path in map(_foreign, _leaves(slot.uri)) if path]
    return list(dict.fromkeys(foreign))


def check_trust(preset: Preset) -> None:
    """Raise where a preset would have code loaded that its user did not vouch for.

    Parameters
    ----------
    preset : Preset
        As it was read.

    Raises
    ------
    PresetError
        Naming the files of `untrusted`.
    """
    asked = untrusted(preset)
    if asked:
        where = f"the preset {str(preset.origin)!r}" if preset.origin else "this preset"
        raise PresetError(
            f"{where} would load code from {', '.join(map(repr, asked))}, outside the usual plugin "
            "folders; if you know where it comes from, say so with --trust (in Python: "
            "Preset.load(path, trust=True)), or move the plugin into one of those folders"
        )


def _leaves(uri: str) -> Iterator[str]:
    """Single effects in a URI: ``mix:`` taken off, chains taken apart."""
    if is_chain(uri):
        for each in parse_chain(uri):
            yield from _leaves(each)
        return
    format, rest = parse_uri(uri)
    if format == "mix":
        yield from _leaves(rest)
    elif format == "bpm":
        yield from _leaves(split_tempo(rest)[1])
    else:
        yield f"{format}:{rest}"


def _foreign(uri: str) -> str:
    """File that a URI would have loaded, if it is none of the installed plugins; or empty."""
    format, rest = parse_uri(uri)
    if format == "faust":
        return rest
    if format not in ("vst3", "au"):
        return ""
    path = split_vst3(rest)[0]
    if "/" not in path and "\\" not in path and not Path(path).exists():
        return ""  # a bare name, looked up in the usual folders only
    folders = vst3_folders() if format == "vst3" else _AU_FOLDERS
    # As the host will be given it: made absolute, its dots taken out, links left as they are.
    absolute = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100
    return "" if any(absolute.is_relative_to(folder) for folder in folders) else path


def _located_uri(uri: str, slot: PresetSlot, beside: Path | None) -> tuple[str, list[str]]:
    if is_chain(uri):
        parts = [_located_uri(each, slot, beside) for each in parse_chain(uri)]
        return chain_uri([part for part, _ in parts]), [n for _, notes in parts for n in notes]
    format, rest = parse_uri(uri)
    if format == "mix":
        inner, notes = _located_uri(rest, slot, beside)
        return f"mix:{inner}", notes
    if format == "bpm":
        bpm, plain = split_tempo(rest)
        inner, notes = _located_uri(plain, slot, beside)
        return with_tempo(inner, bpm), notes
    if format == "vst3":
        path, plugin = split_vst3(rest)
        here = _vst3(path, slot, beside)
        suffix = f"#{plugin}" if plugin else ""
    elif format == "faust":
        path, suffix = rest, ""
        near = beside / Path(rest).name if beside else None
        gone = not Path(rest).expanduser().exists()
        here = near if gone and near is not None and near.is_file() else None
    else:
        return uri, []
    if here is None:
        return uri, []
    return f"{format}:{here}{suffix}", [f"{path} is not there; {here} is taken in its place"]


def _vst3(path: str, slot: PresetSlot, beside: Path | None) -> Path | None:
    """Where a VST3 lies that is not at its path any more; None where it is, or is nowhere."""
    try:
        find_vst3(path)
        return None
    except (EffectNotFoundError, EffectLoadError):
        pass
    # The name may come from another system.
    name = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    if sys.platform == "win32":
        name = Path(path).name
    if not name.lower().endswith(".vst3"):
        name += ".vst3"
    installed = list(installed_vst3())
    near = [beside / name] if beside is not None and (beside / name).exists() else []
    called = [path for path in installed if path.name.casefold() == name.casefold()] + near
    return _with_hash(called, slot.file_hash) or next(
        iter(called or filter(None, [_with_hash(installed, slot.file_hash)])), None
    )


def _with_hash(bundles: Iterable[Path], file_hash: str) -> Path | None:
    if not file_hash:
        return None
    for bundle in bundles:
        try:
            if hash_file(vst3_binary(bundle)) == file_hash:
                return bundle
        except (EffectLoadError, OSError):
            continue
    return None
