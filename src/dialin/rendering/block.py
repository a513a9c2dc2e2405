"""Many settings of many recordings at once, into one block of shared memory.

What learning through an effect needs: for each recording the render at some settings, and the
differences of renders at neighbouring ones. Workers read and write memory that this process maps
too, and take the differences themselves. That memory is kept from step to step: where fresh pages
are costly, getting them took longer than the renders.
"""

from __future__ import annotations

import functools
import math
import mmap
import shutil
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
    NonFiniteOutputError,
    OutputError,
    RenderCrashError,
    RenderError,
    RenderTimeoutError,
)
from dialin.rendering.job import describe_settings

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


class BlockMemory:
    """Shared memory for batches, kept until a batch of another shape comes.

    Parameters
    ----------
    pool : RenderPool
        When it is closed the memory goes with it.
    """

    def __init__(self, pool: RenderPool) -> None:
        self._pool = pool
        self._maps: dict[str, tuple[Path, Audio]] = {}

    def take(self, name: str, shape: Shape) -> tuple[str, Audio]:
        """Path and map of an array that workers see; what it holds is left from before.

        Parameters
        ----------
        name : str
            Of the array, such as ``out``.
        shape : (int, int, int, int)
            Recordings, settings, channels, samples.

        Returns
        -------
        (str, ndarray)
            The file's path, and its content as float32.
        """
        path, array = self._maps.get(name, (None, None))
        if path is None or array is None or array.shape != shape or not path.exists():
            self._drop(name)
            path = self._pool.scratch()
            array = _make(path, shape)
            self._maps[name] = (path, array)
        return str(path), array

    def _drop(self, name: str) -> None:
        found = self._maps.pop(name, None)
        if found is not None:
            found[0].unlink(missing_ok=True)

    def release(self) -> None:
        """Give the memory back."""
        for name in list(self._maps):
            self._drop(name)


def render_block(
    pool: RenderPool,
    uri: str,
    audio: NDArray[np.float32],
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
    audio : ndarray, float32, shape (batch, channels, samples)
        Full scale is 1.
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
    checked = check_audio(audio.reshape(1, -1), sample_rate)
    batch, channels, samples = audio.shape
    directions = 0 if plus is None else plus.shape[1]
    kept = memory if memory is not None else BlockMemory(pool)
    source, dry = kept.take("dry", (batch, 1, channels, samples))
    target, block = kept.take("wet", (batch, 1 + directions, channels, samples))
    dry[:] = checked.reshape(dry.shape)
    try:
        work = _Work(
            pool,
            uri,
            (source, dry.shape),
            (target, block.shape),
            sample_rate,
            settings,
            plus,
            minus,
        )
        failed, lost, renders = work.do(_divide(batch, directions, pool.workers))
        # Copied, since the memory is used again while the results live on.
        audio, differences = block[:, 0].copy(), block[:, 1:].copy()
    finally:
        if memory is None:
            kept.release()
    for item, (failure, row) in enumerate(zip(failed, lost, strict=True)):
        if failure is not None:
            audio[item] = 0.0
        for direction, missing in enumerate(row):
            if missing is not None:
                differences[item, direction] = 0.0
    return Block(audio, differences, failed, lost, renders)


def _divide(batch: int, directions: int, workers: int) -> list[_Unit]:
    """An item is a unit, unless there are too few items to keep all workers busy."""
    parts = max(1, min(directions, math.ceil(2 * workers / batch)))
    units = []
    for item in range(batch):
        for part in range(parts):
            own = tuple(range(part, directions, parts))
            units.append(_Unit(item, part == 0, own))
    return units


def _make(path: Path, shape: Shape) -> Audio:
    """Make a file and map it."""
    size = 4 * math.prod(shape)
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise OutputError(
            f"renders of a batch take {size / 2**20:.0f} MiB of shared memory, but only "
            f"{free / 2**20:.0f} MiB are free in {str(path.parent)!r}; use smaller batches or "
            "fewer directions"
        )
    with path.open("w+b") as file:
        file.truncate(size)
        buffer = mmap.mmap(file.fileno(), size)
    block: Audio = np.frombuffer(buffer, dtype=np.float32).reshape(shape)
    return block


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
        self, units: Sequence[_Unit]
    ) -> tuple[list[DialinError | None], list[list[DialinError | None]], int]:
        batch, rows = self.target[1][:2]
        failed: list[DialinError | None] = [None] * batch
        lost: list[list[DialinError | None]] = [[None] * (rows - 1) for _ in range(batch)]
        renders = 0
        waiting = list(units)
        while waiting:
            most = max(self._renders(unit) for unit in waiting)
            results = self.pool.map(
                _fill,
                [self._arguments(unit) for unit in waiting],
                effect=self.uri,
                deadline=most * self.pool.deadline,
            )
            again: list[_Unit] = []
            for unit, result in zip(waiting, results, strict=True):
                renders += self._renders(unit)
                single = unit.itself + len(unit.directions) == 1
                if result.failure is None:
                    own, others = result.value
                elif not single and isinstance(
                    result.failure, RenderCrashError | RenderTimeoutError
                ):
                    # One of the renders took its worker down: each is tried on its own.
                    again += [_Unit(unit.item, True, ())] if unit.itself else []
                    again += [_Unit(unit.item, False, (k,)) for k in unit.directions]
                    continue
                else:
                    own, others = result.failure, [result.failure] * len(unit.directions)
                if unit.itself:
                    failed[unit.item] = own
                for direction, failure in zip(unit.directions, others, strict=True):
                    lost[unit.item][direction] = failure
            waiting = again
        return failed, lost, renders

    def _renders(self, unit: _Unit) -> int:
        count = len(unit.directions)
        return 2 * count + unit.itself if self.minus is not None else count + 1

    def _arguments(self, unit: _Unit) -> tuple[object, ...]:
        item, own = unit.item, list(unit.directions)
        plus = None if self.plus is None else self.plus[item, own]
        minus = None if self.minus is None else self.minus[item, own]
        return (
            *(self.source, self.target, self.sample_rate, item, unit.itself, own),
            *(self.settings[item], plus, minus),
        )


@functools.lru_cache(maxsize=4)
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
    item: int,
    itself: bool,
    directions: list[int],
    settings: Settings,
    plus: NDArray[np.float64] | None,
    minus: NDArray[np.float64] | None,
) -> tuple[DialinError | None, list[DialinError | None]]:
    """Do a unit; runs where the effect is."""
    block = _map(*target)
    dry = _map(*source)[item, 0]
    dry.flags.writeable = False

    def render(vector: Settings) -> Audio | DialinError:
        try:
            wet = effect.process(dry, sample_rate, vector)
        except DialinError as error:
            return error
        except Exception as error:
            # A host's own complaint is about this effect at these settings.
            return RenderError(
                f"{effect.spec.uri} failed at settings {describe_settings(vector)}, {sample_rate} "
                f"Hz: {type(error).__name__}: {error}"
            )
        if wet.shape != dry.shape:
            return RenderError(
                f"{effect.spec.uri} returned audio of shape {wet.shape} for an input of shape "
                f"{dry.shape} at settings {describe_settings(vector)}; what changes lengths "
                "cannot be compared"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            suspicious = not np.isfinite(wet.sum())
        if suspicious and not np.isfinite(wet).all():
            return NonFiniteOutputError(
                f"{effect.spec.uri} returned NaN or infinite samples at settings "
                f"{describe_settings(vector)}, {sample_rate} Hz"
            )
        return wet

    here = render(settings) if itself or minus is None else None
    if itself and isinstance(here, np.ndarray):
        block[item, 0] = here
    lost: list[DialinError | None] = []
    for place, direction in enumerate(directions):
        assert plus is not None
        up = render(plus[place])
        down = here if minus is None else render(minus[place])
        if isinstance(up, np.ndarray) and isinstance(down, np.ndarray):
            np.subtract(up, down, out=block[item, 1 + direction])
            lost.append(None)
        else:
            lost.append(next(r for r in (up, down) if isinstance(r, DialinError)))
    return (here if itself and isinstance(here, DialinError) else None), lost
