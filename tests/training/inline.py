"""A pool that renders in this process, so that thousands of renders cost a test a second."""

import itertools
import tempfile
from pathlib import Path

import numpy as np
import torch

from dialin.effects import open_effect
from dialin.errors import DialinError
from dialin.rendering import Result, SharedAudio
from dialin.workers.memory import map_shared, write_shared


class InlinePool:
    """As much of `RenderPool` as layers need; notes what it was given, and may be forbidden."""

    workers = 1
    deadline = 30.0

    def __init__(self):
        self.effects = {}
        self.submitted = []
        self.forbidden = False
        self.folder = tempfile.TemporaryDirectory()
        self.numbers = itertools.count()

    def _effect(self, uri):
        if uri not in self.effects:
            self.effects[uri] = open_effect(uri)
        return self.effects[uri]

    def describe(self, uri):
        return self._effect(uri).spec

    def scratch(self):
        return Path(self.folder.name) / str(next(self.numbers))

    def share(self, audio, sample_rate):
        path = self.scratch()
        write_shared(path, audio)
        return SharedAudio(path.name, str(path), audio.shape, sample_rate)

    def release(self, shared):
        Path(shared.path).unlink()

    def map(self, function, arguments, *, effect, deadline):
        assert not self.forbidden, "a render outside forward"
        self.submitted.append(len(arguments))
        return [Result(function(self._effect(effect), *given)) for given in arguments]

    def render(self, jobs):
        assert not self.forbidden, "a render outside forward"
        self.submitted.append(len(jobs))
        return [self._one(job) for job in jobs]

    def _one(self, job):
        audio = map_shared(job.audio.path, job.audio.shape)
        try:
            wet = self._effect(job.effect).process(audio, job.audio.sample_rate, job.settings)
            return Result(job.measure(wet, job.audio.sample_rate, *job.measure_args))
        except DialinError as error:
            return Result(failure=error)


def drive(audio, settings):
    """`fake:drive` in torch: audio (batch, samples), settings (batch, 3)."""
    amount, level, mix = settings.unbind(1)
    shaped = torch.tanh(audio * 10 ** (40 * amount[:, None] / 20))
    shaped = shaped * 10 ** ((30 * level[:, None] - 24) / 20)
    return audio + mix[:, None] * (shaped - audio)


def square_of(audio, sample_rate, weight=1.0):
    """A loss that a test knows the gradient of."""
    return weight * float(np.mean(np.square(audio, dtype=np.float64)))
