"""``dialin timbre`` as people and scripts use it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from dialin.cli.app import app
from tests.timbre.regenerate import DATA

typer_testing = pytest.importorskip("typer.testing")
CLIP = str(DATA / "A050.flac")


def run(*arguments: str) -> tuple[int, str, str]:
    result = typer_testing.CliRunner().invoke(app, ["timbre", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_csv() -> None:
    code, out, _ = run(CLIP, "--csv", "--attributes", "brightness,depth")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert float(rows[0]["brightness"]) == pytest.approx(51.96, abs=0.01)
    assert list(rows[0])[:3] == ["file", "brightness", "depth"]


def test_json_reports_a_bad_file_and_says_so_in_the_exit_code(tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no audio")
    code, out, err = run(str(bad), CLIP, "--json")
    files = json.loads(out)["files"]
    assert code == 3
    assert "bad.wav" in err
    assert files[0]["error"]["code"] == "audio-file"
    assert files[1]["timbre"]["reverb"] > 0


def test_a_half_done_table_is_finished(tmp_path: Path) -> None:
    table = tmp_path / "timbre.csv"
    names = sorted(str(p) for p in DATA.glob("A0*.flac"))[:3]
    run(names[0], "-o", str(table), "--attributes", "sharpness")
    whole = table.read_text()
    table.write_text(whole + "half a li")
    code, _, err = run(*names, "-o", str(table), "--attributes", "sharpness")
    rows = list(csv.DictReader(table.open()))
    assert code == 0
    assert "1 files are in" in err
    assert [row["file"] for row in rows] == names
    code, _, err = run(*names, "-o", str(table), "--attributes", "depth")
    assert code != 0


def test_text_and_excerpt() -> None:
    code, out, _ = run(CLIP, "--excerpt", "1", "--attributes", "warmth")
    assert code == 0
    assert "warmth" in out


def test_former_commands_say_what_they_are_called_now() -> None:
    code, out, err = run("measure", CLIP, "--attributes", "warmth", "--csv")
    assert code == 0
    assert "warmth" in out
    assert "is called dialin timbre now" in err
    code, _, err = run("analyse", "songs", "-o", "out")
    assert code != 0
