"""The fewest effects that explain a difference come first."""

import itertools
import json

import numpy as np
import pytest

import dialin
from dialin.effects.chain import chain_spec
from dialin.effects.open import open_effect
from dialin.matching.candidate import Pick
from dialin.matching.detail import detail
from dialin.matching.features import style_features
from dialin.matching.forward import select_forward
from dialin.matching.options import SearchOptions
from dialin.matching.prune import least_brought, prune, without
from dialin.matching.space import SearchSpace
from dialin.matching.style import make_target, noise_growth, with_gain
from dialin.matching.trials import Trials
from dialin.rendering import RenderPool
from tests.matching.test_style import RATE, music

OPTIONS = SearchOptions()
SLOT_COST = OPTIONS.slot_cost


def trials(pool, spec, audio, target, budget, **more):
    """Renders of music, as a search makes them."""
    untouched = (style_features(music(1), RATE), detail(music(1), RATE))
    space = SearchSpace(spec, {})
    return Trials(pool, space, audio, untouched, target, budget=budget, options=OPTIONS, **more)


def grown(brings, budget=200, wanted=()):
    """What is explored where effect n takes `brings[n]` off a distance of 1."""
    tried = []

    def explore(slots, turned, start, renders):
        assert set(turned) <= set(slots)
        tried.append((slots, renders))
        return slots

    def value(slots):
        return 1.0 - sum(brings[s] for s in slots) + SLOT_COST * len(slots)

    select_forward(range(len(brings)), wanted, explore, value, budget, OPTIONS)
    assert sum(renders for _, renders in tried) <= budget
    return tried


def test_effects_are_added_while_they_bring_enough():
    tried = grown([0.3, 0.01, 0.2, 0.04])
    assert [slots for slots, _ in tried[:4]] == [(0,), (1,), (2,), (3,)]
    assert tried[-1][0] == (0, 2)
    assert grown([0.01, 0.02, 0.0])[-1][0] == (1,)
    assert grown([0.0, 0.0, 0.2], wanted=(1,))[-1][0] == (1, 2)


def test_no_more_renders_than_there_are():
    for budget in (1, 7, 30):
        grown([0.3, 0.1, 0.2], budget)


def test_one_effect_is_answered_by_one():
    effect = open_effect("fake:drive")
    settings = effect.spec.vector({"drive": 36, "mix": 100})
    wanted = effect.process(music(2), RATE, settings)
    chain = ["fake:drive", "fake:tilt", "fake:echo", "fake:ignore", "builtin:gain"]
    with RenderPool(workers=2) as pool:
        match = dialin.match((music(1), RATE), (wanted, RATE), chain, seed=3, budget=160, pool=pool)
    used = [slot.slot for slot in match.report.slots if slot.used]
    assert "drive" in used
    assert not {"tilt", "echo", "ignore"} & set(used)
    assert match.report.renders <= 160
    assert all(slot.reason for slot in match.report.slots if not slot.used)


def test_a_level_moved_further_than_is_likely_counts_against_a_setting():
    spec = chain_spec('chain:["fake:gain"]', [open_effect("fake:gain").spec])
    features = style_features(music(1), RATE)
    tried = trials(None, spec, None, make_target([features]), 9)
    for gain, excess in ((10, 0), (24, 0), (30, 6), (-19, 0), (-26, 6)):
        cost = tried.unlikely(with_gain(features, gain))
        assert cost == pytest.approx(OPTIONS.extreme * excess, abs=1e-9)


def test_the_less_is_heard_the_more_must_speak_for_a_match():
    assert (noise_growth(10, 5) == 1).all()
    growth = [noise_growth(10, seconds) for seconds in (3, 1, 0.3, 0.1)]
    assert all((b >= a).all() for a, b in itertools.pairwise(growth))
    features = style_features(music(1), RATE)
    other = style_features(music(2), RATE)
    long, short = (make_target([features], seconds=(10, s)) for s in (5, 0.3))
    assert short.distance(other) < 0.8 * long.distance(other)
    assert short.doubt > 1.5
    assert long.doubt == pytest.approx(1)


@pytest.mark.parametrize("seconds", [0.12, 0.5])
def test_a_very_short_reference_destroys_nothing(seconds):
    piece = music(2)[:, 6_000 : 6_000 + int(seconds * RATE)]
    with RenderPool(workers=2) as pool:
        match = dialin.match(
            (music(1), RATE),
            (piece, RATE),
            ["builtin:highpass", "builtin:lowpass", "builtin:gain"],
            seed=1,
            budget=40,
            pool=pool,
        )
    assert "too little to tell much" in " ".join(match.report.notes)
    audio, _ = match.audio()
    kept = np.sum(audio.astype(float) ** 2) / np.sum(music(1).astype(float) ** 2)
    assert 0.01 < kept < 100


def test_effects_that_undo_each_other_go_together():
    uris = ["fake:drive", "fake:tilt", "fake:tilt"]
    slots = [open_effect(uri).spec for uri in uris]
    spec = chain_spec("chain:" + json.dumps(uris), slots)
    drive = slots[0].vector({"drive": 30, "mix": 100})
    tilt = slots[1].index("tilt")
    up, down = slots[1].default, slots[2].default
    up[tilt], down[tilt] = 0.9, 0.1
    settings = np.concatenate([drive, up, down])
    target = make_target(
        [style_features(open_effect(uris[0]).process(music(1), RATE, drive), RATE)]
    )
    with RenderPool(workers=1) as pool:
        tried = trials(pool, spec, pool.share(music(1), RATE), target, 40)
        (best,) = tried.render((0, 1, 2), [settings])
        alone = without(tried, settings, [(0, 1), (0, 2)])
        pruned = prune(tried, Pick(best, sure=True, slots=(0, 1, 2)))
        likely = trials(pool, spec, tried.audio, target, 40, costs={1: -0.5, 2: -0.5})
        kept = prune(likely, Pick(best, sure=True, slots=(0, 1, 2)))
    assert all(c.distance > best.distance + 2 * SLOT_COST for c in alone)
    assert pruned.slots == (0,)
    assert pruned.candidate.distance <= best.distance + 2 * SLOT_COST
    assert {1, 2} <= set(pruned.left_out)
    assert kept.slots == (0, 1, 2)


def test_what_was_told_of_effects_counts_though_no_chain_grows():
    spec, settings, target = driven_and_tilted(0.6)
    with RenderPool(workers=1) as pool:
        shared = pool.share(music(1), RATE)
        usual = trials(pool, spec, shared, target, 40)
        told = trials(pool, spec, shared, target, 40, costs={0: -0.03, 1: 0.1})
        assert not usual.grows and not told.grows
        (without_word,) = usual.render((0, 1), [settings])
        (likely,), (both,) = told.render((0,), [settings]), told.render((0, 1), [settings])
    assert without_word.size_cost == 0.0
    assert likely.size_cost == pytest.approx(-0.03)
    assert both.size_cost == pytest.approx(0.07)
    assert both.value == pytest.approx(without_word.value + 0.07)


def driven_and_tilted(position):
    """A chain, settings of it with the tilt at a position, and what it makes of music."""
    uris = ["fake:drive", "fake:tilt"]
    slots = [open_effect(uri).spec for uri in uris]
    spec = chain_spec("chain:" + json.dumps(uris), slots)
    drive, tilt = slots[0].vector({"drive": 30, "mix": 100}), slots[1].default
    tilt[slots[1].index("tilt")] = position
    settings = np.concatenate([drive, tilt])
    wet = open_effect(spec.uri).process(music(1), RATE, settings)
    return spec, settings, make_target([style_features(wet, RATE)])


def test_an_effect_that_brings_less_than_voters_ask_of_it_goes():
    spec, settings, target = driven_and_tilted(0.6)
    with RenderPool(workers=1) as pool:
        shared = pool.share(music(1), RATE)
        tried = trials(pool, spec, shared, target, 40)
        (best,) = tried.render((0, 1), [settings])
        (alone,) = without(tried, settings, [(0,)])
        brought = alone.distance - best.distance
        choice = Pick(best, sure=True, slots=(0, 1))
        assert brought > 0.05 and prune(tried, choice).slots == (0, 1)
        for asked, kept in ((0.9 * brought, (0, 1)), (1.1 * brought, (0,))):
            told = trials(pool, spec, shared, target, 40, costs={1: asked})
            assert prune(told, choice).slots == kept


def test_an_effect_goes_the_sooner_the_less_likely_a_network_held_it():
    spec, settings, target = driven_and_tilted(0.52)
    with RenderPool(workers=1) as pool:
        tried = trials(pool, spec, pool.share(music(1), RATE), target, 40)
        (best,) = tried.render((0, 1), [settings])
        (alone,) = without(tried, settings, [(0,)])
        choice = Pick(best, sure=True, slots=(0, 1))
        brought = alone.distance - best.distance
        assert least_brought(0.99) < brought < least_brought(0.01)
        for chance, kept in ((0.99, (0, 1)), (0.01, (0,))):
            costs = {0: least_brought(0.9), 1: least_brought(chance)}
            told = trials(pool, spec, tried.audio, target, 40, costs=costs)
            pruned = prune(told, choice, costs)
            assert pruned.slots == kept
    assert "less than the" in pruned.left_out[1]
