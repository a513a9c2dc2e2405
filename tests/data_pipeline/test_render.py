import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from dialin.audio import write_audio
from dialin.data import PairReader, Recipe, read_manifest, render_recipe
from dialin.errors import OutputError, UsageError

RATE = 24_000


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    root = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(3)
    moment = np.arange(3 * RATE) / RATE
    for place in range(4):
        tone = 0.4 * np.sign(np.sin(2 * np.pi * 150.0 * (place + 1) * moment))
        audio = (tone + 0.02 * rng.standard_normal(moment.size)).astype(np.float32)[None]
        write_audio(root / f"song{place}.wav", audio, RATE)
    return root


def recipe(songs, effect="fake:drive", **body):
    base = {"effect": effect, "songs": [{"root": str(songs)}], "splits": [1.0, 0.0, 0.0]}
    return Recipe.from_dict({**base, "pairs": 12, "shard": 4, "excerpt": {"seconds": 0.5}, **body})


@pytest.fixture(scope="module")
def unbroken(songs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, render_recipe(recipe(songs), folder, workers=2)


def test_shards_are_readable_without_dialin(unbroken):
    folder, manifest = unbroken
    with tarfile.open(folder / "shard-00001.tar") as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive}
    assert sorted({name.split(".")[0] for name in files}) == [f"{i:09d}" for i in range(4, 8)]
    record = json.loads(files["000000005.json"])
    assert record["index"] == 5 and len(record["settings"]) == 3
    audio, rate = soundfile.read(io.BytesIO(files["000000005.target.flac"]))
    assert (audio.shape, rate) == ((RATE // 2,), RATE)
    assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-12.0, abs=0.05)
    assert manifest["spec_hash"] and manifest["versions"]["numpy"] == np.__version__


def test_pairs_are_read_back_one_by_one_and_in_their_order(unbroken):
    folder, _ = unbroken
    reader = PairReader(folder)
    read = [(index, name) for index, name, _ in reader.excerpts("input", "target")]
    assert read == [(i, name) for i in range(12) for name in ("input", "target")]
    for index, _, audio in reader.excerpts("target"):
        assert np.array_equal(reader.read(index, "target"), audio)
    with tarfile.open(folder / "shard-00001.tar") as archive:
        data = archive.extractfile("000000005.target.flac").read()
    wanted, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    assert np.array_equal(reader.read(5, "target"), wanted[None])
    with pytest.raises(UsageError, match=r"lacks the audio of pair 11 \(clean\)"):
        reader.read(11, "clean")
    with pytest.raises(UsageError, match=r"shard-00003\.tar.*cannot be read"):
        reader.read(12, "input")


def test_the_number_of_workers_changes_nothing(songs, unbroken, tmp_path):
    folder, manifest = unbroken
    assert render_recipe(recipe(songs), tmp_path, workers=1)["hash"] == manifest["hash"]
    for name in ("manifest.json", "manifest.jsonl", "shard-00002.tar"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_another_seed_gives_other_pairs(songs, unbroken, tmp_path):
    assert render_recipe(recipe(songs, seed=1), tmp_path, workers=2)["hash"] != unbroken[1]["hash"]


def test_kill_and_resume_twice(songs, unbroken, tmp_path):
    body = json.dumps(recipe(songs).to_dict())
    code = (
        "import json, sys, time\n"
        "from dialin.data import Recipe, render_recipe\n"
        "render_recipe(Recipe.from_dict(json.loads(sys.argv[1])), sys.argv[2], workers=1,"
        " progress=lambda state: time.sleep(0.1))\n"
    )
    for shards in (1, 2):
        process = subprocess.Popen([sys.executable, "-c", code, body, str(tmp_path)])
        limit = time.monotonic() + 60
        while len(list(tmp_path.glob("shard-*.jsonl"))) < shards and time.monotonic() < limit:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "manifest.json").exists()
    manifest = render_recipe(recipe(songs), tmp_path, workers=2)
    assert manifest["hash"] == unbroken[1]["hash"]
    _, records = read_manifest(tmp_path)
    assert [r["index"] for r in records] == list(range(12))


def test_a_folder_belongs_to_one_recipe_and_may_grow(songs, unbroken, tmp_path):
    render_recipe(recipe(songs, pairs=6), tmp_path, workers=2)
    with pytest.raises(OutputError, match="different: seed"):
        render_recipe(recipe(songs, seed=5), tmp_path, workers=1)
    assert render_recipe(recipe(songs), tmp_path, workers=2)["hash"] == unbroken[1]["hash"]


def test_crashing_settings_cost_their_pair(songs, tmp_path):
    settings = {"priors": {"badness": {"kind": "fixed", "value": 1.0}}}
    body = recipe(songs, "fake:crash", pairs=2, settings=settings)
    manifest = render_recipe(body, tmp_path, workers=2)
    assert manifest["counts"]["lost"] == 2
    assert manifest["counts"]["dropped"] == {"render-crash": 2}


def test_output_through_fsspec(songs, unbroken):
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    assert render_recipe(recipe(songs), "memory://pairs", workers=2)["hash"] == unbroken[1]["hash"]
    assert read_manifest("memory://pairs")[0]["hash"] == unbroken[1]["hash"]


def test_report_command(unbroken):
    from dialin.cli.data import app

    shown = CliRunner().invoke(app, ["report", str(unbroken[0]), "--json"])
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["pairs"] == 12
    assert set(found["refused_by_region"]) == {"drive", "level", "mix"}


def test_unfinished_folders_say_so(tmp_path):
    with pytest.raises(UsageError, match=r"no manifest\.json"):
        read_manifest(tmp_path)


def test_torch_batches_do_not_depend_on_workers(songs):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from dialin.data.torch_dataset import PairDataset

    body = recipe(songs, pairs=8)
    streams = []
    for workers, loaders in ((1, 0), (2, 0), (1, 2)):
        data = PairDataset(body, workers=workers, batch_size=2)
        loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=loaders)
        streams.append(list(loader))
    for other in streams[1:]:
        assert len(other) == len(streams[0]) == 4
        for a, b in zip(streams[0], other, strict=True):
            assert all(torch.equal(a[name], b[name]) for name in a)
    assert streams[0][0]["input"].shape == (2, 1, RATE // 4)


def test_keeping_decoded_songs_changes_no_byte(tmp_path, monkeypatch, songs):
    import dialin.data.render as module

    body = recipe(songs)
    with_songs = module.render_recipe(body, tmp_path / "kept", workers=1)
    monkeypatch.setattr(module, "PAIRS_AN_HOUR", float("inf"))
    without = module.render_recipe(body, tmp_path / "sought", workers=1)
    explicit = module.render_recipe(body, tmp_path / "named", workers=1, cache=tmp_path / "songs")
    assert with_songs["hash"] == without["hash"] == explicit["hash"]
    assert list((tmp_path / "songs").glob("*.npy"))
