"""Text that may hold names which are no text: names of files are bytes, and not always UTF-8.

Python keeps such bytes as lone surrogates, which no encoding writes. In JSON they are escaped, so
that who reads it gets the name back and can open the file; on a page a mark stands for them.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Mapping
from typing import Any

_LONE = re.compile("[\ud800-\udfff]")


def plain(value: Any) -> Any:
    """Value with what strict JSON cannot hold made plain.

    Parameters
    ----------
    value : object
        Mappings, lists, tuples, arrays and numbers of NumPy, paths, and what JSON knows, nested.

    Returns
    -------
    object
        NaN and infinities are None, arrays are lists, paths and keys are text. Anything else is
        left for `json_text` to refuse.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        # The difference is NaN for infinities too. NumPy's float64 is a float, yet no plain one.
        return float(value) if value - value == 0 else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # Arrays and numbers of NumPy, which this room does without.
    return plain(value.tolist()) if hasattr(value, "tolist") else value


def json_text(payload: Any, *, indent: int | None = 2, sort_keys: bool = False) -> str:
    """Payload as strict JSON that any encoding of Unicode can write.

    Parameters
    ----------
    payload : object
        What JSON can hold; `plain` makes it so.
    indent : int, optional
        Spaces; None for one line.
    sort_keys : bool
        Whether the names of each object are put in order.

    Returns
    -------
    str

    Raises
    ------
    TypeError, ValueError
        If it holds what JSON cannot.
    """
    text = json.dumps(
        payload, indent=indent, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys
    )
    return _LONE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def is_text(name: str) -> bool:
    """Whether a name is text that every encoding of Unicode can write.

    Parameters
    ----------
    name : str
        As `os.fsdecode` gives it.

    Returns
    -------
    bool
    """
    return _LONE.search(name) is None


def shown(text: str) -> str:
    """Text with a replacement mark for each byte of a name that is no text.

    Parameters
    ----------
    text : str
        As `os.fsdecode` gives it.

    Returns
    -------
    str
        Text that every encoding of Unicode can write.
    """
    return _LONE.sub("\N{REPLACEMENT CHARACTER}", text)


def register_bytes_of_names() -> str:
    """Make known an error handler for streams, and return its name.

    It writes bytes of file names as they are, so that another program gets the very name, and a
    question mark for whatever else an encoding cannot say.
    """

    def handle(error: UnicodeError) -> tuple[bytes, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        letters = error.object[error.start : error.end]
        codes = [ord(letter) - 0xDC00 for letter in letters]
        return bytes(code if 0x80 <= code <= 0xFF else 0x3F for code in codes), error.end

    codecs.register_error("dialin-names", handle)
    return "dialin-names"
