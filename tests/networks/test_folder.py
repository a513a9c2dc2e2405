import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from dialin.errors import OutputError, UsageError  # noqa: E402
from dialin.networks import (  # noqa: E402
    FrontEndConfig,
    PooledEncoder,
    Vae,
    encoder_config,
    encoder_part,
    load_encoder,
    load_runtime,
    load_weights,
    save_model,
)

SMALL = FrontEndConfig(bands=32, fft=1024, hop=256)


def encoder(seed=0, front_end=SMALL, **options):
    torch.manual_seed(seed)
    return Vae(front_end, **{"samples": 8192, "dimensions": 5, "channels": (4, 8, 8), **options})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    place = tmp_path_factory.mktemp("models") / "vae"
    made = encoder()
    config = encoder_config(made, seed=3)
    return save_model(place, config, made, card="# A card\n", onnx={"encoder": encoder_part(made)})


def saved(place, made):
    return save_model(place, encoder_config(made), made, card="")


@pytest.mark.parametrize("kind", [Vae, PooledEncoder])
def test_what_is_saved_comes_back(kind, tmp_path):
    torch.manual_seed(1)
    made = kind(SMALL, 8192, 5, (4, 8, 8)).eval()
    found = load_encoder(saved(tmp_path / "m", made))
    audio = torch.randn(2, 8192)
    assert type(found) is kind and not found.training
    assert torch.equal(found(audio), made(audio))


def test_folders_that_call_the_encoder_style_are_read(tmp_path):
    folder = saved(tmp_path / "m", PooledEncoder(SMALL, 8192, 5, (4, 8, 8)))
    config = json.loads((folder / "config.json").read_text())
    assert config["kind"] == "encoder"
    (folder / "config.json").write_text(json.dumps({**config, "kind": "style"}))
    assert type(load_encoder(folder)) is PooledEncoder


def test_exported_network_gives_what_torch_gives(folder):
    runtime, network = load_runtime(folder), load_encoder(folder)
    rng = np.random.default_rng(2)
    for samples in (500, 8192, 30_000):
        audio = (0.1 * rng.standard_normal((2, samples))).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(audio.mean(axis=0)[None]))[0].numpy()
        found = runtime(audio, 24_000)
        assert found.shape == (5,) and found.dtype == np.float32
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max() + 1e-6
    assert runtime.config["seed"] == 3
    assert runtime(np.zeros((1, 4000), np.float32) + 0.1, 44_100).shape == (5,)


def test_evaluation_takes_a_model_as_its_encoder(folder):
    from dialin.evaluation.encoders import embed

    audio = np.random.default_rng(0).standard_normal((1, 8192)).astype(np.float32)
    found = embed(audio, 24_000, f"model:{folder}")
    assert np.allclose(found, load_runtime(folder)(audio, 24_000))


def test_using_a_model_needs_no_torch_and_tells_nobody(folder, tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from dialin.networks.runtime import load_runtime\n"
        "from dialin.networks import load_runtime as again\n"
        "import os\n"
        f"vector = load_runtime({str(folder)!r})(np.ones((1, 9000), np.float32), 24000)\n"
        "assert vector.shape == (5,) and 'torch' not in sys.modules\n"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
        "assert not list(__import__('pathlib').Path.home().rglob('onnxruntime.db'))\n"
    )
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    home.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], check=True, env=home)


def test_config_and_card_are_there(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["weights"]["heads.bias"] == [10]
    assert config["front_end"]["bands"] == 32 and config["versions"]["torch"]
    assert (folder / "README.md").read_text() == "# A card\n"
    assert not list(folder.parent.glob(".*"))


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    place = saved(tmp_path / "m", encoder())
    with pytest.raises(UsageError, match=r"grow\.weight has shape \[128, 5\], .* \[128, 6\]"):
        load_weights(place, encoder(dimensions=6))
    pooled = PooledEncoder(SMALL, 8192, 5, (4, 8, 8))
    with pytest.raises(UsageError, match=r"missing|not in the network"):
        load_weights(place, pooled)
    with pytest.raises(UsageError, match=r"down\.0\.weight is missing"):
        load_weights(place, encoder(), prefix="encoder.")


def test_another_front_end_is_refused_by_what_differs(tmp_path):
    place = saved(tmp_path / "m", encoder())
    other = encoder(front_end=FrontEndConfig(bands=32, fft=1024, hop=256, floor_db=-60.0))
    before = {n: t.clone() for n, t in other.state_dict().items()}
    with pytest.raises(UsageError, match=r"floor_db = -70\.0 there, -60\.0 here"):
        load_weights(place, other)
    assert all(torch.equal(t, before[n]) for n, t in other.state_dict().items())


def test_weights_that_are_not_finite_are_refused(tmp_path):
    broken = encoder()
    with torch.no_grad():
        broken.heads.bias[0] = float("nan")
    with pytest.raises(UsageError, match=r"heads\.bias is not finite"):
        load_encoder(saved(tmp_path / "m", broken))


def test_folders_are_not_overwritten_unasked_nor_left_by_half(tmp_path):
    place = saved(tmp_path / "m", encoder())
    before = (place / "model.safetensors").read_bytes()
    with pytest.raises(OutputError, match="there already"):
        saved(place, encoder(1))
    with pytest.raises(ValueError, match="Out of range"):
        config = encoder_config(encoder(), figure=float("nan"))
        save_model(place, config, encoder(1), card="", overwrite=True)
    assert (place / "model.safetensors").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    save_model(place, encoder_config(encoder(1)), encoder(1), card="", overwrite=True)
    assert (place / "model.safetensors").read_bytes() != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "controller"}, "kind 'controller'"),
        ({"format": 99}, "format 99"),
        ({"front_end": {"bands": 32, "wings": 2}}, "names no front end"),
        ({"front_end": {"bands": 32, "fft": "1024"}}, "names no front end"),
        ({"front_end": {"bands": 32, "floor_db": float("inf")}}, "names no front end"),
        ({"front_end": {"bands": 64, "fft": 2**40, "hop": 2**38}}, "at most 65536"),
        ({"options": {"legs": 4}}, "samples = None"),
        ({"options": {"samples": 8192, "dimensions": 5, "channels": [4] * 99}}, "not describe"),
        ({"options": {"samples": 2**24, "dimensions": 60_000, "channels": [60_000]}}, "at most"),
        ({"options": {"samples": 8192, "dimensions": 10**12, "channels": [4]}}, "dimensions"),
    ],
)
def test_folders_that_hold_something_else_say_so(change, message, tmp_path):
    place = saved(tmp_path / "m", encoder())
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(UsageError, match=message):
        load_encoder(place)


def test_missing_parts_say_so(tmp_path):
    with pytest.raises(UsageError, match="no model folder"):
        load_encoder(tmp_path)
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    with pytest.raises(UsageError, match=r"no encoder\.onnx"):
        load_runtime(saved(tmp_path / "m", encoder()))


def edited(folder, tmp_path, edit):
    """A copy of a folder with its exported network changed."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    place = tmp_path / "edited"
    shutil.copytree(folder, place)
    network = onnx.load(place / "encoder.onnx")
    edit(network, onnx)
    (place / "encoder.onnx").write_bytes(network.SerializeToString())
    return place


def test_a_network_that_names_other_files_is_refused(folder, tmp_path):
    def initialiser(network, onnx):
        tensor = network.graph.initializer[0]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../secret")

    def deep_inside(network, onnx):
        tensor = onnx.TensorProto(dims=[1], data_type=1, data_location=1)
        constant = onnx.helper.make_node("Constant", [], ["c"], value=tensor)
        inner = onnx.helper.make_graph([constant], "inner", [], [])
        network.graph.node.append(onnx.helper.make_node("Loop", [], [], body=inner))

    for number, edit in enumerate((initialiser, deep_inside)):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(UsageError, match="weights in other files"):
            load_runtime(edited(folder, tmp_path / str(number), edit))


def test_damaged_networks_and_lying_configurations_are_refused(folder, tmp_path):
    place = tmp_path / "m"
    shutil.copytree(folder, place)
    whole = (place / "encoder.onnx").read_bytes()
    for broken in (whole[:-10], whole[: len(whole) // 2], b"", b"\xff" * 100, b"{}"):
        (place / "encoder.onnx").write_bytes(broken)
        with pytest.raises(UsageError, match=r"encoder\.onnx"):
            load_runtime(place)
    (place / "encoder.onnx").write_bytes(whole)
    config = json.loads((place / "config.json").read_text())
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 9000)).astype(np.float32)
    for change in ({"samples": 10**12}, {"samples": 100}, {"dimensions": 6}, {"sample_rate": "x"}):
        (place / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(UsageError):
            load_runtime(place)(noise, 24_000)
    for text in ("[" * 100_000, "null", "[]", '{"format": 1}'):
        (place / "config.json").write_text(text)
        with pytest.raises(UsageError):
            load_runtime(place)


def test_a_pipe_is_no_configuration(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(UsageError, match="no regular file"):
        load_runtime(tmp_path)
