"""Starting a worker process, and seeing to it that none outlives the program.

In the same way on every system: the program listens at a `Door`, the worker is told on its
standard input where that is and what key opens it, and connects. Its standard input then stays
open for as long as the program lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing import connection as mpc
from pathlib import Path
from typing import Any

from dialin.files.reading import parse_json
from dialin.files.system import apart, leave_with

START_DEADLINE = 60.0
"""Seconds a fresh interpreter may take to start, on the busiest of machines."""

KILLED_STARTS = 3
"""Workers that may be killed, by a person or for want of memory, before they began with a task;
one more, and that task has failed."""

KILLED_RUNS = 1
"""The same of workers that were at the task, which might be what asked for all the memory."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""One thread of linear algebra each: there is a worker for each core."""

SOCKET_PATH = 100
"""Bytes that the path of a socket may have on every system."""

Channel = Any
"""A `multiprocessing.connection.Connection`; a ``PipeConnection`` on Windows."""


class Door:
    """Where workers that were started come in.

    Parameters
    ----------
    folder : Path
        For the socket, where the system has such (all but Windows).
    enter : callable
        Called with a worker's number and the connection to it, on the door's own thread.
    family : str, optional
        Of `multiprocessing.connection.Listener`; the system's own by default.
    """

    def __init__(
        self, folder: Path, enter: Callable[[int, Channel], None], family: str | None = None
    ) -> None:
        address: Any = None
        if family is None and sys.platform != "win32":
            path = folder / "door"
            if len(os.fsencode(path)) <= SOCKET_PATH:
                address = str(path)
            else:
                family = "AF_INET"
        self.key = secrets.token_bytes(32)
        self._listener = mpc.Listener(address, family, backlog=64, authkey=self.key)
        # The socket goes with its folder. Who is ended before the door is closed has no folder any
        # more when the program ends, and would be told of a file that is missing.
        unlink = getattr(getattr(self._listener, "_listener", None), "_unlink", None)
        if unlink is not None:
            unlink.cancel()
        self._enter = enter
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="dialin-door", daemon=True)
        self._thread.start()

    @property
    def address(self) -> Any:
        """Of the listener."""
        return self._listener.address

    def _serve(self) -> None:
        while not self._closed:
            # A worker may be killed while it comes in; strangers do not know the key.
            with contextlib.suppress(OSError, EOFError, AuthenticationError, AssertionError):
                connection = self._listener.accept()
                if self._closed:
                    connection.close()
                else:
                    self._enter(connection.recv(), connection)

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True
        # Only a visitor wakes who waits at the door, on every system.
        with contextlib.suppress(OSError, EOFError, AuthenticationError):
            mpc.Client(self.address, authkey=self.key).close()
        self._thread.join(1.0)
        self._listener.close()


@dataclass(eq=False)
class Interpreter:
    """A worker process.

    Attributes
    ----------
    process : Popen
        It ends when its standard input is closed.
    """

    process: subprocess.Popen[bytes]

    def close(self) -> int:
        """End the process by force if it has not ended, and return its exit code."""
        if self.process.poll() is None:
            self.process.kill()
        code = self.process.wait()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        return code


def start_interpreter(
    module: str, folder: Path, environment: Mapping[str, str], door: Door, number: int
) -> Interpreter:
    """Start ``python -m dialin.workers.serve MODULE``, which never imports ``__main__``.

    Parameters
    ----------
    module : str
        Its ``handler`` makes what answers requests; see `dialin.workers.serve`.
    folder : Path
        Made here; holds ``tmp``, which is the worker's folder for temporary files, and ``log``,
        what it prints.
    environment : mapping of str to str
        Besides the program's own, which stays as it is.
    door : Door
        Where it comes in.
    number : int
        Who it says it is.

    Returns
    -------
    Interpreter
    """
    (folder / "tmp").mkdir(parents=True)
    # An empty entry of sys.path means the current folder.
    path = [os.path.abspath(p) for p in sys.path]  # noqa: PTH100
    temporary = str(folder / "tmp")
    whole = os.environ | {
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
        "PYTHONPATH": os.pathsep.join(path),
        **ONE_THREAD,
        **environment,
    }
    words = {
        "address": door.address,
        "key": door.key.hex(),
        "number": number,
        "folder": str(folder),
        "parent": os.getpid(),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "dialin.workers.serve", module],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=whole,
            bufsize=0,
            # Ctrl-C is for the parent alone, even before the worker could say that it ignores it.
            **apart(),
        )
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        # Where it is dead already, that is seen when it is looked for.
        process.stdin.write(json.dumps(words).encode() + b"\n")
    return Interpreter(process)


def come_in() -> tuple[Channel, Path]:
    """In a worker: leave Ctrl-C to the parent, end with it, and connect to it.

    Returns
    -------
    (Connection, Path)
        To the parent; the worker's own folder.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Out of the way of libraries that read standard input.
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(lifeline, 1)
        if not byte:
            os._exit(1)
        line += byte
    words = parse_json(line)
    leave_with(lifeline, words["parent"])
    address = words["address"]
    connection = mpc.Client(
        tuple(address) if isinstance(address, list) else address,
        authkey=bytes.fromhex(words["key"]),
    )
    connection.send(words["number"])
    return connection, Path(words["folder"])


def end_of_log(folder: Path, characters: int = 2_000) -> str:
    """The end of what a worker printed.

    Parameters
    ----------
    folder : Path
        Of the worker.
    characters : int, default 2000
        How many at most.

    Returns
    -------
    str
        Empty where there is no log.
    """
    with contextlib.suppress(OSError):
        return (folder / "log").read_text(errors="replace")[-characters:].strip()
    return ""


def exit_name(code: int) -> str:
    """How a process ended, in words: a signal's name or an exit status.

    Parameters
    ----------
    code : int
        As `subprocess.Popen.returncode` has it: negative for a signal.

    Returns
    -------
    str
    """
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit status {code}"
