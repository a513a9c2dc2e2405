"""Audio in memory that several processes see: memory-mapped files.

Plain files in ``/dev/shm`` (or the temporary folder where there is none), on every system, rather
than `multiprocessing.shared_memory`: that one's resource tracker unlinks segments that another
process still uses, and it cannot be told not to before Python 3.13.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import sys
import tempfile
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dialin.files.system import lock_file, memory_roots, reserve

if TYPE_CHECKING:
    from dialin.audio import Audio

PREFIX = "dialin-"
ENOUGH = 2**30
"""Free bytes below which shared memory is too small (containers often give it 64 MiB)."""
LARGE = 32_768
"""Samples from which on memory of results is used again."""
KEPT = 8
"""Pieces of such memory that are kept for the next results."""
YOUNG = 10.0
"""Seconds for which a folder is left alone, locked or not."""


class MemoryFolder:
    """A fresh folder on the fastest temporary storage there is.

    It holds a lock for as long as its process lives, so that the next one can tell which folders
    belong to processes that were killed before they could clean up, and delete those.

    Attributes
    ----------
    path : Path
    """

    def __init__(self) -> None:
        roots = memory_roots()
        for root in roots:
            _sweep(root)
        roomy = (root for root in roots if shutil.disk_usage(root).free >= ENOUGH)
        root = next(roomy, roots[-1])
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        lock_file(self._lock, wait=True)

    def remove(self) -> None:
        """Delete the folder and what is in it."""
        remove_folder(self.path)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if sys.platform == "win32":
            # Which does not delete what is open, as the lock was.
            remove_folder(self.path)


def _sweep(root: Path) -> None:
    for lock in root.glob(f"{PREFIX}*/lock"):
        with contextlib.suppress(OSError):
            # A younger one may not have locked it yet.
            if time.time() - lock.stat().st_mtime < YOUNG:
                continue
            descriptor = os.open(lock, os.O_RDWR)
            try:
                lock_file(descriptor)
                remove_folder(lock.parent)
            finally:
                os.close(descriptor)


def remove_folder(folder: Path) -> None:
    """Delete a folder and what is in it, as far as the system allows.

    Parameters
    ----------
    folder : Path
        May be missing.
    """
    shutil.rmtree(folder, ignore_errors=True)


def write_shared(path: Path, audio: Audio) -> None:
    """Write samples as raw float32, ``(channels, samples)`` in C order.

    Parameters
    ----------
    path : Path
        File to be written, within the pool's folder.
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    """
    with path.open("wb") as file:
        file.write(np.ascontiguousarray(audio, dtype=np.float32).data)


def map_shared(path: str | Path, shape: tuple[int, int]) -> Audio:
    """Map what `write_shared` wrote, read-only.

    Parameters
    ----------
    path : str or Path
        What `write_shared` wrote.
    shape : (int, int)
        Channels and samples.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
    """
    with Path(path).open("rb") as file:
        buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(buffer, dtype=np.float32, count=shape[0] * shape[1]).reshape(shape)


class Buffers:
    """Memory for results, used again once nobody has the last result in it any more.

    Results are made on one thread and dropped on others. The C library gives such memory back to
    the system each time, and faulting its pages in again took as long as copying the audio.
    """

    def __init__(self) -> None:
        self._free: list[Audio] = []

    def take(self, size: int) -> Audio:
        """An array whose content is left from before.

        Parameters
        ----------
        size : int
            Samples.

        Returns
        -------
        ndarray, float32, shape (size,)
        """
        if not LARGE <= size:
            return np.empty(size, dtype=np.float32)
        memory = None
        for index, kept in enumerate(self._free):
            if size <= kept.size <= 2 * size:
                with contextlib.suppress(IndexError):
                    memory = self._free.pop(index)
                break
        if memory is None:
            memory = np.empty(size, dtype=np.float32)
        # Whatever is made of this array keeps it, and it keeps the memory.
        array = np.frombuffer(memory.data, dtype=np.float32, count=size)
        weakref.finalize(array, self._give_back, memory).atexit = False
        return array

    def _give_back(self, memory: Audio) -> None:
        if len(self._free) < KEPT:
            self._free.append(memory)


class Arena:
    """A mapped file that grows: one side writes audio into it, the other reads it out.

    Parameters
    ----------
    path : Path
        Of the file; made empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map: mmap.mmap | None = None
        self._size = 0
        path.touch()

    def _ensure(self, size: int) -> mmap.mmap:
        if self._map is None or size > self._size:
            if self._map is not None:
                self._map.close()
            on_disk = self.path.stat().st_size
            if on_disk < size:
                # Some room to grow, so that slightly longer audio does not map anew.
                on_disk = size + size // 4
                with self.path.open("r+b") as file:
                    reserve(file.fileno(), on_disk)
            with self.path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), 0)
            self._size = on_disk
        return self._map

    def write(self, audio: Audio) -> None:
        """Put audio at the start of the arena.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            The arena grows to hold it.
        """
        buffer = self._ensure(max(audio.nbytes, 1))
        view = np.frombuffer(buffer, dtype=np.float32, count=audio.size)
        view[:] = audio.ravel()
        del view

    def read(self, shape: tuple[int, int], buffers: Buffers) -> Audio:
        """Copy audio out of the start of the arena.

        Parameters
        ----------
        shape : (int, int)
            Channels and samples of what was written.
        buffers : Buffers
            Where the copy may lie.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        size = shape[0] * shape[1]
        buffer = self._ensure(max(size * 4, 1))
        copy = buffers.take(size)
        copy[:] = np.frombuffer(buffer, dtype=np.float32, count=size)
        return copy.reshape(shape)

    def close(self) -> None:
        """Unmap and delete."""
        if self._map is not None:
            with contextlib.suppress(BufferError):
                self._map.close()
            self._map = None
        with contextlib.suppress(PermissionError):
            self.path.unlink(missing_ok=True)
