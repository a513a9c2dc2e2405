"""Presets for other hosts: VST3 preset files, LV2 preset bundles, chains for REAPER.

=============  ==================================================================================
``vstpreset``  one ``.vstpreset`` a VST3 slot; any VST3 host loads it
``lv2``        one ``.lv2`` bundle for all LV2 slots, to be copied into ``~/.lv2``; hosts list its
               presets beside the plugins' own, and so does ``lv2info``
``reaper``     one ``.RfxChain`` with the state of every plugin, where all are VST3, and one
               ``.lua`` action that puts the chain on the selected tracks and sets every knob
=============  ==================================================================================

Sources: Steinberg's VST 3 preset format; the LV2 presets extension (lv2plug.in/ns/ext/presets);
see `dialin.effects.reaper` for the third.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from dialin.effects.chain import slot_names
from dialin.effects.files import effect_files
from dialin.effects.preset import Preset, PresetSlot
from dialin.effects.reaper import fx_chain, literal, script
from dialin.effects.uri import parse_uri
from dialin.errors import OutputError, PresetError, UsageError
from dialin.files import check_not_read, move, uninterrupted, working_folder

EXPORT_KINDS = ("vstpreset", "lv2", "reaper")

_NEEDS = {"vstpreset": ("vst3",), "lv2": ("lv2",), "reaper": ("vst3", "lv2", "au")}


def export_preset(
    preset: Preset,
    to: str,
    folder: str | os.PathLike[str],
    *,
    name: str = "dialin",
    overwrite: bool = False,
    reads: Iterable[str | os.PathLike[str]] = (),
) -> list[Path]:
    """Write a preset as files that other hosts read.

    Parameters
    ----------
    preset : Preset
    to : {"vstpreset", "lv2", "reaper"}
    folder : path-like
        Made if it is not there.
    name : str
        What the preset is called in the host.
    overwrite : bool
        Replace files that are there.
    reads : iterable of path-like
        Files that none of them may replace, such as the preset's own.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    UsageError
        If `to` is none of the kinds.
    PresetError
        If no effect of the preset has that format.
    OutputError
        If a file exists already or cannot be written.
    """
    if to not in EXPORT_KINDS:
        raise UsageError(f"cannot export to {to!r}; choose from {', '.join(EXPORT_KINDS)}")
    slots = [
        (slot_name, slot)
        for slot_name, slot in zip(
            slot_names([slot.uri for slot in preset.slots]), preset.slots, strict=True
        )
        if slot.format in _NEEDS[to]
    ]
    if not slots:
        have = sorted({slot.format for slot in preset.slots})
        holds = f"only {', '.join(have)} effects" if have else "no effect at all"
        can = [kind for kind in EXPORT_KINDS if set(have) & set(_NEEDS[kind])]
        hint = f"it can become: {', '.join(can)}" if can else "use it with dialin apply"
        raise PresetError(f"there is nothing to export to {to}: the preset holds {holds}; {hint}")
    target = Path(folder)
    files: dict[str, str | bytes] = {}
    if to == "vstpreset":
        for slot_name, slot in slots:
            files[f"{slot_name}.vstpreset"] = _vstpreset(slot)
    elif to == "lv2":
        files |= _lv2_bundle(slots, name)
    else:
        chain = [slot for _, slot in slots]
        if all(slot.format == "vst3" and slot.state is not None for slot in chain):
            files[f"{_safe(name)}.RfxChain"] = fx_chain(chain)
        files[f"{_safe(name)}.lua"] = script(chain, name)
    read = [*reads, *effect_files(slot.uri for slot in preset.slots)]
    check_not_read([target / relative for relative in files], read)
    return _write(files, target, overwrite)


def _vstpreset(slot: PresetSlot) -> bytes:
    if slot.state is None or slot.state[:4] != b"VST3":
        raise PresetError(
            f"the preset holds no state of {slot.name} that a .vstpreset could be made of; "
            "match again with the plugin installed"
        )
    return slot.state


def _lv2_bundle(slots: list[tuple[str, PresetSlot]], name: str) -> dict[str, str | bytes]:
    from dialin.effects.lv2 import control_symbols

    bundle = f"{_safe(name)}.lv2"
    manifest = [
        "@prefix lv2: <http://lv2plug.in/ns/lv2core#> .",
        "@prefix pset: <http://lv2plug.in/ns/ext/presets#> .",
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .",
        "",
    ]
    files: dict[str, str | bytes] = {}
    for slot_name, slot in slots:
        _, uri = parse_uri(slot.uri)
        symbols = control_symbols(uri)
        missing = [knob.id for knob in slot.knobs if knob.id not in symbols]
        if missing:
            raise PresetError(
                f"{slot.name} as installed here has no {', '.join(missing)}; "
                "install the version the preset was made with"
            )
        file = f"{_safe(slot_name)}.ttl"
        head = [
            f"<{file}>",
            "\ta pset:Preset ;",
            f"\tlv2:appliesTo <{uri}> ;",
            f"\trdfs:label {literal(name)} ;",
        ]
        manifest += [*head, f"\trdfs:seeAlso <{file}> .", ""]
        ports = " , ".join(
            f"[\n\t\tlv2:symbol {literal(symbols[knob.id])} ;\n\t\tpset:value {knob.native!r}\n\t]"
            for knob in slot.knobs
        )
        files[f"{bundle}/{file}"] = "\n".join([*manifest[:4], *head, f"\tlv2:port {ports} .", ""])
    files[f"{bundle}/manifest.ttl"] = "\n".join(manifest)
    return files


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "dialin"


def _write(files: dict[str, str | bytes], folder: Path, overwrite: bool) -> list[Path]:
    """Write all files or none: first into a hidden folder, then each to its place."""
    targets = {relative: folder / relative for relative in files}
    for target in targets.values():
        if target.exists() and not overwrite:
            raise OutputError(
                f"{str(target)!r} exists already; choose another folder or --overwrite"
            )
    with working_folder(folder) as staged:
        try:
            for relative, content in files.items():
                part = staged / relative
                part.parent.mkdir(parents=True, exist_ok=True)
                data = content.encode() if isinstance(content, str) else content
                part.write_bytes(data)
            for target in targets.values():
                target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot write into {str(folder)!r}: {error.strerror or error}; "
                "choose a folder that you may write to"
            ) from error
        with uninterrupted():
            for relative, target in targets.items():
                move(staged / relative, target, replace=overwrite)
    return list(targets.values())
