"""Measure how much style features differ between two halves of one song under the same settings.

Writes ``src/dialin/matching/content_noise.json``. Uses the training split alone.

    python benchmarks/content_noise.py SONGS [--items 800] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from dialin.matching.features import feature_aspects, style_features
from dialin.rendering import Job, RenderPool
from songs import excerpts, find_songs

EFFECTS = (
    *(f"builtin:{n}" for n in ("compressor", "distortion", "reverb", "delay", "chorus", "phaser",
                               "peak", "highshelf", "lowpass")),
    *(f"lv2:http://drobilla.net/plugins/mda/{n}" for n in (
        "Overdrive", "Delay", "Ambience", "RingMod", "Combo", "Dynamics", "MultiBand", "Leslie",
        "ThruZero")),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--items", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    songs = find_songs(arguments.songs, 15.0, "train")
    differences = []
    with RenderPool() as pool:
        streams = {
            rate: excerpts(songs, rng, rate=rate, samples=2 * seconds * rate, mono=mono)
            for rate, seconds, mono in ((24_000, 5, True), (44_100, 5, False))
        }
        while len(differences) < arguments.items:
            rate = 24_000 if len(differences) % 3 == 0 else 44_100
            _, audio = next(streams[rate])
            half = audio.shape[1] // 2
            uri = EFFECTS[int(rng.integers(len(EFFECTS)))]
            settings = pool.describe(uri).random(rng)
            halves = [np.ascontiguousarray(h) for h in (audio[:, :half], audio[:, half:])]
            if rng.random() < 0.8:
                jobs = [Job(uri, h, settings, rate, measure=style_features) for h in halves]
                results = pool.render(jobs)
                if any(r.failure for r in results):
                    continue
                a, b = (r.value for r in results)
            else:
                a, b = (style_features(h, rate) for h in halves)
            differences.append(a - b)
    rows = np.array(differences)
    # A robust deviation: songs with a break in the middle are no content noise.
    noise = np.sqrt(np.nanmean(np.minimum(rows**2, np.nanpercentile(rows**2, 97, axis=0)), axis=0))
    noise = np.maximum(noise, 0.02 * np.nanmax(np.abs(rows), axis=0) + 1e-6)
    target = Path(__file__).parent.parent / "src/dialin/matching/content_noise.json"
    body = {
        "about": "sd of each style feature's difference between halves of one song",
        "items": len(differences),
        "songs": len(songs),
        "seed": arguments.seed,
        "noise": [round(float(v), 5) for v in noise],
    }
    target.write_text(json.dumps(body, indent=1) + "\n")
    names = np.array(feature_aspects())
    for aspect in dict.fromkeys(names):
        print(
            f"{aspect:11s} {(names == aspect).sum():3d} features, median noise "
            f"{np.median(noise[names == aspect]):.3f}"
        )


if __name__ == "__main__":
    main()
