"""What else is as likely is kept beside the match, and every knob says how far it may go."""

import json

import numpy as np
import pytest

import dialin
from dialin.effects.open import open_effect
from dialin.errors import UsageError
from dialin.matching.candidate import Candidate, Pick
from dialin.matching.choices import _stretch, knob_ranges, other_choices
from dialin.matching.options import MatchOptions, SearchOptions
from dialin.matching.space import SearchSpace
from dialin.matching.style import make_target
from dialin.matching.trials import Trials
from dialin.presets import Preset
from dialin.rendering import RenderPool
from tests.matching.test_style import RATE, music


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=2) as pool:
        yield pool


def made(values, details, settings=None, slots=(0,)):
    """Trials that have seen candidates at some distances, that sound so and so."""
    spec = open_effect("fake:tilt").spec
    goal = np.zeros(dialin_features())
    target = make_target([goal], [dict.fromkeys(aspects(), 1.0)])
    trials = Trials.__new__(Trials)
    trials.space = SearchSpace(spec, {})
    trials.options, trials.target = SearchOptions(), target
    trials.untouched = Candidate(None, goal, details[0], 3.0)
    places = settings if settings is not None else np.full((len(values), spec.size), 0.5)
    trials.candidates = [
        Candidate(np.asarray(p), goal + v, d, v, slots=slots)
        for v, d, p in zip(values, details, places, strict=True)
    ]
    trials.best = min(values)
    return trials, Pick(trials.candidates[0], True, slots=slots)


def dialin_features():
    from dialin.matching.features import feature_aspects

    return len(feature_aspects())


def aspects():
    from dialin.matching.features import ASPECTS

    return ASPECTS


def test_others_are_as_likely_and_clearly_different():
    rng = np.random.default_rng(1)
    base = rng.normal(-3, 1, 4000).astype(np.float16)
    other, third = (base + rng.normal(0, 0.5, 4000).astype(np.float16) for _ in range(2))
    trials, choice = made([0.5, 0.52, 0.6, 0.51, 2.5], [base, base, other, other, third])
    found = other_choices(trials, choice)
    # The same sound is no other choice, nor is what is far off; of two alike the nearer is kept.
    assert [o.candidate.distance for o in found] == [0.51]
    assert found[0].likelihood == pytest.approx(0.48, abs=0.03)
    assert other_choices(trials, Pick(trials.untouched, False)) == ()


def test_at_most_five_choices():
    rng = np.random.default_rng(2)
    details = [rng.normal(-3, 1, 4000).astype(np.float16) for _ in range(12)]
    trials, choice = made(np.linspace(0.5, 0.55, 12), details)
    assert len(other_choices(trials, choice)) == 4


def test_a_range_goes_on_without_a_gap():
    grid = np.linspace(0, 1, 11)
    fits = np.array([1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1], bool)
    assert _stretch(grid, fits, 0.5, 0.5, 0.5) == pytest.approx((0.3, 0.6))
    assert _stretch(grid, np.ones(11, bool), 0.5, 0.45, 0.55) == (0.0, 1.0)
    assert _stretch(grid, np.zeros(11, bool), 0.5, 0.45, 0.55) == (0.45, 0.55)


def test_too_few_renders_tell_nothing_of_a_knob():
    detail = np.zeros(4000, np.float16)
    trials, choice = made([0.5] * 5, [detail] * 5)
    assert knob_ranges(trials, choice) == {}


def test_knobs_that_do_nothing_go_anywhere_and_others_do_not(pool):
    effect = open_effect("fake:drive")
    wanted = effect.process(
        music(1), RATE, effect.spec.vector({"drive": 30, "level": 0, "mix": 100})
    )
    match = dialin.match(
        *((music(1), RATE), (wanted, RATE), ["fake:drive", "fake:ignore"]),
        budget=90, seed=1, keep=True, pool=pool,
    )  # fmt: skip
    knobs = {k.id: k for slot in match.report.slots if slot.used for k in slot.knobs}
    drive = knobs["drive"]
    assert drive.certainty in ("sure", "about")
    assert drive.low_position <= drive.after_position <= drive.high_position
    assert drive.high_position - drive.low_position < 0.6
    ranges = json.loads(json.dumps(match.report.to_dict()))["slots"][0]["knobs"][0]
    assert ranges["low_text"].endswith("dB") and ranges["certainty"] == drive.certainty


def test_a_choice_can_be_taken(pool, tmp_path):
    # A dark and a quiet sound: several effects explain it.
    effect = open_effect("fake:tilt")
    wanted = effect.process(music(2), RATE, effect.spec.vector({"cutoff": 1500, "tilt": -9}))
    sounds = ((music(1), RATE), (wanted, RATE), ["builtin:lowpass", "builtin:highshelf"])
    first = dialin.match(*sounds, budget=60, seed=2, keep=True, pool=pool)
    assert len(first.choices) == len(first.report.choices) <= 4
    for number, (report, preset) in enumerate(
        zip(first.report.choices, first.choices, strict=True), 2
    ):
        assert report.number == number and 0 < report.likelihood < 1
        assert all(slot.used for slot in report.slots)
        assert Preset.load(preset.save(tmp_path / f"{number}.json")).slots
    if first.report.choices:
        second = dialin.match(*sounds, budget=60, seed=2, keep=True, pick=2, pool=pool)
        assert second.report.after == pytest.approx(first.report.choices[0].after)
        assert "choice 2 of" in " ".join(second.report.notes)
    with pytest.raises(UsageError, match="there is no choice 6"):
        dialin.match(*sounds, budget=60, seed=2, keep=True, pick=6, pool=pool)


def test_choices_count_from_one():
    with pytest.raises(UsageError, match="they count from 1"):
        MatchOptions(pick=0)
