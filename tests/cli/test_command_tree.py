"""The whole tree of commands: help everywhere, and one word for one thing."""

import json
import re
from collections import defaultdict

import pytest
import typer

from dialin.cli.app import app
from tests.cli.runner import dialin

ROOT = typer.main.get_command(app)

SPELLINGS = frozenset(
    "again allow-remote amount attributes bpm browser budget by-ear cache ceiling clear-cache "
    "count csv curve deadline encoder engine exact excerpt excerpts favourites figures format "
    "fx halfway headroom help host invert json keep layout library lock loudness manifests "
    "max-eq max-minutes max-upload methods metrics model model-folder models name no-browser "
    "no-by-ear no-figures no-models no-time no-verify only open output overwrite package pairs "
    "pick port quiet reference reference-for remove rendered resume search seconds seed set smooth "
    "songs sounds split stems tail time to together trust verify way weight workers".split()
)
"""Every long option there is. A new one is added here, once it is sure that no other says it."""


def leaves(command=ROOT, path=("dialin",)):
    """Commands that do something, by their names."""
    if getattr(command, "commands", None):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(leaves())


def options(command):
    return [param for param in command.params if param.param_type_name == "option"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_shows_it(name):
    command = COMMANDS[name]
    text = command.help or ""
    assert len(text.split("\b")[0].strip()) > 20
    assert re.search(rf"^ +(\w+=\S+ )?{name} ?", text, flags=re.MULTILINE), "no example"
    missing = [param.name for param in command.params if not (param.help or "").strip()]
    assert not [param for param in missing if param != "help"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_speak_json_and_be_quiet(name):
    spoken = {spelling for option in options(COMMANDS[name]) for spelling in option.opts}
    assert {"--json", "--quiet", "-q"} <= spoken


def test_an_option_is_the_same_in_every_command_that_has_it():
    """The same type, and the same help up to its first comma, colon, semicolon or full stop."""
    seen = defaultdict(set)
    for command in COMMANDS.values():
        for option in options(command):
            kind = (option.is_flag, option.multiple, option.nargs, option.metavar or "")
            meaning = re.split(r"[,:;.]", option.help or "")[0]
            seen[max(option.opts, key=len)].add((kind, meaning))
    assert {name: found for name, found in seen.items() if len(found) > 1} == {}


def test_seeds_are_0_unless_a_recipe_has_one():
    seeds = {
        name: option.default
        for name, command in COMMANDS.items()
        for option in options(command)
        if "--seed" in option.opts
    }
    assert set(seeds.values()) == {0, None}
    assert [name for name, seed in seeds.items() if seed is None] == ["dialin data render"]


def test_no_option_has_a_spelling_of_its_own():
    spoken = {
        spelling
        for command in COMMANDS.values()
        for option in options(command)
        for spelling in (*option.opts, *option.secondary_opts)
        if spelling.startswith("--")
    }
    assert {spelling.removeprefix("--") for spelling in spoken} <= SPELLINGS


@pytest.mark.parametrize(
    ("arguments", "old", "new"),
    [
        (["evaluate", "seed", "-o", "x", "--songs", "none"], "--effects", "--fx"),
        (["listen", "build", "seed", "-o", "x", "--songs", "none"], "--effects", "--fx"),
        (["train", "controller", "--fx", "fake:gain"], "--audio", "--songs"),
        (["train", "controller", "nowhere.toml"], "--model", "--model-folder"),
    ],
)
def test_old_spellings_go_on_working_and_say_so(arguments, old, new, tmp_path):
    ran = dialin(*arguments, f"{old}=none", cwd=tmp_path)
    assert f"note: {old} is called {new} now" in ran.err
    assert "No such option" not in ran.err
    line = " ".join(["dialin", *arguments])
    command = next(command for name, command in COMMANDS.items() if line.startswith(name))
    assert old not in {spelling for option in options(command) for spelling in option.opts}
    quiet = dialin(*arguments, old, "none", "--quiet", cwd=tmp_path)
    assert "note: " not in quiet.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense", "--json"],
        ["--nonsense", "--json"],
        ["match", "--json"],
        ["match", "a.wav", "b.wav", "-o", "out", "--json", "--budget", "many"],
        ["evaluate", "seed", "--songs", "x", "-o", "out", "--split", "train", "--json"],
        ["presets", "show", "none.json", "--json"],
        ["presets", "export", "none.json", "--to", "logic", "--json"],
        ["timbre", "none.wav", "--json", "--csv"],
        ["map", "at", "none.npz", "2", "2", "--json"],
        ["data", "report", "nowhere", "--json"],
    ],
)
def test_errors_are_one_json_object_too(arguments, tmp_path):
    ran = dialin(*arguments, cwd=tmp_path)
    assert ran.code != 0
    error = json.loads(ran.out)["error"]
    assert error["exit_code"] == ran.code
    assert error["message"] and error["code"]
    assert len(ran.errors) == 1
