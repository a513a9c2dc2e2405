"""The test doubles do what their table says: the good behave, each bad one has its one fault."""

import subprocess
import sys

import numpy as np
import pytest

from dialin.effects import fake
from dialin.effects.effect import Effect
from dialin.effects.fake import fake_names, open_fake
from dialin.effects.open import open_effect
from dialin.errors import EffectLoadError, EffectNotFoundError, RenderError

RATE = 44_100
GOOD = ("gain", "tilt", "drive", "echo", "sync", "room", "ring", "mode")
UNOPENED = ("hang_load", "crash_load", "fail_load", "slow_load")
DEADLY = ("hang", "freeze", "crash", "exit")
QUIET_FAULTS = tuple(n for n in fake_names() if n not in (*GOOD, *UNOPENED, *DEADLY))


@pytest.fixture(scope="module")
def audio():
    return np.random.default_rng(0).normal(0, 0.1, (2, 2_000)).astype(np.float32)


def test_every_double_is_in_the_modules_table():
    assert all(f"``{name}``" in fake.__doc__ for name in fake_names())


@pytest.mark.parametrize("name", GOOD)
def test_good_ones_are_pure_and_keep_length_and_type(name, audio):
    effect = open_effect(f"fake:{name}")
    assert isinstance(effect, Effect)
    rng = np.random.default_rng(1)
    settings, others = effect.spec.random(rng), effect.spec.random(rng)
    before = audio.copy()
    first = effect.process(audio, RATE, settings)
    effect.process(-audio[:, :500], RATE, others)
    np.testing.assert_array_equal(effect.process(audio, RATE, settings), first)
    np.testing.assert_array_equal(audio, before)
    assert first.dtype == np.float32 and first.shape == audio.shape
    assert effect.process(audio[:1], RATE, settings).shape == (1, 2_000)
    assert effect.process(audio, RATE, settings, tail=0.5).shape == (2, 24_050)
    stream = effect.stream(RATE, 2, settings)
    parts = [stream.process(audio[:, :700]), stream.process(audio[:, 700:]), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), first)
    assert effect.state(settings) is None
    effect.close()


@pytest.mark.parametrize("name", GOOD)
def test_every_knob_of_a_good_one_does_something(name, audio):
    effect = open_fake(name)
    base = np.full(effect.spec.size, 0.6)
    for place in range(effect.spec.size):
        moved = base.copy()
        moved[place] = 0.1
        one, other = (effect.process(audio, RATE, s, tail=0.3) for s in (base, moved))
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", GOOD)
def test_neutral_knobs_let_the_sound_through(name, audio):
    effect = open_fake(name)
    for p in effect.spec.parameters:
        if p.neutral is not None:
            settings = effect.spec.vector({p.id: p.neutral})
            np.testing.assert_allclose(effect.process(audio, RATE, settings), audio, atol=1e-7)


def test_the_echo_is_exact_to_the_sample():
    impulse = np.zeros((1, 4_410), np.float32)
    impulse[0, 0] = 1
    echo = open_fake("echo")
    settings = echo.spec.vector({"time": 10, "feedback": 50, "mix": 100})
    out = echo.process(impulse, RATE, settings)[0]
    assert list(np.flatnonzero(out)[:4]) == [0, 441, 882, 1323]
    np.testing.assert_allclose(out[[441, 882, 1323]], [1, 0.5, 0.25], rtol=1e-6)


def test_the_tilt_turns_about_its_cutoff():
    tilt = open_fake("tilt")
    time = np.arange(RATE) / RATE
    settings = tilt.spec.vector({"cutoff": 1_000, "tilt": 12})
    for hertz, low, high in ((50, -6.2, -5.0), (15_000, 5.0, 6.8)):
        tone = np.sin(2 * np.pi * hertz * time)[np.newaxis].astype(np.float32)
        out = tilt.process(tone, RATE, settings)[:, RATE // 2 :]
        assert low < 10 * np.log10(np.mean(out**2) / np.mean(tone[:, RATE // 2 :] ** 2)) < high


@pytest.mark.parametrize("name", QUIET_FAULTS)
def test_bad_ones_behave_while_their_badness_is_low(name, audio):
    effect = open_fake(name)
    expected = open_fake("gain").process(audio, RATE, [0.7])
    for _ in range(3):
        np.testing.assert_array_equal(effect.process(audio, RATE, [0.7, 0.4]), expected)


@pytest.mark.parametrize("name", ["leak", "smooth", "lfo", "noise"])
def test_impure_ones_change_with_what_ran_before(name, audio):
    effect = open_fake(name)
    effect.process(audio, RATE, [0.9, 1])
    first = effect.process(audio, RATE, [0.5, 1])
    effect.process(-audio, RATE, [0.1, 1])
    assert not np.array_equal(effect.process(audio, RATE, [0.5, 1]), first)


def test_the_other_faults_are_what_they_are_called(audio):
    def bad(name, gain=0.5):
        return open_fake(name).process(audio, RATE, [gain, 1])

    assert np.isnan(bad("nan")).sum() == 1
    assert np.isinf(bad("inf")).sum() == 1
    assert not bad("silent").any()
    np.testing.assert_array_equal(bad("latency")[:, 128:], audio[:, :-128])
    np.testing.assert_allclose(bad("loud"), audio * 1000, rtol=1e-6)
    assert bad("short").shape == (2, 1_000)
    np.testing.assert_array_equal(bad("ignore", 0.9), audio)
    np.testing.assert_array_equal(bad("mono")[1], audio[0])
    with pytest.raises(RenderError, match="on purpose"):
        bad("error")
    with pytest.raises(ZeroDivisionError):
        bad("bug")


def test_what_cannot_be_opened_says_so():
    with pytest.raises(EffectLoadError, match="on purpose"):
        open_fake("fail_load")
    with pytest.raises(EffectNotFoundError, match=r"fake:gian.*gain, tilt"):
        open_fake("gian")


@pytest.mark.parametrize(("name", "code"), [("crash", -11), ("exit", 3), ("crash_load", -11)])
def test_deadly_ones_kill_their_process(name, code):
    program = (
        "import numpy as np; from dialin.effects.fake import open_fake; "
        f"open_fake({name!r}).process(np.ones((1, 4), np.float32), 44100, [0.5, 1])"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == code
