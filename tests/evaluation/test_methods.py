"""Methods: baselines, searches, peers and the slots for others' systems."""

import json
import stat
import sys

import numpy as np
import pytest

from dialin.effects.builtin_table import builtin_spec
from dialin.errors import EffectError, UsageError
from dialin.evaluation.encoders import embed, get_encoder
from dialin.evaluation.items import MatchTask
from dialin.evaluation.methods import ALL_BASELINES, Tools, get_method
from dialin.evaluation.methods.rules import match_crest, match_spectrum
from dialin.evaluation.methods.systems import load_system
from dialin.evaluation.metrics import embedding_distance, long_term_error
from dialin.evaluation.protocols import OneEffect
from dialin.measures.level import crest_db
from dialin.rendering import Job, RenderPool
from tests.evaluation.music import RATE, song

MODULE = """
import numpy as np
def encoder():
    return lambda audio, rate: np.array([float(np.abs(audio).mean()), 1.0])
def load(folder):
    class System:
        def settings(self, input, reference, sample_rate, spec):
            return np.full(spec.size, 0.25)
    return System()
"""


@pytest.fixture(scope="module")
def pool():
    with RenderPool(1) as pool:
        yield pool


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "their_system.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("their_system", None)


def task_of(pool, name="distortion", **options):
    spec = builtin_spec(name)
    rng = np.random.default_rng(5)
    dry, other = song(1, 4.0), song(2, 4.0)
    true = spec.random(rng)
    reference = pool.render([Job(spec.uri, other, true, RATE)])[0].get()
    return MatchTask(dry, reference, RATE, spec, seed=3, **options), true


def test_names_are_methods():
    others = ("nearest:mfcc", "pick:mel:4", "st-ito:mfcc:8", "model:here", "refine:9:C:/here")
    for name in (*ALL_BASELINES, *others):
        assert get_method(name).name == name
    assert get_method("pick:a.b/c:4").encoder == "a.b:c"
    assert get_method("pick:model//runs/m:4").encoder == "model:/runs/m"
    wrong = (
        "serch:3",
        "search:0",
        "search:many",
        "pick:mel",
        "model:",
        "refine:5:",
        "refine:x:here",
    )
    for name in wrong:
        with pytest.raises(UsageError):
            get_method(name)


def test_fixed_knobs_stay(pool):
    task, _ = task_of(pool, fixed={1: 0.5})
    tools = Tools(pool, OneEffect("half"))
    for name in ("random", "default", "pick:mfcc:2", "st-ito:mfcc:4", "search:4"):
        outcome = get_method(name)(task, tools)
        if outcome.uri:
            assert outcome.settings[1] == pytest.approx(0.5)
    assert task.free == [0]


def test_what_renders_says_so(pool):
    task, _ = task_of(pool)
    tools = Tools(pool, OneEffect("half"))
    for name, budget in (("pick:mfcc:6", 6), ("st-ito:mfcc:12", 12), ("search:12", 12)):
        outcome = get_method(name)(task, tools)
        assert 0 < outcome.renders <= budget
        assert len(outcome.trace) >= outcome.renders
        again = get_method(name)(task, tools)
        assert again.uri == outcome.uri
        assert np.array_equal(again.settings, outcome.settings)


def test_cma_es_comes_nearer_than_chance(pool):
    task, _ = task_of(pool)
    tools = Tools(pool, OneEffect("half"))
    outcome = get_method("st-ito:mfcc:64")(task, tools)
    scores = [score for _, _, score in outcome.trace]
    assert min(scores) < np.median(scores)
    assert outcome.settings is outcome.trace[int(np.argmin(scores))][1]


def test_storing_needs_training_songs(pool):
    task, _ = task_of(pool)
    with pytest.raises(UsageError, match="training split"):
        get_method("mean")(task, Tools(pool, OneEffect("half")))


def test_rules_match_spectrum_and_crest():
    dry, rng = song(1, 4.0), np.random.default_rng(0)
    dark = np.cumsum(rng.standard_normal((1, 4 * RATE)), axis=1).astype(np.float32)
    dark = 0.5 * (dark - dark.mean()) / np.abs(dark).max()
    closer = match_spectrum(dry, dark, RATE)
    assert closer.shape == dry.shape
    before, after = long_term_error(dry, dark, RATE), long_term_error(closer, dark, RATE)
    assert after < 0.7 * before
    wanted = crest_db(dry) - 2
    assert wanted - 2 < crest_db(match_crest(dry, wanted, RATE)) <= wanted
    assert match_crest(dry, 60.0, RATE) is dry


def test_encoders(module):
    sound = song(1, 2.0)
    assert embed(sound, RATE, "mfcc").shape == (50,)
    assert embed(sound, RATE, "mel").shape == (192,)
    # Level is no style.
    assert embedding_distance(sound, 0.25 * sound, RATE) == pytest.approx(0, abs=1e-4)
    assert embed(sound, RATE, "their_system:encoder").shape == (2,)
    for name in ("mell", "their_system:nothing", "no_module_of_this_name:x"):
        with pytest.raises(UsageError):
            get_encoder(name)


def test_a_system_of_ones_own_takes_the_slot(pool, module):
    task, _ = task_of(pool)
    tools = Tools(pool, OneEffect("half"))
    folder, named = module / "distortion", f"system:their_system/load:{module}/{{effect}}"
    with pytest.raises(UsageError, match="no folder of a system"):
        get_method(named)(task, tools)
    folder.mkdir()
    config = {"effect": task.spec.uri, "spec_hash": task.spec.hash}
    (folder / "config.json").write_text(json.dumps(config))
    outcome = get_method(named)(task, tools)
    assert outcome.uri == task.spec.uri
    assert outcome.settings == pytest.approx(np.full(task.spec.size, 0.25))
    other, _ = task_of(pool, "reverb")
    with pytest.raises(UsageError, match="the model of that effect"):
        get_method(f"system:their_system/load:{folder}")(other, tools)
    for code, said in (("no_module_of_this_name/x", "cannot be loaded"), ("os", "names no code")):
        with pytest.raises(UsageError, match=said):
            get_method(f"system:{code}:{folder}")(task, tools)


def test_a_model_folder_names_no_code(pool, tmp_path):
    task, _ = task_of(pool)
    tools = Tools(pool, OneEffect("half"))
    victim = tmp_path / "mine"
    victim.mkdir()
    for kind in (None, "controller", "shutil:rmtree", ["controller"]):
        config = {
            "format": 1,
            "kind": kind,
            "system": "shutil:rmtree",
            "effect": task.spec.uri,
            "spec_hash": task.spec.hash,
        }
        (victim / "config.json").write_text(json.dumps(config))
        load_system.cache_clear()
        with pytest.raises(UsageError):
            get_method(f"model:{victim}")(task, tools)
        assert (victim / "config.json").is_file()


def test_matchering_runs_in_its_own_environment(pool, tmp_path, monkeypatch):
    task, _ = task_of(pool)
    tools = Tools(pool, OneEffect("half"))
    monkeypatch.delenv("DIALIN_MATCHERING_PYTHON", raising=False)
    with pytest.raises(UsageError, match="DIALIN_MATCHERING_PYTHON"):
        get_method("matchering")(task, tools)
    stub = tmp_path / "python"
    # Called as: python -c SCRIPT target reference result
    stub.write_text('#!/bin/sh\ncp "$3" "$5"\n')
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    outcome = get_method(f"matchering:{stub}")(task, tools)
    assert outcome.audio == pytest.approx(task.input, abs=1e-6)
    stub.write_text("#!/bin/sh\necho too short >&2; exit 1\n")
    with pytest.raises(EffectError, match="too short"):
        get_method(f"matchering:{stub}")(task, tools)
