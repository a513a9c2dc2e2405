"""The style distance: zero for the same sound, total for any sound, deaf to what it should be."""

import numpy as np
import pytest

from dialin.errors import UsageError
from dialin.matching.detail import detail, detail_distances
from dialin.matching.features import ASPECTS, feature_aspects, style_features
from dialin.matching.style import content_noise, make_target, style_distance, with_gain

RATE = 24_000


def music(seed=0, seconds=4.0, rate=RATE, channels=1):
    """Plucked notes of a random tune."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * rate)
    sound = np.zeros((channels, samples))
    for start in np.arange(0, seconds - 0.3, 0.25):
        time = np.arange(round(0.5 * rate)) / rate
        pitch = 110 * 2 ** (rng.integers(0, 24) / 12)
        note = sum(np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, 8))
        note = note * np.exp(-6 * time) * rng.uniform(0.3, 1)
        place = round(start * rate)
        piece = note[: samples - place]
        for channel in range(channels):
            sound[channel, place : place + piece.size] += piece * rng.uniform(0.5, 1)
    return (0.25 * sound / np.abs(sound).max()).astype(np.float32)


def test_every_feature_has_an_aspect_and_a_noise():
    assert len(feature_aspects()) == style_features(music(), RATE).size == content_noise().size
    assert set(feature_aspects()) == set(ASPECTS)
    assert (content_noise() > 0).all()


def test_the_same_sound_is_at_distance_zero():
    distance = style_distance(music(), RATE, music(), RATE)
    assert distance["total"] == 0.0
    assert all(value == 0.0 for value in distance.values() if np.isfinite(value))


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((1, 10), np.float32),
        np.zeros((2, 50_000), np.float32),
        np.full((1, 9_000), 0.7, np.float32),
        np.eye(2, 40_000, 3, dtype=np.float32),
        np.sign(music()),
        music(channels=2),
        np.repeat(music(seconds=0.5), 8, axis=0),
        1e-20 * music(),
        1e6 * music(),
    ],
    ids=["ten zeros", "silence", "DC", "clicks", "square", "stereo", "8 channels", "tiny", "huge"],
)
@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_finite_for_any_sound(audio, rate):
    features = style_features(np.ascontiguousarray(audio, dtype=np.float32), rate)
    assert not np.isinf(features).any()
    target = make_target([style_features(music(), RATE)])
    assert np.isfinite(target.distance(features))


def test_only_level_hears_a_gain():
    quiet, loud = style_features(music(), RATE), style_features(2 * music(), RATE)
    other = np.array(feature_aspects()) != "level"
    np.testing.assert_allclose(loud[other], quiet[other], atol=1e-3, equal_nan=True)
    np.testing.assert_allclose(loud[~other] - quiet[~other], 20 * np.log10(2), atol=1e-6)
    np.testing.assert_allclose(with_gain(quiet, 6.0206)[~other], loud[~other], atol=1e-4)


def test_processing_moves_its_own_aspect_most():
    dry = music()
    from scipy.signal import lfilter

    dark = lfilter([0.001], np.poly([0.9] * 3), dry).astype(np.float32)
    driven = np.tanh(20 * dry).astype(np.float32) * 0.2
    moved = {
        name: style_distance(sound, RATE, dry, RATE)
        for name, sound in (("tone", dark), ("distortion", driven))
    }
    for aspect, own in moved.items():
        assert own[aspect] == max(other[aspect] for other in moved.values()), aspect
        assert own[aspect] > 1.0


def test_other_music_in_the_same_style_is_nearer_than_the_same_music_in_another():
    dry = music(1)
    driven = np.tanh(20 * dry).astype(np.float32) * 0.2
    same_style = style_distance(music(2), RATE, dry, RATE)["total"]
    other_style = style_distance(driven, RATE, dry, RATE)["total"]
    assert same_style < other_style


def test_rates_compare():
    from dialin.audio import resample

    high = music(rate=48_000)
    low = resample(high, 48_000, 24_000)
    # Two pieces of one song differ by about 0.6.
    assert style_distance(low, 24_000, high, 48_000)["total"] < 0.05


def test_weights_shares_and_only():
    a, b = style_features(music(1), RATE), style_features(np.tanh(9 * music(2)), RATE)
    both = make_target([a, b], [dict.fromkeys(ASPECTS, 3.0), dict.fromkeys(ASPECTS, 1.0)])
    expected = 0.75 * make_target([a]).aspects(b) + 0.25 * make_target([b]).aspects(b)
    np.testing.assert_allclose(both.aspects(b), expected, equal_nan=True)
    tone = make_target([a], only=["tone"])
    assert tone.distance(b) == pytest.approx(tone.aspects(b)[0])
    with pytest.raises(UsageError, match="no aspect 'warmth'"):
        make_target([a], only=["warmth"])
    with pytest.raises(UsageError, match="nothing is left"):
        make_target([a], weights=dict.fromkeys(ASPECTS, 0.0))
    with pytest.raises(UsageError, match="weight of tone"):
        make_target([a], weights={"tone": -1.0})


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_sounds_far_beyond_full_scale_are_measured_too():
    quiet, loud = (style_features(music() * np.float32(scale), RATE) for scale in (1.0, 1e25))
    others = np.array(feature_aspects()) != "level"
    np.testing.assert_allclose(loud[others], quiet[others], atol=1e-3)


def test_direct_current_and_infrasound_are_not_heard():
    clean = music(1)
    clock = np.arange(clean.shape[1]) / RATE
    for slow in (0.3 + 0 * clock, 0.4 * np.sin(2 * np.pi * 4 * clock) - 0.1):
        dirty = clean + slow.astype(np.float32)
        assert style_distance(dirty, RATE, clean, RATE)["total"] < 0.1
        rows = np.stack([detail(dirty, RATE), detail(clean, RATE)])
        assert detail_distances(rows)[0, 1] < 0.3


def test_sound_in_opposite_phase_is_heard_like_any_other():
    one = music(1)
    opposite, both = np.concatenate([one, -one]), np.concatenate([one, one])
    apart = style_distance(opposite, RATE, both, RATE)
    # The image differs, nothing else does.
    assert apart["space"] > 0.2
    assert max(v for k, v in apart.items() if k not in ("space", "total")) < 0.01
    other = np.concatenate([np.tanh(9 * one), -np.tanh(9 * one)])
    rows = np.stack([detail(x.astype(np.float32), RATE) for x in (opposite, other)])
    assert detail_distances(rows)[0, 1] > 0.1
    assert style_distance(other, RATE, opposite, RATE)["distortion"] > 0.5


def test_balance_is_heard():
    middle = music(1, channels=2)
    left = middle * np.array([[1.0], [0.25]], np.float32)
    assert style_distance(left, RATE, middle, RATE)["space"] > 0.2
    rows = np.stack([detail(middle, RATE), detail(left, RATE)])
    assert detail_distances(rows)[0, 1] > 0.1
