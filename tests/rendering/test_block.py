"""Batches and differences in shared memory."""

import numpy as np
import pytest

from dialin.effects import open_effect
from dialin.errors import AudioError, RenderError
from dialin.rendering import BlockMemory, RenderPool, render_block
from tests.rendering.measures import sleep

RATE = 24_000


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=2, quarantine=0) as pool:
        yield pool


def batch(items=3, channels=2, samples=64, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.2, (items, channels, samples)).astype(np.float32)


def around(settings, directions, seed=1):
    rng = np.random.default_rng(seed)
    step = rng.uniform(-0.1, 0.1, (len(settings), directions, settings.shape[1]))
    return settings[:, None] + step, settings[:, None] - step


@pytest.mark.parametrize("items", [1, 3, 9])
@pytest.mark.parametrize("sided", [1, 2])
def test_renders_and_differences_are_those_of_the_effect(pool, items, sided):
    effect = open_effect("fake:drive")
    audio = batch(items)
    settings = np.random.default_rng(2).uniform(0.2, 0.8, (items, 3))
    plus, minus = around(settings, 4)
    found = render_block(
        pool, "fake:drive", audio, RATE, settings, plus, minus if sided == 2 else None
    )
    for item in range(items):
        here = effect.process(audio[item], RATE, settings[item])
        assert np.array_equal(found.audio[item], here)
        for direction in range(4):
            up = effect.process(audio[item], RATE, plus[item, direction])
            down = here
            if sided == 2:
                down = effect.process(audio[item], RATE, minus[item, direction])
            assert np.array_equal(found.differences[item, direction], up - down)
    assert found.failed == [None] * items
    assert not any(f for row in found.lost for f in row)


def test_without_directions_there_are_no_differences(pool):
    found = render_block(pool, "fake:gain", batch(), RATE, np.full((3, 1), 0.5))
    assert found.differences.shape == (3, 0, 2, 64)
    assert found.renders == 3


def test_memory_is_used_again_and_results_live_on(pool):
    memory = BlockMemory(pool)

    def rendered(at, audio):
        return render_block(pool, "fake:gain", audio, RATE, np.full((3, 1), at), memory=memory)

    first = rendered(0.5, batch())
    kept, part = first.audio.copy(), first.audio[1, :, 3:][::-1]
    del first
    # What is held, be it in part, is left alone; the audio itself need not be sent again.
    second = rendered(0.9, (3, 2, 64))
    assert np.array_equal(part, kept[1, :, 3:][::-1])
    assert np.array_equal(second.audio, rendered(0.9, batch()).audio)
    where = second.audio.ctypes.data
    del second
    assert rendered(0.7, batch(seed=5)).audio.ctypes.data == where
    path, _ = memory.wet((1, 3, 2, 64))
    render_block(pool, "fake:gain", batch(4), RATE, np.full((4, 1), 0.9), memory=memory)
    assert memory.wet((1, 4, 2, 64))[0] != path
    memory.release()


@pytest.mark.parametrize("name", ["nan", "error", "crash", "short"])
def test_a_failure_costs_what_it_touches_and_leaves_zeros(pool, name):
    # The second knob is badness: from 0.5 on the effect misbehaves.
    settings = np.array([[0.5, 0.9], [0.5, 0.1]])
    plus = np.array([[[0.6, 0.1], [0.6, 0.1]], [[0.6, 0.9], [0.6, 0.1]]])
    minus = np.full((2, 2, 2), [0.4, 0.1])
    found = render_block(pool, f"fake:{name}", batch(2), RATE, settings, plus, minus)
    assert isinstance(found.failed[0], RenderError)
    assert found.audio[0].max() == 0
    assert isinstance(found.lost[1][0], RenderError)
    assert found.differences[1, 0].max() == 0
    assert found.failed[1] is None and found.lost[1][1] is None and found.lost[0][0] is None
    assert found.differences[1, 1].max() > 0


def test_audio_that_is_no_number_is_refused(pool):
    audio = batch()
    audio[0, 0, 3] = np.nan
    with pytest.raises(AudioError):
        render_block(pool, "fake:gain", audio, RATE, np.full((3, 1), 0.5))


def test_many_calls_at_once(pool):
    results = pool.map(sleep, [(0.01 * n,) for n in range(5)])
    assert [r.get() for r in results] == [0.01 * n for n in range(5)]
    assert pool.map(sleep, []) == []
