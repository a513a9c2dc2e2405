"""Matching: finds known settings, keeps what it is told to, and never makes things up."""

import dataclasses
import itertools
import os
import signal
import threading

import numpy as np
import pytest

import dialin
from dialin.audio import write_audio
from dialin.effects.open import open_effect
from dialin.errors import (
    AudioError,
    EffectNotFoundError,
    ParameterError,
    RenderError,
    UsageError,
)
from dialin.matching import MatchOptions, SearchOptions, describe
from dialin.matching.optimiser import KnobSearch
from dialin.matching.surrogate import LinearModel
from dialin.rendering import RenderPool
from tests.matching.test_style import RATE, music

TILT, DRIVE = "fake:tilt", "fake:drive"


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=2) as made:
        yield made


def rendered(uri, audio, **native):
    effect = open_effect(uri)
    return effect.process(audio, RATE, effect.spec.vector(native))


def run(reference, effects, pool, **options):
    options = {"budget": 60, "seed": 3} | options
    return dialin.match((music(1), RATE), (reference, RATE), effects, pool=pool, **options)


def test_finds_known_settings_from_other_music(pool):
    reference = rendered(TILT, music(2), cutoff=800, tilt=-9)
    match = run(reference, [TILT], pool)
    # What is left is what two tunes differ by: about 0.6.
    assert match.report.after < 0.8 * match.report.before
    assert match.preset.native["tilt.tilt"] == pytest.approx(-9, abs=3)
    assert match.effects == (TILT,)
    audio, rate = match.audio()
    assert rate == RATE
    assert audio.shape == music(1).shape
    direct = open_effect(TILT).process(music(1), RATE, match.settings)
    np.testing.assert_array_equal(audio, direct)


def test_silence_around_a_recording_changes_nothing(pool, tmp_path):
    """Stems are padded; what is no music is not compared."""
    quiet = np.zeros((1, 8 * RATE), np.float32)
    reference = rendered(TILT, music(2), cutoff=800, tilt=-9)
    padded = np.concatenate([quiet, reference, quiet], axis=1)
    near, far = (run(r, [TILT], pool, budget=30) for r in (reference, padded))
    assert far.report.before == pytest.approx(near.report.before, abs=0.15)
    for match in (near, far):
        assert match.preset.native["tilt.tilt"] == pytest.approx(-9, abs=3)
    same = run(np.concatenate([quiet, music(1), quiet], axis=1), [TILT, "builtin:gain"], pool)
    assert same.effects == ()
    path = write_audio(tmp_path / "padded.wav", padded, RATE)
    file = dialin.match((music(1), RATE), path, [TILT], pool=pool, budget=30, seed=3)
    np.testing.assert_allclose(file.settings, far.settings)


def test_an_offset_is_left_out_of_what_is_compared_and_said(pool):
    match = run(music(1) + np.float32(0.3), [TILT, "builtin:gain"], pool, budget=30)
    assert match.effects == ()
    assert "below 20 Hz" in " ".join(match.report.notes)


def test_stereo_in_opposite_phase_is_matched_like_any_other(pool):
    def opposite(sound):
        return np.concatenate([sound, -sound])

    reference = opposite(rendered(TILT, music(2), cutoff=800, tilt=-9))
    match = dialin.match(
        (opposite(music(1)), RATE), (reference, RATE), [TILT], pool=pool, budget=60, seed=3
    )
    assert match.preset.native["tilt.tilt"] == pytest.approx(-9, abs=3)


@pytest.mark.parametrize("samples", [10, 2_000])
def test_too_little_sound_is_refused(pool, samples):
    with pytest.raises(AudioError, match=r"nothing can be told from less than 0\.1 s"):
        run(music(2)[:, 1_000 : 1_000 + samples], [TILT], pool)


def test_drive_is_found(pool):
    match = run(rendered(DRIVE, music(2), drive=30, mix=100), [DRIVE], pool)
    assert match.report.after < 0.6 * match.report.before
    assert match.preset.native["drive.drive"] > 12


def test_the_same_seed_gives_the_same_match_on_any_number_of_workers(pool):
    reference = rendered(DRIVE, music(2), drive=30)
    with RenderPool(workers=1) as one:
        alone = run(reference, [DRIVE, TILT], one)
    together = run(reference, [DRIVE, TILT], pool)
    np.testing.assert_array_equal(alone.settings, together.settings)
    assert alone.report.after == together.report.after
    other = run(reference, [DRIVE, TILT], pool, seed=4)
    assert not np.array_equal(other.settings, alone.settings)


def test_a_reference_that_sounds_the_same_leaves_the_input_alone(pool):
    match = run(music(1), [DRIVE], pool)
    assert match.effects == ()
    assert match.spec is None
    assert match.report.after == match.report.before
    assert "leaving it alone" in " ".join(match.report.notes)
    audio, _ = match.audio()
    np.testing.assert_array_equal(audio, music(1))


def test_the_nearest_candidate_is_kept_where_none_is_sure(pool):
    match = run(music(1), [DRIVE], pool)
    assert not match.report.sure
    near = match.nearest
    assert near is not None
    assert near.nearest is None
    assert near.effects == (DRIVE,)
    assert not near.report.sure
    assert any("to be sure" in line for line in near.report.evidence)
    assert not np.array_equal(near.audio()[0], music(1))
    kept = run(music(1), [DRIVE], pool, keep=True)
    np.testing.assert_array_equal(kept.settings, near.settings)
    assert kept.nearest is None
    assert not kept.report.sure
    assert "kept by wish" in kept.report.notes[0]
    clear = run(rendered(DRIVE, music(2), drive=36, mix=100), [DRIVE], pool)
    assert clear.report.sure
    assert clear.nearest is None
    assert clear.report.evidence


@pytest.mark.parametrize("options", [{}, {"only": ["level"]}], ids=["all", "only level"])
def test_where_the_level_alone_differs_a_gain_is_computed(pool, options):
    """The same sound 12 dB quieter is 12 dB quieter, and nothing else."""
    quiet = music(1) * np.float32(10 ** (-12 / 20))
    match = run(quiet, [TILT, "builtin:gain"], pool, **options)
    assert match.effects == ("builtin:gain",)
    assert match.preset.native["gain.gain"] == pytest.approx(-12, abs=0.1)
    assert "12.0 dB quieter" in " ".join(match.report.evidence)
    assert match.report.sure


@pytest.mark.parametrize("options", [{}, {"only": ["level"]}], ids=["all", "only level"])
def test_a_single_effect_sets_the_level_with_its_output_knob(pool, options):
    quiet = music(1) * np.float32(10 ** (-9 / 20))
    match = run(quiet, ["fake:gain"], pool, **options)
    level = next(a for a in match.report.aspects if a.name == "level")
    assert level.after < 0.2
    assert match.report.renders <= 60


def test_a_level_that_no_effect_sets_is_spoken_of(pool):
    match = run(music(1) * np.float32(0.25), [TILT], pool, budget=20)
    assert "do not end in a gain" in " ".join(match.report.notes)
    match = run(music(1) * np.float32(0.25), [TILT, "builtin:gain"], pool, budget=20)
    assert "do not end in a gain" not in " ".join(match.report.notes)


def test_an_effect_that_does_not_help_is_left_out(pool):
    reference = rendered(DRIVE, music(2), drive=36, mix=100)
    # All that the other effect can do is change the level.
    effects = [DRIVE, "fake:ignore"]
    match = run(reference, effects, pool, budget=120, weights={"level": 0.0})
    slots = {slot.slot: slot for slot in match.report.slots}
    assert slots["drive"].used
    assert not slots["ignore"].used
    assert slots["ignore"].reason
    assert match.effects == (DRIVE,)


def test_locked_knobs_stay(pool):
    reference = rendered(DRIVE, music(2), drive=30)
    match = run(reference, [DRIVE], pool, lock={"drive.mix": 40.0})
    assert match.preset.native["drive.mix"] == pytest.approx(40.0)
    (slot,) = match.report.slots
    assert [knob.locked for knob in slot.knobs if knob.id == "mix"] == [True]
    short = run(reference, [DRIVE], pool, lock={"mix": 40.0}, budget=4)
    assert [k.after for k in short.report.slots[0].knobs if k.id == "mix"] == [pytest.approx(40.0)]


def test_locks_that_make_no_sense(pool):
    with pytest.raises(ParameterError, match="drive"):
        run(music(2), [DRIVE], pool, lock={"drive.wet": 1.0})
    with pytest.raises(ParameterError, match="outside"):
        run(music(2), [DRIVE], pool, lock={"drive.mix": 400.0})


def test_only_matches_what_is_asked(pool):
    reference = rendered(TILT, music(2), cutoff=800, tilt=-9)
    match = run(reference, [TILT], pool, only=["tone"])
    assert [aspect.name for aspect in match.report.aspects] == ["tone"]
    with pytest.raises(UsageError, match="no aspect 'colour'"):
        run(reference, [TILT], pool, only=["colour"])


@pytest.mark.parametrize("budget", [1, 7, 31])
def test_the_budget_is_kept(pool, budget):
    match = run(np.tanh(9 * music(2)), [DRIVE, TILT, "fake:echo"], pool, budget=budget)
    assert match.report.renders <= budget


def test_the_time_limit_is_kept(pool):
    options = MatchOptions(budget=100_000, seconds=0.5, seed=3, search=SearchOptions(patience=0))
    reference = np.tanh(9 * music(2))
    match = dialin.match((music(1), RATE), (reference, RATE), [DRIVE], options=options, pool=pool)
    assert match.report.interrupted
    assert match.report.renders < 20_000  # far from the budget, however slow the machine
    assert "time limit" in " ".join(match.report.notes)


@pytest.mark.parametrize("at", [9, 40])
def test_ctrl_c_returns_the_best_so_far(pool, at):
    def press(progress):
        if progress.renders == at:
            os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    reference = rendered(DRIVE, music(2), drive=36)
    match = run(reference, [DRIVE], pool, budget=100_000, progress=press)
    assert match.report.interrupted
    assert at <= match.report.renders < at + 100
    assert match.report.after < match.report.before


def test_progress_tells_renders_and_the_best(pool):
    seen = []
    run(rendered(DRIVE, music(2), drive=30), [DRIVE], pool, progress=seen.append)
    assert [p.renders for p in seen] == list(range(1, len(seen) + 1))
    assert all(b.best <= a.best for a, b in itertools.pairwise(seen))
    assert seen[-1].budget == 60


def test_several_references_and_one_for_an_aspect(pool):
    a, b = music(2), rendered(DRIVE, music(3), drive=30)
    match = dialin.match(
        (music(1), RATE), [((a, RATE), 0.7), ((b, RATE), 0.3)], [DRIVE], budget=20, pool=pool
    )
    assert [reference.weight for reference in match.report.references] == [0.7, 0.3]
    match = run(a, [DRIVE], pool, budget=20, reference_for={"distortion": (b, RATE)})
    assert [reference.aspects for reference in match.report.references] == [(), ("distortion",)]
    with pytest.raises(UsageError, match="weight"):
        dialin.match((music(1), RATE), [((a, RATE), 0.0)], [DRIVE], pool=pool)
    with pytest.raises(UsageError, match="no reference"):
        dialin.match((music(1), RATE), [], [DRIVE], pool=pool)


def test_the_level_is_set_by_the_gain_at_the_end(pool):
    loud = rendered(TILT, music(2), tilt=-9) * 0.1
    match = run(loud, [TILT, "builtin:gain"], pool)
    aspects = {aspect.name: aspect for aspect in match.report.aspects}
    assert aspects["level"].after < 0.05


@pytest.mark.parametrize("value", [0.0, 0.3], ids=["silence", "DC"])
def test_silent_recordings_are_refused(pool, value):
    flat = np.full((1, 48_000), value, np.float32)
    with pytest.raises(AudioError, match="there is no sound to match"):
        run(flat, [DRIVE], pool)
    with pytest.raises(AudioError, match="input"):
        dialin.match((flat, RATE), (music(), RATE), [DRIVE], pool=pool)


def test_nan_and_unknown_effects_are_refused(pool):
    bad = music()
    bad[0, 7] = np.nan
    with pytest.raises(AudioError, match="not finite"):
        run(bad, [DRIVE], pool)
    with pytest.raises(EffectNotFoundError):
        run(music(2), ["builtin:reverbb"], pool)


def test_an_effect_that_fails_on_every_render_raises_its_failure():
    from dialin.errors import RenderError

    with RenderPool(workers=1) as own, pytest.raises(RenderError, match="fake:nan"):
        run(np.tanh(9 * music(2)), ["fake:nan"], own, budget=6, lock={"badness": 1.0})


def test_renders_that_fail_are_passed_over(pool):
    match = run(rendered("fake:gain", music(2), gain=-9), ["fake:nan"], pool, budget=40)
    assert 0 < match.report.failures < match.report.renders
    assert "failed" in " ".join(match.report.notes)


def test_the_search_finds_a_minimum_with_stepped_knobs():
    spec = open_effect("fake:mode").spec
    goal = np.array([2 / 3, 0.8])
    search = KnobSearch(spec.parameters, spec.default, seed=0, budget=120)
    told = 0
    while told < 120:
        asked = search.ask(120 - told)
        for position in asked:
            assert spec.parameters[0].snap(position[0]) == position[0]
        search.tell(asked, [float(np.abs(p - goal).sum()) for p in asked])
        told += len(asked)
    positions, values = search.told
    assert told == len(values) == 120
    assert values.min() < 0.03
    assert positions[values.argmin()][0] == pytest.approx(2 / 3)


def test_the_model_steps_to_the_goal_of_a_linear_effect():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(30, 4))
    goal = np.array([0.3, 0.6, 0.45, 0.7])
    model = LinearModel(matrix @ goal, np.ones(30))
    positions = 0.5 + 0.2 * rng.uniform(-1, 1, (20, 4))
    features = positions @ matrix.T
    values = np.abs(features - matrix @ goal).mean(axis=1)
    proposal = model.propose(positions, features, values)
    assert np.abs(proposal - goal).max() < 0.5 * np.abs(positions[values.argmin()] - goal).max()
    assert model.propose(positions[:5], features[:5], values[:5]) is None


class _Sulking:
    """A pool whose workers die of every question."""

    def call(self, function, *arguments, **options):
        raise RenderError("the worker died of signal 11")


def test_an_effect_that_crashes_when_asked_for_its_state_costs_the_state_alone():
    fake = open_effect(TILT).spec
    plugin = dataclasses.replace(fake, uri="lv2:urn:x", format="lv2")
    facts, notes = describe.host_facts(_Sulking(), [fake, plugin], np.zeros(2 * fake.size))
    assert facts == {"states": [None, None], "positions": [None, None]}
    assert len(notes) == 1
    assert "signal 11" in notes[0]
