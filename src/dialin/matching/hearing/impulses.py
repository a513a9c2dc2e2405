"""Impulse responses of effects by the batch, as cepstra, and how well they explain a reference.

Conventions
-----------
* An impulse peaks at -6 dBFS and is followed for up to 3 s. The half second before it is left out:
  many plugins fade in. All lies in noise at -100 dBFS: some fall asleep where there is digital
  silence, and their answer would end there.
* A cepstrum here has three views of two channels (left, right, mid) and one of one.
* `EchoTarget.drop` is in units of the noise's variance: half of it is a log likelihood ratio.
* Effects that move inside (a room whose reflections wander) are asked by a train of impulses. What
  a long recording shows of them is the mean of their answers, as far as that stays the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.effects.spec import Settings
from dialin.measures.cepstrum import (
    LAG_RATE,
    SMOOTH_HZ,
    Cepstrum,
    impulse_cepstrum,
    local_noise,
)
from dialin.measures.smoothing import uniform_filter1d
from dialin.measures.undoing import Undoable, mean_concentration, undone_cepstrum
from dialin.rendering import Job, Renderer, Result, SharedAudio

PREROLL, SECONDS = 0.5, 3.0
PEAK = 0.5
DITHER = 1e-5
SHORTEST = 0.002
"""Lags below this many seconds tell of tone colour, not of echoes."""

TURNS, TURN_SECONDS, APART = 2, 1.0, 0.17
"""Impulses of a train, for how many seconds at most each is followed, and how many there are from
then to the next: no multiple of the periods that oscillators usually have."""

SMOOTHING = 49
"""Lags over which it is averaged how much of a train's answers stays the same."""

ENOUGH = 25.0
"""Power of an answer, in units of the noise's variance, from which a part of a recording tells
whether it is there."""

TOO_LONG = 0.2
"""Share of an answer's power that halves show of a lag of three tenths of their length, from which
`verdict_of` asks longer parts; of short ones it is a half."""

MISSED, THERE = 0.2, 0.5
"""Share of an answer that a part must show, for it to count for anything, and for all."""

Values = NDArray[np.float64]


def impulse(
    sample_rate: int,
    channels: int,
    *,
    seconds: float = SECONDS,
    delay: float = 0.0,
    gain: float = 1.0,
    turns: int = 1,
) -> Audio:
    """The impulse that effects are asked with, or a train of them, ``(channels, samples)``.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.
    seconds : float, default SECONDS
        Duration after the lead-in.
    delay : float, default 0.0
        Seconds by which it comes later.
    gain : float, default 1.0
        Of amplitude.
    turns : int, default 1
        Impulses, each after `seconds` and `APART`.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Noise far below hearing with a tall sample for each, the same in all channels.
    """
    starts = _starts(sample_rate, seconds, turns, delay)
    count = starts[-1] + round(seconds * sample_rate)
    noise = np.random.default_rng(5).standard_normal(count) * DITHER
    noise[starts] = PEAK
    return np.repeat((noise * gain).astype(np.float32)[None], channels, axis=0)


def _starts(sample_rate: int, seconds: float, turns: int, delay: float = 0.0) -> list[int]:
    """Samples at which the impulses of a train stand."""
    return [round((PREROLL + delay + n * (seconds + APART)) * sample_rate) for n in range(turns)]


def _in_doubles(answer: NDArray[np.float32]) -> Values:
    """An answer to be kept: of views that are alike, as most effects answer, one row for all."""
    if answer.shape[0] > 1 and (answer[1:] == answer[0]).all():
        return np.broadcast_to(answer[0].astype(np.float64), answer.shape)
    return answer.astype(np.float64)


def impulse_answer(
    audio: Audio,
    sample_rate: int,
    highest: float,
    heard: float | None,
    seconds: float = SECONDS,
    turns: int = 1,
    smooth_hz: float = SMOOTH_HZ,
) -> NDArray[np.float32]:
    """Cepstra of an answer to the impulse, ``(views, lags)``; runs where the effect is.

    Of a train's answers the part that stays the same; see `steady_part`.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        What came of `impulse`.
    sample_rate : int
        In hertz.
    highest : float
        Frequency in hertz up to which the spectrum counts.
    heard : float or None
        Seconds of the recording that it is compared with; None for a window without end.
    seconds : float, default SECONDS
        For which each impulse of a train is followed.
    turns : int, default 1
        Impulses of the train.
    smooth_hz : float
        As of the recording that it is compared with.

    Returns
    -------
    ndarray, float32, shape (views, lags)
    """
    answers = []
    for start in _starts(sample_rate, seconds, turns):
        piece = (
            audio[:, start:] if turns == 1 else audio[:, start:][:, : round(seconds * sample_rate)]
        )
        cepstrum = impulse_cepstrum(
            piece, sample_rate, highest=highest, heard=heard, smooth_hz=smooth_hz
        )
        answers.append(cepstrum.values)
    return np.asarray(steady_part(np.stack(answers)), dtype=np.float32)


def _concentration(
    audio: Audio, sample_rate: int, recordings: Sequence[tuple[Undoable, float]]
) -> float:
    """How concentrated recordings are without what answered to the impulse; runs in a worker."""
    return mean_concentration(recordings, audio[:2, round(PREROLL * sample_rate) :], sample_rate)


def _undone(
    audio: Audio, sample_rate: int, recordings: Sequence[tuple[Undoable, float]], highest: float
) -> tuple[NDArray[np.float32], float]:
    """Cepstra of recordings without what answered to the impulse; runs in a worker.

    And when the answer is loudest, in seconds.
    """
    answer = audio[:2, round(PREROLL * sample_rate) :]
    loudest = int(np.argmax(np.abs(answer).max(axis=0))) / sample_rate
    rows = [w * undone_cepstrum(sound, answer, sample_rate, highest) for sound, w in recordings]
    shape = np.min([row.shape for row in rows], axis=0)
    # Of mono and stereo only what they share: the middle, which comes last.
    common = np.stack([row[-shape[0] :, : shape[1]] for row in rows])
    return np.asarray(common.sum(axis=0), dtype=np.float32), loudest


def steady_part(answers: Values) -> Values:
    """What stays the same in answers to several impulses: what a long recording shows of them.

    Their mean, less what is left in it of what differs: a Wiener filter over lags.

    Parameters
    ----------
    answers : ndarray, shape (impulses, views, lags)
        Cepstra.

    Returns
    -------
    ndarray, shape (views, lags)
        Of one impulse its own answer.
    """
    if answers.shape[0] == 1:
        return np.asarray(answers[0])
    mean = np.asarray(answers.mean(axis=0))
    power = uniform_filter1d(mean**2, SMOOTHING, axis=1)
    chance = uniform_filter1d(answers.var(axis=0, ddof=1) / answers.shape[0], SMOOTHING, axis=1)
    return np.asarray(mean * np.clip(1.0 - chance / np.maximum(power, 1e-15), 0.0, 1.0))


@dataclass(eq=False)
class ImpulseLab:
    """Renders impulses through one effect or chain.

    Attributes
    ----------
    pool : Renderer
    uri : str
    sample_rate, channels : int
        As of the input that will be rendered in the end.
    highest : float
        End in hertz of the band that counts.
    heard : float, optional
        Length in seconds of the windows of the reference that answers are compared with.
    seconds : float
        For which an impulse is followed.
    turns : int
        Impulses of a train; more than one for effects that move inside.
    renders : int
        So far.
    smooth_hz : float
        As of the recordings' cepstra.
    """

    pool: Renderer
    uri: str
    sample_rate: int
    channels: int
    highest: float
    heard: float | None = None
    seconds: float = SECONDS
    turns: int = 1
    renders: int = 0
    smooth_hz: float = SMOOTH_HZ
    _shared: SharedAudio | None = field(default=None, repr=False)

    def answers(self, settings: Sequence[Settings]) -> list[Values | None]:
        """Cepstra at each of some settings; None where a render failed.

        Parameters
        ----------
        settings : sequence of ndarray
            Of the effect or chain, 0 to 1.

        Returns
        -------
        list of ndarray of shape (views, lags), or None
            In the order of `settings`.
        """
        results: list[Values | None] = [None] * len(settings)
        for place, answer in self.stream(settings):
            results[place] = answer
        return results

    def stream(self, settings: Sequence[Settings]) -> Iterator[tuple[int, Values | None]]:
        """The same, one by one as they come, so that one is weighed while the next is rendered.

        Parameters
        ----------
        settings : sequence of ndarray
            Of the effect or chain, 0 to 1.

        Yields
        ------
        (int, ndarray of shape (views, lags) or None)
            Place in `settings`, and the cepstra there.
        """
        # A window much longer than the answer takes nothing from it.
        heard = self.heard if self.heard is None or self.seconds > self.heard / 16 else None
        jobs = [
            Job(
                self.uri,
                self._impulse(),
                vector,
                measure=impulse_answer,
                measure_args=(self.highest, heard, self.seconds, self.turns, self.smooth_hz),
            )
            for vector in settings
        ]
        self.renders += len(jobs)
        for place, r in self.pool.render_iter(jobs):
            failed = r.failure is not None or not np.isfinite(r.value).all()
            yield place, None if failed else _in_doubles(r.value)

    def concentrations(
        self, settings: Sequence[Settings], recordings: Sequence[tuple[Undoable, float]]
    ) -> list[float]:
        """How concentrated recordings are once the effect is undone at each of some settings.

        For effects that are asked by one impulse, not by a train.

        Parameters
        ----------
        settings : sequence of ndarray
            Of the effect or chain, 0 to 1.
        recordings : sequence of (Undoable, float)
            And how much each counts.

        Returns
        -------
        list of float
            See `dialin.measures.undoing`; NaN where a render failed.
        """
        results = self._measured(settings, _concentration, tuple(recordings))
        return [float("nan") if r.failure is not None else float(r.value) for r in results]

    def undone(
        self,
        settings: Sequence[Settings],
        recordings: Sequence[tuple[Undoable, float]],
        highest: float,
    ) -> list[tuple[Values, float] | None]:
        """Cepstra of recordings once the effect is undone at each of some settings.

        For effects that are asked by one impulse, not by a train.

        Parameters
        ----------
        settings : sequence of ndarray
            Of the effect or chain, 0 to 1.
        recordings : sequence of (Undoable, float)
            And how much each counts; sums to 1.
        highest : float
            Frequency in hertz up to which spectra count.

        Returns
        -------
        list of (ndarray of shape (views, lags), float), or None
            And after how many seconds the answer there is loudest; None where a render failed.
        """
        results = self._measured(settings, _undone, tuple(recordings), highest)
        answers = [None if r.failure is not None else r.value for r in results]
        return [None if a is None else (_in_doubles(a[0]), float(a[1])) for a in answers]

    def _measured(
        self, settings: Sequence[Settings], measure: Callable[..., object], *args: object
    ) -> list[Result]:
        jobs = [
            Job(self.uri, self._impulse(), vector, measure=measure, measure_args=args)
            for vector in settings
        ]
        self.renders += len(jobs)
        return self.pool.render(jobs)

    def _impulse(self) -> SharedAudio:
        if self._shared is None:
            audio = impulse(self.sample_rate, self.channels, seconds=self.seconds, turns=self.turns)
            self._shared = self.pool.share(audio, self.sample_rate)
        return self._shared

    def close(self) -> None:
        """Free the impulse."""
        if self._shared is not None:
            self.pool.release(self._shared)
            self._shared = None


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
    shortest : float
        Lag in seconds from which it counts.
    """

    values: Values
    weight: Values
    highest: float
    own: Values
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
        shared, power = self.products(self.fit(answer, whole=False))
        return (2 * shared - power) / power if power > 0 else 0.0

    @functools.cached_property
    def _weighted(self) -> Values:
        return self.weight * self.values

    def products(self, rows: Values) -> tuple[float, float]:
        """What an answer and the target share, and what the answer is by itself.

        Parameters
        ----------
        rows : ndarray, float64, shape (views, lags)
            From `fit`.

        Returns
        -------
        (float, float)
            Weighted sums of products and of squares.
        """
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
        shared, power = self.products(self.fit(answer, whole=False))
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
        return best_of(*self.products(self.fit(answer, whole=False)))

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
        shared, power = self.products(self.fit(answer, whole=False))
        return float(shared / np.sqrt(power)) if power > 0 else 0.0


@dataclass(frozen=True, eq=False)
class PartPair:
    """Two parts of a recording: what an effect leaves in one it leaves in the other.

    Loops and beats repeat to the sample in one part and not in the other, or not after the same
    time.

    Attributes
    ----------
    parts : tuple of EchoTarget
    share : ndarray, shape (lags,)
        How high a lag's peak is in their windows, as a share of that in the whole's.
    """

    parts: tuple[EchoTarget, EchoTarget]
    share: Values

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
        scaled: dict[int, Values] = {}
        for part in self.parts:
            count = min(part.values.shape[1], rows.shape[1])
            if count not in scaled:
                scaled[count] = rows[:, :count] * self.share[:count]
            result.append(part.products(part.fit(scaled[count], whole=False)))
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
            power = float((inverse * mine[first:last] ** 2).sum())
            both = float((inverse * mine[first:last] * theirs[first:last]).sum())
            # Music of the input that the reference plays too: none, some, or all of it.
            level = float(np.clip(both / power, 0.0, 1.0)) if power > 0 else 0.0
            row += share / total * (theirs - level * mine)
            precision += share / total / noise**2
        precision[:first] = 0.0
        precision[last:] = 0.0
        values.append(row)
        dry.append(mine)
        weight.append(precision / len(views))
    return EchoTarget(np.array(values), np.array(weight), highest, np.array(dry), lags[0])


def _common(references: Sequence[Cepstrum], own: Cepstrum) -> tuple[str, ...]:
    if all("left" in c.views for c in (*references, own)):
        return ("left", "right", "mid")
    return ("middle",)
