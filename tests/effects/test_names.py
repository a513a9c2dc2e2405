"""Effects by the names that people read in a list."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dialin.configuration import Configuration
from dialin.effects import names
from dialin.effects.catalogue import EffectEntry
from dialin.effects.names import resolve_effects
from dialin.errors import EffectNotFoundError, UsageError
from tests.plugins import MDA, needs_lv2, needs_vst3, vst3_path

INSTALLED = [
    EffectEntry("builtin:reverb", "Reverb", "builtin"),
    EffectEntry("builtin:lowshelf", "Low shelf", "builtin"),
    EffectEntry("lv2:urn:zam:ZamVerb", "ZamVerb", "lv2"),
    EffectEntry("lv2:urn:x:1", "Twin: a/b", "lv2"),
    EffectEntry("lv2:urn:x:2", "Twin: a/b", "lv2"),
    EffectEntry("lv2:urn:x:tube", "Warm  Tube", "lv2"),
    EffectEntry("vst3:/p/ZamVerb.vst3", "ZamVerb", "vst3"),
]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(formats: Sequence[str] | None = None) -> list[EffectEntry]:
        return INSTALLED

    monkeypatch.setattr(names, "list_effects", listed)


MINE = Configuration(
    {
        "verb": ("vst3:/p/ZamVerb.vst3",),
        "warm room": ("warm tube", "verb"),
        "reverb": ("lv2:urn:mine",),
        "ring": ("a loop",),
        "a loop": ("ring",),
        "ZamVerb": ("ZamVerb",),
    }
)
NONE = Configuration()


@pytest.mark.parametrize(
    ("name", "uris"),
    [
        ("reverb", ["builtin:reverb"]),
        ("Low Shelf", ["builtin:lowshelf"]),
        ("warm tube", ["lv2:urn:x:tube"]),
        ("ZAMVERB", ["vst3:/p/ZamVerb.vst3"]),
        ("lv2:ZamVerb", ["lv2:urn:zam:ZamVerb"]),
        ("mix:warm tube", ["mix:lv2:urn:x:tube"]),
        # What is no name is taken as it is.
        ("lv2:http://a/b", ["lv2:http://a/b"]),
        ("http://a/b#c", ["lv2:http://a/b#c"]),
        ("urn:x", ["lv2:urn:x"]),
        ("vst3:Foo", ["vst3:Foo"]),
        ("dir/My #1 50% é.vst3", ["vst3:dir/My #1 50% é.vst3"]),
        ("x.dsp", ["faust:x.dsp"]),
        ('chain:["gain"]', ['chain:["gain"]']),
        ("builtin:nothing", ["builtin:nothing"]),
    ],
)
def test_names(name: str, uris: list[str]) -> None:
    assert list(resolve_effects(name, configuration=NONE).uris) == uris


def test_a_name_in_two_formats_is_taken_by_the_rule_and_said() -> None:
    found = resolve_effects(["ZamVerb"], configuration=NONE)
    assert found.notes == (
        "ZamVerb is taken to be vst3:/p/ZamVerb.vst3; there is also lv2:urn:zam:ZamVerb",
    )
    other = Configuration(prefer=("lv2", "builtin", "vst3", "au"))
    found = resolve_effects("ZamVerb", configuration=other)
    assert found.uris == ("lv2:urn:zam:ZamVerb",) and "vst3:" in found.notes[0]


def test_a_name_of_two_plugins_of_one_format() -> None:
    with pytest.raises(EffectNotFoundError, match="any of lv2:urn:x:1, lv2:urn:x:2; write the one"):
        resolve_effects("twin: A/B", configuration=NONE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("revreb", "did you mean reverb"),
        ("ZamVreb", r"'ZamVreb' names no effect.*did you mean ZamVerb\?"),
        ("tube", "did you mean Warm  Tube"),
        ("qqqq", "names no effect that is installed; write a name"),
        ("", "names no effect"),
        ("zzz:q/1", "names no effect"),
        ("lv2:nothing", "names no effect"),
    ],
)
def test_names_of_nothing(name: str, message: str) -> None:
    with pytest.raises(EffectNotFoundError, match=message):
        resolve_effects(name, configuration=NONE)


def test_favourites() -> None:
    assert resolve_effects("Verb", configuration=MINE).uris == ("vst3:/p/ZamVerb.vst3",)
    found = resolve_effects(["warm room", "gain.dsp"], configuration=MINE)
    assert found.uris == ("lv2:urn:x:tube", "vst3:/p/ZamVerb.vst3", "faust:gain.dsp")
    # One's own name comes first, even before a built-in's; the URI always means the built-in.
    assert resolve_effects("reverb", configuration=MINE).uris == ("lv2:urn:mine",)
    assert resolve_effects("builtin:reverb", configuration=MINE).uris == ("builtin:reverb",)
    assert resolve_effects("ZamVerb", configuration=MINE).uris == ("vst3:/p/ZamVerb.vst3",)
    with pytest.raises(UsageError, match="stands for itself"):
        resolve_effects("ring", configuration=MINE)
    with pytest.raises(UsageError, match="stands for 2 effects"):
        resolve_effects("mix:warm room", configuration=MINE)
    with pytest.raises(EffectNotFoundError, match="did you mean warm room"):
        resolve_effects("warm-room", configuration=MINE)


@needs_lv2("mda.lv2")
@needs_vst3("ZamTube.vst3")
def test_what_is_really_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = resolve_effects(["mda overdrive", "zamtube"], configuration=NONE)
    assert found.uris == (f"lv2:{MDA}Overdrive", f"vst3:{vst3_path('ZamTube.vst3')}")
