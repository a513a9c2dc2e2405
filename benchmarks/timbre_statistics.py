"""What a table of timbre says: spread, correlation, which attributes to keep, what effects move.

Everything here works on plain arrays, whoever measured them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialin.files import atomic_file

Floats = NDArray[np.float64]

SEED_CORRELATIONS: dict[tuple[str, str], float] = {
    ("depth", "boominess"): 0.92,
    ("brightness", "sharpness"): 0.90,
    ("hardness", "brightness"): 0.86,
    ("hardness", "sharpness"): 0.82,
    ("brightness", "roughness"): 0.81,
    ("brightness", "boominess"): 0.78,
    ("roughness", "sharpness"): 0.70,
    ("hardness", "roughness"): 0.68,
    ("roughness", "boominess"): 0.66,
    ("depth", "brightness"): 0.62,
    ("sharpness", "boominess"): 0.60,
    ("hardness", "boominess"): 0.56,
    ("depth", "roughness"): 0.47,
    ("hardness", "depth"): 0.45,
    ("depth", "sharpness"): 0.42,
}
"""Absolute correlations the seed project read off 3,715 clips through nine effects (about).

Its warmth failed on most clips and was dropped; reverb was the 0/1 class.
"""

SEED_CLIPS = 3_715


@dataclass(frozen=True)
class Selection:
    """Which attributes to keep, and why the others go."""

    kept: tuple[str, ...]
    reasons: Mapping[str, str]


def correlation(values: Floats) -> Floats:
    """Absolute Pearson correlation of columns, over the rows where both are finite."""
    count = values.shape[1]
    result = np.full((count, count), np.nan)
    for i in range(count):
        for j in range(i + 1):
            rows = np.isfinite(values[:, i]) & np.isfinite(values[:, j])
            a, b = values[rows, i], values[rows, j]
            if rows.sum() >= 3 and a.std() > 0.0 and b.std() > 0.0:
                result[i, j] = result[j, i] = abs(float(np.corrcoef(a, b)[0, 1]))
    return result


def choose(
    names: Sequence[str],
    values: Floats,
    *,
    least_deviation: float = 5.0,
    most_correlation: float = 0.75,
    scales: Mapping[str, float] | None = None,
) -> Selection:
    """Drop attributes that hardly vary, then one of each pair that says the same."""
    reasons: dict[str, str] = {}
    deviation = np.nanstd(values, axis=0) * [(scales or {}).get(name, 1.0) for name in names]
    for name, spread in zip(names, deviation, strict=True):
        if not spread >= least_deviation:
            reasons[name] = (
                f"varies too little: a standard deviation of {spread:.1f} points, "
                f"under {least_deviation:g}"
            )
    table = correlation(values)
    alive = [i for i, name in enumerate(names) if name not in reasons]
    while len(alive) > 1:
        pairs = [(table[i, j], i, j) for n, i in enumerate(alive) for j in alive[n + 1 :]]
        strongest, first, second = max(pairs, key=lambda p: -1.0 if np.isnan(p[0]) else p[0])
        if not strongest > most_correlation:
            break
        means = [float(np.nanmean([table[i, j] for j in alive if j != i])) for i in (first, second)]
        drop, keep = (first, second) if means[0] >= means[1] else (second, first)
        reasons[names[drop]] = (
            f"says much the same as {names[keep]} (correlation {strongest:.2f}, over "
            f"{most_correlation:g}) and correlates more with the rest "
            f"({max(means):.2f} against {min(means):.2f} on average)"
        )
        alive.remove(drop)
    return Selection(tuple(names[i] for i in alive), reasons)


def movement(before: Floats, after: Floats, effects: Sequence[str]) -> dict[str, Floats]:
    """How far each effect moves each attribute."""
    spread = np.nanstd(before, axis=0)
    change = after - before
    labels = np.asarray(effects)
    result = {}
    for effect in dict.fromkeys(effects):
        rows = change[labels == effect]
        mean, size = np.nanmean(rows, axis=0), np.nanmean(np.abs(rows), axis=0)
        result[effect] = np.stack([mean, size, size / np.where(spread > 0.0, spread, np.nan)])
    return result


def seed_agreement(names: Sequence[str], table: Floats) -> tuple[float, float]:
    """Correlation with the seed project's figures over its pairs, and mean absolute difference."""
    ours, theirs = [], []
    for (a, b), value in SEED_CORRELATIONS.items():
        if a in names and b in names:
            ours.append(table[names.index(a), names.index(b)])
            theirs.append(value)
    x, y = np.array(ours), np.array(theirs)
    return float(np.corrcoef(x, y)[0, 1]), float(np.mean(np.abs(x - y)))


def plot_correlation(names: Sequence[str], table: Floats, title: str, stem: Path) -> list[Path]:
    """Draw the lower triangle as a heat map, to ``stem.png`` and ``stem.svg``."""
    from matplotlib.figure import Figure

    rows, columns = list(names[1:]), list(names[:-1])
    shown = np.where(np.tri(len(rows), dtype=bool), table[1:, :-1], np.nan)
    figure = Figure(figsize=(7.2, 6.2), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shown, vmin=0.0, vmax=1.0, cmap="viridis")
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    for i in range(len(rows)):
        for j in range(i + 1):
            if np.isfinite(shown[i, j]):
                colour = "black" if shown[i, j] > 0.6 else "white"
                axes.text(j, i, f"{shown[i, j]:.2f}", ha="center", va="center", color=colour)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(title, fontsize=11)
    figure.colorbar(image, ax=axes, shrink=0.8, label="absolute correlation")
    paths = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
    for path in paths:
        with atomic_file(path, overwrite=True) as part:
            figure.savefig(part, dpi=150, format=path.suffix[1:])
    return paths
