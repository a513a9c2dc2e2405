"""Help for tests of effects: signals, and feeding a stream in odd pieces."""

from itertools import cycle

import numpy as np

from dialin.audio import Audio
from dialin.effects.effect import Effect, Stream


def noise(channels: int, samples: int, seed: int = 0, level: float = 0.1) -> Audio:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal((channels, samples))).astype(np.float32)


def pump(stream: Stream, audio: Audio, sizes: tuple[int, ...]) -> Audio:
    pieces, start = [], 0
    for size in cycle(sizes):
        if start >= audio.shape[1]:
            break
        pieces.append(stream.process(audio[:, start : start + size]))
        start += size
    pieces.append(stream.finish())
    return np.concatenate(pieces, axis=1)


def assert_pure(effect: Effect, audio: Audio, rate: int, settings: np.ndarray) -> Audio:
    """Render, disturb the effect with other settings and other, longer audio, render again."""
    rng = np.random.default_rng(99)
    before = audio.copy()
    first = effect.process(audio, rate, settings)
    assert np.array_equal(audio, before), "the input was modified"
    effect.process(
        noise(audio.shape[0], audio.shape[1] + 777, seed=5), rate, effect.spec.random(rng)
    )
    effect.process(3 * audio[:, ::-1].copy(), rate, settings)
    assert np.array_equal(effect.process(audio, rate, settings), first), (
        "a render is not repeatable"
    )
    assert first.dtype == np.float32
    assert first.shape == audio.shape
    assert not np.shares_memory(first, audio)
    return first


def assert_streams(effect: Effect, audio: Audio, rate: int, settings: np.ndarray) -> None:
    """A stream gives the samples of the whole render, however it is fed."""
    for tail, sizes in ((0.0, (100, 9_000, 1)), (0.05, (4_321,))):
        whole = effect.process(audio, rate, settings, tail=tail)
        stream = effect.stream(rate, audio.shape[0], settings, tail=tail)
        blocks = pump(stream, audio, sizes)
        assert blocks.shape == whole.shape == (audio.shape[0], audio.shape[1] + round(tail * rate))
        assert stream.exact
        assert np.array_equal(blocks, whole)


def lag(dry: Audio, wet: Audio, reach: int = 4_000) -> int:
    """Delay in samples at which the wet signal looks most like the dry one."""
    size = 1 << int(np.ceil(np.log2(2 * dry.shape[1])))
    spectrum = np.fft.rfft(wet[0], size) * np.conj(np.fft.rfft(dry[0], size))
    likeness = np.abs(np.fft.irfft(spectrum, size))
    around = np.concatenate([likeness[-reach:], likeness[:reach]])
    return int(np.argmax(around)) - reach
