"""Training the networks that guess chains and judge candidates: render and learn side by side.

Labels are unlimited, since they are rendered: processes make groups (`dialin.training.guess_group`)
for as long as they are given, and a `Learner` trains on all that is there so far.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from dialin.training.guess_group import Group
from dialin.training.guess_learner import Learner
from dialin.training.guess_rendering import Work, rendering

FIRST = 200
"""Groups for training from which learning begins."""


def train_side_by_side(
    work: Work,
    learners: Mapping[bool, Learner],
    besides: Mapping[str, Learner] | None = None,
    *,
    processes: int,
    render_seconds: float,
    seconds: float,
    batch: int = 1024,
    tell: Callable[[str], None] | None = None,
    save: Callable[[float], None] | None = None,
    done: float = 0.0,
    every: float = 30.0,
    save_every: float = 300.0,
) -> None:
    """Render and learn.

    What was learnt is saved when this is interrupted, too.

    Parameters
    ----------
    work : Work
        What to render.
    learners : mapping of bool to Learner
        True learns single effects.
    besides : mapping of str to Learner, optional
        Others that learn from the stores of these.
    processes : int
        That render.
    render_seconds, seconds : float
        How long to render, and how long to learn, from the beginning of the first run.
    batch : int
        Examples a step.
    tell : callable, optional
        Told how it goes.
    save : callable, optional
        Called with the seconds that are done.
    done : float
        Seconds that earlier runs took.
    every, save_every : float
        Seconds from check to check, and from one that is saved to the next.
    """
    began = time.monotonic() - done
    ready: set[str] = set()
    everybody = {"single" if one else "chain": learner for one, learner in learners.items()}
    everybody |= besides or {}
    checked = saved = time.monotonic()
    with rendering(work, processes) as (results, stop), _saved_at_last(save, began):
        while (now := time.monotonic() - began) < seconds:
            taken: dict[tuple[bool, bool], list[Group]] = {}
            block = 0.2 if not ready else 0.0
            for _ in range(64):
                try:
                    one, group = results.get(timeout=block) if block else results.get_nowait()
                except queue.Empty:
                    break
                taken.setdefault((one, group.valid), []).append(group)
            for (one, valid), groups in taken.items():
                if one in learners:
                    (learners[one].valid if valid else learners[one].train).add(groups)
            if now > render_seconds:
                stop.set()
            for name, learner in everybody.items():
                if name not in ready and learner.train.count >= FIRST:
                    if learner.steps == 0:
                        learner.measure_scale()
                    ready.add(name)
                # The scale is right once there is more to measure it by.
                elif name in ready and learner.steps == 300:
                    learner.measure_scale()
                if name in ready:
                    for _ in range(4):
                        learner.step(now / seconds, batch)
            if time.monotonic() - checked > every:
                checked = time.monotonic()
                for name in sorted(ready):
                    learner = everybody[name]
                    losses = learner.check()
                    if tell is not None:
                        counts = (learner.train.count, learner.valid.count)
                        figures = " ".join(f"{k} {v:.3f}" for k, v in losses.items())
                        tell(
                            f"{now / 60:.1f} of {seconds / 60:g} min, {name}: groups {counts}, "
                            f"steps {learner.steps}: {figures}"
                        )
                if save is not None and checked - saved > save_every:
                    saved = checked
                    save(now)
    for name in ready:
        everybody[name].check()


@contextmanager
def _saved_at_last(save: Callable[[float], None] | None, began: float) -> Iterator[None]:
    """Save when the block is left, however that is."""
    try:
        yield
    finally:
        if save is not None:
            save(time.monotonic() - began)
