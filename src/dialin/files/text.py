"""Text that may hold names which are no text: names of files are bytes, and not always UTF-8.

Python keeps such bytes as lone surrogates, which no encoding writes. In JSON they are escaped, so
that who reads it gets the name back and can open the file; on a page a mark stands for them.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

_LONE = re.compile("[\ud800-\udfff]")


def json_text(payload: Any, *, indent: int | None = 2) -> str:
    """Payload as strict JSON that any encoding of Unicode can write.

    Raises
    ------
    TypeError, ValueError
        If it holds what JSON cannot.
    """
    text = json.dumps(payload, indent=indent, ensure_ascii=False, allow_nan=False)
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shown(text: str) -> str:
    """Text with a replacement mark for each byte of a name that is no text."""
    return _LONE.sub("\N{REPLACEMENT CHARACTER}", text)


def register_bytes_of_names() -> str:
    """Make known an error handler for streams, and return its name.

    It writes bytes of file names as they are, so that another program gets the very name, and a
    question mark for whatever else an encoding cannot say.
    """

    def handle(error: UnicodeError) -> tuple[bytes, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        found = error.object[error.start : error.end]
        codes = [ord(letter) - 0xDC00 for letter in found]
        return bytes(code if 0x80 <= code <= 0xFF else 0x3F for code in codes), error.end

    codecs.register_error("dialin-names", handle)
    return "dialin-names"
