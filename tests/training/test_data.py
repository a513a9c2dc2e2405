import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

from dialin.data.fields import build  # noqa: E402
from dialin.errors import UsageError  # noqa: E402
from dialin.training.batches import Batches, grouped  # noqa: E402
from dialin.training.config import VaeRecipe  # noqa: E402
from dialin.training.data import build_features  # noqa: E402
from dialin.training.rendered import parts, render_parts  # noqa: E402


@pytest.fixture(scope="module")
def recipe(tiny_songs):
    data = {
        "effects": ["fake:drive", "fake:tilt"],
        "songs": [{"root": str(tiny_songs)}],
        "pairs": 12,
        "valid_pairs": 6,
        "samples": 8192,
        "shard": 6,
    }
    return build(VaeRecipe, {"data": data, "front_end": {"bands": 32, "hop": 256, "fft": 1024}})


@pytest.fixture(scope="module")
def train(recipe, tiny_rendered):
    render_parts(recipe.data, tiny_rendered, workers=1)
    return build_features(recipe.data, recipe.front_end, tiny_rendered, "train")


def test_items_are_halves_of_effected_and_clean_excerpts(train):
    assert train.classes == ("fake:drive", "fake:tilt", "none")
    assert train.knobs == (("drive", "level", "mix"), ("cutoff", "tilt"), ())
    assert np.bincount(train.label).tolist() == [24, 24, 24]
    assert train.features(np.array([0, 50])).shape == (2, 32, 32)
    clean = train.label == 2
    assert np.isnan(train.settings[clean]).all()
    assert np.isfinite(train.settings[train.label == 0]).all()
    assert np.isnan(train.settings[train.label == 1][:, 2]).all()


def test_features_are_those_of_the_audio_in_the_shards(recipe, train, tiny_rendered):
    import io
    import tarfile

    import soundfile

    from dialin.networks.frontend_numpy import features

    part = parts(recipe.data, tiny_rendered)[0]
    with tarfile.open(part.folder / "shard-00001.tar") as archive:
        audio, _ = soundfile.read(
            io.BytesIO(archive.extractfile("000000007.target.flac").read()), dtype="float32"
        )
    wanted = (train.label == 0) & (train.content == 7) & (train.half == 1)
    expected = features(audio[None, 8192:], recipe.front_end)[0]
    found = train.features(np.flatnonzero(wanted))[0]
    assert np.abs(found - expected).max() < 2e-3  # half precision


def test_splits_share_no_song(recipe, tiny_rendered):
    from dialin.data import read_manifest

    render_parts(recipe.data, tiny_rendered, workers=1)
    songs = {"train": set(), "valid": set()}
    for part in parts(recipe.data, tiny_rendered):
        songs[part.split] |= {r["song"] for r in read_manifest(part.folder)[1]}
    assert songs["train"] and songs["valid"] and not songs["train"] & songs["valid"]


def test_finished_folders_need_neither_songs_nor_effects(recipe, train, tiny_rendered):
    import dataclasses

    nowhere = dataclasses.replace(recipe.data.songs[0], root="/nowhere")
    moved = dataclasses.replace(recipe.data, songs=(nowhere,))
    assert len(render_parts(moved, tiny_rendered)) == 4
    other = dataclasses.replace(moved, pairs=13)
    with pytest.raises(UsageError, match="/nowhere"):
        render_parts(other, tiny_rendered, workers=1)


@pytest.mark.parametrize("order", ["shuffled", "groups", "effects", "straight"])
def test_batches_go_on_from_anywhere(train, order):
    def stream(state, count):
        batches = Batches(train, 8, seed=4, items=40, order=order)
        batches.load_state_dict(state)
        found = []
        while len(found) < count:
            for batch in batches:
                found.append((batch["content"].tolist(), batch["label"].tolist()))
                states.append(batches.state_dict())
                if len(found) == count:
                    break
        return found

    states = []
    whole = stream({"epoch": 0, "position": 0}, 17)
    there = list(states)
    assert stream(there[6], 10) == whole[7:]
    assert stream(there[4], 12) == whole[5:]  # at the end of an epoch
    assert there[4] == {"epoch": 1, "position": 0}


def test_all_items_come_up_equally_often(train):
    batches = Batches(train, 8, seed=1, items=16)
    seen = np.concatenate([batches.indices(epoch) for epoch in range(9)])
    assert np.bincount(seen).tolist() == [2] * len(train)


def test_processes_share_an_epoch(train):
    def contents(rank, world):
        return [b["content"].tolist() for b in Batches(train, 4, seed=1, rank=rank, world=world)]

    alone, first, second = contents(0, 1), contents(0, 2), contents(1, 2)
    assert [x for pair in zip(first, second, strict=True) for x in pair] == alone


def test_a_new_effect_each_epoch(train):
    batches = Batches(train, 8, seed=1, items=24, order="effects")
    kinds = [set(train.label[batches.indices(epoch)].tolist()) for epoch in range(6)]
    assert all(len(k) == 1 for k in kinds)
    assert set.union(*kinds[:3]) == set.union(*kinds[3:]) == {0, 1, 2}


def test_groups_hold_other_processing_of_the_same_content(train):
    order = grouped(train, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(len(train)))
    label, content, half = (getattr(train, n)[order] for n in ("label", "content", "half"))
    pairs = np.arange(0, len(order), 2)
    assert (label[pairs] == label[pairs + 1]).all() and (content[pairs] == content[pairs + 1]).all()
    assert (half[pairs] == 0).all() and (half[pairs + 1] == 1).all()
    together = (content[pairs[:-1]] == content[pairs[1:]]) & (label[pairs[:-1]] != label[pairs[1:]])
    assert together.mean() > 0.5


def test_too_few_items_say_so(train):
    with pytest.raises(UsageError, match="too few"):
        Batches(train, 1000)
