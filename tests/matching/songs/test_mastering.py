"""A song gets the tone, the width, the dynamics and the level of another, by knobs."""

import json
from pathlib import Path

import numpy as np
import pytest

from dialin.effects import chain_uri, open_effect
from dialin.errors import AudioError, UsageError
from dialin.matching.equalisers.bands import eq_response, solve_bands
from dialin.matching.equalisers.target import EqTarget, eq_target, song_spectra
from dialin.matching.options import SongOptions
from dialin.matching.songs.mastering import MASTERING, master, render_slots
from dialin.matching.songs.profiles import combine, hear_profile, load_profile, profile_of
from dialin.measures.level import crest_db, loudness, stereo_width, true_peak_db
from dialin.measures.song import band_centres, measure_song
from dialin.measures.spectral import long_term_error

RATE = 44_100


def song(seed: int, seconds: float = 14.0, swing: float = 0.5) -> np.ndarray:
    """Stereo music of a kind: beats of coloured noise, louder in the middle."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal((2, samples)), axis=1)
    hertz = np.maximum(np.fft.rfftfreq(samples, 1 / RATE), 20.0)
    spectrum[:, hertz <= 22.0] = 0
    audio = np.fft.irfft(spectrum / np.sqrt(hertz), samples, axis=1)
    audio[1] = 0.7 * audio[0] + 0.5 * audio[1]
    time = np.arange(samples) / RATE
    beat = 10 ** (-1.5 * swing * (time % 0.5)) * (1 - 0.6 * swing * (time < seconds / 3))
    audio *= beat / np.abs(audio * beat).max() / 2
    return audio.astype(np.float32)


def test_known_bands_are_found_again() -> None:
    hertz = band_centres()
    spec = open_effect("builtin:eq").spec
    known = spec.vector(
        {"gain_2": 6.0, "frequency_2": 90.0, "q_2": 1.2, "gain_5": -8.0, "frequency_5": 700.0,
         "gain_10": 5.0, "frequency_10": 7_000.0}
    )  # fmt: skip
    response = eq_response(known, hertz, RATE)
    flat = np.ones((3, hertz.size))
    target = eq_target(flat, flat * 10 ** (response / 10), nyquist=RATE / 2, smooth=0.0)
    found, solved = solve_bands(target, RATE)
    gap = eq_response(found, hertz, RATE) - response
    assert np.abs(gap - np.average(gap, weights=target.weight))[8:-6].max() < 0.5
    assert solved.error < 0.1


def test_bands_keep_to_their_range_and_ask_nothing_of_nothing() -> None:
    hertz = band_centres()
    flat = np.ones((3, hertz.size))
    wanted = flat.copy()
    wanted[:, hertz > 10_000] = 1e-14  # a reference that ends there
    wanted[:, hertz < 200] *= 10 ** (30 / 10)
    target = eq_target(flat, wanted, nyquist=RATE / 2, max_eq=6.0)
    assert np.abs(target.wanted).max() <= 6.0
    assert target.weight[hertz > 11_000].max() <= 0.02 < target.weight[hertz < 5_000].min()
    found, _ = solve_bands(target, RATE, max_eq=6.0)
    spec = open_effect("builtin:eq").spec
    gains = [v for k, v in spec.native(found).items() if k.startswith("gain")]
    assert max(map(abs, gains)) <= 6.0 + 1e-6


def test_the_whole_curve_keeps_to_the_range() -> None:
    hertz = band_centres()
    wanted = np.where(hertz < 200, 12.0, 0.0) + 11.0 * np.exp(-((np.log2(hertz / 90)) ** 2))
    target = EqTarget(hertz, wanted - wanted.mean(), np.ones(hertz.size), 0.0)
    settings, _ = solve_bands(target, RATE, max_eq=9.0)
    assert np.abs(eq_response(settings, hertz[10:], RATE)).max() < 10.0


def test_a_song_gets_the_sound_of_another() -> None:
    reference = song(1, swing=0.3)
    slots = {0: open_effect("builtin:eq").spec.vector({"gain_3": 7.0, "gain_8": -6.0})}
    reference = render_slots(slots, reference, RATE)
    reference[1] = 0.3 * reference[0] + 0.7 * reference[1]
    audio = song(2, swing=0.8) * np.float32(0.3)
    found = master(audio, RATE, profile_of(measure_song(reference, RATE), "reference"))
    uri = chain_uri(list(found.uris))
    wet = open_effect(uri).process(audio, RATE, found.vector)
    assert long_term_error(wet, reference, RATE) < 1.0 < long_term_error(audio, reference, RATE)
    assert abs(loudness(wet, RATE) - loudness(reference, RATE)) < 0.1
    assert abs(crest_db(wet) - crest_db(reference)) < 0.5
    assert abs(stereo_width(wet) - stereo_width(reference)) < 0.05
    assert "builtin:brickwall" not in found.uris  # no limiter that nobody asked for
    assert found.facts["largest_eq_db"] > 3.0


def test_loudness_and_ceiling_are_what_is_asked_for() -> None:
    audio = song(3)
    profile = profile_of(measure_song(song(4), RATE), "reference")
    found = master(audio, RATE, profile, SongOptions(loudness=-12.0, ceiling=-1.0))
    assert found.uris[-1] == "builtin:brickwall"
    wet = open_effect(chain_uri(list(found.uris))).process(audio, RATE, found.vector)
    assert loudness(wet, RATE) == pytest.approx(-12.0, abs=0.2)
    assert true_peak_db(wet) <= -1.0 + 1e-3
    assert found.facts["true_peak_after_dbtp"] == pytest.approx(true_peak_db(wet), abs=0.01)


def test_mono_has_no_side_and_stays_mono() -> None:
    audio = song(5)[:1]
    found = master(audio, RATE, profile_of(measure_song(song(6), RATE), "reference"))
    assert not any(MASTERING[slot] == "width" for slot in found.slots)
    wet = open_effect(chain_uri(list(found.uris))).process(audio, RATE, found.vector)
    both = np.repeat(wet, 2, axis=0)
    assert loudness(both, RATE) == pytest.approx(loudness(song(6), RATE), abs=0.2)


def test_profiles_are_kept_without_sound(tmp_path: Path) -> None:
    profile = profile_of(measure_song(song(7), RATE), "song.wav")
    path = tmp_path / "punchy.json"
    path.write_text(json.dumps(profile.to_dict()))
    assert path.stat().st_size < 20_000
    again = hear_profile(path, "reference")
    assert again.names == ("song.wav",) and again.loudness == pytest.approx(
        profile.loudness, abs=1e-3
    )
    np.testing.assert_allclose(again.spectra.middle, profile.spectra.middle, rtol=0.003)
    other = profile_of(measure_song(song(8) * np.float32(0.1), RATE), "quiet.wav")
    both = combine([(profile, 1.0), (other, 3.0)])
    assert both.loudness == pytest.approx((profile.loudness + 3 * other.loudness) / 4)
    assert both.names == ("song.wav", "quiet.wav")


@pytest.mark.parametrize(
    "change",
    [{"kind": "preset"}, {"schema": 99}, {"middle_db": [[0.0]]}, {"crest_db": float("nan")},
     {"short_term_lu": None}, {"seconds": -1}, {"names": 5}],
)  # fmt: skip
def test_strangers_profiles_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "odd.json"
    path.write_text(
        json.dumps(profile_of(measure_song(song(9, 3.0), RATE), "x").to_dict() | change)
    )
    with pytest.raises(UsageError, match="profile"):
        load_profile(path)


def test_silence_is_refused() -> None:
    silent = measure_song(np.zeros((2, 3 * RATE), np.float32), RATE)
    with pytest.raises(AudioError, match="silent"):
        profile_of(silent, "nothing.wav")


def test_loud_parts_are_compared_with_loud_ones() -> None:
    # The same two sounds, a dark quiet one and a bright loud one, for other shares of the time.
    dark, bright = song(10, 20.0, 0.0), np.diff(song(11, 20.0, 0.0), axis=1, prepend=0) * 4
    bright *= np.float32(4 * np.std(dark) / np.std(bright))
    one = np.concatenate([dark, bright[:, : 14 * RATE]], axis=1)
    two = np.concatenate([dark[:, : 14 * RATE], bright], axis=1).astype(np.float32)
    spectra = [song_spectra(measure_song(x.astype(np.float32), RATE)).middle for x in (one, two)]
    target = eq_target(*spectra, nyquist=RATE / 2)
    assert np.average(np.abs(target.wanted), weights=target.weight) < 1.0
