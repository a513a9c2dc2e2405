"""Learning curves of controllers as a picture.

    python benchmarks/curves.py docs/img/controller-curves.png NAME=RUN [NAME=RUN ...]

For each run of ``dialin train controller`` (with its TensorBoard logs): the knobs' error on
validation songs while it learns from parameters, then MRSTFT while it listens, with the untouched
input as a line.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def curve(folder: Path, name: str) -> list[float]:
    events = EventAccumulator(str(folder / "logs"))
    events.Reload()
    return [e.value for e in events.Scalars(name)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("runs", nargs="+", help="NAME=FOLDER")
    arguments = parser.parse_args()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for place, text in enumerate(arguments.runs):
        name, _, folder = text.partition("=")
        colour = f"C{place}"
        left.plot(curve(Path(folder) / "parameters", "valid/error"), color=colour, label=name)
        heard = curve(Path(folder) / "end_to_end", "valid/loss")
        right.plot(range(1, 1 + len(heard)), heard, "o-", color=colour, label=name)
        still = curve(Path(folder) / "end_to_end", "valid/untouched")
        right.axhline(still[-1], color=colour, linestyle=":", linewidth=1)
    left.set(xlabel="epoch", ylabel="mean error of knobs", title="parameter loss")
    right.set(xlabel="epoch", ylabel="MRSTFT", title="by ear (dotted: untouched)")
    right.xaxis.get_major_locator().set_params(integer=True)
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    left.legend()
    figure.savefig(arguments.output, dpi=110)


if __name__ == "__main__":
    main()
