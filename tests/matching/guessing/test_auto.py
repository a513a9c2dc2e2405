"""Nobody names the effects: those that are heard in the reference are used, and no others."""

import json
from dataclasses import dataclass, replace

import numpy as np

import dialin
from dialin.effects import chain_uri
from dialin.effects.open import open_effect
from dialin.matching.features import style_features
from dialin.matching.guessing.auto import (
    AutoPlan,
    bending_slots,
    likely_settings,
    nearest_guess,
    plan_auto,
    slot_costs,
)
from dialin.matching.guessing.auto_families import (
    AUTO,
    DEFAULT,
    ORDER,
    wanted_families,
)
from dialin.matching.guessing.auto_sureness import as_guesses
from dialin.matching.guessing.auto_trust import trusted
from dialin.matching.guessing.auto_undo import undoing_notes
from dialin.matching.guessing.auto_voters import ChainGuess, Recordings, Vote
from dialin.matching.guessing.guess import GuessVoter
from dialin.matching.hearing.time_guesses import Echo, Echoes
from dialin.matching.options import MatchOptions
from dialin.matching.preparing import chosen_for
from dialin.matching.recordings import hear
from dialin.rendering import RenderPool
from tests.matching.test_style import RATE, music


def spec_of(uri):
    return open_effect(uri).spec


def recordings(reference=None):
    own = music(1)
    return Recordings((own, RATE), ((music(2) if reference is None else reference, RATE, 1.0),))


@dataclass
class Says:
    presence: dict

    def vote(self, heard, effects):
        return Vote("a network", {e.uri: self.presence.get(e.uri, 0.4) for e in effects}, prior=0.4)


def test_without_effects_dialin_chooses_and_a_profile_has_none_to_hear():
    sounds, options = ((music(1), RATE), (music(2), RATE)), MatchOptions()
    heard = hear(*sounds, options)
    assert chosen_for(*sounds, heard, options) == (AUTO, ())
    locked = MatchOptions(lock={"compressor.ratio": 4.0})
    assert chosen_for(*sounds, heard, locked)[0] == AUTO
    chosen, (note,) = chosen_for(*sounds, replace(heard, references=()), options)
    assert chosen == DEFAULT and "no sound" in note and "--fx default" in note


def test_an_effect_whose_knob_is_locked_is_tried_whatever_voters_say():
    never = [Says({f"builtin:{name}": 0.001 for name in ORDER})]
    for lock, kept in (
        (("compressor.ratio",), {"compressor"}),
        (("peak2.gain",), {"peak"}),
        (("room_size",), {"reverb"}),
    ):
        plan = plan_auto(wanted_families("auto"), never, recordings(), spec_of, lock)
        assert {u.removeprefix("builtin:") for u in plan.uris} == {*kept, "gain"}


def test_what_all_voters_hold_for_unlikely_is_not_tried():
    voters = [Says({"builtin:delay": 0.01, "builtin:reverb": 0.9})]
    plan = plan_auto(wanted_families("auto"), voters, recordings(), spec_of)
    assert "builtin:delay" not in plan.uris
    assert "builtin:reverb" in plan.uris
    assert "a network: 1 % likely" in plan.left["delay"]
    assert plan.uris[-1] == "builtin:gain"
    # Where nothing is likely, all is tried: who votes may be wrong.
    nothing = plan_auto(
        wanted_families("auto:delay"), [Says({"builtin:delay": 0.001})], recordings(), spec_of
    )
    assert nothing.uris == ("builtin:delay", "builtin:gain")


def test_samples_on_the_steps_of_a_crusher_bring_one_in():
    crushed = np.round(music(2) * 2**6) / np.float32(2**6)
    plan = plan_auto(wanted_families("auto"), (), recordings(crushed), spec_of)
    assert "builtin:bitcrush" in plan.uris
    assert "steps of 6 bit" in plan.notes[0]
    usual = plan_auto(wanted_families("auto"), (), recordings(), spec_of)
    assert "builtin:bitcrush" not in usual.uris


def test_only_what_bends_is_swapped():
    plan = plan_auto(wanted_families("auto"), (), recordings(), spec_of)
    assert {plan.uris[n] for n in bending_slots(plan)} == {
        "builtin:distortion",
        "builtin:compressor",
    }


def test_a_voter_is_believed_as_far_as_its_own_settings_come_near():
    guess = ChainGuess(("builtin:delay",), (np.array([0.5, 0.5, 0.5]),))
    vote = Vote("a network", {"builtin:distortion": 0.01, "builtin:delay": 0.9}, (guess,))
    near = trusted([vote], 2.5, lambda chains: [1.2 for _ in chains])
    assert near.votes[0].guesses == (guess,) and near.nearest == 1.2 and not near.notes
    other = ChainGuess(("builtin:reverb",), (np.full(5, 0.5),))
    (ranked,) = trusted([replace(vote, guesses=(guess, other))], 2.5, lambda _: [1.2, 0.4]).votes
    assert ranked.guesses == (other, guess)
    unsure = trusted([replace(vote, guesses=(guess, other))], 2.5, lambda _: [2.0, 2.2])
    assert not unsure.votes and unsure.best is guess
    far = trusted([vote], 2.5, lambda chains: [2.4 for _ in chains])
    assert not far.votes and np.isinf(far.nearest) and "was not believed" in far.notes[0]
    silent = Vote("someone", {"builtin:delay": 0.9})
    assert trusted([silent], 2.5, lambda chains: []).votes == (silent,)

    class Knows:
        def vote(self, heard, effects):
            return vote

    for trust, tried in ((near, False), (far, True)):
        plan = plan_auto(
            wanted_families("auto"), [Knows()], recordings(), spec_of, trust=lambda _, t=trust: t
        )
        assert ("builtin:distortion" in plan.uris) is tried
        assert plan.told is not tried


def test_the_network_gives_settings_of_the_effects_that_it_was_asked_about():
    asked = [spec_of(f"builtin:{name}") for name in ("distortion", "delay")]
    vote = GuessVoter().vote(recordings(), asked)
    assert vote is not None and len(vote.guesses) > 4
    for guess in vote.guesses:
        assert set(guess.effects) <= {"builtin:distortion", "builtin:delay"} and guess.effects
        for uri, settings in zip(guess.effects, guess.settings, strict=True):
            assert settings.shape == (spec_of(uri).size,)


def test_an_input_that_has_what_the_reference_has_not_is_told():
    effect = open_effect("builtin:reverb")
    wet = effect.process(music(1), RATE, effect.spec.vector({"wet": 60, "room_size": 80}))
    heard = hear((wet, RATE), (music(2), RATE), MatchOptions())
    guess = ChainGuess(("builtin:reverb",), (effect.spec.vector({"wet": 60, "room_size": 80}),))

    @dataclass
    class Hears:
        chance: float

        def vote(self, heard, effects):
            return Vote("a network", {"builtin:reverb": self.chance}, (guess,))

    untouched = style_features(wet, RATE)
    with RenderPool(workers=1) as pool:
        for chance, nearest, told in ((0.95, np.inf, 1), (0.2, np.inf, 0), (0.95, 0.0, 0)):
            notes = undoing_notes(
                *(pool, heard, untouched, [Hears(chance)], spec_of, 0), nearest=nearest
            )
            assert len(notes) == told
            assert not told or "(likely reverb)" in notes[0]


def test_what_a_voter_holds_for_likely_need_bring_little():
    guess = ChainGuess(("builtin:delay",), (np.full(3, 0.5),))
    vote = Vote("a network", {"builtin:delay": 0.97, "builtin:reverb": 0.1}, (guess,))
    names = ("builtin:peak", "builtin:delay", "builtin:delay", "builtin:reverb", "builtin:gain")
    plan = AutoPlan(names, wanted_families("auto"), (vote,), nearest=0.4, best=guess)
    costs = slot_costs(plan)
    assert set(costs) == {1, 3} and costs[1] == 0.03 < 0.08 < costs[3]
    assert slot_costs(replace(plan, nearest=np.inf)) == {}
    spec = open_effect(chain_uri(list(names))).spec
    ((slots, vector),) = nearest_guess(plan, spec)
    assert slots == (1,) and vector[spec.index("delay.mix")] == 0.5
    assert nearest_guess(replace(plan, best=None), spec) == ()
    likely = likely_settings(plan)
    assert set(likely) == {1, 2} and np.array_equal(likely[1][0], np.full(3, 0.5))
    absent = Echo(3, "absent", np.full(5, 0.5), [], (0,), 10.0, 7.0, "a room")
    said = replace(plan, votes=(replace(vote, presence={"builtin:reverb": 0.99}),))
    for by, verdict in ((plan, "absent"), (said, "doubt")):
        assert as_guesses(Echoes((absent,)), by).found[0].verdict == verdict


def test_a_match_says_how_sure_it_is_of_each_family():
    effect = open_effect("builtin:delay")
    settings = effect.spec.vector({"time": 310, "feedback": 30, "mix": 50})
    wanted = effect.process(music(2), RATE, settings)
    with RenderPool(workers=2) as pool:
        match = dialin.match(
            *((music(1), RATE), (wanted, RATE), "auto:drive,delay"),
            seed=3, budget=60, models=(), pool=pool,
        )  # fmt: skip
    families = {f.name: f for f in match.report.families}
    assert set(families) == {"drive", "delay"}
    assert families["delay"].used and families["delay"].probability > 0.7
    assert families["drive"].probability < 0.6
    assert json.loads(json.dumps(match.report.to_dict()))["families"][1]["name"] == "delay"
