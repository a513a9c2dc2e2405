"""Training of guessing networks: what is rendered for them, what they learn, what is kept."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from dialin.data.chain_ranges import USUAL, WIDE
from dialin.effects.open import open_effect
from dialin.errors import ModelError, OutputError
from dialin.matching.guessing.gap_features import feature_count
from dialin.matching.guessing.guess_vocabulary import CHAIN, Slot, Vocabulary
from dialin.networks.guess_network import GuessSizes
from dialin.networks.guess_runtime import GuessModel
from dialin.training import guess_make
from dialin.training.guess import train_side_by_side
from dialin.training.guess_chains import ChainMaker
from dialin.training.guess_checkpoint import GuessCheckpoint
from dialin.training.guess_export import INPUTS, export_guess
from dialin.training.guess_group import (
    RATE,
    VARIANTS,
    Group,
    magnitudes_of,
    sampled_distances,
)
from dialin.training.guess_learner import Learner
from dialin.training.guess_rendering import keep_clips, read_clips
from dialin.training.guess_singles import OneEffectMaker
from dialin.training.guess_store import GroupStore

FEATURES, PEAKS = 12, 3
SMALL = Vocabulary((Slot("fake:one", ("a", "b")), Slot("fake:two", ("c",))))


def clip(seconds: float, seed: int) -> np.ndarray:
    """Noise that comes and goes, int16."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    gate = np.repeat(0.2 + 0.8 * rng.random(int(seconds * 4) + 1), RATE // 4 + 1)[:count]
    sound = 6_000 * rng.standard_normal((2, count)) * gate
    return np.clip(sound, -32_768, 32_767).astype(np.int16)


@pytest.fixture(scope="module")
def chains() -> ChainMaker:
    return ChainMaker({False: [clip(22.0, 0)], True: [clip(22.0, 1)]}, open_effect)


def test_what_is_drawn_lies_within_its_ranges_and_absent_knobs_say_nothing(chains) -> None:
    rng = np.random.default_rng(0)
    lengths = set()
    for usual, ranges in ((True, USUAL), (False, WIDE)) * 20:
        vector = chains.draw(rng, usual)
        there = vector[: len(CHAIN.slots)]
        lengths.add(int(there.sum()))
        for slot, on, place in zip(CHAIN.slots, there, CHAIN.places, strict=True):
            if not on:
                assert (vector[place] == 0.5).all()
                continue
            knobs = {p.id: p for p in open_effect(slot.uri).spec.parameters}
            for id, value in zip(slot.knobs, vector[place], strict=True):
                low, high = ranges[slot.name][id]
                assert low - 1e-6 <= knobs[id].to_native(float(value)) <= high + 1e-6
        if usual:
            assert there.sum() <= 4 and (vector[-2:] == 0).all()
    assert lengths >= {1, 2, 3, 4}


def test_a_vector_says_in_which_order_a_chain_is_rendered(chains) -> None:
    vector = np.full(CHAIN.size, 0.5)
    vector[: len(CHAIN.slots)] = 0.0
    names = [slot.name for slot in CHAIN.slots]
    for name in ("highpass", "lowpass", "distortion", "compressor", "delay"):
        vector[names.index(name)] = 1.0

    def order(drive_first: float, tone_last: float) -> list[str]:
        vector[-2:] = drive_first, tone_last
        return [names[n] for n in chains.chain(vector)]

    assert order(0, 0) == ["highpass", "lowpass", "compressor", "distortion", "delay"]
    assert order(1, 1) == ["highpass", "distortion", "compressor", "lowpass", "delay"]


def test_a_lone_bell_stands_in_the_first_place_and_two_rise(chains) -> None:
    first, second = (n for n, slot in enumerate(CHAIN.slots) if slot.name == "peak")
    one, two = CHAIN.places[first], CHAIN.places[second]
    vector = np.full(CHAIN.size, 0.5)
    vector[: len(CHAIN.slots)] = 0.0
    vector[second], vector[two] = 1.0, 0.3
    lone = chains._tidy(vector)
    assert lone[first] == 1.0 and lone[second] == 0.0 and (lone[one] == 0.3).all()
    vector[first], vector[one] = 1.0, 0.8
    both = chains._tidy(vector)
    assert both[one][0] == pytest.approx(0.3) and both[two][0] == pytest.approx(0.8)


def test_sampled_distances_are_none_for_the_same_and_grow() -> None:
    rng = np.random.default_rng(3)
    sound = (0.1 * rng.standard_normal((2, RATE))).astype(np.float32)
    rows = [magnitudes_of(gain * sound) for gain in (1.0, 1.0, 0.8, 0.3)]
    apart = sampled_distances(rows)
    assert apart[0, 1] == 0 and (np.diag(apart) == 0).all()
    assert 0.1 < apart[0, 2] < apart[0, 3]


def test_a_group_of_a_single_effect_is_made_again_by_its_seed(tmp_path) -> None:
    keep_clips({False: [clip(13.0, 5)], True: [clip(13.0, 6)]}, tmp_path)
    clips = read_clips(tmp_path)
    assert len(clips[False]) == len(clips[True]) == 1
    uri = "builtin:distortion"
    maker = OneEffectMaker(clips, (uri,), {uri: ("mix",)}, open_effect)
    assert maker.vocabulary.slots == (Slot(uri, ("drive",)),)
    group, again = maker.group([1]), maker.group([1])
    assert group is not None and again is not None
    assert group.renders.shape == (VARIANTS, 2, feature_count())
    assert (group.vectors[:, 0] == 1).all() and np.ptp(group.vectors[:, 1]) > 0
    assert group.distances.shape == (2, VARIANTS + 1, VARIANTS + 1)
    for name in ("inputs", "renders", "peaks", "vectors", "distances"):
        np.testing.assert_array_equal(getattr(group, name), getattr(again, name))


def test_a_group_of_chains_holds_what_is_near_and_what_is_not(chains) -> None:
    group = chains.group([4])
    assert group is not None
    assert group.renders.shape == (VARIANTS, 2, feature_count())
    # The second is the first, moved a little.
    for side in range(2):
        assert group.distances[side, 2, 1] < group.distances[side, 0, 1]


def _groups(count: int, seed: int) -> list[Group]:
    """Sounds whose first features are the settings themselves."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        there = np.zeros((VARIANTS, 2))
        there[:, int(rng.integers(2))] = 1.0
        knobs = rng.uniform(0.1, 0.9, (VARIANTS, 3))
        knobs[:, :2][there[:, 0] == 0] = 0.5
        knobs[:, 2][there[:, 1] == 0] = 0.5
        vectors = np.concatenate([there, knobs], axis=1)
        inputs = 0.1 * rng.standard_normal((2, FEATURES))
        renders = inputs[None] + 0.02 * rng.standard_normal((VARIANTS, 2, FEATURES))
        renders[:, :, :5] += 3 * (vectors[:, None] - 0.5)
        points = np.concatenate([np.full((1, 5), 0.5), vectors])
        apart = np.abs(points[:, None] - points[None]).mean(axis=2)
        made.append(
            Group(
                *(np.asarray(x, dtype=np.float16) for x in (inputs, renders)),
                np.zeros((VARIANTS + 1, 2, 2, PEAKS), dtype=np.float16),
                vectors.astype(np.float16),
                np.stack([apart, apart]).astype(np.float16),
                usual=False,
            )
        )
    return made


@pytest.fixture(scope="module")
def learner() -> Learner:
    torch.manual_seed(0)
    sizes = GuessSizes(FEATURES, PEAKS, 2, 3, 0, width=48, judge=32, dropout=0.0, blocks=(6, 12))
    made = Learner(SMALL, sizes, "cpu", rate=3e-3, most=256)
    made.train.add(_groups(200, 0))
    made.valid.add(_groups(16, 1))
    made.measure_scale()
    return made


def test_a_learner_learns_and_keeps_what_does_best(learner) -> None:
    before = learner.check()
    for step in range(120):
        learner.step(step / 120, 64)
    after = learner.check()
    assert after["knob/known"] < 0.6 * before["knob/known"]
    assert after["judge"] < 0.6 * before["judge"]
    assert after["risk"] < before["risk"]
    kept = dict(learner.best)
    with torch.no_grad():
        for weight in learner.mean.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    learner.check()
    # What became worse is not kept.
    assert {k: score for k, (score, _) in learner.best.items()} == {
        k: score for k, (score, _) in kept.items()
    }
    assert torch.equal(
        learner.best_nets()["judge"].state_dict()[next(iter(learner.mean["judge"].state_dict()))],
        kept["judge"][1][f"judge.{next(iter(learner.mean['judge'].state_dict()))}"],
    )


def test_what_is_exported_runs_without_torch_and_says_what_torch_said(learner, tmp_path) -> None:
    export_guess(learner.best_nets(), SMALL, tmp_path / "model", {"valid": {}}, "# Card\n")
    model = GuessModel(tmp_path / "model")
    group = _groups(1, 7)[0]
    rows = [np.asarray(x, dtype=np.float32) for x in (group.inputs[0], group.renders[0, 1])]
    peaks = np.zeros(PEAKS, dtype=np.float32)
    known = np.concatenate([group.vectors[0, :2], group.vectors[0, :2]]).astype(np.float32)
    answers = model.answer(rows[0], rows[1], peaks, known, 4, 0)
    assert answers.drawn.shape == (4, SMALL.size)
    on = group.vectors[0, 2:4] if group.vectors[0, 0] else group.vectors[0, 4:5]
    place = slice(2, 4) if group.vectors[0, 0] else slice(4, 5)
    assert np.abs(answers.point[place] - on).mean() < 0.15


def test_training_goes_on_from_what_was_exported(learner, tmp_path) -> None:
    export_guess(learner.best_nets(), SMALL, tmp_path / "model", {"valid": {}}, "# Card\n")
    other = Learner(SMALL, learner.sizes, "cpu", most=30)
    before = other.rate
    other.train.add(_groups(20, 0))
    other.go_on(tmp_path / "model")
    # Learnt scales stay, whatever there is to measure them by.
    other.measure_scale()
    expected = np.load(tmp_path / "model/expected.npz")
    for name, (inputs, outputs) in INPUTS.items():
        with torch.no_grad():
            told = other.mean[name](*(torch.from_numpy(expected[f"{name}/{i}"]) for i in inputs))
        told = told if isinstance(told, tuple) else (told,)
        for key, value in zip(outputs, told, strict=True):
            np.testing.assert_allclose(value.numpy(), expected[f"{name}>{key}"], atol=1e-4)
    assert other.rate < before
    with pytest.raises(ModelError, match="cannot be read"):
        other.go_on(tmp_path)
    larger = Learner(SMALL, replace(other.sizes, width=other.sizes.width + 8), "cpu", most=5)
    with pytest.raises(ModelError, match="of other sizes"):
        larger.go_on(tmp_path / "model")


def test_a_store_takes_no_more_than_it_has_room_for() -> None:
    store = GroupStore(SMALL, FEATURES, PEAKS, "cpu", most=5)
    store.add(_groups(3, 0))
    store.add(_groups(4, 1))
    store.add(_groups(1, 2))
    assert store.count == 5


def _small_learner(seed: int) -> Learner:
    torch.manual_seed(seed)
    sizes = GuessSizes(FEATURES, PEAKS, 2, 3, 0, width=16, judge=16, dropout=0.0, blocks=(6, 12))
    return Learner(SMALL, sizes, "cpu", most=64)


def test_a_stopped_training_goes_on_where_it_was(tmp_path) -> None:
    one = _small_learner(0)
    kept = GuessCheckpoint(tmp_path / "unfinished", {"seed": 1})
    assert kept.load({"chain": one}) == 0.0 and kept.round == 0
    one.train.add(_groups(20, 0))
    one.valid.add(_groups(8, 1))
    one.measure_scale()
    for _ in range(3):
        one.step(0.1, 16)
    one.check()
    kept.save({"chain": one}, 12.5)
    one.train.add(_groups(5, 2))
    kept.save({"chain": one}, 25.0)

    other = _small_learner(5)
    again = GuessCheckpoint(tmp_path / "unfinished", {"seed": 1})
    assert again.load({"chain": other}) == 25.0
    assert again.round == 2 and other.steps == 3
    assert (other.train.count, other.valid.count) == (25, 8)
    assert torch.equal(other.train.renders[:25], one.train.renders[:25])
    for learner in (one, other):
        torch.manual_seed(9)
        learner.step(0.2, 16)
    for a, b in zip(one.mean.parameters(), other.mean.parameters(), strict=True):
        assert torch.equal(a, b)
    assert {k: s for k, (s, _) in one.best.items()} == {k: s for k, (s, _) in other.best.items()}
    again.forget()
    assert not (tmp_path / "unfinished").exists()


def test_an_unfinished_training_of_something_else_is_left_alone(tmp_path) -> None:
    learner = _small_learner(0)
    GuessCheckpoint(tmp_path, {"seed": 1}).save({"chain": learner}, 3.0)
    with pytest.raises(OutputError, match="something else"):
        GuessCheckpoint(tmp_path, {"seed": 2}).load({"chain": learner})
    (tmp_path / "state.pt").write_bytes(b"no")
    with pytest.raises(OutputError, match="delete that folder"):
        GuessCheckpoint(tmp_path, {"seed": 1}).load({"chain": learner})


def test_what_was_learnt_is_saved_when_somebody_interrupts(monkeypatch, tmp_path) -> None:
    @contextmanager
    def interrupted(work, processes):
        class Results:
            def get(self, timeout):
                raise KeyboardInterrupt

        yield Results(), None

    monkeypatch.setattr("dialin.training.guess.rendering", interrupted)
    saved: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        train_side_by_side(
            None, {False: _small_learner(0)}, processes=1, render_seconds=9, seconds=9,
            save=saved.append, done=4.0,
        )  # fmt: skip
    assert len(saved) == 1 and 4.0 <= saved[0] < 9.0


def test_models_that_are_there_are_not_overwritten(tmp_path, capsys) -> None:
    (tmp_path / "chain").mkdir()
    with pytest.raises(SystemExit):
        guess_make.main([str(tmp_path), "-o", str(tmp_path), "--minutes", "1"])
    assert "there already" in capsys.readouterr().err
