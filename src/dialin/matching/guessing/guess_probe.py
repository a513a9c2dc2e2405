"""A first guess for effects that no network knows: from what their knobs do to a test signal.

An effect is rendered once at some hundred settings on two seconds of notes and drums, about as loud
as the input and at its rate, since what bends or has a threshold does something else to other
levels. Kept is by how much each moves the style features (`probe_knobs`; cached). Where input and
reference differ by a gap, settings are looked for that would make it: a ridge regression with a
smooth kernel (Rasmussen and Williams, "Gaussian processes for machine learning", 2006, chapter 2)
carries the moves from the settings that were rendered to any others, and those whose move brings
the input's features nearest to the reference's are proposed, apart from one another: by turns one
that was predicted and one that was rendered, since of thousands of predictions the best is too good
by chance. Nothing of the music is rendered for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

VERSION, SECONDS = 3, 2.0
BEAT, PARTIALS, SCALE = 0.18, 24, (0, 3, 5, 7, 10, 12, 15, 19)
"""Of the test signal: seconds from note to note, partials of each, semitones above its octave."""

LEVELS, LEVEL_STEP = (-42.0, -6.0), 6.0
"""Levels of the test signal in dBFS, from and to, and in which steps."""

LEAST, MOST, PER_KNOB = 24, 96, 10
"""Settings rendered: so many for each live knob, within these limits."""

RIDGE = 0.2
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


def knob_signal(rate: int, level: float) -> Audio:
    """Two seconds that have of everything what music has: notes that ring out over basses, drums.

    Noise of even spectrum would hide what bends or coarsens the sound, and what has a threshold
    hears how far peaks stand out; so partials fall off, notes decay, and there is little noise.

    Parameters
    ----------
    rate : int
        In hertz.
    level : float
        RMS in dBFS.

    Returns
    -------
    ndarray, float32, shape (2, samples)
    """
    rng = np.random.default_rng(21)
    count = int(SECONDS * rate)
    sound = np.zeros((2, count))
    for beat, start in enumerate(np.arange(0.0, SECONDS, BEAT)):
        first = int(start * rate)
        clock = np.arange(count - first) / rate
        for voice in range(2):
            octave = 12 * voice + (12 if voice and rng.random() < 0.4 else 0)
            pitch = 55.0 * 2 ** ((rng.choice(SCALE) + octave) / 12)
            decay, loud, pan = rng.uniform(2.5, 9.0), rng.uniform(0.4, 1.0), rng.uniform(0.35, 0.65)
            phases = rng.uniform(0.0, 2 * np.pi, PARTIALS)
            if voice == 0 and beat % 2:
                continue
            note = np.zeros(clock.size)
            for n in range(1, PARTIALS + 1):
                if n * pitch < 0.45 * rate:
                    partial = np.sin(2 * np.pi * n * pitch * clock + phases[n - 1])
                    note += n**-1.3 * partial * np.exp(-decay * (1 + 0.08 * n) * clock)
            sound[:, first:] += loud * np.outer([pan, 1 - pan], note)
        noise = rng.standard_normal((2, clock.size))
        if beat % 4 == 0:
            sweep = 50 * clock + 6 * (1 - np.exp(-30 * clock))
            sound[:, first:] += 0.8 * np.sin(2 * np.pi * sweep) * np.exp(-9 * clock)
        if beat % 4 == 2:
            sound[:, first:] += 0.25 * noise * np.exp(-18 * clock)
        sound[:, first:] += 0.03 * np.diff(noise, axis=1, prepend=0.0) * np.exp(-45 * clock)
    sound -= sound.mean(axis=1, keepdims=True)
    return np.asarray(10 ** (level / 20) * sound / sound.std(), dtype=np.float32)


def probe_knobs(
    effect: Effect, indices: tuple[int, ...], rate: int, level: float
) -> KnobMoves | None:
    """Render the test signal at many settings, or read what was kept; runs where the effect is.

    Parameters
    ----------
    effect : Effect
        What is asked.
    indices : tuple of int
        Knobs that are turned.
    rate : int
        Of the test signal, in hertz.
    level : float
        Of the test signal, in dBFS.

    Returns
    -------
    KnobMoves or None
        None where too few renders were sound.
    """
    if not indices:
        return None
    about = (",".join(map(str, indices)), str(rate), f"{level:g}", str(VERSION))
    name = probe_name(effect.spec, *about, kind="knobs-")
    moves = remembered(
        name, KnobMoves.from_dict, lambda: _moves(effect, indices, rate, level), KnobMoves.to_dict
    )
    return moves if len(moves.settings) >= LEAST // 2 else None


def _moves(effect: Effect, indices: tuple[int, ...], rate: int, level: float) -> KnobMoves:
    from scipy.stats import qmc  # half a second, and not every match asks

    signal = knob_signal(rate, level)
    before = style_features(signal, rate)
    count = int(np.clip(PER_KNOB * len(indices), LEAST, MOST))
    points = qmc.Sobol(len(indices), seed=np.random.default_rng(3)).random(128)[:count]
    settings, moves = [], []
    for point in [None, *points]:
        vector = effect.spec.default
        if point is not None:
            vector[list(indices)] = point
        vector = effect.spec.check(vector)
        try:
            wet = effect.process(signal, rate, vector)
        except Exception:
            # Whatever a host throws: settings that cannot be rendered tell nothing.
            continue
        if not np.isfinite(wet).all() or np.ptp(wet) < 1e-6:
            continue
        settings.append(vector)
        moves.append(style_features(wet, rate) - before)
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
    # What compares nowhere has no mean; it moves by nothing.
    there = np.isfinite(moves.moves)
    count_there = np.maximum(there.sum(axis=0), 1)
    centre = np.where(there, moves.moves, 0.0).sum(axis=0) / count_there
    apart = np.where(there, moves.moves - centre, 0.0)
    scale = np.sqrt((apart**2).sum(axis=0) / count_there) + 1e-9
    values = apart / scale
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
    rendered = np.arange(len(tried)) < len(known)
    result: list[Settings] = []
    kept: list[Floats] = []
    sources = [tried[np.argsort(np.where(rendered == own, distances, np.inf), kind="stable")[:most]]
               for own, most in ((False, len(tried) - len(known)), (True, len(known)))]  # fmt: skip
    for point in _by_turns(sources, kept):
        kept.append(point)
        vector = moves.settings[0].copy()
        vector[turned] = point
        result.append(vector)
        if len(result) == count:
            break
    return result


def _by_turns(sources: Sequence[Floats], kept: Sequence[Floats]) -> Iterator[Floats]:
    """The best of each source by turns, apart from what is kept by then."""
    left = [iter(source) for source in sources]
    while left:
        for source in list(left):
            for point in source:
                if all(np.abs(point - other).mean() >= APART for other in kept):
                    yield point
                    break
            else:
                left.remove(source)


def guess_by_probe(
    pool: Renderer, uri: str, indices: tuple[int, ...], input: Vector, rate: int, target: Target,
    count: int, seed: int,
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
    rate : int
        Of the input, in hertz.
    target : Target
        What it should sound like.
    count, seed : int
        Proposals, and what they are drawn with.

    Returns
    -------
    list of ndarray
    """
    try:
        arguments = (indices, rate, nearest_level(input))
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
