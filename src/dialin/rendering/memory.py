"""Audio in memory that several processes see: memory-mapped files.

Plain files in ``/dev/shm`` (or the temporary folder where there is none) rather than
`multiprocessing.shared_memory`: that one's resource tracker unlinks segments that another process
still uses, and it cannot be told not to before Python 3.13.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from dialin.audio import Audio


def memory_folder() -> Path:
    """A fresh folder on the fastest temporary storage there is."""
    shm = Path("/dev/shm")
    root = shm if shm.is_dir() and os.access(shm, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="dialin-", dir=root))


def remove_folder(folder: Path) -> None:
    """Delete a folder and what is in it, as far as the system allows."""
    shutil.rmtree(folder, ignore_errors=True)


def write_shared(path: Path, audio: Audio) -> None:
    """Write samples as raw float32, ``(channels, samples)`` in C order."""
    with path.open("wb") as file:
        file.write(np.ascontiguousarray(audio, dtype=np.float32).data)


def map_shared(path: str | Path, shape: tuple[int, int]) -> Audio:
    """Map what `write_shared` wrote, read-only."""
    with Path(path).open("rb") as file:
        buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(buffer, dtype=np.float32, count=shape[0] * shape[1]).reshape(shape)


class Arena:
    """A mapped file that grows: one side writes audio into it, the other reads it out."""

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
                os.truncate(self.path, size + size // 4)
                on_disk = size + size // 4
            with self.path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), 0)
            self._size = on_disk
        return self._map

    def write(self, audio: Audio) -> None:
        """Put audio at the start of the arena."""
        buffer = self._ensure(max(audio.nbytes, 1))
        view = np.frombuffer(buffer, dtype=np.float32, count=audio.size)
        view[:] = audio.ravel()
        del view

    def read(self, shape: tuple[int, int]) -> Audio:
        """Copy audio out of the start of the arena."""
        size = shape[0] * shape[1]
        buffer = self._ensure(max(size * 4, 1))
        return np.frombuffer(buffer, dtype=np.float32, count=size).reshape(shape).copy()

    def close(self) -> None:
        """Unmap and delete."""
        if self._map is not None:
            with contextlib.suppress(BufferError):
                self._map.close()
            self._map = None
        self.path.unlink(missing_ok=True)
