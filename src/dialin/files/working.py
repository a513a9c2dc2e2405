"""Making files beside their place, moving them there in one step, and leaving nothing behind.

A working folder is a hidden folder inside the one that is written to, so on the same disk. Its
process holds a lock on it: the lock goes with the process, however that ends, and so the next run
knows which working folders nobody uses any more and deletes them.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from dialin.errors import OutputError
from dialin.files.system import STOPPING, lock_file, open_to_lock

PREFIX = ".dialin-work-"
PART = ".dialin-part-"
"""What the names of single files begin with while they are made."""

DAY = 86_400.0
"""Seconds after which an unlocked working folder of another machine counts as left behind."""


@contextmanager
def working_folder(folder: Path) -> Iterator[Path]:
    """Make a temporary folder inside `folder`, on the same disk; both go again on failure.

    Working folders that killed runs left in `folder` are deleted.

    Parameters
    ----------
    folder : path-like
        On the disk that results will be on.

    Yields
    ------
    Path

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    made: list[Path] = []
    descriptor = -1
    work: Path | None = None
    done = False
    try:
        try:
            for parent in reversed([folder, *folder.parents]):
                if not parent.exists():
                    with suppress(FileExistsError):
                        # Another thread may have been quicker.
                        parent.mkdir()
                        made.append(parent)
            sweep(folder)
            work = Path(mkdtemp(prefix=".dialin-new-", dir=folder))
            descriptor = lock(work)
            if descriptor >= 0:
                # Only now may a sweep look at it.
                work = work.rename(folder / f"{PREFIX}{host_key()}-{work.name.rpartition('-')[2]}")
        except OSError as error:
            raise OutputError(
                f"cannot write into {str(folder)!r}: {error.strerror or error}; "
                "choose a folder that you may write to"
            ) from error
        yield work
        done = True
    finally:
        with uninterrupted():
            if work is not None:
                shutil.rmtree(work, ignore_errors=True)
            if descriptor >= 0:
                os.close(descriptor)
            if not done:
                for parent in reversed(made):
                    with suppress(OSError):
                        parent.rmdir()


def sweep(folder: Path) -> None:
    """Delete what runs that are gone were making; what may be in use is left alone.

    Parameters
    ----------
    folder : path-like
        Where results are made.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        left = [Path(entry.path) for entry in entries if entry.name.startswith((PREFIX, PART))]
        for path in left:
            with suppress(OSError):
                # Locks of other machines are not seen on every network file system.
                ours = path.name.startswith((f"{PREFIX}{host_key()}-", f"{PART}{host_key()}-"))
                if not ours and time.time() - path.stat().st_mtime < DAY:
                    continue
                descriptor = lock(path)
                if descriptor < 0:
                    continue
                try:
                    if path.is_dir():
                        shutil.rmtree(path, ignore_errors=True)
                    else:
                        path.unlink()
                finally:
                    os.close(descriptor)


@contextmanager
def claim_folder(folder: Path) -> Iterator[None]:
    """Hold a folder for this run, so that no other run of dialin makes its results there.

    The lock is on the folder itself: no file is left, and it ends with the process. Where the
    file system has no such locks, only what `move` checks protects the folder.

    Parameters
    ----------
    folder : path-like
        It has to be there.

    Raises
    ------
    OutputError
        If another run holds it.
    """
    try:
        descriptor = open_to_lock(folder)
    except OSError as error:
        raise OutputError(f"cannot read {str(folder)!r}: {error.strerror or error}") from error
    try:
        try:
            lock_file(descriptor)
        except (BlockingIOError, PermissionError) as error:
            raise OutputError(
                f"another dialin is writing its results into {str(folder)!r}; wait for it, or "
                "choose another folder"
            ) from error
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)


def move(source: Path, target: Path, *, replace: bool = True) -> None:
    """Move a finished file into place in one step.

    Parameters
    ----------
    source, target : Path
        On one disk.
    replace : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If it cannot be moved, or something is there that may not be replaced.
    """
    try:
        if replace:
            source.replace(target)
        else:
            _move_beside(source, target)
    except FileExistsError as error:
        raise OutputError(
            f"{str(target)!r} appeared while its result was being made; it was left as it is"
        ) from error
    except OSError as error:
        raise OutputError(
            f"cannot write {str(target)!r}: {error.strerror or error}; "
            "choose another folder or move what is there"
        ) from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C and orders to end waiting for a moment, such as that of moving files."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {}
    try:
        # Handlers, not a signal mask: with other threads about, a mask of this one stops nothing.
        for number in STOPPING:
            handler = signal.getsignal(number)
            if callable(handler) or handler == signal.SIG_DFL:
                before[number] = signal.signal(number, lambda number, frame: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _move_beside(source: Path, target: Path) -> None:
    """Move without replacing: a link is made only where nothing has that name."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:
        # File systems such as FAT have no hard links.
        if os.path.lexists(target):
            raise FileExistsError(target) from None
        source.rename(target)
        return
    source.unlink()


def lock(path: Path) -> int:
    """Descriptor that holds a lock on a file or folder, or -1 where it is held or cannot be had.

    Parameters
    ----------
    path : Path
        A file or folder that exists.

    Returns
    -------
    int
        To be closed with `os.close`, which ends the lock.
    """
    try:
        descriptor = open_to_lock(path)
    except OSError:
        return -1
    try:
        lock_file(descriptor)
    except OSError:
        os.close(descriptor)
        return -1
    return descriptor


def host_key() -> str:
    """Eight letters that tell this machine's names from those of others on a shared disk."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
