import json
import signal
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

from dialin.data.fields import build  # noqa: E402
from dialin.training.config import EncoderRecipe, VaeRecipe  # noqa: E402
from dialin.training.stages import train_encoder  # noqa: E402

KINDS = {"vae": VaeRecipe, "encoder": EncoderRecipe}
SCRIPT = """
import json, os, sys, time
from pathlib import Path
from lightning.pytorch import Callback
from dialin.data.fields import build
from dialin.training import loop, stages
from dialin.training.config import EncoderRecipe, VaeRecipe

stage, body, folder, rendered, log, stop = sys.argv[1:]
kind = {"vae": VaeRecipe, "encoder": EncoderRecipe}[stage]

class Log(Callback):
    def on_train_batch_end(self, trainer, module, outputs, batch, place):
        with open(log, "a") as file:
            file.write(f"{trainer.global_step} {float(outputs['loss'])!r}\\n")
        if trainer.global_step == int(stop):
            os.kill(os.getpid(), 9)

make = loop.make_trainer
stages.make_trainer = lambda *a, callbacks=(), **k: make(*a, callbacks=[*callbacks, Log()], **k)
stages.train_encoder(stage, build(kind, json.loads(body)), Path(folder), rendered=Path(rendered),
                     resume=True, workers=1)
"""


def losses(file):
    # A step that was trained after the last checkpoint is trained again: the last word counts.
    return {int(a): float(b) for a, b in (x.split() for x in file.read_text().splitlines())}


def run(stage, body, folder, rendered, log, stop=-1):
    arguments = [stage, json.dumps(body), str(folder), str(rendered), str(log), str(stop)]
    return subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT, *arguments]).returncode


@pytest.mark.parametrize("stage", ["vae", "encoder"])
def test_kill_in_the_middle_of_an_epoch_changes_no_loss(
    stage, tiny_recipe, tiny_rendered, tmp_path
):
    body = tiny_recipe(loop={"checkpoint_minutes": 0.0, "epochs": 2})
    train_encoder(
        stage, build(KINDS[stage], body), tmp_path / "warm", rendered=tiny_rendered, workers=1
    )
    assert run(stage, body, tmp_path / "whole", tiny_rendered, tmp_path / "whole.log") == 0
    code = run(stage, body, tmp_path / "cut", tiny_rendered, tmp_path / "cut.log", stop=5)
    assert code == -signal.SIGKILL
    # Killed before its checkpoint was written: the step before is where it goes on.
    assert run(stage, body, tmp_path / "cut", tiny_rendered, tmp_path / "cut.log") == 0
    whole, cut = losses(tmp_path / "whole.log"), losses(tmp_path / "cut.log")
    assert len(whole) >= 12 and whole.keys() == cut.keys()
    assert list(cut.values()) == pytest.approx(list(whole.values()), rel=1e-6)
