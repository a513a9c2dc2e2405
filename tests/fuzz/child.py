"""Tries damaged things one after another, and says on stdout how each went.

Started by `tests.fuzz.runs`: ``python -m tests.fuzz.child KIND FOLDER SEED FIRST LAST``. For each
case it prints ``> INDEX`` before and ``< INDEX OUTCOME MEGABYTES`` after, so that whoever reads
knows which case a crash or a hang belongs to. OUTCOME is ``ok``, ``refused`` (an error of dialin's
own) or ``fault``, whose traceback is added to ``faults.jsonl`` in the folder.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dialin.errors import DialinError
from tests.fuzz import documents, mutate

Case = Callable[[np.random.Generator], None]


def audio_case(folder: Path) -> Case:
    """A damaged sound file, read in every way that dialin reads one."""
    from dialin.audio import audio_info, read_audio, read_blocks
    from dialin.audio.reader import TOLERANCE

    sounds = [(file.suffix, file.read_bytes()) for file in sorted(folder.glob("[0-9]*.*"))]

    def case(rng: np.random.Generator) -> None:
        suffix, data = sounds[int(rng.integers(len(sounds)))]
        _, other = sounds[int(rng.integers(len(sounds)))]
        if rng.random() < 0.1:
            suffix = sounds[int(rng.integers(len(sounds)))][0]
        file = folder / f"case{suffix}"
        file.write_bytes(mutate.damaged(data, other, rng))
        info = audio_info(file)
        audio, rate = read_audio(file)
        assert audio.dtype == np.float32 and audio.ndim == 2 and rate == info.sample_rate
        assert np.isfinite(audio).all()
        # What the header is taken to say is what there is, but for what may be lost in the middle.
        there = audio.shape[1]
        assert 0 <= info.frames - there <= TOLERANCE * rate, (there, info)
        assert audio.shape[0] == info.channels
        total = sum(block.shape[1] for block in read_blocks(file, 4096))
        assert total == there, (total, there, info)
        if there > 10:
            part, _ = read_audio(file, start=there // 2, frames=there // 4)
            assert part.shape[1] <= there // 4

    return case


def broken_case(folder: Path) -> Case:
    """One of each failure, to try the harness with."""

    def case(rng: np.random.Generator) -> None:
        count = int((folder / "count").read_text()) if (folder / "count").exists() else 0
        (folder / "count").write_text(str(count + 1))
        if count == 1:
            raise ZeroDivisionError("a fault")
        if count == 2:
            while True:
                pass
        if count == 3:
            os.kill(os.getpid(), signal.SIGSEGV)

    return case


KINDS = {"audio": audio_case, "documents": documents.case, "broken": broken_case}


def peak_megabytes() -> int:
    """Most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss begins with what the process had that started this one.
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(kind: str, folder: str, seed: str, first: str, last: str) -> None:
    """Run the cases from `first` up to `last`."""
    warnings.simplefilter("ignore")
    # Libraries print too; what they say must not be taken for an outcome.
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    case = KINDS[kind](Path(folder))
    for index in range(int(first), int(last)):
        print(f"> {index}", file=told, flush=True)
        outcome = "ok"
        try:
            case(np.random.default_rng([int(seed), index]))
        except DialinError as error:
            outcome = "refused"
            str(error).encode("utf-8", "backslashreplace")
        except Exception:
            outcome = "fault"
            with (Path(folder) / "faults.jsonl").open("a") as file:
                file.write(json.dumps([index, traceback.format_exc(limit=-4)]) + "\n")
        peak = peak_megabytes()
        print(f"< {index} {outcome} {peak}", file=told, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
