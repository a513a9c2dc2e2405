"""Folders and files may be called anything; their names are never read as more than names."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from dialin.effects.chain import chain_uri, parse_chain, slot_names
from dialin.effects.host_path import host_path
from dialin.effects.lilv import path_of
from dialin.effects.open import open_effect
from dialin.effects.uri import parse_uri
from dialin.effects.vst3_files import find_vst3, split_vst3
from dialin.errors import EffectNotFoundError
from tests.effects.streams import noise
from tests.plugins import needs_vst3, vst3_path

ODD = [
    b"Take #1",
    b"50%25 done%",
    "Größe ü".encode(),
    b"a b  c ",
    b"q?x=1&y#z",
    b"it's; $(x)",
    b"x.vst3#y",
    pytest.param(
        b"bytes\xff\xfe",
        marks=pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there"),
    ),
]


def folder_called(parent: Path, name: bytes) -> Path:
    folder = Path(os.fsdecode(os.fsencode(parent) + b"/" + name))
    folder.mkdir()
    return folder


@needs_vst3("ZamTube.vst3")
@pytest.mark.parametrize("name", ODD)
def test_vst3(tmp_path: Path, name: bytes) -> None:
    bundle = folder_called(tmp_path, name) / "ZamTube.vst3"
    shutil.copytree(vst3_path("ZamTube.vst3"), bundle)
    effect = open_effect(f"vst3:{bundle}")
    assert effect.spec.uri == f"vst3:{bundle}"
    audio = noise(1, 4_000)
    plain = open_effect(f"vst3:{vst3_path('ZamTube.vst3')}")
    settings = plain.spec.random(np.random.default_rng(0))
    np.testing.assert_array_equal(
        effect.process(audio, 44_100, settings), plain.process(audio, 44_100, settings)
    )
    effect.close(), plain.close()


@needs_vst3("ZamTube.vst3")
@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_a_vst3_whose_own_name_is_no_text(tmp_path: Path) -> None:
    bundle = Path(os.fsdecode(os.fsencode(tmp_path) + b"/Za\xff.vst3"))
    shutil.copytree(vst3_path("ZamTube.vst3"), bundle)
    for binary in bundle.glob("Contents/*/ZamTube.so"):
        binary.rename(binary.with_name("Za\udcff.so"))
    assert open_effect(f"vst3:{bundle}").spec.size == 7


@pytest.mark.parametrize("name", ODD)
def test_faust(tmp_path: Path, name: bytes) -> None:
    folder = folder_called(tmp_path, name)
    (folder / "my #1.lib").write_text("g = 0.5;")
    file = folder / "half #1%.dsp"
    file.write_text('import("my #1.lib"); process = *(g * hslider("gain", 1, 0, 2, 0.01));')
    effect = open_effect(f"faust:{file}")
    audio = noise(1, 100)
    np.testing.assert_allclose(effect.process(audio, 44_100, effect.spec.default), audio / 2)


@pytest.mark.parametrize("name", ODD)
def test_uris_and_chains(tmp_path: Path, name: bytes) -> None:
    path = f"{os.fsdecode(name)}/ My.vst3"
    assert parse_uri(f"vst3:{path}") == ("vst3", path)
    assert parse_uri(path) == ("vst3", path)
    assert parse_chain(chain_uri([f"vst3:{path}", "gain"])) == [f"vst3:{path}", "builtin:gain"]
    assert slot_names([f"vst3:{path}"]) == ["my"]


def test_one_of_several_plugins_in_a_file(tmp_path: Path) -> None:
    assert split_vst3("/x/Pack.vst3#Tube #2") == ("/x/Pack.vst3", "Tube #2")
    assert split_vst3("Pack#Tube") == ("Pack", "Tube")
    assert split_vst3("/x/#1/Pack") == ("/x/#1/Pack", "")
    assert parse_uri("/x/Pack.vst3#Tube") == ("vst3", "/x/Pack.vst3#Tube")
    # What is there decides what is meant.
    odd = tmp_path / "a.vst3#b.vst3"
    odd.mkdir()
    assert split_vst3(str(odd)) == (str(odd), "")
    assert split_vst3(f"{odd}#c") == (str(odd), "c")
    (tmp_path / "a.vst3").mkdir()
    assert split_vst3(f"{tmp_path}/a.vst3#b") == (f"{tmp_path}/a.vst3", "b")
    with pytest.raises(EffectNotFoundError, match=r"no file '/x/#1/Pack\.vst3'"):
        find_vst3("/x/#1/Pack.vst3")


def test_paths_of_lv2_bundles() -> None:
    assert path_of("file:///x/My%20%23%25%3F%C3%A9.lv2/") == "/x/My #%?é.lv2"
    assert path_of("file:///x/a%FF.lv2/") == "/x/a\udcff.lv2"
    assert path_of("file:///x/a#b?c.lv2") == "/x/a#b?c.lv2"
    assert path_of("file://localhost/x") == "/x"
    assert path_of("http://x/y") == "http://x/y"


def test_paths_that_hosts_take(tmp_path: Path) -> None:
    assert host_path(tmp_path / "é #1") == str(tmp_path / "é #1")
    deep = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff/b/\xfe"))
    if sys.platform != "darwin":
        deep.mkdir(parents=True)
        (deep / "file").write_text("here")
        link = host_path(deep / "file")
        link.encode("utf-8")
        assert Path(link).read_text() == "here"
