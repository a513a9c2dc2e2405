"""Do trajectories know the true setting of an effect that moves?

Items as in ``time_effects.py``. The true setting and 18 random ones with the same rate are rendered
on the input and compared with the reference, which plays other music: by the style distance alone,
and with trajectories as a match does. The table gives the mean share of random settings that come
out nearer than the true one (0 is best, 0.5 chance), and how often none does.

    python benchmarks/trajectory_ranks.py SONGS [--n 12] [--seed 11] [--split valid]
        [--effects builtin:chorus,builtin:phaser,ThruZero,Leslie]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dialin.data.mda import NINE
from dialin.evaluation.corpus import open_corpus
from dialin.evaluation.items import Source
from dialin.evaluation.protocols import OneEffect, get_protocol
from dialin.evaluation.protocols.one_effect import effect_of
from dialin.matching.candidate import MOTION_SHARE, measure_moving
from dialin.matching.features import style_features
from dialin.matching.hearing.motion.probe import probe_motion
from dialin.matching.probing import ask_effect
from dialin.matching.style import make_target
from dialin.matching.trajectories import make_trajectory_target
from dialin.rendering import Job, RenderPool

OTHERS = 18


def ranks(source: Source, group: str, index: int) -> tuple[float, float]:
    """Share of random settings nearer than the true one, by style and with trajectories."""
    protocol = OneEffect("seed") if group in NINE else get_protocol("audible")
    item = protocol.make(source, group, index)
    task, uri = item.task, effect_of(group)
    probe = ask_effect(source.pool, probe_motion, uri)
    assert item.settings is not None and probe is not None
    rng = np.random.default_rng([3, index])
    drawn = [item.settings]
    for _ in range(OTHERS):
        vector = item.settings.copy()
        vector[task.free] = 0.01 + 0.98 * rng.random(len(task.free))
        if probe.rate_knob:
            knob = task.spec.index(probe.rate_knob)
            vector[knob] = item.settings[knob]
        drawn.append(task.spec.check(vector))
    style = make_target([style_features(task.reference, task.sample_rate)])
    moving = make_trajectory_target([(task.reference, task.sample_rate, 1.0)])
    jobs = [Job(uri, task.input, v, task.sample_rate, measure=measure_moving) for v in drawn]
    rows = []
    for result in source.pool.render(jobs):
        if result.failure is None:
            features, _, motion = result.value
            rows.append((float(style.distance(features)), moving.distance(motion)))
    table = np.array(rows)
    both = (1 - MOTION_SHARE) * table[:, 0] + MOTION_SHARE * table[:, 1]
    return float((table[1:, 0] < table[0, 0]).mean()), float((both[1:] < both[0]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("songs", type=Path)
    parser.add_argument("--effects", default="builtin:chorus,builtin:phaser,ThruZero,Leslie")
    parser.add_argument("--n", type=int, default=12, help="items of each effect")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--split", default="valid", choices=["test", "valid"])
    arguments = parser.parse_args()
    print("| effect | n | style: rank | first | with trajectories: rank | first |")
    print("|---|---|---|---|---|---|")
    corpus = open_corpus([arguments.songs], arguments.split)
    with RenderPool(workers=1) as pool:
        source = Source(pool, corpus, arguments.seed)
        for group in arguments.effects.split(","):
            rows = np.array([ranks(source, group, n) for n in range(arguments.n)])
            mean, first = rows.mean(axis=0), (rows == 0).mean(axis=0)
            cells = (f"{mean[0]:.3f}", f"{first[0]:.2f}", f"{mean[1]:.3f}", f"{first[1]:.2f}")
            print(f"| {group} | {len(rows)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
