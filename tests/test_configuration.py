"""A person's own file: read strictly, changed one entry at a time, never lost."""

import tomllib
from pathlib import Path

import pytest

from dialin.configuration import (
    PREFERENCE,
    Configuration,
    check_favourite_name,
    config_file,
    load_configuration,
    save_favourite,
)
from dialin.errors import OutputError, UsageError

MINE = """\
# my effects
[effects]
prefer = ["lv2"]  # they are quicker here

[favourites]
# for drums
"warm room" = [
    "builtin:compressor",  # first
    "builtin:reverb",
]
verb = "vst3:ZamVerb"

"""


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file().name == "config.toml"
    assert load_configuration() == Configuration()
    assert load_configuration().prefer == PREFERENCE


def test_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(MINE)
    mine = load_configuration(file)
    assert mine.file == file
    assert mine.favourite("Warm Room") == ("builtin:compressor", "builtin:reverb")
    assert mine.favourite(" verb ") == ("vst3:ZamVerb",)
    assert mine.favourite("none") is None
    assert mine.prefer == ("lv2", "builtin", "vst3", "au")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[favourites", "is no TOML"),
        ("[effect]\n", r"has 'effect', which means nothing here.*\[favourites\] and \[effects\]"),
        ("favourites = 3", "favourites should be a table"),
        ("[effects]\nprefers = []", "has 'prefers'; it may have prefer"),
        ('[effects]\nprefer = ["vst2"]', "of builtin, vst3, au, lv2"),
        ('[effects]\nprefer = "lv2"', "should be a list of formats"),
        ("[favourites]\na = 3", "'a' should be an effect or a list"),
        ("[favourites]\na = []", "'a' should be an effect or a list"),
        ('[favourites]\na = ["x", 3]', "'a' should be an effect or a list"),
        ('[favourites]\n"a:b" = "x"', "cannot name a favourite"),
    ],
)
def test_what_means_nothing(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_configuration(file)
    assert "config.toml" in str(caught.value)
    # What cannot be read is not written over either.
    with pytest.raises(UsageError):
        save_favourite("x", ["builtin:gain"], file=file)
    assert file.read_text() == text


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is no TOML"):
        load_configuration(file)
    with pytest.raises(UsageError, match="cannot be read"):
        load_configuration(tmp_path)


@pytest.mark.parametrize("name", ["", " ", "a:b", "a/b", "-x", "x.vst3", "a\nb", "x" * 65])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a favourite"):
        check_favourite_name(name)


def test_a_new_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    assert save_favourite("verb", ["vst3:ZamVerb"], file=file) == file
    save_favourite('two "words"', ["builtin:gain", "faust:/x/é.dsp"], file=file)
    assert load_configuration(file).favourites == {
        "verb": ("vst3:ZamVerb",),
        'two "words"': ("builtin:gain", "faust:/x/é.dsp"),
    }
    assert list(file.parent.iterdir()) == [file]


def test_everything_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(MINE)
    file.chmod(0o640)
    save_favourite("Verb", ["lv2:urn:x"], overwrite=True, file=file)
    assert file.read_text() == MINE.replace('"vst3:ZamVerb"', '"lv2:urn:x"')
    save_favourite("lead", ["builtin:delay"], file=file)
    assert 'lead = "builtin:delay"\n' in file.read_text()
    save_favourite("warm room", None, file=file)
    save_favourite("lead", None, file=file)
    assert "# for drums\nverb" in file.read_text() and "# my effects" in file.read_text()
    assert tomllib.loads(file.read_text())["favourites"] == {"verb": "lv2:urn:x"}
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_table_before_another(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[favourites]\na = "x"\n\n[effects]\nprefer = []\n')
    save_favourite("b", ["y"], file=file)
    assert file.read_text() == '[favourites]\na = "x"\nb = "y"\n\n[effects]\nprefer = []\n'


def test_what_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(MINE)
    with pytest.raises(UsageError, match=r"'verb' already \(vst3:ZamVerb"):
        save_favourite("VERB", ["x"], file=file)
    with pytest.raises(UsageError, match="no favourite 'x'; there are: verb, warm room"):
        save_favourite("x", None, file=file)
    with pytest.raises(UsageError, match="name an effect"):
        save_favourite("x", [], file=file)
    assert file.read_text() == MINE


def test_a_layout_that_is_the_owners_own(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text = 'favourites = { a = "x" }\n'
    file.write_text(text)
    with pytest.raises(OutputError, match="by hand"):
        save_favourite("b", ["y"], file=file)
    assert file.read_text() == text


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(MINE)
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    save_favourite("b", ["y"], file=link)
    assert link.is_symlink() and 'b = "y"' in real.read_text()
