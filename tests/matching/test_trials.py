"""Renders of different chains are asked for together, so that no worker waits for another."""

import numpy as np

from dialin.matching.candidate import measure
from dialin.matching.options import SearchOptions
from dialin.matching.prune import without
from dialin.matching.space import SearchSpace
from dialin.matching.style import make_target
from dialin.matching.trials import Trials
from dialin.rendering import RenderPool
from tests.measures.test_cepstrum import music

RATE = 24_000
CHAIN = 'chain:["builtin:lowshelf","builtin:distortion","builtin:peak"]'


class Recorder:
    """A pool that keeps what it was asked for at once."""

    def __init__(self, pool):
        self._pool, self.batches = pool, []

    def render_iter(self, jobs):
        self.batches.append([job.effect for job in jobs])
        return self._pool.render_iter(jobs)


def test_chains_without_an_effect_are_rendered_at_once_and_each_as_by_itself():
    audio, reference = music(RATE, 1), music(RATE, 2)
    target = make_target([measure(reference, RATE)[0]])
    with RenderPool(workers=2) as pool:
        space = SearchSpace(pool.describe(CHAIN), {}, [], None)
        recorder, shared = Recorder(pool), pool.share(audio, RATE)
        trials = Trials(
            *(recorder, space, shared, measure(audio, RATE), target),
            budget=100,
            options=SearchOptions(),
        )
        whole = np.full(space.spec.size, 0.6)
        chains = [(0, 1), (0, 2), (0, 1, 2)]
        together = without(trials, whole, chains)
        assert recorder.batches[0][2] == CHAIN
        assert len(recorder.batches) == 1
        assert len(set(recorder.batches[0])) == 3
        assert trials.candidates == []
        alone = [trials.render(slots, [whole], kept=False)[0] for slots in chains]
    assert [c.slots for c in together] == chains
    assert [c.distance for c in together] == [c.distance for c in alone]
