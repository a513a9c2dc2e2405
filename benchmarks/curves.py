"""Learning curves as pictures, from the TensorBoard logs of runs.

    python benchmarks/curves.py controllers docs/img/controller-curves.png NAME=RUN [NAME=RUN ...]
    python benchmarks/curves.py vae docs/img/learning-vae.png RUN

Of controllers: the knobs' error on validation songs while they learn from parameters, then MRSTFT
while they listen, with the untouched input as a line. Of a VAE: error of reconstruction,
divergence, active units and linear probes. Runs that were interrupted and resumed have one curve.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


class Curves:
    """Scalars of a run's logs by step; of a step that was logged twice the last value."""

    def __init__(self, run: Path) -> None:
        self._events = EventAccumulator(str(run / "logs"), size_guidance={"scalars": 0})
        self._events.Reload()

    def __call__(self, name: str) -> tuple[list[int], list[float]]:
        values = {event.step: event.value for event in self._events.Scalars(name)}
        steps = sorted(values)
        return steps, [values[step] for step in steps]


def controllers(output: Path, runs: list[str]) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for number, text in enumerate(runs):
        name, _, folder = text.partition("=")
        colour = f"C{number}"
        _, errors = Curves(Path(folder) / "parameters")("valid/error")
        left.plot(errors, color=colour, label=name)
        by_ear = Curves(Path(folder) / "end_to_end")
        _, heard = by_ear("valid/loss")
        right.plot(range(len(heard)), heard, "o-", color=colour, label=name)
        _, still = by_ear("valid/untouched")
        right.axhline(still[-1], color=colour, linestyle=":", linewidth=1)
    left.set(xlabel="epoch", ylabel="mean error of knobs", title="parameter loss")
    right.set(xlabel="epoch", ylabel="MRSTFT", title="by ear (dotted: untouched)")
    right.xaxis.get_major_locator().set_params(integer=True)
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    left.legend()
    figure.savefig(output, dpi=110)


def vae(output: Path, run: Path) -> None:
    curves = Curves(run)
    steps, errors = curves("valid/error")
    per_epoch = steps[0] + 1
    panels: list[tuple[str, list[tuple[str, str]]]] = [
        ("squared error of reconstruction", [("train/error", "train"), ("valid/error", "valid")]),
        ("KL divergence, nats", [("valid/divergence", "valid")]),
        (
            "active units",
            [("valid/active", "variance above 0.01"), ("valid/collapsed", "collapsed")],
        ),
        (
            "linear probes, valid",
            [
                ("valid/probe_effect", "effect, share named"),
                ("valid/probe_settings", "knobs, R2"),
                ("valid/probe_loudness", "loudness, R2"),
            ],
        ),
    ]
    figure, panes = plt.subplots(1, 4, figsize=(14, 3.2), layout="constrained")
    for axes, (title, lines) in zip(panes, panels, strict=True):
        for name, label in lines:
            where, values = curves(name)
            if name.startswith("train/"):
                where, values = smoothed(where, values, per_epoch)
            axes.plot([(step + 1) / per_epoch for step in where], values, label=label)
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    panes[0].set_ylim(0, 2 * max(errors[len(errors) // 4 :]))
    panes[3].set_ylim(-0.2, 0.5)
    figure.savefig(output, dpi=110)


def smoothed(
    steps: list[int], values: list[float], per_epoch: int
) -> tuple[list[int], list[float]]:
    """Means of epochs."""
    rows: dict[int, list[float]] = {}
    for step, value in zip(steps, values, strict=True):
        rows.setdefault(step // per_epoch, []).append(value)
    where = [(epoch + 1) * per_epoch - 1 for epoch in rows]
    return where, [sum(row) / len(row) for row in rows.values()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds: Any = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("controllers")
    one.add_argument("output", type=Path)
    one.add_argument("runs", nargs="+", help="NAME=FOLDER")
    other = kinds.add_parser("vae")
    other.add_argument("output", type=Path)
    other.add_argument("run", type=Path)
    arguments = parser.parse_args()
    if arguments.kind == "vae":
        vae(arguments.output, arguments.run)
    else:
        controllers(arguments.output, arguments.runs)


if __name__ == "__main__":
    main()
