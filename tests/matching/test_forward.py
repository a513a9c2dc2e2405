"""The fewest effects that explain a difference come first."""

import itertools
import json

import numpy as np
import pytest

import dialin
from dialin.effects.chain import chain_spec
from dialin.effects.open import open_effect
from dialin.matching.detail import detail
from dialin.matching.features import style_features
from dialin.matching.forward import SLOT_COST, select_forward
from dialin.matching.search import EXTREME, Search
from dialin.matching.style import make_target, noise_growth, with_gain
from dialin.rendering import RenderPool
from tests.matching.test_style import RATE, music


def grown(brings, budget=200, wanted=()):
    """What is explored where effect n takes `brings[n]` off a distance of 1."""
    tried = []

    def explore(slots, turned, start, renders):
        assert set(turned) <= set(slots)
        tried.append((slots, renders))
        return slots

    def value(slots):
        return 1.0 - sum(brings[s] for s in slots) + SLOT_COST * len(slots)

    select_forward(range(len(brings)), wanted, explore, value, budget)
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
    search = Search(
        None,
        spec,
        None,
        (features, detail(music(1), RATE)),
        make_target([features]),
        locked={},
        seed=0,
        budget=9,
    )
    for gain, excess in ((10, 0), (24, 0), (30, 6), (-19, 0), (-26, 6)):
        cost = search._unlikely(with_gain(features, gain))
        assert cost == pytest.approx(EXTREME * excess, abs=1e-9)


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
        untouched = (style_features(music(1), RATE), detail(music(1), RATE))
        audio = pool.share(music(1), RATE)
        search = Search(pool, spec, audio, untouched, target, locked={}, seed=0, budget=40)
        (pick,) = search._render((0, 1, 2), [settings])
        alone = search._without(settings, [(0, 1), (0, 2)])
        kept, pruned, left_out = search._prune(pick, (0, 1, 2))
    assert all(c.distance > pick.distance + 2 * SLOT_COST for c in alone)
    assert kept == (0,) and pruned.distance <= pick.distance + 2 * SLOT_COST
    assert {1, 2} <= set(left_out)
