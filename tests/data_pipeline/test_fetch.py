import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from dialin.audio import write_audio
from dialin.data import find_songs, load_recipe
from dialin.data.fetch import fetch_corpus
from dialin.errors import OutputError, UsageError
from dialin.evaluation.corpus import open_corpus

RATE = 8000
RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*/recipe.toml"))
PACKAGES = ("warzone2100-music", "fretsonfire-songs-sectoid", "klettres-data", "lmms-common")

APT_GET = """#!/bin/sh
[ "$2" = "$FAIL" ] && { echo "E: Unable to locate package $2" >&2; exit 100; }
echo "$2" >> "$WAREHOUSE/log"
echo "$2" > "$2.deb"
"""
DPKG = """#!/bin/sh
cp -r "$WAREHOUSE/$(cat "$2")/." "$3"
"""


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    """Four packages in small, brought by an apt-get and a dpkg of our own."""
    root = tmp_path / "warehouse"
    songs = [f"warzone2100-music/usr/share/games/album{i % 2}/song{i}.ogg" for i in range(12)]
    songs += [
        f"fretsonfire-songs-sectoid/usr/share/games/metal{i}/{stem}.ogg"
        for i in range(3)
        for stem in ("guitar", "song")
    ]
    songs += [
        f"klettres-data/usr/share/klettres/{language}/alpha/{letter}.ogg"
        for language in ("cs", "da", "en", "fr", "nl", "sv")
        for letter in "abc"
    ]
    songs += [f"lmms-common/usr/share/lmms/samples/sound{i}.ogg" for i in range(9)]
    moment = np.arange(RATE // 2) / RATE
    for place, name in enumerate(songs):
        tone = 0.3 * np.sin(2 * np.pi * (200 + 20 * place) * moment)
        write_audio(root / name, tone[None].astype(np.float32), RATE)
    (root / "warzone2100-music" / "broken.ogg").write_bytes(b"nothing")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("apt-get", APT_GET), ("dpkg", DPKG)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("WAREHOUSE", str(root))
    return root


def test_the_manifest_tells_of_every_file(warehouse, tmp_path):
    corpus = tmp_path / "corpus"
    manifest = fetch_corpus(corpus, PACKAGES)
    assert json.loads((corpus / "corpus.json").read_text()) == manifest
    assert len(manifest["files"]) == 12 + 6 + 18 + 9
    assert manifest["skipped"] == ["warzone2100-music/broken.ogg"]
    entry = manifest["files"][0]
    assert entry["sha256"] == hashlib.sha256((corpus / entry["file"]).read_bytes()).hexdigest()
    assert (entry["seconds"], entry["licence"]) == (0.5, "GPL-2+")
    fetch_corpus(corpus, PACKAGES)
    fetched = (warehouse / "log").read_text().split()
    assert sorted(fetched) == sorted(PACKAGES), "a package was fetched twice"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_recipes_manifest_and_evaluation_agree_about_the_split(
    path, warehouse, tmp_path, monkeypatch
):
    corpus = tmp_path / "corpus"
    manifest = fetch_corpus(corpus, PACKAGES)
    split = {str(corpus / f["file"]): f["split"] for f in manifest["files"]}
    assert set(split.values()) == {"train", "valid", "test"}
    monkeypatch.setenv("DIALIN_CORPUS", str(corpus))
    # Recipes of networks hold those of their data in a table of its own.
    body = tomllib.loads(path.read_text())
    body = body.get("data", body)
    kept = {name: body[name] for name in ("songs", "splits") if name in body}
    (tmp_path / "recipe.toml").write_text(json_toml({"effect": "fake:gain", **kept}))
    recipe = load_recipe(tmp_path / "recipe.toml")
    trained = {part.path for track in find_songs(recipe).tracks for part in track.parts}
    allowed = {name for name, which in split.items() if which == "train"}
    assert trained <= allowed
    # Not every recipe takes single sounds of instruments.
    assert {name for name in allowed - trained if "lmms" not in name} == set()
    tested = {p.path for t in open_corpus([corpus], "test").tracks for p in t.parts}
    # Speech is split by speaker; a folder of anything is split by file.
    tested = {name for name in tested if "klettres" not in name}
    assert tested
    assert not tested & trained


def json_toml(body):
    """Plain data as TOML; tables of an array are inline."""

    def value(given):
        if isinstance(given, dict):
            return "{" + ", ".join(f"{k} = {value(v)}" for k, v in given.items()) + "}"
        if isinstance(given, list):
            return "[" + ", ".join(map(value, given)) + "]"
        return json.dumps(given)

    return "".join(f"{name} = {value(given)}\n" for name, given in body.items())


def test_failures_leave_nothing_half_done(warehouse, tmp_path, monkeypatch):
    corpus = tmp_path / "corpus"
    monkeypatch.setenv("FAIL", "klettres-data")
    with pytest.raises(OutputError, match="Unable to locate package klettres-data"):
        fetch_corpus(corpus, PACKAGES)
    assert not (corpus / "klettres-data").exists()
    assert not (corpus / "corpus.json").exists()
    monkeypatch.delenv("FAIL")
    assert len(fetch_corpus(corpus, PACKAGES)["files"]) == 45
    with pytest.raises(UsageError, match="no package of the corpus"):
        fetch_corpus(corpus, ["bash"])


def test_without_apt_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="own songs"):
        fetch_corpus(tmp_path / "corpus")
