"""Agreement, speed and failures of dialin.timbre beside the reference, in one run.

    OMP_NUM_THREADS=1 python benchmarks/timbre.py CLIPS --reference-python PEER/bin/python

CLIPS is a folder of audio files. PEER is an environment with timbral_models 0.4, librosa 0.9.2,
numpy 1.23.5, scipy 1.15.3, numba 0.60.0, scikit-learn 1.7.2, resampy 0.4.3, pyloudnorm 0.2.0 and
soundfile. Times are CPU seconds of one thread. Without a reference, only ours is measured.
``--failures DIR`` measures clips of every file in DIR instead, and counts what goes wrong.
``--roofline`` says instead where the time of one clip goes, and what of it the machine's own speed
demands.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dialin.timbre import ATTRIBUTES, COMPILED, Timbre, timbre, timbre_batch

TOLERANCE = {
    "hardness": 0.05,
    "depth": 0.05,
    "brightness": 0.1,
    "roughness": 0.1,
    "warmth": 0.05,
    "sharpness": 0.1,
    "boominess": 0.1,
    "rt60": 0.005,
}
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}


def best(function: Any, times: int = 5) -> float:
    """Least CPU seconds of a call."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return min(seconds)


def values_of(result: Timbre) -> dict[str, float]:
    """Values as the reference names them: RT60 for reverb."""
    return {**{n: result[n] for n in ATTRIBUTES if n != "reverb"}, "rt60": result.rt60}


def reference(python: str, paths: list[Path]) -> list[dict[str, Any]]:
    """What the reference gives, run in its own environment."""
    done = subprocess.run(
        [python, str(Path(__file__).with_name("timbre_reference.py"))],
        input="\n".join(str(p.resolve()) for p in paths),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def agreement(ours: list[dict[str, float]], theirs: list[dict[str, Any]]) -> list[str]:
    """Lines of a table: how far apart the two are."""
    lines = ["| attribute | n | within | largest | second | p95 | median | Pearson r |"]
    lines.append("|---" * 8 + "|")
    for name, limit in TOLERANCE.items():
        pairs = [(o[name], t["values"][name]) for o, t in zip(ours, theirs, strict=True)
                 if name in t["values"] and not np.isnan(o[name])]  # fmt: skip
        x, y = np.array(pairs).T
        e = np.sort(np.abs(x - y))
        lines.append(
            f"| {name} | {e.size} | {np.mean(e <= limit):.1%} <= {limit} | {e[-1]:.2g} | "
            f"{e[-2]:.2g} | {np.quantile(e, 0.95):.2g} | {np.median(e):.1g} | "
            f"{np.corrcoef(x, y)[0, 1]:.7f} |"
        )
    return lines


def strays(ours: list[dict[str, float]], theirs: list[dict[str, Any]]) -> list[str]:
    """Clips outside the tolerances, and those on which the reference disagrees with itself."""
    lines = []
    for own, answer in zip(ours, theirs, strict=True):
        name, values = Path(answer["path"]).name, answer["values"]
        far = {n: round(abs(own[n] - values[n]), 4)
               for n, limit in TOLERANCE.items()
               if n in values and abs(own[n] - values[n]) > limit}  # fmt: skip
        if far:
            lines.append(f"outside: {name} ({answer['rate']} Hz) {far}")
        quieter = answer.get("quieter_depth", values.get("depth", 0.0))
        if abs(quieter - values.get("depth", quieter)) > 0.05:
            lines.append(f"the reference's depth of {name} is {values['depth']:.4f}, and at 0.7 of "
                         f"the level {quieter:.4f}; ours {own['depth']:.4f}")  # fmt: skip
    return lines


def long_gain(clips: list[Any]) -> float:
    """CPU time of clips one by one over that of all of them as one long clip.

    An upper bound of what measuring several clips in one call could bring: fewer calls, fuller
    vectors.
    """
    whole = np.concatenate(clips)
    each = sum(best(lambda a=a: timbre(a, 44_100), 3) for a in clips)
    return each / best(lambda: timbre(whole, 44_100), 3)


def floor_seconds(path: Path) -> float:
    """CPU seconds of reading a file and one STFT of it."""
    from scipy import fft

    def floor() -> None:
        audio, _ = soundfile.read(path, dtype="float32")
        rows = np.lib.stride_tricks.sliding_window_view(audio, 2048)[::1024]
        fft.rfft(rows * np.hanning(2048).astype(np.float32), axis=1)

    return best(floor, 9)


def first_call() -> float:
    """CPU seconds of a process that imports timbre and measures 5 s once."""
    code = (
        "import time, numpy as np, dialin.timbre as t;"
        "t.timbre(np.random.default_rng(0).normal(0, .1, 220500), 44100);"
        "print(time.process_time())"
    )
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                             check=True).stdout)
        for _ in range(3)
    ]  # fmt: skip
    return min(runs)


def machine() -> tuple[float, float]:
    """Float32 operations a second of one thread (a product of matrices), and bytes copied."""
    a = np.ones((512, 512), np.float32)
    source, target = np.ones(2**24, np.float32), np.empty(2**24, np.float32)
    return 2 * 512**3 / best(lambda: a @ a, 20), 2 * source.nbytes / best(
        lambda: np.copyto(target, source), 9
    )


def roofline(folder: Path) -> None:
    """Print CPU time, operations and bytes of each kernel beside what they would take at least.

    Operations are those of the transforms (5/2 N log2 N each, of real samples); bytes are those of
    what goes in and comes out. Whatever else a kernel does (medians, peaks, recursions) is no part
    of the floor.
    """
    from types import FunctionType

    from dialin.timbre import native

    clips = [soundfile.read(p)[0] for p in sorted(folder.iterdir()) if p.suffix in SUFFIXES]
    clips = [clip for clip in clips if len(clip) == 220_500]
    whole = float(np.mean([best(lambda c=c: timbre(c.T, 44_100)) for c in clips]))
    rate, bandwidth = machine()
    spent: dict[str, np.ndarray] = {}
    operations, turns, repeats = [0.0], [0], 9
    framing = native._frames

    def frames(*arguments: Any) -> Any:
        made = framing(*arguments)
        operations[0] += made.count * 2.5 * made.size * np.log2(made.size)
        return made

    def watched(name: str, kernel: Any) -> Any:
        def call(*arguments: Any) -> Any:
            operations[0] = 0.0
            begun = time.process_time()
            result = kernel(*arguments)
            seconds = time.process_time() - begun
            # An inverse transform and that of its columns: see `_percussion.c`.
            flops = operations[0] * (3 if name == "percussive_energies" else 1)
            out = result if isinstance(result, tuple) else (result,)
            moved = sum(a.nbytes for a in (*arguments, *out) if isinstance(a, np.ndarray))
            row = spent.setdefault(name, np.zeros((repeats, 3)))
            row[turns[0]] += np.array([seconds, flops, moved]) / len(clips)
            return result

        return call

    kept = {n: f for n, f in vars(native).items() if isinstance(f, FunctionType)
            and not n.startswith("_") and f.__module__ == native.__name__}  # fmt: skip
    native._frames = frames
    for name, kernel in kept.items():
        setattr(native, name, watched(name, kernel))
    for turns[0] in range(repeats):
        for clip in clips:
            timbre(clip.T, 44_100)
    print(f"{len(clips)} clips of 5 s; {rate / 1e9:.0f} Gflop/s, {bandwidth / 1e9:.0f} GB/s\n")
    print("| kernel | CPU ms | Mflop | MB | Gflop/s | floor, ms |\n|---|---|---|---|---|---|")
    lowest = inside = 0.0
    least = {name: rows.min(axis=0) for name, rows in spent.items()}
    for name, (seconds, flops, moved) in sorted(least.items(), key=lambda item: -item[1][0]):
        floor = max(flops / rate, moved / bandwidth)
        lowest, inside = lowest + floor, inside + seconds
        print(f"| {name} | {1e3 * seconds:.2f} | {flops / 1e6:.1f} | {moved / 1e6:.1f} | "
              f"{flops / seconds / 1e9:.0f} | {1e3 * floor:.2f} |")  # fmt: skip
    print(f"| NumPy and Python around them | {1e3 * (whole - inside):.2f} | | | | |")
    print(f"| all | {1e3 * whole:.2f} | | | | {1e3 * lowest:.2f} |")


def compare(folder: Path, python: str | None) -> None:
    """Print agreement and speed over a folder of clips."""
    paths = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES)
    clips = [soundfile.read(p) for p in paths]
    measured = [values_of(timbre(audio.T, rate)) for audio, rate in clips]
    print(f"{len(paths)} clips, compiled kernels: {COMPILED}")
    full = [i for i, (a, rate) in enumerate(clips) if rate == 44_100 and len(a) == 220_500]
    ours = {
        "all": [best(lambda a=clips[i]: timbre(a[0].T, a[1])) for i in full],
        "brightness + depth": [
            best(lambda a=clips[i]: timbre(a[0].T, a[1], ["brightness", "depth"])) for i in full
        ],
    }
    for name in ATTRIBUTES:
        ours[name] = [best(lambda a=clips[i], n=name: timbre(a[0].T, a[1], n), 3) for i in full]
    slow = [i for i, (a, rate) in enumerate(clips) if rate == 24_000]
    ours["all, 24 kHz"] = [best(lambda a=clips[i]: timbre(a[0].T, a[1])) for i in slow] or [np.nan]
    start = time.process_time()
    list(timbre_batch([(clips[i][0].T, clips[i][1]) for i in full], workers=1))
    throughput = len(full) / (time.process_time() - start)
    theirs: dict[str, list[float]] = {}
    if python is not None:
        answers = reference(python, paths)
        print("\n".join([*agreement(measured, answers), *strays(measured, answers)]))
        for own, answer in zip(measured, answers, strict=True):
            for name, error in answer["errors"].items():
                print(f"the reference fails: {Path(answer['path']).name} {name}: {error}; "
                      f"ours {own.get(name, own['rt60']):.3f}")  # fmt: skip
            if "at_44100" in answer:
                apart = {n: round(abs(own[n] - v), 4)
                         for n, v in answer["at_44100"]["values"].items()}  # fmt: skip
                print(f"{Path(answer['path']).name} ({answer['rate']} Hz): differences to the "
                      f"reference fed 44.1 kHz: {apart}")  # fmt: skip
        for i in full:
            seconds = answers[i]["seconds"]
            for name, value in seconds.items():
                theirs.setdefault(name, []).append(value)
            theirs.setdefault("all", []).append(sum(seconds.values()))
            both = seconds["brightness"] + seconds["depth"]
            theirs.setdefault("brightness + depth", []).append(both)
        for i in slow:
            theirs.setdefault("all, 24 kHz", []).append(sum(answers[i]["seconds"].values()))
    print("\n| 5 s, CPU ms | ours median | p95 | reference median | ratio |")
    print("|---" * 5 + "|")
    for name, seconds in ours.items():
        median = float(np.median(seconds))
        other = float(np.median(theirs.get(name, [np.nan])))
        print(f"| {name} | {median * 1e3:.1f} | {np.quantile(seconds, 0.95) * 1e3:.1f} | "
              f"{other * 1e3:.0f} | {other / median:.0f}x |")  # fmt: skip
    least = floor_seconds(paths[full[0]])
    print(f"\nfloor (read this file + one STFT) {least * 1e3:.1f} ms: all eight are "
          f"{np.median(ours['all']) / least:.1f}x above it")  # fmt: skip
    mono = [clips[i][0] for i in full if clips[i][0].ndim == 1][:8]
    print(f"one by one over all as one long clip: {long_gain(mono):.2f}x the CPU time")
    print(f"throughput {throughput:.1f} clips a second and core")
    print(f"first call in a process {first_call():.2f} s")


def failures(folder: Path, count: int, seed: int) -> None:
    """Measure real clips, many processed or at 24 kHz float32; count what goes wrong."""
    from pedalboard import Chorus, Compressor, Delay, Distortion, HighpassFilter, Pedalboard, Reverb
    from pedalboard.io import StreamResampler

    chains = [
        None,
        Pedalboard([Distortion(30)]),
        Pedalboard([Compressor(-40, 10), Chorus()]),
        Pedalboard([HighpassFilter(3_000)]),
        Pedalboard([Delay(0.2, 0.6, 0.5), Reverb(0.9, wet_level=0.6)]),
    ]
    rng = np.random.default_rng(seed)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    rates = {44_100: 0, 24_000: 0}
    raised: list[str] = []
    unexplained: list[str] = []
    reasons: dict[str, int] = {}
    made = 0
    while made < count:
        path = paths[int(rng.integers(len(paths)))]
        try:
            info = soundfile.info(path)
            frames = min(info.frames, 5 * info.samplerate)
            start = int(rng.random() * (info.frames - frames))
            audio, rate = soundfile.read(
                path, start=start, frames=frames, dtype="float32", always_2d=True
            )
        except soundfile.LibsndfileError:
            continue
        if len(audio) < 0.1 * rate or rate < 8_000:
            continue
        x = np.ascontiguousarray(audio.T)
        chain = chains[int(rng.integers(len(chains)))]
        if chain is not None:
            x = chain(x, rate)
        if rng.random() < 0.5 and rate != 24_000:
            resampler = StreamResampler(rate, 24_000, x.shape[0])
            x = np.concatenate([resampler.process(x), resampler.process(None)], axis=1)
            rate = 24_000
            x = (x * (0.25 / max(float(np.abs(x).max()), 1e-9))).astype(np.float32)
        rates[rate] = rates.get(rate, 0) + 1
        made += 1
        try:
            result = timbre(x, rate)
        except Exception as error:
            raised.append(f"{path} {error!r}")
            continue
        for name in ATTRIBUTES:
            if not np.isfinite(result[name]):
                if name not in result.reasons:
                    unexplained.append(f"{path} {name}")
                else:
                    key = f"{name}: {result.reasons[name].partition(':')[0]}"
                    reasons[key] = reasons.get(key, 0) + 1
    print(f"{made} clips ({rates}): {len(raised)} exceptions, {len(unexplained)} unexplained NaN")
    print("\n".join([*raised[:5], *unexplained[:5]]))
    for reason, times in sorted(reasons.items(), key=lambda item: -item[1]):
        print(f"  {times} x {reason}")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("--reference-python")
    parser.add_argument("--roofline", action="store_true")
    parser.add_argument("--failures", type=Path)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.failures:
        failures(options.failures, options.count, options.seed)
    if options.clips and options.roofline:
        roofline(options.clips)
    elif options.clips:
        compare(options.clips, options.reference_python)


if __name__ == "__main__":
    main()
