"""How sure it is of each family, and what is no proof of one."""

from dataclasses import replace

import numpy as np

from dialin.matching.guessing.auto import AutoPlan, plan_auto
from dialin.matching.guessing.auto_families import wanted_families
from dialin.matching.guessing.auto_sureness import (
    as_guesses,
    as_offered,
    judge_families,
    probability,
    unlikely_slots,
)
from dialin.matching.guessing.auto_voters import Vote
from dialin.matching.hearing.time_guesses import Echo, Echoes
from tests.matching.guessing.test_auto import recordings, spec_of


def test_how_sure_it_is_grows_with_what_speaks_for_it():
    assert probability(4.0, "") > probability(1.0, "") > probability(-1.0, "")
    assert probability(0.0, "heard") > probability(0.0, "doubt") > probability(0.0, "absent")
    assert probability(0.0, "", votes=2.0) > probability(0.0, "")
    assert probability(None, "absent") < 0.1
    plan = plan_auto(wanted_families("auto"), (), recordings(), spec_of)
    delay = plan.uris.index("builtin:delay")
    reports = judge_families(
        plan, {0: 0.9, delay: 0.3}, {delay: ("heard", "Delay: echo at 250 ms")}, (delay,), 0.15
    )
    by_name = {r.name: r for r in reports}
    assert by_name["delay"].used and by_name["delay"].effects == ("delay",)
    assert by_name["delay"].evidence == ("heard: Delay: echo at 250 ms",)
    assert not by_name["drive"].used and by_name["drive"].probability < 0.5


def test_what_is_faint_is_a_guess_unless_a_voter_says_the_same():
    plan = plan_auto(wanted_families("auto:delay"), (), recordings(), spec_of)
    echo = Echo(0, "heard", np.full(3, 0.5), [], (0, 1, 2), 700.0, 26.0, "echo at 469 ms")
    plain = replace(echo, score=200.0)
    said = replace(plan, votes=(Vote("a network", {"builtin:delay": 0.9}),))
    for heard, by, verdict in (
        (echo, plan, "doubt"), (plain, plan, "heard"), (echo, said, "heard"),
        (replace(plain, exact=False), said, "doubt"),
    ):  # fmt: skip
        assert as_guesses(Echoes((heard,)), by).found[0].verdict == verdict


def test_of_many_effects_on_offer_what_a_network_holds_for_unlikely_is_in_doubt():
    """A chorus is tried for whatever moves; a network has heard all the others."""
    motion = Echo(0, "heard", np.full(5, 0.5), [], (0,), 700.0, 49.0, "motion", exact=False)
    faint = Echo(0, "heard", np.full(3, 0.5), [], (0, 1, 2), 700.0, 11.0, "echo at 469 ms")
    plain = replace(faint, score=200.0)
    for echo, chances, verdict in (
        (motion, {0: 0.01}, "doubt"), (motion, {0: 0.99}, "heard"), (motion, {}, "heard"),
        (faint, {0: 0.2}, "doubt"), (faint, {0: 0.9}, "heard"), (plain, {0: 0.01}, "heard"),
        (replace(motion, verdict="absent"), {0: 0.01}, "absent"),
    ):  # fmt: skip
        assert as_offered(Echoes((echo,)), chances).found[0].verdict == verdict


def test_how_things_move_is_compared_where_voters_explain_the_reference_alone():
    names = ("builtin:chorus", "builtin:gain")
    motion = Echo(0, "heard", np.full(5, 0.5), [], (0,), 700.0, 26.0, "motion", exact=False)
    vote = Vote("a network", {"builtin:chorus": 0.9})
    plan = AutoPlan(names, wanted_families("auto"), (vote,))
    told = replace(plan, nearest=0.4)
    for echoes, by, moves in (
        (Echoes((motion,), moves=True), plan, False),
        (Echoes((motion,), moves=True), told, True),
        (Echoes((replace(motion, verdict="doubt"),), moves=True), told, True),
        (Echoes((), moves=True), told, False),
        (Echoes((motion,)), told, False),
    ):
        assert as_guesses(echoes, by).moves is moves


def test_effects_that_no_voter_holds_for_likely_are_those_to_look_at_briefly():
    names = ("builtin:chorus", "builtin:phaser", "builtin:gain")
    plan = AutoPlan(names, wanted_families("auto"), ())
    assert unlikely_slots(plan) == (0, 1, 2)
    vote = Vote("a network", {"builtin:chorus": 0.95, "builtin:phaser": 0.1})
    assert unlikely_slots(replace(plan, votes=(vote,)))[0] == 1
