"""What a reference's cepstrum holds beyond the input's, and how much of it answers explain.

Conventions
-----------
* A cepstrum here has three views of two channels (left, right, mid) and one of one.
* `EchoTarget.drop` is in units of the noise's variance: half of it is a log likelihood ratio.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.measures.cepstrum import LAG_RATE, Cepstrum, local_noise
from dialin.measures.lag_windows import Seen, even_music, mean_seen

SHORTEST = 0.002
"""Lags below this many seconds tell of tone colour, not of echoes."""

ENOUGH = 25.0
"""Power of an answer, in units of the noise's variance, from which a part of a recording tells
whether it is there."""

TOO_LONG = 0.2
"""Share of an answer's power that halves show of a lag of three tenths of their length, from which
`verdict_of` asks longer parts; of short ones it is a half."""

MISSED, THERE = 0.2, 0.5
"""Share of an answer that a part must show, for it to count for anything, and for all."""

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EchoTarget:
    """What a reference's cepstrum holds beyond the input's, and how surely.

    Attributes
    ----------
    values : ndarray, shape (views, lags)
        Lag ``n`` at ``n / LAG_RATE``.
    weight : ndarray, shape (views, lags)
        One over the noise's variance, shared among the views; 0 below `SHORTEST`.
    highest : float
        End in hertz of the band that it was made with.
    own : ndarray, shape (views, lags)
        The input's cepstrum.
    seen : Seen
        How much of an echo is seen of it, by its lag.
    shortest : float
        Lag in seconds from which it counts.
    """

    values: Values
    weight: Values
    highest: float
    own: Values
    seen: Seen
    shortest: float = SHORTEST

    @property
    def none(self) -> float:
        """Sum of weighted squares that no effect at all leaves."""
        return float((self.weight * self.values**2).sum())

    def fit(self, answer: Values, *, whole: bool = True) -> Values:
        """An answer cut to the target's views and lags.

        Parameters
        ----------
        answer : ndarray, float64, shape (views, lags)
            Cepstra of an answer to the impulse.
        whole : bool, default True
            Whether a short one is filled up with nothing, to all of the target's lags.

        Returns
        -------
        ndarray, float64, shape (views, lags)
            Of the target's shape, or of fewer lags.
        """
        rows = answer
        if rows.shape[0] != self.values.shape[0]:
            # Of mono and stereo only what they share: the middle, which comes last.
            rows = np.repeat(rows[-1:], self.values.shape[0], axis=0)
        short = self.values.shape[1] - rows.shape[1]
        if short > 0 and whole:
            rows = np.pad(rows, ((0, 0), (0, short)))
        return np.asarray(rows[:, : self.values.shape[1]])

    def share(self, answer: Values) -> float:
        """How much of an answer is there: about 1 for the true one, 0 and below for none.

        Parameters
        ----------
        answer : ndarray, float64, shape (views, lags)
            Cepstra of an answer to the impulse.

        Returns
        -------
        float
            `drop` as a share of the answer's own weighted squares.
        """
        shared, power = self.products(answer)
        return (2 * shared - power) / power if power > 0 else 0.0

    @functools.cached_property
    def _weighted(self) -> Values:
        return self.weight * self.values

    def products(self, answer: Values) -> tuple[float, float]:
        """What an answer and the target share, and what the answer is by itself.

        Parameters
        ----------
        answer : ndarray, float64, shape (views, lags)
            Cepstra of an answer to the impulse, as they are or from `fit`.

        Returns
        -------
        (float, float)
            Weighted sums of products and of squares.
        """
        rows = self.fit(answer, whole=False)
        count = rows.shape[1]
        weighted, weight = self._weighted[:, :count], self.weight[:, :count]
        return float(np.vdot(rows, weighted)), float(np.vdot(rows, weight * rows))

    def drop(self, answer: Values) -> float:
        """How much less is left unexplained with this answer; below 0 if it explains nothing.

        Parameters
        ----------
        answer : ndarray, float64, shape (views, lags)
            Cepstra of an answer to the impulse.

        Returns
        -------
        float
            In the weighted squares of the target.
        """
        shared, power = self.products(answer)
        return 2 * shared - power

    def best_drop(self, answer: Values) -> tuple[float, float]:
        """The same if the answer could be weaker or stronger, and how strong it should be.

        Parameters
        ----------
        answer : ndarray, float64, shape (views, lags)
            Cepstra of an answer to the impulse.

        Returns
        -------
        (float, float)
            The drop, 0 or more, and the strength, 0 to 2.
        """
        return best_of(*self.products(answer))

    def score(self, answer: Values) -> float:
        """How many standard deviations the answer stands out, whatever its strength.

        Parameters
        ----------
        answer : ndarray, float64, shape (views, lags)
            Cepstra of an answer to the impulse.

        Returns
        -------
        float
            0 for an answer without echoes.
        """
        shared, power = self.products(answer)
        return float(shared / np.sqrt(power)) if power > 0 else 0.0


@dataclass(frozen=True, eq=False)
class PartPair:
    """Two parts of a recording: what an effect leaves in one it leaves in the other.

    Loops and beats repeat to the sample in one part and not in the other, or not after the same
    time.

    Attributes
    ----------
    parts : tuple of EchoTarget
    shares : tuple of ndarray of shape (lags,)
        How high a lag's peak is in each, as a share of that in the whole.
    """

    parts: tuple[EchoTarget, EchoTarget]
    shares: tuple[Values, Values]

    def products(self, rows: Values) -> list[tuple[float, float]]:
        """As `EchoTarget.products`, of each part.

        Parameters
        ----------
        rows : ndarray, shape (views, lags)
            The answer, as the whole shows it.

        Returns
        -------
        list of (float, float)
        """
        result = []
        for part, share in zip(self.parts, self.shares, strict=True):
            count = min(part.values.shape[1], rows.shape[1])
            result.append(part.products(rows[:, :count] * share[:count]))
        return result


def best_of(shared: float, power: float) -> tuple[float, float]:
    """What an answer explains where it could be weaker or stronger, and how strong it should be.

    Parameters
    ----------
    shared, power : float
        From `EchoTarget.products`.

    Returns
    -------
    (float, float)
        The drop, 0 or more, and the strength, 0 to 2.
    """
    if power <= 0:
        return 0.0, 0.0
    gain = float(np.clip(shared / power, 0.0, 2.0))
    return gain * (2 * shared - gain * power), gain


def agreed_drop(
    drop: float,
    parts: Sequence[Sequence[tuple[float, float]]],
    gain: float = 1.0,
    power: float = 0.0,
) -> float:
    """What an answer explains, less where it is not in all parts of a recording alike.

    Parameters
    ----------
    drop : float
        In the whole.
    parts : sequence of sequence of (float, float)
        `PartPair.products` of the answer; the first pair that can tell does.
    gain : float
        Of the answer.
    power : float
        Of the answer in the whole: a pair that shows too little of that, as its lags are too long
        for it, tells nothing.

    Returns
    -------
    float
        `drop` at most.
    """
    if drop <= 0:
        return drop
    for pair in parts:
        least = min(own for _, own in pair)
        if least * gain**2 < ENOUGH or (pair is not parts[-1] and least < TOO_LONG * power):
            # Too short to tell.
            continue
        # About 1 for what is there, 0 and below for what is not.
        least = min(2 * shared / (gain * own) - 1 for shared, own in pair)
        return drop * float(np.clip((least - MISSED) / (THERE - MISSED), 0.0, 1.0))
    return drop


def echo_target(
    references: Sequence[tuple[Cepstrum, float]],
    own: Cepstrum,
    highest: float,
    *,
    lags: tuple[float, float] = (SHORTEST, np.inf),
) -> EchoTarget:
    """What references have beyond the input.

    Parameters
    ----------
    references : sequence of (Cepstrum, weight)
        Cepstrum and weight of each.
    own : Cepstrum
        Of the input, of as much of it as there is.
    highest : float
        Frequency in hertz up to which spectra count.
    lags : (float, float)
        From and to which they do, in seconds.

    Returns
    -------
    EchoTarget
    """
    views = _common([c for c, _ in references], own)
    count = min([own.values.shape[1], *(c.values.shape[1] for c, _ in references)])
    first = round(lags[0] * LAG_RATE)
    last = min(count, round(min(lags[1], count / LAG_RATE) * LAG_RATE))
    total = sum(w for _, w in references)
    values, weight, dry = [], [], []
    for view in views:
        mine = own.view(view)[:count]
        content = local_noise(mine, own.sigma)
        row, precision = np.zeros(count), np.zeros(count)
        for cepstrum, share in references:
            theirs = cepstrum.view(view)[:count]
            noise = np.maximum(content, cepstrum.sigma)
            inverse = 1 / noise[first:last] ** 2
            level = common_level(mine[first:last], theirs[first:last], inverse)
            row += share / total * (theirs - level * mine)
            precision += share / total / noise**2
        precision[:first] = 0.0
        precision[last:] = 0.0
        values.append(row)
        dry.append(mine)
        weight.append(precision / len(views))
    seen = mean_seen([(c.seen or even_music(c.seconds, 0.0), w) for c, w in references])
    return EchoTarget(np.array(values), np.array(weight), highest, np.array(dry), seen, lags[0])


def common_level(own: Values, other: Values, weight: Values) -> float:
    """How much of an input's music another recording plays too: none, some, or all of it.

    Parameters
    ----------
    own, other : ndarray
        Their cepstra, of one shape.
    weight : ndarray
        One over the noise's variance, of the same shape.

    Returns
    -------
    float
        0 to 1.
    """
    power = float((weight * own**2).sum())
    both = float((weight * own * other).sum())
    return float(np.clip(both / power, 0.0, 1.0)) if power > 0 else 0.0


def _common(references: Sequence[Cepstrum], own: Cepstrum) -> tuple[str, ...]:
    if all("left" in c.views for c in (*references, own)):
        return ("left", "right", "mid")
    return ("middle",)
