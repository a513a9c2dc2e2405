"""Listing what is installed, without running it, and remembering what bundles say."""

import json
import os

import pytest

from dialin.effects import catalogue, lilv
from dialin.effects.builtin_table import BUILTINS
from dialin.effects.catalogue import list_effects
from dialin.effects.uri import parse_uri
from dialin.errors import EffectLoadError, EffectNotFoundError
from tests.plugins import MDA, MDA_NINE, needs_lv2, needs_vst3, vst3_path


def test_builtins_are_all_there():
    entries = list_effects(["builtin"])
    assert [e.uri for e in entries] == [f"builtin:{name}" for name in BUILTINS]
    assert all(e.name and e.category and not e.file for e in entries)


@needs_lv2("mda.lv2")
@needs_vst3("ZamComp.vst3")
def test_plugins():
    lv2 = {e.uri: e for e in list_effects(["lv2"])}
    for name in MDA_NINE:
        entry = lv2[f"lv2:{MDA}{name}"]
        assert entry.format == "lv2" and entry.file.endswith("mda.lv2") and entry.name
    vst3 = {e.uri: e for e in list_effects(["vst3"])}
    assert vst3[f"vst3:{vst3_path('ZamComp.vst3')}"].name == "ZamComp"
    names = [e.name.casefold() for e in list_effects(["lv2"])]
    assert names == sorted(names)


def test_every_entry_can_be_named_again():
    for entry in list_effects():
        assert parse_uri(entry.uri)[0] == entry.format


def test_formats_are_listed_by_themselves():
    assert {e.format for e in list_effects(["builtin", "vst3"])} <= {"builtin", "vst3"}
    assert list_effects(["faust"]) == []


def test_no_lilv_no_lv2(monkeypatch):
    def broken():
        raise EffectLoadError("no lilv here")

    monkeypatch.setattr(lilv, "installed", broken)
    assert list_effects(["lv2"]) == []
    assert catalogue.list_effects(["builtin"])


@needs_lv2("mda.lv2")
def test_summaries_are_remembered_until_a_bundle_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # One bundle: all that are installed take five seconds each time.
    (bundle,) = (b for f in lilv.search_path() if (b := f / "mda.lv2").is_dir())
    few = tmp_path / "few"
    few.mkdir()
    (few / "mda.lv2").symlink_to(bundle)
    monkeypatch.setattr(lilv, "search_path", lambda: [few])
    first = lilv.Lilv().summaries()
    assert {summary.uri for summary in first} >= {f"{MDA}{name}" for name in MDA_NINE}
    file = tmp_path / "dialin" / "lv2.json"
    assert json.loads(file.read_text())
    written = file.stat().st_mtime_ns
    assert lilv.Lilv().summaries() == first
    assert file.stat().st_mtime_ns == written
    file.write_text("{broken")
    assert lilv.Lilv().summaries() == first
    assert json.loads(file.read_text())
    # A cache that cannot be written is no reason to fail.
    file.unlink()
    (tmp_path / "dialin").rmdir()
    (tmp_path / "dialin").write_text("in the way")
    assert lilv.Lilv().summaries() == first


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("reverb", ("builtin", "reverb")),
        ("BUILTIN:reverb", ("builtin", "reverb")),
        (" lv2:urn:a:b ", ("lv2", "urn:a:b")),
        ("urn:a:b", ("lv2", "urn:a:b")),
        ("/a/b c.vst3", ("vst3", "/a/b c.vst3")),
        ("mine.dsp", ("faust", "mine.dsp")),
        ("C:/x/Delay.vst3", ("vst3", "C:/x/Delay.vst3")),
    ],
)
def test_names(written, meant):
    assert parse_uri(written) == meant


@pytest.mark.parametrize("written", ["", "lv2:", "vst2:/a", "a/b", os.sep])
def test_odd_names(written):
    with pytest.raises(EffectNotFoundError, match="names no effect"):
        parse_uri(written)
