"""Matching begins with what trained controllers say."""

import json
from pathlib import Path

import numpy as np
import pytest

import dialin
from dialin.effects import open_effect
from dialin.effects.chain import chain_spec, chain_uri
from dialin.errors import UsageError
from dialin.matching.guessing.learned import DRAWN, find_learned, guesses
from dialin.matching.options import MatchOptions, SearchOptions
from dialin.networks import controller_runtime
from dialin.networks.configuration import FORMAT
from dialin.networks.store import model_place

RATE = 24_000
KNOWN = np.array([0.83, 0.31, 0.97])
"""Settings of `fake:drive` that the controller of these tests always answers."""


class Oracle:
    """A controller that knows the answer."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config = json.loads((self.folder / "config.json").read_text())
        if self.config.get("broken"):
            raise UsageError("broken on purpose")
        self.draws = bool(self.config.get("draws"))

    def settings(self, input, reference, sample_rate, spec):
        assert input.shape[0] == reference.shape[0] == 1
        return KNOWN.copy()

    def candidates(self, input, reference, sample_rate, spec, count, rng):
        return [KNOWN + n / 1000 for n in range(count)]


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setattr(controller_runtime, "RuntimeController", Oracle)

    def make(folder=tmp_path / "model", uri="fake:drive", **more):
        folder.mkdir(parents=True, exist_ok=True)
        body = {"format": FORMAT, "effect": uri, "spec_hash": open_effect(uri).spec.hash}
        (folder / "config.json").write_text(json.dumps(body | more))
        return folder

    return make


@pytest.fixture(scope="module")
def sounds():
    rng = np.random.default_rng(0)
    moment = np.arange(3 * RATE) / RATE
    tone = sum(np.sin(2 * np.pi * f * moment) for f in (110, 331, 747)) * np.exp(-moment % 0.5)
    dry = (0.2 * tone + 0.02 * rng.standard_normal(moment.size)).astype(np.float32)[None]
    wet = open_effect("fake:drive").process(dry, RATE, KNOWN)
    return (dry, RATE), (wet, RATE)


def match(sounds, model, **options):
    return dialin.match(*sounds, ["fake:drive"], budget=6, seed=1, **options)


def test_a_controllers_answer_is_tried_first(sounds, model):
    folder = model()
    alone = match(sounds, model, models=())
    found = match(sounds, model, models=[folder])
    assert found.report.after < 0.05 < alone.report.after
    assert np.allclose(found.settings, KNOWN, atol=1e-3)
    assert found.report.models == (str(folder),) and alone.report.models == ()
    assert found.preset.provenance["models"] == [folder.name]
    assert found.report.renders <= 6


def test_an_answer_counts_in_the_pick_where_it_is_about_the_whole(sounds, model, monkeypatch):
    near = np.array([0.7, 0.4, 0.9])
    monkeypatch.setattr(Oracle, "settings", lambda *asked: near.copy())
    # As if controllers were never wrong: whatever sounds unlike the answer is out.
    options = {
        "budget": 60,
        "seed": 1,
        "models": [model()],
        "search": SearchOptions(learned=1e-4),
    }
    found = dialin.match(*sounds, ["fake:drive"], options=MatchOptions(**options))
    assert np.allclose(found.settings, near, atol=1e-6)
    for other in ({"only": ["tone"]}, {"reference_for": {"level": sounds[1]}}):
        asked = MatchOptions(**options, **other)
        found = dialin.match(*sounds, ["fake:drive"], options=asked)
        assert not np.allclose(found.settings, near, atol=1e-3)
    found = dialin.match(*sounds, ["fake:gain", "fake:drive"], options=MatchOptions(**options))
    assert not np.allclose(found.settings[-3:], near, atol=1e-3)


def test_a_model_that_is_kept_for_the_effect_is_found(sounds, model, tmp_path, monkeypatch):
    monkeypatch.setenv("DIALIN_MODELS", str(tmp_path / "kept"))
    place = model(model_place(open_effect("fake:drive").spec))
    assert match(sounds, model).report.models == (str(place),)
    assert match(sounds, model, models=()).report.models == ()


@pytest.mark.parametrize(
    ("fault", "said"), [({"broken": True}, "broken on purpose"), ({"format": 99}, "format 99")]
)
def test_a_kept_model_that_is_broken_does_not_stop_a_match(
    sounds, model, tmp_path, monkeypatch, fault, said
):
    monkeypatch.setenv("DIALIN_MODELS", str(tmp_path / "kept"))
    model(model_place(open_effect("fake:drive").spec), **fault)
    report = match(sounds, model).report
    assert report.models == () and any(said in note for note in report.notes)


def test_a_model_of_another_effect_is_refused_by_name(sounds, model):
    with pytest.raises(UsageError, match=r"fake:tilt.*not among the effects: fake:drive"):
        match(sounds, model, models=[model(uri="fake:tilt")])


def test_in_a_chain_each_effect_gets_its_own_answer(model):
    slots = [open_effect(u).spec for u in ("fake:tilt", "fake:drive")]
    chain = chain_spec(chain_uri(["fake:tilt", "fake:drive"]), slots)
    sound = (np.ones((1, 100), np.float32), RATE)
    learned = find_learned(slots, [model(draws=True)])
    assert list(learned.controllers) == [1]
    other = (np.ones((1, 200), np.float32), 2 * RATE)
    found = guesses(learned, chain, slots, sound, [sound, other], seed=0)
    assert len(found) == 2 * DRAWN
    size = slots[0].size
    assert all(np.array_equal(v[:size], slots[0].default) for v in found)
    assert np.allclose(found[1][size:], KNOWN + 0.001)
    point = find_learned(slots, [model()])
    assert len(guesses(point, chain, slots, sound, [sound, other], seed=0)) == 2
