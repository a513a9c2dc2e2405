"""Running the command line: in this process, which is quick, or as a person does."""

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass

from typer.testing import CliRunner


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


def dialin(*arguments, cwd=None) -> Ran:
    """Run a command in this process (its effects still run in workers)."""
    from dialin.cli.app import app

    with contextlib.chdir(cwd or "."):
        done = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"}).invoke(
            app, [str(argument) for argument in arguments], prog_name="dialin"
        )
    return Ran(done.exit_code, done.stdout, done.stderr)


def dialin_process(*arguments, cwd=None, timeout=120, python=()) -> Ran:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, *python, "-m", "dialin", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
