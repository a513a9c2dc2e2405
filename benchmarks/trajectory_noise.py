"""Measure how much trajectories of cepstra differ between two halves of one song.

Writes ``src/dialin/matching/trajectory_noise.json``. Uses the training split alone, half of it
untouched, half through an effect that moves.

    python benchmarks/trajectory_noise.py SONGS [--items 300] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from dialin.matching.trajectories import trajectory_features
from dialin.rendering import Job, RenderPool
from songs import excerpts, find_songs

EFFECTS = (
    *("builtin:chorus", "builtin:phaser"),
    *(f"lv2:http://drobilla.net/plugins/mda/{n}" for n in ("Leslie", "ThruZero")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    songs = find_songs(arguments.songs, 15.0, "train")
    differences = []
    with RenderPool(workers=1) as pool:
        streams = {
            rate: excerpts(songs, rng, rate=rate, samples=2 * seconds * rate, mono=mono)
            for rate, seconds, mono in ((24_000, 5, True), (44_100, 5, False))
        }
        while len(differences) < arguments.items:
            rate = 24_000 if len(differences) % 2 == 0 else 44_100
            _, audio = next(streams[rate])
            half = audio.shape[1] // 2
            halves = [np.ascontiguousarray(h) for h in (audio[:, :half], audio[:, half:])]
            if rng.random() < 0.5:
                a, b = (trajectory_features(h, rate) for h in halves)
            else:
                uri = EFFECTS[int(rng.integers(len(EFFECTS)))]
                settings = pool.describe(uri).random(rng)
                jobs = [Job(uri, h, settings, rate, measure=trajectory_features) for h in halves]
                results = pool.render(jobs)
                if any(r.failure for r in results):
                    continue
                a, b = (r.value for r in results)
            differences.append(a - b)
    rows = np.array(differences)
    # A robust deviation: songs with a break in the middle are no content noise.
    noise = np.sqrt(np.nanmean(np.minimum(rows**2, np.nanpercentile(rows**2, 97, axis=0)), axis=0))
    target = Path(__file__).parent.parent / "src/dialin/matching/trajectory_noise.json"
    body = {
        "about": "sd of each trajectory feature's difference between halves of one song, in dB",
        "items": len(differences),
        "songs": len(songs),
        "seed": arguments.seed,
        "noise": [round(float(v), 4) for v in noise],
    }
    target.write_text(json.dumps(body, indent=1) + "\n")
    print(f"{noise.size} features, median noise {np.median(noise):.2f} dB")


if __name__ == "__main__":
    main()
