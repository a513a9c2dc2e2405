"""A folder of pairs may come from elsewhere: what is wrong with its manifest is said."""

import json

import pytest

from dialin.data import read_manifest
from dialin.errors import RecipeError, UsageError
from tests.cli.runner import dialin
from tests.fuzz import seeds


def write(folder, manifest, records):
    (folder / "manifest.json").write_text(
        manifest if isinstance(manifest, str) else json.dumps(manifest)
    )
    (folder / "manifest.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))


def test_a_whole_manifest_is_read(tmp_path):
    manifest, records = seeds.manifest()
    write(tmp_path, manifest, records)
    assert read_manifest(tmp_path) == (manifest, records)


def change(table, **changes):
    return {**table, **changes}


MANIFEST, RECORDS = seeds.manifest()
FIRST = RECORDS[0]
EFFECT = MANIFEST["effect"]
NAMELESS = change(EFFECT["parameters"][0], id=[])


@pytest.mark.parametrize(
    ("manifest", "records", "words"),
    [
        ("{", RECORDS, "Expecting"),
        ("[" * 5000, RECORDS, "deep"),
        ([1], RECORDS, "lacks 'hash'"),
        (change(MANIFEST, hash=3), RECORDS, "lacks 'hash'"),
        (change(MANIFEST, effect={}), RECORDS, "describes no effect"),
        (change(MANIFEST, effect=change(EFFECT, parameters=[NAMELESS])), RECORDS, "id is no text"),
        (MANIFEST, ["a"], "line 1 is no record"),
        (MANIFEST, [change(FIRST, settings=[0.5])], "settings are not 2 numbers from 0 to 1"),
        (MANIFEST, [change(FIRST, settings=[0.5, 10**400])], "settings are not"),
        (MANIFEST, [change(FIRST, rejected=[["quiet"]])], "causes and settings"),
        (MANIFEST, [change(FIRST, dropped={"silent": "x"})], "causes and counts"),
    ],
)
def test_a_damaged_one_is_refused_in_words(tmp_path, manifest, records, words):
    write(tmp_path, manifest, records)
    with pytest.raises(UsageError, match="damaged") as caught:
        read_manifest(tmp_path)
    assert words in str(caught.value)
    ran = dialin("data", "report", tmp_path)
    assert ran.code == 2 and len(ran.errors) == 1


@pytest.mark.parametrize(
    "line",
    [
        "pairs = 1" + "0" * 400,
        "seed = " + "9" * 5000,
        "excerpt = { seconds = nan }",
        "excerpt = { seconds = 1" + "0" * 400 + " }",
        "splits = [nan, nan, nan]",
        "weighting = " + "[" * 2000 + "]" * 2000,
    ],
)
def test_odd_numbers_in_a_recipe_are_refused_in_words(tmp_path, line):
    from dialin.data import load_recipe

    file = tmp_path / "recipe.toml"
    file.write_text(f'effect = "fake:drive"\n{line}\nsongs = [{{ root = "." }}]\n')
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert len(str(caught.value)) < 500


def test_a_recipe_saved_by_notepad_is_read(tmp_path):
    from dialin.data import load_recipe

    file = tmp_path / "recipe.toml"
    file.write_bytes(b'\xef\xbb\xbfeffect = "fake:drive"\r\nsongs = [{ root = "." }]\r\n')
    assert load_recipe(file).effect == "fake:drive"
