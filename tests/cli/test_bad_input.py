"""Everything a person may hand in that cannot work, or that nearly does.

Each gets one sentence, the exit code of its kind, and leaves what lies on disk as it was.
"""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.runner import dialin
from tests.plugins import MDA, needs_lv2

RATE = 44_100


def music(seconds=0.6, rate=RATE, channels=1, seed=0):
    """A decaying arpeggio with a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    wave = sum(
        0.1 * np.sin(2 * np.pi * f * time) * np.exp(-3 * ((time - d) % 0.5))
        for f, d in ((220, 0), (330, 0.1), (440, 0.2))
    )
    wave = np.asarray(wave)[:, np.newaxis] + rng.normal(0, 0.003, (time.size, channels))
    return wave.astype(np.float32)


@pytest.fixture
def place(tmp_path):
    soundfile.write(tmp_path / "dry.wav", music(), RATE, subtype="PCM_16")
    soundfile.write(tmp_path / "ref.wav", 2 * music(seed=1), RATE, subtype="PCM_16")
    return tmp_path


def state(folder: Path):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def match(place, *arguments, input="dry.wav", references=("ref.wav",), fx="fake:gain", out="out"):
    """Run a quick match."""
    effects = ("--fx", fx) if fx else ()
    return dialin(
        "match", input, *references, "-o", out, *effects, "--budget", "8", "--workers", "1",
        *arguments, cwd=place,
    )  # fmt: skip


def refused(ran, code, *words):
    """Assert one clear sentence with these words, and this exit code."""
    assert ran.code == code, ran.err
    assert len(ran.errors) == 1, ran.err
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.errors[0]


# -- files that cannot be used ----------------------------------------------------------------


def _missing(path):
    pass


def _empty(path):
    path.write_bytes(b"")


def _truncated(path):
    soundfile.write(path, music(), RATE, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:20_000])


def _headerless(path):
    soundfile.write(path, music(), RATE, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:30])


def _no_samples(path):
    soundfile.write(path, np.zeros((0, 2)), RATE)


def _text(path):
    path.write_text("Dear diary, " * 50)


def _nan(path):
    sound = music()
    sound[7_000] = np.nan
    soundfile.write(path, sound, RATE, subtype="FLOAT")


def _folder(path):
    path.mkdir()


UNUSABLE = [
    (_missing, "there is no file"),
    (_empty, "empty"),
    (_truncated, "truncated"),
    (_headerless, "cannot be read as audio"),
    (_no_samples, "no samples"),
    (_text, "cannot be read as audio"),
    (_nan, "not finite"),
    (_folder, "audio file"),
]


@pytest.mark.parametrize(("make", "words"), UNUSABLE, ids=lambda v: getattr(v, "__name__", None))
def test_an_input_that_cannot_be_used(place, make, words):
    make(place / "bad.wav")
    before = state(place)
    refused(match(place, input="bad.wav"), 3, words, "bad.wav")
    assert state(place) == before


@pytest.mark.parametrize(("make", "words"), UNUSABLE, ids=lambda v: getattr(v, "__name__", None))
def test_a_reference_that_cannot_be_used(place, make, words):
    make(place / "bad.wav")
    before = state(place)
    refused(match(place, references=("ref.wav:0.5", "bad.wav:0.5")), 3, words, "bad.wav")
    assert state(place) == before


def test_a_truncated_flac(place):
    soundfile.write(place / "bad.flac", music(), RATE)
    whole = (place / "bad.flac").read_bytes()
    (place / "bad.flac").write_bytes(whole[: len(whole) // 2])
    refused(match(place, input="bad.flac"), 3, "bad.flac")


@pytest.mark.parametrize("bad", ["input", "reference"])
def test_silence_has_nothing_to_match(place, bad):
    soundfile.write(place / "silent.wav", np.zeros((RATE, 2)), RATE)
    before = state(place)
    if bad == "input":
        ran = match(place, input="silent.wav")
    else:
        ran = match(place, references=("silent.wav",))
    refused(ran, 3, "silent")
    assert state(place) == before


# -- files that are odd but good ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sound", "rate"),
    [
        ("a tenth of a second", music(0.1), RATE),
        ("8 channels", music(0.3, channels=8), RATE),
        ("192 kHz", music(0.3, 192_000), 192_000),
        ("8 kHz", music(0.6, 8_000), 8_000),
        ("above full scale", 20 * music(0.3), RATE),
        ("with an offset", music(0.3) + np.float32(0.4), RATE),
    ],
)
@pytest.mark.parametrize("side", ["input", "reference"])
def test_odd_files_are_matched(place, name, sound, rate, side):
    soundfile.write(place / "odd.wav", sound, rate, subtype="FLOAT")
    if side == "input":
        ran = match(place, "--quiet", input="odd.wav", fx="fake:drive")
    else:
        ran = match(place, "--quiet", references=("odd.wav",), fx="fake:drive")
    assert ran.code == 0, ran.err
    made = place / "out" / ("odd.wav" if side == "input" else "dry.wav")
    source = place / made.name
    told, given = soundfile.info(made), soundfile.info(source)
    assert (told.samplerate, told.channels, told.frames, told.subtype) == (
        (given.samplerate, given.channels, given.frames, given.subtype)
    )


@pytest.mark.parametrize("side", ["input", "reference"])
def test_pure_dc_is_matched_or_refused_in_words(place, side):
    soundfile.write(place / "dc.wav", np.full((RATE // 2, 1), 0.5), RATE)
    ran = match(place, input="dc.wav") if side == "input" else match(place, references=("dc.wav",))
    assert ran.code in (0, 3), ran.err
    assert len(ran.errors) == (ran.code != 0)
    assert "Traceback" not in ran.err


# -- effects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    ["builtin:nothing", "lv2:http://example.org/nothing", "vst3:/nowhere/x.vst3", "odd:thing"],
)
def test_an_unknown_effect(place, uri):
    before = state(place)
    refused(match(place, fx=uri), 4, uri.split(":", 1)[1])
    assert state(place) == before


def test_a_plugin_for_another_machine(place):
    folder = place / "Other.vst3" / "Contents" / "x86_64-linux"
    folder.mkdir(parents=True)
    # An ELF header that says AArch64 (0xB7), which this machine, if it is none, cannot load.
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, 0xF3, 1) + bytes(40)
    (folder / "Other.so").write_bytes(elf)
    refused(match(place, fx=f"vst3:{place / 'Other.vst3'}"), 4, "Other.vst3")
    assert not (place / "out").exists()


@needs_lv2("mda.lv2")
def test_an_instrument(place):
    refused(match(place, fx=f"lv2:{MDA}Piano"), 4, "instrument")


@needs_lv2("comb-swh.lv2")
def test_a_plugin_that_crashes(place):
    ran = match(place, fx="lv2:http://plugin.org.uk/swh-plugins/comb_c")
    # It frees memory it never allocated; whether that ends the process is up to the C library.
    assert ran.code in (0, 5), ran.err
    assert "Traceback" not in ran.err
    if ran.code == 5:
        assert "comb_c" in ran.err


@pytest.mark.parametrize("effect", ["fake:crash_load", "fake:fail_load"])
def test_effects_that_cannot_be_opened_or_used(place, effect):
    ran = match(place, fx=effect)
    assert ran.code in (4, 5), ran.err
    assert len(ran.errors) == 1
    assert effect in ran.errors[0]
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    "effect", ["fake:hang", "fake:freeze", "fake:crash", "fake:nan", "fake:bug"]
)
def test_effects_that_fail_at_times_cost_only_their_renders(place, effect):
    ran = match(place, "--deadline", "0.25", fx=effect)
    assert ran.code in (0, 5), ran.err
    assert "Traceback" not in ran.err
    assert effect in ran.err or effect.split(":")[1] in ran.out
    if ran.code == 0:
        sound, _ = soundfile.read(place / "out" / "dry.wav")
        assert np.isfinite(sound).all() and np.abs(sound).max() > 0


def test_an_effect_whose_output_is_silent_is_not_taken(place):
    ran = match(place, fx="fake:silent")
    assert ran.code in (0, 5), ran.err
    if ran.code == 0:
        assert np.abs(soundfile.read(place / "out" / "dry.wav")[0]).max() > 0.01


# -- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--lock", "gain.gian=3"), 4, ("gian", "gain")),
        (("--lock", "gain.gain=99"), 4, ("99", "-24", "24")),
        (("--lock", "gain.gain=loud"), 2, ("loud", "--lock")),
        (("--lock", "gain.gain"), 2, ("--lock",)),
        (("--only", "taste"), 2, ("taste", "tone")),
        (("--weight", "taste=2"), 2, ("taste", "tone")),
        (("--weight", "tone=-2"), 2, ("-2",)),
        (("--amount", "120"), 2, ("120", "100")),
        (("--tail", "-1"), 2, ("-1",)),
        (("--seconds", "-1"), 2, ("-1",)),
        (("--reference-for", "taste=ref.wav"), 2, ("taste", "tone")),
        (("--reference-for", "level=none.wav"), 3, ("none.wav",)),
    ],
)
def test_options_that_cannot_be_followed(place, options, code, words):
    before = state(place)
    refused(match(place, *options), code, *words)
    assert state(place) == before


# -- places to write to -------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["dry.wav/sub", "/proc/dialin/out"])
def test_a_folder_that_cannot_be_written_to(place, out):
    before = state(place)
    refused(match(place, out=out), 7, "cannot write into")
    assert state(place) == before


def test_a_full_disk(place, monkeypatch):
    import errno

    from dialin.errors import OutputError
    from dialin.matching.files.streaming import FileJob, copy_file

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    earlier = place / "out.wav"
    earlier.write_bytes(b"earlier")
    job = FileJob(str(place / "dry.wav"), str(earlier), ())
    with pytest.raises(OutputError, match="No space left"):
        copy_file(job)
    assert earlier.read_bytes() == b"earlier"
    assert sorted(p.name for p in place.iterdir()) == ["dry.wav", "out.wav", "ref.wav"]


def test_earlier_results_are_not_replaced_unasked(place):
    (place / "out").mkdir()
    (place / "out" / "preset.json").write_text("mine")
    before = state(place)
    refused(match(place), 7, "earlier results", "--overwrite")
    assert state(place) == before
    assert match(place, "--overwrite").code == 0
    assert (place / "out" / "preset.json").read_text() != "mine"


def test_the_input_is_never_the_output(place):
    before = state(place)
    refused(match(place, "--overwrite", out="."), 7, "read by this run")
    assert state(place) == before


# -- presets --------------------------------------------------------------------------------------


@pytest.fixture
def preset(place):
    ran = match(place, "--lock", "gain.gain=6", "--quiet")
    assert ran.code == 0, ran.err
    return place / "out" / "preset.json"


def test_presets_that_cannot_be_read(place, preset):
    good = preset.read_text()
    for text, words in (("", ()), ("{", ()), ("[]", ()), ('{"schema_version": 99}', ("99",))):
        preset.write_text(text)
        refused(dialin("apply", preset, "dry.wav", "-o", "wet", cwd=place), 6, *words)
    refused(dialin("apply", "none.json", "dry.wav", "-o", "wet", cwd=place), 6, "none.json")
    assert not (place / "wet").exists()
    preset.write_text(good)
    assert dialin("apply", preset, "dry.wav", "-o", "wet", cwd=place).code == 0


def test_a_preset_of_another_plugin_version(place, preset):
    body = json.loads(preset.read_text())
    assert body["slots"], "the locked gain is part of the preset"
    body["slots"][0]["spec_hash"] = "0" * 16
    body["slots"][0]["version"] = "0.0.1"
    preset.write_text(json.dumps(body))
    ran = dialin("apply", preset, "dry.wav", "-o", "wet", cwd=place)
    # Either its knobs still fit, and it says that it went by their names, or it is refused.
    assert ran.code in (0, 6), ran.err
    assert "version" in ran.err
    assert "Traceback" not in ran.err


def test_one_bad_file_does_not_stop_the_others(place, preset):
    (place / "bad.wav").write_text("no audio")
    ran = dialin("apply", preset, "bad.wav", "dry.wav", "ref.wav", "-o", "wet", cwd=place)
    assert ran.code == 3
    assert len(ran.errors) == 1
    assert sorted(p.name for p in (place / "wet").iterdir()) == ["dry.wav", "ref.wav"]


def test_apply_takes_odd_files(place, preset):
    sounds = {
        "silent.wav": (np.zeros((2_000, 2), np.float32), RATE),
        "short.wav": (music(0.002), RATE),
        "dc.wav": (np.full((5_000, 1), 0.1, np.float32), RATE),
        "many.wav": (music(0.1, channels=8), RATE),
        "fast.wav": (music(0.1, 192_000), 192_000),
        "slow.wav": (music(0.2, 8_000), 8_000),
        "loud.wav": (20 * music(0.1), RATE),
    }
    for name, (sound, rate) in sounds.items():
        soundfile.write(place / name, sound, rate, subtype="FLOAT")
    ran = dialin("apply", preset, *sounds, "-o", "wet", cwd=place)
    assert ran.code == 0, ran.err
    for name, (sound, rate) in sounds.items():
        made, made_rate = soundfile.read(place / "wet" / name, dtype="float32", always_2d=True)
        assert made_rate == rate
        np.testing.assert_allclose(made, sound * 10 ** (6 / 20), rtol=1e-4, atol=1e-6)
