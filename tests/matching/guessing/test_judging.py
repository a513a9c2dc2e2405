"""The network that hears renders before one is picked."""

from __future__ import annotations

import numpy as np
import pytest

import dialin
from dialin.effects import chain_uri
from dialin.effects.builtin_table import builtin_spec
from dialin.effects.chain import chain_spec
from dialin.effects.open import open_effect
from dialin.matching import SearchOptions
from dialin.matching.guessing.guess import guess_chain
from dialin.matching.options import MatchOptions
from dialin.rendering import Job, RenderPool

RATE = 44_100
LOWPASS = "builtin:lowpass"


def music(seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    gate = np.repeat(rng.random(int(seconds * 4) + 1) ** 3, RATE // 4 + 1)[:count]
    return np.asarray(0.2 * rng.standard_normal((2, count)) * gate, dtype=np.float32)


def judge_of(*names: str, reference: np.ndarray | None = None):
    specs = [builtin_spec(name) for name in names]
    spec = chain_spec(chain_uri([s.uri for s in specs]), specs)
    wanted = music(3.0, 2) if reference is None else reference
    sounds = (music(3.0, 1), RATE), [(wanted, RATE)]
    return guess_chain(spec, *sounds, certain=True, count=1, seed=0).judge


@pytest.fixture(scope="module")
def pool():
    with RenderPool(1) as made:
        yield made


def test_only_chains_whose_effects_are_all_known_have_a_judge() -> None:
    assert judge_of("lowpass", "delay") is not None
    # Its level is computed, not guessed.
    assert judge_of("lowpass", "gain") is not None
    assert judge_of("lowpass", "bitcrush") is None


def test_the_judge_hears_which_render_was_made_like_the_reference(pool) -> None:
    effect = open_effect(LOWPASS)
    knob = effect.spec.parameters[0]
    positions = [knob.to_normalised(hertz) for hertz in (300, 1_200, 15_000)]
    judge = judge_of("lowpass", reference=effect.process(music(3.0, 2), RATE, positions[1:2]))
    assert judge is not None
    input = music(3.0, 1)
    jobs = [Job(LOWPASS, input, [position], RATE) for position in positions]
    jobs.insert(1, Job("builtin:nothing", input, [0.5], RATE))
    low, failed, right, high = judge.judge(pool, jobs)
    assert failed is None
    assert right < 0.8 * min(low, high, judge.untouched())


def test_a_match_asks_the_judge_of_the_nearest_alone(pool, monkeypatch) -> None:
    from dialin.matching.guessing.judging import RenderJudge

    asked: list[list[float]] = []
    plain = 0.0

    def judge(self, pool, jobs):
        asked.append([float(job.settings[0]) for job in jobs])
        # What it says counts: only what is farthest from the pick without it is any good.
        wanted = max(asked[0], key=lambda value: abs(value - plain))
        return [0.0 if value == wanted else 5.0 for value in asked[0]]

    monkeypatch.setattr(RenderJudge, "judge", judge)
    effect = open_effect(LOWPASS)
    reference = effect.process(music(3.0, 2), RATE, [0.5])

    def found(**options):
        how = MatchOptions(budget=8, keep=True, search=SearchOptions(**options))
        sounds = (music(3.0, 1), RATE), (reference, RATE)
        return dialin.match(*sounds, [LOWPASS], options=how, pool=pool).settings[0]

    plain = found(judge=0.0)
    assert not asked
    judged = found(judge=1.0, judged=3)
    assert len(asked) == 1 and len(asked[0]) == 3
    wanted = max(asked[0], key=lambda value: abs(value - plain))
    assert judged == pytest.approx(wanted) and judged != pytest.approx(plain)
