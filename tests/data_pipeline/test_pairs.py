import numpy as np
import pytest

from dialin.audio import integrated_loudness, write_audio
from dialin.data import Recipe, check_render, find_songs, load_recipe, make_pair
from dialin.data.augment import draw_augmentation, finish, stretch, tilt, to_loudness
from dialin.data.pairs import PairPlan
from dialin.data.priors import check_priors, draw_settings
from dialin.data.recipe import AugmentOptions, CheckOptions, ExcerptOptions, SettingsOptions
from dialin.effects.fake import open_fake
from dialin.errors import ParameterError, UsageError
from dialin.measures.mfcc import mfcc

RATE = 24_000


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    root = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(3)
    time = np.arange(4 * RATE) / RATE
    for place in range(4):
        pitch = 150.0 * (place + 1)
        tone = 0.4 * np.sign(np.sin(2 * np.pi * pitch * time)) * (0.6 + 0.4 * np.sin(7 * time))
        audio = (tone + 0.02 * rng.standard_normal(time.size)).astype(np.float32)[None]
        if place == 3:
            audio[:, RATE:] = 0.0
        write_audio(root / f"song{place}.wav", audio, RATE)
    return root


def plan(songs, effect="drive", **body):
    source = {"root": str(songs)}
    base = {"effect": f"fake:{effect}", "songs": [source], "splits": [1.0, 0.0, 0.0]}
    recipe = Recipe.from_dict({**base, "excerpt": {"seconds": 1.0}, **body})
    spec = open_fake(effect).spec
    return PairPlan(recipe, find_songs(recipe), spec)


def test_a_pair_is_a_pure_function_of_its_index(songs):
    options = plan(songs, augment={"probability": 1.0, "tilt_db": [-6, 6]})
    effect = open_fake("drive")
    first = [make_pair(effect, options, i) for i in range(4)]
    again = [make_pair(open_fake("drive"), options, i) for i in (3, 1, 0, 2)]
    for pair in again:
        other = first[pair.record["index"]]
        assert pair.record == other.record
        for name in other.audio:
            np.testing.assert_array_equal(pair.audio[name], other.audio[name])
    assert len({str(p.record["start"]) for p in first}) == 4


def test_levels_and_halves(songs):
    pair = make_pair(open_fake("drive"), plan(songs), 0)
    for audio in pair.audio.values():
        assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-12.0, abs=0.01)
        assert audio[0, 0] == pytest.approx(0.0, abs=1e-4)
    start, reference, truth = pair.halves()
    assert start.shape == reference.shape == truth.shape == (1, RATE // 2)
    both = {"A": (truth, reference), "B": (reference, truth)}[pair.record["half"]]
    np.testing.assert_array_equal(np.concatenate(both, axis=1), pair.audio["target"])


def test_the_reference_may_be_another_song(songs):
    options = plan(songs, reference="song")
    for index in range(5):
        pair = make_pair(open_fake("drive"), options, index)
        assert pair.record["reference"]["song"] != pair.record["song"]
        assert not np.array_equal(pair.audio["reference"], pair.audio["target"])


def test_probabilities_of_no_effect(songs):
    settings = {"input_probability": 0.75, "target_probability": 0.9}
    options = plan(songs, settings=settings, excerpt={"seconds": 0.3})
    records = [make_pair(open_fake("drive"), options, i).record for i in range(120)]
    effected = [r["input_settings"] is not None for r in records]
    targets = [r["settings"] is not None for r in records]
    assert np.mean(effected) == pytest.approx(0.75, abs=0.13)
    assert np.mean(targets) == pytest.approx(0.9, abs=0.1)


def test_silent_halves_are_not_taken(songs):
    options = plan(songs, settings={"target_probability": 0.0}, excerpt={"seconds": 1.6})
    pairs = [make_pair(open_fake("drive"), options, i) for i in range(40)]
    assert sum(p.record.get("dropped", {}).get("silent", 0) for p in pairs) > 0
    for pair in pairs:
        if pair.record["song"] == "song3":
            assert pair.record["start"] < 0.2 + 1e-6


@pytest.mark.parametrize(("name", "cause"), [("silent", "silent"), ("nan", "non-finite")])
def test_nothing_untouched_passes_for_processed(songs, name, cause):
    # These effects misbehave in the upper half of one knob.
    limits = {"redraws": 3, "excerpts": 3}
    options = plan(songs, name, settings=limits, checks={"similarity": -1.0})
    pairs = [make_pair(open_fake(name), options, i) for i in range(12)]
    causes = [c for p in pairs for c, _ in p.record.get("rejected", ())]
    assert set(causes) == {cause}
    where = [s[1] for p in pairs for _, s in p.record.get("rejected", ())]
    assert min(where) >= 0.5
    bad = {"redraws": 3, "excerpts": 3, "priors": {"badness": {"kind": "fixed", "value": 1.0}}}
    lost = make_pair(open_fake(name), plan(songs, name, settings=bad), 0)
    assert lost.record["lost"] and not lost.audio
    assert lost.record["dropped"] == {"no accepted settings": 3}
    assert len(lost.record["rejected"]) == 9


def test_checks_name_the_cause():
    rng = np.random.default_rng(0)
    clean = (0.1 * rng.standard_normal((1, RATE))).astype(np.float32)
    before = mfcc(clean, RATE)
    time = np.arange(RATE) / RATE
    sweep = (0.3 * np.sin(2 * np.pi * (200 + 900 * time) * time)).astype(np.float32)[None]
    options = CheckOptions()
    cases = {
        None: clean,
        "silent": clean * 1e-3,
        "non-finite": np.where(np.arange(RATE) == 5, np.nan, clean).astype(np.float32),
        "clipping": np.clip(clean * 40, -1, 1),
    }
    for cause, audio in cases.items():
        assert check_render(audio, RATE, before, options)[0] == cause
    cause, similarity = check_render(clean, RATE, mfcc(sweep, RATE), CheckOptions(similarity=0.9))
    assert cause == "sense" and similarity < 0.9
    assert check_render(clean * 1e4, RATE, before, options)[0] == "clipping"


def test_settings_respect_steps_priors_and_dead_knobs():
    spec = open_fake("mode").spec
    rng = np.random.default_rng(0)
    drawn = np.array([draw_settings(rng, spec, SettingsOptions()) for _ in range(400)])
    values, counts = np.unique(drawn[:, 0], return_counts=True)
    np.testing.assert_allclose(values, [0, 1 / 3, 2 / 3, 1])
    assert counts.min() > 70
    assert drawn[:, 1].min() >= 0.01 and drawn[:, 1].max() <= 0.99
    body = {"priors": {"amount": {"kind": "log", "low": 0.01, "high": 1.0}}}
    options = Recipe.from_dict({"effect": "x", "songs": [{"root": "."}], "settings": body}).settings
    drawn = np.array([draw_settings(rng, spec, options) for _ in range(400)])
    assert np.median(drawn[:, 1]) == pytest.approx(0.1, rel=0.3)
    with pytest.raises(ParameterError, match="no parameter 'amuont'"):
        wrong = {"priors": {"amuont": {"kind": "fixed"}}}
        recipe = {"effect": "x", "songs": [{"root": "."}], "settings": wrong}
        check_priors(spec, Recipe.from_dict(recipe).settings)


def test_tilt_and_stretch():
    time = np.arange(RATE) / RATE
    for hertz, gain in ((20.0, -3.0), (800.0, 0.0), (11_900.0, 3.0)):
        tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)[None]
        out = tilt(tone, RATE, 6.0)[:, RATE // 2 :]
        level = 10 * np.log10(np.mean(out**2) / np.mean(tone**2))
        assert level == pytest.approx(gain, abs=0.2)
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)[None]
    up = stretch(tone, RATE, RATE // 2, {"pitch": 12.0})
    assert up.shape == (1, RATE // 2)
    assert 2 * np.argmax(np.abs(np.fft.rfft(up[0]))) == pytest.approx(880, abs=8)


def test_a_loudness_is_reached_or_refused():
    audio = 0.1 * np.random.default_rng(0).standard_normal((2, RATE)).astype(np.float32)
    scaled = to_loudness(audio, RATE, -30.0, highest=1.0)
    assert integrated_loudness(scaled, RATE) == pytest.approx(-30.0, abs=0.01)
    assert to_loudness(audio, RATE, -3.0, highest=1.0) is None
    assert np.abs(to_loudness(audio, RATE, -3.0)).max() > 1.0
    assert to_loudness(np.zeros_like(audio), RATE, -30.0) is None


def test_gain_polarity_and_noise():
    excerpt = ExcerptOptions(seconds=1.0)
    time = np.arange(RATE) / RATE
    tone = (0.1 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[None]
    rng = np.random.default_rng(0)
    plain = finish(tone, excerpt, {}, rng)
    assert 20 * np.log10(np.abs(plain).max()) == pytest.approx(-12.0, abs=0.01)
    changed = finish(tone, excerpt, {"gain_db": -6.0, "polarity": -1.0}, rng)
    np.testing.assert_allclose(changed, -plain * 10 ** (-6 / 20), rtol=1e-6)
    noisy = finish(tone, excerpt, {"noise_dbfs": -40.0}, rng)
    scale = (noisy * plain).sum() / (plain**2).sum()
    noise = (noisy - scale * plain)[:, 2000:-2000] / scale
    assert 10 * np.log10(np.mean(noise**2)) == pytest.approx(-40.0, abs=0.3)
    assert np.abs(np.corrcoef(noise[0, 1:], noise[0, :-1])[0, 1]) < 0.05


@pytest.mark.parametrize("method", ["rubberband", "resample"])
def test_augmentation_is_drawn_within_its_ranges(method):
    options = AugmentOptions(
        probability=0.5,
        method=method,
        gain_db=(-9.0, 3.0),
        tilt_db=(-4.0, 4.0),
        noise_dbfs=(-80.0, -50.0),
        noise_probability=0.3,
        polarity_probability=0.5,
    )
    drawn = [draw_augmentation(np.random.default_rng(i), options) for i in range(2000)]
    assert sum(not plan for plan in drawn) / 2000 == pytest.approx(0.5, abs=0.04)
    some = [plan for plan in drawn if plan]
    for name, low, high, share in (
        ("gain_db", -9.0, 3.0, 1.0),
        ("tilt_db", -4.0, 4.0, 1.0),
        ("noise_dbfs", -80.0, -50.0, 0.3),
        ("polarity", -1.0, -1.0, 0.5),
    ):
        values = [plan[name] for plan in some if name in plan]
        assert len(values) / len(some) == pytest.approx(share, abs=0.05)
        assert low <= min(values) and max(values) <= high
        assert max(values) - min(values) >= 0.95 * (high - low)
    assert any("speed" in plan for plan in some) == (method == "resample")
    assert any("pitch" in plan for plan in some) == (method == "rubberband")


def test_timbre_of_both_sides_is_recorded(songs):
    options = plan(songs, timbre=True)
    pair = make_pair(open_fake("drive"), options, 0)
    from dialin import measure_timbre

    assert set(pair.record["timbre"]) == {"input", "target"}
    for side, found in pair.record["timbre"].items():
        values = measure_timbre(pair.audio[side], RATE)
        assert len(found) == 8
        for name, value in found.items():
            if value is None:
                assert np.isnan(values[name])
            else:
                assert value == pytest.approx(values[name], abs=1e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pairs = 3", "lacks effect"),
        ("effect = 'x'\nsongz = []", "does not know songz"),
        ("effect = 'x'\n[[songs]]\nroot = '.'\ngruop = 'file'", "does not know songs.gruop"),
        ("effect = 'x'\npairs = 'many'\n[[songs]]\nroot = '.'", "pairs = 'many'"),
        ("effect = 'x'\nreference = 'any'\n[[songs]]\nroot = '.'", r"\['halves', 'song'\]"),
        ("effect = 'x'\nsplits = [1, 1, 1]\n[[songs]]\nroot = '.'", "sum 1"),
        (
            "effect = 'x'\n[[songs]]\nroot = '${NO_SUCH_FOLDER_SET}'",
            "NO_SUCH_FOLDER_SET is not set",
        ),
        ("effect = ", "no TOML"),
    ],
)
def test_wrong_recipes_are_refused_by_name(tmp_path, text, words):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(UsageError, match=words):
        load_recipe(tmp_path / "r.toml")
