"""Spectrograms of clean and effected excerpts with their settings: look at what is trained on.

python benchmarks/data_sheet.py SONGS docs/img/data-pairs.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dialin.data import Recipe, find_songs, make_pair
from dialin.data.pairs import PairPlan
from dialin.effects.open import open_effect

MDA = "lv2:http://drobilla.net/plugins/mda/"


def main() -> None:
    songs, target = sys.argv[1], Path(sys.argv[2])
    figure, axes = plt.subplots(3, 4, figsize=(13, 7.5), sharex=True, sharey=True)
    for row, name in zip(axes, ("Overdrive", "RingMod", "Delay"), strict=True):
        effect = open_effect(MDA + name)
        body = Recipe.from_dict({"effect": MDA + name, "songs": [{"root": songs}], "seed": 4})
        plan = PairPlan(body, find_songs(body), effect.spec)
        for column in (0, 2):
            pair = make_pair(effect, plan, column)
            texts = effect.spec.texts(pair.record["settings"])
            for axis, kind in zip(row[column : column + 2], ("clean", "target"), strict=True):
                axis.specgram(
                    pair.audio[kind][0] + 1e-7,
                    NFFT=1024,
                    Fs=24_000,
                    noverlap=512,
                    vmin=-140,
                    vmax=-40,
                )
                title = Path(pair.record["track"]).stem if kind == "clean" else name
                if kind == "target":
                    words = [f"{k} {v}" for k, v in texts.items()]
                    half = -(-len(words) // 2)
                    title += ": " + ", ".join(words[:half]) + "\n" + ", ".join(words[half:])
                axis.set_title(title, fontsize=7)
    for axis in axes[-1]:
        axis.set_xlabel("s")
    for axis in axes[:, 0]:
        axis.set_ylabel("Hz")
    figure.tight_layout()
    figure.savefig(target, dpi=55)
    print(np.round(target.stat().st_size / 1024), "KiB")


if __name__ == "__main__":
    main()
