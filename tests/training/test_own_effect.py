"""Learning an effect of one's own, from the command line."""

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnxscript")

from dialin.audio import write_audio
from dialin.cli.train_controller import _look
from dialin.effects import open_effect
from dialin.errors import UsageError
from dialin.measures.time_features import pair_size
from dialin.networks.store import find_model, model_place
from dialin.training import own_effect
from dialin.training.own_effect import recipe_for
from tests.cli.runner import dialin


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    root = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(5)
    moment = np.arange(4 * 24_000) / 24_000
    for place in range(8):
        tone = 0.4 * np.sin(2 * np.pi * 110.0 * (place + 1) * moment)
        tone *= 0.3 + 0.7 * (np.sin(2 * np.pi * 3.0 * moment) > 0)
        audio = (tone + 0.05 * rng.standard_normal(moment.size)).astype(np.float32)[None]
        write_audio(root / f"song{place}.wav", audio, 24_000)
    return root


def test_one_command_learns_an_effect(songs, tmp_path, monkeypatch):
    monkeypatch.setenv("DIALIN_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    # As a person's recipe, with less of everything.
    made = own_effect.recipe_for

    def small(*arguments, **options):
        recipe = made(*arguments, **options)
        data = dataclasses.replace(recipe.data, samples=32_768, valid_pairs=6)
        loop = dataclasses.replace(recipe.loop, epochs=2)
        return dataclasses.replace(recipe, data=data, loop=loop)

    monkeypatch.setattr(own_effect, "recipe_for", small)
    spec = open_effect("fake:gain").spec
    assert find_model(spec) is None
    arguments = ["train", "controller", "--fx", "fake:drive", "--songs", str(songs)]
    spec = open_effect("fake:drive").spec
    arguments.append("--time")
    done = dialin(*arguments, "--pairs", "32", "--no-by-ear", "--workers", "1")
    assert done.code == 0, done.err
    assert "this will take about" in done.out
    assert find_model(spec) == model_place(spec)
    config = json.loads((model_place(spec) / "config.json").read_text())
    assert config["spec_hash"] == spec.hash
    assert config["controller"]["time"] == pair_size()

    again = dialin(*arguments, "--pairs", "32", "--no-by-ear", "--workers", "1")
    assert again.code != 0 and "--resume" in again.err and "this will take" not in again.out
    # What is there is taken up, and nothing is said of the time that all of it would take.
    resumed = dialin(*arguments, "--pairs", "32", "--no-by-ear", "--workers", "1", "--resume")
    assert resumed.code == 0, resumed.err
    assert "model in" in resumed.out and "this will take" not in resumed.out

    # Matching begins with what was learnt, unless it is told not to.
    pair = [str(songs / name) for name in ("song1.wav", "song2.wav")]
    job = ["match", *pair, "--fx", "fake:drive", "--budget", "8", "--workers", "1", "--json"]
    found = json.loads(dialin(*job, "-o", "with").out)
    assert found["models"] == [str(model_place(spec))]
    assert json.loads(dialin(*job, "-o", "without", "--no-models").out)["models"] == []
    wrong = dialin(*job, "-o", "wrong", "--no-models", "--model", str(model_place(spec)))
    assert wrong.code == 2 and "--no-models" in wrong.err


def test_dead_knobs_are_left_alone(songs):
    spec = open_effect("fake:drive").spec
    dead = dataclasses.replace(
        spec, parameters=(spec.parameters[0].with_status("dead"), *spec.parameters[1:])
    )
    recipe = recipe_for(dead, songs)
    assert set(recipe.data.settings.priors) == {"drive"}


def test_dead_knobs_of_a_chain_are_found_as_in_matching(songs, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "dead.dsp"
    source.write_text(
        'import("stdfaust.lib"); nothing = hslider("nothing", 0, 0, 1, 0.01);\n'
        'process = _ * hslider("drive", 1, 0, 4, 0.01) : attach(_, nothing) <: _, _;\n'
    )
    spec, notes = _look(f'chain:["fake:gain","faust:{source}"]')
    assert {p.id for p in spec.parameters if p.status == "dead"} == {"dead.nothing"}
    assert set(recipe_for(spec, songs).data.settings.priors) == {"dead.nothing"}
    assert notes == ()


def test_an_effect_without_live_knobs_is_refused_before_anything_is_rendered(songs):
    spec = open_effect("fake:drive").spec
    dead = tuple(p.with_status("dead") for p in spec.parameters)
    with pytest.raises(UsageError, match=f"none of its {len(dead)} knobs does anything"):
        recipe_for(dataclasses.replace(spec, parameters=dead), songs)
    with pytest.raises(UsageError, match="it has no knobs"):
        recipe_for(dataclasses.replace(spec, parameters=()), songs)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["recipe.toml", "--fx", "fake:drive"],
        ["--fx", "fake:drive"],
        ["--fx", "fake:drive", "--songs", "nowhere"],
        ["--fx", "fake:drive", "--songs", ".", "--set", "seed=1"],
    ],
)
def test_what_is_not_understood_is_refused(arguments):
    assert dialin("train", "controller", *arguments).code == 2
