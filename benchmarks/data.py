"""How fast pairs are made, beside the same steps written one after the other.

    python benchmarks/data.py SONGS [--pairs 40] [--output data.json]

SONGS is a folder of music. For each mda effect: pairs a second of processor time (so that a busy
machine does not matter) of ``make_pair`` in one process, from songs and from songs decoded already
(``--cache``; what that takes, once, is printed in seconds for each hour of music); the plain way,
which reads the excerpt with librosa, opens a fresh effect for each draw and computes librosa's
MFCCs of both sides for each draw; and pairs a second by the clock with one and two workers.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dialin.data import Recipe, find_songs, make_pair
from dialin.data.engine import data_pool, packed_pairs
from dialin.data.pairs import PairPlan
from dialin.data.reading import ReadingCache
from dialin.data.render import make_plan
from dialin.effects.open import open_effect

MDA = "lv2:http://drobilla.net/plugins/mda/"
FILLED: list[float] = []
EFFECTS = (
    "Overdrive",
    "Delay",
    "Ambience",
    "RingMod",
    "Combo",
    "Dynamics",
    "MultiBand",
    "ThruZero",
    "Leslie",
)


def recipe(songs: str, effect: str, pairs: int) -> Recipe:
    body = {"effect": MDA + effect, "songs": [{"root": songs}], "pairs": pairs}
    return Recipe.from_dict(body)


def plain_pair(plan: PairPlan, index: int) -> int:
    """One pair, step after step, nothing kept; returns the number of renders."""
    import librosa

    rng = np.random.default_rng(index)
    options = plan.recipe.excerpt
    rate = options.sample_rate
    while True:
        track = plan.corpus.draw(rng)
        start = rng.random() * (track.seconds - options.seconds)
        if start < 0:
            continue
        audio, _ = librosa.load(
            track.parts[0].path, sr=rate, offset=start, duration=options.seconds
        )
        audio = audio[: options.samples]
        halves = np.array_split(audio, 2)
        if audio.size < options.samples or min(np.mean(h**2) for h in halves) < options.silence:
            continue
        audio = audio * (10 ** (options.peak_dbfs / 20) / np.abs(audio).max())
        for draw in range(100):
            effect = open_effect(plan.recipe.effect)
            wet = effect.process(audio[None], rate, plan.spec.random(rng))[0]
            effect.close()
            both = (librosa.feature.mfcc(y=x, sr=rate, n_mfcc=30, n_mels=60) for x in (audio, wet))
            a, b = (values[1:] for values in both)
            norms = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
            close = np.mean((a * b).sum(axis=0) / np.maximum(norms, 1e-12)) >= 0.75
            if np.mean(wet**2) >= 1e-5 and close:
                return draw + 1


def cost(make: Callable[[int], Any], indices: range) -> tuple[float, list[Any]]:
    """Processor seconds a call, and the results."""
    start = time.process_time()
    made = [make(index) for index in indices]
    return (time.process_time() - start) / len(indices), made


def filling(plan: PairPlan, songs: int = 4) -> float:
    """Processor seconds that decoding an hour of music takes, over a few songs."""
    options = plan.recipe.excerpt
    hours = 0.0
    with tempfile.TemporaryDirectory() as folder:
        cache = ReadingCache(folder)
        start = time.process_time()
        for track in plan.corpus.tracks[:: max(1, len(plan.corpus.tracks) // songs)]:
            cache.read(track, 0.0, options.samples, options.sample_rate)
            hours += track.seconds / 3600
        return (time.process_time() - start) / hours


def by_the_clock(body: Recipe, workers: int) -> float:
    with data_pool(workers) as pool:
        plan = make_plan(body, pool)
        list(packed_pairs(pool, plan, range(2 * workers)))
        start = time.perf_counter()
        list(packed_pairs(pool, plan, range(10, 10 + body.pairs)))
        return body.pairs / (time.perf_counter() - start)


def measure(songs: str, name: str, pairs: int) -> dict[str, Any]:
    body = recipe(songs, name, pairs)
    effect = open_effect(body.effect)
    row: dict[str, Any] = {"effect": name}
    with tempfile.TemporaryDirectory() as cache:
        plain = PairPlan(body, find_songs(body), effect.spec)
        cached = PairPlan(body, plain.corpus, effect.spec, cache=cache)
        make_pair(effect, plain, 0)
        seconds, made = cost(lambda i: make_pair(effect, plain, i), range(1, pairs + 1))
        row["pairs_per_cpu_s"] = 1 / seconds
        refused = sum(len(pair.record.get("rejected", ())) for pair in made)
        row["accepted"] = round(len(made) / (len(made) + refused), 3)
        steps: dict[str, float] = {}
        for pair in made:
            for step, spent in pair.seconds.items():
                steps[step] = steps.get(step, 0.0) + spent
        row["shares"] = {k: round(v / sum(steps.values()), 3) for k, v in steps.items()}
        for pair in range(1, pairs + 1):
            make_pair(effect, cached, pair)
        if not FILLED:
            FILLED.append(filling(plain))
        row["fill_cpu_s_per_hour"] = FILLED[0]
        seconds, _ = cost(lambda i: make_pair(effect, cached, i), range(1, pairs + 1))
        row["pairs_per_cpu_s_decoded"] = 1 / seconds
    if importlib.util.find_spec("librosa"):
        plain_pair(plain, 0)
        seconds, _ = cost(lambda i: plain_pair(plain, i), range(1, pairs // 2 + 1))
        row["plain_pairs_per_cpu_s"] = 1 / seconds
        row["times_plain"] = row["pairs_per_cpu_s"] * seconds
        row["times_plain_decoded"] = row["pairs_per_cpu_s_decoded"] * seconds
    else:
        row["plain_pairs_per_cpu_s"] = "librosa is not installed"
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument(
        "--effects", default=",".join(EFFECTS), help="empty: only one and two workers by the clock"
    )
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows = []
    for name in filter(None, options.effects.split(",")):
        rows.append(measure(options.songs, name, options.pairs))
        print(json.dumps(rows[-1]), flush=True)
    body = recipe(options.songs, "Overdrive", 4 * options.pairs)
    clock = {str(workers): by_the_clock(body, workers) for workers in (1, 2)}
    clock["scaling"] = clock["2"] / clock["1"]
    print(json.dumps({"pairs_per_second_by_workers": clock}))
    if options.output:
        options.output.write_text(json.dumps({"effects": rows, "clock": clock}, indent=1) + "\n")


if __name__ == "__main__":
    main()
