"""The public surface: what ``import dialin`` offers, how cheap it is, and who imports whom."""

import importlib
import inspect
import re
import subprocess
import sys

import pytest

import dialin

HEAVY = ("scipy", "pedalboard", "dawdreamer", "soundfile", "typer", "rich", "numpy")


@pytest.mark.parametrize("name", [n for n in dialin.__all__ if n != "__version__"])
def test_every_public_name_is_there(name):
    assert getattr(dialin, name) is not None


ROOMS = (
    "audio",
    "data",
    "effects",
    "evaluation.listening",
    "evaluation.metrics",
    "files",
    "maps",
    "matching",
    "networks",
    "presets",
    "rendering",
    "reports",
    "timbre",
)


@pytest.mark.parametrize("room", ROOMS)
def test_public_lists_are_true(room):
    module = importlib.import_module(f"dialin.{room}")
    assert len(set(module.__all__)) == len(module.__all__) > 0
    for name in module.__all__:
        assert hasattr(module, name), f"dialin.{room}.{name}"
    # And the other way round: what a room's front door imports from within is on its list.
    inside = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "").startswith(f"dialin.{room}.")
    }
    assert inside <= set(module.__all__)


@pytest.mark.parametrize("room", ROOMS)
def test_whoever_asks_for_help_is_told_every_parameter(room):
    module = importlib.import_module(f"dialin.{room}")
    for name in module.__all__:
        value = getattr(module, name)
        if not inspect.isfunction(value):
            assert value.__doc__ or not inspect.isclass(value), name
            continue
        value = inspect.unwrap(value)
        text = inspect.getdoc(value) or ""
        described = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: :|$)", text, flags=re.M)
        names = {n.strip().lstrip("*") for line in described for n in line.split(",")}
        wanted = set(inspect.signature(value).parameters)
        assert wanted <= names, f"dialin.{room}.{name} does not describe {wanted - names}"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dialin.nonsense  # noqa: B018


def test_import_loads_nothing_heavy():
    code = f"import dialin, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_the_program_itself_loads_no_host():
    code = (
        "import sys, dialin, dialin.cli, dialin.matching, dialin.rendering, dialin.effects;"
        "print([m for m in ('pedalboard', 'dawdreamer') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr
