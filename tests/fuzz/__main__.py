"""Long runs: ``python -m tests.fuzz audio --count 10000 --seed 1``; see `make fuzz`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.fuzz import kills, runs


def main() -> int:
    """Run one kind of fuzzing and print a table; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=("audio", "documents", "kills"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--show", type=int, default=5, help="faults printed in full")
    parser.add_argument(
        "--no-ffmpeg", action="store_true", help="hide ffmpeg: many times quicker for audio"
    )
    parser.add_argument("--scenes", nargs="+", default=list(kills.KINDS), choices=kills.KINDS)
    given = parser.parse_args()
    began = time.monotonic()
    if given.kind == "kills":
        failures = kills.run(given.count, given.seed, tuple(given.scenes))
        print(f"{time.monotonic() - began:.0f} s, {len(failures)} failures")
        return bool(failures)

    def progress(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {given.count}", end="", file=sys.stderr, flush=True)

    how = {"first": given.first, "ffmpeg": not given.no_ffmpeg}
    tally = runs.run(given.kind, given.count, given.seed, progress, **how)
    print(file=sys.stderr)
    print(f"{given.kind}: {given.count} cases from {given.first} on, seed {given.seed}", end=", ")
    print(f"{time.monotonic() - began:.0f} s, {tally.processes} process(es)")
    for outcome, number in sorted(tally.outcomes.items()):
        print(f"  {outcome:10} {number}")
    print(f"  slowest {tally.slowest:.2f} s (case {tally.slowest_case}), peak {tally.peak} MB")
    for index, text in tally.faults[: given.show]:
        print(f"--- case {index}\n{text}")
    ends = Counter(text.splitlines()[-1][:100] for _, text in tally.faults)
    for end, number in ends.most_common(20):
        print(f"{number:5} {end}")
    return bool(tally.faults)


if __name__ == "__main__":
    sys.exit(main())
