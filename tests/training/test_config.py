import pytest

from dialin.errors import UsageError
from dialin.training.config import (
    EncoderRecipe,
    VaeRecipe,
    identity,
    load_recipe,
)
from dialin.training.controller_recipe import ControllerRecipe

BODY = """
seed = 3
[data]
effects = ["fake:drive"]
[[data.songs]]
root = "songs"
[model]
beta = 2
"""


@pytest.fixture
def file(tmp_path):
    place = tmp_path / "recipe.toml"
    place.write_text(BODY)
    return place


def test_values_in_toml_defaults_and_overrides(file):
    found = load_recipe(
        file,
        VaeRecipe,
        ["model.beta=0.5", "loop.epochs=7", "model.channels=[4, 8]", "data.mixing=epoch"],
    )
    assert found.model.beta == 0.5 and found.model.dimensions == 64
    assert found.loop.epochs == 7 and found.model.channels == (4, 8)
    assert found.data.mixing == "epoch"
    assert found.data.songs[0].root == str(file.parent / "songs")


def test_a_table_in_part_keeps_the_defaults_of_its_place(tmp_path):
    file = tmp_path / "recipe.toml"
    file.write_text(BODY.replace("beta = 2", "latent = 3"))
    plain = load_recipe(file, ControllerRecipe)
    found = load_recipe(
        file, ControllerRecipe, ["end_to_end.spsa.step=0.1", "loop.threads=1", "front_end.hop=256"]
    )
    assert (found.end_to_end.spsa.step, found.end_to_end.spsa.method) == (0.1, "one-sided")
    assert found.end_to_end.spsa.directions == plain.end_to_end.spsa.directions == 8
    assert (found.loop.epochs, found.loop.patience) == (60, 15)
    assert (found.front_end.hop, found.front_end.bands) == (256, plain.front_end.bands) == (256, 64)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.wings=2", r"does not know model\.wings"),
        ("wings=2", "does not know wings"),
        ("model.beta='much'", r"model\.beta = 'much'"),
        ("model.dimensions=257", r"model\.dimensions = 257 .* 2 to 256"),
        ("model.schedule='square'", "use one of"),
        ("model.beta", "is not understood"),
        ("seed.deep=1", "is no table"),
        ("front_end.hop=5000", r"front_end\.fft"),
        ("loop.epochs=0", r"loop\.epochs = 0"),
    ],
)
def test_what_no_recipe_can_say_is_refused_by_name(file, override, message):
    with pytest.raises(UsageError, match=message):
        load_recipe(file, VaeRecipe, [override])


def test_a_stage_refuses_the_recipe_of_another(file):
    with pytest.raises(UsageError, match=r"model\.beta"):
        load_recipe(file, EncoderRecipe)


def test_missing_and_broken_files_say_so(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_recipe(tmp_path / "none.toml", VaeRecipe)
    (tmp_path / "broken.toml").write_text("a = = 1")
    with pytest.raises(UsageError, match="is no TOML"):
        load_recipe(tmp_path / "broken.toml", VaeRecipe)


def test_where_songs_lie_and_how_long_it_runs_are_not_the_recipe(file):
    base = load_recipe(file, VaeRecipe)
    same = load_recipe(file, VaeRecipe, ["loop.epochs=99", "diagnostics.every=0"])
    assert identity(base) == identity(same)
    assert identity(base) != identity(load_recipe(file, VaeRecipe, ["model.beta=3"]))
