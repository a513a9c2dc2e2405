"""Protocols: the same items for the same seed, as the field defines them, the truth unseen."""

import csv
import hashlib
import json

import numpy as np
import pytest
import soundfile

from dialin.audio import integrated_loudness, peak_dbfs
from dialin.data import split_key, split_of
from dialin.data.chain_ranges import PUBLISHED
from dialin.effects import parse_chain
from dialin.errors import AudioFileError, UsageError
from dialin.evaluation.corpus import open_corpus
from dialin.evaluation.items import Source
from dialin.evaluation.metrics import coarse_distance, ld, mrstft
from dialin.evaluation.protocols import (
    AUDIBLE_DB,
    PROTOCOLS,
    CounterFx,
    CrossEffect,
    Dry,
    ManifestCounterFx,
    Mastering,
    OneEffect,
    get_protocol,
)
from dialin.evaluation.protocols.counterfx import SALIENCE
from dialin.rendering import Job, RenderPool
from tests.evaluation.music import song, write_songs
from tests.plugins import needs_lv2

PEAK = "builtin:distortion"


@pytest.fixture(scope="module")
def pool():
    with RenderPool(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def source(pool, tmp_path_factory):
    folder = write_songs(tmp_path_factory.mktemp("short"))
    return Source(pool, open_corpus([folder], "test"), 1)


@pytest.fixture(scope="module")
def stereo(pool, tmp_path_factory):
    folder = write_songs(tmp_path_factory.mktemp("long"), seconds=31, channels=2)
    return Source(pool, open_corpus([folder], "test"), 1)


def test_the_same_item_whatever_came_before(source):
    protocol = OneEffect("half")
    first = protocol.make(source, PEAK, 1)
    protocol.make(source, PEAK, 0)
    again = protocol.make(source, PEAK, 1)
    for a, b in ((first.task.input, again.task.input), (first.truth, again.truth)):
        assert np.array_equal(a, b)
    assert np.array_equal(first.settings, again.settings)
    other = protocol.make(Source(source.pool, source.corpus, 2), PEAK, 1)
    assert not np.array_equal(first.settings, other.settings)


def test_seed_items_are_as_defined(source):
    item = OneEffect("half").make(source, PEAK, 0)
    for audio in (item.task.input, item.task.reference, item.truth):
        assert audio.shape == (1, 131_072)
    assert peak_dbfs(item.truth) == pytest.approx(-12, abs=0.01)
    assert peak_dbfs(item.task.reference) == pytest.approx(-12, abs=0.01)
    assert ((item.settings >= 0.01) & (item.settings <= 0.99)).all()
    job = Job(PEAK, item.task.input, item.settings, item.task.sample_rate)
    render = source.pool.render([job])[0].get()
    assert mrstft(item.finish(render), item.truth) == 0
    assert all(split_of(split_key(t.id)) == "test" for t in source.corpus.tracks)


def test_the_original_has_a_floor(source):
    protocol = OneEffect("half", exact=True)
    # Where the answer is the second half: the tail of the first rings into the truth.
    items = (protocol.make(source, "builtin:reverb", n) for n in range(20))
    item = next(i for i in items if i.record["half"] == "B")
    job = Job("builtin:reverb", item.task.input, item.settings, item.task.sample_rate)
    render = source.pool.render([job])[0].get()
    assert mrstft(item.finish(render), item.truth) > 0.01


def test_another_song_is_another_song(source):
    item = OneEffect("song").make(source, PEAK, 0)
    assert item.record["input"]["song"] != item.record["reference"]["song"]


def test_audible_settings_are_audible(source):
    protocol = get_protocol("audible")
    items = [protocol.make(source, "builtin:chorus", n) for n in range(4)]
    for item in items:
        assert coarse_distance(item.finish(item.task.input), item.truth, 24_000) >= AUDIBLE_DB
    # Others than `half` takes; what decides an item is on record.
    assert protocol.identity() != OneEffect("audible").identity()
    assert "inaudible" in [cause for item in items for cause in item.record["refused"]]


def test_longer_excerpts_have_longer_halves(source):
    items = [protocol.make(source, PEAK, 0) for protocol in (OneEffect(samples=288_000), Dry())]
    longer = Dry(samples=288_000).make(source, PEAK, 0)
    lengths = [item.task.reference.shape[1] for item in (*items, longer)]
    assert lengths == [144_000, 131_072, 144_000]
    assert items[0].task.input.shape == items[0].truth.shape == (1, 144_000)
    assert OneEffect(samples=288_000).identity() != OneEffect().identity()


def test_a_dry_reference_is_the_other_half_as_it_is(source):
    delay, peak = (Dry().make(source, f"builtin:{name}", 0) for name in ("delay", "peak"))
    assert delay.dry
    assert delay.settings is None
    assert np.array_equal(delay.finish(delay.task.input), delay.truth)
    # The same sounds whatever is on offer.
    assert np.array_equal(delay.task.reference, peak.task.reference)
    assert not np.array_equal(delay.task.reference, delay.truth)


def test_counterfx_items_are_as_defined(stereo):
    known = CounterFx().make(stereo, "known", 0)
    hidden = CounterFx().make(stereo, "hidden", 0)
    assert np.array_equal(known.truth, hidden.truth)
    assert known.task.input.shape == (2, 441_000)
    loudness = integrated_loudness(known.task.input, 44_100)
    assert loudness == pytest.approx(-20, abs=0.01)
    assert ld(known.task.input, known.truth) >= SALIENCE
    names = [uri.partition(":")[2] for uri in known.effects]
    assert 1 <= len(names) <= 4
    assert names == [n for n in PUBLISHED if n in names]
    native = known.task.spec.native(known.settings)
    for id, value in native.items():
        slot, _, knob = id.partition(".")
        if knob in PUBLISHED[slot]:
            low, high = PUBLISHED[slot][knob]
            assert low - 1e-3 <= value <= high + 1e-3
    assert hidden.settings is None
    assert hidden.effects == known.effects
    assert len(hidden.task.free) == 22


def test_what_is_behind_a_reference_is_known_to_the_referee_alone(stereo):
    known, hidden = (CounterFx().make(stereo, group, 0) for group in ("known", "hidden"))
    assert hidden.settings is None
    for item in (known, hidden):
        uri, settings = item.true
        assert parse_chain(uri) == list(item.effects)
        assert np.array_equal(settings, known.settings)
    assert Mastering().make(stereo, "songs", 0).true is None


def test_mastering_has_no_truth(stereo):
    item = Mastering(seconds=30.0).make(stereo, "songs", 0)
    assert item.truth is None
    assert item.record["input"]["song"] != item.record["reference"]["song"]
    assert item.task.input.shape[0] == 2


@needs_lv2("mda.lv2")
def test_cross_effect_is_made_with_another_effect(source):
    item = CrossEffect().make(source, "distortion-Overdrive", 0)
    assert item.effects == ("builtin:distortion",)
    assert item.task.spec.uri.endswith("Overdrive")
    assert item.settings is None
    assert parse_chain(item.true[0]) == ["builtin:distortion"]


def test_published_manifests(stereo, tmp_path):
    sound = song(7, 24.0, 2)
    path = tmp_path / "fma_small/000/000007.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, np.repeat(sound, 2, axis=1).T[: 44_100 * 24], 44_100, subtype="FLOAT")
    row = {
        "item_id": "fma_test_7",
        "audio_relpath": "fma/fma_small/000/000007.wav",
        "source_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "start_a_sec": "2.0",
        "start_b_sec": "12.0",
    }
    with (tmp_path / "audio.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    physical = {
        "delay": {"delay_seconds": 0.25, "feedback": 0.4, "mix": 0.3},
        "peak_filter": {"cutoff_frequency_hz": 900.0, "gain_db": 6.0, "q": 1.5},
    }
    order = ["delay", "peak_filter"]
    target = {"item_id": "fma_test_7", "chain_order": order, "continuous_params_physical": physical}
    (tmp_path / "targets.jsonl").write_text(json.dumps(target) + "\n")
    files = str(tmp_path / "audio.csv"), str(tmp_path / "targets.jsonl")
    protocol = ManifestCounterFx(*files, str(tmp_path))
    item = protocol.make(stereo, "known", 0)
    assert item.task.spec.native(item.settings) == pytest.approx(
        {
            "delay.time": 250,
            "delay.feedback": 40,
            "delay.mix": 30,
            "peak.frequency": 900,
            "peak.gain": 6,
            "peak.q": 1.5,
        }
    )
    assert item.effects == ("builtin:delay", "builtin:peak")
    with pytest.raises(UsageError, match="-n 1"):
        protocol.make(stereo, "known", 1)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(AudioFileError, match="SHA-256"):
        protocol.make(stereo, "known", 0)


def test_unknown_names_are_refused(stereo):
    with pytest.raises(UsageError, match="counterfx"):
        get_protocol("counterfix")
    for name in PROTOCOLS:
        assert get_protocol(name).name == name
    for protocol in (CounterFx(), CrossEffect(), Mastering()):
        with pytest.raises(UsageError, match="no group"):
            protocol.make(stereo, "nothing", 0)


def test_songs_that_are_all_published_end_the_looking_for_another(tmp_path, monkeypatch):
    files = str(tmp_path / "audio.csv"), str(tmp_path / "targets.jsonl")
    protocol = ManifestCounterFx(*files, str(tmp_path))
    rows = [({"audio_relpath": "fma/000/7.mp3"}, {})]
    monkeypatch.setattr(ManifestCounterFx, "rows", rows)
    monkeypatch.setattr(CounterFx, "windows", lambda *_: (None, None, {"track": "000/7.mp3"}))
    with pytest.raises(UsageError, match="all among the published items"):
        protocol.clean(None, np.random.default_rng(0))
