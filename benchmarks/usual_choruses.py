"""Choruses as people use them: lags of 15 to 40 ms, little feedback, half wet, 0.4 to 5 Hz.

Knobs that are drawn evenly over their travel are mostly of other kinds. Dry references of the
protocol are sent through such choruses, and matched with the built-in one by `--budget` renders;
what comes out is compared with the input through the true settings. Beside it stand settings
drawn anew and the effect's default. Rows are kept, and a run goes on where it was.

    python benchmarks/usual_choruses.py songs/ -o usual.jsonl [-n 16] [--seed 7] [--split valid]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dialin
from dialin.effects.spec import EffectSpec
from dialin.evaluation.protocols import Dry
from dialin.evaluation.runner import Bench, Plan
from dialin.measures.music import coarse_difference
from dialin.measures.spectral import mrstft
from dialin.rendering import Job, RenderPool
from time_effects import ratio_text

CHORUS = "builtin:chorus"
RATE_WITHIN = 0.1


def usual(spec: EffectSpec, rng: np.random.Generator) -> NDArray[np.float64]:
    """Settings as people use them."""
    return spec.vector(
        {
            "rate": float(np.exp(rng.uniform(np.log(0.4), np.log(5.0)))),
            "depth": float(rng.uniform(8, 35)),
            "centre_delay": float(rng.uniform(15, 40)),
            "feedback": float(rng.uniform(-30, 30)),
            "mix": float(rng.uniform(30, 70)),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-n", type=int, default=16)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--split", default="valid")
    parser.add_argument("--budget", type=int, default=100)
    asked = parser.parse_args()
    lines = asked.output.read_text().splitlines() if asked.output.exists() else []
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    # Of each item the same, wherever a run goes on.
    rng = np.random.default_rng(asked.seed)
    with RenderPool(1) as pool:
        spec = pool.describe(CHORUS)
        protocol = Dry()
        plan = Plan(
            protocol, (asked.songs,), (CHORUS,), 1, ("untouched",), (), asked.split, asked.seed
        )
        bench = Bench(plan, pool)
        for number in range(asked.n):
            true, other = usual(spec, rng), usual(spec, rng)
            if number < len(rows):
                continue
            task = protocol.make(bench.source, CHORUS, number).task
            rate = task.sample_rate
            jobs = [Job(CHORUS, task.reference, true, rate)]
            jobs += [Job(CHORUS, task.input, v, rate) for v in (true, other, spec.default)]
            wet, truth, random, default = (result.get() for result in pool.render(jobs))
            match = dialin.match(
                (task.input, rate), (wet, rate), [CHORUS], budget=asked.budget, pool=pool,
                seed=task.seed,
            )  # fmt: skip
            native = {name.split(".")[1]: v for name, v in match.preset.native.items()}
            found = task.input
            if match.effects:
                (result,) = pool.render([Job(CHORUS, task.input, spec.vector(native), rate)])
                found = result.get()
            sounds = {"untouched": task.input, "random": random, "default": default, "match": found}
            rows.append(
                {
                    "true": true.tolist(),
                    "found": native if match.effects else None,
                    "mrstft": {n: float(mrstft(s, truth)) for n, s in sounds.items()},
                    "coarse": {n: coarse_difference(s, truth, rate) for n, s in sounds.items()},
                }
            )
            with asked.output.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(f"{number + 1} of {asked.n}", flush=True)
    show(rows, spec)


def show(rows: list[dict[str, Any]], spec: EffectSpec) -> None:
    """Print the table: ratios to the untouched input, with standard errors."""
    print("| | n | MRSTFT ratio | coarse ratio | rate within 10 % | left alone |")
    print("|---|---|---|---|---|---|")
    for method in ("untouched", "random", "default", "match"):
        cells = []
        for metric in ("mrstft", "coarse"):
            theirs, dry = (np.array([r[metric][m] for r in rows]) for m in (method, "untouched"))
            cells.append(ratio_text(theirs, dry))
        told = alone = "-"
        if method == "match":
            knob = spec.parameters[spec.index("rate")]
            places = [row["true"][spec.index("rate")] for row in rows]
            hits = [
                row["found"] is not None
                and abs(row["found"]["rate"] / knob.to_native(place) - 1) < RATE_WITHIN
                for row, place in zip(rows, places, strict=True)
            ]
            told, alone = f"{sum(hits)}", f"{sum(row['found'] is None for row in rows)}"
        print(f"| {method} | {len(rows)} | {' | '.join(cells)} | {told} | {alone} |")


if __name__ == "__main__":
    main()
