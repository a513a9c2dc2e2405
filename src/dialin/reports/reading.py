"""Reading dataclasses from plain data that may lack some of it."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")

_BLANK: Mapping[Any, Any] = {
    str: "",
    float: float("nan"),
    int: 0,
    bool: False,
    Path: Path(),
}


def read_fields(kind: type[T], data: Mapping[str, Any]) -> T:
    """Make a dataclass of plain data, and those it holds.

    What is missing has its default, or is blank: ``""``, NaN, 0, False, empty. What the dataclass
    does not know is passed over.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are text, numbers, paths, dataclasses, tuples of such, or None.
    data : mapping
        Plain data, as JSON holds it.

    Returns
    -------
    object
        Of that type.

    Raises
    ------
    ValueError
        If a value is of the wrong type; the message names the field.
    """
    hints: Mapping[str, Any] = _hints(kind)  # type: ignore[arg-type]
    values = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name in data:
            values[each.name] = _read(hints[each.name], data[each.name], each.name)
        elif not _has_default(each):
            values[each.name] = _blank(hints[each.name])
    return kind(**values)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _has_default(each: Field[Any]) -> bool:
    return each.default is not MISSING or each.default_factory is not MISSING


def _blank(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return ()
    if get_origin(hint) is Mapping:
        return {}
    return read_fields(hint, {}) if hint not in _BLANK else _BLANK[hint]


def _read(hint: Any, value: Any, name: str) -> Any:
    if get_origin(hint) is types.UnionType:
        (inner,) = (each for each in get_args(hint) if each is not type(None))
        # Nothing at all stands for None too.
        empty = value is None or (is_dataclass(inner) and not value)
        return None if empty else _read(inner, value, name)
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        item = get_args(hint)[0]
        return tuple(_read(item, each, name) for each in value)
    if get_origin(hint) is Mapping and isinstance(value, Mapping):
        item = get_args(hint)[1]
        return {str(key): _read(item, each, name) for key, each in value.items()}
    if is_dataclass(hint) and isinstance(value, Mapping):
        return read_fields(hint, value)  # type: ignore[arg-type]
    if hint is float and value is None:
        return _BLANK[float]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and number:
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint in (str, bool) and isinstance(value, hint):
        return value
    if hint is int and number and int(value) == value:
        return int(value)
    raise ValueError(f"{name!r} of the report is {str(value)[:60]!r}, which it cannot be")
