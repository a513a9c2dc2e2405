"""A first guess for effects that no network knows: from what their knobs do to a test signal.

An effect is rendered once at some hundred settings on two seconds of noise, tones and clicks, about
as loud as the input, since what bends or has a threshold does something else to other levels. Kept
is by how much each moves the style features (`probe_knobs`; cached). Where input and reference
differ by a gap, settings are looked for that would make it: a ridge regression with a smooth kernel
(Rasmussen and Williams, "Gaussian processes for machine learning", 2006, chapter 2) carries the
moves from the settings that were rendered to any others, and those whose move brings the input's
features nearest to the reference's are proposed, apart from one another. Nothing of the music is
rendered for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.effects.cache import probe_name, remembered
from dialin.effects.effect import Effect
from dialin.effects.spec import Settings
from dialin.errors import DialinError
from dialin.matching.features import Vector, style_features
from dialin.matching.style import Target, level_of
from dialin.rendering import Renderer

Floats = NDArray[np.float64]

VERSION, RATE, SECONDS = 2, 44_100, 2.0
LEVELS, LEVEL_STEP = (-42.0, -6.0), 6.0
"""Levels of the test signal in dBFS, from and to, and in which steps."""

LEAST, MOST, PER_KNOB = 24, 96, 10
"""Settings rendered: so many for each live knob, within these limits."""

RIDGE = 0.05
"""Variance, as a share of a feature's own, that the regression leaves unexplained."""

WIDTH = 0.35
"""Distance, a knob, at which moves are half alike."""

TRIED, ROUNDS = 2_000, 3
"""Settings that are predicted in each of so many rounds, closer to the best each time."""

APART = 0.12
"""Mean difference of knobs that proposals keep from each other."""


@dataclass(frozen=True, eq=False)
class KnobMoves:
    """What settings of an effect do to the style features of a test signal.

    Attributes
    ----------
    settings : ndarray, float64, shape (n, knobs)
        Of all knobs, 0 to 1.
    moves : ndarray, float64, shape (n, features)
        Difference to the features of the signal itself; NaN where they do not compare.
    """

    settings: Floats
    moves: Floats

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> KnobMoves:
        """Read plain data.

        Parameters
        ----------
        data : mapping
            From `to_dict`.

        Returns
        -------
        KnobMoves

        Raises
        ------
        ValueError
            If it is none.
        """
        if data["version"] != VERSION:
            raise ValueError(f"moves of version {data['version']}")
        moves = np.array(
            [[np.nan if v is None else float(v) for v in row] for row in data["moves"]]
        )
        return cls(np.array(data["settings"], dtype=np.float64), moves)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        rows = [[None if np.isnan(v) else round(float(v), 4) for v in row] for row in self.moves]
        return {"version": VERSION, "settings": self.settings.tolist(), "moves": rows}


def nearest_level(features: Vector) -> float:
    """Level of the test signal that is nearest to a recording's.

    Parameters
    ----------
    features : ndarray, float64, shape (features,)
        Of the recording.

    Returns
    -------
    float
        In dBFS.
    """
    level = float(np.clip(level_of(features), *LEVELS))
    return LEVEL_STEP * round(level / LEVEL_STEP)


def knob_signal(level: float = -18.0) -> Audio:
    """Noise that comes and goes, chords and clicks, ``(2, samples)``.

    Parameters
    ----------
    level : float
        RMS in dBFS.

    Returns
    -------
    ndarray, float32, shape (2, samples)
    """
    rng = np.random.default_rng(21)
    count = int(SECONDS * RATE)
    clock = np.arange(count) / RATE
    channels = []
    for channel in range(2):
        spectrum = np.fft.rfft(rng.standard_normal(count))
        spectrum /= np.sqrt(np.maximum(np.arange(spectrum.size), 20.0))
        pink = np.fft.irfft(spectrum, count)
        pink /= pink.std()
        gate = np.exp(-6.0 * ((clock * 3.1 + 0.1 * channel) % 1.0))
        chord = sum(
            np.sin(2 * np.pi * (110 * n + channel) * clock) / n**0.7 for n in (1, 2, 3, 4, 5, 7, 9)
        )
        swell = np.exp(-3.0 * ((clock * 1.3) % 1.0))
        clicks = np.zeros(count)
        clicks[:: RATE // 4] = 8.0
        channels.append(pink * gate + 0.7 * np.asarray(chord) * swell + clicks)
    sound = np.array(channels)
    return np.asarray(10 ** (level / 20) * sound / sound.std(), dtype=np.float32)


def probe_knobs(effect: Effect, indices: tuple[int, ...], level: float = -18.0) -> KnobMoves | None:
    """Render the test signal at many settings, or read what was kept; runs where the effect is.

    Parameters
    ----------
    effect : Effect
        What is asked.
    indices : tuple of int
        Knobs that are turned.
    level : float
        Of the test signal, in dBFS.

    Returns
    -------
    KnobMoves or None
        None where too few renders were sound.
    """
    if not indices:
        return None
    about = (",".join(map(str, indices)), f"{level:g}", str(VERSION))
    name = probe_name(effect.spec, *about, kind="knobs-")
    moves = remembered(
        name, KnobMoves.from_dict, lambda: _moves(effect, indices, level), KnobMoves.to_dict
    )
    return moves if len(moves.settings) >= LEAST // 2 else None


def _moves(effect: Effect, indices: tuple[int, ...], level: float) -> KnobMoves:
    from scipy.stats import qmc  # half a second, and not every match asks

    signal = knob_signal(level)
    before = style_features(signal, RATE)
    count = int(np.clip(PER_KNOB * len(indices), LEAST, MOST))
    points = qmc.Sobol(len(indices), seed=np.random.default_rng(3)).random(128)[:count]
    settings, moves = [], []
    for point in [None, *points]:
        vector = effect.spec.default
        if point is not None:
            vector[list(indices)] = point
        vector = effect.spec.check(vector)
        try:
            wet = effect.process(signal, RATE, vector)
        except Exception:
            # Whatever a host throws: settings that cannot be rendered tell nothing.
            continue
        if not np.isfinite(wet).all() or np.ptp(wet) < 1e-6:
            continue
        settings.append(vector)
        moves.append(style_features(wet, RATE) - before)
    return KnobMoves(np.array(settings), np.array(moves).reshape(len(settings), before.size))


def propose_settings(
    moves: KnobMoves, indices: tuple[int, ...], input: Vector, target: Target, count: int, seed: int
) -> list[Settings]:
    """Settings whose move should bring the input's features to the reference's.

    Parameters
    ----------
    moves : KnobMoves
        From `probe_knobs`.
    indices : tuple of int
        Knobs that are turned.
    input : ndarray, float64, shape (features,)
        Of the input as it is.
    target : Target
        What it should sound like.
    count : int
        Proposals.
    seed : int
        Of the settings that are predicted.

    Returns
    -------
    list of ndarray, float64, shape (knobs,)
        The most promising first.
    """
    turned = list(indices)
    known = moves.settings[:, turned]
    scale = np.nanstd(moves.moves, axis=0) + 1e-9
    centre = np.nan_to_num(np.nanmean(moves.moves, axis=0))
    values = np.nan_to_num((moves.moves - centre) / scale)
    kernel = _alike(known, known)
    weights = np.linalg.solve(kernel + RIDGE * np.eye(len(known)), values)
    rng = np.random.default_rng([seed, 17])
    tried, distances = known, _distances(moves.moves, input, target)
    for around in range(ROUNDS):
        if around == 0:
            points = rng.random((TRIED, len(turned)))
        else:
            best = tried[np.argsort(distances, kind="stable")[:40]]
            chosen = best[rng.integers(len(best), size=TRIED)]
            width = 0.2 / around
            points = np.clip(chosen + width * rng.standard_normal(chosen.shape), 0.0, 1.0)
        predicted = centre + scale * (_alike(points, known) @ weights)
        tried = np.concatenate([tried, points])
        distances = np.concatenate([distances, _distances(predicted, input, target)])
    result: list[Settings] = []
    kept: list[Floats] = []
    for index in np.argsort(distances, kind="stable"):
        point = tried[index]
        if all(np.abs(point - other).mean() >= APART for other in kept):
            kept.append(point)
            vector = moves.settings[0].copy()
            vector[turned] = point
            result.append(vector)
        if len(result) == count:
            break
    return result


def guess_by_probe(
    pool: Renderer, uri: str, indices: tuple[int, ...], input: Vector, target: Target, count: int,
    seed: int,
) -> list[Settings]:  # fmt: skip
    """Proposals for a single effect; none where it cannot be asked.

    Parameters
    ----------
    pool : Renderer
        Where the effect is asked.
    uri : str
        Of the effect.
    indices : tuple of int
        Knobs that are turned.
    input : ndarray, float64, shape (features,)
        Of the input as it is.
    target : Target
        What it should sound like.
    count, seed : int
        Proposals, and what they are drawn with.

    Returns
    -------
    list of ndarray
    """
    try:
        arguments = (indices, nearest_level(input))
        moves = pool.call(probe_knobs, *arguments, effect=uri, deadline=10 * pool.deadline)
    except DialinError:
        # What cannot be asked is searched as before.
        return []
    if moves is None:
        return []
    return propose_settings(moves, indices, input, target, count, seed)


def _alike(one: Floats, two: Floats) -> Floats:
    """Kernel between settings, ``(n, m)``: a smooth one and a linear one."""
    apart = ((one[:, None] - two[None]) ** 2).mean(axis=2)
    linear = (one - 0.5) @ (two - 0.5).T
    return np.asarray(np.exp(-apart / (2 * WIDTH**2)) + linear / max(1, one.shape[1]) * 4 + 0.5)


def _distances(moved: Floats, input: Vector, target: Target) -> Floats:
    return np.asarray(target.distance(input + moved), dtype=np.float64)
