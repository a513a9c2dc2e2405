"""Presets for other hosts: VST3 preset files, LV2 preset bundles, chains for REAPER.

=============  ==================================================================================
``vstpreset``  one ``.vstpreset`` a VST3 slot; any VST3 host loads it
``lv2``        one ``.lv2`` bundle for all LV2 slots, to be copied into ``~/.lv2``; hosts list its
               presets beside the plugins' own, and so does ``lv2info``
``reaper``     one ``.RfxChain`` with the state of every plugin, where all are VST3, and one
               ``.lua`` action that puts the chain on the selected tracks and sets every knob;
               built-ins come as JSFX
=============  ==================================================================================

What a format cannot hold (another format's slots, a dry/wet mix) is in `Exported.notes`.

Sources: Steinberg's VST 3 preset format; the LV2 presets extension (lv2plug.in/ns/ext/presets);
see `dialin.presets.reaper` and `dialin.presets.reaper_script` for the third.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from dialin.effects.chain import slot_names
from dialin.effects.files import effect_files
from dialin.effects.tempo import split_tempo, without_tempo
from dialin.effects.uri import parse_uri
from dialin.errors import EffectNotFoundError, OutputError, PresetError, UsageError
from dialin.files import check_not_read, move, uninterrupted, working_folder
from dialin.presets.preset import Preset, PresetSlot
from dialin.presets.reaper import fx_chain, read_vstpreset
from dialin.presets.reaper_script import (
    ReaperSlot,
    literal,
    script,
    why_not_in_reaper,
)

EXPORT_KINDS = ("vstpreset", "lv2", "reaper")

_NEEDS = {"vstpreset": ("vst3",), "lv2": ("lv2",)}


@dataclass(frozen=True)
class Exported(Sequence[Path]):
    """What `export_preset` wrote; a sequence of the files.

    Attributes
    ----------
    files : tuple of Path
    notes : tuple of str
        What of the preset is not in them, and why.
    slots : tuple of int or None
        For each file the number of the preset's slot that it holds; None for one of several.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    slots: tuple[int | None, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        return self.files[index]

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Path]:
        return iter(self.files)


@dataclass(frozen=True)
class SlotAlone:
    """A slot with its ``mix:`` taken off: number, unique name, effect, share of its output.

    Attributes
    ----------
    number : int
        From 0.
    name : str
        Unique in the chain.
    slot : PresetSlot
        Without the mix.
    wet : float
        0 to 1.
    """

    number: int
    name: str
    slot: PresetSlot
    wet: float


def export_preset(
    preset: Preset,
    to: str,
    folder: str | os.PathLike[str],
    *,
    name: str = "",
    overwrite: bool = False,
    reads: Iterable[str | os.PathLike[str]] = (),
) -> Exported:
    """Write a preset as files that other hosts read.

    Parameters
    ----------
    preset : Preset
        What is exported.
    to : {"vstpreset", "lv2", "reaper"}
        Which host or form it is for.
    folder : path-like
        Made if it is not there.
    name : str
        What the preset is called in the host; by default after the recording it was made for.
    overwrite : bool
        Replace files that are there.
    reads : iterable of path-like
        Files that none of them may replace, such as the preset's own.

    Returns
    -------
    Exported
        What was written, and what could not be.

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
    name = name.strip() or _default_name(preset)
    slots = unmixed(preset)
    fitting = [each for each in slots if _fits(each, to)]
    if not fitting:
        raise PresetError(_nothing(preset, slots, to))
    notes = [_left_out(each, to) for each in slots if not _fits(each, to)]
    notes += _tempos(preset)
    files: dict[str, tuple[str | bytes, int | None]] = {}
    if to == "vstpreset":
        for each in fitting:
            files[f"{_file_name(each.name)}.vstpreset"] = (_vstpreset(each.slot), each.number)
        notes += _mixes(fitting)
    elif to == "lv2":
        files |= _lv2_bundle(fitting, name)
        notes += _mixes(fitting)
    else:
        stem = _file_name(name)
        whole = len(fitting) == len(slots) and all(each.wet == 1 for each in fitting)
        chain = [each.slot for each in fitting]
        if whole and all(slot.format == "vst3" and slot.state is not None for slot in chain):
            files[f"{stem}.RfxChain"] = (fx_chain(chain), None)
        text = script([ReaperSlot(each.slot, each.wet) for each in fitting], name, notes)
        files[f"{stem}.lua"] = (text, None)
    read = [*reads, *effect_files(slot.uri for slot in preset.slots)]
    check_not_read([Path(folder) / relative for relative in files], read)
    contents = {relative: content for relative, (content, _) in files.items()}
    written = _write(contents, Path(folder), overwrite)
    return Exported(tuple(written), tuple(notes), tuple(number for _, number in files.values()))


def _default_name(preset: Preset) -> str:
    source = preset.provenance.get("input")
    return Path(source).stem if isinstance(source, str) and source else "dialin"


def unmixed(preset: Preset) -> list[SlotAlone]:
    """Slots with every ``mix:`` taken off, which is dialin's own and adds the last knob.

    Parameters
    ----------
    preset : Preset
        Settings of a chain.

    Returns
    -------
    list of SlotAlone
        Each with the share of its output, 0 to 1.
    """
    result = []
    names = slot_names([slot.uri for slot in preset.slots])
    for number, (name, slot) in enumerate(zip(names, preset.slots, strict=True)):
        wet = 1.0
        while slot.format in ("mix", "bpm"):
            if slot.format == "bpm":
                # Other hosts tell a tempo of their own.
                plain = without_tempo(slot.uri)
                slot = replace(slot, uri=plain, format=parse_uri(plain)[0])
                continue
            if not slot.knobs:
                break
            inner = parse_uri(slot.uri)[1]
            try:
                format = parse_uri(inner)[0]
            except EffectNotFoundError:
                break  # a mix of a chain
            wet *= slot.knobs[-1].normalised
            slot = replace(slot, uri=inner, format=format, knobs=slot.knobs[:-1])
        result.append(SlotAlone(number, name, slot, wet))
    return result


def _fits(each: SlotAlone, to: str) -> bool:
    if to == "reaper":
        return not why_not_in_reaper(each.slot)
    return each.slot.format in _NEEDS[to] and not (to == "vstpreset" and _says_nothing(each.slot))


def _says_nothing(slot: PresetSlot) -> bool:
    """Whether a plugin has neither knobs nor state: some refuse to load such a preset."""
    if slot.knobs or slot.state is None or slot.state[:4] != b"VST3":
        return False
    return not read_vstpreset(slot.state, slot.name).component.strip(b"\0")


def _left_out(each: SlotAlone, to: str) -> str:
    if to == "reaper":
        return f"left out: {why_not_in_reaper(each.slot)}"
    if each.slot.format in _NEEDS[to]:
        return (
            f"left out: {each.slot.name} has no knobs and keeps no state, so it sounds like the "
            "preset wherever it is loaded"
        )
    return f"left out: {each.name} is a {each.slot.format} effect, which {to} presets are not for"


def _tempos(preset: Preset) -> list[str]:
    tempos = {
        f"{split_tempo(parse_uri(slot.uri)[1])[0]:g}"
        for slot in preset.slots
        if slot.format == "bpm"
    }
    return [
        f"it was matched at {bpm} beats a minute: set the project's tempo to that"
        for bpm in sorted(tempos)
    ]


def _mixes(slots: Sequence[SlotAlone]) -> list[str]:
    return [
        f"{each.name} is mixed with its input, {100 * each.wet:.3g} % of it, which the preset of a "
        "plugin cannot hold: set that in the host, or export to reaper"
        for each in slots
        if each.wet < 1
    ]


def _nothing(preset: Preset, slots: Sequence[SlotAlone], to: str) -> str:
    have = sorted({each.slot.format for each in slots})
    holds = f"only {', '.join(have)} effects" if have else "no effect at all"
    can = [kind for kind in EXPORT_KINDS if any(_fits(each, kind) for each in slots)]
    hint = f"it can become: {', '.join(can)}" if can else "use it with dialin apply"
    silent = [each for each in slots if to == "vstpreset" and _says_nothing(each.slot)]
    if silent:
        holds += f" ({_left_out(silent[0], to).removeprefix('left out: ')})"
    why = "; ".join(filter(None, (why_not_in_reaper(each.slot) for each in slots)))
    return f"there is nothing to export to {to}: the preset holds {holds}; {hint}" + (
        f" ({why})" if to == "reaper" and why else ""
    )


def _vstpreset(slot: PresetSlot) -> bytes:
    if slot.state is None or slot.state[:4] != b"VST3":
        raise PresetError(
            f"the preset holds no state of {slot.name} that a .vstpreset could be made of; "
            "match again with the plugin installed"
        )
    return slot.state


def _lv2_bundle(slots: Sequence[SlotAlone], name: str) -> dict[str, tuple[str | bytes, int | None]]:
    from dialin.effects.lv2 import control_symbols

    bundle = f"{_file_name(name)}.lv2"
    manifest = [
        "@prefix lv2: <http://lv2plug.in/ns/lv2core#> .",
        "@prefix pset: <http://lv2plug.in/ns/ext/presets#> .",
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .",
        "",
    ]
    files: dict[str, tuple[str | bytes, int | None]] = {}
    for each in slots:
        slot = each.slot
        _, uri = parse_uri(slot.uri)
        symbols = control_symbols(uri)
        missing = [knob.id for knob in slot.knobs if knob.id not in symbols]
        if missing:
            raise PresetError(
                f"{slot.name} as installed here has no {', '.join(missing)}; "
                "install the version the preset was made with"
            )
        file = f"{_file_name(each.name)}.ttl"
        # A plugin's presets stand in one list, so those of its second slot have another name.
        twice = sum(other.slot.uri == slot.uri for other in slots) > 1
        label = f"{name} ({each.name})" if twice else name
        head = [
            f"<{file}>",
            "\ta pset:Preset ;",
            f"\tlv2:appliesTo <{uri}> ;",
            f"\trdfs:label {literal(label)} ;",
        ]
        manifest += [*head, f"\trdfs:seeAlso <{file}> .", ""]
        ports = " , ".join(
            f"[\n\t\tlv2:symbol {literal(symbols[knob.id])} ;\n\t\tpset:value {knob.native!r}\n\t]"
            for knob in slot.knobs
        )
        body = [f"\tlv2:port {ports} .", ""] if ports else ['\trdfs:comment "no knobs" .', ""]
        text = "\n".join([*manifest[:4], *head, *body])
        files[f"{bundle}/{file}"] = (text, each.number)
    files[f"{bundle}/manifest.ttl"] = ("\n".join(manifest), None)
    return files


def _file_name(name: str) -> str:
    """Name as any system takes it for a file."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")[:80] or "dialin"


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
