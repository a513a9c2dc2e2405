"""The command line's surface: help, speed, options, exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dialin.cli._console import number, pairs, words
from dialin.cli._match_words import parse_reference
from dialin.errors import UsageError
from dialin.files import json_text, plain
from tests.cli.runner import dialin, dialin_process

COMMANDS = [
    ("match",),
    ("apply",),
    ("effects",),
    ("effects", "list"),
    ("effects", "scan"),
    ("effects", "show"),
    ("effects", "probe"),
    ("presets",),
    ("presets", "show"),
    ("presets", "check"),
    ("presets", "export"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(command):
    ran = dialin(*command, "--help")
    assert ran.code == 0
    assert "Usage: dialin" in ran.out


def test_help_has_examples_and_exit_codes():
    ran = dialin("--help")
    assert "dialin match dry.wav reference.wav -o out/" in ran.out
    assert "130 Ctrl-C" in ran.out


def test_help_is_quick_and_loads_nothing_heavy():
    ran = dialin_process("--help", python=("-X", "importtime"))
    loaded = set(re.findall(r"\|\s+([\w.]+)$", ran.err, re.MULTILINE))
    heavy = {"numpy", "scipy", "pedalboard", "dawdreamer", "soundfile", "cmaes", "torch"}
    assert "typer" in loaded
    assert not loaded & heavy
    # Processor time, which a busy machine does not stretch as it does the time on the wall.
    script = (
        "import resource, subprocess, sys;"
        "subprocess.run([sys.executable, '-m', 'dialin', '--help'], stdout=subprocess.DEVNULL);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime)"
    )
    best = min(
        float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout)
        for _ in range(3)
    )
    assert best < 0.5


def test_version():
    import dialin as package

    assert dialin("--version").out == f"dialin {package.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [("nothing",), ("match",), ("match", "a.wav"), ("effects", "show")]
)
def test_what_is_not_understood_exits_with_2(arguments):
    assert dialin(*arguments).code == 2


def test_references_carry_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse_reference("a.wav") == (Path("a.wav"), 1.0)
    assert parse_reference("a.wav:0.7") == (Path("a.wav"), 0.7)
    assert parse_reference("C:/x/a.wav") == (Path("C:/x/a.wav"), 1.0)
    assert parse_reference("C:/x/a.wav:2") == (Path("C:/x/a.wav"), 2.0)
    (tmp_path / "odd:0.5").write_bytes(b"")
    assert parse_reference("odd:0.5") == (Path("odd:0.5"), 1.0)


@pytest.mark.parametrize("text", ["a.wav:0", "a.wav:-1", "a.wav:nan", "a.wav:inf"])
def test_references_refuse_odd_weights(text):
    with pytest.raises(UsageError, match="above 0"):
        parse_reference(text)


def test_pairs_numbers_and_words():
    assert pairs(["a.b = 4"], option="--lock", example="x") == [("a.b", "4")]
    assert words(["tone, level", "space"]) == ["tone", "level", "space"]
    assert number("-3.5", option="--lock", example="x") == -3.5
    for bad in ("a", "=4", "a="):
        with pytest.raises(UsageError, match="--lock"):
            pairs([bad], option="--lock", example="compressor.ratio=4")
    for bad in ("loud", "nan", "inf", ""):
        with pytest.raises(UsageError, match="no number"):
            number(bad, option="--lock", example="compressor.ratio=4")


def test_json_is_strict():
    import numpy as np

    text = json_text(
        plain({"a": float("nan"), "b": np.float32(0.5), "c": np.arange(2), "d": Path("x")})
    )
    assert json.loads(text) == {"a": None, "b": 0.5, "c": [0, 1], "d": "x"}


def test_an_unexpected_error_says_how_to_see_more(monkeypatch, capsys):
    from typer.testing import CliRunner

    from dialin.cli.app import app

    def broken(*_, **__):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("dialin.effects.catalogue.list_effects", broken)
    result = CliRunner().invoke(app, ["effects", "list"])
    assert result.exit_code == 1
    assert "ZeroDivisionError: oops" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr
    result = CliRunner().invoke(app, ["--debug", "effects", "list"])
    assert "Traceback" in result.stderr


def test_errors_are_json_too_where_that_was_asked_for():
    ran = dialin_process("effects", "show", "builtin:nothing", "--json")
    assert ran.code == 4
    assert json.loads(ran.out)["error"]["code"] == "effect-not-found"
    assert len(ran.errors) == 1
