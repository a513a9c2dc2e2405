"""Running the command line as a person does: in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass


@dataclass
class Ran:
    """What a command left: exit code and the two streams."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines on stderr that say what went wrong."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


def dialin(*arguments, cwd=None, timeout=120, env=None, python=()) -> Ran:
    """Run ``dialin`` with these arguments."""
    done = subprocess.run(
        [sys.executable, *python, "-m", "dialin", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"} | (env or {}),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
