"""Three ways to a map of an effect, beside each other.

    python benchmarks/maps.py SONGS [--effects Overdrive,MultiBand] [--models FOLDER]

Each effect is heard at 250 settings on two pieces of songs of the train split; maps are measured
on a piece of a song of the validation split. ``--models`` holds a folder ``EFFECT`` for each
effect with a controller of two latent dimensions; without, that way is left out. ``knobs`` is what
people have now: the two knobs that change the sound most, as x and y.

Columns are those of `dialin.maps.MapFigures`; ``step`` in dB, ``brightness`` and ``depth`` better
the nearer to 1, all others the lower.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np

from dialin.data import find_songs
from dialin.data.mda import LEFT_ALONE
from dialin.data.recipe import Recipe, SongSource
from dialin.effects.spec import EffectSpec
from dialin.evaluation.corpus import cut
from dialin.evaluation.protocols.one_effect import RATE, effect_of
from dialin.maps import EffectMap, MapOptions, fit_map, measure_map
from dialin.maps.sounds import Sounds, draw, hear
from dialin.rendering import RenderPool

SAMPLES = 72_000


def pieces(root: Path, split: str, count: int, seed: int) -> list[np.ndarray]:
    recipe = Recipe(effect="builtin:gain", songs=(SongSource(str(root)),), split=split)
    corpus = find_songs(recipe)
    rng = np.random.default_rng(seed)
    cuts = [cut(corpus, rng, SAMPLES, RATE)[0] for _ in range(count)]
    return [0.25 * a / np.abs(a).max() for a in cuts]


def knobs(spec: EffectSpec, sounds: Sounds) -> EffectMap:
    """The two knobs whose travel explains most of the change, as a map."""
    live = [n for n, p in enumerate(spec.parameters) if p.status == "live"]
    centred = sounds.features - sounds.features.mean(axis=0)

    def explained(index: int) -> float:
        basis = np.vander(sounds.settings[:, index], 4)
        fitted = basis @ np.linalg.lstsq(basis, centred, rcond=None)[0]
        return float(np.square(fitted).sum())

    x, y = sorted(live, key=explained)[: -3 if len(live) > 2 else -len(live) - 1 : -1][:2]
    grid = np.tile(spec.default, (9, 9, 1))
    axis = np.linspace(0, 1, 9)
    grid[..., x], grid[..., y] = axis[None], axis[:, None]
    return EffectMap(spec.uri, spec.hash, "knobs", grid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--effects", default="Overdrive,MultiBand,Combo")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--sounds", type=int, default=250)
    parser.add_argument("--lines", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, help="folder for the maps")
    arguments = parser.parse_args()
    near = pieces(arguments.songs, "train", 2, arguments.seed)
    far = pieces(arguments.songs, "valid", 1, arguments.seed + 1)
    print(f"seed {arguments.seed}, {arguments.sounds} settings, {arguments.lines} random lines")
    names = ("step", "unevenness", "detour", "brightness", "depth", "coverage", "centre", "silent")
    print(f"{'effect':10s} {'way':10s} {'s':>5s} " + " ".join(f"{n:>10s}" for n in names))
    with RenderPool(arguments.workers, quarantine=0) as pool:
        for name in arguments.effects.split(","):
            uri = effect_of(name)
            spec = pool.describe(uri)
            still = LEFT_ALONE.get(name, ())
            spec = dataclasses.replace(
                spec,
                parameters=tuple(
                    p.with_status("dead") if p.id in still else p for p in spec.parameters
                ),
            )
            settings = draw(spec, arguments.sounds, arguments.seed)
            began = time.perf_counter()
            heard = hear(pool, uri, near, RATE, settings)
            hearing = time.perf_counter() - began
            reference = hear(pool, uri, far, RATE, settings[: arguments.sounds // 2])
            made = {"knobs": (knobs(spec, heard), 0.0)}
            for way in ("pca", "vae", "controller"):
                model = arguments.models / name if arguments.models else None
                if way == "controller" and (model is None or not model.is_dir()):
                    continue
                began = time.perf_counter()
                options = MapOptions(way=way, sounds=arguments.sounds, seed=arguments.seed)
                fitted = fit_map(
                    pool, uri, near, RATE, options, spec=spec, model=model, sounds=heard
                )
                made[way] = (fitted, hearing + time.perf_counter() - began)
                if arguments.output:
                    arguments.output.mkdir(parents=True, exist_ok=True)
                    fitted.save(arguments.output / f"{name}-{way}.npz", overwrite=True)
            for way, (fitted, seconds) in made.items():
                figures = measure_map(
                    pool, fitted, far, RATE, reference, lines=arguments.lines, points=15
                )
                cells = " ".join(f"{getattr(figures, n):10.2f}" for n in names)
                print(f"{name:10s} {way:10s} {seconds:5.0f} {cells}", flush=True)


if __name__ == "__main__":
    main()
