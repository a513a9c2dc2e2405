"""Which timbre attributes vary, which say the same, and which effect moves which.

    python benchmarks/timbre_study.py SONGS -o STUDY/ [--excerpts 3915] [--seed 0] [--fx URI,URI]

Excerpts of the songs in a folder are rendered through effects with random settings and measured
before and after; a table, a heat map and a report (docs/timbre.md) are written, beside the figures
of the project that dialin starts from. The table grows as it is made: a run that was stopped goes
on where it was.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import audio_info
from dialin.audio.listing import named_audio
from dialin.errors import AudioError, OutputError, UsageError
from dialin.files import check_not_read, write_text
from dialin.rendering import Job, RenderPool
from dialin.timbre import ATTRIBUTES
from dialin.workers import CallPool
from timbre_clips import SECONDS, Excerpt, measure_render, prepare
from timbre_statistics import (
    SEED_CLIPS,
    SEED_CORRELATIONS,
    choose,
    correlation,
    movement,
    plot_correlation,
    seed_agreement,
)

Floats = NDArray[np.float64]

MDA = "lv2:http://drobilla.net/plugins/mda/"
EFFECTS = (
    "builtin:compressor",
    "builtin:distortion",
    "builtin:reverb",
    "builtin:delay",
    "builtin:chorus",
    "builtin:phaser",
    MDA + "RingMod",
    MDA + "MultiBand",
    MDA + "Ambience",
)
"""Nine effects: dynamics, distortion, reverb, delay and modulation among them."""

LEAST_SECONDS = 20.0
"""Shorter files are no songs."""

LEAST_RATE = 22_050
CHUNK = 90
DRAWS = 6


def songs(folder: Path) -> list[Path]:
    """Audio files under `folder` that are long enough for a song, sorted."""
    long_enough = []
    for path in named_audio(folder):
        try:
            info = audio_info(path)
        except AudioError:
            continue
        if info.seconds >= LEAST_SECONDS and info.sample_rate >= LEAST_RATE:
            long_enough.append(path)
    if not long_enough:
        raise AudioError(
            f"there are no songs under {str(folder)!r}: no audio file of {LEAST_SECONDS:g} s or "
            f"more at {LEAST_RATE} Hz or more"
        )
    return long_enough


def _excerpts(
    files: Sequence[Path], count: int, rng: np.random.Generator, workers: int
) -> Iterator[tuple[list[Excerpt], Counter[str]]]:
    """Chunks of usable excerpts, drawn evenly over the files, and what was passed over."""
    made = 0
    with CallPool(workers) as processes:
        while made < count:
            passed: Counter[str] = Counter()
            size = min(CHUNK, 2 * (count - made))
            chosen = [str(files[i]) for i in rng.choice(len(files), size)]
            good: list[Excerpt] = []
            drawn = zip(chosen, rng.random(size).tolist(), strict=True)
            for made_of_it in processes.map(prepare, drawn):
                if isinstance(made_of_it, str):
                    passed[made_of_it] += 1
                else:
                    good.append(made_of_it)
            good = good[: count - made]
            made += len(good)
            if not good:
                raise AudioError(f"none of {size} excerpts could be used: {dict(passed)}")
            yield good, passed


def collect(
    folder: Path,
    table: Path,
    *,
    count: int,
    seed: int,
    effects: Sequence[str],
    pool: RenderPool,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Render and measure `count` excerpts of the songs under `folder`; rows go to `table`."""
    files = songs(folder)
    done = len(read_table(table)[0]) if table.exists() else 0
    rng = np.random.default_rng([seed, done])
    specs = {effect: pool.describe(effect) for effect in effects}
    columns = [f"{when}_{a}" for when in ("dry", "wet") for a in ATTRIBUTES]
    with table.open("a", newline="") as file:
        writer = csv.writer(file)
        if done == 0:
            writer.writerow(["excerpt", "effect", "settings", "rejected", *columns])
        for good, passed in _excerpts(files, count - done, rng, pool.workers):
            for row in _render(good, done, specs, rng, pool):
                writer.writerow(row)
            for reason, times in passed.items():
                writer.writerow([f"({times} passed over: {reason})", "", "", times])
            file.flush()
            done += len(good)
            if progress:
                progress(done)


def _render(
    good: Sequence[Excerpt],
    done: int,
    specs: dict[str, Any],
    rng: np.random.Generator,
    pool: RenderPool,
) -> Iterator[list[Any]]:
    """Rows of excerpts through one effect each, redrawn while the result is of no use."""
    effects = list(specs)
    waiting = {i: effects[(done + i) % len(effects)] for i in range(len(good))}
    rejected: dict[int, list[str]] = {i: [] for i in waiting}
    for _ in range(DRAWS):
        jobs, settings = [], {}
        for i, effect in waiting.items():
            spec, clip = specs[effect], good[i]
            settings[i] = spec.check(rng.uniform(0.01, 0.99, spec.size))
            jobs.append(
                Job(
                    effect,
                    clip.audio,
                    settings[i],
                    clip.rate,
                    measure=measure_render,
                    measure_args=(clip.mfcc,),
                )
            )
        for i, result in zip(list(waiting), pool.render(jobs), strict=True):
            value = "failed" if result.failure is not None else result.value
            if isinstance(value, str):
                rejected[i].append(value)
                continue
            knobs = " ".join(f"{v:.4f}" for v in settings[i])
            yield [
                *(good[i].name, waiting.pop(i), knobs, "+".join(rejected[i])),
                *(f"{v:.6g}" for v in (*good[i].values, *value)),
            ]
        if not waiting:
            return
    for i, effect in waiting.items():
        dry = [f"{v:.6g}" for v in good[i].values]
        yield [good[i].name, effect, "", "+".join(rejected[i]), *dry, *["nan"] * len(ATTRIBUTES)]


def read_table(table: Path) -> tuple[list[str], Floats, Floats, Counter[str], Counter[str]]:
    """Effects, dry and wet values, rejected renders and passed-over excerpts of a table."""
    effects: list[str] = []
    rows: list[list[float]] = []
    rejected: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    try:
        with table.open(newline="") as file:
            for row in csv.DictReader(file):
                if not row["effect"]:
                    reason = row["excerpt"].partition(": ")[2].rstrip(")")
                    passed[reason] += int(row["rejected"])
                    continue
                rejected.update(f"{r} ({row['effect']})" for r in row["rejected"].split("+") if r)
                effects.append(row["effect"])
                rows.append(
                    [float(row[f"{w}_{a}"] or "nan") for w in ("dry", "wet") for a in ATTRIBUTES]
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise UsageError(
            f"{str(table)!r} is no table of timbre that dialin wrote ({error}); "
            "delete it, or name another folder"
        ) from error
    values = np.array(rows).reshape(len(rows), 2, len(ATTRIBUTES))
    return effects, values[:, 0], values[:, 1], rejected, passed


def analyse(
    folder: Path,
    output: Path,
    *,
    count: int = 3_915,
    seed: int = 0,
    effects: Sequence[str] = EFFECTS,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Path]:
    """Run the analysis and write its table, heat map and report to `output`."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {str(output)!r}: {error.strerror}") from error
    table = output / "clips.csv"
    check_not_read([table, output / "report.md", output / "correlation.png"], named_audio(folder))
    with RenderPool(workers) as pool:
        collect(
            folder,
            table,
            count=count,
            seed=seed,
            effects=effects,
            pool=pool,
            progress=progress,
        )
    return [table, *report(table, output)]


def report(table: Path, output: Path) -> list[Path]:
    """Write heat map and report of a table of clips."""
    effects, dry, wet, rejected, passed = read_table(table)
    good = np.asarray(np.isfinite(wet).any(axis=1))
    effects = [e for e, ok in zip(effects, good, strict=True) if ok]
    dry, wet = dry[good], wet[good]
    strength = correlation(wet)
    choice = choose(ATTRIBUTES, wet, scales={"reverb": 100.0})
    count = len(effects)
    drawn = plot_correlation(
        ATTRIBUTES, strength, f"{count:,} excerpts through {len(set(effects))} effects",
        output / "correlation",
    )  # fmt: skip
    text = [
        "# Timbre of effected songs",
        "",
        f"{count:,} excerpts of {SECONDS:g} s, one of {len(set(effects))} effects each, random "
        f"settings, peaks at -12 dBFS before and after. Renders rejected and drawn anew: "
        f"{sum(rejected.values()):,}; excerpts given up after {DRAWS} draws: "
        f"{int((~good).sum())}; excerpts passed over: {sum(passed.values()):,}.",
        "",
        *_variance_lines(dry, wet),
        *_correlation_lines(strength),
        *_choice_lines(choice.kept, choice.reasons),
        *_movement_lines(dry, wet, effects),
        *_rejected_lines(rejected, passed),
    ]
    return [*drawn, write_text(output / "report.md", "\n".join(text) + "\n")]


def _variance_lines(dry: Floats, wet: Floats) -> list[str]:
    lines = [
        "## Spread",
        "",
        "| attribute | mean | variance | standard deviation | variance before | no value |",
        "|---|---|---|---|---|---|",
    ]
    for i, name in enumerate(ATTRIBUTES):
        w, d = wet[:, i], dry[:, i]
        lines.append(
            f"| {name} | {np.nanmean(w):.3g} | {np.nanvar(w):.4g} | {np.nanstd(w):.3g} | "
            f"{np.nanvar(d):.4g} | {int(np.isnan(w).sum())} |"
        )
    return [*lines, ""]


def _correlation_lines(strength: Floats) -> list[str]:
    agreement, difference = seed_agreement(ATTRIBUTES, strength)
    lines = [
        "## Correlation",
        "",
        "![Absolute correlation](correlation.png)",
        "",
        f"Beside the seed project's {SEED_CLIPS:,} clips (read off its heat map): over its pairs "
        f"the two sets of figures correlate at {agreement:.2f} and differ by {difference:.2f} on "
        "average.",
        "",
        "| pair | seed | here |",
        "|---|---|---|",
    ]
    for (a, b), seed in SEED_CORRELATIONS.items():
        here = strength[ATTRIBUTES.index(a), ATTRIBUTES.index(b)]
        lines.append(f"| {a} - {b} | {seed:.2f} | {here:.2f} |")
    return [*lines, ""]


def _choice_lines(kept: Sequence[str], reasons: Any) -> list[str]:
    return [
        "## Selection",
        "",
        f"Kept: {', '.join(kept)}. The seed project kept brightness and depth.",
        "",
        *(f"* {name} dropped: {reason}." for name, reason in reasons.items()),
        "",
    ]


def _movement_lines(dry: Floats, wet: Floats, effects: Sequence[str]) -> list[str]:
    lines = [
        "## Which attribute hears which effect",
        "",
        "Mean absolute change in standard deviations of the untouched excerpts (mean change in "
        "points in brackets; reverb as a probability).",
        "",
        "| effect | clips | " + " | ".join(ATTRIBUTES) + " |",
        "|---" * (len(ATTRIBUTES) + 2) + "|",
    ]
    for effect, (mean, _, size) in sorted(movement(dry, wet, effects).items()):
        cells = (f"{s:.2f} ({m:+.2g})" for s, m in zip(size, mean, strict=True))
        name = effect.rpartition("/")[2].rpartition(":")[2]
        lines.append(f"| {name} | {effects.count(effect)} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _rejected_lines(rejected: Counter[str], passed: Counter[str]) -> list[str]:
    lines = ["## Rejected", "", "| what | times |", "|---|---|"]
    lines += [f"| render {what} | {n} |" for what, n in rejected.most_common()]
    lines += [f"| excerpt {what} | {n} |" for what, n in passed.most_common()]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="songs")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--excerpts", type=int, default=3_915)
    parser.add_argument("--fx", default=",".join(EFFECTS), help="URIs, each by itself")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    written = analyse(
        options.folder,
        options.output,
        count=options.excerpts,
        seed=options.seed,
        effects=options.fx.split(","),
        workers=options.workers,
        progress=lambda done: print(f"{done} of {options.excerpts}", file=sys.stderr),
    )
    for path in written:
        print(path)


if __name__ == "__main__":
    main()
