"""Which features know the true setting of an effect? The style distance, and ones with others.

The true setting of an effect and 18 random ones are rendered on the input and compared with the
reference, which plays other music (items as in ``time_effects.py``), by

* ``style``: the style distance;
* ``cepstrum``: its echoes and combs replaced by the lowest value and the energy of the cepstrum of
  the whole recording, in 24 bins of lag each;
* ``replaced``: the same by all of `dialin.measures.time_features`: both ends of the cepstrum and
  decay slopes, and in modulation moving cepstra and lines beside what is there;
* ``both``: all of these, and echoes and combs;
* ``moving``: as ``cepstrum``, and means of moving cepstra in modulation.

The table gives the mean share of random settings that come out nearer than the true one (0 is best,
0.5 chance) with its standard error, and how often none does. Content noise of what the style
distance lacks is measured as by ``content_noise.py``, on songs of the train split.

    python benchmarks/style_ranks.py SONGS -o rows/ [--n 11] [--seed 11] [--split valid]
        [--pairs 300] [--effects builtin:delay,Delay,lv2:URI]

Rows are kept in the folder, and a run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from content_noise import EFFECTS as NOISE_EFFECTS
from dialin.data.mda import NINE
from dialin.evaluation.corpus import open_corpus
from dialin.evaluation.items import Source
from dialin.evaluation.protocols import OneEffect, get_protocol
from dialin.evaluation.protocols.one_effect import effect_of
from dialin.matching.features import LAGS, feature_aspects
from dialin.matching.guessing.gap_features import gap_features
from dialin.matching.style import DEFAULT_WEIGHTS, LIMIT, content_noise
from dialin.measures.bands import GROUPS
from dialin.measures.time_features import (
    ENERGY_LAGS,
    LINE_BANDS,
    LONG_LAGS,
    MOTION_BANDS,
    MOTION_LAGS,
    SHORT_LAGS,
    SLOPE_FRAMES,
    SLOPES,
)
from dialin.rendering import Job, RenderPool
from songs import excerpts, find_songs

OTHERS = 18
MDA_SMOOTH = ("Overdrive", "MultiBand", "Dynamics")
TIME = (
    *("builtin:delay", "builtin:reverb", "Delay", "Ambience"),
    "lv2:http://calf.sourceforge.net/plugins/VintageDelay",
    "lv2:http://invadarecords.com/plugins/lv2/delay/mono",
    "lv2:http://distrho.sf.net/plugins/MaFreeverb",
    "lv2:http://plugin.org.uk/swh-plugins/gverb",
)
MOTION = ("builtin:chorus", "builtin:phaser", "Leslie")
SMOOTH = ("builtin:compressor", "builtin:distortion", "builtin:lowpass", *MDA_SMOOTH)
KINDS = {"time": TIME, "motion": MOTION, "smooth": SMOOTH}
Array = np.ndarray
Distance = list[tuple[str, Array, float]]
"""Blocks: aspect, columns of `gap_features`, and how many features they count as."""


def distances() -> dict[str, Distance]:
    """The distances that are compared."""
    names = np.array(feature_aspects())
    own = {aspect: np.flatnonzero(names == aspect) for aspect in DEFAULT_WEIGHTS}
    style = [(aspect, columns, columns.size) for aspect, columns in own.items()]
    late = own["space"][2 * LAGS :]
    sizes = {
        **{"top": SHORT_LAGS, "bottom": SHORT_LAGS, "far": LONG_LAGS},
        **{"lowest": ENERGY_LAGS, "energy": ENERGY_LAGS},
        "moving": MOTION_LAGS * (2 * (len(MOTION_BANDS) - 1) + 1),
        "lines": 2 * LINE_BANDS * 2 * GROUPS,
        "slopes": len(SLOPES) * len(SLOPE_FRAMES) * GROUPS,
    }
    ends = names.size + np.cumsum(list(sizes.values()))
    block = {
        name: np.arange(end - size, end)
        for (name, size), end in zip(sizes.items(), ends, strict=True)
    }
    bands = np.arange(len(MOTION_BANDS) - 1)
    means = (2 * MOTION_LAGS * bands[:, None] + np.arange(MOTION_LAGS)).ravel()

    def told(aspect: str, **weights: int) -> Distance:
        return [(aspect, block[name], weight) for name, weight in weights.items()]

    without = [part for part in style if part[0] != "space"] + [("space", late, late.size)]
    # Blocks count as much as what they replace, whatever their size.
    rooms = told("space", top=8, bottom=8, far=12, lowest=4, energy=8, slopes=16)
    motion = told("modulation", moving=25, lines=25)
    cepstrum = without + told("space", lowest=ENERGY_LAGS, energy=ENERGY_LAGS)
    moving = ("modulation", block["moving"][means], means.size)
    return {
        "style": style,
        "cepstrum": cepstrum,
        "replaced": without + rooms + motion,
        "both": style + rooms + motion,
        "moving": [*cepstrum, moving],
    }


def share_nearer(rows: Array, noise: Array, distance: Distance) -> float:
    """Share of random settings nearer to the reference (the first row) than the true one."""
    apart = np.minimum(np.abs(rows[1:].astype(np.float64) - rows[0]) / noise, LIMIT)
    sums = {aspect: np.zeros(len(apart)) for aspect in DEFAULT_WEIGHTS}
    counts = dict.fromkeys(DEFAULT_WEIGHTS, 0.0)
    for aspect, columns, weight in distance:
        part = apart[:, columns]
        present = np.isfinite(part).all(axis=0)
        if present.any():
            # What cannot be compared of a block, such as stereo of mono, takes its weight along.
            share = weight * present.mean()
            sums[aspect] += share * part[:, present].mean(axis=1)
            counts[aspect] += share
    total = sum(DEFAULT_WEIGHTS[a] * sums[a] / counts[a] for a in sums if counts[a])
    return float((total[1:] < total[0]).mean())


def noise_pairs(songs: Path, count: int, seed: int) -> Array:
    """Differences of all features between halves of songs, ``(pairs, features)``."""
    rng = np.random.default_rng(seed)
    paths = find_songs(songs, 15.0, "train")
    rows: list[Array] = []
    with RenderPool(workers=1) as pool:
        streams = {
            rate: excerpts(paths, rng, rate=rate, samples=2 * seconds * rate, mono=mono)
            for rate, seconds, mono in ((24_000, 5, True), (44_100, 5, False))
        }
        while len(rows) < count:
            rate = 24_000 if len(rows) % 3 == 0 else 44_100
            _, audio = next(streams[rate])
            half = audio.shape[1] // 2
            uri = NOISE_EFFECTS[int(rng.integers(len(NOISE_EFFECTS)))]
            settings = pool.describe(uri).random(rng)
            halves = [np.ascontiguousarray(h) for h in (audio[:, :half], audio[:, half:])]
            if rng.random() < 0.8:
                results = pool.render([Job(uri, h, settings, rate) for h in halves])
                if any(r.failure for r in results):
                    continue
                halves = [r.value for r in results]
            a, b = (gap_features(h, rate) for h in halves)
            rows.append(a - b)
    return np.array(rows)


def robust_deviation(rows: Array) -> Array:
    """As ``content_noise.py`` has it."""
    squares = rows.astype(np.float64) ** 2
    noise = np.sqrt(np.nanmean(np.minimum(squares, np.nanpercentile(squares, 97, axis=0)), axis=0))
    return np.maximum(noise, 0.02 * np.nanmax(np.abs(rows), axis=0) + 1e-6)


def item_rows(source: Source, group: str, index: int) -> Array:
    """Features of the reference, of the true setting and of random ones on the input."""
    protocol = OneEffect("half") if group in NINE else get_protocol("audible")
    item = protocol.make(source, group, index)
    task, uri = item.task, effect_of(group)
    assert item.settings is not None
    rng = np.random.default_rng([3, index])
    drawn = [item.settings]
    for _ in range(OTHERS):
        vector = item.settings.copy()
        vector[task.free] = 0.01 + 0.98 * rng.random(len(task.free))
        drawn.append(task.spec.check(vector))
    jobs = [Job(uri, task.input, v, task.sample_rate) for v in drawn]
    rows = [gap_features(task.reference, task.sample_rate)]
    for number, result in enumerate(source.pool.render(jobs)):
        if result.failure is None:
            rows.append(gap_features(result.value, task.sample_rate))
        elif number == 0:
            raise result.failure
    return np.array(rows)


def kept(file: Path, make: Callable[[], Array]) -> Array:
    """Read what was made before, or make it and keep it."""
    if not file.is_file():
        made = make()
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file.with_suffix(".part.npy"), made)
        file.with_suffix(".part.npy").replace(file)
    return np.asarray(np.load(file))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("songs", type=Path)
    parser.add_argument("--effects", default=",".join((*TIME, *MOTION, *SMOOTH)))
    parser.add_argument("--n", type=int, default=11, help="items of each effect")
    parser.add_argument("--pairs", type=int, default=300, help="halves that noise is measured on")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--split", default="valid", choices=["test", "valid"])
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    noise = robust_deviation(
        kept(
            arguments.output / f"noise-{arguments.pairs}.npy",
            lambda: noise_pairs(arguments.songs, arguments.pairs, 1),
        )
    )
    noise[: content_noise().size] = content_noise()
    kinds = distances()
    found: dict[str, list[list[float]]] = {}
    print("| effect | n |" + "".join(f" {name}: rank | first |" for name in kinds))
    print("|---|---|" + "---|---|" * len(kinds))
    corpus = open_corpus([arguments.songs], arguments.split)
    with RenderPool(workers=1) as pool:
        source = Source(pool, corpus, arguments.seed)
        for group in arguments.effects.split(","):
            place = hashlib.sha256(group.encode()).hexdigest()[:8]
            for index in range(arguments.n):
                file = arguments.output / f"{arguments.split}-{arguments.seed}-{place}-{index}.npy"
                rows = kept(file, lambda g=group, i=index: item_rows(source, g, i))
                shares = [share_nearer(rows, noise, distance) for distance in kinds.values()]
                found.setdefault(group, []).append(shares)
            print(line(group, found[group]), flush=True)
    for kind, groups in KINDS.items():
        if all(group in found for group in groups):
            print(line(f"*{kind}*", [row for group in groups for row in found[group]]))


def line(name: str, rows: list[list[float]]) -> str:
    """Of the table."""
    table = np.array(rows)
    error = table.std(axis=0, ddof=1) / np.sqrt(len(table)) if len(table) > 1 else table[0] * 0
    cells = [
        f" {mean:.3f} ±{around:.3f} | {first:.2f} |"
        for mean, around, first in zip(
            table.mean(axis=0), error, (table == 0).mean(axis=0), strict=True
        )
    ]
    return f"| {name} | {len(table)} |" + "".join(cells)


if __name__ == "__main__":
    main()
