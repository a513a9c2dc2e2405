"""Matchering, a peer, run for real in an environment of its own.

Its pinned dependencies stay out of dialin's: ``python -m venv mg`` and
``mg/bin/pip install matchering==2.0.6``, then the method ``matchering:mg/bin/python``. Without a
path, the environment variable ``DIALIN_MATCHERING_PYTHON`` is looked at.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dialin.audio import read_audio, resample, write_audio
from dialin.errors import EffectError, UsageError
from dialin.evaluation.items import MatchTask
from dialin.evaluation.methods.method import Outcome, Tools

VARIABLE = "DIALIN_MATCHERING_PYTHON"
SCRIPT = (
    "import sys, matchering as mg;"
    "mg.process(sys.argv[1], sys.argv[2], [mg.Result(sys.argv[3], subtype='FLOAT',"
    " use_limiter=True)])"
)
DEADLINE = 900.0


@dataclass(frozen=True)
class Matchering:
    """Matchering 2: equaliser, level, width and limiter of its own.

    Attributes
    ----------
    python : str
        Interpreter that has Matchering; named by the environment if empty.
    name : str
        In tables.
    """

    python: str = ""
    name: str = "matchering"

    def __call__(self, task: MatchTask, tools: Tools) -> Outcome:
        """Answer."""
        python = self.python or os.environ.get(VARIABLE, "")
        if not python or not Path(python).is_file():
            raise UsageError(
                f"Matchering's python {python!r} is not there; make an environment with "
                f"matchering 2.0.6 and name it, matchering:PATH, or set {VARIABLE}"
            )
        with tempfile.TemporaryDirectory(prefix="dialin-matchering-") as folder:
            work = Path(folder)
            files = [str(work / name) for name in ("target.wav", "reference.wav", "result.wav")]
            write_audio(files[0], task.input, task.sample_rate)
            write_audio(files[1], task.reference, task.sample_rate)
            try:
                done = subprocess.run(
                    [python, "-c", SCRIPT, *files],
                    capture_output=True,
                    text=True,
                    timeout=DEADLINE,
                    check=False,
                    cwd=folder,
                )
            except subprocess.TimeoutExpired as error:
                raise EffectError(f"Matchering took longer than {DEADLINE:g} s") from error
            if done.returncode:
                last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word"]
                raise EffectError(f"Matchering failed: {last[0]}")
            audio, rate = read_audio(files[2])
        audio = resample(audio, rate, task.sample_rate)
        wanted = task.input.shape[1]
        audio = np.pad(audio[:, :wanted], ((0, 0), (0, max(0, wanted - audio.shape[1]))))
        return Outcome(audio=np.ascontiguousarray(audio[: max(1, task.input.shape[0])]))
