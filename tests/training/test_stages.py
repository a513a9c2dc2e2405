import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

from lightning.pytorch import Callback  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from dialin.cli import train as command  # noqa: E402
from dialin.cli.app import app  # noqa: E402
from dialin.data.fields import build  # noqa: E402
from dialin.errors import OutputError, TrainingError, UsageError  # noqa: E402
from dialin.networks import load_encoder, load_runtime  # noqa: E402
from dialin.training import learn, loop, runs  # noqa: E402
from dialin.training.config import EncoderRecipe, VaeRecipe  # noqa: E402
from dialin.training.diagnostics import Diagnostics  # noqa: E402
from dialin.training.learn import encoder_module, feature_data, train_encoder  # noqa: E402
from dialin.training.rendered import render_parts  # noqa: E402

KINDS = {"vae": VaeRecipe, "encoder": EncoderRecipe}
RECIPES = Path(__file__).parents[2] / "recipes"


class Log(Callback):
    """Write each step's loss to a file; die in the middle of a step if asked to."""

    def __init__(self, file, stop):
        self.file, self.stop = file, stop

    def on_train_batch_end(self, trainer, module, outputs, batch, place):
        with Path(self.file).open("a") as file:
            file.write(f"{trainer.global_step} {float(outputs['loss'])!r}\n")
        if trainer.global_step == self.stop:
            os.kill(os.getpid(), signal.SIGKILL)


def train(stage, body, folder, rendered, log, stop=-1):
    """Train with losses logged and no model written at the end."""
    made = []

    def make(*arguments, callbacks=(), **options):
        trainer = loop.make_trainer(*arguments, callbacks=[*callbacks, Log(log, stop)], **options)
        made.append(trainer)
        return trainer

    before, learn.make_trainer = learn.make_trainer, make
    saving, learn.save_encoder = learn.save_encoder, lambda *a, **k: None
    try:
        recipe = build(KINDS[stage], body)
        train_encoder(stage, recipe, Path(folder), rendered=Path(rendered), resume=True, workers=1)
    finally:
        learn.make_trainer, learn.save_encoder = before, saving
    return made[0]


def losses(file):
    # A step that was trained after the last checkpoint is trained again: the last word counts.
    return {int(a): float(b) for a, b in (x.split() for x in file.read_text().splitlines())}


# Epochs have nine steps: a run killed in its 12th goes on within an epoch, in its 10th between two.
@pytest.mark.parametrize(("stage", "stop"), [("vae", 12), ("vae", 10), ("encoder", 12)])
def test_a_run_that_is_killed_finds_the_same_losses(
    stage, stop, tiny_recipe, tiny_rendered, tmp_path
):
    body = tiny_recipe(loop={"checkpoint_minutes": 0.0})
    train(stage, body, tmp_path / "whole", tiny_rendered, tmp_path / "whole.log")
    code = (
        "import json, sys\n"
        "from tests.training.test_stages import train\n"
        "train(*json.loads(sys.argv[1]))\n"
    )
    arguments = [stage, body, tmp_path / "cut", tiny_rendered, tmp_path / "cut.log", stop]
    killed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, json.dumps(arguments, default=str)],
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    # Killed before its checkpoint was written: the step before is where it goes on.
    train(stage, body, tmp_path / "cut", tiny_rendered, tmp_path / "cut.log")
    whole, cut = losses(tmp_path / "whole.log"), losses(tmp_path / "cut.log")
    assert len(whole) == 18 and whole.keys() == cut.keys()
    assert (tmp_path / "cut.log").read_text().count("\n") == 19
    assert list(cut.values()) == pytest.approx(list(whole.values()), rel=1e-6)


def test_ctrl_c_saves_after_the_step_it_comes_in(tiny_recipe, tiny_rendered, tmp_path):
    class Press(Callback):
        def on_train_batch_start(self, trainer, module, batch, place):
            if trainer.global_step == 4:
                os.kill(os.getpid(), signal.SIGINT)

    recipe = build(VaeRecipe, tiny_recipe())
    render_parts(recipe.data, tiny_rendered, workers=1)
    data, train, _ = feature_data("vae", recipe, tiny_rendered)
    module = encoder_module(recipe, train, data.steps)
    trainer = loop.make_trainer(recipe.loop, tmp_path, callbacks=[Press()])
    before = signal.getsignal(signal.SIGINT)
    assert not loop.fit(trainer, module, data)
    assert signal.getsignal(signal.SIGINT) is before
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 5
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_weights_that_are_not_finite_are_never_saved(tiny_recipe, tiny_rendered, tmp_path):
    recipe = build(VaeRecipe, tiny_recipe(loop={"checkpoint_minutes": 0.0}))
    render_parts(recipe.data, tiny_rendered, workers=1)
    data, train, _ = feature_data("vae", recipe, tiny_rendered)
    module = encoder_module(recipe, train, data.steps)

    class Poison(Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, place):
            if trainer.global_step == 3:
                module.network.grow.bias.data[0] = float("nan")

    with pytest.raises(TrainingError, match=r"after step 3.*optimiser\.rate"):
        loop.fit(loop.make_trainer(recipe.loop, tmp_path, callbacks=[Poison()]), module, data)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 2


def test_collapse_of_the_posterior_raises_the_alarm(tiny_recipe, tiny_rendered, tmp_path):
    recipe = build(VaeRecipe, tiny_recipe())
    render_parts(recipe.data, tiny_rendered, workers=1)
    data, train, valid = feature_data("vae", recipe, tiny_rendered)
    network = encoder_module(recipe, train, data.steps).network
    looks = Diagnostics(recipe.diagnostics, train, valid, tmp_path)
    torch.nn.init.normal_(network.heads.weight, std=0.3)
    found = looks.look(network)
    assert found["active"] == 8 and not found["collapsed"] and not looks.alarm
    torch.nn.init.zeros_(network.heads.weight)
    with pytest.warns(UserWarning, match="0 of 8 latent units are active; make model.beta"):
        assert looks.look(network)["collapsed"] == 1.0


def test_a_folder_belongs_to_one_recipe(tiny_recipe, tmp_path):
    recipe = build(VaeRecipe, tiny_recipe())
    other = build(VaeRecipe, tiny_recipe(model={"beta": 3.0}))
    assert runs.claim(tmp_path, "vae", other, resume=False) is None
    # Nothing was trained, so nothing stands in the way of the corrected recipe.
    assert runs.claim(tmp_path, "vae", recipe, resume=False) is None
    last = tmp_path / "last.ckpt"
    last.touch()
    with pytest.raises(OutputError, match="--resume"):
        runs.claim(tmp_path, "vae", recipe, resume=False)
    with pytest.raises(OutputError, match=r"different: model\.beta\)"):
        runs.claim(tmp_path, "vae", other, resume=True)
    longer = build(VaeRecipe, tiny_recipe(loop={"epochs": 99}))
    assert runs.claim(tmp_path, "vae", longer, resume=True) == last


def test_a_run_that_another_process_began_is_left_to_it(tiny_recipe, tmp_path):
    recipe = build(VaeRecipe, tiny_recipe())
    runs.claim(tmp_path, "vae", recipe, resume=False)
    file = tmp_path / "recipe.json"
    body = json.loads(file.read_text())
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    file.write_text(json.dumps({**body, "process": [body["process"][0], other.pid]}))
    with pytest.raises(OutputError, match="is at work"):
        runs.claim(tmp_path, "vae", recipe, resume=False)
    other.communicate(b"\n")
    assert runs.claim(tmp_path, "vae", recipe, resume=False) is None


def test_accelerators_that_are_not_there_are_refused(tiny_recipe, tmp_path):
    recipe = build(VaeRecipe, tiny_recipe(loop={"accelerator": "tpu"}))
    with pytest.raises(UsageError, match="cannot be had here"):
        loop.make_trainer(recipe.loop, tmp_path)
    # And before anything is rendered.
    with pytest.raises(UsageError, match="cannot be had here"):
        train_encoder("vae", recipe, tmp_path / "run", rendered=tmp_path / "rendered", workers=1)
    assert not list(tmp_path.iterdir())


def board(folder):
    """Settings, names of their metrics, and last scalars of TensorBoard's logs."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found = EventAccumulator(str(folder)).Reload()
    settings, metrics = {}, set()
    for content in found.PluginTagToContent("hparams").values():
        data = HParamsPluginData.FromString(content)
        for name, value in data.session_start_info.hparams.items():
            settings[name] = getattr(value, value.WhichOneof("kind"))
        metrics |= {info.name.tag for info in data.experiment.metric_infos}
    return settings, metrics, {n: found.Scalars(n)[-1].value for n in found.Tags()["scalars"]}


@pytest.mark.parametrize("stage", ["vae", "encoder"])
def test_debug_recipe_ends_with_a_model(stage, tiny_songs, tmp_path, monkeypatch):
    """The command on the debug recipe: rendered, trained, looked at, exported."""
    for name in ("matplotlib", "onnxscript", "onnxruntime", "tensorboard"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    monkeypatch.setenv("DIALIN_CORPUS", str(tiny_songs))
    run = tmp_path / "run"
    arguments = ["train", stage, str(RECIPES / stage / "debug.toml"), "-o", str(run)]
    shown = CliRunner().invoke(app, [*arguments, "--workers", "1", "--json"])
    assert shown.exit_code == 0, shown.output
    figures = json.loads(shown.stdout)["figures"]
    # Nobody takes what a debug recipe says for a result.
    assert json.loads(shown.stdout)["debug"] is True and "debug recipe" in shown.stderr
    assert "debug recipe" in (run / "model" / "README.md").read_text()
    assert {"loss", "active", "probe_effect", "probe_settings", "probe_loudness"} <= set(figures)
    audio = 0.1 * np.random.default_rng(0).standard_normal((1, 16_384)).astype(np.float32)
    with torch.no_grad():
        expected = load_encoder(run / "model")(torch.from_numpy(audio))[0].numpy()
    assert np.allclose(load_runtime(run / "model")(audio, 24_000), expected, atol=1e-4)
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["data"]["train"]["classes"] == ["builtin:distortion", "builtin:lowpass", "none"]
    assert "DIALIN" not in json.dumps(config) and str(tmp_path) not in json.dumps(config)
    pictures = {p.name for p in (run / "pictures").iterdir()}
    assert {"pca-effect-0001.png", "pca-knobs-0001.png"} <= pictures
    assert ("interpolation-0001.png" in pictures) == (stage == "vae")
    settings, metrics, scalars = board(run / "logs")
    assert settings["data.pairs"] == 8 and settings["optimiser.rate"] == 1e-3
    assert str(tiny_songs) not in json.dumps(settings)
    assert {"valid/loss", "final/loss", "final/probe_effect"} <= metrics
    assert scalars["final/loss"] == pytest.approx(figures["loss"], rel=1e-4)
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 7 and "--resume" in again.stderr


@pytest.mark.parametrize("recipe", [("vae", "recipe"), ("encoder", "recipe")])
def test_shipped_recipes_are_understood(recipe, monkeypatch, tmp_path):
    from dialin.training.config import load_recipe

    monkeypatch.setenv("DIALIN_CORPUS", str(tmp_path))
    found = load_recipe(RECIPES / recipe[0] / f"{recipe[1]}.toml", KINDS[recipe[0]])
    assert len(found.data.effects) == 9


def test_without_torch_the_command_says_what_brings_it(monkeypatch):
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r"torch and lightning and safetensors.*dialin\[training\]"
    ):
        command.need_torch()
    assert importlib.util is command.importlib.util
