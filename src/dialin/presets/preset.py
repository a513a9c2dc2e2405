"""Presets: settings of a chain of effects as a file that outlives the program.

JSON, one object:

``dialin_preset``   schema version, `SCHEMA_VERSION`
``created_by``      the version of dialin that wrote it
``slots``           the effects in order; none means: leave the sound alone
``provenance``      how it came about, if known (seed, references, distances)

A slot names its effect (``uri``, ``name``, ``format``, ``version``, ``file``, ``plugin_id``,
``file_hash``, ``spec_hash``, ``channels`` of its own), its knobs (``id``, ``name``, ``unit``,
``native`` value, ``normalised`` position, ``text``, ``neutral`` value and the plugin's own
``position`` where they are known) and, where the host gives
one, its opaque ``state`` (base64). Saving, loading and rendering a preset gives the same samples:
positions are stored with all their digits.

Files come from strangers: sizes, counts and nesting are bounded before anything is made of them,
and a preset that was read is not `Preset.trusted` to have plugins loaded from anywhere
(`dialin.presets.whereabouts`).
"""

from __future__ import annotations

import base64
import binascii
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dialin._version import __version__
from dialin.effects.chain import chain_uri, slot_names
from dialin.effects.spec import EffectSpec, Settings
from dialin.effects.uri import parse_uri
from dialin.errors import EffectNotFoundError, ParameterError, PresetError
from dialin.files import json_text, write_text
from dialin.files.reading import check_depth, parse_json

SCHEMA_VERSION = 1

LARGEST_FILE = 64 << 20
LARGEST_STATE = 32 << 20
MOST_SLOTS = 64
MOST_KNOBS = 4_096
LONGEST_TEXT = 1_000
LONGEST_URI = 10_000
DEEPEST = 32
MOST_MIXES = 8


@dataclass(frozen=True)
class PresetKnob:
    """One knob of a preset.

    Attributes
    ----------
    id, name, unit : str
    native : float
    normalised : float
        Position in [0, 1], by dialin's travel.
    text : str
        As a person reads it.
    neutral : float, optional
        Native value at which the effect does nothing, if one is known.
    position : float, optional
        Position in [0, 1] as the plugin itself counts it, for other hosts.
    index : int, optional
        Its number among all knobs of the plugin, as hosts count them.
    title : str
        Name that the plugin gives it, where that is not `name`: others may share it.
    """

    id: str
    name: str
    unit: str
    native: float
    normalised: float
    text: str
    neutral: float | None = None
    position: float | None = None
    index: int | None = None
    title: str = ""


@dataclass(frozen=True)
class PresetSlot:
    """One effect of a preset, and where its knobs stand.

    Attributes
    ----------
    uri : str
        Of the effect.
    name : str
        As a person reads it.
    format : str
        Such as ``lv2``.
    knobs : tuple of PresetKnob
        In the effect's order.
    version : str
        Of the plugin; empty if it does not say.
    file_hash : str
        SHA-256 of the plugin's file; empty if there is none.
    spec_hash : str
        Of the effect's spec.
    state : bytes, optional
        Of the host's own; None where there is none.
    channels : int
        That the plugin was opened with; 0 where it does not matter.
    file : str
        Path of the plugin, for other machines to look near; empty if unknown.
    plugin_id : str
        Id of the plugin's class; empty if unknown.
    """

    uri: str
    name: str
    format: str
    knobs: tuple[PresetKnob, ...]
    version: str = ""
    file_hash: str = ""
    spec_hash: str = ""
    state: bytes | None = None
    channels: int = 0
    file: str = ""
    plugin_id: str = ""

    @property
    def native(self) -> dict[str, float]:
        """Native values by parameter id."""
        return {knob.id: knob.native for knob in self.knobs}

    @property
    def normalised(self) -> Settings:
        """Positions in [0, 1], in spec order."""
        return np.array([knob.normalised for knob in self.knobs], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "uri": self.uri,
            "name": self.name,
            "format": self.format,
            "version": self.version,
            "file": self.file,
            "plugin_id": self.plugin_id,
            "file_hash": self.file_hash,
            "spec_hash": self.spec_hash,
            "channels": self.channels,
            "knobs": [knob.__dict__ for knob in self.knobs],
            "state": None if self.state is None else base64.b64encode(self.state).decode(),
        }


@dataclass(frozen=True)
class Preset:
    """Settings of a chain of effects; see the module's docstring for the file.

    Attributes
    ----------
    slots : tuple of PresetSlot
        The effects in order; empty for "leave the sound alone".
    provenance : dict
        Plain data.
    created_by : str
    origin : Path, optional
        The file it was read from.
    trusted : bool
        Whether it may have code loaded from anywhere. True of what was made here, False of what
        was read, unless its reader says otherwise.
    """

    slots: tuple[PresetSlot, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    created_by: str = ""
    origin: Path | None = field(default=None, compare=False)
    trusted: bool = field(default=True, compare=False)

    @classmethod
    def from_settings(
        cls,
        specs: Sequence[EffectSpec],
        settings: ArrayLike,
        *,
        states: Sequence[bytes | None] = (),
        positions: Sequence[Sequence[float] | None] = (),
        provenance: Mapping[str, Any] | None = None,
    ) -> Preset:
        """Make a preset from the specs of the effects, in order, and their settings in one vector.

        Parameters
        ----------
        specs : sequence of EffectSpec
            One for each slot, in order.
        settings : array_like, shape (sum of spec sizes,)
            In [0, 1].
        states : sequence of bytes or None
            Opaque host states, one an effect.
        positions : sequence of sequence of float or None
            The plugins' own positions of the knobs, one sequence an effect.
        provenance : mapping, optional
            Plain data that JSON can hold.

        Returns
        -------
        Preset

        Raises
        ------
        ParameterError
            If there are more or fewer settings than the effects have knobs.
        """
        vector = np.asarray(settings, dtype=np.float64)
        size = sum(spec.size for spec in specs)
        if vector.shape != (size,):
            raise ParameterError(
                f"these {len(specs)} effects take {size} settings in one vector, "
                f"not an array of shape {vector.shape}"
            )
        slots, start = [], 0
        for number, spec in enumerate(specs):
            vector_part = spec.check(vector[start : start + spec.size])
            start += spec.size
            told = positions[number] if number < len(positions) else None
            own: Sequence[float | None] = told or [None] * spec.size
            knobs = tuple(
                PresetKnob(
                    id=p.id,
                    name=p.name,
                    unit=p.unit,
                    native=p.to_native(u),
                    normalised=float(u),
                    text=p.text(u),
                    neutral=p.neutral,
                    position=at,
                    index=p.index,
                    title=p.title,
                )
                for p, u, at in zip(spec.parameters, vector_part, own, strict=True)
            )
            slots.append(
                PresetSlot(
                    uri=spec.uri,
                    name=spec.name,
                    format=spec.format,
                    knobs=knobs,
                    version=spec.version,
                    file_hash=spec.file_hash,
                    spec_hash=spec.hash,
                    state=states[number] if number < len(states) else None,
                    channels=spec.channels,
                    file=Path(spec.file).name if spec.file else "",
                    plugin_id=_plugin_id(spec, states[number] if number < len(states) else None),
                )
            )
        return cls(tuple(slots), dict(provenance or {}), __version__)

    @property
    def effect(self) -> str:
        """URI of the chain; empty where there is no effect."""
        return chain_uri([slot.uri for slot in self.slots]) if self.slots else ""

    @property
    def settings(self) -> Settings:
        """Positions of all knobs in [0, 1], slot after slot."""
        return np.concatenate([np.zeros(0), *(slot.normalised for slot in self.slots)])

    @property
    def native(self) -> dict[str, float]:
        """Native values by ``slot.parameter``."""
        names = slot_names([slot.uri for slot in self.slots])
        return {
            f"{name}.{id}": value
            for name, slot in zip(names, self.slots, strict=True)
            for id, value in slot.native.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return {
            "dialin_preset": SCHEMA_VERSION,
            "created_by": f"dialin {self.created_by}",
            "slots": [slot.to_dict() for slot in self.slots],
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_dict(cls, data: Any, *, where: str = "this preset", trust: bool = False) -> Preset:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        data : dict
            Plain data, of anyone.
        where : str
            For messages.
        trust : bool
            Whether it may have plugins loaded from outside the usual folders, and Faust programs
            compiled.

        Returns
        -------
        Preset

        Raises
        ------
        PresetError
            If something is missing or makes no sense; the message says what.
        """
        if not isinstance(data, dict):
            raise PresetError(f"{where} is no dialin preset: it should hold a JSON object")
        version = data.get("dialin_preset", data.get("schema_version"))
        if version is None:
            raise PresetError(
                f"{where} is no dialin preset: it says no version of the format; "
                "name a preset.json that dialin match wrote"
            )
        # True equals 1 in Python, but is no version.
        if isinstance(version, bool) or version != SCHEMA_VERSION:
            raise PresetError(
                f"{where} has preset schema version {version!r}; this dialin reads version "
                f"{SCHEMA_VERSION}" + ("; update dialin" if type(version) is int else "")
            )
        slots = data.get("slots")
        if not isinstance(slots, list):
            raise PresetError(f"{where} has no list of slots; save it again with dialin match")
        created = _short(data, "created_by", where).removeprefix("dialin ")
        provenance = data.get("provenance") or {}
        if not isinstance(provenance, dict):
            raise PresetError(f"{where}: its provenance should be a JSON object")
        if len(slots) > MOST_SLOTS:
            raise PresetError(f"{where} has {len(slots)} slots; at most {MOST_SLOTS} are read")
        try:
            check_depth(data, DEEPEST)
        except ValueError as error:
            raise PresetError(f"{where}: {error}, which no preset is") from error
        read = tuple(_read_slot(slot, f"{where}, slot {n}") for n, slot in enumerate(slots, 1))
        return cls(read, provenance, created, trusted=trust)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the preset, whole or not at all.

        Parameters
        ----------
        path : path-like
            File to be written.
        overwrite : bool, default False
            Whether a file that is there may be replaced.

        Returns
        -------
        Path
            The same file.

        Raises
        ------
        OutputError
            If the file exists and `overwrite` is False, or it cannot be written.
        PresetError
            If its provenance is nothing that JSON can hold.
        """
        target = Path(path)
        try:
            text = json_text(self.to_dict())
        except (TypeError, ValueError) as error:
            raise PresetError(
                f"the preset cannot be written as JSON: {error}; keep its provenance to finite "
                "numbers, text, lists and dictionaries"
            ) from error
        write_text(target, text + "\n", overwrite=overwrite)
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, trust: bool = False) -> Preset:
        """Read a preset file.

        Parameters
        ----------
        path : path-like
            Of a ``.json`` file.
        trust : bool
            Whether it may have plugins loaded from outside the usual folders, and Faust programs
            compiled: they are code, and presets are passed around.

        Returns
        -------
        Preset

        Raises
        ------
        PresetError
            If it cannot be read, is no JSON, or is no preset.
        """
        source = Path(path)
        try:
            with source.open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
            if len(content) > LARGEST_FILE:
                raise PresetError(
                    f"{str(source)!r} is larger than {LARGEST_FILE >> 20} MiB, which no preset is; "
                    "name a preset.json that dialin match wrote"
                )
            text = content.decode("utf-8-sig")
        except FileNotFoundError as error:
            raise PresetError(f"there is no preset {str(source)!r}; check the path") from error
        except UnicodeDecodeError as error:
            raise PresetError(
                f"{str(source)!r} is no dialin preset: it is no text; "
                "name a preset.json that dialin match wrote"
            ) from error
        except OSError as error:
            raise PresetError(
                f"{str(source)!r} cannot be read as a preset: {error.strerror or error}; "
                "name a preset.json that dialin match wrote"
            ) from error
        try:
            data = parse_json(text)
        except ValueError as error:
            raise PresetError(
                f"{str(source)!r} is no dialin preset: it is no JSON ({error})"
            ) from error
        preset = cls.from_dict(data, where=repr(str(source)), trust=trust)
        return replace(preset, origin=source)

    @property
    def folder(self) -> Path | None:
        """Folder of the file it was read from."""
        return None if self.origin is None else self.origin.absolute().parent


def _read_slot(data: Any, where: str) -> PresetSlot:
    if not isinstance(data, dict):
        raise PresetError(f"{where} should be a JSON object, not {type(data).__name__}")
    fields = {name: _text(data, name, where) for name in ("uri", "name", "format")}
    if max(fields["uri"].lower().count(word) for word in ("mix:", "bpm:")) > MOST_MIXES:
        raise PresetError(f"{where} wraps an effect more than {MOST_MIXES} times over")
    try:
        format, _ = parse_uri(fields["uri"])
    except EffectNotFoundError as error:
        raise PresetError(f"{where}: {error}") from error
    if format != fields["format"]:
        raise PresetError(
            f"{where} says that {fields['uri']} is of the format {fields['format']!r}, "
            f"not {format!r}; take the preset as dialin match wrote it"
        )
    names = ("version", "file_hash", "spec_hash", "file", "plugin_id")
    optional = {name: _short(data, name, where) for name in names}
    knobs = data.get("knobs")
    if not isinstance(knobs, list):
        raise PresetError(f"{where} ({fields['name']}) has no list of knobs")
    if len(knobs) > MOST_KNOBS:
        raise PresetError(
            f"{where} ({fields['name']}) has {len(knobs)} knobs; at most {MOST_KNOBS} are read"
        )
    state = data.get("state")
    if isinstance(state, str) and len(state) > LARGEST_STATE // 3 * 4 + 4:
        raise PresetError(
            f"{where} ({fields['name']}) has a state of more than {LARGEST_STATE >> 20} MiB"
        )
    try:
        opaque = None if state is None else base64.b64decode(state, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise PresetError(f"{where}: its state is not valid base64 ({error})") from error
    read = tuple(_read_knob(knob, f"{where} ({fields['name']})") for knob in knobs)
    ids = [knob.id for knob in read]
    twice = sorted(id for id, count in Counter(ids).items() if count > 1)
    if twice:
        raise PresetError(f"{where} ({fields['name']}) holds {', '.join(twice)} more than once")
    channels = data.get("channels", 0)
    if not isinstance(channels, int) or isinstance(channels, bool) or not 0 <= channels <= 64:
        raise PresetError(f"{where} ({fields['name']}) has {channels!r:.40} channels, not 0 to 64")
    return PresetSlot(**fields, **optional, knobs=read, state=opaque, channels=channels)


def _read_knob(data: Any, where: str) -> PresetKnob:
    if not isinstance(data, dict):
        raise PresetError(f"{where}: a knob should be a JSON object, not {type(data).__name__}")
    id = _text(data, "id", where)
    numbers: dict[str, float] = {}
    for name in ("native", "normalised", "neutral", "position"):
        value: Any = data.get(name)
        if name in ("neutral", "position") and value is None:
            continue
        try:
            number = math.nan if isinstance(value, bool | str) else float(value)
        except (TypeError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            shown = f"{value!r:.40}"
            raise PresetError(f"{where}: knob {id} has {name} value {shown}, not a finite number")
        numbers[name] = number
    for name in ("normalised", "position"):
        if not 0 <= numbers.get(name, 0.0) <= 1:
            raise PresetError(f"{where}: knob {id} stands at {numbers[name]:g}, outside 0 to 1")
    index = data.get("index")
    if index is not None and (
        not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < 1 << 20
    ):
        raise PresetError(f"{where}: knob {id} has number {index!r:.40}, not a whole one from 0 up")
    return PresetKnob(
        id,
        _short(data, "name", where) or id,
        _short(data, "unit", where),
        numbers["native"],
        numbers["normalised"],
        _short(data, "text", where),
        numbers.get("neutral"),
        numbers.get("position"),
        index,
        _short(data, "title", where),
    )


def _text(data: Mapping[str, Any], name: str, where: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise PresetError(f"{where} lacks its {name}")
    most = LONGEST_URI if name == "uri" else LONGEST_TEXT
    if len(value) > most:
        raise PresetError(
            f"{where}: its {name} has {len(value)} characters; at most {most} are read"
        )
    return value


def _short(data: Mapping[str, Any], name: str, where: str) -> str:
    """Text that may be missing."""
    value = data.get(name)
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise PresetError(f"{where}: its {name} should be text, not {type(value).__name__}")
    return _text(data, name, where)


def _plugin_id(spec: EffectSpec, state: bytes | None) -> str:
    """Name that a plugin keeps wherever it lies: a VST3's class id, an LV2's URI."""
    if spec.format == "vst3" and state is not None and state[:4] == b"VST3":
        return state[8:40].decode("ascii", "replace")
    return parse_uri(spec.uri)[1] if spec.format == "lv2" else ""
