"""How good a map is to walk in, measured by rendering along it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from dialin.audio import Audio
from dialin.maps.map import EffectMap
from dialin.maps.sounds import Sounds, hear
from dialin.rendering import RenderPool

Array = NDArray[np.float64]


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
    silent : float
        Share of points at which the effect gives no usable sound; they count in nothing else.
    """

    step: float
    unevenness: float
    detour: float
    brightness: float
    depth: float
    coverage: float
    centre: float
    silent: float


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
        Workers that render.
    map : EffectMap
        The map in question.
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
        Of all chance.

    Returns
    -------
    MapFigures
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
    heard = hear(
        pool,
        map.effect,
        recordings,
        sample_rate,
        np.concatenate([settings, centre]),
        keep=True,
    )
    there = np.asarray(np.isfinite(heard.features).all(axis=1), dtype=bool).reshape(-1)
    features = heard.features[:-1].reshape(len(every), points, -1)
    tones = heard.timbre[:-1].reshape(len(every), points, 2)
    tried = [_walk(path, sound) for path, sound in zip(every, features, strict=True)]
    walks = [w for w in tried if w is not None]
    steps, uneven, detours = np.array(walks).T if walks else np.full((3, 1), np.nan)
    first, second = lines, lines + len(across)
    on_map = heard.features[:-1][there[:-1]]
    away = np.linalg.norm(reference.features[:, None] - on_map[None], axis=2)
    middle = np.linalg.norm(reference.features - heard.features[-1], axis=1)
    usual = max(float(np.median(reference.change)), 1e-9)
    return MapFigures(
        step=float(np.mean(steps)),
        unevenness=float(np.mean(uneven)),
        detour=float(np.median(detours)),
        brightness=_monotone(across, tones[first:second, :, 0], 0),
        depth=_monotone(up, tones[second:, :, 1], 1),
        coverage=float(away.min(axis=1).mean() / max(float(middle.mean()), 1e-9)),
        centre=float(heard.change[-1] / usual),
        silent=float(1.0 - there.mean()),
    )


def _walk(path: Array, features: Array) -> tuple[float, float, float] | None:
    """Mean step, unevenness and detour of a line; None where hardly anything is heard or moves."""
    heard = np.isfinite(features).all(axis=1)
    if heard.sum() < 3:
        return None
    size = np.sqrt(features.shape[1])
    gaps = np.linalg.norm(np.diff(features, axis=0), axis=1) / size
    gaps = gaps[np.isfinite(gaps)]
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    ends = features[np.flatnonzero(heard)[[0, -1]]]
    whole = float(np.linalg.norm(ends[1] - ends[0]) / size)
    if not len(gaps) or gaps.mean() < 1e-6:
        return 0.0, 1.0, 1.0
    step = float(gaps.mean() / lengths.mean() * 0.1)
    return step, float(gaps.max() / gaps.mean()), float(gaps.sum() / max(whole, 1e-6))


def _monotone(paths: Sequence[Array], values: Array, axis: int) -> float:
    correlations = []
    for path, row in zip(paths, values, strict=True):
        heard = np.isfinite(row)
        if heard.sum() > 2 and np.ptp(row[heard]) > 1e-6:
            correlations.append(float(spearmanr(path[heard, axis], row[heard]).statistic))
    return float(np.mean(correlations)) if correlations else 0.0
