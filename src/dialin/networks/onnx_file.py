"""Reading an exported network as data: one file, of a sane size, that points nowhere else.

An ONNX file may keep its weights in other files, which it names by a path
(``TensorProto.external_data``), and a file from a stranger could so have any file of this machine
read. dialin writes networks in one piece, so whatever points outside is refused before onnxruntime
sees it, and onnxruntime is handed bytes, never a path.

The fields walked are those of ``onnx.proto3`` in which tensors can stand: the numbers below are its
field numbers, so that this needs no package that can read the whole of ONNX.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dialin.errors import ModelError

LARGEST = 512 * 2**20
"""Bytes of a network; dialin's own have a few million."""

DEEPEST = 32
"""Graphs within graphs."""

_TENSOR, _EXTERNAL_DATA, _DATA_LOCATION = "tensor", 13, 14
_INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: _TENSOR,
        6: "graph",
        10: _TENSOR,
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: _TENSOR, 2: _TENSOR},
}


def read_onnx(file: Path) -> bytes:
    """Bytes of an exported network that stands on its own.

    Parameters
    ----------
    file : Path
        A ``.onnx`` file.

    Returns
    -------
    bytes

    Raises
    ------
    ModelError
        If it is no regular file, too large, damaged, or names files outside itself.
    """
    if not file.is_file():
        raise ModelError(f"{str(file.parent)!r} has no {file.name}; it was saved without one")
    size = file.stat().st_size
    if size > LARGEST:
        raise ModelError(
            f"{str(file)!r} has {size / 2**20:.0f} MB, at most {LARGEST // 2**20} are read; is it "
            "a network that dialin made?"
        )
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    try:
        outside = _points_outside(memoryview(data), "model", 0)
    except (IndexError, ValueError) as error:
        raise ModelError(f"{str(file)!r} is no ONNX network, or damaged: {error}") from error
    if outside:
        raise ModelError(
            f"{str(file)!r} keeps weights in other files, which is refused: a model folder must "
            "not name files; save the network in one piece (external_data=False)"
        )
    return data


def _points_outside(data: memoryview, kind: str, depth: int) -> bool:
    """Whether a message of this kind holds a tensor that lies in another file."""
    if depth > DEEPEST:
        raise ValueError(f"more than {DEEPEST} levels")
    inside = _INSIDE.get(kind, {})
    offset = 0
    while offset < len(data):
        key, offset = _varint(data, offset)
        field, wire = key >> 3, key & 7
        if kind == _TENSOR and field in (_EXTERNAL_DATA, _DATA_LOCATION):
            if field == _EXTERNAL_DATA:
                return True
            if wire == 0:
                value, offset = _varint(data, offset)
                if value:
                    return True
                continue
        if wire == 0:
            _, offset = _varint(data, offset)
        elif wire in (1, 5):
            offset += 8 if wire == 1 else 4
        elif wire == 2:
            length, offset = _varint(data, offset)
            if length > len(data) - offset:
                raise ValueError("cut short")
            if field in inside:
                piece = data[offset : offset + length]
                if _points_outside(piece, inside[field], depth + 1):
                    return True
            offset += length
        else:
            raise ValueError(f"wire type {wire}")
    if offset != len(data):
        raise ValueError("cut short")
    return False


def _varint(data: memoryview, offset: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
    raise ValueError("a number without an end")
