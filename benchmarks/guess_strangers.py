"""First guesses for plugins that no network knows, beside random settings and a search alone.

Items are those of the protocol `half` (mono, 24 kHz), with other plugins than the nine. Of each way
the first answer, and the nearest by style distance of the first 4 and 16, are compared with the
truth (MRSTFT): proposals from what the knobs do to a test signal (`guess_by_probe`), settings drawn
as the protocol draws them, and the first positions of a search that knows nothing.

    python benchmarks/guess_strangers.py SONGS [--fx URI,...] [-n 8] [--split valid] -o rows.jsonl
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dialin.data.augment import to_peak
from dialin.errors import DialinError
from dialin.evaluation.items import Item
from dialin.evaluation.protocols.one_effect import OneEffect
from dialin.evaluation.runner import Bench, Plan
from dialin.evaluation.tables import bootstrap_p
from dialin.matching import MatchOptions
from dialin.matching.features import style_features
from dialin.matching.guessing.guess_probe import guess_by_probe
from dialin.matching.optimiser import KnobSearch
from dialin.matching.recordings import hear
from dialin.measures.spectral import mrstft
from dialin.rendering import Job, RenderPool

INVADA = "lv2:http://invadarecords.com/plugins/lv2/"
CALF = "lv2:http://calf.sourceforge.net/plugins/"
STRANGERS = (
    INVADA + "tube/mono",
    INVADA + "filter/lpf/mono",
    INVADA + "compressor/mono",
    INVADA + "phaser/mono",
    CALF + "TapeSimulator",
    CALF + "Reverb",
    CALF + "Crusher",
    "lv2:urn:zamaudio:ZamEQ2",
    "lv2:urn:zamaudio:ZamComp",
    "lv2:urn:zamaudio:ZamTube",
    "lv2:http://gareus.org/oss/lv2/fil4#mono",
)
COUNTS = (1, 4, 16)
MOST = max(COUNTS)


def compared(item: Item, pool: RenderPool) -> dict[str, float]:
    """What each way comes to on one item."""
    task = item.task
    rng = np.random.default_rng([task.seed % 2**31, 5])
    options = MatchOptions(weights=None if task.level_counts else {"level": 0.0})
    sounds = (task.input, task.sample_rate), (task.reference, task.sample_rate)
    target = hear(*sounds, options).target
    knobs = tuple(task.free)
    plain = KnobSearch(
        [task.spec.parameters[k] for k in knobs], task.default[list(knobs)], seed=0, budget=4 * MOST
    )
    positions: list[Any] = []
    while len(positions) < MOST:
        positions += plain.ask(MOST - len(positions))
    searched = [task.default for _ in positions]
    for vector, position in zip(searched, positions, strict=True):
        vector[list(knobs)] = position
    ways = {
        "probe": guess_by_probe(
            *(pool, task.spec.uri, knobs, style_features(*sounds[0])),
            *(task.sample_rate, target, MOST, 0),
        ),
        "random": [task.draw(rng) for _ in range(MOST)],
        "search": searched,
    }
    assert item.truth is not None and item.peak_dbfs is not None
    truth = to_peak(item.truth, item.peak_dbfs)
    row = {"untouched": float(mrstft(to_peak(task.input, item.peak_dbfs), truth))}
    for name, settings in ways.items():
        jobs = [Job(task.spec.uri, task.input, vector, task.sample_rate) for vector in settings]
        best: tuple[float, float] = (np.inf, row["untouched"])
        for number, result in enumerate(pool.render(jobs), start=1):
            if result.failure is None:
                wet = result.get()
                distance = float(target.distance(style_features(wet, task.sample_rate)))
                if distance < best[0]:
                    best = distance, float(mrstft(to_peak(wet, item.peak_dbfs), truth))
            if number in COUNTS:
                row[f"{name} {number}"] = best[1]
    return row


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare on all items that the file has not, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("songs")
    parser.add_argument("--fx", default=",".join(STRANGERS))
    parser.add_argument("-n", dest="items", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", default="valid")
    parser.add_argument("-o", dest="output", type=Path, required=True)
    parsed = parser.parse_args(arguments)
    effects = tuple(parsed.fx.split(","))
    rows = {}
    if parsed.output.exists():
        for line in parsed.output.read_text().splitlines():
            group, index, song, row = json.loads(line)
            rows[group, index] = (song, row)
    with RenderPool(1) as pool, parsed.output.open("a") as file:
        plan = Plan(
            OneEffect("half", groups=effects),
            (parsed.songs,),
            split=parsed.split,
            seed=parsed.seed,
            methods=("untouched",),
        )
        source = Bench(plan, pool).source
        for index in range(parsed.items):
            for group in effects:
                if (group, index) in rows:
                    continue
                try:
                    item = plan.protocol.make(source, group, index)
                    row = compared(item, pool)
                except DialinError as error:
                    print(f"{group} {index}: {error}", flush=True)
                    continue
                rows[group, index] = (item.record["input"]["song"], row)
                file.write(json.dumps([group, index, *rows[group, index]]) + "\n")
                file.flush()
    show({key: value for key, value in rows.items() if key[0] in effects})


def show(rows: dict[tuple[str, int], tuple[str, dict[str, float]]]) -> None:
    """Print means by plugin, and how sure the first proposal is better than a random setting."""
    names = list(next(iter(rows.values()))[1])
    print("| MRSTFT | n | " + " | ".join(names) + " | first better than random (p) |")
    print("|---|---|" + "---|" * (len(names) + 1))
    for group in [*dict.fromkeys(key[0] for key in rows), "all"]:
        kept = [value for key, value in rows.items() if group in (key[0], "all")]
        means = " | ".join(f"{np.mean([row[name] for _, row in kept]):.3f}" for name in names)
        gaps = np.array([row["probe 1"] - row["random 1"] for _, row in kept])
        p = bootstrap_p(gaps, [song for song, _ in kept])
        won = f"{100 * np.mean(gaps < 0):.0f} % ({p:.4f})"
        print(f"| {group.removeprefix('lv2:')} | {len(kept)} | {means} | {won} |")


if __name__ == "__main__":
    main()
