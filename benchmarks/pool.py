"""What the rendering pool costs, and what it gains.

Run ``python benchmarks/pool.py [--seed 0] [--repeats 15]``. It prints, for a 5 s stereo clip at
44.1 kHz, the median and the spread (10th to 90th percentile) over repeats of

* the overhead: time of a render through a pool of one worker, audio back in this process, less
  the time of the same render in this process; batches of both take turns, so that a busy machine
  disturbs both alike;
* the same in processor time of both processes together (Linux), which a busy machine disturbs
  much less, and its part in this process: with `w` the worker's time and `p` this process's, two
  cores can give at most 2 w / (w + p);
* the speed-up: renders a second with two workers against one, measured in the workers (as a
  match does: here the loudness comes back) and with all audio brought back to this process,
  which then has its part to do on the same two cores.

A repeat of the speed-up during which other programs took more than 4 % of the cores is not
counted and tried again (Linux), for at most 60 s a cell; `*` marks a cell where too few were
undisturbed, so that all are shown.

It exits with 1 if the overhead is 1 ms or more, or the speed-up less than 1.8 (on two cores or
more; measured in the workers). The load is printed beside the table.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

from dialin.audio import integrated_loudness
from dialin.effects.chain import chain_uri
from dialin.effects.default_chain import default_chain
from dialin.effects.open import open_effect
from dialin.rendering import Job, RenderPool

RATE = 44_100
SECONDS = 5


def spread(values: list[float]) -> str:
    low, middle, high = np.percentile(values, [10, 50, 90])
    return f"{middle:7.3f} ({low:.3f} to {high:.3f})"


def processor_seconds(pid: int | str) -> float:
    """Processor time a process has used; NaN where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def overhead(uri: str, audio: np.ndarray, settings: list, repeats: int) -> dict[str, list]:
    """Milliseconds a render here, and milliseconds more through a pool of one worker."""
    effect = open_effect(uri)
    table: dict[str, list] = {"here": [], "extra": [], "here_cpu": [], "parent_cpu": []}
    with RenderPool(workers=1) as pool:
        dry = pool.share(audio, RATE)
        jobs = [Job(uri, dry, s) for s in settings]
        pool.render(jobs)
        worker = pool.call(os.getpid)
        before = processor_seconds(worker)
        for _ in range(repeats):
            start, start_cpu = time.perf_counter(), time.process_time()
            for s in settings:
                effect.process(audio, RATE, s)
            middle, middle_cpu = time.perf_counter(), time.process_time()
            for _, result in pool.render_iter(jobs):
                result.get()
            end, end_cpu = time.perf_counter(), time.process_time()
            here = 1000 * (middle - start) / len(jobs)
            table["here"].append(here)
            table["extra"].append(1000 * (end - middle) / len(jobs) - here)
            table["here_cpu"].append(1000 * (middle_cpu - start_cpu) / len(jobs))
            table["parent_cpu"].append(1000 * (end_cpu - middle_cpu) / len(jobs))
        # The kernel counts another process's time in steps of 10 ms: only the sum means anything.
        used = processor_seconds(worker) - before
        table["worker_cpu"] = [1000 * used / (repeats * len(jobs))]
    return table


def busy_seconds() -> float:
    """Processor time all programs have used on all cores; NaN where the system does not tell."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except OSError:
        return float("nan")
    user, nice, system, _idle, _wait, irq, soft = (int(f) for f in fields[:7])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def speed_up(
    uri: str, audio: np.ndarray, settings: list, repeats: int, *, back: bool
) -> tuple[str, float]:
    """Renders a second with two workers over renders a second with one, as a cell."""
    calm, every = [], []
    measure = None if back else integrated_loudness
    with RenderPool(workers=1) as one, RenderPool(workers=2) as two:
        batches = []
        for pool in (one, two):
            dry = pool.share(audio, RATE)
            batches.append((pool, [Job(uri, dry, s, measure=measure) for s in settings]))
            # Twice, so that each worker has opened the effect.
            pool.render(batches[-1][1] * 2)
        pids = [pid for pool in (one, two) for pid in pool.process_ids()]

        def ours() -> float:
            return time.process_time() + sum(processor_seconds(pid) for pid in pids)

        end = time.monotonic() + 60
        while len(calm) < repeats and time.monotonic() < end:
            seconds = []
            begun, mine, busy = time.perf_counter(), ours(), busy_seconds()
            for pool, jobs in batches:
                start = time.perf_counter()
                for _, result in pool.render_iter(jobs):
                    result.get()
                seconds.append(time.perf_counter() - start)
            every.append(seconds[0] / seconds[1])
            others = busy_seconds() - busy - (ours() - mine)
            share = others / (os.cpu_count() or 1) / (time.perf_counter() - begun)
            if not share > 0.04:
                calm.append(every[-1])
    enough = len(calm) >= min(3, repeats)
    values = calm if enough else every
    return f"{spread(values)}{' ' if enough else '*'} ", float(np.median(values))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    audio = rng.normal(0, 0.1, (2, SECONDS * RATE)).astype(np.float32)
    load = f", load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    cores = os.cpu_count() or 1
    print(f"{SECONDS} s stereo at {RATE} Hz, {cores} cores{load}, seed {arguments.seed}, ")
    print(f"median (10th to 90th percentile) of {arguments.repeats} repeats of 40 renders\n")
    print(f"{'effect':<20}{'here, ms a render':<28}{'overhead of the pool, ms':<28}", end="")
    print(f"{'in CPU time, ms':<23}{'two workers, x':<24}audio back, x")
    good = True
    names = {chain_uri(default_chain()): "default chain"}
    for uri in ("fake:gain", "builtin:compressor", "builtin:reverb", *names):
        spec = open_effect(uri).spec
        settings = [spec.random(rng) for _ in range(40)]
        cost = overhead(uri, audio, settings, arguments.repeats)
        row = f"{names.get(uri, uri):<20}{spread(cost['here']):<28}{spread(cost['extra']):<28}"
        parent, worker = np.mean(cost["parent_cpu"]), cost["worker_cpu"][0]
        row += f"{parent + worker - np.mean(cost['here_cpu']):.3f} ({parent:.3f} here)   "
        good &= float(np.median(cost["extra"])) < 1.0
        if uri != "fake:gain" and cores >= 2:
            cell, ratio = speed_up(uri, audio, settings, arguments.repeats, back=False)
            row += cell
            row += speed_up(uri, audio, settings, arguments.repeats, back=True)[0]
            good &= ratio >= 1.8
        print(row, flush=True)
    print(
        "\ntargets: overhead below 1 ms a render, two workers at least 1.8 times as fast: ", end=""
    )
    print("met" if good else "MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
