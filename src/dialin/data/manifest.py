"""Reading the manifest of a finished folder of pairs, which may have come from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from dialin.data.shards import ShardStore, read_lines
from dialin.effects.spec import EffectSpec
from dialin.errors import ParameterError, UsageError
from dialin.files.reading import parse_json

_KINDS: Mapping[str, type] = {
    "hash": str,
    "recipe": dict,
    "effect": dict,
    "spec_hash": str,
    "counts": dict,
}
_SPEC_TEXTS = ("uri", "name", "format", "version", "vendor", "category", "file", "file_hash")
_KNOB_TEXTS = ("id", "name", "unit", "curve", "status", "low_text", "high_text", "title")


def read_manifest(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Manifest and records of a finished folder.

    Parameters
    ----------
    folder : path-like or fsspec URL
        Of finished pairs.

    Returns
    -------
    manifest : dict
    records : list of dict
        One for each pair.

    Raises
    ------
    UsageError
        If it is not finished, or is damaged: the message says where.
    """
    store = ShardStore(folder)
    if "manifest.json" not in store.names():
        raise UsageError(
            f"{store.location!r} has no manifest.json: no finished data; render the recipe there"
        )
    try:
        manifest = parse_json(store.read("manifest.json"))
        for name, kind in _KINDS.items():
            if not isinstance(manifest, dict) or not isinstance(manifest.get(name), kind):
                raise ValueError(f"manifest.json lacks {name!r}")
        size = _size(manifest["effect"])
        records = read_lines(store.read("manifest.jsonl"))
        for number, record in enumerate(records, 1):
            _check_record(record, size, f"line {number} of manifest.jsonl")
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(
            f"the manifest in {store.location!r} is damaged ({error}); render the recipe again"
        ) from error
    return manifest, records


def _size(effect: dict[str, Any]) -> int:
    """Number of knobs of a described effect."""
    try:
        spec = EffectSpec.from_dict(effect)
        texts = [(spec, _SPEC_TEXTS), *((knob, _KNOB_TEXTS) for knob in spec.parameters)]
        for each, names in texts:
            wrong = [name for name in names if not isinstance(getattr(each, name), str)]
            if wrong:
                raise TypeError(f"its {wrong[0]} is no text")
        if not np.isfinite(spec.default).all():
            raise TypeError("its defaults are no numbers")
        return spec.size
    except (KeyError, TypeError, AttributeError, ArithmeticError, ParameterError) as error:
        raise ValueError(f"it describes no effect: {type(error).__name__} {error}") from error


def _check_record(record: dict[str, Any], size: int, where: str) -> None:
    for name in ("settings", "input_settings"):
        if not record.get("lost") and record.get(name) is not None:
            _check_settings(record[name], size, f"{where}: {name}")
    rejected = record.get("rejected", [])
    if not isinstance(rejected, list):
        raise ValueError(f"{where}: rejected is no list")
    for each in rejected:
        if not isinstance(each, list) or len(each) != 2 or not isinstance(each[0], str):
            raise ValueError(f"{where}: rejected does not hold causes and settings")
        _check_settings(each[1], size, f"{where}: rejected settings")
    dropped = record.get("dropped", {})
    if not isinstance(dropped, dict) or not all(type(v) is int for v in dropped.values()):
        raise ValueError(f"{where}: dropped does not hold causes and counts")


def _check_settings(values: Any, size: int, where: str) -> None:
    if (
        not isinstance(values, list)
        or len(values) != size
        or not all(type(v) in (int, float) and 0 <= v <= 1 for v in values)
    ):
        raise ValueError(f"{where} are not {size} numbers from 0 to 1")
