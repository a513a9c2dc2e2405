"""Standard streams that a caller closed: the work is done all the same."""

import os
import subprocess
import sys

import numpy as np
import pytest

from dialin.audio import audio_info, write_audio
from dialin.effects import open_effect
from dialin.presets.preset import Preset

posix = pytest.mark.skipif(os.name == "nt", reason="needs a shell")


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_reason_to_fail(tmp_path, closed):
    spec = open_effect("builtin:gain").spec
    Preset.from_settings([spec], spec.default).save(tmp_path / "p.json")
    write_audio(tmp_path / "a.wav", np.full((1, 24_000), 0.1, np.float32), 24_000)
    python, path = sys.executable, os.pathsep.join(sys.path)
    done = subprocess.run(
        ["sh", "-c", f'"{python}" -m dialin apply p.json a.wav -o wet {closed}'],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, "bug" in done.stderr) == (0, False), done.stderr
    assert audio_info(tmp_path / "wet/a.wav").frames == 24_000


@pytest.mark.parametrize(("own", "told"), [(None, "1"), ("2", "2")])
def test_the_command_takes_one_thread_of_algebra_unless_told_otherwise(own, told):
    """Before numpy is there: it reads how many it may start when it is imported."""
    program = (
        "import os, sys\n"
        "from dialin.cli import main\n"
        "assert 'numpy' not in sys.modules\n"
        "sys.argv = ['dialin', '--version']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    if own:
        environment["OPENBLAS_NUM_THREADS"] = own
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.stdout.split()[-1] == told, done.stderr
