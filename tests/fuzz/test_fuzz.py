"""A short run of each; `make fuzz` runs long ones."""

from pathlib import Path

import numpy as np
import pytest

from tests.fuzz import kills, mutate, runs

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")


@pytest.mark.parametrize(("kind", "count"), [("audio", 300), ("documents", 150)])
def test_damage_is_refused_in_words(kind, count):
    tally = runs.run(kind, count, seed=7, ffmpeg=False)
    assert tally.faults == []
    assert tally.outcomes["refused"] > count / 10 and tally.outcomes["ok"] > 0
    assert tally.processes == 1


def test_what_ffmpeg_is_asked_for_is_refused_in_words_too():
    assert runs.run("audio", 20, seed=8).faults == []


@needs_proc
@pytest.mark.parametrize("kind", ["worker", "parent", "apply", "together"])
def test_killing_breaks_no_promise(kind):
    assert kills.once(kind, seed=7, index=0) is None


def test_faults_hangs_and_crashes_are_noticed(monkeypatch):
    monkeypatch.setattr(runs, "SECONDS", 1.0)
    monkeypatch.setattr(runs, "STALLED_SECONDS", 20.0)
    tally = runs.run("broken", 6, seed=0)
    assert tally.outcomes == {"ok": 3, "fault": 1, "hang": 1, "crash": 1}
    assert [index for index, _ in sorted(tally.faults)] == [1, 2, 3]
    assert tally.processes == 3
    with pytest.raises(kills.Failure):
        kills.check(False, "broken")


def test_damage_is_the_same_for_the_same_seed():
    one, two = (mutate.damaged(bytes(500), b"other", np.random.default_rng(3)) for _ in "ab")
    assert one == two != bytes(500)
    document = {"a": [1, {"b": 2}]}
    assert mutate.twisted(document, np.random.default_rng(0)) != document == {"a": [1, {"b": 2}]}
