"""Impulse responses of effects by the batch, as cepstra.

Conventions
-----------
* An impulse peaks at -6 dBFS and is followed for 3 s, for 6 s where the first echoes may come later
  than others are looked for, or longer where late ones come again and again
  (`dialin.matching.hearing.undone_search`). The half second before it is
  left out: many plugins fade in. All lies in noise at -100 dBFS: some fall asleep where there is
  digital silence, and their answer would end there.
* A cepstrum here has three views of two channels (left, right, mid) and one of one.
* Effects that move inside (a room whose reflections wander) are asked by a train of impulses. What
  a long recording shows of them is the mean of their answers, as far as that stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.effects.spec import Settings
from dialin.matching.hearing.echo_target import Values
from dialin.measures.cepstrum import FARTHEST, LONGEST, SMOOTH_HZ, impulse_cepstrum
from dialin.measures.lag_windows import Seen
from dialin.measures.smoothing import uniform_filter1d
from dialin.measures.undoing import Undoable, mean_concentration, undone_cepstrum
from dialin.rendering import Job, Renderer, Result, SharedAudio

PREROLL, SECONDS, FAR_SECONDS = 0.5, 3.0, 6.0
PEAK = 0.5
DITHER = 1e-5
TURNS, TURN_SECONDS, APART = 2, 1.0, 0.17
"""Impulses of a train, for how many seconds at most each is followed, and how many there are from
then to the next: no multiple of the periods that oscillators usually have."""

SMOOTHING = 49
"""Lags over which it is averaged how much of a train's answers stays the same."""


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
    heard: Seen | None,
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
    heard : Seen or None
        What is seen of the recording that it is compared with; None for all.
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
            piece,
            sample_rate,
            highest=highest,
            longest=longest_lag(seconds),
            heard=heard,
            smooth_hz=smooth_hz,
        )
        answers.append(cepstrum.values)
    return np.asarray(steady_part(np.stack(answers)), dtype=np.float32)


def longest_lag(seconds: float) -> float:
    """Longest lag in seconds that is looked at where impulses are followed for so long.

    Parameters
    ----------
    seconds : float
        More than `SECONDS` for effects whose first echoes may come late.

    Returns
    -------
    float
    """
    return FARTHEST if seconds > SECONDS else LONGEST


def _concentration(
    audio: Audio, sample_rate: int, recordings: Sequence[tuple[Undoable, float]]
) -> float:
    """How concentrated recordings are without what answered to the impulse; runs in a worker."""
    return mean_concentration(recordings, audio[:2, round(PREROLL * sample_rate) :], sample_rate)


def _undone(
    audio: Audio,
    sample_rate: int,
    recordings: Sequence[tuple[Undoable, float]],
    highest: float,
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
    heard : Seen, optional
        What is seen of the reference that answers are compared with.
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
    heard: Seen | None = None
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
        heard = self.heard
        if heard is not None and self.seconds <= heard.seconds / 16:
            heard = None
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
