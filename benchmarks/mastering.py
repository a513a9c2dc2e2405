"""Whole songs against a reference song: dialin's mastering chain beside Matchering, end to end.

The pairs are those of ``dialin evaluate mastering`` (three minutes of each song, at 44.1 kHz). Each
method gets two WAV files and writes one, in a process of its own; what it wrote is compared with
the reference in long-term spectrum, integrated loudness, crest factor and width, all of it and by
the same measures for both. Wall time, processor time and the most memory of the process and all it
started (proportional set size, looked at ten times a second) are kept beside. A run that was
stopped goes on with the same command; with ``--minutes`` it ends by itself in between, and with
``--keep`` the pairs lie in a folder as they were cut, so that nothing is decoded twice.

    python -m venv mg && mg/bin/pip install matchering==2.0.6
    python benchmarks/mastering.py songs/ --pairs 40 --matchering mg/bin/python -o rows.jsonl
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from dialin.audio import Audio, read_audio, resample, write_audio
from dialin.evaluation.corpus import open_corpus
from dialin.evaluation.items import Source
from dialin.evaluation.methods.matchering import SCRIPT
from dialin.evaluation.protocols.mastering import Mastering
from dialin.measures.level import crest_db, loudness, stereo_width
from dialin.measures.spectral import long_term_error
from dialin.rendering import RenderPool

RATE = 44_100
MEASURES = ("spectrum", "lufs", "crest", "width")
JUDGED = ("spectrum", "lufs", "crest")
LARGE_EQ = 9.0


def judged(audio: Audio, reference: Audio) -> dict[str, float]:
    """How far a result is from the reference."""
    return {
        "spectrum": float(long_term_error(audio, reference, RATE)),
        "lufs": abs(loudness(audio, RATE) - loudness(reference, RATE)),
        "crest": abs(crest_db(audio) - crest_db(reference)),
        "width": abs(stereo_width(audio) - stereo_width(reference)),
    }


def tree(root: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield root
    try:
        tasks = list(Path(f"/proc/{root}/task").iterdir())
        children = [int(c) for t in tasks for c in (t / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from tree(child)


def memory(root: int) -> float:
    """Proportional set size of a process and its descendants, in MB."""
    total = 0
    for process in tree(root):
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(r.split()[1]) for r in text.splitlines() if r.startswith("Pss:"))
    return total / 1024


def timed(command: Sequence[str], folder: Path) -> dict[str, float]:
    """Run a command; wall time, processor time of it and its children, and its most memory."""
    began, most = time.monotonic(), 0.0
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        over = threading.Event()

        def watch() -> None:
            nonlocal most
            while not over.wait(0.1):
                most = max(most, memory(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        over.set()
        watcher.join()
    if status:
        raise RuntimeError((folder / "log.txt").read_text()[-500:])
    cpu = usage.ru_utime + usage.ru_stime
    return {"seconds": time.monotonic() - began, "cpu": cpu, "memory_mb": most}


class Pairs:
    """Songs and references, cut once where they are kept."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._stack = ExitStack()
        self._source: Source | None = None

    def __enter__(self) -> Pairs:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def get(self, number: int) -> tuple[Audio, Audio]:
        """Input and reference."""
        options = self._options
        names = [f"{options.split}-{options.seed}-{number}-{n}.wav" for n in ("in", "ref")]
        kept = [options.keep / name for name in names] if options.keep else []
        if kept and all(path.exists() for path in kept):
            one, two = (read_audio(path)[0] for path in kept)
            return one, two
        if self._source is None:
            pool = self._stack.enter_context(RenderPool(workers=1))
            corpus = open_corpus(options.songs, options.split)
            self._source = Source(pool, corpus, options.seed)
        task = Mastering().make(self._source, "songs", number).task
        for path, audio in zip(kept, (task.input, task.reference), strict=False):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_audio(path, audio, RATE, overwrite=True)
        return task.input, task.reference


def run(method: str, pair: tuple[Audio, Audio], options: argparse.Namespace) -> dict[str, Any]:
    """One method on one pair."""
    audio, reference = pair
    if method == "untouched":
        return judged(audio, reference)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_audio(folder / "input.wav", audio, RATE)
        write_audio(folder / "reference.wav", reference, RATE)
        files = [str(folder / f"{n}.wav") for n in ("input", "reference", "result")]
        if method == "matchering":
            spent = timed([options.matchering, "-c", SCRIPT, *files], folder)
            made, rate = read_audio(folder / "result.wav")
        else:
            fx = method.split(":")
            command = [sys.executable, "-m", "dialin", "match", *files[:2], "-o", "out", "-q"]
            extra = [] if len(fx) < 2 else ["--max-eq", fx[1]]
            spent = timed([*command, "--fx", "mastering", *extra], folder)
            made, rate = read_audio(folder / "out" / "input.wav")
            spent |= json.loads((folder / "out" / "report.json").read_text())["song"]
        made = resample(made, rate, RATE)[:, : audio.shape[1]]
    return judged(np.ascontiguousarray(made), reference) | spent


def table(rows: list[dict[str, Any]]) -> str:
    """Means of all methods on the pairs that all have."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    by = {(row["pair"], row["method"]): row for row in rows if "error" not in row}
    pairs = sorted({row["pair"] for row in rows})
    pairs = [p for p in pairs if all((p, m) in by for m in methods)]
    lines = [f"{len(pairs)} pairs", "| | " + " | ".join(methods) + " |"]
    lines.append("|" + "---|" * (len(methods) + 1))
    for measure in (*MEASURES, "seconds", "cpu", "memory_mb"):
        cells = []
        for method in methods:
            values = [by[p, method][measure] for p in pairs if measure in by[p, method]]
            error = np.std(values) / np.sqrt(max(1, len(values) - 1)) if values else 0
            cells.append(f"{np.mean(values):.3f} ±{error:.3f}" if values else "")
        lines.append(f"| {measure} | " + " | ".join(cells) + " |")
    for method in methods:
        if method in ("matchering", "untouched") or "matchering" not in methods:
            continue
        mine = np.array([[by[p, method][m] for m in JUDGED] for p in pairs])
        theirs = np.array([[by[p, "matchering"][m] for m in JUDGED] for p in pairs])
        largest = np.array([by[p, method]["largest_eq_db"] for p in pairs])
        lines.append(
            f"{method}: closer than Matchering in spectrum, loudness and crest "
            f"{np.round(100 * (mine < theirs).mean(axis=0))} %, in all three of a pair "
            f"{100 * (mine < theirs).all(axis=1).mean():.0f} %, in their sum "
            f"{100 * (mine.sum(axis=1) < theirs.sum(axis=1)).mean():.0f} %; largest gain of an "
            f"equaliser {largest.max():.1f} dB, over {LARGE_EQ:g} dB in "
            f"{100 * (largest > LARGE_EQ).mean():.0f} %"
        )
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs", nargs="+")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="number of the first pair")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", default="test", choices=("test", "valid"))
    parser.add_argument("--methods", default="untouched,matchering,mastering")
    parser.add_argument("--matchering", default="", help="a Python that has Matchering 2.0.6")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--keep", type=Path, help="folder for the pairs as they are cut")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    rows = []
    if options.output.exists():
        rows = [json.loads(line) for line in options.output.read_text().splitlines()]
    done = {(row["pair"], row["method"]) for row in rows}
    methods = [m for m in options.methods.split(",") if m != "matchering" or options.matchering]
    began = time.time()
    with Pairs(options) as pairs:
        for number in range(options.first, options.pairs):
            missing = [m for m in methods if (number, m) not in done]
            if not missing:
                continue
            if time.time() - began > 60 * options.minutes:
                break
            pair = pairs.get(number)
            for method in missing:
                row: dict[str, Any] = {"pair": number, "method": method}
                try:
                    row |= run(method, pair, options)
                except (RuntimeError, OSError, KeyError) as error:
                    row["error"] = str(error)
                rows.append(row)
                with options.output.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    print(table([row for row in rows if row["method"] in methods]))


if __name__ == "__main__":
    main()
