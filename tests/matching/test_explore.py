"""Where a search goes once a motion is heard."""

from __future__ import annotations

import numpy as np

from dialin.matching.candidate import measure
from dialin.matching.explore import Explorer
from dialin.matching.hearing.time_guesses import Echo, Echoes
from dialin.matching.options import SearchOptions
from dialin.matching.space import SearchSpace
from dialin.matching.style import make_target
from dialin.matching.trials import Trials
from dialin.rendering import Job, RenderPool
from tests.measures.test_cepstrum import music

RATE = 24_000
PHASER = "builtin:phaser"


def test_what_comes_near_by_the_sound_is_listened_to_again_and_searched_on_from_there():
    audio = music(RATE, 1)
    with RenderPool(workers=1) as pool:
        spec = pool.describe(PHASER)
        true = spec.vector(dict(rate=1.7, depth=70, centre_frequency=900, mix=50, feedback=30))
        (wet,) = pool.render([Job(PHASER, audio, true, RATE)])
        asked = []

        def refine(settings):
            # As if impulses told all: half of the way, and the rate.
            asked.append(settings)
            return spec.check(np.where(np.arange(spec.size) == 0, true, (settings + true) / 2))

        def weigh(settings):
            return [1000.0 - 500.0 * float(np.abs(v - true).max()) for v in settings]

        start = true.copy()
        start[0] += 0.002
        echo = Echo(
            *(0, "heard", start, [], (0,), 500.0, 22.0, "motion"),
            exact=False,
            weigh=weigh,
            refine=refine,
        )
        space = SearchSpace(spec, {}, [], Echoes((echo,), moves=True))
        trials = Trials(
            *(pool, space, pool.share(audio, RATE), measure(audio, RATE)),
            make_target([measure(wet.get(), RATE)[0]]),
            budget=40,
            options=SearchOptions(),
        )
        space.start[1:] = spec.default[1:]
        Explorer(trials, 1).run(40)
    assert trials.renders <= 40
    assert asked
    # The rate that goes with a better shape stays from then on.
    assert {float(c.settings[0]) for c in trials.candidates[-10:]} == {float(true[0])}
    best = min(trials.candidates, key=lambda c: c.value)
    assert np.abs(best.settings - true).max() < 0.2
