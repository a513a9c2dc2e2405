"""Everything the README says is tried: its commands in order, its Python, its links."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dialin.audio import read_audio, write_audio
from tests.plugins import REQUIRED, vst3_path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.S)
COMMANDS = [
    line.split("  #")[0].strip()
    for kind, text in BLOCKS
    if kind == "sh"
    for line in text.splitlines()
    if line.startswith("dialin ")
]
OWN_SECONDS = 5.0
FIRST_MATCH = next(command for command in COMMANDS if command.startswith("dialin match "))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the shipped recordings, and the names that the README uses for one's own."""
    path = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", path / "examples")
    for name, source in {
        "dry": "guitar-clean",
        "reference": "guitar-metal",
        "ref1": "guitar-metal",
        "ref2": "drums-break",
    }.items():
        # Their first seconds: the first match hears all of them.
        whole, rate = read_audio(path / f"examples/audio/{source}.flac")
        write_audio(path / f"{name}.flac", whole[:, : round(OWN_SECONDS * rate)], rate)
    return path


def run(arguments, folder):
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "100"}
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=900
    )


def assert_matched(out):
    """Examples show a match: settings of at least one effect, and a sound that came nearer."""
    assert json.loads((out / "preset.json").read_text())["slots"]
    report = json.loads((out / "report.json").read_text())
    assert report["after"] < report["before"]


def test_the_readme_has_commands():
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command, folder):
    words = shlex.split(command)
    for word in words:
        if (
            not REQUIRED
            and word.startswith("vst3:")
            and not Path(vst3_path("ZamComp.vst3")).exists()
        ):
            pytest.skip("the VST3 plugin ZamComp.vst3 is not installed")
        if not REQUIRED and "drobilla" in word and not Path("/usr/lib/lv2/mda.lv2").exists():
            pytest.skip("the LV2 bundle mda.lv2 is not installed")
    if words[1] == "match" and command != FIRST_MATCH and "--budget" not in words:
        words += ["--budget", "60"]  # as written, but shorter: the first one is run in full
    result = run([sys.executable, "-m", "dialin", *words[1:]], folder)
    assert result.returncode == 0, result.stderr + result.stdout
    if "-o" in words:
        out = folder / words[words.index("-o") + 1]
        assert any(out.iterdir())
        if words[1] in ("match", "demo"):
            assert_matched(out)


def test_python(folder):
    (code,) = [text for kind, text in BLOCKS if kind == "python"]
    (folder / "example.py").write_text(code)
    result = run([sys.executable, "example.py"], folder)
    assert result.returncode == 0, result.stderr
    assert "->" in result.stdout


def test_make_targets_exist():
    for target in re.findall(r"^make (\w+)", README, flags=re.M):
        dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert dry.returncode == 0, dry.stderr


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
