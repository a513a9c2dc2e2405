"""Starting a worker process, and seeing to it that none outlives the program."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import connection as mpc
from pathlib import Path

START_DEADLINE = 60.0
"""Seconds a fresh interpreter may take to start, on the busiest of machines."""

KILLED_STARTS = 3
"""Fresh interpreters that may be killed, by a person or for want of memory, before it is one
too many."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""One thread of linear algebra each: there is a worker for each core."""


@dataclass(eq=False)
class Interpreter:
    """A worker process, the socket to it, and the pipe whose end tells it to go.

    Attributes
    ----------
    process : Popen
    connection : Connection
    lifeline : int
        Descriptor; the worker ends when it is closed.
    """

    process: subprocess.Popen[bytes]
    connection: mpc.Connection
    lifeline: int

    def close(self) -> int:
        """End the process by force if it has not ended, and return its exit code."""
        if self.process.poll() is None:
            self.process.kill()
        code = self.process.wait()
        self.connection.close()
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1
        return code


def start_interpreter(module: str, folder: Path, environment: Mapping[str, str]) -> Interpreter:
    """Start ``python -m MODULE SOCKET LIFELINE FOLDER``, which never imports ``__main__``.

    Parameters
    ----------
    module : str
        Its ``main`` reads the three arguments with `serve_arguments`.
    folder : Path
        Made here; holds ``tmp``, which is the worker's folder for temporary files, and ``log``,
        what it prints.
    environment : mapping of str to str
        Besides the program's own, which stays as it is.

    Returns
    -------
    Interpreter
    """
    (folder / "tmp").mkdir(parents=True)
    ours, theirs = socket.socketpair()
    # Nothing is ever written here. The kernel tells the worker when our end is gone.
    lifeline, lifeline_write = os.pipe()
    # An empty entry of sys.path means the current folder.
    path = [os.path.abspath(p) for p in sys.path]  # noqa: PTH100
    whole = os.environ | {
        "TMPDIR": str(folder / "tmp"),
        "DIALIN_PARENT": str(os.getpid()),
        "PYTHONPATH": os.pathsep.join(path),
        **ONE_THREAD,
        **environment,
    }
    command = [sys.executable, "-P", "-m", module]
    try:
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(lifeline), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=whole,
                pass_fds=[theirs.fileno(), lifeline],
                # Out of the terminal's foreground group: Ctrl-C is for the parent alone,
                # even before the worker could say that it ignores it.
                process_group=0,
            )
    except BaseException:
        ours.close()
        os.close(lifeline_write)
        raise
    finally:
        theirs.close()
        os.close(lifeline)
    return Interpreter(process, mpc.Connection(ours.detach()), lifeline_write)


def serve_arguments() -> tuple[mpc.Connection, Path]:
    """In a worker: leave Ctrl-C to the parent, end with it, and open what it handed over."""
    descriptor, lifeline, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    # Ctrl-C is the parent's to interpret.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _leave_with_parent(lifeline, int(os.environ["DIALIN_PARENT"]))
    return mpc.Connection(descriptor), folder


def _leave_with_parent(lifeline: int, parent: int) -> None:
    """See to it that this process ends when the parent does, however that may end.

    The parent holds the other end of the pipe `lifeline`. When that is closed, the kernel sends
    SIGIO, whose default is to end the process: this works even while a plugin loops for ever
    without letting the interpreter run. (Linux's PR_SET_PDEATHSIG would too, but it fires when
    the *thread* that started us ends.) The thread below is for systems without that.
    """
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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


def resident_memory(pid: int) -> int:
    """Resident bytes of a process; 0 where the system does not tell.

    Parameters
    ----------
    pid : int
        Id of the process.

    Returns
    -------
    int
        In bytes.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
