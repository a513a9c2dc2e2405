"""How long the command `dialin match` takes from nothing: 30 s of stereo at 44.1 kHz.

Of two songs two pieces each are cut, of which the second is rendered through a chain of built-ins:
the reference. *Other music* is the clean and the metal guitar of ``examples/audio``, ten seconds,
where no voter is believed. Then the command is run, in a process of its own each time, the first of
which is not timed, until all is written. Printed are the seconds by the clock, the seconds of
processor time of the program and all its workers (which other programs blur less), the most memory
that they held together (private, and their share of what is shared), and a hash of what was
written, so that two versions can be told to give the same results. With ``--first`` each run has an
empty cache, as the very first match of a user does; else what was kept of the page of reports is
there.

    python benchmarks/match_cold.py songs/ [--repeats 3] [--only drive] [--first] [--keep out/]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from dialin.audio import read_audio, resample, write_audio
from dialin.effects import chain_uri, open_effect
from songs import find_songs

RATE, SECONDS = 44_100, 30
PAIRS: dict[str, dict[str, dict[str, float]]] = {
    "drive": {
        "highpass": {"frequency": 180.0},
        "distortion": {"drive": 18.0, "mix": 80.0},
        "delay": {"time": 320.0, "feedback": 35.0, "mix": 35.0},
    },
    "space": {
        "compressor": {"threshold": -30.0, "ratio": 5.0, "attack": 4.0, "release": 120.0},
        "chorus": {"rate": 1.3, "depth": 45.0, "centre_delay": 9.0, "mix": 50.0},
        "reverb": {"room_size": 70.0, "damping": 40.0, "wet": 35.0, "dry": 80.0},
    },
}
GUITARS = Path(__file__).parents[1] / "examples" / "audio"
OTHER = {"in.wav": "guitar-clean.flac", "ref.wav": "guitar-metal.flac"}
CASES: dict[str, tuple[str, list[str]]] = {
    "drive, first guess": ("drive", ["--fx", "auto", "--budget", "1"]),
    "drive, refined": ("drive", ["--fx", "auto"]),
    "space, first guess": ("space", ["--fx", "auto", "--budget", "1"]),
    "space, refined": ("space", ["--fx", "auto"]),
    "other music, refined": ("other", ["--fx", "auto"]),
    "compressor alone": ("space", ["--fx", "builtin:compressor", "--budget", "100"]),
    "reverb alone": ("space", ["--fx", "builtin:reverb", "--budget", "100"]),
}


def make_pair(song: Path, chain: dict[str, dict[str, float]], folder: Path) -> None:
    """Write an input, and another part of the same song through a chain."""
    folder.mkdir(parents=True, exist_ok=True)
    audio, rate = read_audio(song)
    audio = resample(np.repeat(audio, 2, axis=0)[:2] if len(audio) == 1 else audio[:2], rate, RATE)
    half, length = audio.shape[1] // 2, SECONDS * RATE
    write_audio(folder / "in.wav", audio[:, half - length : half], RATE, subtype="PCM_16")
    effect = open_effect(chain_uri([f"builtin:{name}" for name in chain]))
    settings = effect.spec.default
    wanted = {f"{name}.{knob}": v for name, knobs in chain.items() for knob, v in knobs.items()}
    for n, parameter in enumerate(effect.spec.parameters):
        if parameter.id in wanted:
            settings[n] = parameter.to_normalised(wanted.pop(parameter.id))
    assert not wanted, f"no such knobs: {wanted}"
    wet = effect.process(np.ascontiguousarray(audio[:, half : half + length]), RATE, settings)
    effect.close()
    wet = wet * np.float32(min(1.0, 0.9 / np.abs(wet).max()))
    write_audio(folder / "ref.wav", wet, RATE, subtype="PCM_16")


def family(root: int) -> list[int]:
    """Numbers of a process and of all below it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(words[1]), []).append(int(stat.parent.name))
    found = [root]
    for number in found:
        found += parents.get(number, [])
    return found


def memory(root: int) -> float:
    """MiB that a process and all below it hold; 0 where nobody says."""
    total = 0
    for number in family(root):
        try:
            lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def run(command: list[str], watch: bool, first: bool) -> tuple[float, float, float]:
    """Seconds by the clock, of processors, and MiB at most (if watched) of a command."""
    with tempfile.TemporaryDirectory() as cache:
        return _run(command, watch, os.environ | ({"XDG_CACHE_HOME": cache} if first else {}))


def _run(
    command: list[str], watch: bool, environment: dict[str, str]
) -> tuple[float, float, float]:
    began, peak = time.monotonic(), 0.0
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    ended = threading.Event()

    def look() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            peak = max(peak, memory(program.pid))

    if watch:
        threading.Thread(target=look, daemon=True).start()
    _, status, used = os.wait4(program.pid, 0)
    ended.set()
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {status}")
    return time.monotonic() - began, used.ru_utime + used.ru_stime, peak


def digest(folder: Path) -> str:
    """Of the settings, the choices and the audio that a match wrote."""
    report = json.loads((folder / "report.json").read_text("utf-8"))
    for name in ("seconds", "command", "rendered", "version"):
        report.pop(name)
    total = hashlib.sha256(json.dumps(report, sort_keys=True).encode())
    total.update((folder / "preset.json").read_bytes())
    for path in sorted(folder.glob("*.wav")):
        total.update(read_audio(path)[0].tobytes())
    return total.hexdigest()[:8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--split", default="valid")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[""], help="parts of the names of cases")
    parser.add_argument("--first", action="store_true", help="an empty cache for each run")
    parser.add_argument("--keep", type=Path, help="folder to leave recordings and results in")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        root = arguments.keep or Path(spare)
        if not all((root / name / "ref.wav").exists() for name in PAIRS):
            songs = find_songs(arguments.songs, 2 * SECONDS + 10, arguments.split)
            for n, (name, chain) in enumerate(PAIRS.items()):
                make_pair(songs[n * len(songs) // len(PAIRS)], chain, root / name)
        (root / "other").mkdir(parents=True, exist_ok=True)
        for name, guitar in OTHER.items():
            write_audio(root / "other" / name, *read_audio(GUITARS / guitar), overwrite=True)
        load = os.getloadavg()[0]
        print(f"{os.cpu_count()} cores, load {load:.1f}; medians of {arguments.repeats}")
        print("| | seconds | least | processor seconds | MiB | result |\n|---|---|---|---|---|---|")
        for name, (pair, options) in CASES.items():
            if not any(part in name for part in arguments.only):
                continue
            target = root / name.replace(", ", "-").replace(" ", "-")
            command = [sys.executable, "-m", "dialin", "match", str(root / pair / "in.wav")]
            command += [str(root / pair / "ref.wav"), "-o", str(target), "--overwrite", *options]
            # The first fills caches, and is watched, which the others are not.
            peak = run(command, True, arguments.first)[2]
            runs = [run(command, False, arguments.first)[:2] for _ in range(arguments.repeats)]
            clock, used = zip(*runs, strict=True)
            print(
                f"| {name} | {statistics.median(clock):.2f} | {min(clock):.2f} | "
                f"{statistics.median(used):.2f} | {peak:.0f} | {digest(target)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
