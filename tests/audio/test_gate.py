"""The gate: what is audio, what is not, and what the refusal says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dialin.audio import check_audio, check_sample_rate
from dialin.errors import AudioError


@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=20),
        elements=st.floats(-4, 4, width=16),
    )
)
def test_finite_floats_come_out_as_contiguous_float32_channels_by_samples(array):
    audio = check_audio(array, 44_100)
    assert audio.dtype == np.float32 and audio.flags["C_CONTIGUOUS"]
    assert audio.shape == (array.shape if array.ndim == 2 else (1, *array.shape))
    np.testing.assert_array_equal(audio, np.atleast_2d(array).astype(np.float32))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint8, np.uint16])
def test_integers_are_scaled_by_their_full_scale(dtype):
    info = np.iinfo(dtype)
    middle = 0 if info.min < 0 else (info.max + 1) // 2
    audio = check_audio(np.array([info.min, middle, info.max], dtype), 44_100)
    assert audio[0, 0] == -1 and audio[0, 1] == 0
    assert 0.99 <= audio[0, 2] <= 1.0


def test_lists_are_audio_too():
    np.testing.assert_array_equal(check_audio([0.5, -0.5], 8_000), [[0.5, -0.5]])


def test_above_full_scale_passes_unchanged():
    assert check_audio([[3.5, -7.0]], 44_100).tolist() == [[3.5, -7.0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_samples_that_are_not_finite_are_counted_and_placed(value):
    array = np.zeros((2, 10))
    array[1, 3] = array[1, 7] = value
    with pytest.raises(AudioError, match=r"song has 2 samples .* channel 1, sample 3 of \(2, 10\)"):
        check_audio(array, 44_100, what="song")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 0)), r"empty: its shape is \(2, 0\)"),
        (np.zeros(0), "empty"),
        (np.zeros((2, 3, 4)), r"not \(2, 3, 4\)"),
        (np.float32(0.5), r"not \(\)"),
        (np.zeros((1_000, 2)), r"1000 channels of 2 samples.*\.T"),
        (np.zeros((1, 4), complex), "complex128"),
        (np.zeros((1, 4), bool), "bool"),
        (np.array(["a", "b"]), "not <U1"),
        (None, "shape"),
    ],
)
def test_other_things_are_refused_with_what_they_are(array, words):
    with pytest.raises(AudioError, match=words):
        check_audio(array, 44_100)


@pytest.mark.parametrize("rate", [4_000, 8_000, 44_100.0, np.int64(192_000), 768_000])
def test_sane_rates_pass(rate):
    assert check_sample_rate(rate) == int(rate)
    assert type(check_sample_rate(rate)) is int


@pytest.mark.parametrize("rate", [0, -44_100, 44.1, 44_100.5, 1e9, float("nan"), float("inf")])
def test_other_rates_are_refused_with_their_value(rate):
    with pytest.raises(AudioError, match=str(rate).split("e")[0].split("+")[0][:4]):
        check_audio(np.zeros((1, 4)), rate)
