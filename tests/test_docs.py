"""What the pages in docs/ say is tried: shell and Python blocks, links, and the site's menu."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import typer

from dialin.cli.app import app
from tests.test_readme import assert_matched, run

ROOT = Path(__file__).parent.parent
PAGES = {page.stem: page.read_text() for page in sorted((ROOT / "docs").glob("*.md"))}
OPTIONS = typer.main.get_command(app)
TRIED = ("effects", "presets", "python")
BLOCKS = {name: re.findall(r"```(\w*)\n(.*?)```", PAGES[name], flags=re.S) for name in TRIED}
COMMANDS = [
    (name, line.split("  #")[0].strip())
    for name, blocks in BLOCKS.items()
    for kind, text in blocks
    if kind == "sh"
    for line in text.splitlines()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("docs")
    for name, source in {"dry": "guitar-clean", "reference": "guitar-metal"}.items():
        shutil.copy(ROOT / f"examples/audio/{source}.flac", path / f"{name}.flac")
    (path / "album").mkdir()
    shutil.copy(path / "dry.flac", path / "album" / "song.flac")
    return path


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_command(page, command, folder):
    words = shlex.split(command)
    assert words[0] == "dialin"
    result = run([sys.executable, "-m", *words], folder)
    assert result.returncode == 0, result.stderr + result.stdout
    if words[1] == "match":
        assert_matched(folder / words[words.index("-o") + 1])


@pytest.mark.parametrize("page", [p for p in TRIED if any(k == "python" for k, _ in BLOCKS[p])])
def test_python(page, folder):
    code = "".join(text for kind, text in BLOCKS[page] if kind == "python")
    place = folder / page
    place.mkdir()
    (place / "songs").mkdir()
    for file in folder.glob("*.flac"):
        shutil.copy(file, place)
        shutil.copy(file, place / "songs")
    (place / "example.py").write_text(code)
    result = run([sys.executable, "example.py"], place)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)\)", PAGES[page]):
        if not link.startswith("http"):
            assert (ROOT / "docs" / link).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_places_inside_of_pages_are_there(page):
    for name, place in re.findall(r"\]\((\w*)(?:\.md)?#([^)]+)\)", PAGES[page]):
        titles = re.findall(r"^#+ (.*)$", PAGES[name or page], flags=re.M)
        plain = [re.sub(r"[^\w\s-]", "", title).lower().replace(" ", "-") for title in titles]
        assert place in plain, f"{name}#{place}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    for file in re.findall(r"(?:benchmarks|tests|scripts)/[\w/-]+\.(?:py|sh)", PAGES[page]):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("page", [*PAGES, "README", "CHANGELOG"])
def test_options_that_are_named_exist(page):
    text = PAGES.get(page) or (ROOT / f"{page}.md").read_text()
    for line in text.replace("\\\n", " ").splitlines():
        for words in re.findall(r"dialin ((?:[a-z-]+ )+[^`#|]*)", line):
            command = OPTIONS
            for word in words.split():
                if word not in command.commands:
                    break
                command = command.commands[word]
                if not getattr(command, "commands", None):
                    known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
                    named = set(re.findall(r"(?<!\S)--[a-z][\w-]*", words))
                    assert named <= known | {"--help"}, line
                    break


def test_the_menu_has_every_page():
    menu = re.findall(r": (\w+)\.md$", (ROOT / "mkdocs.yml").read_text(), flags=re.M)
    assert sorted(menu) == sorted(PAGES)
