"""Equalisers are found out and solved by what they do, whatever they are called."""

import numpy as np
import pytest

from dialin.effects import open_effect
from dialin.matching.equalisers.effects import solve_effect
from dialin.matching.equalisers.probe import Responder, probe_eq
from dialin.matching.equalisers.target import EqTarget, eq_target, song_spectra
from dialin.measures.song import band_centres, measure_song

RATE = 44_100


def target_of(response: np.ndarray) -> EqTarget:
    hertz = band_centres()
    weight = np.where((hertz >= 40) & (hertz <= 16_000), 1.0, 0.02)
    return EqTarget(hertz, response - np.average(response, weights=weight), weight, 0.0)


@pytest.mark.parametrize(
    ("uri", "native"),
    [
        ("builtin:peak", {"frequency": 3_000.0, "gain": -9.0, "q": 2.0}),
        ("builtin:highshelf", {"frequency": 2_500.0, "gain": 8.0, "q": 0.6}),
        ("builtin:highpass", {"frequency": 300.0}),
        ('chain:["builtin:lowshelf","builtin:peak"]',
         {"lowshelf.gain": 7.0, "lowshelf.frequency": 120.0, "peak.gain": -8.0,
          "peak.frequency": 900.0}),
    ],
)  # fmt: skip
def test_known_settings_are_found_again(uri: str, native: dict[str, float]) -> None:
    effect = open_effect(uri)
    response = Responder(effect).decibels(effect.spec.vector(native))
    found = solve_effect(effect, target_of(response), RATE, use_cache=False)
    assert found is not None
    heard = Responder(effect).decibels(found[0])
    gap = (heard - response)[12:-4]
    assert np.abs(gap - gap.mean()).max() < 0.5


@pytest.mark.parametrize("name", ["compressor", "distortion", "reverb", "delay", "chorus", "gain"])
def test_what_is_no_equaliser_is_told(name: str) -> None:
    effect = open_effect(f"builtin:{name}")
    probe = probe_eq(effect, use_cache=False)
    if name == "gain":  # linear, and flat: it shapes nothing, so nothing is solved by it alone
        assert [lever.companions for lever in probe.levers] == [()]
    else:
        assert not probe.equaliser
        hertz = band_centres()
        assert solve_effect(effect, target_of(np.zeros(hertz.size)), RATE, use_cache=False) is None


def test_levers_have_their_companions() -> None:
    effect = open_effect("builtin:peak")
    (lever,) = probe_eq(effect, use_cache=False).levers
    names = [effect.spec.parameters[n].id for n in (lever.knob, *lever.companions)]
    assert lever.gain and names == ["gain", "frequency", "q"]


def test_other_music_tells_the_response_as_far_as_it_differs() -> None:
    rng = np.random.default_rng(0)
    one, two = (rng.standard_normal((2, 8 * RATE)).astype(np.float32) * 0.1 for _ in range(2))
    effect = open_effect("builtin:peak")
    known = effect.spec.vector({"frequency": 1_500.0, "gain": 9.0, "q": 1.5})
    spectra = [
        song_spectra(measure_song(x, RATE)).middle for x in (one, effect.process(two, RATE, known))
    ]
    found = solve_effect(effect, eq_target(*spectra, nyquist=RATE / 2), RATE, use_cache=False)
    assert found is not None
    ear = Responder(effect)
    gap = (ear.decibels(found[0]) - ear.decibels(known))[12:-4]
    assert np.abs(gap - gap.mean()).max() < 0.5


def test_a_match_begins_with_the_answer_and_hears_no_room_in_it() -> None:
    import dialin
    from dialin.rendering import RenderPool
    from tests.matching.songs.test_mastering import song

    effect = open_effect("builtin:eq")
    known = effect.spec.vector(
        {"gain_2": 9.0, "frequency_2": 90.0, "q_2": 4.0, "gain_6": -9.0, "gain_9": 8.0}
    )
    whole = song(20, 12.0)
    one, two = whole[:, : 6 * RATE], whole[:, 6 * RATE :]
    reference = effect.process(two, RATE, known)
    with RenderPool(workers=1) as pool:
        match = dialin.match((one, RATE), (reference, RATE), ["builtin:eq"], budget=40, pool=pool)
    assert match.report.sure and match.report.after < 0.5 * match.report.before
    assert not any("reflections" in line for line in match.report.evidence)
    ear = Responder(effect)
    gap = (ear.decibels(match.settings) - ear.decibels(known))[12:-6]
    assert np.abs(gap - np.median(gap)).mean() < 1.0
