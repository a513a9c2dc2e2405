"""How near matching comes on nine effects, beside doing nothing, random settings and the default.

The research project's protocol: 24 kHz mono excerpts of 262,144 samples; reference = second half
through a random setting; input = first half, untouched; truth = first half through that setting,
peak-normalised like every prediction. MRSTFT against the truth; the search never sees it. Songs of
the test split alone. With ``-o`` items are kept, and a run that was stopped goes on from there.

    python benchmarks/match_effects.py SONGS [--items 30] [--budgets 50,100,300] [-o items.jsonl]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from dialin.data import mean_cosine, mfcc
from dialin.evaluation.metrics import mrstft
from dialin.matching.detail import detail
from dialin.matching.features import style_features
from dialin.matching.search import Search
from dialin.matching.style import make_target
from dialin.rendering import Job, RenderPool
from songs import PEAK, excerpts, find_songs

RATE, SAMPLES = 24_000, 262_144
EFFECTS = (
    "Overdrive", "Combo", "MultiBand", "Dynamics", "RingMod", "Delay", "Ambience", "ThruZero",
    "Leslie",
)  # fmt: skip
# Knobs that the project left at their defaults.
FIXED = {"Combo": ("model", "stereo"), "MultiBand": ("listen", "process"), "Leslie": ("mode",)}


def makes_sense(dry: np.ndarray, wet: np.ndarray) -> bool:
    """Mean cosine of MFCCs of at least 0.75, and not silent: ``(1, samples)`` each."""
    if not np.isfinite(wet).all() or float(np.mean(wet**2)) < 1e-5:
        return False
    return mean_cosine(mfcc(dry, RATE), mfcc(wet, RATE)) >= 0.75


def normalised(audio: np.ndarray) -> np.ndarray:
    return audio * (PEAK / max(float(np.abs(audio).max()), 1e-9))


def one_item(pool, spec, locked, audio, rng, budgets, seed):
    """All methods on one excerpt, or None if 100 random settings made no sense."""

    def draw():
        settings = np.clip(rng.random(spec.size), 0.01, 0.99)
        settings[list(locked)] = [locked[k] for k in locked]
        return spec.check(settings)

    def render(settings, sound):
        result = pool.render([Job(spec.uri, np.ascontiguousarray(sound), settings, RATE)])[0]
        return None if result.failure else result.value

    half = SAMPLES // 2
    dry = audio[:, :half]
    for _ in range(100):
        true = draw()
        whole = render(true, audio)
        if whole is not None and makes_sense(audio, whole):
            break
    else:
        return None
    truth = normalised(render(true, dry))[0]
    reference = normalised(whole[:, half:])

    def score(output):
        return mrstft(normalised(output)[0], truth)

    scores = {"untouched": score(dry), "default": score(render(spec.default, dry))}
    other = render(draw(), dry)
    scores["random"] = score(dry if other is None else other)
    # The truth's level says nothing: it was normalised.
    target = make_target([style_features(reference, RATE)], weights={"level": 0.0})
    shared = pool.share(dry, RATE)
    sound = style_features(dry, RATE), detail(dry, RATE)
    for budget in budgets:
        began = time.monotonic()
        search = Search(pool, spec, shared, sound, target, locked=locked, seed=seed, budget=budget)
        found = search.run()
        scores[f"seconds {budget}"] = time.monotonic() - began
        scores[f"search {budget}"] = score(render(found.settings, dry) if found.slots else dry)
        scores[f"left alone {budget}"] = float(not found.slots)
    pool.release(shared)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--items", type=int, default=30)
    parser.add_argument("--budgets", default="50,100,300")
    parser.add_argument("--effects", default=",".join(EFFECTS))
    parser.add_argument("--split", default="test", choices=["test", "valid"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    budgets = [int(b) for b in arguments.budgets.split(",")]
    songs = find_songs(arguments.songs, SAMPLES / RATE + 0.1, arguments.split)
    done = defaultdict(dict)
    run = {
        "seed": arguments.seed,
        "split": arguments.split,
        "budgets": budgets,
        "songs": len(songs),
    }
    if arguments.output and arguments.output.exists():
        for line in arguments.output.read_text().splitlines():
            row = json.loads(line)
            if row["run"] != run:
                raise SystemExit(f"{arguments.output} is of another run: {row['run']}, not {run}")
            done[row["effect"]][row["item"]] = row["scores"]
    print(f"{len(songs)} songs of the {arguments.split} split, seed {arguments.seed}, MRSTFT")
    methods = ["untouched", "random", "default", *(f"search {b}" for b in budgets)]
    print("effect      " + "".join(f"{m:>18s}" for m in methods) + "   ratio  s a match")
    with RenderPool() as pool:
        for effect in arguments.effects.split(","):
            spec = pool.describe(f"lv2:http://drobilla.net/plugins/mda/{effect}")
            locked = {
                spec.index(i): float(spec.default[spec.index(i)]) for i in FIXED.get(effect, ())
            }
            rows = []
            for item in range(arguments.items):
                scores = done[effect].get(item)
                attempt = 0
                while scores is None:
                    rng = np.random.default_rng(
                        [arguments.seed, EFFECTS.index(effect), item, attempt]
                    )
                    attempt += 1
                    _, audio = next(excerpts(songs, rng, rate=RATE, samples=SAMPLES, mono=True))
                    scores = one_item(pool, spec, locked, audio, rng, budgets, item)
                    if scores is not None and arguments.output:
                        line = {"run": run, "effect": effect, "item": item, "scores": scores}
                        with arguments.output.open("a") as file:
                            file.write(json.dumps(line) + "\n")
                rows.append(scores)
            cells = []
            for method in methods:
                values = np.array([row[method] for row in rows])
                error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
                cells.append(f"{values.mean():10.3f} ±{error:5.3f} ")
            base = np.mean([row["untouched"] for row in rows])
            ratios = "/".join(
                f"{np.mean([row[f'search {b}'] for row in rows]) / base:.2f}" for b in budgets
            )
            seconds = "/".join(
                f"{np.mean([row[f'seconds {b}'] for row in rows]):.1f}" for b in budgets
            )
            print(f"{effect:12s}" + "".join(cells) + f"   {ratios}  {seconds}", flush=True)


if __name__ == "__main__":
    main()
