"""What is built: for which Pythons, with what in it. `make wheel` tries it outside of the tree."""

import ast
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from dialin.errors import OutputError
from tests.cli.runner import dialin

ROOT = Path(__file__).parent.parent


def test_the_wheel_is_for_every_python_from_the_one_its_extension_needs():
    code = (
        "import setuptools, runpy\n"
        "kept = {}\n"
        "setuptools.setup = kept.update\n"
        "runpy.run_path('setup.py')\n"
        "assert kept['options']['bdist_wheel']['py_limited_api'] == 'cp311', kept\n"
        "assert all(e.py_limited_api for e in kept['ext_modules'])\n"
    )
    code = code.replace("kept.update", "lambda **given: kept.update(given)")
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"


def test_recipes_and_examples_are_the_packages_own_and_stand_once():
    for name in ("recipes", "examples"):
        inside = Path(str(files("dialin") / name))
        assert inside.is_dir()
        assert inside.resolve() == ROOT / name
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]["dialin"]
    package = ROOT / "src" / "dialin"
    found = {p for pattern in patterns for p in package.glob(pattern)}
    wanted = [*(package / "recipes").glob("*/*.*"), *(package / "examples/audio").iterdir()]
    assert wanted and set(wanted) <= found


def test_recipes_are_listed_shown_and_copied(tmp_path):
    listed = dialin("recipes", "list")
    assert listed.code == 0
    for folder in (ROOT / "recipes").iterdir():
        assert folder.name in listed.out
    shown = dialin("recipes", "show", "musdb18")
    assert "MUSDB18" in shown.out and "[end_to_end]" in shown.out
    done = dialin("recipes", "copy", "vae", cwd=tmp_path)
    assert done.code == 0, done.err
    made = tmp_path / "recipes" / "vae"
    assert (made / "recipe.toml").read_text() == (ROOT / "recipes/vae/recipe.toml").read_text()
    again = dialin("recipes", "copy", "vae", cwd=tmp_path)
    assert again.code == OutputError.exit_code and "there already" in again.err
    missing = dialin("recipes", "show", "wings")
    assert missing.code == 2 and "musdb18" in missing.err


@pytest.mark.parametrize("script", ["check-wheel.sh", "smoke.sh", "test-minimum.sh"])
def test_scripts_are_sound(script):
    subprocess.run(["sh", "-n", ROOT / "scripts" / script], check=True)


def test_every_oldest_version_is_one_and_no_newer_than_what_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    made = subprocess.run(
        [sys.executable, ROOT / "scripts/minimum.py", *project["optional-dependencies"]],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    oldest = dict(line.lower().split("==") for line in made.stdout.splitlines())
    assert len(oldest) >= len(project["dependencies"])
    pins = [p for p in (ROOT / "constraints.txt").read_text().splitlines() if "==" in p]
    tested = dict(pin.lower().split("==") for pin in pins)

    def number(version):
        return tuple(int(part) for part in version.split("."))

    for name, version in oldest.items():
        assert name in tested, f"{name} is not in constraints.txt"
        assert number(version) <= number(tested[name]), name


def test_what_only_some_systems_have_stands_in_one_file():
    """The other half of this promise is mypy's, which reads the program as of each system."""
    only = ("fcntl", "msvcrt", "resource", "pwd", "grp", "termios")
    package = ROOT / "src" / "dialin"
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(name.name in only for name in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module in only)
        or (isinstance(node, ast.keyword) and node.arg in ("pass_fds", "preexec_fn"))
    }
    assert found == {"files/system.py"}
    makefile = (ROOT / "Makefile").read_text()
    (checked,) = (line for line in makefile.splitlines() if "types-win32" in line)
    assert "types-darwin" in checked and "types-linux" in checked
    assert "--platform $*" in makefile


def test_what_make_installs_in_place_is_compiled_as_pip_compiles_a_copy():
    """Each start would compile it again, where PYTHONDONTWRITEBYTECODE is set."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    assert any(line.startswith("COMPILE =") and "compileall" in line for line in lines)
    rules = "\n".join(lines).split("\n\n")
    inplace = [rule for rule in rules if " -e " in rule]
    assert inplace and all("\t$(COMPILE)" in rule for rule in inplace)
