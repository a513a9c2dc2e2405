"""What differs between operating systems, all of it in this file.

Linux is what dialin is tested on. The branches for macOS and Windows are checked by mypy
(``--platform darwin``, ``--platform win32``) and have not been run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

if sys.platform == "win32":
    import ctypes
    import msvcrt
else:
    import fcntl
    import select

STOPPING: tuple[signal.Signals, ...]
"""Signals by which a person or the system asks a program to end."""

if sys.platform == "win32":
    STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
else:
    STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

CONNECTION_ROOM = 65_536 if sys.platform == "linux" else 4_096
"""Bytes that a connection between processes takes before the other side reads them."""


def open_to_lock(path: Path) -> int:
    """Open a file or a folder whose lock is wanted.

    Parameters
    ----------
    path : Path
        It has to be there.

    Returns
    -------
    int
        Descriptor for `lock_file`.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    if sys.platform == "win32":
        if path.is_dir():
            # No folder can be opened there; this file goes away with its descriptor.
            return os.open(path / ".dialin-lock", os.O_CREAT | os.O_RDWR | os.O_TEMPORARY)
        return os.open(path, os.O_RDWR)
    return os.open(path, os.O_RDONLY)


def lock_file(descriptor: int, *, wait: bool = False) -> None:
    """Lock an open file for as long as this process lives or until it is closed.

    Parameters
    ----------
    descriptor : int
        From `open_to_lock`, or of a file that is open for writing.
    wait : bool, default False
        Wait for whoever has it.

    Raises
    ------
    OSError
        If another process has it, or the file system knows no locks.
    """
    if sys.platform == "win32":
        # A byte far behind the end: such locks forbid others to read what they cover.
        os.lseek(descriptor, 2**30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    """Read from a file, leaving its own position alone where the system can do that.

    Parameters
    ----------
    file : binary file
        Open for reading; several readers may share it.
    offset : int
        In bytes, from its start.
    size : int
        Bytes at most.

    Returns
    -------
    bytes
    """
    if sys.platform != "win32":
        return os.pread(file.fileno(), size, offset)
    file.seek(offset)
    return file.read(size)


def reserve(descriptor: int, size: int) -> None:
    """Give a file a length, and the room for it where the system can promise that.

    Where storage is full, a file that was only made longer kills whoever writes to its map.

    Parameters
    ----------
    descriptor : int
        Of a file that is open for writing.
    size : int
        In bytes.

    Raises
    ------
    OSError
        If there is no room.
    """
    if sys.platform == "linux":
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def longest_name(folder: str | Path) -> int:
    """Bytes that a file's name may have in a folder.

    Parameters
    ----------
    folder : path-like
        That is there.

    Returns
    -------
    int
    """
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):
            return os.pathconf(folder, "PC_NAME_MAX")
    return 255


def memory_roots() -> list[Path]:
    """Folders for files that processes share, the fastest first: in memory where there is one."""
    temporary = Path(tempfile.gettempdir())
    shm = Path("/dev/shm")
    if sys.platform != "linux" or not shm.is_dir() or not os.access(shm, os.W_OK):
        return [temporary]
    # In a worker it is within its folder already, which goes away with the worker.
    return [temporary] if temporary.is_relative_to(shm) else [shm, temporary]


def machine_memory() -> int | None:
    """Bytes of memory this machine has; None where the system does not tell."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


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
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def apart() -> dict[str, Any]:
    """Arguments of `subprocess.Popen` for a process that Ctrl-C in the terminal does not reach."""
    if sys.platform == "win32":
        import subprocess

        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def was_killed(code: int, *, by_force: bool = False) -> bool:
    """Whether a process was ended by a signal.

    Parameters
    ----------
    code : int
        As `subprocess.Popen.returncode` has it.
    by_force : bool, default False
        Only by the signal that another process sends (SIGKILL: a person, or the system for want
        of memory), never the fault of a library.

    Returns
    -------
    bool
        Always False on Windows, whose exit codes do not say.
    """
    if sys.platform == "win32":
        return False
    return code == -signal.SIGKILL if by_force else code < 0


def open_sentinel(pid: int) -> int | None:
    """What `multiprocessing.connection.wait` can wait for until a process ends.

    Parameters
    ----------
    pid : int
        Of a process that has not been waited for.

    Returns
    -------
    int or None
        A descriptor, to be closed with `os.close`; None where the system has none (macOS, Windows,
        Linux before 5.3): there the process is looked at now and then.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return None


def leave_with(lifeline: int, parent: int) -> None:
    """In a worker: end this process when its parent is gone, however that may have ended.

    The parent holds the other end of the pipe `lifeline`. Where the kernel can (Linux), it sends
    SIGIO when that end is closed, whose default is to end the process: this works even while a
    plugin loops for ever without letting the interpreter run. (Linux's PR_SET_PDEATHSIG would
    too, but it fires when the *thread* that started us ends.) Elsewhere `watch_parent` does it,
    as soon as the interpreter runs.

    Parameters
    ----------
    lifeline : int
        Descriptor; nothing is written to it.
    parent : int
        Id of the parent.
    """
    import threading

    if sys.platform != "win32":
        with contextlib.suppress(AttributeError, OSError):
            fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
            flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
            fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    threading.Thread(target=watch_parent, args=(lifeline, parent), daemon=True).start()


def watch_parent(lifeline: int, parent: int) -> None:
    """Wait for a parent's end, then end this process.

    Parameters
    ----------
    lifeline : int
        Descriptor of a pipe whose other end the parent holds.
    parent : int
        Its id: a fork of it may hold that end, too.
    """
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            os.read(lifeline, 1)
    else:
        while os.getppid() == parent:
            if select.select([lifeline], [], [], 0.5)[0]:
                break
    os._exit(1)


def is_running(pid: int) -> bool:
    """Whether there is a process of an id.

    Parameters
    ----------
    pid : int
        On this machine.

    Returns
    -------
    bool
        True also where it belongs to another person.
    """
    if sys.platform == "win32":
        # os.kill would end it: there, signal 0 is one of the console's.
        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def keep_freed_memory() -> None:
    """Have the C library (glibc) keep what is freed for the next array of that size.

    Otherwise it gives it back to the system each time, and each page of the next array faults: a
    long transform took half as long again. And have all threads share what is kept: the heaps that
    the library makes for others are too small for such arrays.
    """
    if sys.platform != "linux":
        return
    import ctypes

    option = getattr(ctypes.CDLL(None), "mallopt", None)
    if option is not None:
        # The size from which memory is mapped by itself, the highest that there may be, and what
        # may lie free at the end.
        option(-3, 32 << 20)
        option(-1, 256 << 20)
        # One heap.
        option(-8, 1)
