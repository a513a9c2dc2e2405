"""Runs of damaged files and documents through one process, and what is counted.

A case fails if it ends in anything but a result or an error of dialin's own, takes over five
seconds of the processor (or a minute by the clock), ends the process, or makes it grow beyond a
gigabyte.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import seeds

SECONDS = 5.0
"""Of the processor, that a case may take: by the clock a busy machine is slow at everything."""

STALLED_SECONDS = 60.0
"""By the clock, that a case may take, and the start of a process."""

MEGABYTES = 1024


@dataclass
class Tally:
    """What became of the cases.

    Attributes
    ----------
    outcomes : Counter
        ``ok``, ``refused``, ``fault``, ``crash``, ``hang``, ``memory``.
    faults : list of tuple of int and str
        Index of each case that failed, and what it said.
    peak : int
        Largest resident size of the process in MB.
    slowest : float
        Seconds of the slowest case.
    slowest_case : int
        Its index.
    processes : int
        One, and one more for each crash or hang.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    peak: int = 0
    slowest: float = 0.0
    slowest_case: int = -1
    processes: int = 0


def run(
    kind: str,
    count: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
    *,
    first: int = 0,
    ffmpeg: bool = True,
) -> Tally:
    """Try `count` damaged things of a kind, ``audio`` or ``documents``, from number `first` on.

    Without `ffmpeg` it is hidden from the process: what libsndfile refuses is then refused at
    once, which is many times quicker than to have ffmpeg refuse it too.
    """
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        if kind == "audio":
            seeds.sounds(folder)
        count += first
        while first < count:
            environment = dict(os.environ) if ffmpeg else os.environ | {"PATH": str(folder)}
            first = _process(kind, folder, seed, first, count, tally, progress, environment)
        if (folder / "faults.jsonl").exists():
            for line in (folder / "faults.jsonl").read_text().splitlines():
                tally.faults.append(tuple(json.loads(line)))
    return tally


def _process(
    kind: str,
    folder: Path,
    seed: int,
    first: int,
    last: int,
    tally: Tally,
    progress: Callable[[int], None] | None,
    environment: dict[str, str],
) -> int:
    """Run cases until the process ends; return the index to go on with."""
    tally.processes += 1
    command = [sys.executable, "-m", "tests.fuzz.child", kind, folder, seed, first, last]
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        # Where decoders grumble.
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    lines: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, daemon=True).start()
    index, began, used, done, over = first, 0.0, 0.0, first, False
    while True:
        try:
            line = lines.get(timeout=SECONDS / 2 if began else STALLED_SECONDS)
        except queue.Empty:
            stalled = not began or time.monotonic() - began > STALLED_SECONDS
            if not stalled and _processor_seconds(process.pid) - used < SECONDS:
                continue
            tally.outcomes["hang"] += 1
            tally.faults.append((index, "hang"))
            process.kill()
            process.wait()
            return index + 1
        if line is None:
            break
        mark, number, *rest = line.split()
        if mark == ">":
            index, began = int(number), time.monotonic()
            used = _processor_seconds(process.pid)
            continue
        outcome, peak = rest[0], int(rest[1])
        took = time.monotonic() - began
        if took > tally.slowest:
            tally.slowest, tally.slowest_case = took, index
        tally.peak = max(tally.peak, peak)
        if peak > MEGABYTES and not over:
            over, outcome = True, "memory"
            tally.faults.append((index, f"{peak} MB"))
        tally.outcomes[outcome] += 1
        done = int(number) + 1
        if progress is not None:
            progress(done)
    code = process.wait()
    if done >= last:
        return last
    tally.outcomes["crash"] += 1
    tally.faults.append((index, f"the process ended with {code}"))
    return index + 1


def _processor_seconds(pid: int) -> float:
    """Time of the processor that a process has used; the clock where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
