"""Training a controller: both stages, resumed runs, the model folder and its use without torch."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnxscript")

from safetensors.torch import load_file  # noqa: E402

from dialin.data.fields import build  # noqa: E402
from dialin.effects import open_effect  # noqa: E402
from dialin.errors import ModelError, OutputError, UsageError  # noqa: E402
from dialin.measures.time_features import (  # noqa: E402
    pair_features,
    pair_size,
    time_features,
)
from dialin.networks.controller import Controller  # noqa: E402
from dialin.networks.controller_options import ControllerConfig  # noqa: E402
from dialin.networks.controller_runtime import load  # noqa: E402
from dialin.rendering import RenderPool  # noqa: E402
from dialin.training.config import load_recipe  # noqa: E402
from dialin.training.controller import ControllerTraining  # noqa: E402
from dialin.training.controller_recipe import ControllerRecipe  # noqa: E402
from dialin.training.end_to_end import EndToEndTraining  # noqa: E402
from dialin.training.learn import open_encoder, train_controller  # noqa: E402
from dialin.training.pairs import open_pairs  # noqa: E402
from dialin.training.rendered import parts  # noqa: E402

RATE, SAMPLES = 24_000, 20_480


@pytest.fixture(scope="session")
def controller_recipe(tiny_songs):
    """A recipe that trains in seconds."""

    def make(**tables):
        body = {
            "data": {
                "effects": ["fake:drive"],
                "songs": [{"root": str(tiny_songs)}],
                "pairs": 24,
                "valid_pairs": 8,
                "samples": SAMPLES,
                "shard": 8,
                "checks": {"similarity": -1.0},
            },
            "front_end": {"bands": 16, "hop": 512, "fft": 1024},
            "model": {"hidden": [16], "latent": 2, "dropout": 0.1, "output": "bins"},
            "loop": {
                "epochs": 3,
                "batch": 8,
                "logger": "none",
                "accelerator": "cpu",
                "threads": 1,
            },
            "end_to_end": {"epochs": 1, "batch": 4, "items": 8, "valid_items": 4},
        }
        for name, table in tables.items():
            body[name] = {**body.get(name, {}), **table} if isinstance(table, dict) else table
        return build(ControllerRecipe, body)

    return make


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="session")
def learned(controller_recipe, rendered, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learned")
    return train_controller(controller_recipe(), folder, rendered=rendered, workers=1)


def test_both_stages_end_in_a_model_folder(learned):
    assert learned.finished
    names = {p.name for p in learned.model.iterdir()}
    assert names >= {"encoder.onnx", "controller.onnx", "decoder.onnx", "model.safetensors"}
    config = json.loads((learned.model / "config.json").read_text())
    assert config["effect"] == "fake:drive"
    assert config["spec_hash"] == open_effect("fake:drive").spec.hash
    assert set(learned.figures) >= {"untouched", "default", "middle", "parameters", "end_to_end"}
    assert "| untouched |" in (learned.model / "README.md").read_text()


def test_it_is_used_without_torch(learned, tmp_path):
    script = f"""
import sys
import numpy as np
from pathlib import Path
from dialin.effects import open_effect
from dialin.evaluation.methods.systems import load_system
system, effect, spec_hash = load_system({str(learned.model)!r})
spec = open_effect("fake:drive").spec
rng = np.random.default_rng(0)
dry, wet = (rng.normal(0, 0.1, (1, 30_000)).astype(np.float32) for _ in range(2))
found = system.settings(dry, wet, 24_000, spec)
assert found.shape == (3,) and effect == "fake:drive" and spec_hash == spec.hash
many = system.candidates(dry, wet, 24_000, spec, 5, np.random.default_rng(1))
assert len(many) == 5 and np.array_equal(many[0], found) and not np.array_equal(*many[1:3])
place = system.latent_point(dry, wet, 24_000)
assert np.allclose(system.decode(place[None])[0], found, atol=1e-4)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_another_effect_is_refused(learned):
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 30_000)).astype(np.float32)
    with pytest.raises(UsageError, match="fake:drive"):
        load(Path(learned.model)).settings(noise, noise, RATE, open_effect("fake:tilt").spec)


def test_pairs_are_halves_with_the_reference_from_the_other(controller_recipe, rendered, learned):
    recipe = controller_recipe()
    encoder, key = open_encoder(recipe)
    (folder,) = (p.folder for p in parts(recipe.data, rendered) if p.split == "valid")
    pairs = open_pairs(folder, encoder, key)
    assert len(pairs) == 2 * len(pairs.index)
    items = np.array([2, 3])
    whole = pairs.reader.read(int(pairs.index[1]), "target")[0]
    with torch.no_grad():
        halves = encoder(torch.from_numpy(whole[: 2 * SAMPLES].reshape(2, SAMPLES).copy()))
    inputs = pairs.inputs(items)
    assert torch.allclose(inputs[0, encoder.dimensions :], halves[1], atol=1e-4)
    assert torch.allclose(inputs[1, encoder.dimensions :], halves[0], atol=1e-4)
    dry = pairs.reader.read(int(pairs.index[1]), "input")[0]
    assert np.array_equal(pairs.audio(items).numpy().ravel(), dry[: 2 * SAMPLES])


@pytest.fixture(scope="module")
def timed(controller_recipe, rendered, tmp_path_factory):
    """A controller that is told of echoes, rooms and motion, and its recipe."""
    recipe = controller_recipe(
        model={"time": True, "head": "direct"},
        loop={"epochs": 1},
        end_to_end={"epochs": 0, "valid_items": 4},
    )
    folder = tmp_path_factory.mktemp("timed")
    return recipe, train_controller(recipe, folder, rendered=rendered, workers=1)


def test_time_features_are_heard_in_training_as_in_use(timed, rendered):
    recipe, trained = timed
    config = json.loads((trained.model / "config.json").read_text())
    assert config["controller"]["time"] == pair_size()
    encoder, key = open_encoder(recipe)
    (folder,) = (p.folder for p in parts(recipe.data, rendered) if p.split == "valid")
    with RenderPool(1) as pool:
        pairs = open_pairs(folder, encoder, key, pool=pool, time=True)
    items = np.array([2, 3])
    inputs = pairs.inputs(items)
    assert inputs.shape[1] == 2 * encoder.dimensions + pair_size()
    dry, wet = (pairs.reader.read(int(pairs.index[1]), name) for name in ("input", "target"))
    halves = [(dry[:, :SAMPLES], wet[:, SAMPLES:]), (dry[:, SAMPLES:], wet[:, :SAMPLES])]
    heard = pair_features(*(time_features(h, RATE) for h in halves[1]))
    assert np.allclose(inputs[1, 2 * encoder.dimensions :], heard, atol=1e-4)
    network = Controller(ControllerConfig.from_dict(config["controller"])).eval()
    weights = load_file(trained.model / "model.safetensors")
    prefix = "controller."
    network.load_state_dict(
        {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}
    )
    spec = open_effect("fake:drive").spec
    system = load(trained.model)
    with torch.no_grad():
        expected = network(inputs).settings.numpy()
    for (input, reference), settings in zip(halves, expected, strict=True):
        found = system.settings(input.copy(), reference.copy(), RATE, spec)
        assert np.allclose(found, settings, atol=2e-3)


def test_a_model_of_other_time_features_is_refused(timed, tmp_path):
    folder = shutil.copytree(timed[1].model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["controller"]["time"] -= 1
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="time features"):
        load(folder)


def test_a_folder_from_before_time_features_is_read(learned, tmp_path):
    folder = shutil.copytree(learned.model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    assert config["controller"].pop("time") == 0
    (folder / "config.json").write_text(json.dumps(config))
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 30_000)).astype(np.float32)
    spec = open_effect("fake:drive").spec
    before, after = (load(f).settings(noise, noise, RATE, spec) for f in (learned.model, folder))
    assert np.array_equal(before, after)


MODULES = {"parameters": ControllerTraining, "end_to_end": EndToEndTraining}


def train_and_die(recipe, folder, rendered, stage, step):
    """Train with a process that kills itself at a step of a stage; for a process of its own."""
    kind = MODULES[stage]
    before = kind.training_step

    def dies(self, batch, batch_idx):
        if self.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(self, batch, batch_idx)

    kind.training_step = dies
    recipe = build(ControllerRecipe, recipe)
    train_controller(recipe, Path(folder), rendered=Path(rendered), workers=1, export=False)


# Both within an epoch: those of the first stage have six steps, those of the second four.
@pytest.mark.parametrize(("stage", "step"), [("parameters", 8), ("end_to_end", 5)])
def test_a_run_that_is_killed_goes_on_to_the_same_network(
    controller_recipe, rendered, tmp_path, monkeypatch, stage, step
):
    recipe = controller_recipe(
        loop={"epochs": 2, "checkpoint_minutes": 0.0},
        end_to_end={"epochs": 2, "batch": 4, "items": 16, "valid_items": 4},
    )

    def run(folder, resume):
        train_controller(recipe, folder, rendered=rendered, workers=1, resume=resume, export=False)
        return {
            name: torch.load(folder / name / "last.ckpt", weights_only=True)
            for name in ("parameters", "end_to_end")
        }

    unbroken = run(tmp_path / "a", False)
    code = (
        "import json, sys\n"
        "from tests.training.test_controller import train_and_die\n"
        "train_and_die(*json.loads(sys.argv[1]))\n"
    )
    body = dataclasses.asdict(recipe)
    arguments = json.dumps([body, tmp_path / "b", rendered, stage, step], default=str)
    killed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, arguments],
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(OutputError, match="--resume"):
        run(tmp_path / "b", False)
    made = {name: 0 for name in MODULES}
    for name, kind in MODULES.items():

        def counted(self, batch, place, name=name, before=kind.training_step):
            made[name] += 1
            return before(self, batch, place)

        monkeypatch.setattr(kind, "training_step", counted)
    resumed = run(tmp_path / "b", True)
    assert made[stage] == {"parameters": 12, "end_to_end": 8}[stage] - step
    for name, steps in (("parameters", 12), ("end_to_end", 8)):
        assert unbroken[name]["global_step"] == resumed[name]["global_step"] == steps
        ours, theirs = unbroken[name]["state_dict"], resumed[name]["state_dict"]
        assert ours.keys() == theirs.keys()
        assert all(torch.allclose(ours[n], theirs[n], atol=1e-6) for n in ours)
    spent = [w["end_to_end"]["state_dict"]["layer.iteration"] for w in (unbroken, resumed)]
    assert spent[0] == spent[1]


@pytest.mark.parametrize("name", ["recipe.toml", "debug.toml"])
def test_recipes_of_the_repository_are_understood(name, monkeypatch):
    monkeypatch.setenv("DIALIN_CORPUS", "songs")
    file = Path(__file__).parents[2] / "recipes" / "controller" / name
    assert load_recipe(file, ControllerRecipe, ["model.head=linear", "model.clamp=[0.05, 0.95]"])


@pytest.mark.parametrize("output", ["point", "mixture"])
def test_other_outputs_and_heads(controller_recipe, rendered, tmp_path, output):
    recipe = controller_recipe(
        model={"output": output, "head": "direct"},
        loop={"epochs": 1},
        end_to_end={
            "losses": {"mrstft": 2.0, "l1": 1.0, "embedding": 1.0, "parameters": 1.0},
        },
        encoder={"finetune": output == "point"},
    )
    if output == "point":
        pytest.importorskip("tensorboard")
        loop = dataclasses.replace(recipe.loop, logger="tensorboard")
        recipe = dataclasses.replace(recipe, loop=loop)
    found = train_controller(recipe, tmp_path, rendered=rendered, workers=1)
    if output == "point":
        assert list((tmp_path / "end_to_end" / "logs").iterdir())
    system = load(found.model)
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 20_000)).astype(np.float32)
    spec = open_effect("fake:drive").spec
    if output == "point":
        with pytest.raises(UsageError, match="distribution"):
            system.candidates(noise, noise, RATE, spec, 3, np.random.default_rng(0))
    else:
        assert len(system.candidates(noise, noise, RATE, spec, 3, np.random.default_rng(0))) == 3
    with pytest.raises(UsageError, match="bottleneck"):
        system.latent_point(noise, noise, RATE)


def test_a_controller_sets_one_effect(controller_recipe):
    with pytest.raises(UsageError, match="2 effects"):
        controller_recipe(data={"effects": ["fake:drive", "fake:tilt"]})
