"""Echoes and rooms: heard in other music, set to the sample, not imagined where there are none."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.signal import fftconvolve

import dialin
from dialin.effects import cache
from dialin.effects.open import open_effect
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec
from dialin.matching.hearing import time_guesses
from dialin.matching.hearing.ears import make_ear
from dialin.matching.hearing.echo_search import EchoFit, EchoSearch
from dialin.matching.hearing.echo_target import EchoTarget, PartPair, agreed_drop, echo_target
from dialin.matching.hearing.echo_trials import EchoTrials, with_knob
from dialin.matching.hearing.echo_verdicts import is_loop, is_note, verdict_of
from dialin.matching.hearing.impulses import ImpulseLab, impulse, impulse_answer, steady_part
from dialin.matching.hearing.lag_laws import LagLaw
from dialin.matching.hearing.lag_search import LagSearch
from dialin.matching.hearing.time_guesses import find_echoes
from dialin.matching.hearing.time_probe import probe_time
from dialin.measures.cepstrum import LAG_RATE, recording_cepstrum
from dialin.measures.lag_windows import even_music
from tests.matching.hearing.sounds import RATE, wet
from tests.measures.test_cepstrum import echoed, music

pytestmark = pytest.mark.usefixtures("own_cache")

SEEN = even_music(5.0, 0.0)


def run(reference, effects, pool, **options):
    options = {"budget": 40, "seed": 2} | options
    return dialin.match((music(RATE, 2), RATE), (reference, RATE), effects, pool=pool, **options)


def test_probe_tells_lag_knobs_from_smooth_ones():
    delay = probe_time(open_effect("builtin:delay"))
    assert delay.echoes
    assert dict(delay.knobs) == {"time": "lag", "feedback": "smooth", "mix": "smooth"}
    assert delay.seconds > 2.0
    reverb = probe_time(open_effect("builtin:reverb"))
    assert reverb.echoes
    assert "lag" not in reverb.knobs.values()


class WobblyDelay:
    """An echo whose lag wobbles as far as its second knob is turned."""

    spec = open_effect("builtin:delay").spec

    def process(self, audio, sample_rate, settings):
        lag, mix = 0.05 + 0.3 * settings[0], settings[2]
        wobble = abs(settings[1] - self.spec.default[1])
        times = np.arange(audio.shape[1]) / sample_rate
        lags = lag + 0.01 * wobble * np.sin(2 * np.pi * 3.1 * times)
        late = [np.interp(times - lags, times, channel, left=0.0) for channel in audio]
        return (audio + mix * np.array(late)).astype(np.float32)


def test_a_delay_that_wobbles_is_one_of_echoes_while_its_wobble_is_off():
    probe = probe_time(WobblyDelay(), use_cache=False)
    assert probe.still == ("feedback",)
    assert probe.echoes
    assert probe.knobs["time"] == "lag"
    assert probe.from_dict(asdict(probe)) == probe


class WanderingRoom:
    """Reflections that stay, from knob 0's time on, and others that wander; knob 2 is how many."""

    spec = open_effect("builtin:delay").spec
    stay = ((0.0, 0.5), (0.031, -0.3), (0.083, 0.25))
    wander = ((0.012, 0.3, 1.3), (0.057, -0.3, 0.4))

    def process(self, audio, sample_rate, settings):
        times = np.arange(audio.shape[1])
        first = 0.06 + 0.2 * settings[0]
        out = audio.astype(np.float64)
        for late, height in self.stay:
            lag = round((first + late) * sample_rate)
            out[:, lag:] += height * settings[2] * audio[:, :-lag]
        for late, height, rate in self.wander:
            away = 0.002 * np.sin(2 * np.pi * rate * times / sample_rate)
            places = times - (first + late + away) * sample_rate
            heard = [np.interp(places, times, channel, left=0.0) for channel in audio]
            out += height * settings[2] * np.array(heard)
        return out.astype(np.float32)


def test_a_room_that_wanders_inside_is_one_of_echoes_by_what_stays():
    probe = probe_time(WanderingRoom(), use_cache=False)
    assert probe.invariant > 0.1
    assert probe.inside and probe.echoes
    assert probe.turns > 1
    assert probe.knobs["time"] == "lag"
    assert probe.knobs["mix"] == "smooth"
    assert probe.from_dict(asdict(probe)) == probe


def test_a_knob_that_counts_in_one_position_of_another_is_found():
    class Switched:
        spec = open_effect("builtin:delay").spec

        def process(self, audio, sample_rate, settings):
            # The second knob tells the lag in the last fifth of the third one's travel.
            lag = 0.03 + 0.3 * settings[1] if settings[2] > 0.8 else 0.1 + 0.1 * settings[0]
            shift = round(lag * sample_rate)
            wet = audio.copy()
            wet[:, shift:] += (0.9 - 0.5 * settings[2]) * audio[:, :-shift]
            return wet

    assert probe_time(Switched(), use_cache=False).knobs["feedback"] == "lag"


def test_of_a_trains_answers_what_stays_the_same_is_left():
    rng = np.random.default_rng(1)
    same, other = np.zeros((1, 4_000)), rng.standard_normal((3, 1, 4_000))
    same[:, 500:1_500] = rng.standard_normal(1_000)
    other[:, :, :2_000] = 0.0
    left = steady_part(same + other)
    assert left[:, :1_900] == pytest.approx(same[:, :1_900], abs=1e-9)
    assert (left[:, 2_100:] ** 2).mean() < 0.1 * (other**2).mean()
    assert steady_part((same + other)[:1]) == pytest.approx((same + other)[0])
    effect = open_effect("builtin:delay")
    settings = effect.spec.vector({"time": 300})
    one = impulse_answer(effect.process(impulse(RATE, 1), RATE, settings), RATE, 10_500, None)
    train = effect.process(impulse(RATE, 1, seconds=0.8, turns=3), RATE, settings)
    many = impulse_answer(train, RATE, 10_500, None, 0.8, 3)
    assert many[0, 7_200] == pytest.approx(one[0, 7_200], rel=0.05)


class Here:
    """Renders a Python effect in this process."""

    def __init__(self, effect):
        self.effect = effect

    def share(self, audio, sample_rate):
        return SimpleNamespace(audio=audio, sample_rate=sample_rate)

    def release(self, shared):
        pass

    def render(self, jobs):
        return [result for _, result in self.render_iter(jobs)]

    def render_iter(self, jobs):
        for place, job in enumerate(jobs):
            wet = self.effect.process(job.audio.audio, job.audio.sample_rate, job.settings)
            value = job.measure(wet, job.audio.sample_rate, *job.measure_args)
            yield place, SimpleNamespace(failure=None, value=value)


def test_a_room_that_wanders_inside_is_set_by_what_stays():
    room = WanderingRoom()
    true = np.array([0.37, room.spec.default[1], 0.6])
    reference = room.process(music(RATE, 1), RATE, true)
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(Here(room), "", RATE, 1, ear.whole.highest, ear.whole.seen, 0.5, 2)
    kinds = {"time": "lag", "feedback": "none", "mix": "smooth"}
    trials = EchoTrials(lab, room.spec, ear.whole, kinds, room.spec.default, (0, 2))
    fit = EchoSearch(trials).run()
    assert fit.settings[0] == pytest.approx(0.37, abs=0.002)
    assert fit.settings[2] == pytest.approx(0.6, abs=0.15)
    assert min(half.share(fit.answer) for half in ear.halves) > 0.45


@pytest.mark.parametrize("uri", ["builtin:phaser", "builtin:gain", "builtin:distortion"])
def test_what_moves_or_bends_is_no_effect_of_echoes(uri):
    assert not probe_time(open_effect(uri), use_cache=False).echoes


def test_probe_is_kept_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "shipped_probes", lambda: {"probes": {}})
    effect = open_effect("builtin:delay")
    first = probe_time(effect)
    files = list(tmp_path.rglob("time-*.json"))
    assert len(files) == 1
    assert probe_time(effect) == first
    files[0].write_text("no json", "utf-8")
    assert probe_time(effect) == first


def test_delay_is_set_to_the_sample_from_other_music(pool):
    match = run(wet("builtin:delay", time=317.4, feedback=45, mix=35), ["builtin:delay"], pool)
    found = match.preset.native
    assert found["delay.time"] == pytest.approx(317.4, abs=0.05)
    assert found["delay.feedback"] == pytest.approx(45, abs=8)
    assert found["delay.mix"] == pytest.approx(35, abs=6)
    assert "echo at 317" in match.report.evidence[0]
    # Nothing is left to search for.
    assert match.report.renders < 20


@pytest.mark.parametrize("time", [2.4, 1150.0])
def test_combs_and_long_echoes_are_heard_too(pool, time):
    reference = wet("builtin:delay", time=time, feedback=50, mix=45)
    match = run(reference, ["builtin:delay"], pool)
    assert match.preset.native["delay.time"] == pytest.approx(time, rel=0.02)
    assert "heard" in match.report.evidence[0]


def test_an_echo_in_one_half_alone_is_no_effect():
    ear = make_ear(
        (music(RATE, 2), RATE),
        [(np.concatenate([wet("builtin:delay", time=300), music(RATE, 3)], axis=1), RATE, 1.0)],
    )
    effect = open_effect("builtin:delay")
    audio = impulse(RATE, 1)
    answer = impulse_answer(
        effect.process(audio, RATE, effect.spec.vector({"time": 300})),
        RATE,
        ear.whole.highest,
        ear.whole.seen,
    ).astype(float)
    drop, gain = ear.whole.best_drop(answer)
    rows = ear.whole.fit(answer)
    assert drop > 100
    parts = [pair.products(rows) for pair in ear.pairs]
    assert min(2 * shared / (gain * power) - 1 for shared, power in parts[0]) < 0.2
    assert agreed_drop(drop, parts, gain) < 0.1 * drop
    assert agreed_drop(drop, [], gain) == drop


def test_an_echo_that_is_too_long_for_halves_is_asked_for_in_longer_parts():
    # Of a delay of 1.04 s, mostly wet, in 5.5 s of music: products of halves and three quarters.
    halves, quarters = [(306.0, 626.0), (487.0, 626.0)], [(3036.0, 2938.0), (2409.0, 2938.0)]
    assert agreed_drop(4956.0, [halves, quarters], power=4960.0) == 4956.0
    # Where halves show as much as of any short lag, what they lack is not there.
    assert agreed_drop(1250.0, [halves, quarters], power=1250.0) < 100.0
    # And where nothing is longer than halves, they are all there is to ask.
    assert agreed_drop(4956.0, [halves], power=4960.0) < 100.0


def test_what_was_asked_is_not_asked_again(pool):
    effect = open_effect("builtin:delay")
    ear = make_ear((music(RATE, 2), RATE), [(wet("builtin:delay", time=200), RATE, 1.0)])
    lab = ImpulseLab(pool, "builtin:delay", RATE, 2, ear.whole.highest, ear.whole.seen)
    kinds = {"time": "lag", "feedback": "smooth", "mix": "smooth"}
    start = effect.spec.default
    trials = EchoTrials(lab, effect.spec, ear.whole, kinds, start, (0, 1, 2), ear.pairs, 1)
    vectors = [with_knob(start, 0, u) for u in (0.1, 0.2, 0.3, 0.1)]
    first = trials.ask(vectors)
    assert first[0] is first[3]
    assert [t.settings[0] for t in trials.tried] == [0.1, 0.2, 0.3]
    again = trials.ask(vectors[::-1])
    assert again == first[::-1]
    assert lab.renders == 3
    for tried in trials.tried:
        assert tried.drop <= ear.whole.drop(tried.answer) + 1e-6
        assert tried.drop <= tried.reach <= ear.whole.best_drop(tried.answer)[0] + 1e-6
        assert tried.stray == trials.stray(tried.settings)
    lab.close()


def test_a_short_answer_counts_as_if_nothing_came_after_it():
    ear = make_ear((music(RATE, 2), RATE), [(wet("builtin:delay", time=20), RATE, 1.0)])
    answer = np.zeros((1, 1000))
    answer[0, 480] = 0.3
    short, filled = ear.whole.fit(answer, whole=False), ear.whole.fit(answer)
    assert short.shape[1] == 1000 < filled.shape[1]
    assert ear.whole.products(short) == pytest.approx(ear.whole.products(filled))


def test_mix_and_feedback_locked_by_hand_stay(pool):
    match = run(
        wet("builtin:delay", time=200, feedback=30, mix=40),
        ["builtin:delay"],
        pool,
        lock={"feedback": 60},
    )
    assert match.preset.native["delay.feedback"] == pytest.approx(60)
    assert match.preset.native["delay.time"] == pytest.approx(200, abs=0.1)


@pytest.mark.parametrize("uri", ["builtin:delay", "builtin:reverb"])
def test_a_dry_reference_is_left_dry(pool, uri):
    match = run(music(RATE, 1), [uri], pool)
    assert match.effects == ()
    assert not any("heard" in text for text in match.report.evidence)
    assert match.nearest is not None
    assert "no echo" in match.report.slots[0].reason


def test_an_absent_delay_leaves_a_chain_and_a_heard_one_stays(pool):
    filtered = wet("builtin:lowpass", frequency=900)
    match = run(filtered, ["builtin:lowpass", "builtin:delay"], pool)
    assert match.effects == ("builtin:lowpass",)
    reasons = {slot.slot: slot.reason for slot in match.report.slots}
    assert "no echo" in reasons["delay"]
    effect = open_effect("builtin:delay")
    both = effect.process(
        filtered, RATE, effect.spec.vector({"time": 250, "feedback": 20, "mix": 40})
    )
    match = run(both, ["builtin:lowpass", "builtin:delay"], pool)
    assert match.effects == ("builtin:lowpass", "builtin:delay")
    assert match.preset.native["delay.time"] == pytest.approx(250, abs=0.1)


def test_a_reverb_is_found_by_its_answer_to_impulses(pool):
    uri = "builtin:reverb"
    effect = open_effect(uri)
    spec = effect.spec
    truth = spec.vector({"room_size": 70, "damping": 30, "wet": 40, "dry": 80})
    reference = effect.process(music(RATE, 1), RATE, truth)
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    assert ear is not None
    found = find_echoes(pool, spec, [spec], lambda _: ear, {}, sample_rate=RATE, channels=1)
    (room,) = found.found
    assert room.verdict == "heard"
    lab = ImpulseLab(pool, uri, RATE, 1, ear.whole.highest, ear.whole.seen)
    (true,) = lab.answers([truth])
    lab.close()
    assert true is not None
    assert room.drop >= 0.97 * ear.whole.drop(true)
    place = spec.index("room_size")
    assert room.settings[place] == pytest.approx(truth[place], abs=0.06)
    assert found.impulses < 500


def test_no_room_is_searched_for_where_the_first_settings_explain_nothing(pool):
    spec = open_effect("builtin:reverb").spec
    ear = make_ear((music(RATE, 2), RATE), [(music(RATE, 1), RATE, 1.0)])
    found = find_echoes(pool, spec, [spec], lambda _: ear, {}, sample_rate=RATE, channels=1)
    assert [echo.verdict for echo in found.found] == ["absent"]
    assert found.impulses < 30


@pytest.mark.parametrize("mix", [60, 93])
def test_a_size_is_found_where_no_peak_stands_out(pool, mix):
    # Twelve reflections that all lie later in a larger room; nearly alone their pattern is another.
    uri = "fake:room"
    effect = open_effect(uri)
    truth = effect.spec.vector({"size": 23.7, "mix": mix})
    reference = effect.process(music(RATE, 1), RATE, truth)
    match = run(reference, [uri], pool)
    assert match.preset.native["room.size"] == pytest.approx(23.7, rel=0.004)
    assert match.preset.native["room.mix"] == pytest.approx(mix, abs=4)


def test_a_loud_echo_below_what_is_looked_at_is_heard_by_its_multiples(pool):
    effect = open_effect("builtin:delay")
    truth = effect.spec.vector({"time": 1.668, "feedback": 21.4, "mix": 56})
    reference = effect.process(music(RATE, 1), RATE, truth)
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    found = find_echoes(
        pool, effect.spec, [effect.spec], lambda _: ear, {}, sample_rate=RATE, channels=1
    )
    (echo,) = found.found
    assert effect.spec.native(echo.settings)["time"] == pytest.approx(1.668, abs=0.03)


def test_the_period_of_a_note_wanders_and_an_echo_does_not():
    wide = np.zeros((1, 4_000))
    wide[0, 238:243] = (0.2, 0.35, 0.4, 0.35, 0.2)
    echo = np.zeros((1, 4_000))
    echo[0, 240] = 0.4
    weight = np.full((1, 4_000), 1 / 0.02**2)
    for values, note in ((wide, True), (echo, False)):
        target = EchoTarget(values, weight, 10_000.0, np.zeros_like(values), SEEN)
        assert is_note(echo, target) is note


def test_target_weighs_in_units_of_the_noise():
    dry, reference = music(RATE, 2), echoed(music(RATE, 1), 5_000, 0.4, 0.0)
    target = echo_target(
        [(recording_cepstrum(reference, RATE), 1.0)], recording_cepstrum(dry, RATE), 10_500
    )
    response = impulse(RATE, 1)
    right = impulse_answer(echoed(response, 5_000, 0.4, 0.0), RATE, 10_500, SEEN)
    wrong = impulse_answer(echoed(response, 5_003, 0.4, 0.0), RATE, 10_500, SEEN)
    assert target.drop(right) > 500
    assert target.drop(wrong) < 0
    assert target.score(right) > 20
    strength = target.best_drop(0.5 * right)[1]
    assert strength == pytest.approx(2.0, abs=0.25)
    assert target.drop(np.zeros_like(right)) == 0.0


def test_search_gives_up_where_the_effect_fails_on_every_impulse(pool):
    uri = "fake:error"
    spec = pool.describe(uri)
    ear = make_ear((music(RATE, 2), RATE), [(music(RATE, 1), RATE, 1.0)])
    assert ear is not None
    lab = ImpulseLab(pool, uri, RATE, 1, 10_500.0)
    bad = spec.vector({"badness": 1.0})
    search = EchoSearch(EchoTrials(lab, spec, ear.whole, {}, bad, []))
    assert search.run() is None
    lab.close()


def test_nothing_is_said_of_very_short_references():
    assert make_ear((music(RATE, 2), RATE), [(music(RATE, 1)[:, : RATE // 2], RATE, 1.0)]) is None


class Switches:
    """An echo that comes late only in one position of three switches together."""

    spec = EffectSpec(
        uri="fake:switches",
        name="Switches",
        format="fake",
        parameters=(
            Parameter("sync", "Sync", "", 0.0, 1.0, 0.0, "toggle"),
            Parameter("beats", "Beats", "", 0.0, 2.0, 0.0, "stepped", steps=3),
            Parameter("dots", "Dots", "", 0.0, 4.0, 0.0, "stepped", steps=5),
            Parameter("mix", "Mix", "", 0.0, 1.0, 0.3),
        ),
    )

    def process(self, audio, sample_rate, settings):
        late = settings[0] > 0.9 and settings[1] > 0.9 and 0.7 < settings[2] < 0.8
        number = float(settings[:3] @ np.array([11.0, 5.0, 3.0]))
        lag = round((0.41 if late else 0.02 + 0.003 * number) * sample_rate)
        wet = audio.copy()
        wet[:, lag:] += 0.8 * float(settings[3]) * audio[:, :-lag]
        return wet


def test_switches_that_mean_something_only_together_are_found():
    effect = Switches()
    true = np.array([1.0, 1.0, 0.75, 0.5])
    reference = effect.process(music(RATE, 1), RATE, true)
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(Here(effect), "", RATE, 1, ear.whole.highest, ear.whole.seen, 0.6)
    kinds = {"sync": "lag", "beats": "lag", "dots": "lag", "mix": "smooth"}
    start = effect.spec.default
    places = tuple(range(4))
    trials = EchoTrials(lab, effect.spec, ear.whole, kinds, start, places, seed=3)
    fit = EchoSearch(trials).run()
    assert fit.settings == pytest.approx(true, abs=0.1)


class WideTimes:
    """An echo that comes after a thousandth of a second to eight, evenly along the travel."""

    spec = open_effect("builtin:delay").spec

    def process(self, audio, sample_rate, settings):
        lag = round((0.001 + 7.999 * settings[0]) * sample_rate)
        wet = audio.copy()
        if lag < audio.shape[1]:
            wet[:, lag:] += 0.8 * float(settings[2]) * audio[:, :-lag]
        return wet


def test_an_even_law_of_seconds_leads_to_short_echoes_too():
    time = 0.0646
    effect = WideTimes()
    true = np.array([time, effect.spec.default[1], 0.6])
    reference = effect.process(music(RATE, 1), RATE, true)
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(Here(effect), "", RATE, 1, ear.whole.highest, ear.whole.seen, 3.0)
    kinds = {"time": "lag", "feedback": "none", "mix": "smooth"}
    trials = EchoTrials(lab, effect.spec, ear.whole, kinds, effect.spec.default, (0, 2))
    beams = trials.answered([with_knob(true, 0, 0.2)])
    (best, *_) = LagSearch(trials).along(0, beams, otherwise=False)
    assert best.settings[0] == pytest.approx(time, abs=1e-5)


def test_a_law_goes_on_beyond_the_positions_at_which_an_echo_is_heard():
    there = []
    for u, lag in ((0.25, 0.5), (0.5, 1.0), (0.75, None)):
        answer = np.zeros((1, 30_000))
        if lag is not None:
            answer[0, round(lag * LAG_RATE)] = 0.5
        there.append((np.array([u]), answer))
    law = LagLaw(0, there, 24)
    assert law.positions(0, 0.1) == pytest.approx([0.05])
    assert law.positions(0, 1.2) == pytest.approx([0.6])
    assert law.positions(0, 2.5) == []
    # It led elsewhere than it seemed: what has moved is taken down wherever it is.
    far = np.zeros((1, 30_000))
    far[0, round(0.15 * LAG_RATE)] = 0.5
    assert law.add(0, 0.05, 0.1, far) == pytest.approx(0.15)
    assert law.closer(0, 0.1, 0.05) == pytest.approx(0.0214, abs=1e-3)


def test_a_law_that_breaks_is_known_up_to_where_it_does():
    there = []
    for u, lag in ((0.0, 0.1), (0.25, 0.2), (0.5, 0.15), (0.75, 0.12)):
        answer = np.zeros((1, 30_000))
        answer[0, round(lag * LAG_RATE)] = 0.5
        there.append((np.array([u]), answer))
    law = LagLaw(0, there, 24)
    # It goes on from 0.25, or came from there on the other side.
    assert law.positions(0, 0.24) == pytest.approx([0.05, 0.35])
    assert law.lag_at(0, 0.125) == pytest.approx(0.15)


class TwoEchoes:
    """Two echoes, the times of which are knobs 0 and 1; knob 2 is how much of all is wet."""

    spec = open_effect("builtin:delay").spec

    def process(self, audio, sample_rate, settings):
        out = (1 - settings[2]) * audio.astype(np.float64)
        for knob in (0, 1):
            lag = round((0.02 + 0.4 * settings[knob]) * sample_rate)
            out[:, lag:] += 0.5 * settings[2] * audio[:, :-lag]
        return out.astype(np.float32)


def test_two_echoes_that_are_louder_than_their_sound_are_told_from_soft_ones():
    effect = TwoEchoes()
    # The reference shows 88 ms and the 140 that lie between 88 and 228.
    true = np.array([0.17, 0.52, 0.82])
    reference = effect.process(music(RATE, 1), RATE, true)
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(Here(effect), "", RATE, 1, ear.whole.highest, ear.whole.seen, 0.6)
    kinds = {"time": "lag", "feedback": "lag", "mix": "smooth"}
    trials = EchoTrials(lab, effect.spec, ear.whole, kinds, effect.spec.default, (0, 1, 2))
    # As they look where the sound is louder: the one at 88 ms, and one at 140.
    (soft, loud) = trials.answered([np.array([0.17, 0.3, 0.3]), np.array([0.8, 0.1, 0.8])])
    trials.drawn = 2
    lags = LagSearch(trials)
    for knob in (0, 1):
        lags.along(knob, [soft], otherwise=False)
    crossed = max(lags.crossed(soft), key=lambda t: t.reach)
    assert crossed.settings[:2] == pytest.approx(true[:2], abs=1e-3)
    assert crossed.reach > 1.2 * soft.reach
    readings = [true, soft.settings, loud.settings]
    assert int(np.argmax(lab.concentrations(readings, ear.undoable()))) == 0


def test_rivals_have_other_echoes_and_not_other_positions_of_a_knob_that_says_nothing(pool):
    effect = open_effect("builtin:delay")
    ear = make_ear((music(RATE, 2), RATE), [(wet("builtin:delay", time=200), RATE, 1.0)])
    lab = ImpulseLab(pool, "builtin:delay", RATE, 2, ear.whole.highest, ear.whole.seen)
    # As if feedback were a knob of times.
    kinds = {"time": "lag", "feedback": "lag", "mix": "smooth"}
    places = (0, 1, 2)
    trials = EchoTrials(lab, effect.spec, ear.whole, kinds, effect.spec.default, places, ear.pairs)
    true = effect.spec.vector({"time": 200})
    other = with_knob(true, 1, true[1] + 0.02)
    trials.ask([true, other, with_knob(true, 0, 0.2)])
    assert trials.tried[1].drop > 60
    assert EchoSearch(trials)._rivals(trials.tried[0], 0.0) == []
    lab.close()


class PreDelay:
    """A dense tail that comes later as knob 0 is turned; knob 2 is how loud it is."""

    spec = open_effect("builtin:delay").spec
    tail = np.random.default_rng(8).standard_normal(round(0.3 * RATE))
    tail *= 0.03 * np.exp(-np.arange(tail.size) / (0.08 * RATE))

    def process(self, audio, sample_rate, settings):
        lag = round((0.005 + 0.1 * settings[0]) * sample_rate)
        wet = 2.0 * settings[2] * fftconvolve(audio, self.tail[None], axes=1)
        out = audio.astype(np.float64)
        out[:, lag:] += wet[:, : audio.shape[1] - lag]
        return out.astype(np.float32)


def test_a_tail_is_shifted_to_where_it_comes_in():
    room = PreDelay()
    true = np.array([0.43, room.spec.default[1], 0.5])
    reference = room.process(music(RATE, 1), RATE, true)
    ear = make_ear((music(RATE, 2), RATE), [(reference, RATE, 1.0)])
    lab = ImpulseLab(Here(room), "", RATE, 1, ear.whole.highest, ear.whole.seen, 0.6)
    kinds = {"time": "lag", "feedback": "none", "mix": "smooth"}
    trials = EchoTrials(lab, room.spec, ear.whole, kinds, room.spec.default, (0, 2))
    fit = EchoSearch(trials).run()
    assert fit.settings[0] == pytest.approx(0.43, abs=0.0006)
    assert fit.settings[2] == pytest.approx(0.5, abs=0.1)


def target_with(peaks, own=()):
    """A reference with some peaks (lag in seconds, height), and an input with others."""
    values, dry = np.zeros((1, 24_000)), np.zeros((1, 24_000))
    for row, tops in ((values, peaks), (dry, own)):
        for lag, height in tops:
            row[0, round(lag * LAG_RATE)] = height
    return EchoTarget(values, np.full((1, 24_000), 1e4), 10_500.0, dry, SEEN)


def test_beats_that_the_input_has_too_make_no_beat_of_an_echo():
    (echo,) = target_with([(0.145, 0.32), (0.29, -0.05)]).values[None]
    music = [(0.145, 0.32), (0.29, -0.05), (0.543, 0.3)]
    # In other music than the input it may be one beat of several.
    assert is_loop(echo, target_with(music))
    assert not is_loop(echo, target_with(music, own=[(0.543, 0.26)]))
    # The input repeats there itself.
    assert is_loop(echo, target_with(music, own=[(0.543, 0.26), (0.145, 0.2)]))


def test_a_comb_that_is_heard_before_any_beat_is_none_where_its_multiples_lie_among_beats():
    comb = [(0.0658 * n, 0.29 * 0.75 ** (n - 1)) for n in range(1, 7)]
    music = [*comb, (0.682, 0.19), (0.341, 0.1)]
    (answer,) = target_with(comb).values[None]
    assert not is_loop(answer, target_with(music))
    # Two beats without what comes before them tell nothing else.
    assert is_loop(target_with(comb[1:]).values, target_with(music))


def test_a_beat_that_one_half_lacks_does_not_speak_against_an_echo_that_both_show():
    (echo,) = target_with([(0.2367, 0.12)]).values[None]
    whole = target_with([(0.2367, 0.12), (0.687, 0.1)])
    alone = target_with([(0.2367, 0.12), (0.687, 0.01)])
    share, half = np.full(24_000, 0.8), np.full(24_000, 0.4)
    assert is_loop(echo, whole)
    assert is_loop(echo, whole, PartPair((whole, whole), (share, share)))
    assert not is_loop(echo, whole, PartPair((whole, alone), (share, share)))
    # Where the halves are too short to tell, the whole does.
    assert is_loop(echo, whole, PartPair((whole, alone), (half, half)))


def test_a_comb_of_broad_peaks_may_be_a_note_too_and_a_room_is_none():
    shape = np.hanning(27)[1:-1]
    (comb, room) = (np.zeros((1, 24_000)) for _ in range(2))
    for multiple, height in ((163, 0.03), (326, 0.015), (489, 0.01)):
        comb[0, multiple - 12 : multiple + 13] = height * shape
    room[0, 48:1_500] = 0.02 * np.random.default_rng(3).standard_normal(1_452)
    for answer, note in ((comb, True), (room, False)):
        values = answer.copy()
        # The period of another note, which is as long in the reference.
        values[0, 600] += 0.1
        weight = np.full((1, 24_000), 1e4)
        target = EchoTarget(values, weight, 10_500.0, np.zeros_like(values), SEEN)
        assert is_note(answer, target) is note


def test_an_echo_of_the_other_sign_is_no_beat():
    (echo,) = target_with([(0.5, -0.2)]).values[None]
    half = np.full(24_000, 0.4)
    both = PartPair((target_with([]), target_with([])), (half, half))
    music = [(0.5, -0.2), (0.34, 0.18), (0.68, 0.15)]
    assert is_loop(echo, target_with(music))
    assert not is_loop(echo, target_with(music), both)
    # A beat's own peak swings below nothing beside it.
    assert is_loop(echo, target_with([*music, (0.501, 0.5)]), both)
    assert is_loop(echo, target_with(music, own=[(0.5, 0.4)]), both)


def test_what_the_input_has_of_another_sign_is_no_note_and_no_beat_of_its():
    note, beat = [(0.0024, 0.25)], [(0.145, 0.32)]
    for judge, heard in ((is_note, note), (is_loop, beat)):
        (echo,) = target_with(heard).values[None]
        ((lag, height),) = heard
        assert judge(echo, target_with(heard, own=[(lag, 0.5 * height)]))
        assert not judge(echo, target_with(heard, own=[(lag, -0.5 * height)]))


def test_a_late_clear_echo_may_be_softer_in_one_half(monkeypatch):
    (echo,) = target_with([(0.435, 0.5)]).values[None]
    whole, none = target_with([(0.435, 0.5)]), target_with([])
    three_quarters = target_with([(0.435, 0.42)])
    ear = SimpleNamespace(
        whole=whole,
        halves=(whole, none),
        half_seconds=2.7,
        longer_than=lambda lag: (three_quarters, whole),
        pairs=(PartPair((whole, none), (np.ones(24_000), np.ones(24_000))),),
    )
    lab = SimpleNamespace()
    monkeypatch.setattr(
        "dialin.matching.hearing.echo_verdicts.replace",
        lambda lab, **_: SimpleNamespace(answers=lambda s: [echo for _ in s], close=lambda: None),
    )
    start = np.zeros(3)
    assert verdict_of(EchoFit(start, 12_000.0, 0.0, echo, []), lab, ear)[0] == "heard"
    # A weaker one may be chance.
    assert verdict_of(EchoFit(start, 900.0, 0.0, echo, []), lab, ear)[0] == "absent"


@pytest.mark.parametrize("height, chosen", [(0.18, 1.0), (0.5, 0.0)])
def test_what_may_be_a_beat_gives_way_to_an_echo_that_comes_before_any(monkeypatch, height, chosen):
    late, comb = target_with([(0.968, height)]).values, target_with([(0.02, 0.2)]).values
    finer = EchoFit(np.ones(3), 210.0, 0.0, comb, [])
    rival = EchoFit(np.full(3, 0.9), 205.0, 0.0, comb, [], refine=lambda: finer)
    best = EchoFit(np.zeros(3), 1_400.0, 0.0, late, [], lambda: [rival])
    monkeypatch.setattr(time_guesses, "verdict_of", lambda *_: ("heard", 0.9))
    fitted = fitted_to(best, target_with([(0.968, height), (0.02, 0.2)]), 1.0)
    (echo,) = time_guesses._judged([fitted], 0)
    assert echo.verdict == "heard"
    assert echo.settings[0] == chosen


def fitted_to(fit, target, undone):
    """What was found of a delay by an ear whose recordings are so concentrated without it."""
    lab = SimpleNamespace(
        turns=1, close=lambda: None, concentrations=lambda asked, _: [undone for _ in asked]
    )
    spec = open_effect("builtin:delay").spec
    ear = SimpleNamespace(
        whole=target, undoable=lambda tail=0: (), concentrated=0.5, seconds=4.0, late=False
    )
    return time_guesses._Fitted(0, None, fit, lab, ear, (0, 1, 2), (0, 1, 2), (), spec)


@pytest.mark.parametrize(
    "lag, drop, undone, verdict",
    [
        (0.357, 1_400.0, 0.4, "doubt"),
        (0.357, 9_000.0, 0.4, "heard"),
        # It fits into the reference four times.
        (0.97, 1_400.0, 0.4, "heard"),
        (0.357, 1_400.0, 0.6, "heard"),
        (0.357, 1_400.0, float("nan"), "heard"),
        (0.02, 1_400.0, 0.4, "heard"),
    ],
)
def test_beats_are_spread_by_more_of_them_where_they_are_undone(
    monkeypatch, lag, drop, undone, verdict
):
    target = target_with([(lag, 0.5)])
    monkeypatch.setattr(time_guesses, "verdict_of", lambda *_: ("heard", 0.9))
    monkeypatch.setattr(time_guesses, "find_comb", lambda *_: None)
    fit = EchoFit(np.zeros(3), drop, 0.0, target.values, [])
    fitted = fitted_to(fit, target, undone)
    (echo,) = time_guesses._judged([fitted], 0)
    assert echo.verdict == verdict
