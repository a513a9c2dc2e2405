"""Chorus, flanger, phaser: heard in other music, set at their rate, not imagined."""

from __future__ import annotations

from dataclasses import asdict

import pytest

import dialin
from dialin.effects.open import open_effect
from dialin.matching.hearing.motion.ears import make_motion_ears
from dialin.matching.hearing.motion.listener import MotionListener
from dialin.matching.hearing.motion.probe import MotionProbe, impulse_train, probe_motion
from dialin.matching.hearing.motion.search import MotionFit, MotionSearch
from dialin.matching.hearing.time_probe import probe_time
from tests.matching.hearing.sounds import RATE, wet
from tests.measures.test_cepstrum import music

SWEPT = {"rate": 6.1, "depth": 62.0, "centre_frequency": 430.0, "mix": 90.0, "feedback": 72.0}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def run(reference, effects, pool, **options):
    options = {"budget": 30, "seed": 2} | options
    return dialin.match((music(RATE, 2), RATE), (reference, RATE), effects, pool=pool, **options)


def test_probe_finds_the_rate_knob_and_its_law():
    probe = probe_motion(open_effect("builtin:phaser"))
    assert probe.moves
    assert probe.rate_knob == "rate"
    spec = open_effect("builtin:phaser").spec
    knob = spec.parameters[spec.index("rate")]
    for hertz in (0.4, 1.0, 3.0):
        position = knob.to_normalised(hertz)
        assert probe.rate_at(position) == pytest.approx(hertz, rel=0.05)
        assert probe.position_of(hertz) == pytest.approx(position, abs=0.02)
    assert "mix" in probe.shape
    assert probe_motion(open_effect("builtin:phaser")) == probe


@pytest.mark.parametrize("uri", ["builtin:delay", "builtin:compressor", "fake:ring", "fake:room"])
def test_what_stands_still_does_not_move(uri):
    assert not probe_motion(open_effect(uri), use_cache=False).moves


def test_law_of_one_point_and_beyond_the_ends():
    probe = MotionProbe(True, rate_knob="rate", law=((0.2, 1.0), (0.6, 4.0)))
    assert probe.rate_at(0.4) == pytest.approx(2.0)
    assert probe.rate_at(0.8) == pytest.approx(8.0)
    assert probe.rate_at(0.0) == pytest.approx(0.5)
    assert probe.position_of(2.0) == pytest.approx(0.4, abs=0.01)
    assert MotionProbe.from_dict({"moves": True, "law": [[0.2, 1.0]], "shape": []}).rate_at(
        0.9
    ) == pytest.approx(1.0)


@pytest.mark.parametrize("falls", [False, True])
def test_a_law_goes_on_beyond_its_ends_as_it_bends_before_them(falls):
    def turned(position):
        return 1 - position if falls else position

    places = (0.25, 0.38, 0.5, 0.62, 0.75)
    straight = MotionProbe(True, law=tuple((u, 13.2 * turned(u)) for u in places))
    steep = MotionProbe(True, law=tuple((u, 0.05 * 400 ** turned(u)) for u in places))
    for position in (0.1, 0.9):
        rate = 13.2 * turned(position)
        assert straight.rate_at(position) == pytest.approx(rate)
        assert straight.position_of(rate) == pytest.approx(position, abs=1e-3)
        assert steep.rate_at(position) == pytest.approx(0.05 * 400 ** turned(position))


def test_a_phaser_is_set_at_the_rate_heard_in_other_music(pool):
    match = run(
        wet("builtin:phaser", rate=1.7, depth=70, centre_frequency=900, mix=50, feedback=30),
        ["builtin:phaser"],
        pool,
    )
    assert match.effects == ("builtin:phaser",)
    assert match.preset.native["phaser.rate"] == pytest.approx(1.7, rel=0.05)
    assert "motion at 1.7" in match.report.evidence[0]


def make_search(pool, uri, reference, seeds=(), **how):
    effect = open_effect(uri)
    ears = make_motion_ears((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    live = [n for n, p in enumerate(effect.spec.parameters) if p.status == "live"]
    listener = MotionListener(
        *(pool, effect.spec, ears, probe_motion(effect), effect.spec.default, live),
        sample_rate=RATE,
        channels=1,
    )
    return MotionSearch(listener, seed=1, seeds=seeds, **how)


def test_a_brief_look_finds_the_rate_in_fewer_renders(pool):
    reference = wet("builtin:phaser", **SWEPT)
    brief = make_search(pool, "builtin:phaser", reference, brief=True).run()
    whole = make_search(pool, "builtin:phaser", reference).run()
    assert brief is not None and whole is not None
    assert brief.rate == pytest.approx(SWEPT["rate"], rel=0.03)
    assert brief.renders < 0.6 * whole.renders


def test_shapes_are_found_that_explain_a_good_part_of_what_the_true_one_does(pool):
    search = make_search(pool, "builtin:phaser", wet("builtin:phaser", **SWEPT))
    fit = search.run()
    assert fit is not None and fit.rate == pytest.approx(6.1, rel=0.01)
    spec = open_effect("builtin:phaser").spec
    weak = spec.vector({**SWEPT, "mix": 3})
    most, less = search.weigh(fit, [spec.vector(SWEPT), weak])
    assert fit.score > max(0.35 * most, 1000.0)
    assert less < 0.3 * most
    # Others are handed on, no two of them alike, none of them better.
    assert fit.alike and all(score <= fit.score for _, score in fit.alike)


def test_what_is_likely_is_looked_for_at_its_rate_and_with_its_shape(pool):
    true = dict(rate=2.9, depth=80, centre_delay=18, feedback=-60, mix=55)
    spec = open_effect("builtin:chorus").spec
    seeds = [spec.vector({**true, "rate": 9.0, "mix": 40}), spec.vector(true)]
    fit = make_search(pool, "builtin:chorus", wet("builtin:chorus", **true), seeds).run()
    assert fit is not None and fit.verdict == "heard"
    found = spec.native(fit.settings)
    assert found["rate"] == pytest.approx(2.9, rel=5e-3)
    assert found["centre_delay"] == pytest.approx(18, rel=0.05)


def test_settings_near_the_true_ones_are_led_to_more_of_the_motion(pool):
    true = dict(rate=6.1, depth=62, centre_frequency=430, mix=90, feedback=40)
    search = make_search(pool, "builtin:phaser", wet("builtin:phaser", **true))
    spec = open_effect("builtin:phaser").spec
    heard = MotionFit(spec.vector(true), 6.06, 2000.0, 900.0, 5.0, 0)
    off = spec.vector({**true, "depth": 50, "centre_frequency": 600, "mix": 75})
    better = search.refined(heard, off)
    before, after = search.weigh(heard, [off, better])
    assert after > 1.3 * before
    # And the rate that goes with them.
    assert spec.native(better)["rate"] == pytest.approx(6.1, rel=3e-3)


def test_a_locked_depth_stays(pool):
    match = run(
        wet("builtin:phaser", rate=1.7, depth=70, centre_frequency=900, mix=50),
        ["builtin:phaser"],
        pool,
        lock={"depth": 60},
    )
    assert match.preset.native["phaser.depth"] == pytest.approx(60)
    assert match.preset.native["phaser.rate"] == pytest.approx(1.7, rel=0.05)


def test_a_dry_reference_shows_no_motion(pool):
    match = run(music(RATE, 1), ["builtin:phaser"], pool)
    assert match.effects == ()
    assert not any("motion" in text for text in match.report.evidence)


def test_impulses_stand_at_equal_distances_after_the_lead():
    train = impulse_train(RATE, 2, 0.025, 0.5, 1.0)
    assert train.audio.shape[0] == 2
    assert train.start % train.step == 0
    assert train.start >= 0.5 * RATE
    assert (train.audio[0, :: train.step] > 0.4).all()


def test_a_chorus_is_an_echo_where_it_stands_still():
    probe = probe_time(open_effect("builtin:chorus"), use_cache=False)
    assert dict(probe.standing) == {"depth": 0.0}
    assert probe.echoes and not probe.listened_for
    assert probe.knobs["centre_delay"] == "lag"
    assert probe.from_dict(asdict(probe)) == probe
    # What does not move has no other end to stand still at, and a phaser's notches are no echoes.
    assert not probe_time(open_effect("builtin:delay"), use_cache=False).standing


def test_a_chorus_that_stands_still_is_set_by_its_comb(pool):
    reference = wet(
        "builtin:chorus", rate=1.0, depth=0.0, centre_delay=6.0, feedback=40.0, mix=60.0
    )
    match = run(reference, ["builtin:chorus"], pool)
    slot = match.preset.slots[0]
    set_to = {knob.id: knob.native for knob in slot.knobs}
    assert set_to["depth"] == 0.0
    assert set_to["centre_delay"] == pytest.approx(6.0, abs=0.1)
    assert any("echo at" in line for line in match.report.evidence)


def test_a_depth_that_is_locked_is_no_comb_to_listen_for(pool):
    reference = wet("builtin:chorus", rate=1.0, depth=0.0, centre_delay=6.0, mix=60.0)
    match = run(reference, ["builtin:chorus"], pool, lock={"depth": 30.0})
    found = match if match.effects else match.nearest
    assert found is None or not any("echo at" in line for line in found.report.evidence)
