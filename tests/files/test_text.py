"""Names of files that are no text pass through JSON, pages and streams."""

import io
import json
import os

import pytest

from dialin.files.text import is_text, json_text, register_bytes_of_names, shown

NAME = os.fsdecode(b"caf\xe9.wav") if os.name != "nt" else "caf\udce9.wav"


def test_json_gives_the_name_back_and_can_be_written():
    text = json_text({"file": NAME, "title": "Größe"})
    assert json.loads(text.encode().decode()) == {"file": NAME, "title": "Größe"}
    assert "Größe" in text
    with pytest.raises(ValueError, match="JSON"):
        json_text(float("nan"))


def test_what_utf8_can_write_is_text():
    assert is_text("Größe") and not is_text(NAME)


def test_a_page_shows_a_mark():
    assert shown(NAME) == "caf\N{REPLACEMENT CHARACTER}.wav"


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", "Größe ".encode()), ("ascii", b"Gr??e ")]
)
def test_a_stream_gets_the_bytes_of_a_name_and_marks_for_the_rest(encoding, expected):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=register_bytes_of_names())
    stream.write(f"Größe {NAME}")
    stream.flush()
    assert raw.getvalue() == expected + b"caf\xe9.wav"
