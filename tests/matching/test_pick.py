"""What is picked where something was heard, and how much it is doubted."""

from __future__ import annotations

import numpy as np
import pytest

import dialin
from dialin.matching import searching
from dialin.matching.candidate import Candidate, measure
from dialin.matching.hearing.time_guesses import Echo, Echoes
from dialin.matching.options import SearchOptions
from dialin.matching.pick import _said_of, pick
from dialin.matching.search import ChainSearch
from dialin.matching.space import SearchSpace
from dialin.matching.style import make_target
from dialin.matching.trajectories import make_trajectory_target, trajectory_features
from dialin.matching.trials import Trials
from dialin.rendering import Job, RenderPool
from tests.measures.test_cepstrum import music

RATE = 24_000
DELAY = "builtin:delay"


@pytest.mark.parametrize(
    ("there", "score", "away", "sure"),
    [
        (True, 13.0, None, True),
        (False, 13.0, 0.3, False),
        (False, 90.0, 0.3, True),
        (False, 90.0, 0.5, False),
    ],
)
def test_an_echo_that_takes_the_sound_surely_away_is_not_sure(there, score, away, sure):
    """Notes have periods too; what was heard plainly is kept, unless the sound is far away."""
    with RenderPool(workers=1) as pool:
        spec = pool.describe(DELAY)
        settings = spec.vector(dict(time=9, feedback=85, mix=60))
        reference = music(RATE, 2)
        if there:
            (wet,) = pool.render([Job(DELAY, reference, settings, RATE)])
            reference = wet.get()
        echo = Echo(0, "heard", settings, [], tuple(range(spec.size)), 500.0, score, "echo at 9 ms")
        space = SearchSpace(spec, {}, [], Echoes((echo,)))
        trials = Trials(
            *(pool, space, pool.share(music(RATE, 1), RATE), measure(music(RATE, 1), RATE)),
            make_target([measure(reference, RATE)[0]]),
            budget=10,
            options=SearchOptions(),
        )
        trials.render((0,), [space.start])
        if away is not None:
            (candidate,) = trials.candidates
            candidate.distance += trials.untouched.value + away - candidate.value
        chosen = pick(trials, [], [])
    assert chosen.sure is sure


@pytest.mark.parametrize(
    ("drop", "rounds", "sure"), [(60.0, 9.0, False), (600.0, 9.0, True), (600.0, 0.9, False)]
)
def test_a_motion_that_is_clearly_heard_is_set_though_the_sound_is_a_little_farther(
    drop, rounds, sure
):
    """As a chorus is whose feedback is not right yet; what is hardly heard is left alone."""
    with RenderPool(workers=1) as pool:
        spec = pool.describe("builtin:chorus")
        echo = Echo(
            *(0, "heard", spec.default, [], (0,), drop, 20.0, "motion at 1 Hz"),
            exact=False,
            weigh=lambda settings: [drop] * len(settings),
            rounds=rounds,
        )
        space = SearchSpace(spec, {}, [], Echoes((echo,)))
        trials = Trials(
            *(pool, space, pool.share(music(RATE, 1), RATE), measure(music(RATE, 1), RATE)),
            make_target([measure(music(RATE, 2), RATE)[0]]),
            budget=10,
            options=SearchOptions(),
        )
        trials.render((0,), [space.start])
        (candidate,) = trials.candidates
        # A twentieth farther than the input is.
        candidate.distance = trials.untouched.distance + 0.05
        chosen = pick(trials, [], [])
    assert -0.1 < chosen.gain < 0.0
    assert chosen.sure is sure


@pytest.mark.parametrize(
    ("effect", "said", "sure"),
    [
        ("builtin:lowpass", None, False),
        ("builtin:lowpass", 0.1, True),
        ("builtin:lowpass", 2.5, False),
        # Networks tell little of what moves.
        ("builtin:chorus", 0.1, False),
    ],
)
def test_what_a_network_says_of_a_single_effect_counts_beside_the_distance(effect, said, sure):
    with RenderPool(workers=1) as pool:
        spec = pool.describe(effect)
        sound, reference = music(RATE, 1), music(RATE, 2)
        moving = (
            make_trajectory_target([(reference, RATE, 1.0)]),
            trajectory_features(sound, RATE),
        )
        trials = Trials(
            *(pool, SearchSpace(spec, {}, [], Echoes()), pool.share(sound, RATE)),
            *(measure(sound, RATE), make_target([measure(reference, RATE)[0]])),
            budget=10,
            options=SearchOptions(),
            moving=moving if effect == "builtin:chorus" else None,
        )
        trials.render((0,), [np.full(spec.size, 0.3)])
        (candidate,) = trials.candidates
        # Nearer, but by less than what is sure by itself.
        before, candidate.distance = candidate.value, candidate.distance + 1.0
        missing = trials.untouched.value - 0.1 - candidate.value
        candidate.distance += missing / (candidate.value - before)
        candidate.judged = said
        trials.untouched.judged = None if said is None else 1.2
        chosen = pick(trials, [], [])
    assert chosen.gain == pytest.approx(0.1, abs=0.01)
    assert chosen.sure is sure
    assert any("a network" in line for line in chosen.evidence) is (
        said is not None and effect != "builtin:chorus"
    )


class Seen(Exception):
    """What a search was asked for."""


@pytest.mark.parametrize(
    ("verdict", "temperature"),
    [("heard", searching.GUESSED_TEMPERATURE), ("doubt", SearchOptions().temperature)],
)
def test_what_listening_left_in_doubt_is_doubted_as_without_networks(
    monkeypatch, verdict, temperature
):
    def find(pool, probed, *rest, shapes, briefly):
        return Echoes((Echo(0, verdict, probed.spec.default, [], (0,), 500.0, 30.0, "echo"),))

    def search(*asked, options, **rest):
        raise Seen(options.temperature, len(rest["tries"]))

    monkeypatch.setattr(searching, "find_time_and_motion", find)
    monkeypatch.setattr(searching, "ChainSearch", search)
    stereo = [np.repeat(music(RATE, seed), 2, axis=0) for seed in (1, 2)]
    with RenderPool(workers=1) as pool, pytest.raises(Seen) as seen:
        dialin.match((stereo[0], RATE), (stereo[1], RATE), DELAY, budget=20, pool=pool)
    assert seen.value.args[0] == temperature
    assert seen.value.args[1] > 0


def test_what_a_network_would_say_of_the_others_is_told_by_their_distance():
    nothing = np.zeros(1)

    def candidate(value: float, judged: float | None) -> Candidate:
        return Candidate(None, nothing, nothing, value, judged=judged)

    field = [candidate(1.2, 2.4), candidate(0.5, 1.0), candidate(0.75, None), candidate(1.0, 2.0)]
    values = np.array([c.value for c in field])
    said = _said_of(field, values)
    assert said is not None
    assert said[[0, 1, 3]] == pytest.approx([2.4, 1.0, 2.0])
    assert said[2] == pytest.approx(1.5)
    # Where what is nearer is held for worse, distances tell nothing of it.
    field[1].judged, field[3].judged = 3.0, 2.6
    said = _said_of(field, values)
    assert said is not None
    assert said[2] == pytest.approx(np.mean([2.4, 3.0, 2.6]))
    assert _said_of([candidate(1.2, None), *field[1:]], values) is None


@pytest.mark.parametrize("alone", [True, False])
def test_renders_that_a_network_has_not_heard_are_picked_of_single_effects_alone(
    monkeypatch, alone
):
    with RenderPool(workers=1) as pool:
        spec, sound = pool.describe(DELAY), music(RATE, 1)
        search = ChainSearch(
            *(pool, spec, pool.share(sound, RATE), measure(sound, RATE)),
            make_target([measure(music(RATE, 2), RATE)[0]]),
            locked={},
            seed=0,
            budget=3,
            heard_alone=alone,
        )

        def chosen(trials, said, parts, *, heard_alone):
            raise Seen(heard_alone)

        monkeypatch.setattr("dialin.matching.search.pick", chosen)
        with pytest.raises(Seen) as seen:
            search.run()
        assert seen.value.args == (alone,)
        # Of two renders the nearer one was not heard.
        near, far = sorted(search._trials.candidates, key=lambda c: c.value)[:2]
        far.judged, search._trials.untouched.judged = 1.0, 1.0
        picked = pick(search._trials, [], [], heard_alone=alone).candidate
        assert (picked is far) if alone else (picked in (near, far))
