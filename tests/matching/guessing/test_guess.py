"""First guesses of the networks in the package."""

from __future__ import annotations

import numpy as np
import pytest

from dialin.effects import chain_uri
from dialin.effects.builtin_table import builtin_spec
from dialin.effects.chain import chain_spec
from dialin.errors import ModelError
from dialin.matching.guessing import guess
from dialin.matching.guessing.auto_voters import Recordings
from dialin.matching.guessing.gap_features import (
    feature_count,
    gap_features,
    hear,
)
from dialin.matching.guessing.guess import (
    KNOWN_EFFECTS,
    SHIPPED,
    GuessVoter,
    guess_chain,
    shipped_model,
    vocabulary_of,
)
from dialin.matching.guessing.guess_vocabulary import CHAIN
from dialin.measures.cepstrum import LAG_RATE
from dialin.measures.time_features import echo_peaks, peak_lags
from dialin.networks.guess_runtime import GuessModel
from dialin.networks.runtime import OnnxModel

RATE = 44_100


def _music(seconds: float, seed: int, rate: int = RATE) -> np.ndarray:
    """Noise that comes and goes in both channels, as notes do."""
    rng = np.random.default_rng(seed)
    count = int(seconds * rate)
    gate = np.repeat(rng.random(int(seconds * 4) + 1) ** 3, rate // 4 + 1)[:count]
    sound = 0.2 * rng.standard_normal((2, count)) * gate
    return np.asarray(sound, dtype=np.float32)


def _spec(*names: str):
    specs = [builtin_spec(name) for name in names]
    return chain_spec(chain_uri([s.uri for s in specs]), specs)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("part", ["trunk", "flow", "judge", "risk"])
def test_shipped_networks_give_what_torch_gave(name: str, part: str) -> None:
    folder = shipped_model(name).folder
    expected = np.load(folder / "expected.npz")
    given = {k.partition("/")[2]: expected[k] for k in expected.files if k.startswith(f"{part}/")}
    wanted = {k.partition(">")[2]: expected[k] for k in expected.files if k.startswith(f"{part}>")}
    told = OnnxModel(folder, part, tuple(wanted)).run(given)
    for output, values in wanted.items():
        np.testing.assert_allclose(told[output], values, rtol=1e-3, atol=1e-3)


def test_shipped_networks_are_those_of_these_features() -> None:
    assert shipped_model("chain").features == feature_count()
    assert vocabulary_of(shipped_model("chain")) == CHAIN
    assert len(vocabulary_of(shipped_model("mda")).slots) == 9
    size = sum(f.stat().st_size for n in SHIPPED for f in shipped_model(n).folder.iterdir())
    assert size < 25e6


def test_features_are_finite_and_the_same_for_any_level() -> None:
    sound = _music(3.0, 0)
    one, two = gap_features(sound, RATE), gap_features(0.25 * sound, RATE)
    assert one.shape == (feature_count(),) and np.isfinite(one).all()
    # Only the level hears it: cepstra have a floor far below.
    assert np.mean(np.abs(one - two) > 0.05) < 0.02
    silent = gap_features(np.zeros((2, 2_000), dtype=np.float32), RATE)
    assert np.isfinite(silent).all()
    mono = gap_features(sound[:1], RATE)
    assert mono.shape == one.shape and 0 < np.isnan(mono).sum() < 40


def test_an_echo_stands_out_of_what_the_input_has_not() -> None:
    dry, other = _music(8.0, 1), _music(8.0, 2)
    lag = 12_345
    wet = other.copy()
    wet[:, lag:] += 0.5 * other[:, :-lag]
    input, reference = hear(dry, RATE), hear(wet, RATE)
    lags, _ = peak_lags(reference.cepstrum - np.maximum(input.cepstrum, 0))
    assert abs(lags[0] / LAG_RATE - lag / RATE) < 2e-4
    peaks = echo_peaks(input, reference)
    assert abs(peaks[0] - 10 * np.log10(lag / RATE)) < 0.01 and peaks[1] > 0.2


def test_a_vector_becomes_settings_of_a_chain_and_leaves_strangers_alone() -> None:
    spec = _spec("gain", "delay", "peak", "peak")
    found = CHAIN.find(["builtin:gain", "builtin:delay", "builtin:peak", "builtin:peak"])
    assert found == [None, 10, 3, 4]
    vector = np.full(CHAIN.size, 0.25)
    settings = CHAIN.settings(vector, spec, found)
    assert settings[0] == spec.default[0]
    np.testing.assert_allclose(settings[1:], 0.25)


def test_orders_are_those_of_the_chain() -> None:
    def orders(*names: str) -> list[float]:
        return CHAIN.orders_of([f"builtin:{n}" for n in names]).tolist()

    assert orders("distortion", "compressor", "peak") == [1.0, 1.0]
    assert orders("lowpass", "compressor", "distortion") == [0.0, 0.0]
    assert np.isnan(orders("delay", "reverb")).all()


def test_a_guess_names_settings_for_a_known_chain_and_is_the_same_again() -> None:
    spec = _spec("lowpass", "delay")
    sounds = (_music(4.0, 3), RATE), [(_music(4.0, 4), RATE)]
    guess = guess_chain(spec, *sounds, certain=True, count=6, seed=1)
    assert len(guess.tries) == 6
    assert all(slots == (0, 1) for slots, _ in guess.tries)
    assert all(((0 <= s) & (s <= 1)).all() and s.size == spec.size for _, s in guess.tries)
    # Several candidates, not one six times.
    assert np.std([s for _, s in guess.tries], axis=0).max() > 0.01
    again = guess_chain(spec, *sounds, certain=True, count=6, seed=1)
    for (_, a), (_, b) in zip(guess.tries, again.tries, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_guess_hears_a_low_pass_and_a_reverb() -> None:
    """What each effect does to other music shows in its probability."""
    from dialin.effects.open import open_effect

    dry, other = _music(10.0, 5), _music(10.0, 6)
    lowpass, reverb = open_effect("builtin:lowpass"), open_effect("builtin:reverb")
    spec = _spec("lowpass", "distortion", "compressor", "chorus", "reverb")
    assert len(("lowpass", "distortion", "compressor", "chorus", "reverb")) > KNOWN_EFFECTS
    dull = lowpass.process(other, RATE, [lowpass.spec.parameters[0].to_normalised(2_500)])
    knobs = {"room_size": 80.0, "wet": 50.0}
    room = [p.to_normalised(knobs.get(p.id, p.default)) for p in reverb.spec.parameters]
    wet = reverb.process(other, RATE, room)
    first = guess_chain(spec, (dry, RATE), [(dull, RATE)], certain=True, count=8, seed=0)
    second = guess_chain(spec, (dry, RATE), [(wet, RATE)], certain=True, count=8, seed=0)
    assert first.there[0] > 0.7 and first.there[4] < 0.5
    assert second.there[4] > 0.7 > second.there[0]
    cutoff = [
        lowpass.spec.parameters[0].to_native(settings[0])
        for slots, settings in first.tries
        if 0 in slots
    ]
    assert 1_200 < np.median(cutoff) < 5_000


def test_no_guess_without_a_model_or_a_reference() -> None:
    stranger = _spec("bitcrush")
    sound = (_music(2.0, 7), RATE)
    assert not guess_chain(stranger, sound, [sound], certain=True, count=4, seed=0).tries
    assert not guess_chain(_spec("delay"), sound, [], certain=True, count=4, seed=0).tries


def test_the_voter_speaks_of_what_it_knows_alone() -> None:
    sound = _music(3.0, 8)
    heard = Recordings((sound, RATE), ((sound[:, ::-1].copy(), RATE, 1.0),))
    specs = [builtin_spec("delay"), builtin_spec("bitcrush")]
    vote = GuessVoter().vote(heard, specs)
    assert vote is not None and set(vote.presence) == {"builtin:delay"}
    assert GuessVoter().vote(heard, specs[1:]) is None


def test_a_folder_of_another_kind_is_refused(tmp_path) -> None:
    (tmp_path / "config.json").write_text('{"format": 1, "kind": "controller"}')
    with pytest.raises(ModelError, match="no guess"):
        GuessModel(tmp_path)


def test_the_input_is_heard_once(monkeypatch):
    """By the voter, by each reference, and by the guesses that follow."""
    counted = []
    usual = guess.hear_stereo
    monkeypatch.setattr(
        guess, "hear_stereo", lambda audio, rate: counted.append(audio) or usual(audio, rate)
    )
    rng = np.random.default_rng(0)
    own, one, two = (0.1 * rng.standard_normal((3, 2, 22_050))).astype(np.float32)
    voter, other = GuessVoter(), GuessVoter()
    specs = [builtin_spec(name) for name in ("delay", "reverb")]
    heard = Recordings((own, 22_050), ((one, 22_050, 1.0), (two, 22_050, 2.0)), 3)
    voted = voter.vote(heard, specs)
    assert len(counted) == 3
    assert voter.heard(one) is None
    before = voter.heard(own)
    asked = {"certain": False, "count": 8, "seed": 3}
    references = [(one, 22_050), (two, 22_050)]
    again = guess_chain(specs[0], (own, 22_050), references, **asked, heard_before=before)
    assert len(counted) == 5
    fresh = guess_chain(specs[0], (own, 22_050), references, **asked)
    for (slots, settings), (same_slots, same) in zip(again.tries, fresh.tries, strict=True):
        assert slots == same_slots
        np.testing.assert_array_equal(settings, same)
    assert other.vote(heard, specs).presence == voted.presence


def test_the_first_guess_is_the_most_central_of_many_however_few_are_asked_for() -> None:
    spec = _spec("lowpass", "delay")
    sounds = (_music(4.0, 3), RATE), [(_music(4.0, 4), RATE)]
    made = {
        count: guess_chain(spec, *sounds, certain=True, count=count, seed=1).tries
        for count in (1, 3, 16)
    }
    assert [len(tries) for tries in made.values()] == [1, 3, 16]
    for tries in made.values():
        np.testing.assert_array_equal(tries[0][1], made[1][0][1])
    # None is there twice, the first among the others included.
    assert len({settings.tobytes() for _, settings in made[16]}) == 16


def test_a_careful_guess_hears_beginnings_beside_ends(monkeypatch) -> None:
    heard: list[tuple[int, int, float, float]] = []
    listened = guess._listened

    def spy(name, input, reference, before=None):
        sizes = input[0].shape[1], reference[0].shape[1]
        heard.append((*sizes, float(input[0][0, 0]), float(reference[0][0, 0])))
        return listened(name, input, reference, before)

    monkeypatch.setattr(guess, "_listened", spy)
    spec, dry, wet = _spec("lowpass"), _music(4.0, 3), _music(6.0, 4)
    guess_chain(spec, (dry, RATE), [(wet, RATE)], certain=True, count=1, seed=0, careful=True)
    counts = int(0.65 * dry.shape[1]), int(0.65 * wet.shape[1])
    assert heard[1:] == [
        (*counts, float(dry[0, 0]), float(wet[0, -counts[1]])),
        (*counts, float(dry[0, -counts[0]]), float(wet[0, 0])),
    ]
    heard.clear()
    short = dry[:, : 2 * RATE]
    guess_chain(spec, (short, RATE), [(wet, RATE)], certain=True, count=1, seed=0, careful=True)
    assert len(heard) == 1


def test_where_no_candidate_is_rendered_none_is_drawn_and_the_judge_is_the_same(
    monkeypatch,
) -> None:
    spec = _spec("lowpass", "delay")
    sounds = (_music(3.0, 3), RATE), [(_music(3.0, 4), RATE)]
    whole = guess_chain(spec, *sounds, certain=False, count=1, seed=1)

    def asked(*_: object) -> None:
        raise AssertionError("the network was asked for settings")

    monkeypatch.setattr(GuessModel, "answer", asked)
    judge = guess_chain(spec, *sounds, certain=False, count=1, seed=1, drawn=False)
    assert not judge.tries and judge.names == whole.names
    assert judge.judge.untouched() == whole.judge.untouched()
