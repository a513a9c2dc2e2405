"""How far apart two recordings sound, whatever is played: a distance with named aspects.

Each feature's difference is divided by its *content noise*, the standard deviation of the
difference between two halves of the same song under the same settings (measured by
``benchmarks/content_noise.py`` on songs kept out of every table). A distance of about 0.6 is thus
what two pieces of one recording differ by, and 0 is the same sound.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.errors import UsageError
from dialin.matching.features import ASPECTS, Vector, feature_aspects, style_features

DEFAULT_WEIGHTS: Mapping[str, float] = {
    "tone": 2.0,
    "level": 0.25,
    "dynamics": 1.0,
    "space": 1.0,
    "modulation": 1.0,
    "distortion": 1.0,
}
"""How much each aspect counts. Tone counts most, because its features are the surest; level counts
little, because a volume knob mends it."""

LIMIT = 6.0
"""Differences count up to this many times the content noise, so that no single feature rules."""


GROWTH_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0)
GROWTH: Mapping[str, tuple[float, ...]] = {
    "tone": (1.35, 1.34, 1.24, 1.22, 1.10, 1.07, 1.0),
    "level": (1.18, 1.18, 1.10, 1.10, 1.0, 1.0, 1.0),
    "dynamics": (1.62, 1.42, 1.17, 1.08, 1.0, 1.0, 1.0),
    "space": (1.92, 1.68, 1.34, 1.27, 1.11, 1.03, 1.0),
    "modulation": (4.32, 4.26, 3.51, 2.85, 2.16, 1.66, 1.0),
    "distortion": (2.47, 1.71, 1.42, 1.27, 1.06, 1.06, 1.0),
}
"""How many times more a piece so short differs from 5 s of the same song than 5 s do, by aspect:
root mean square of 60 places in 12 songs (``benchmarks/content_noise.py SONGS --lengths``)."""


def noise_growth(*seconds: float) -> NDArray[np.float64]:
    """How much larger content noise is between recordings of these lengths, by aspect.

    Each adds its own variance: that of a piece of 5 s is half of what `content_noise` measures,
    and `GROWTH` holds pairs of which one has 5 s.

    Parameters
    ----------
    *seconds : float
        Of each recording that is compared.

    Returns
    -------
    ndarray, float64, shape (aspects,)
        1 where it is as in `content_noise`.

    Examples
    --------
    >>> float(noise_growth(10.0, 5.0).max())
    1.0
    """
    total = np.ones(len(ASPECTS))
    for length in seconds:
        log_length = np.log(np.clip(length, GROWTH_SECONDS[0], GROWTH_SECONDS[-1]))
        for number, aspect in enumerate(ASPECTS):
            grown = float(np.interp(log_length, np.log(GROWTH_SECONDS), GROWTH[aspect]))
            total[number] += grown**2 - 1.0
    return np.sqrt(total)


@functools.cache
def content_noise() -> NDArray[np.float64]:
    """Standard deviation of each feature's difference between halves of one song."""
    text = files("dialin.matching").joinpath("content_noise.json").read_text("utf-8")
    noise = np.array(json.loads(text)["noise"], dtype=np.float64)
    if noise.shape != (len(feature_aspects()),):
        raise RuntimeError(
            "content_noise.json belongs to other features; run benchmarks/content_noise.py"
        )
    return noise


@dataclass(frozen=True, eq=False)
class Target:
    """What to sound like: features of one or several references, and what they count.

    Attributes
    ----------
    features : ndarray, shape (references, features)
    shares : ndarray, shape (references, aspects)
        How much each reference counts in each aspect; columns sum to 1.
    weights : ndarray, shape (aspects,)
        How much each aspect counts; sums to 1.
    names : tuple of str
        Of the aspects, in order.
    noise : ndarray, shape (features,)
        Content noise of each feature, for recordings as long as these.
    doubt : float
        How many times larger than for recordings of 5 s and more that is, over all aspects.
    """

    features: NDArray[np.float64]
    shares: NDArray[np.float64]
    weights: NDArray[np.float64]
    names: tuple[str, ...] = field(default=ASPECTS)
    noise: NDArray[np.float64] = field(default_factory=content_noise)
    doubt: float = 1.0

    @property
    def level_weight(self) -> float:
        """How much the level counts, 0 to 1."""
        return float(self.weights[ASPECTS.index("level")])

    @property
    def level_noise(self) -> float:
        """Content noise of the level, in decibels."""
        return float(self.noise[feature_aspects().index("level")])

    def aspects(self, features: Vector) -> NDArray[np.float64]:
        """Distance in each aspect; NaN where neither side can be compared.

        Parameters
        ----------
        features : ndarray, shape (features,) or (n, features)
            From `style_features`.

        Returns
        -------
        ndarray, shape (aspects,) or (n, aspects)
        """
        rows = np.atleast_2d(features)
        total = np.zeros((rows.shape[0], len(ASPECTS)))
        for reference, share in zip(self.features, self.shares, strict=True):
            total += share * aspect_distances(rows, reference, self.noise)
        return total[0] if features.ndim == 1 else total

    def distance(self, features: Vector) -> NDArray[np.float64]:
        """Weighted mean over the aspects that can be compared.

        Parameters
        ----------
        features : ndarray, float64, shape (features,) or (n, features)
            From `style_features`.

        Returns
        -------
        ndarray, float64, shape () or (n,)
            In units of content noise.
        """
        aspects = np.atleast_2d(self.aspects(features))
        present = ~np.isnan(aspects)
        weight = np.where(present, self.weights, 0.0)
        value = np.where(present, aspects, 0.0)
        result = (weight * value).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-12)
        return np.asarray(result[0] if features.ndim == 1 else result)

    def goal(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """References' features in units of content noise, as one, and each feature's weight."""
        goal = np.full(self.features.shape[1], np.nan)
        weights = np.zeros(self.features.shape[1])
        for number, columns in enumerate(_columns()):
            part = self.shares[:, number] @ self.features[:, columns]
            goal[columns] = part / self.noise[columns]
            weights[columns] = self.weights[number] / max(1, int(np.isfinite(part).sum()))
        return goal, weights

    def level_offset(self, features: Vector) -> float:
        """Gain in decibels that brings a sound to the references' level.

        Parameters
        ----------
        features : ndarray, float64, shape (features,)
            From `style_features`.

        Returns
        -------
        float
            In decibels; positive where the sound is the softer.
        """
        index = feature_aspects().index("level")
        share = self.shares[:, ASPECTS.index("level")]
        return float(share @ self.features[:, index]) - float(features[index])


def level_of(features: Vector) -> float:
    """Level of the active moments, in dBFS.

    Parameters
    ----------
    features : ndarray, float64, shape (features,)
        From `style_features`.

    Returns
    -------
    float
        In dBFS.
    """
    return float(features[feature_aspects().index("level")])


def with_gain(features: Vector, gain: float) -> Vector:
    """Features of the same sound, louder by so many decibels.

    Parameters
    ----------
    features : ndarray, float64, shape (features,)
        From `style_features`.
    gain : float
        In decibels.

    Returns
    -------
    ndarray, float64, shape (features,)
        A new array.
    """
    result = features.copy()
    result[feature_aspects().index("level")] += gain
    return result


def aspect_distances(
    rows: NDArray[np.float64], reference: Vector, noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean absolute difference in units of content noise, by aspect: ``(n, aspects)``.

    Parameters
    ----------
    rows : ndarray, float64, shape (n, features)
        What is judged.
    reference : ndarray, float64, shape (features,)
        What it should sound like.
    noise : ndarray, float64, shape (features,)
        Content noise of each feature.

    Returns
    -------
    ndarray, float64, shape (n, aspects)
        NaN where neither side can be compared.
    """
    scaled = np.minimum(np.abs(rows - reference) / noise, LIMIT)
    result = np.full((rows.shape[0], len(ASPECTS)), np.nan)
    for number, columns in enumerate(_columns()):
        part = scaled[:, columns]
        present = ~np.isnan(part)
        count = present.sum(axis=1)
        total = np.where(present, part, 0.0).sum(axis=1)
        result[:, number] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return result


def style_distance(a: Audio, a_rate: int, b: Audio, b_rate: int) -> dict[str, float]:
    """Distance between two recordings in each aspect, and ``total`` with the default weights.

    Parameters
    ----------
    a, b : ndarray, shape (channels, samples)
        Two recordings, of any length and number of channels.
    a_rate, b_rate : int
        In hertz.

    Returns
    -------
    dict of str to float
    """
    target = make_target([style_features(b, b_rate)])
    features = style_features(a, a_rate)
    result = dict(zip(ASPECTS, map(float, target.aspects(features)), strict=True))
    return result | {"total": float(target.distance(features))}


def make_target(
    features: Sequence[Vector],
    shares: Sequence[Mapping[str, float]] | None = None,
    weights: Mapping[str, float] | None = None,
    only: Sequence[str] | None = None,
    seconds: Sequence[float] = (),
) -> Target:
    """Put references and weights together.

    Parameters
    ----------
    features : sequence of ndarray
        One for each reference.
    shares : sequence of mapping, optional
        For each reference, how much it counts in each aspect. All the same by default.
    weights : mapping, optional
        Aspect to weight, in place of the default one.
    only : sequence of str, optional
        Aspects to match; the others count nothing.
    seconds : sequence of float
        Lengths of the two recordings compared, where they are less than 5 s.

    Returns
    -------
    Target

    Raises
    ------
    UsageError
        If an aspect is unknown, a weight negative, or nothing is left to match.
    """
    for name in (*(weights or {}), *(only or ())):
        check_aspect(name)
    chosen = {**DEFAULT_WEIGHTS, **(weights or {})}
    for name, weight in chosen.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise UsageError(f"the weight of {name} is {weight}; use a number from 0 up")
    vector = np.array([chosen[a] if not only or a in only else 0.0 for a in ASPECTS])
    if vector.sum() <= 0:
        raise UsageError("nothing is left to match: every aspect has weight 0")
    rows = np.array(
        [[float(s.get(a, 0.0)) for a in ASPECTS] for s in shares]
        if shares is not None
        else np.ones((len(features), len(ASPECTS)))
    )
    sums = rows.sum(axis=0)
    vector = np.where(sums > 0, vector, 0.0)
    rows = rows / np.where(sums > 0, sums, 1.0)
    vector /= vector.sum()
    noise, growth = content_noise(), noise_growth(*seconds)
    if seconds:
        noise = noise.copy()
        for columns, grown in zip(_columns(), growth, strict=True):
            noise[columns] *= grown
    return Target(np.array(features), rows, vector, noise=noise, doubt=float(vector @ growth))


def check_aspect(name: str) -> str:
    """Return an aspect's name, or raise `UsageError` if there is none such.

    Parameters
    ----------
    name : str
        Of `ASPECTS`.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    UsageError
        If there is none such.
    """
    if name not in ASPECTS:
        raise UsageError(f"there is no aspect {name!r}; choose from {', '.join(ASPECTS)}")
    return name


@functools.cache
def _columns() -> tuple[NDArray[np.intp], ...]:
    names = np.array(feature_aspects())
    return tuple(np.flatnonzero(names == aspect) for aspect in ASPECTS)
