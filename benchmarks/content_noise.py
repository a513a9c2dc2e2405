"""Measure how much style features differ between two halves of one song under the same settings.

Writes ``src/dialin/matching/content_noise.json``. Uses the training split alone.

    python benchmarks/content_noise.py SONGS [--items 800] [--seed 1]

With ``--lengths`` it prints how much more short pieces differ from 5 s of the same song (the table
`GROWTH` of ``dialin.matching.style``), on songs of the valid split.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from dialin.matching.features import feature_aspects, style_features
from dialin.matching.style import LIMIT, content_noise
from dialin.rendering import Job, RenderPool
from songs import excerpts, find_songs

EFFECTS = (
    *(f"builtin:{n}" for n in ("compressor", "distortion", "reverb", "delay", "chorus", "phaser",
                               "peak", "highshelf", "lowpass")),
    *(f"lv2:http://drobilla.net/plugins/mda/{n}" for n in (
        "Overdrive", "Delay", "Ambience", "RingMod", "Combo", "Dynamics", "MultiBand", "Leslie",
        "ThruZero")),
)  # fmt: skip


LENGTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0)


def lengths(folder: Path, repeats: int, seed: int) -> None:
    """Print root mean square differences of pieces by their length, over those of 5 s."""
    rng = np.random.default_rng(seed)
    names = np.array(feature_aspects())
    rows: dict[float, list[np.ndarray]] = {length: [] for length in LENGTHS}
    rate = 44_100
    songs = find_songs(folder, 21.0, "valid")
    stream = excerpts(songs, rng, rate=rate, samples=20 * rate, mono=False)
    for _ in range(repeats):
        _, audio = next(stream)
        whole = style_features(np.ascontiguousarray(audio[:, 10 * rate : 15 * rate]), rate)
        for length in LENGTHS:
            count = int(length * rate)
            start = int(rng.integers(0, 10 * rate - count + 1))
            piece = np.ascontiguousarray(audio[:, start : start + count])
            if np.abs(piece).max() > 1e-3:
                difference = np.abs(style_features(piece, rate) - whole) / content_noise()
                rows[length].append(np.minimum(difference, LIMIT))
    for aspect in dict.fromkeys(names):
        own = [np.sqrt(np.nanmean(np.array(rows[n])[:, names == aspect] ** 2)) for n in LENGTHS]
        print(f"{aspect:11s}" + "".join(f"{value / own[-1]:7.2f}" for value in own))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--items", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lengths", action="store_true")
    arguments = parser.parse_args()
    if arguments.lengths:
        lengths(arguments.songs, 60, arguments.seed)
        return
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
