"""Plain data from strangers ends in data or in a ValueError, whatever it is."""

import json
import os
import re
import threading
import tracemalloc
from pathlib import Path

import pytest

from dialin.files import reading

SOURCES = Path(__file__).parents[2] / "src/dialin"


def test_data_comes_back_as_it_is(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps({"a": [1, {"b": 2.5}]}).encode())
    assert reading.read_json(file) == {"a": [1, {"b": 2.5}]}
    file.write_bytes(b'\xef\xbb\xbfa = [1, {b = 2.5}]\r\n[table]\r\nname = "\xc3\xa9"\r\n')
    assert reading.read_toml(file) == {"a": [1, {"b": 2.5}], "table": {"name": "é"}}


def test_a_small_file_takes_a_small_memory(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("[1]", "utf-8")
    tracemalloc.start()
    try:
        assert reading.read_json(file) == [1]
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
def test_a_pipe_is_read_to_its_end_and_no_further_than_allowed(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for largest in (10**6, 1000):
        thread = threading.Thread(target=lambda: pipe.write_text("a" * 5000, "utf-8"))
        thread.start()
        if largest == 1000:
            with pytest.raises(ValueError, match="more than"):
                reading.read_text(pipe, largest)
        else:
            assert reading.read_text(pipe, largest) == "a" * 5000
        thread.join()


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[" * 150 + "]" * 150, '{"a":' * 150 + "1" + "}" * 150, "1" * 5000, "{", ""],
)
def test_json_that_nobody_meant_is_a_value_error(text):
    with pytest.raises(ValueError):
        reading.parse_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000,
        "a = " + "[" * 150 + "]" * 150,
        "a = " + "{a = " * 3000,
        ".".join("a" * 200) + " = 1",
        "a = " + "1" * 5000,
        "a",
    ],
)
def test_toml_that_nobody_meant_is_a_value_error(text):
    with pytest.raises(ValueError):
        reading.parse_toml(text)


def test_as_deep_as_is_allowed():
    assert reading.parse_json("[" * 100 + "]" * 100)
    with pytest.raises(ValueError, match="100 deep"):
        reading.parse_json("[" * 102 + "]" * 102)


def test_files_are_bounded_and_text(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps("x" * 1000))
    with pytest.raises(ValueError, match="more than"):
        reading.read_json(file, largest=1000)
    file.write_bytes(b'"\xff"')
    with pytest.raises(ValueError, match="no text"):
        reading.read_json(file)
    with pytest.raises(FileNotFoundError):
        reading.read_json(tmp_path / "none.json")


def test_nothing_is_parsed_past_the_bounds():
    found = []
    for file in SOURCES.rglob("*.py"):
        text = file.read_text()
        # What dialin itself dumped a moment ago, and what it ships, is no stranger's.
        text = re.sub(r"json\.loads\(json\.dumps\(|json\.loads\(text\)\[\"noise\"\]", "", text)
        if file.name != "reading.py" and re.search(r"\bjson\.loads?\(|\btomllib\.load", text):
            found.append(str(file.relative_to(SOURCES)))
    assert found == []
