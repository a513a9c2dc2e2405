"""Many settings of many recordings at once, into one block of shared memory.

What learning through an effect needs: for each recording the render at some settings, and the
differences of renders at neighbouring ones. Workers read and write memory that this process maps
too, and take the differences themselves; each is sent one message a batch. Results are read where
they were written, and that memory is used again when nobody holds them any more: where fresh pages
are costly, getting them took longer than the renders.
"""

from __future__ import annotations

import functools
import math
import mmap
import shutil
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, check_audio
from dialin.effects.effect import Effect
from dialin.effects.spec import Settings
from dialin.errors import (
    DialinError,
    OutputError,
    RenderCrashError,
    RenderError,
    RenderTimeoutError,
)
from dialin.rendering.job import complaint, describe_settings, not_finite

if TYPE_CHECKING:
    from dialin.rendering.pool import RenderPool

Shape = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Block:
    """Renders and differences of a batch.

    Attributes
    ----------
    audio : ndarray, float32, shape (batch, channels, samples)
        At the settings themselves; zeros where that render failed.
    differences : ndarray, float32, shape (batch, directions, channels, samples)
        Zeros where a direction failed.
    failed : list of (DialinError or None)
        Why an item's own render failed.
    lost : list of list of (DialinError or None)
        Why a direction of an item failed.
    renders : int
    """

    audio: Audio
    differences: Audio
    failed: list[DialinError | None]
    lost: list[list[DialinError | None]]
    renders: int


@dataclass(frozen=True)
class _Unit:
    """What a worker does in one go for one item: its own render and some directions."""

    item: int
    itself: bool
    directions: tuple[int, ...]


@dataclass(eq=False)
class _Piece:
    """A file in memory and its map."""

    path: Path
    buffer: mmap.mmap
    shape: Shape


class BlockMemory:
    """Shared memory for batches, kept until a batch of another shape comes.

    Parameters
    ----------
    pool : RenderPool
        When it is closed the memory goes with it.
    """

    def __init__(self, pool: RenderPool) -> None:
        self._pool = pool
        self._dry: _Piece | None = None
        self._free: list[_Piece] = []

    def dry(self, shape: Shape) -> tuple[str, Audio]:
        """Where inputs lie: a file's path and its map, with what was written last.

        Parameters
        ----------
        shape : (int, int, int, int)
            1, recordings, channels, samples.

        Returns
        -------
        (str, ndarray)
            The file's path, and its content as float32.
        """
        if self._dry is None or self._dry.shape != shape or not self._dry.path.exists():
            if self._dry is not None:
                self._dry.path.unlink(missing_ok=True)
            self._dry = self._make(shape)
        return str(self._dry.path), _mapped(self._dry)

    def wet(self, shape: Shape) -> tuple[str, Audio]:
        """A block that nobody holds; it comes back when its array, and all parts of it, are gone.

        Parameters
        ----------
        shape : (int, int, int, int)
            Settings, recordings, channels, samples.

        Returns
        -------
        (str, ndarray)
            The file's path, and its content as float32, left from before.
        """
        for piece in [p for p in self._free if p.shape != shape or not p.path.exists()]:
            self._free.remove(piece)
            piece.path.unlink(missing_ok=True)
        piece = self._free.pop() if self._free else self._make(shape)
        array = _mapped(piece)
        # The array that owns the map: views of views hold this one, whatever they are made of.
        weakref.finalize(array.base, self._free.append, piece).atexit = False
        return str(piece.path), array

    def _make(self, shape: Shape) -> _Piece:
        path, size = self._pool.scratch(), 4 * math.prod(shape)
        free = shutil.disk_usage(path.parent).free
        if size > free:
            raise OutputError(
                f"renders of a batch take {size / 2**20:.0f} MiB of shared memory, but only "
                f"{free / 2**20:.0f} MiB are free in {str(path.parent)!r}; use smaller batches or "
                "fewer directions"
            )
        with path.open("w+b") as file:
            file.truncate(size)
            return _Piece(path, mmap.mmap(file.fileno(), size), shape)

    def release(self) -> None:
        """Give the memory back; what is still held lives on."""
        for piece in [*self._free, *([self._dry] if self._dry else [])]:
            piece.path.unlink(missing_ok=True)
        self._free.clear()
        self._dry = None


def _mapped(piece: _Piece) -> Audio:
    flat = np.frombuffer(piece.buffer, dtype=np.float32)
    return flat.reshape(piece.shape)


def render_block(
    pool: RenderPool,
    uri: str,
    audio: NDArray[np.float32] | tuple[int, int, int],
    sample_rate: int,
    settings: NDArray[np.float64],
    plus: NDArray[np.float64] | None = None,
    minus: NDArray[np.float64] | None = None,
    *,
    memory: BlockMemory | None = None,
) -> Block:
    """Render a batch and the differences around its settings.

    Parameters
    ----------
    pool : RenderPool
        Workers that render.
    uri : str
        Of an effect or a chain.
    audio : ndarray, float32, shape (batch, channels, samples), or (int, int, int)
        Full scale is 1. A shape alone stands for what `memory` was given last.
    sample_rate : int
        In hertz.
    settings : ndarray, shape (batch, knobs)
        Positions of the knobs, 0 to 1.
    plus, minus : ndarray, shape (batch, directions, knobs), optional
        Differences are ``render(plus) - render(minus)``; of the render at `settings` where there
        is no `minus`.
    memory : BlockMemory, optional
        To be used again by the next call of the same shape.

    Returns
    -------
    Block

    Raises
    ------
    OutputError
        If shared memory is too small.
    """
    batch, channels, samples = audio if isinstance(audio, tuple) else audio.shape
    directions = 0 if plus is None else plus.shape[1]
    kept = memory if memory is not None else BlockMemory(pool)
    source, dry = kept.dry((1, batch, channels, samples))
    if not isinstance(audio, tuple):
        dry[0] = check_audio(audio.reshape(1, -1), sample_rate).reshape(audio.shape)
    target, block = kept.wet((1 + directions, batch, channels, samples))
    work = _Work(
        pool, uri, (source, dry.shape), (target, block.shape), sample_rate, settings, plus, minus
    )
    try:
        failed, lost, renders = work.do(_divide(batch, directions, pool.workers))
    finally:
        if memory is None:
            kept.release()
            Path(target).unlink(missing_ok=True)
    for item, (failure, row) in enumerate(zip(failed, lost, strict=True)):
        if failure is not None:
            block[0, item] = 0.0
        for direction, missing in enumerate(row):
            if missing is not None:
                block[1 + direction, item] = 0.0
    return Block(block[0], block[1:].swapaxes(0, 1), failed, lost, renders)


def _divide(batch: int, directions: int, workers: int) -> list[list[_Unit]]:
    """Units for each worker. An item is one, unless there are too few to keep all workers busy."""
    parts = max(1, min(directions, math.ceil(2 * workers / batch)))
    units = [
        _Unit(item, part == 0, tuple(range(part, directions, parts)))
        for item in range(batch)
        for part in range(parts)
    ]
    return [units[worker::workers] for worker in range(min(workers, len(units)))]


@dataclass(frozen=True, eq=False)
class _Work:
    pool: RenderPool
    uri: str
    source: tuple[str, Shape]
    target: tuple[str, Shape]
    sample_rate: int
    settings: NDArray[np.float64]
    plus: NDArray[np.float64] | None
    minus: NDArray[np.float64] | None

    def do(
        self, messages: list[list[_Unit]]
    ) -> tuple[list[DialinError | None], list[list[DialinError | None]], int]:
        rows, batch = self.target[1][:2]
        failed: list[DialinError | None] = [None] * batch
        lost: list[list[DialinError | None]] = [[None] * (rows - 1) for _ in range(batch)]
        renders = 0
        waiting = messages
        while waiting:
            counts = [sum(self._renders(unit) for unit in units) for units in waiting]
            results = self.pool.map(
                _fill,
                [self._arguments(units) for units in waiting],
                effect=self.uri,
                deadline=max(counts) * self.pool.deadline,
            )
            renders += sum(counts)
            again: list[list[_Unit]] = []
            for units, result in zip(waiting, results, strict=True):
                failure = result.failure
                if isinstance(failure, RenderCrashError | RenderTimeoutError):
                    # One of the renders took its worker down: each is tried on its own.
                    smaller = _apart(units)
                    if smaller:
                        again += smaller
                        continue
                answers = result.value or [(failure, [failure] * len(u.directions)) for u in units]
                for unit, (own, others) in zip(units, answers, strict=True):
                    if unit.itself:
                        failed[unit.item] = own
                    for direction, missing in zip(unit.directions, others, strict=True):
                        lost[unit.item][direction] = missing
            waiting = again
        return failed, lost, renders

    def _renders(self, unit: _Unit) -> int:
        count = len(unit.directions)
        return 2 * count + unit.itself if self.minus is not None else count + 1

    def _arguments(self, units: Sequence[_Unit]) -> tuple[object, ...]:
        tasks = []
        for unit in units:
            item, own = unit.item, list(unit.directions)
            plus = None if self.plus is None else self.plus[item, own]
            minus = None if self.minus is None else self.minus[item, own]
            tasks.append((unit, self.settings[item], plus, minus))
        return self.source, self.target, self.sample_rate, tasks


def _apart(units: Sequence[_Unit]) -> list[list[_Unit]]:
    """Smaller messages with the same renders; none where there is but one."""
    if len(units) > 1:
        return [[unit] for unit in units]
    (unit,) = units
    if unit.itself + len(unit.directions) == 1:
        return []
    own = [[_Unit(unit.item, True, ())]] if unit.itself else []
    return own + [[_Unit(unit.item, False, (k,))] for k in unit.directions]


@functools.lru_cache(maxsize=16)
def _map(path: str, shape: Shape) -> Audio:
    with Path(path).open("r+b") as file:
        buffer = mmap.mmap(file.fileno(), 0)
    block: Audio = np.frombuffer(buffer, dtype=np.float32).reshape(shape)
    return block


def _fill(
    effect: Effect,
    source: tuple[str, Shape],
    target: tuple[str, Shape],
    sample_rate: int,
    tasks: Sequence[tuple[_Unit, Settings, NDArray[np.float64] | None, NDArray[np.float64] | None]],
) -> list[tuple[DialinError | None, list[DialinError | None]]]:
    """Do units; runs where the effect is."""
    block, dry = _map(*target), _map(*source)[0]
    dry.flags.writeable = False
    return [
        _fill_unit(
            *(effect, dry[unit.item], block[:, unit.item], sample_rate),
            *(unit, settings, plus, minus),
        )
        for unit, settings, plus, minus in tasks
    ]


def _fill_unit(
    effect: Effect,
    dry: Audio,
    block: Audio,
    sample_rate: int,
    unit: _Unit,
    settings: Settings,
    plus: NDArray[np.float64] | None,
    minus: NDArray[np.float64] | None,
) -> tuple[DialinError | None, list[DialinError | None]]:
    """Render a unit into its rows of the block: its own, then its directions."""

    def render(vector: Settings, target: Audio) -> DialinError | None:
        """Render into an array. The host's own goes at once: its memory is used again."""
        try:
            wet = effect.process(dry, sample_rate, vector)
        except DialinError as error:
            return error
        except Exception as error:
            return complaint(effect.spec.uri, vector, sample_rate, error)
        if wet.shape != dry.shape:
            return RenderError(
                f"{effect.spec.uri} returned audio of shape {wet.shape} for an input of shape "
                f"{dry.shape} at settings {describe_settings(vector)}; what changes lengths "
                "cannot be compared"
            )
        lost = not_finite(effect.spec.uri, vector, sample_rate, wet)
        if lost is None:
            target[:] = wet
        return lost

    beside = _scratch(dry.shape)
    here = block[0] if unit.itself else beside
    own = render(settings, here) if unit.itself or minus is None else None
    lost: list[DialinError | None] = []
    for index, direction in enumerate(unit.directions):
        assert plus is not None
        difference = block[1 + direction]
        failure = render(plus[index], difference)
        if minus is not None:
            failure = failure or render(minus[index], beside)
        failure = failure or (own if minus is None else None)
        if failure is None:
            difference -= here if minus is None else beside
        lost.append(failure)
    return (own if unit.itself else None), lost


@functools.lru_cache(maxsize=2)
def _scratch(shape: tuple[int, ...]) -> Audio:
    """Memory for what is subtracted, kept: fresh pages cost more than renders."""
    return np.empty(shape, np.float32)
