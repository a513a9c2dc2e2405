"""How good a map is to walk in, measured by rendering along it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from dialin.audio import Audio
from dialin.maps.map import EffectMap
from dialin.maps.sounds import Sounds, hear
from dialin.rendering import RenderPool


@dataclass(frozen=True)
class MapFigures:
    """Figures of a map.

    Attributes
    ----------
    step : float
        Mean change of sound, in decibels over mel bands, of a step of 0.1 along straight lines.
    unevenness : float
        Largest over mean step of a line, mean over lines; 1 is perfectly even.
    detour : float
        Length of a line's path through sound over the distance of its ends; 1 is straight.
    brightness : float
        Rank correlation of x with brightness along horizontal lines, mean; 1 is monotone.
    depth : float
        The same of y with depth along vertical lines.
    coverage : float
        Mean distance of random sounds of the effect to the nearest of the map, over their mean
        distance to the map's centre; 0 reaches everything, 1 nothing.
    centre : float
        Change of sound at the centre, over the median change of random settings; 0 is untouched.
    """

    step: float
    unevenness: float
    detour: float
    brightness: float
    depth: float
    coverage: float
    centre: float


def measure_map(
    pool: RenderPool,
    map: EffectMap,
    recordings: Sequence[Audio],
    sample_rate: int,
    reference: Sounds,
    *,
    lines: int = 8,
    points: int = 21,
    seed: int = 1,
) -> MapFigures:
    """Render along lines of a map and measure.

    Parameters
    ----------
    pool : RenderPool
    map : EffectMap
    recordings : sequence of ndarray
        Better others than those the map was made with.
    sample_rate : int
        In hertz.
    reference : Sounds
        Random settings of the effect heard on the same recordings.
    lines : int
        Random straight lines; a third as many horizontal and vertical ones besides.
    points : int
        Of a line, which spans the square (random ones are as long as they happen to be).
    seed : int
    """
    rng = np.random.default_rng(seed)
    ends = rng.uniform(-1, 1, (lines, 2, 2))
    walk = np.linspace(0, 1, points)
    axis = np.linspace(-1, 1, points)
    paths = [a + walk[:, None] * (b - a) for a, b in ends]
    levels = np.linspace(-0.7, 0.7, max(2, lines // 3))
    across = [np.column_stack([axis, np.full(points, v)]) for v in levels]
    up = [np.column_stack([np.full(points, v), axis]) for v in levels]
    every = [*paths, *across, *up]
    settings = np.concatenate([map.settings(path) for path in every])
    centre = map.settings(np.zeros((1, 2)))
    heard = hear(pool, map.effect, recordings, sample_rate, np.concatenate([settings, centre]))
    if len(heard.settings) < len(settings) + 1:
        from dialin.errors import RenderError

        raise RenderError(f"{map.effect} fails at settings of its map; it cannot be measured")
    features = heard.features[:-1].reshape(len(every), points, -1)
    tones = heard.timbre[:-1].reshape(len(every), points, 2)
    size = np.sqrt(features.shape[-1])
    gaps = np.linalg.norm(np.diff(features, axis=1), axis=2) / size
    lengths = np.array([np.linalg.norm(path[-1] - path[0]) for path in every])
    whole = np.linalg.norm(features[:, -1] - features[:, 0], axis=1) / size
    mean = gaps.mean(axis=1)
    moving = mean > 1e-6
    first, second = lines, lines + len(across)
    away = np.linalg.norm(reference.features[:, None] - heard.features[None, :-1], axis=2)
    middle = np.linalg.norm(reference.features - heard.features[-1], axis=1)
    return MapFigures(
        step=float(np.mean(gaps.sum(axis=1) / lengths * 0.1)),
        unevenness=float(np.mean(gaps.max(axis=1)[moving] / mean[moving])) if moving.any() else 1.0,
        detour=float(np.median(gaps.sum(axis=1)[moving] / np.maximum(whole[moving], 1e-6)))
        if moving.any()
        else 1.0,
        brightness=_monotone(across, tones[first:second, :, 0], 0),
        depth=_monotone(up, tones[second:, :, 1], 1),
        coverage=float(away.min(axis=1).mean() / max(middle.mean(), 1e-9)),
        centre=float(heard.change[-1] / max(np.median(reference.change), 1e-9)),
    )


def _monotone(paths: Sequence[np.ndarray], values: np.ndarray, axis: int) -> float:
    found = []
    for path, row in zip(paths, values, strict=True):
        if np.ptp(row) > 1e-6:
            found.append(float(spearmanr(path[:, axis], row).statistic))
    return float(np.mean(found)) if found else 0.0
