"""A network that hears renders beside the reference, and says how far each is from the truth.

The style distance compares what two recordings have in common whatever they play; it also holds
what the music itself differs by. The judge (``judge.onnx`` of a guessing model) has learnt from
renders whose truth was known how far a render is from the one that the reference stands for, with
the input beside it: it tells L_d, estimated. It hears much more than the style distance does
(`dialin.matching.guessing.gap_features`), at about three times the cost, so that only the
candidates that are nearest by style distance are played to it, once, before one is picked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, resample
from dialin.matching.guessing.gap_features import hear
from dialin.measures.time_features import Floats, RecordingFeatures, echo_peaks
from dialin.networks.guess_runtime import GuessModel
from dialin.rendering import Job, Renderer

PEAK = 0.2512
"""Peak level at which single effects are heard, -12 dBFS."""

MONO_RATE = 24_000


def hear_mono(audio: Audio, rate: int) -> RecordingFeatures:
    """Take in a recording as the network of single effects does: mono, 24 kHz, one peak level.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    rate : int
        In hertz.

    Returns
    -------
    RecordingFeatures
    """
    mono = resample(audio.mean(axis=0, keepdims=True), rate, MONO_RATE)
    peak = float(np.abs(mono).max())
    return hear(mono * np.float32(PEAK / peak if peak > 1e-9 else 1.0), MONO_RATE)


def hear_stereo(audio: Audio, rate: int) -> RecordingFeatures:
    """Take in a recording as the network of chains does: stereo, as it is.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    rate : int
        In hertz.

    Returns
    -------
    RecordingFeatures
    """
    return hear(np.repeat(audio, 2, axis=0) if audio.shape[0] == 1 else audio[:2], rate)


def render_heard(
    audio: Audio, sample_rate: int, input: RecordingFeatures, mono: bool
) -> tuple[Floats, Floats]:
    """What a worker sends back of a render that the judge is to hear.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The render.
    sample_rate : int
        In hertz.
    input : RecordingFeatures
        The input, as it was heard.
    mono : bool
        Whether the network hears mono.

    Returns
    -------
    (ndarray, ndarray)
        Features of the render, and its echoes beyond the input's.
    """
    sound = (hear_mono if mono else hear_stereo)(audio, sample_rate)
    return sound.features, echo_peaks(input, sound)


@dataclass(frozen=True, eq=False)
class RenderJudge:
    """The judge of one match.

    Attributes
    ----------
    model : GuessModel
        Whose judge is asked.
    input : RecordingFeatures
        The input as it is.
    references : tuple of RecordingFeatures
        What it should sound like; each counts the same.
    mono : bool
        Whether the network hears mono.
    """

    model: GuessModel
    input: RecordingFeatures
    references: tuple[RecordingFeatures, ...]
    mono: bool

    def distances(self, features: Sequence[Floats], peaks: Sequence[Floats]) -> NDArray[np.float64]:
        """How far renders are from what the references stand for.

        Parameters
        ----------
        features, peaks : sequence of ndarray
            From `render_heard`, one of each for a render.

        Returns
        -------
        ndarray, float64, shape (n,)
            L_d, estimated.
        """
        rows, echoes = np.stack(features), np.stack(peaks)
        each = [
            self.model.judged(
                *(self.input.features, rows, echoes),
                *(reference.features, echo_peaks(self.input, reference)),
            )
            for reference in self.references
        ]
        return np.asarray(np.mean(each, axis=0))

    def untouched(self) -> float:
        """What it says of the input as it is."""
        return float(self.distances([self.input.features], [echo_peaks(self.input, self.input)])[0])

    def judge(self, pool: Renderer, jobs: Sequence[Job]) -> list[float | None]:
        """Render once more, for the judge to hear.

        Parameters
        ----------
        pool : Renderer
            Workers that render.
        jobs : sequence of Job
            What to render; how it is measured is seen to here.

        Returns
        -------
        list of float or None
            What the judge says; None for a render that failed.
        """
        heard = [
            Job(job.effect, job.audio, job.settings, job.sample_rate, measure=render_heard,
                measure_args=(self.input, self.mono))
            for job in jobs
        ]  # fmt: skip
        results = pool.render(heard)
        good = [n for n, result in enumerate(results) if result.failure is None]
        said: list[float | None] = [None] * len(results)
        if good:
            values = [results[n].value for n in good]
            told = self.distances([v[0] for v in values], [v[1] for v in values])
            for n, distance in zip(good, told, strict=True):
                said[n] = float(distance) if np.isfinite(distance) else None
        return said
