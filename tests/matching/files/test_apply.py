"""Whole files through effects: format kept, length kept, levels told, nothing half written."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from dialin.audio import read_audio
from dialin.effects.open import open_effect
from dialin.errors import (
    AudioFileError,
    NonFiniteOutputError,
    OutputError,
    PresetError,
    RenderCrashError,
    RenderTimeoutError,
    UsageError,
)
from dialin.matching import fit
from dialin.matching.files import apply as module
from dialin.matching.files import file_render
from dialin.matching.files.file_render import CEILING, render_file
from dialin.matching.fit import render_audio
from dialin.presets.preset import Preset
from dialin.rendering import RenderPool

GAIN = "builtin:gain"
REVERB = "builtin:reverb"


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=1) as made:
        yield made


def noise(seconds=1.0, rate=44_100, channels=2, level=0.1):
    rng = np.random.default_rng(0)
    samples = rng.normal(0, level, (round(seconds * rate), channels))
    return np.clip(samples, -0.99, 0.99).astype(np.float32)


def gain_of(pool, decibels):
    return pool.describe(GAIN).vector({"gain": decibels})


@pytest.mark.parametrize(
    ("name", "subtype", "rate", "channels"),
    [
        ("a.wav", "PCM_16", 44_100, 2),
        ("a.wav", "PCM_24", 192_000, 1),
        ("a.wav", "FLOAT", 8_000, 2),
        ("a.wav", "DOUBLE", 48_000, 8),
        ("a.flac", "PCM_24", 96_000, 2),
        ("a.aiff", "PCM_16", 22_050, 1),
        ("a.ogg", "VORBIS", 44_100, 2),
        ("a.mp3", "MPEG_LAYER_III", 44_100, 2),
    ],
)
def test_format_rate_channels_and_length_are_the_inputs_own(
    pool, tmp_path, name, subtype, rate, channels
):
    source, target = tmp_path / name, tmp_path / "out" / name
    soundfile.write(source, noise(0.4, rate, channels), rate, subtype=subtype)
    done = render_file(source, target, REVERB, pool.describe(REVERB).default, pool=pool)
    before, after = soundfile.info(source), soundfile.info(target)
    assert (after.samplerate, after.channels, after.subtype, after.format) == (
        (before.samplerate, before.channels, before.subtype, before.format)
    )
    if subtype != "MPEG_LAYER_III":
        assert after.frames == before.frames
    else:
        assert abs(after.frames - before.frames) <= 1152
    assert done.target == target
    assert [p.name for p in target.parent.iterdir()] == [name]


def test_blocks_equal_one_render_of_the_whole(pool, tmp_path, monkeypatch):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(7.3), 44_100, subtype="FLOAT")
    settings = pool.describe(REVERB).default
    done = render_file(source, target, REVERB, settings, pool=pool)
    audio, rate = read_audio(source)
    whole = open_effect(REVERB).process(audio, rate, settings)
    assert done.exact
    np.testing.assert_array_equal(read_audio(target)[0], whole)


def test_a_tail_is_rendered_after_the_end(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(0.5), 44_100, subtype="FLOAT")
    settings = pool.describe(REVERB).default
    done = render_file(source, target, REVERB, settings, pool=pool, tail=1.5)
    audio, _ = read_audio(target)
    assert done.seconds == pytest.approx(2.0)
    assert np.abs(audio[:, 30_000:44_100]).max() > 1e-4


def test_clipping_is_told_and_not_hidden(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(level=0.3), 44_100, subtype="PCM_16")
    done = render_file(source, target, GAIN, gain_of(pool, 12), pool=pool)
    assert done.over_db == pytest.approx(12 + 20 * np.log10(0.99), abs=0.05)
    assert done.clipped > 0
    assert np.abs(read_audio(target)[0]).max() > 0.9999


def test_headroom_turns_down_by_just_enough(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(level=0.3), 44_100, subtype="PCM_16")
    done = render_file(source, target, GAIN, gain_of(pool, 12), pool=pool, headroom=True)
    assert done.clipped == 0
    assert done.gain_db == pytest.approx(-12 - 20 * np.log10(0.99) - 0.1, abs=0.05)
    assert np.abs(read_audio(target)[0]).max() == pytest.approx(CEILING, abs=1e-4)


def test_headroom_leaves_alone_what_fits(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(), 44_100, subtype="PCM_16")
    done = render_file(source, target, GAIN, gain_of(pool, 0), pool=pool, headroom=True)
    assert done.gain_db == 0
    np.testing.assert_allclose(read_audio(target)[0], read_audio(source)[0], atol=2**-15)


def test_floating_point_keeps_what_is_above_full_scale(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(level=0.3), 44_100, subtype="FLOAT")
    done = render_file(source, target, GAIN, gain_of(pool, 12), pool=pool)
    assert done.clipped == 0
    assert np.abs(read_audio(target)[0]).max() == pytest.approx(10 ** (done.over_db / 20))


def test_an_input_above_full_scale_passes(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, 4 * noise(level=0.3), 44_100, subtype="FLOAT")
    render_file(source, target, GAIN, gain_of(pool, 0), pool=pool)
    np.testing.assert_allclose(read_audio(target)[0], read_audio(source)[0], rtol=1e-6)


def test_nothing_is_left_of_a_render_that_fails(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "new" / "deep" / "out.wav"
    bad = noise()
    bad[40_000] = np.nan
    soundfile.write(source, bad, 44_100, subtype="FLOAT")
    with pytest.raises(ValueError, match="not finite"):
        render_file(source, target, GAIN, gain_of(pool, 0), pool=pool)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.wav"]


def test_an_earlier_result_survives_a_failure(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(), 44_100, subtype="PCM_16")
    render_file(source, target, GAIN, gain_of(pool, 0), pool=pool)
    earlier = target.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        render_file(source, target, GAIN, gain_of(pool, 6), pool=pool)
    source.write_bytes(source.read_bytes()[:50_000])
    with pytest.raises(AudioFileError, match="truncated"):
        render_file(source, target, GAIN, gain_of(pool, 6), pool=pool, overwrite=True)
    assert target.read_bytes() == earlier


def test_an_input_is_never_overwritten(pool, tmp_path):
    source = tmp_path / "in.wav"
    soundfile.write(source, noise(), 44_100)
    with pytest.raises(OutputError, match="read by this run"):
        render_file(source, source, GAIN, gain_of(pool, 0), pool=pool, overwrite=True)


def test_a_folder_that_cannot_be_made_is_one_clear_error(pool, tmp_path):
    source = tmp_path / "in.wav"
    soundfile.write(source, noise(), 44_100)
    with pytest.raises(OutputError, match="cannot write into"):
        render_file(source, source / "sub" / "o.wav", GAIN, gain_of(pool, 0), pool=pool)


def test_progress_reaches_the_end(pool, tmp_path, monkeypatch):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(60, 44_100, 2), 44_100, subtype="FLOAT")
    seen = []
    settings = pool.describe(REVERB).default
    render_file(source, target, REVERB, settings, pool=pool, progress=seen.append)
    assert seen == sorted(seen)
    assert all(0 < s <= 60 for s in seen)


@pytest.mark.parametrize("amount", [-1, 101, float("nan")])
def test_amounts_outside_the_range_are_refused(amount):
    with pytest.raises(UsageError, match="between 0 and 100"):
        fit.settings_for(Preset(()), amount, None)


def test_two_inputs_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "x.wav", noise(0.1), 44_100)
    files = [tmp_path / "a" / "x.wav", tmp_path / "b" / "x.wav"]
    with pytest.raises(UsageError, match="would both become"):
        module.apply_preset(Preset(()), files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        ("fake:freeze", RenderTimeoutError),
        ("fake:hang", RenderTimeoutError),
        ("fake:crash", RenderCrashError),
        ("fake:exit", RenderCrashError),
        ("fake:nan", NonFiniteOutputError),
    ],
)
def test_a_bad_plugin_costs_its_file_and_nothing_else(pool, tmp_path, monkeypatch, effect, error):
    monkeypatch.setattr(file_render, "STALL", 0.7)
    source, target = tmp_path / "in.wav", tmp_path / "out" / "in.wav"
    soundfile.write(source, noise(0.3), 44_100)
    with pytest.raises(error, match=effect):
        render_file(source, target, effect, pool.describe(effect).default, pool=pool)
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]
    render_file(source, target, GAIN, gain_of(pool, 0), pool=pool)


def test_no_effect_at_all_hands_the_file_through(pool, tmp_path):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, noise(5.0), 44_100, subtype="PCM_24")
    done = render_file(source, target, "", [], pool=pool, tail=0.5)
    before, after = read_audio(source)[0], read_audio(target)[0]
    assert done.seconds == pytest.approx(5.5)
    np.testing.assert_array_equal(after[:, : before.shape[1]], before)
    assert not after[:, before.shape[1] :].any()


def preset_of(pool, *effects):
    specs = [pool.describe(uri) for uri, _ in effects]
    vectors = [spec.vector(native) for spec, (_, native) in zip(specs, effects, strict=True)]
    return Preset.from_settings(specs, np.concatenate([np.zeros(0), *vectors]))


@pytest.mark.parametrize("amount", [0, 35, 100])
@pytest.mark.parametrize("knob", ["gain", "mode"])
def test_amounts(pool, tmp_path, knob, amount):
    """A neutral knob moves; a slot without one is mixed; both ends are exact, in every file."""
    uri, native = {
        "gain": (GAIN, {"gain": -6}),
        "mode": ("fake:mode", {"mode": 2, "amount": 12}),
    }[knob]
    preset = preset_of(pool, (uri, native))
    soundfile.write(tmp_path / "in.wav", noise(1.5), 44_100, subtype="FLOAT")
    dry, rate = read_audio(tmp_path / "in.wav")
    wet = render_audio(preset, dry, rate, pool=pool)
    expected = {
        "gain": dry * 10 ** (-6 * amount / 100 / 20),
        "mode": dry + amount / 100 * (wet - dry),
    }
    made = render_audio(preset, dry, rate, amount=amount, pool=pool)
    np.testing.assert_allclose(made, expected[knob], atol=1e-6)
    if amount in (0, 100):
        np.testing.assert_array_equal(made, dry if amount == 0 else wet)
    (done,) = module.apply_preset(
        preset, [tmp_path / "in.wav"], tmp_path / "out", amount=amount, pool=pool
    )
    np.testing.assert_array_equal(read_audio(done.target)[0], made)


def test_a_preset_remembers_neutral_positions(pool, tmp_path):
    spec = pool.describe("fake:mode")
    match = spec.vector({"mode": 2, "amount": 12})
    known = replace(
        spec, parameters=tuple(replace(p, neutral=0.0 if p.id == "amount" else None)
                               for p in spec.parameters),
    )  # fmt: skip
    assert known.hash == spec.hash
    Preset.from_settings([known], match).save(tmp_path / "p.json")
    preset = Preset.load(tmp_path / "p.json")
    fitted = fit.settings_for(preset, 50, pool)
    assert fitted.effect == "fake:mode"
    assert pool.describe(fitted.effect).native(fitted.settings)["amount"] == pytest.approx(6)
    assert fit.settings_for(preset, 0, pool).effect == ""
    (slot,) = preset.slots
    odd = replace(slot, knobs=tuple(replace(k, neutral=1e6) for k in slot.knobs))
    with pytest.raises(PresetError, match="neutral values do not fit"):
        fit.settings_for(replace(preset, slots=(odd,)), 50, pool)


def test_a_preset_goes_over_many_files(pool, tmp_path):
    names = [f"{n}.wav" for n in range(5)]
    for n, name in enumerate(names):
        soundfile.write(tmp_path / name, noise(0.1 * (n + 1)), 44_100, subtype="FLOAT")
    preset = preset_of(pool, (GAIN, {"gain": 6}), ("fake:gain", {"gain": -12}))
    preset.save(tmp_path / "preset.json")
    files = [tmp_path / name for name in names]
    done = module.apply_preset(tmp_path / "preset.json", files, tmp_path / "wet", amount=50)
    assert [result.target.name for result in done] == names
    for file, result in zip(files, done, strict=True):
        expected = read_audio(file)[0] * 10 ** (-3 / 20)
        np.testing.assert_allclose(read_audio(result.target)[0], expected, rtol=1e-5)


def test_in_memory_is_the_same_as_in_files(pool, tmp_path):
    soundfile.write(tmp_path / "in.wav", noise(4.0), 44_100, subtype="FLOAT")
    preset = preset_of(pool, (GAIN, {"gain": 6}), (REVERB, {}))
    module.apply_preset(preset, [tmp_path / "in.wav"], tmp_path / "wet", pool=pool, tail=0.5)
    audio, rate = read_audio(tmp_path / "in.wav")
    memory = render_audio(preset, audio, rate, pool=pool, tail=0.5)
    np.testing.assert_array_equal(read_audio(tmp_path / "wet" / "in.wav")[0], memory)


def test_a_preset_without_effects_changes_nothing(pool, tmp_path):
    soundfile.write(tmp_path / "in.wav", noise(), 44_100, subtype="PCM_16")
    module.apply_preset(preset_of(pool), [tmp_path / "in.wav"], tmp_path / "wet", pool=pool)
    given, made = read_audio(tmp_path / "in.wav")[0], read_audio(tmp_path / "wet" / "in.wav")[0]
    np.testing.assert_array_equal(given, made)
    np.testing.assert_array_equal(render_audio(preset_of(pool), given, 44_100), given)


def test_another_build_of_a_plugin_is_set_by_name_or_refused(pool):
    preset = preset_of(pool, ("fake:drive", {"drive": 20}))
    (slot,) = preset.slots
    older = replace(preset, slots=(replace(slot, spec_hash="0" * 16, version="0.1"),))
    fitted = fit.settings_for(older, 100, pool)
    np.testing.assert_allclose(fitted.settings, preset.settings, atol=1e-9)
    assert "another build" in fitted.notes[0]
    odd = replace(slot.knobs[0], id="gone")
    other = replace(preset, slots=(replace(slot, knobs=(odd,), spec_hash="0" * 16),))
    with pytest.raises(PresetError, match="do not fit"):
        fit.settings_for(other, 100, pool)


def test_one_bad_file_is_told_and_the_others_go_on(pool, tmp_path):
    for name in ("a.wav", "c.wav"):
        soundfile.write(tmp_path / name, noise(0.1), 44_100)
    (tmp_path / "b.wav").write_bytes(b"no audio")
    files = [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")]
    preset, told = preset_of(pool, (GAIN, {"gain": 3})), []
    with pytest.raises(AudioFileError):
        module.apply_preset(preset, files, tmp_path / "wet", pool=pool)
    assert not (tmp_path / "wet").exists()
    done = module.apply_preset(
        preset, files, tmp_path / "wet", pool=pool, on_failure=lambda *failure: told.append(failure)
    )
    assert [result.target.name for result in done] == ["a.wav", "c.wav"]
    assert [file.name for file, _ in told] == ["b.wav"]


def test_names_may_be_as_long_as_names_can_be(pool, tmp_path):
    name = "é" * 125 + "x.wav"
    soundfile.write(tmp_path / "in.wav", noise(0.1), 44_100)
    (tmp_path / "in.wav").rename(tmp_path / name)
    (done,) = module.apply_preset(Preset(()), [tmp_path / name], tmp_path / "wet", pool=pool)
    assert done.target.exists()
    long = tmp_path / ("y" * 251 + ".wav")
    (tmp_path / name).rename(long)
    (done,) = module.apply_preset(Preset(()), [long], tmp_path / "wet", pool=pool)
    assert [path.name for path in (tmp_path / "wet").iterdir() if path.name[0] == "y"] == [
        long.name
    ]


def test_what_appears_while_it_is_rendered_is_left_alone(pool, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "in.wav", noise(0.1), 44_100)
    true = file_render._stream

    def slow(*args):
        made = yield from true(*args)
        (tmp_path / "wet" / "in.wav").write_text("mine")
        return made

    monkeypatch.setattr(file_render, "_stream", slow)
    with pytest.raises(OutputError, match="appeared while"):
        module.apply_preset(Preset(()), [tmp_path / "in.wav"], tmp_path / "wet", pool=pool)
    assert (tmp_path / "wet" / "in.wav").read_text() == "mine"


def test_nothing_that_is_read_is_replaced(pool, tmp_path):
    """The preset may have any name, and links are the file they lead to."""
    (tmp_path / "wet").mkdir()
    soundfile.write(tmp_path / "in.wav", noise(0.1), 44_100)
    Preset(()).save(tmp_path / "wet" / "in.wav")
    with pytest.raises(OutputError, match="read by this run"):
        module.apply_preset(
            tmp_path / "wet" / "in.wav", [tmp_path / "in.wav"], tmp_path / "wet", overwrite=True
        )
    (tmp_path / "wet" / "in.wav").rename(tmp_path / "p.json")
    for link in ("symlink_to", "hardlink_to"):
        getattr(tmp_path / "wet" / "in.wav", link)(tmp_path / "in.wav")
        with pytest.raises(OutputError, match="read by this run"):
            module.apply_preset(
                tmp_path / "p.json", [tmp_path / "in.wav"], tmp_path / "wet", overwrite=True
            )
        (tmp_path / "wet" / "in.wav").unlink()


def test_room_is_asked_for_before_anything_is_rendered(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "in.wav", noise(0.1), 44_100)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("dialin.files.space.shutil.disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match="make room"):
        module.apply_preset(Preset(()), [tmp_path / "in.wav"], tmp_path / "wet")
    assert not (tmp_path / "wet").exists()
