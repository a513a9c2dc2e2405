"""What runs on a Ray cluster is what runs here."""

import dataclasses

import pytest

from dialin.data import Recipe, render_recipe
from dialin.evaluation.runner import run_plan
from tests.evaluation.music import write_songs
from tests.evaluation.regenerate import body, plan

ray = pytest.importorskip("ray", reason="Ray is not installed")


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One for all, as it takes ten seconds to start, and no nicer than the tests beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
        yield
        ray.shutdown()


def test_the_manifest_is_the_same(songs, tmp_path):
    recipe = Recipe.from_dict(
        {
            "effect": "fake:drive",
            "songs": [{"root": str(songs)}],
            "pairs": 8,
            "shard": 4,
            "excerpt": {"seconds": 0.5},
        }
    )
    for engine in ("local", "ray"):
        render_recipe(recipe, tmp_path / engine, engine=engine)
    for name in ("manifest.json", "manifest.jsonl"):
        here, there = (tmp_path / engine / name for engine in ("local", "ray"))
        assert there.read_bytes() == here.read_bytes()


def test_rows_of_a_table_are_the_same(songs, tmp_path):
    few = dataclasses.replace(plan(songs), groups=("builtin:peak", "builtin:delay"))
    here, there = (
        run_plan(few, tmp_path / engine, engine=engine, workers=1) for engine in ("local", "ray")
    )
    assert body(there) == body(here)
