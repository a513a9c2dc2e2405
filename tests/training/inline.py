"""A pool that renders in this process, so that thousands of renders cost a test a second."""

import numpy as np
import torch

from dialin.effects import open_effect
from dialin.errors import DialinError, NonFiniteOutputError
from dialin.rendering import Result


class InlinePool:
    """As much of `RenderPool` as layers need; counts and may be forbidden."""

    def __init__(self):
        self.effects = {}
        self.batches = []
        self.closed_for_business = False

    def _effect(self, uri):
        if uri not in self.effects:
            self.effects[uri] = open_effect(uri)
        return self.effects[uri]

    def describe(self, uri):
        return self._effect(uri).spec

    def share(self, audio, sample_rate):
        return (audio, sample_rate)

    def release(self, shared):
        pass

    def render(self, jobs):
        assert not self.closed_for_business, "a render outside forward"
        self.batches.append(len(jobs))
        return [self._one(job) for job in jobs]

    def _one(self, job):
        audio, rate = job.audio
        try:
            wet = self._effect(job.effect).process(audio, rate, job.settings)
        except DialinError as error:
            return Result(failure=error)
        if not np.isfinite(wet).all():
            return Result(failure=NonFiniteOutputError("not finite"))
        if job.measure is not None:
            return Result(job.measure(wet, rate, *job.measure_args))
        return Result(wet)


def drive(audio, settings):
    """`fake:drive` in torch: audio (batch, samples), settings (batch, 3)."""
    amount, level, mix = settings.unbind(1)
    shaped = torch.tanh(audio * 10 ** (40 * amount[:, None] / 20))
    shaped = shaped * 10 ** ((30 * level[:, None] - 24) / 20)
    return audio + mix[:, None] * (shaped - audio)


def square_of(audio, sample_rate, weight=1.0):
    """A loss that a test knows the gradient of."""
    return weight * float(np.mean(np.square(audio, dtype=np.float64)))
