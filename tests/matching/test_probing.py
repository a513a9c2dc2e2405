"""What is found out before a search: dead knobs stay, neutral positions are kept in the preset."""

import numpy as np
import pytest

import dialin
from dialin.errors import EffectLoadError, RenderError
from dialin.matching import probing
from dialin.matching.probing import probe_chain
from dialin.rendering import RenderPool
from tests.matching.test_style import RATE, music

DRIVE = """
import("stdfaust.lib");
drive = hslider("drive [unit:dB]", 0, 0, 40, 0.1) : ba.db2linear;
mix = hslider("mix [unit:%]", 100, 0, 100, 1) / 100;
nothing = hslider("nothing", 0.5, 0, 1, 0.01);
one = _ <: *(1 - mix), (*(drive * (1 + 1e-12 * nothing)) : ma.tanh : *(mix)) :> _;
process = one, one;
"""


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=1, deadline=2.0) as made:
        yield made


@pytest.fixture
def effect(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "drive.dsp").write_text(DRIVE)
    return f"faust:{tmp_path / 'drive.dsp'}"


def test_dead_knobs_are_left_alone_and_neutral_ones_kept(effect):
    reference = np.tanh(music(2) * 10).astype(np.float32)
    # A pool of its own, whose workers see this test's cache.
    with RenderPool(workers=1) as pool:
        match = dialin.match(
            (music(1), RATE), (reference, RATE), [effect], budget=40, seed=1, pool=pool
        )
        (slot,) = match.report.slots
        knobs = {knob.id: knob for knob in slot.knobs}
        assert knobs["nothing"].dead and not knobs["drive"].dead
        assert knobs["nothing"].after == knobs["nothing"].before
        assert knobs["drive"].after != knobs["drive"].before
        (kept,) = match.preset.slots
        assert {k.id: k.neutral for k in kept.knobs} == {"drive": None, "mix": 0.0, "nothing": None}
        nothing, _ = match.audio(amount=0)
        np.testing.assert_array_equal(nothing, music(1))
        np.testing.assert_array_equal(match.audio(amount=100)[0], match.audio()[0])


def test_effects_of_our_own_are_known(pool, monkeypatch):
    monkeypatch.setattr(pool, "probe", None)
    probed = probe_chain(pool, 'chain:["builtin:gain","fake:gain","builtin:gain"]')
    assert probed.spec == pool.describe('chain:["builtin:gain","fake:gain","builtin:gain"]')
    assert [spec.uri for spec in probed.slots] == ["builtin:gain", "fake:gain", "builtin:gain"]
    assert probed.notes == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("crash", "could not be probed, so all its knobs were tried"),
        ("error", ""),
        ("silent", ""),
        ("gain", ""),
    ],
)
def test_what_cannot_be_probed_is_tried_as_it_is(pool, monkeypatch, tmp_path, name, said):
    monkeypatch.setattr(probing, "_KNOWN", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with RenderPool(workers=1, deadline=2.0) as own:
        probed = probe_chain(own, f"fake:{name}")
        assert [p.id for p in probed.slots[0].parameters] == [
            p.id for p in own.describe(f"fake:{name}").parameters
        ]
    assert said in " ".join(probed.notes)
    assert bool(probed.notes) == bool(said)


def test_an_effect_that_gives_back_nothing(effect, tmp_path):
    (tmp_path / "wire.dsp").write_text('process = *(1 + 1e-12 * hslider("a", 0, 0, 1, 0.1));')
    (tmp_path / "mute.dsp").write_text('process = *(1e-12 * hslider("a", 0, 0, 1, 0.1));')
    with RenderPool(workers=1) as pool:
        (note,) = probe_chain(pool, f"faust:{tmp_path / 'mute.dsp'}").notes
        assert "mute gave back only silence" in note
        (note,) = probe_chain(pool, f"faust:{tmp_path / 'wire.dsp'}").notes
        assert "wire gave back only what was fed to it" in note


def test_silence_is_no_match(effect, tmp_path):
    """Silence lacks what is wrong with the input, so by distance alone it may come nearer."""
    (tmp_path / "mute.dsp").write_text('process = *(1e-12 * hslider("a", 0, 0, 1, 0.1));')
    (tmp_path / "gate.dsp").write_text(
        'process = *(hslider("volume", 0.5, 0, 1, 0.01) > 0.3) : *(hslider("b", 1, 0.5, 1, 0.01));'
    )
    reference = np.tanh(music(2) * 10).astype(np.float32)
    with RenderPool(workers=1) as pool:
        both = (music(1), RATE), (reference, RATE)
        with pytest.raises(RenderError, match="nothing but silence"):
            dialin.match(*both, [f"faust:{tmp_path / 'mute.dsp'}"], budget=6, pool=pool)
        (tmp_path / "dc.dsp").write_text(
            'process = *(1e-12) : +(hslider("a", 0.1, 0, 1, 0.1) > 0.05) : *(0.1);'
        )
        with pytest.raises(RenderError, match="direct current"):
            dialin.match(*both, [f"faust:{tmp_path / 'dc.dsp'}"], budget=6, pool=pool)
        match = dialin.match(*both, [f"faust:{tmp_path / 'gate.dsp'}"], budget=20, pool=pool)
        assert np.abs(match.audio()[0]).max() > 0.01
        assert match.report.failures > 0


def test_what_does_not_open_is_an_error(pool):
    with pytest.raises(EffectLoadError):
        probe_chain(pool, "fake:fail_load")
