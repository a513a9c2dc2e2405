"""Where echoes lie in all positions of several knobs in steps together.

The times of some delays are products: a note's length in steps for the left, one for the right,
and one time that is continuous and stretches both. Moved one at a time, such knobs bring one echo
to where it should be and never both. So the pattern of an effect's echoes is taken down for all
positions of these knobs together, once for each effect; a reference is compared with each pattern
at every stretch that lays an echo upon a peak, without another impulse.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.echo_target import SHORTEST, EchoTarget
from dialin.measures.cepstrum import LAG_RATE, find_peaks

Values = NDArray[np.float64]
Peaks = list[tuple[float, float]]
Ask = Callable[[Settings, float], Values | None]
"""Settings, and seconds for which the impulse is followed, to the middle's cepstrum."""

MOST_STEPS, MOST_TOGETHER = 24, 1024
"""Steps of a knob, and positions of all of them together, at most: more are drawn at random."""

CONTEXTS = 8
"""Settings at which knobs that stretch all lags are looked for."""

FOLLOWED, LAW_POINTS, LEAST_RANGE, AS_FAR = 3.0, 17, 2.0, 0.5
"""Seconds for which impulses are followed meanwhile, positions at which the law of that knob is
taken down, its least range, and share of the widest that is as good."""

LONGEST, SECONDS = 0.5, 1.1
"""Lag in seconds of the highest peak, at most, where patterns are taken down, and for how long they
are followed."""

PEAKS, TALL = 6, 0.1
"""Peaks of a pattern, and their least height as a share of the highest."""

SAMPLES, RELATIVE = 1.5, 1e-3
"""Lags (at `LAG_RATE`), and share of a lag, within which two lags are the same."""

ALIKE = 0.85
"""Share of the squares of both patterns' peaks that lie in the same places, where one is the other
stretched."""

MAKING = 0.5
"""Share of a knob's other steps whose patterns are no stretched ones, for it to make patterns: one
may be out of what is followed."""

TARGETS, LAID = 10, 3
"""Peaks of a reference upon which peaks of a pattern are laid, and how many of each pattern's."""


@dataclass(frozen=True)
class StepTaps:
    """Patterns of an effect's echoes.

    Attributes
    ----------
    knobs : tuple of str
        Parameters in steps that make them.
    stretcher : str
        The continuous one that stretches all of them.
    base : tuple of float
        Settings of all knobs at which they were taken down.
    law : tuple of (float, float)
        Positions of `stretcher`, and by how much each stretches, 1 at `base`.
    positions : tuple of tuple of float
        Of `knobs`, for each pattern.
    patterns : tuple of tuple of (float, float)
        Lag in seconds and height of the peaks of each, the highest first.
    """

    knobs: tuple[str, ...]
    stretcher: str
    base: tuple[float, ...]
    law: tuple[tuple[float, float], ...]
    positions: tuple[tuple[float, ...], ...]
    patterns: tuple[tuple[tuple[float, float], ...], ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StepTaps:
        """Read what was written to the cache.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        StepTaps
        """
        return cls(
            knobs=tuple(data["knobs"]),
            stretcher=str(data["stretcher"]),
            base=tuple(data["base"]),
            law=tuple((float(u), float(s)) for u, s in data["law"]),
            positions=tuple(tuple(p) for p in data["positions"]),
            patterns=tuple(tuple((float(a), float(b)) for a, b in p) for p in data["patterns"]),
        )

    def placed(
        self, target: EchoTarget, locked: Mapping[str, float]
    ) -> list[tuple[float, int, float]]:
        """Patterns that explain a reference, each at the stretch at which it explains most.

        Parameters
        ----------
        target : EchoTarget
            What the reference holds; of several views the middle is looked at.
        locked : mapping of str to float
            Positions of parameters that must keep theirs.

        Returns
        -------
        list of (float, int, float)
            What it explains, the place of the pattern, and its stretch; the best first.
        """
        row, weight = target.values[-1], target.weight[-1]
        noise = float(1 / np.sqrt(np.median(weight[weight > 0]))) if (weight > 0).any() else 1.0
        peaks = find_peaks(row, noise, shortest=target.shortest, count=TARGETS)
        peaks += find_peaks(row, 1.0, shortest=target.shortest, count=TARGETS)
        goals = np.unique([lag for lag, height in peaks if height > 0])
        if not goals.size:
            return []
        low, high = min(s for _, s in self.law), max(s for _, s in self.law)
        fixed = [(n, locked[k]) for n, k in enumerate(self.knobs) if k in locked]
        found = []
        for place, pattern in enumerate(self.patterns):
            own = self.positions[place]
            if any(abs(own[n] - u) > 1e-3 for n, u in fixed):
                continue
            lags, heights = (np.array(side) for side in zip(*pattern, strict=True))
            stretches = (goals[:, None] / lags[:LAID]).ravel()
            stretches = stretches[(stretches >= 0.98 * low) & (stretches <= 1.02 * high)]
            if not stretches.size:
                continue
            explained = _explained(row, weight, lags, heights, stretches)
            best = int(np.argmax(explained))
            found.append((float(explained[best]), place, float(stretches[best])))
        return sorted(found, reverse=True)


def _explained(row: Values, weight: Values, lags: Values, heights: Values, by: Values) -> Values:
    """What a pattern explains at each of some stretches, at whatever strength."""
    centre = by[:, None] * lags * LAG_RATE
    # What lies beyond the longest lag is neither there nor missed.
    inside = centre < row.size - 2
    at = np.where(inside, centre, 0.0).round().astype(int)
    within = np.ceil(SAMPLES + RELATIVE * centre).astype(int)
    reached = np.zeros(at.shape)
    for width in np.unique(within[inside]):
        here = inside & (within == width)
        around = at[here][:, None] + np.arange(-width, width + 1)
        reached[here] = row[np.clip(around, 0, row.size - 1)].max(axis=1)
    precision = np.where(inside, weight[at], 0.0)
    shared = (precision * reached * heights).sum(axis=1)
    power = (precision * heights**2).sum(axis=1)
    gain = np.clip(shared / np.maximum(power, 1e-12), 0.0, 2.0)
    return np.asarray(gain * (2 * shared - gain * power))


def find_taps(
    ask: Ask,
    spec: EffectSpec,
    lags: Sequence[int],
    contexts: Sequence[Settings],
) -> StepTaps | None:
    """Take down the patterns of an effect.

    Parameters
    ----------
    ask : callable
        Cepstrum of the effect's answer to an impulse; None where there is none.
    spec : EffectSpec
        Of the effect.
    lags : sequence of int
        Places of the knobs that move lags.
    contexts : sequence of ndarray
        Settings at which something is heard, most first.

    Returns
    -------
    StepTaps or None
        None where the effect has no two knobs in steps that make one pattern another, or no knob
        that stretches it.
    """
    stepped = [n for n in lags if _few(spec.parameters[n])]
    continuous = [n for n in lags if not spec.parameters[n].is_stepped]
    if len(stepped) < 2 or not continuous:
        return None
    base, stretcher, law = _stretched(ask, continuous, contexts)
    if base is None:
        return None
    here = _peaks(ask(base, FOLLOWED))
    making, longest = [], here[0][0]
    for index in stepped:
        patterns = [
            _peaks(ask(_with(base, index, u), FOLLOWED)) for u in _steps(spec.parameters[index])
        ]
        others = [pattern for pattern in patterns if pattern]
        made = sum(stretch_of(here, pattern) is None for pattern in others)
        if made >= max(1.0, MAKING * (len(others) - 1)):
            making.append(index)
            longest = max(longest, *(pattern[0][0] for pattern in others))
    if len(making) < 2:
        return None
    # Where the longest lags of all are not too long to be followed.
    fitting = [(u, s) for u, s in law if s * longest <= LONGEST]
    u, unit = max(fitting, key=lambda p: p[1]) if fitting else min(law, key=lambda p: p[1])
    base = _with(base, stretcher, u)
    together = list(itertools.product(*(_steps(spec.parameters[n]) for n in making)))
    if len(together) > MOST_TOGETHER:
        rng = np.random.default_rng(29)
        chosen = np.sort(rng.choice(len(together), MOST_TOGETHER, replace=False))
        together = [together[n] for n in chosen]
    positions, kept = [], []
    for own in together:
        vector = base.copy()
        vector[making] = own
        pattern = _peaks(ask(vector, SECONDS))
        if pattern:
            positions.append(own)
            kept.append(tuple((round(lag, 7), round(height, 4)) for lag, height in pattern))
    return StepTaps(
        knobs=tuple(spec.parameters[n].id for n in making),
        stretcher=spec.parameters[stretcher].id,
        base=tuple(float(v) for v in base),
        law=tuple((round(v, 6), round(s / unit, 6)) for v, s in law),
        positions=tuple(positions),
        patterns=tuple(kept),
    )


def _stretched(
    ask: Ask, continuous: Sequence[int], contexts: Sequence[Settings]
) -> tuple[Settings | None, int, list[tuple[float, float]]]:
    """Settings at which one knob stretches all echoes, that knob, and its law there.

    Of those where it stretches them alike far, the ones with the softest echoes: loud ones make
    peaks at their multiples that hide others.
    """
    options: list[tuple[float, float, Settings, int]] = []
    for context in contexts[:CONTEXTS]:
        here = _peaks(ask(context, FOLLOWED))
        if not here:
            continue
        for index in continuous:
            law = _law(ask, context, index, here, np.linspace(0.1, 0.9, 5))
            if len(law) < 3:
                continue
            span = max(s for _, s in law) / min(s for _, s in law)
            if span > LEAST_RANGE:
                options.append((span, here[0][1], context, index))
    if not options:
        return None, 0, []
    widest = max(span for span, *_ in options)
    alike = [option for option in options if option[0] > AS_FAR * widest]
    _, _, context, index = min(alike, key=lambda option: option[1])
    here = _peaks(ask(context, FOLLOWED))
    law = _law(ask, context, index, here, np.linspace(0.0, 1.0, LAW_POINTS))
    return (context, index, law) if len(law) > 2 else (None, 0, [])


def _law(
    ask: Ask, context: Settings, index: int, here: Peaks, way: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """Positions of a knob at which its pattern is the given one stretched, and by how much."""
    law = [(float(context[index]), 1.0)]
    for u in way:
        there = _peaks(ask(_with(context, index, float(u)), FOLLOWED))
        by = stretch_of(here, there) if there else None
        if by is not None:
            law.append((float(u), by))
    return sorted(law)


def stretch_of(one: Peaks, two: Peaks) -> float | None:
    """By how much a pattern must be stretched to be another; None where it never is.

    Parameters
    ----------
    one, two : list of (float, float)
        Lag in seconds and height of their peaks, the highest first.

    Returns
    -------
    float or None
    """
    options: list[tuple[float, float]] = []
    for (a, _), (b, _) in itertools.product(one[:LAID], two[:LAID]):
        by = b / a
        shares = [
            _found([(lag * by, h) for lag, h in one], two),
            _found(two, [(lag * by, h) for lag, h in one]),
        ]
        options.append((min(shares), by))
    share, by = max(options, default=(0.0, 1.0))
    return by if share >= ALIKE else None


def _found(one: Peaks, two: Peaks) -> float:
    """Share of the squares of one's peaks that have another of the other's in their place."""
    end = min(max(lag for lag, _ in one), max(lag for lag, _ in two)) * (1 + RELATIVE)
    total = there = 0.0
    for lag, height in one:
        if lag > end + SAMPLES / LAG_RATE:
            # The other may be cut off there.
            continue
        total += height**2
        near = 2 * SAMPLES / LAG_RATE + RELATIVE * lag
        if any(abs(lag - other) <= near for other, _ in two):
            there += height**2
    return there / total if total > 0 else 0.0


def _peaks(row: Values | None) -> Peaks:
    """Peaks of an answer, the highest first; none where there is nothing or too much."""
    if row is None:
        return []
    peaks = find_peaks(row, 1.0, shortest=SHORTEST, count=PEAKS)
    tallest = max((h for _, h in peaks), default=0.0)
    kept = sorted(((lag, h) for lag, h in peaks if h > TALL * tallest), key=lambda p: -p[1])
    return kept if tallest > 0.02 else []


def _few(parameter: Parameter) -> bool:
    return parameter.is_stepped and 1 < parameter.steps <= MOST_STEPS


def _steps(parameter: Parameter) -> list[float]:
    return [parameter.snap(float(u)) for u in np.linspace(0.0, 1.0, parameter.steps)]


def _with(settings: Settings, index: int, position: float) -> Settings:
    vector = settings.copy()
    vector[index] = position
    return vector
