"""The built-in effects do what an effect promises, every one of them."""

import numpy as np
import pedalboard
import pytest

from dialin.effects.builtin import open_builtin
from dialin.effects.builtin_table import BUILTINS
from dialin.effects.effect import Effect
from dialin.effects.segments import SEGMENT
from dialin.errors import EffectNotFoundError, ParameterError
from tests.effects.streams import assert_pure, assert_streams, lag, noise

NAMES = list(BUILTINS)
RATE = 44_100
# A phase vocoder smears time by about its window, whichever way it is aligned.
LAG = {"pitch": 700}


def busy(name: str) -> np.ndarray:
    """Settings at which the effect is clearly at work: nothing neutral, everything off centre."""
    rng = np.random.default_rng(len(name))
    spec = open_builtin(name).spec
    return np.array(
        [
            p.snap(float(v))
            for p, v in zip(spec.parameters, rng.uniform(0.3, 0.7, spec.size), strict=True)
        ]
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2])
def test_render_depends_on_nothing_before_it(name: str, channels: int) -> None:
    effect = open_builtin(name)
    audio = noise(channels, 20_001)
    wet = assert_pure(effect, audio, RATE, busy(name))
    assert np.isfinite(wet).all()
    # The side of one channel is silent.
    assert np.array_equal(wet, audio) == (name == "width" and channels == 1)
    assert np.array_equal(open_builtin(name).process(audio, RATE, busy(name)), wet)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [8_000, RATE, 192_000])
def test_stream_gives_the_same_samples(name: str, rate: int) -> None:
    assert_streams(open_builtin(name), noise(2, 20_001), rate, busy(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (2, 2), (1, 100), (5, 4), (8, 9), (3, 8_193)])
def test_any_shape(name: str, shape: tuple[int, int]) -> None:
    effect = open_builtin(name)
    assert effect.process(noise(*shape), RATE, busy(name)).shape == shape
    assert_streams(effect, noise(*shape), RATE, busy(name))


@pytest.mark.parametrize("name", NAMES)
def test_channels(name: str) -> None:
    effect, settings, mono = open_builtin(name), busy(name), noise(1, 12_345)
    alone = effect.process(mono, RATE, settings)
    both = effect.process(np.repeat(mono, 2, axis=0), RATE, settings)
    if name in ("eq", "width"):
        assert np.array_equal(both[0], both[1])
        assert np.array_equal(alone[0], both[0])
    elif BUILTINS[name].stereo:
        assert not np.array_equal(both[0], both[1])
    else:
        assert np.array_equal(both[0], both[1])
        assert np.array_equal(alone[0], both[0])
        left = np.concatenate([mono, noise(1, 12_345, seed=7)])
        apart = effect.process(left, RATE, settings)
        # The limiter and the pitch shifter's transient detector listen to both sides.
        if name not in ("brickwall", "pitch"):
            assert np.array_equal(apart[0], alone[0])


@pytest.mark.parametrize("name", NAMES)
def test_more_than_two_channels(name: str) -> None:
    effect, settings, audio = open_builtin(name), busy(name), noise(5, 6_000)
    audio[2:4] = audio[:2]
    wet = effect.process(audio, RATE, settings)
    assert not any(np.array_equal(wet[c], audio[c]) for c in range(4 if name == "width" else 5))
    if name not in ("brickwall", "pitch"):  # these listen to all channels together
        assert np.array_equal(wet[2:4], wet[:2])
        assert np.array_equal(wet[4:], effect.process(audio[4:], RATE, settings))


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("delay", "ladder")])
def test_no_latency(name: str) -> None:
    effect = open_builtin(name)
    audio = noise(1, RATE)
    settings = effect.spec.default
    if name == "pitch":
        settings = effect.spec.vector({"pitch": 0.05})
    assert abs(lag(audio, effect.process(audio, RATE, settings))) <= LAG.get(name, 0)


def test_ladder_and_delay_begin_at_once() -> None:
    # The ladder's phase and the delay's echo move the likeness; their impulses do not lie.
    impulse = np.zeros((1, 4_000), dtype=np.float32)
    impulse[0, 100] = 0.5
    for name in ("ladder", "delay"):
        effect = open_builtin(name)
        wet = effect.process(impulse, RATE, effect.spec.default)
        assert not wet[0, :100].any()
        assert abs(wet[0, 100]) > 0.01


@pytest.mark.parametrize(
    ("name", "native"),
    [
        ("gain", {"gain": -6.0}),
        ("distortion", {"drive": 20.0, "mix": 100.0}),
        ("clipping", {"threshold": -30.0, "mix": 100.0}),
        ("bitcrush", {"bit_depth": 3.0, "mix": 100.0}),
        ("reverb", {"wet": 0.0, "dry": 50.0}),
        ("delay", {"mix": 50.0, "time": 500.0}),
    ],
)
def test_first_sample_is_already_at_the_new_settings(name: str, native: dict[str, float]) -> None:
    effect = open_builtin(name)
    step = np.full((1, 2_000), 0.3, dtype=np.float32)
    effect.process(step, RATE, effect.spec.default)
    wet = effect.process(step, RATE, effect.spec.vector(native))
    assert wet[0, 0] == pytest.approx(wet[0, -1], rel=1e-5)
    assert wet[0, 0] != pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_neutral_is_transparent(name: str) -> None:
    effect = open_builtin(name)
    neutral = {p.id: p.neutral for p in effect.spec.parameters if p.neutral is not None}
    if not neutral:
        assert name in ("ladder", "limiter", "brickwall", "resample")
        return
    rng = np.random.default_rng(3)
    audio = noise(2, 5_000)
    for _ in range(5):
        settings = effect.spec.random(rng)
        for id, value in neutral.items():
            place = effect.spec.index(id)
            settings[place] = effect.spec.parameters[place].to_normalised(value)
        wet = effect.process(audio, RATE, settings)
        assert np.array_equal(wet, audio)
        assert not np.shares_memory(wet, audio)


@pytest.mark.parametrize("name", ["lowshelf", "highshelf", "peak", "compressor", "gate", "reverb"])
def test_nearly_neutral_is_nearly_transparent(name: str) -> None:
    # Being off is a short cut, not another sound.
    effect = open_builtin(name)
    nearly = {}
    for p in effect.spec.parameters:
        if p.neutral is not None:
            inside = p.to_normalised(p.neutral)
            nearly[p.id] = p.to_native(inside - 1e-5 if inside > 0.5 else inside + 1e-5)
    audio = noise(2, 5_000)
    wet = effect.process(audio, RATE, effect.spec.vector(nearly))
    assert np.abs(wet - audio).max() < 1e-3


def test_long_pitch_shift_has_no_seams() -> None:
    effect = open_builtin("pitch")
    rate = 8_000
    samples = SEGMENT + 60_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)
    audio = tone.astype(np.float32)[np.newaxis]
    settings = effect.spec.vector({"pitch": 3.0})
    wet = effect.process(audio, rate, settings)
    assert wet.shape == audio.shape
    around = wet[0, SEGMENT - 4_000 : SEGMENT + 6_000]
    level = np.sqrt(np.convolve(around**2, np.ones(400) / 400, "valid"))
    usual = wet[0, 100_000:110_000]
    ordinary = np.sqrt(np.convolve(usual**2, np.ones(400) / 400, "valid"))
    assert level.min() > 0.8 * ordinary.min()
    assert level.max() < 1.2 * ordinary.max()
    stream = effect.stream(rate, 1, settings)
    pieces = [stream.process(audio[:, :500_000]), stream.process(audio[:, 500_000:])]
    assert np.array_equal(np.concatenate([*pieces, stream.finish()], axis=1), wet)


def test_brickwall_keeps_its_ceiling_and_listens_to_both_sides() -> None:
    effect = open_builtin("brickwall")
    audio = noise(2, 20_000, level=0.5)
    wet = effect.process(audio, RATE, effect.spec.vector({"ceiling": -12.0}))
    assert np.abs(wet).max() <= 10 ** (-12 / 20) + 1e-4


def test_protocol_and_errors() -> None:
    effect = open_builtin("reverb")
    assert isinstance(effect, Effect)
    assert effect.state(effect.spec.default) is None
    effect.close()
    with pytest.raises(ParameterError, match="takes 5 settings"):
        effect.process(noise(1, 10), RATE, [0.5])
    with pytest.raises(EffectNotFoundError, match="did you mean reverb"):
        open_builtin("revreb")


def test_distortion_is_pedalboards() -> None:
    effect = open_builtin("distortion")
    for drive in (0.0, 12.0, 48.0):
        audio = noise(2, 50_001, level=0.5)
        wet = effect.process(audio, RATE, effect.spec.vector({"drive": drive, "mix": 100.0}))
        assert np.abs(wet - pedalboard.Distortion(drive)(audio, RATE)).max() < 3e-7
