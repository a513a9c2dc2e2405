"""Damage, drawn from a seed: bytes of files, and values of documents."""

from __future__ import annotations

import copy
import struct
from typing import Any

import numpy as np

LIES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE)
"""Numbers that headers lie with."""

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\x00",
    "../../../etc/passwd",
    "/dev/zero",
    "shutil:rmtree",
    "é\u202e\U0001f3a7",
    "x" * 100_000,
    [],
    {},
    [[[[]]]],
    {"a": {"b": None}},
    list(range(1000)),
)
"""Values that nobody meant."""


def damaged(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Copy of `data` with one to three things wrong; `other` is a file to mix in."""
    for _ in range(int(rng.integers(1, 4))):
        data = _BYTES[int(rng.integers(len(_BYTES)))](data, other, rng)
    return data


def _place(data: bytes, rng: np.random.Generator) -> int:
    # Half of the damage is done where headers are.
    reach = min(len(data), 256) if rng.random() < 0.5 else len(data)
    return int(rng.integers(reach)) if reach else 0


def _cut(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return data[: _place(data, rng)]


def _flip(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    body = bytearray(data)
    for _ in range(int(rng.integers(1, 30)) if body else 0):
        body[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(body)


def _lie(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    where = _place(data, rng) & ~1
    order = "<" if rng.random() < 0.5 else ">"
    lie = struct.pack(order + "I", LIES[int(rng.integers(len(LIES)))])
    return data[:where] + lie + data[where + 4 :]


def _insert(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    where = _place(data, rng)
    return data[:where] + rng.bytes(int(rng.integers(1, 300))) + data[where:]


def _remove(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    where = _place(data, rng)
    return data[:where] + data[where + int(rng.integers(1, 300)) :]


def _repeat(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted((_place(data, rng), _place(data, rng)))
    return data[:last] + data[first:last] + data[last:]


def _zero(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    where, length = _place(data, rng), int(rng.integers(1, 2000))
    return data[:where] + bytes(len(data[where : where + length])) + data[where + length :]


def _join(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return data + other


def _head(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    where = int(rng.integers(4, 128))
    return other[:where] + data[where:]


_BYTES = (_cut, _flip, _flip, _lie, _lie, _insert, _remove, _repeat, _zero, _join, _head)


def twisted(document: Any, rng: np.random.Generator) -> Any:
    """Copy of plain data with one to three values replaced, dropped, renamed or nested."""
    document = copy.deepcopy(document)
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(document))
        if not places:
            return odd(rng)
        holder, key = places[int(rng.integers(len(places)))]
        act = rng.random()
        if act < 0.65:
            holder[key] = odd(rng)
        elif act < 0.8:
            del holder[key]
        elif isinstance(holder, dict):
            holder[f"{key}\u00df"] = holder.pop(key)
        else:
            holder.append(holder[key])
    return document


def odd(rng: np.random.Generator) -> Any:
    """A value that nobody meant; now and then nested deeper than any parser likes."""
    if rng.random() < 0.05:
        value: Any = 0
        for _ in range(500):
            value = [value]
        return value
    return copy.deepcopy(ODD[int(rng.integers(len(ODD)))])


def _places(document: Any) -> Any:
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in list(items):
        yield document, key
        yield from _places(value)
