"""Processes that render examples for guessing networks, for as long as they are given."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.effects.effect import Effect
from dialin.training.guess_chains import ChainMaker
from dialin.training.guess_singles import OneEffectMaker

Clips = Mapping[bool, Sequence[NDArray[np.int16]]]


@dataclass(frozen=True)
class Work:
    """What processes render.

    Attributes
    ----------
    folder : str
        Of the clips, as `keep_clips` writes them.
    open : callable
        Opens an effect by URI; a function of a module.
    uris : tuple of str
        Single effects; none for chains alone.
    left_alone : mapping
        As in `OneEffectMaker`.
    single : float
        Share of groups that are of single effects.
    valid : float
        Share of groups that are of songs for validation.
    seed : int
    propose : callable, optional
        Makes what proposes candidates, for chains and for single effects; a function of a module.
    """

    folder: str
    open: Callable[[str], Effect]
    uris: tuple[str, ...] = ()
    left_alone: Mapping[str, tuple[str, ...]] | None = None
    single: float = 0.0
    valid: float = 0.08
    seed: int = 0
    propose: Callable[..., Any] | None = None


def keep_clips(clips: Clips, folder: Path) -> None:
    """Write clips where processes can read them without a copy each.

    Parameters
    ----------
    clips : mapping of bool to sequence of ndarray
        True holds those for validation.
    folder : Path
        Where to.
    """
    for valid, sounds in clips.items():
        for number, sound in enumerate(sounds):
            np.save(folder / f"{'valid' if valid else 'train'}_{number:05d}.npy", sound)


def read_clips(folder: Path) -> Clips:
    """Clips that `keep_clips` wrote, mapped into memory.

    Parameters
    ----------
    folder : Path
        Where they are.

    Returns
    -------
    mapping of bool to list of ndarray
    """
    return {
        valid: [np.load(f, mmap_mode="r") for f in sorted(folder.glob(f"{name}_*.npy"))]
        for valid, name in ((False, "train"), (True, "valid"))
    }


def make_makers(work: Work) -> tuple[ChainMaker, OneEffectMaker | None]:
    """Makers of chains and of single effects.

    Parameters
    ----------
    work : Work
        What is rendered.

    Returns
    -------
    (ChainMaker, OneEffectMaker or None)
    """
    clips = read_clips(Path(work.folder))
    single = (
        OneEffectMaker(clips, work.uris, work.left_alone or {}, work.open) if work.uris else None
    )
    return ChainMaker(clips, work.open), single


def render_groups(work: Work, number: int, results: Any, stop: Any) -> None:
    """Make groups until told to stop; runs in a process of its own.

    Parameters
    ----------
    work : Work
        What to render.
    number : int
        Of the process.
    results : multiprocessing.Queue
        Takes (single, group).
    stop : multiprocessing.Event
        Ends it.
    """
    # Ctrl-C at a terminal goes to all processes; the one that learns ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    chains, single = make_makers(work)
    if work.propose is not None:
        chains.propose, one_propose = work.propose(work, chains, single)
        if single is not None:
            single.propose = one_propose
    rng = np.random.default_rng([work.seed, number])
    count = 0
    while not stop.is_set():
        one = single is not None and rng.random() < work.single
        valid = bool(rng.random() < work.valid)
        maker = single if one and single is not None else chains
        group = maker.group([work.seed, number, count], valid)
        count += 1
        if group is not None:
            results.put((one, group))


@contextmanager
def rendering(
    work: Work, processes: int, target: Callable[..., None] = render_groups
) -> Iterator[tuple[Any, Any]]:
    """Processes that render, their queue, and the event that stops them.

    Parameters
    ----------
    work : Work
        What to render.
    processes : int
        How many.
    target : callable
        What each runs.

    Yields
    ------
    (multiprocessing.Queue, multiprocessing.Event)
    """
    context = multiprocessing.get_context("spawn")
    results, stop = context.Queue(maxsize=64 * processes), context.Event()
    running = [
        context.Process(target=target, args=(work, n, results, stop), daemon=True)
        for n in range(processes)
    ]
    for process in running:
        process.start()
    try:
        yield results, stop
    finally:
        stop.set()
        end = time.monotonic() + 5.0
        while any(p.is_alive() for p in running) and time.monotonic() < end:
            try:
                results.get(timeout=0.1)
            except queue.Empty:
                continue
        for process in running:
            process.terminate()
