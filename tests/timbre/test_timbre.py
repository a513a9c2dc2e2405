"""What timbre promises about any input at all."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dialin
from dialin.audio import read_audio
from dialin.errors import AudioError, UsageError
from dialin.timbre import ATTRIBUTES, Timbre, timbre, timbre_batch, timbre_files
from tests.timbre.regenerate import DATA

EXAMPLES = Path(__file__).parents[2] / "examples" / "audio"

RATE = 44_100


def _tones(seconds: float = 0.6, rate: int = RATE) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return 0.2 * np.sin(2 * np.pi * 110 * t) + 0.1 * np.sin(2 * np.pi * 3_000 * t) * (t % 0.2 < 0.1)


def _total(found: Timbre) -> None:
    """Every attribute is there, finite or NaN with a reason."""
    for name in ATTRIBUTES:
        assert math.isfinite(found[name]) != (name in found.reasons), (name, found)


def test_the_module_can_still_be_called_and_says_what_to_call() -> None:
    wanted = dialin.measure_timbre(_tones(), RATE, "sharpness")
    with pytest.warns(DeprecationWarning, match="dialin.measure_timbre"):
        assert dialin.timbre(_tones(), RATE, "sharpness") == wanted
    assert dialin.timbre.brightness(_tones(), RATE) == timbre(_tones(), RATE)["brightness"]
    assert list(timbre(_tones(), RATE)) == list(ATTRIBUTES)


def test_public_names_are_true() -> None:
    for name in dialin.timbre.__all__:
        assert hasattr(dialin.timbre, name), name
    assert "brightness" in dialin.timbre.brightness.__doc__.lower()


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_one_attribute_is_what_all_give(name: str) -> None:
    assert getattr(dialin.timbre, name)(_tones(), RATE) == timbre(_tones(), RATE)[name]


def test_unknown_attribute() -> None:
    with pytest.raises(UsageError, match=r"'shininess'.*hardness"):
        timbre(_tones(), RATE, ["shininess"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_is_refused(bad: float) -> None:
    x = np.stack([_tones(), _tones()])
    x[1, 77] = bad
    with pytest.raises(AudioError, match=rf"{bad} at channel 1, sample 77"):
        timbre(x, RATE)


@pytest.mark.parametrize(
    "audio", [np.zeros((2, 0)), np.zeros((2, 2, 2)), np.zeros((RATE, 2)), np.array(["a"] * 9_000)]
)
def test_wrong_shapes_and_types_are_refused(audio: np.ndarray) -> None:
    with pytest.raises(AudioError):
        timbre(audio, RATE)


@pytest.mark.parametrize("rate", [0, -1, 7_999, 44_100.5, math.nan, 10**7])
def test_wrong_rates_are_refused(rate: float) -> None:
    with pytest.raises(AudioError, match="sample rate"):
        timbre(_tones(), rate)


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (np.zeros(RATE), "silence"),
        (np.stack([_tones(), -_tones()]), "cancel"),
        (_tones() * 1e-6, "-70 LUFS"),
        (_tones()[:1], "too short"),
        (_tones()[:800], "too short"),
    ],
)
def test_no_meaning_is_nan_with_a_reason(audio: np.ndarray, reason: str) -> None:
    found = timbre(audio, RATE)
    _total(found)
    for name in ATTRIBUTES[:-1]:
        assert math.isnan(found[name])
        assert reason in found.reasons[name]


def test_reverb_of_a_clip_too_short_to_hold_a_decay_has_no_value() -> None:
    found = timbre(_tones(0.2), RATE)
    assert list(found.reasons) == ["reverb"]
    assert "200 ms, more than 204 ms" in found.reasons["reverb"]
    assert math.isnan(found.rt60)
    assert found.reverberant is None


@pytest.mark.parametrize("gain", [1e-300, 1e300])
def test_reverb_is_the_same_at_any_level(gain: float) -> None:
    x = _tones() * np.exp(-(np.arange(_tones().size) % 13_000) / 2_000.0)
    x *= np.random.default_rng(0).normal(size=x.size)
    assert timbre(x, RATE, "reverb").rt60 != 0.2
    assert timbre(x * gain, RATE, "reverb").rt60 == pytest.approx(timbre(x, RATE, "reverb").rt60)


def test_boominess_of_a_high_tone_says_why_it_is_missing() -> None:
    x = 0.5 * np.sin(2 * np.pi * 18_000 * np.arange(RATE) / RATE)
    found = timbre(x, RATE)
    assert "280 Hz" in found.reasons.get("boominess", "280 Hz")
    _total(found)


def test_gain_changes_nothing_but_needs_no_scaling() -> None:
    x = _tones()
    loud, quiet = timbre(x * 8.0, RATE), timbre(x * 0.05, RATE)
    for name in ATTRIBUTES:
        assert loud[name] == pytest.approx(quiet[name], abs=1e-6), name


def test_input_is_never_changed() -> None:
    x = np.stack([_tones(), _tones()]).astype(np.float32)
    before = x.copy()
    timbre(x, RATE)
    assert np.array_equal(x, before)


def test_types_and_channels_agree() -> None:
    x = np.round(_tones() * 32_767)
    expected = timbre(x / 32_768, RATE)
    for other in (x.astype(np.int16), (x / 32_768).astype(np.float32), np.stack([x, x]) / 32_768):
        found = timbre(other, RATE)
        for name in ATTRIBUTES:
            assert found[name] == pytest.approx(expected[name], abs=1e-3), name


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 48_000, 96_000])
def test_other_rates_are_measured_alike(rate: int) -> None:
    found, expected = timbre(_tones(2.0, rate), rate), timbre(_tones(2.0), RATE)
    _total(found)
    for name in ("depth", "brightness", "sharpness", "boominess"):
        assert found[name] == pytest.approx(expected[name], abs=4.0), name
    assert found.rt60 == pytest.approx(expected.rt60, abs=0.2)


def _signals(draw: st.DrawFn) -> np.ndarray:
    size = draw(st.sampled_from([1, 2, 1_000, 4_410, 9_002, 8_192, 12_345, 30_000]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    n = np.arange(size)
    base = {
        "zero": np.zeros(size),
        "constant": np.ones(size),
        "impulse": (n == size // 2) * 1.0,
        "impulses": (n % 2_000 == 0) * 1.0,
        "noise": rng.normal(size=size),
        "square": np.sign(np.sin(n * 0.05)),
        "tone": np.sin(n * rng.uniform(0, np.pi)),
        "late": rng.normal(size=size) * (n > size * 0.7),
        "early": rng.normal(size=size) * (n < size * 0.3),
        "steps": np.round(rng.normal(size=size)),
        "nyquist": (-1.0) ** n,
    }[
        draw(
            st.sampled_from(
                "zero constant impulse impulses noise square tone late early steps nyquist".split()
            )
        )
    ]
    gain = 10.0 ** draw(st.sampled_from([-300, -160, -6, -3, -1, 0, 1, 6, 160, 300]))
    channels = draw(st.sampled_from([1, 2, 8]))
    x = np.stack([base * rng.choice([-1.0, 1.0, 0.5]) for _ in range(channels)]) * gain
    return x + draw(st.sampled_from([0.0, 0.0, 0.1]))


@settings(max_examples=60, deadline=None)
@given(st.composite(_signals)(), st.sampled_from([8_000, 24_000, 44_100, 48_000, 44_056]))
def test_any_finite_input_gives_values_or_reasons(x: np.ndarray, rate: int) -> None:
    with np.errstate(all="raise", under="ignore"):
        _total(timbre(x, rate))


def test_batch_keeps_order_and_hands_errors_back() -> None:
    clips = [(_tones(), RATE), (np.full(9_000, np.nan), RATE), (_tones(0.3), RATE)]
    for workers in (1, 2):
        found = list(timbre_batch(clips, "sharpness", workers=workers))
        assert found[0] == timbre(_tones(), RATE, "sharpness")
        assert isinstance(found[1], AudioError)
        assert found[2] == timbre(_tones(0.3), RATE, "sharpness")


def test_files() -> None:
    found = list(
        timbre_files(
            [DATA / "A050.flac", DATA / "none.wav"], ["brightness"], excerpt=1.0, workers=1
        )
    )
    assert isinstance(found[0], Timbre)
    assert "none.wav" in str(found[1])


def test_importing_dialin_leaves_timbre_alone() -> None:
    code = "import sys, dialin; print('dialin.timbre' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_depth_of_music_that_is_cut_off_is_the_references():
    audio, rate = read_audio(
        EXAMPLES / "guitar-clean.flac", start=240_382, frames=int(2.5 * 44_100)
    )
    clip = np.zeros(5 * rate)
    clip[: audio.shape[1]] = audio.astype(np.float64).mean(axis=0)
    # timbral_models 0.4.0 with librosa 0.9.2; the cut is the clip's only onset.
    assert timbre(clip, rate, "depth")["depth"] == pytest.approx(57.31613, abs=1e-3)
