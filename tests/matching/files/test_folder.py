"""A match's folder: all there, all true, moved into place at the end or not at all."""

import errno
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from dialin.audio import read_audio
from dialin.errors import OutputError, UnexpectedError
from dialin.files import MANIFEST, OwnFiles
from dialin.matching.files import making as module
from dialin.matching.files.folder import has_results, match_folder, save_match
from dialin.matching.fit import Fitted, FittedSlot
from dialin.matching.options import RenderOptions
from dialin.matching.result import Match
from dialin.rendering import RenderPool
from dialin.reports import (
    AspectReport,
    ChoiceReport,
    KnobReport,
    MatchReport,
    SlotReport,
    SoundReport,
)

RATE = 44_100


class StubPreset:
    """As much of a preset as the folder needs."""

    slots = (SimpleNamespace(format="fake", uri="fake:gain"),)

    def save(self, path, overwrite=False):
        path.write_text("{}")


def sound(name, **changes):
    return replace(SoundReport(name, RATE, 1, 1.0, -20.0, -3.0, 12.0), **changes)


def stub_match(**changes):
    knob = KnobReport("gain", "Gain", "dB", 0.0, 12.0, 0.5, 0.75, "0 dB", "12 dB", True)
    report = MatchReport(
        before=1.0,
        after=0.25,
        aspects=(AspectReport("tone", 1.0, 0.5, 0.2), AspectReport("level", 0.5, 0.5, 0.05)),
        slots=(
            SlotReport("gain", "fake:gain", "Gain", True, "", (knob,)),
            SlotReport("echo", "fake:echo", "Echo", False, "it did not help", ()),
        ),
        input=sound("dry.flac"),
        output=sound("dry.flac"),
        references=(sound("ref.wav"), sound("other.wav", loudness_lufs=float("-inf"))),
        seed=7,
        budget=30,
        renders=28,
        failures=1,
        seconds=1.5,
        interrupted=False,
        models=("models/gain",),
        notes=("a note",),
        version="0.1.0",
    )
    return Match(("fake:gain",), None, np.zeros(1), StubPreset(), replace(report, **changes))


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=1) as made:
        yield made


@pytest.fixture
def place(tmp_path, pool, monkeypatch):
    spec = pool.describe("fake:gain")
    vector = spec.vector({"gain": 12})
    monkeypatch.setattr(module, "settings_for", lambda *_: Fitted("fake:gain", vector))
    rng = np.random.default_rng(0)
    for name in ("dry.flac", "ref.wav", "other.wav"):
        soundfile.write(tmp_path / name, rng.uniform(-0.9, 0.9, (RATE, 1)), RATE)
    return tmp_path


def save(place, pool, **options):
    out = place / "out"
    references = [place / "ref.wav", place / "other.wav"]
    overwrite = options.pop("overwrite", False)
    with match_folder(out, place / "dry.flac", reads=references, overwrite=overwrite) as held:
        options.pop("meanwhile", lambda: None)()
        command = options.pop("command", "")
        chosen = RenderOptions(**options)
        return save_match(
            stub_match(), held, references, pool=pool, options=chosen, command=command
        )


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_everything_lies_in_the_folder_and_nothing_else(place, pool):
    saved = save(place, pool, command="dialin match dry.flac ref.wav -o out")
    names = ["dry.flac", "preset.json", "report.html", "report.json"]
    assert sorted(p.name for p in (place / "out").iterdir()) == [MANIFEST, *names]
    assert sorted(p.name for p in saved.files) == names
    assert saved.error is None
    own = OwnFiles.load(place / "out")
    assert sorted(own.files) == names
    assert all(own.owns(name) for name in names)
    assert has_results(place / "out")
    assert not has_results(place)


def test_the_report_tells_the_same_to_people_and_programs(place, pool):
    save(place, pool, command="dialin match dry.flac ref.wav -o out")
    facts = json.loads((place / "out" / "report.json").read_text())
    page = (place / "out" / "report.html").read_text()
    assert facts["before"] == 1.0
    assert facts["aspects"][0]["name"] == "tone"
    assert facts["references"][1]["loudness_lufs"] is None
    assert facts["rendered"]["target"] == str(place / "out" / "dry.flac")
    assert facts["rendered"]["clipped"] > 0
    for text in ("−75 %", "12 dB", "locked", "it did not help", "a note", "seed 7", "other.wav",
                 "models/gain", "dialin match dry.flac ref.wav -o out", "clips"):  # fmt: skip
        assert text in page
    assert page.count('class="lane ') == 4


def test_headroom_is_told(place, pool):
    saved = save(place, pool, headroom=True)
    page = (place / "out" / "report.html").read_text()
    assert saved.audio.gain_db == pytest.approx(-12 - 20 * np.log10(0.9) - 0.1, abs=0.02)
    assert "turned down by 11.2 dB for headroom" in page
    assert np.abs(read_audio(place / "out" / "dry.flac")[0]).max() < 0.99


def test_earlier_results_are_refused_or_replaced(place, pool, monkeypatch):
    def write_native(preset, folder):
        folder.mkdir()
        (folder / "old.vstpreset").write_text("dialin's")
        return [folder / "old.vstpreset"], []

    monkeypatch.setattr(module, "_native", write_native)
    saved = save(place, pool)
    assert saved.facts["native"] == ["native/old.vstpreset"]
    (place / "out" / "native" / "mine.vstpreset").write_text("mine")
    (place / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        save(place, pool)
    monkeypatch.undo()
    spec = pool.describe("fake:gain")
    fitted = Fitted("fake:gain", spec.vector({"gain": 6}))
    monkeypatch.setattr(module, "settings_for", lambda *_: fitted)
    before = contents(place / "out")
    saved = save(place, pool, overwrite=True)
    after = contents(place / "out")
    assert saved.error is None
    assert saved.remarks == ()
    assert before.keys() - after.keys() == {"native/old.vstpreset"}
    assert after["native/mine.vstpreset"] == after["mine.txt"] == b"mine"
    assert after["dry.flac"] != before["dry.flac"]


def test_what_the_user_changed_is_kept(place, pool):
    save(place, pool)
    for name in ("dry.flac", "report.html"):
        (place / "out" / name).write_text("mine")
    saved = save(place, pool, overwrite=True)
    after = contents(place / "out")
    assert after["dry.kept.flac"] == after["report.kept.html"] == b"mine"
    assert after["dry.flac"][:4] == b"fLaC"
    assert len(saved.remarks) == 2
    save(place, pool, overwrite=True)
    assert contents(place / "out").keys() == after.keys()


def test_results_without_a_list_are_kept(place, pool):
    """Such as a folder of the user's that happens to hold a file of that name."""
    save(place, pool)
    (place / "out" / MANIFEST).unlink()
    before = contents(place / "out")
    save(place, pool, overwrite=True)
    after = contents(place / "out")
    assert after["dry.kept.flac"] == before["dry.flac"]
    assert after["preset.kept.json"] == before["preset.json"]


def test_nothing_that_is_read_is_replaced(place, pool):
    """As in ``match in/m.wav o2/m.wav -o o2 --overwrite``."""
    out = place / "out"
    out.mkdir()
    reference = out / "dry.flac"
    (place / "ref.wav").rename(reference)
    for reads in ([reference], [place / "link.wav"], [place / "hard.wav"], [out]):
        if reads == [place / "link.wav"]:
            reads[0].symlink_to(reference)
        if reads == [place / "hard.wav"]:
            reads[0].hardlink_to(reference)
        with (
            pytest.raises(OutputError, match="this run"),
            match_folder(out, place / "dry.flac", reads=reads, overwrite=True),
        ):
            raise AssertionError("the search has begun")
    assert [path.name for path in out.iterdir()] == ["dry.flac"]


def test_what_is_read_is_not_deleted_either(place, pool, monkeypatch):
    """A file of an earlier match that is this one's reference."""
    save(place, pool)
    old = place / "out" / "dry.flac"
    (place / "wet.flac").write_bytes(old.read_bytes())
    with match_folder(
        place / "out", place / "wet.flac", reads=[place / "out" / "dry.flac"], overwrite=True
    ) as held:
        with pytest.raises(OutputError, match="read by this run"):
            save_match(stub_match(), held, [old], pool=pool)
    assert old.exists()


def test_two_matches_into_one_folder_do_not_mix(place, pool):
    with match_folder(place / "out", place / "dry.flac"):
        with pytest.raises(OutputError, match="another dialin"):
            save(place, pool, overwrite=True)
    save(place, pool)


def test_what_appears_during_the_search_is_left_alone(place, pool):
    def appear():
        (place / "out" / "preset.json").write_text("mine")

    saved = save(place, pool, meanwhile=appear)
    assert contents(place / "out") == {"preset.json": b"mine"}
    assert saved.folder.name == "out-2"
    assert saved.facts["rendered"]["target"] == str(saved.folder / "dry.flac")
    assert "appeared" in str(saved.error)
    assert "out-2" in str(saved.error)
    assert sorted(path.name for path in saved.files) == [
        "dry.flac", "preset.json", "report.html", "report.json",
    ]  # fmt: skip


def test_a_folder_that_vanishes_during_the_search_is_made_again(place, pool):
    saved = save(place, pool, meanwhile=lambda: shutil.rmtree(place / "out"))
    assert saved.error is None
    assert (place / "out" / "dry.flac").exists()


@pytest.mark.parametrize("broken", ["report_html", "file_steps", "_native", "settings_for"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyError(1)])
def test_what_was_found_is_kept_whatever_breaks(place, pool, monkeypatch, broken, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(module, broken, fail)
    saved = save(place, pool)
    there = contents(place / "out").keys()
    assert {"preset.json", "report.json"} <= there
    assert ("dry.flac" in there) == (broken in ("report_html", "_native"))
    assert isinstance(saved.error, OutputError if isinstance(error, OSError) else UnexpectedError)
    reason = "No space left" if isinstance(error, OSError) else "KeyError"
    assert reason in str(saved.error)
    assert "is missing" in str(saved.error)
    kept = {name for name in there if f"{name}" in str(saved.error).partition("), but")[0]}
    assert kept == {name for name in there if not name.startswith(".")}
    again = f"dialin apply {place / 'out' / 'preset.json'}"
    assert (again in str(saved.error)) == ("dry.flac" not in there)
    json.loads((place / "out" / "report.json").read_text())
    assert not list((place / "out").glob(".dialin-work-*"))


def test_half_a_result_does_not_replace_a_whole_one(place, pool, monkeypatch):
    save(place, pool)
    earlier = contents(place / "out")

    def broken(*_):
        raise OSError("the disk is on fire")

    monkeypatch.setattr(module, "report_html", broken)
    saved = save(place, pool, overwrite=True)
    assert contents(place / "out") == earlier
    assert saved.folder == place / "out-2"
    assert "on fire" in str(saved.error)
    assert (place / "out-2" / "preset.json").exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["file_steps", "report_html", "_native"])
def test_stopping_after_the_search_keeps_what_it_found(place, pool, monkeypatch, where, stop):
    def press(*_, **__):
        raise stop

    monkeypatch.setattr(module, where, press)
    with pytest.raises(stop) as caught:
        save(place, pool)
    assert "preset.json" in caught.value.__notes__[0]
    there = contents(place / "out")
    assert {"preset.json", "report.json"} <= there.keys()
    assert not any(name.startswith(".dialin-work") for name in there)
    assert not OwnFiles.load(place / "out").about["finished"]


def test_too_little_room_is_said_before_the_search(place, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("dialin.files.space.shutil.disk_usage", lambda _: usage)
    with (
        pytest.raises(OutputError, match="make room"),
        match_folder(place / "out", place / "dry.flac"),
    ):
        raise AssertionError("the search has begun")
    assert not (place / "out").exists()


def test_a_format_that_cannot_be_written_is_said_before_the_search(place, monkeypatch):
    def refuse(*_, **__):
        raise OutputError("no such encoder")

    monkeypatch.setattr("dialin.matching.files.file_render.write_audio", refuse)
    with (
        pytest.raises(OutputError, match="no such encoder"),
        match_folder(place / "out", place / "dry.flac"),
    ):
        raise AssertionError("the search has begun")
    assert not (place / "out").exists()


def test_names_may_be_as_long_as_names_can_be(place, pool):
    name = "é" * 125 + ".flac"
    (place / "dry.flac").rename(place / name)
    references = [place / "ref.wav"]
    with match_folder(place / "out", place / name) as held:
        saved = save_match(stub_match(), held, references, pool=pool)
    assert saved.error is None
    assert (place / "out" / name).exists()


def test_knobs_are_told_as_they_were_rendered(place, pool, monkeypatch):
    spec = pool.describe("fake:gain")
    slot = FittedSlot(spec, spec.vector({"gain": 6}), 1.0)
    fitted = Fitted("fake:gain", slot.settings, (), (slot,))
    monkeypatch.setattr(module, "settings_for", lambda *_: fitted)
    used, unused = save(place, pool, amount=50).facts["slots"]
    (knob,) = used["knobs"]
    assert (knob["after"], knob["rendered"]) == (12.0, pytest.approx(6.0))
    assert knob["rendered_position"] == pytest.approx(float(slot.settings[0]))
    assert knob["rendered_text"] == spec.parameters[0].text(knob["rendered_position"])
    assert (used["wet_percent"], unused["wet_percent"]) == (100.0, 0.0)


def test_what_is_above_full_scale_comes_with_the_way_out(place, pool):
    saved = save(place, pool, amount=60, tail=1.0)
    (note,) = [note for note in saved.facts["notes"] if "full scale" in note]
    out = place / "out"
    assert f"{saved.audio.over_db:.1f} dB above" in note
    assert note.endswith(
        f"dialin apply {out / 'preset.json'} {place / 'dry.flac'} -o {out / 'rendered'} "
        "--headroom --amount 60 --tail 1"
    )


def test_ctrl_c_leaves_no_folder_behind(place):
    with (
        pytest.raises(KeyboardInterrupt),
        match_folder(place / "new" / "deep", place / "dry.flac"),
    ):
        raise KeyboardInterrupt
    assert not (place / "new").exists()


def test_levels_are_told_as_they_are_played(place, pool):
    """A mono input beside a stereo reference of the same sound is equally loud."""
    sound, rate = soundfile.read(place / "ref.wav")
    soundfile.write(place / "dry.flac", sound, rate)
    soundfile.write(place / "ref.wav", np.stack([sound, sound], axis=1), rate)
    dry, matched, stereo, _ = save(place, pool).facts["played"]
    assert [track["kind"] for track in (dry, matched, stereo)] == ["input", "matched", "reference"]
    assert (dry["channels"], stereo["channels"]) == (1, 2)
    assert dry["loudness_lufs"] == pytest.approx(stereo["loudness_lufs"], abs=0.01)
    facts = json.loads((place / "out" / "report.json").read_text())
    assert facts["played"][1]["loudness_lufs"] == pytest.approx(matched["loudness_lufs"])


def test_settings_are_told_even_where_nothing_can_be_written(place, pool, monkeypatch):
    def full(self, path, overwrite=False):
        raise OutputError(f"cannot write {str(path)!r}: No space left on device")

    monkeypatch.setattr(StubPreset, "save", full)
    saved = save(place, pool)
    assert str(place / "out" / "preset.json") in str(saved.error)
    assert ".dialin-work" not in str(saved.error)
    assert saved.facts["slots"][0]["knobs"][0]["after"] == 12.0


def test_a_preset_finds_room_on_a_disk_that_filled_up(place, pool):
    with match_folder(place / "out", place / "dry.flac") as held:
        assert sum(path.stat().st_size for path in held.work.rglob("*")) >= 1 << 20
        save_match(stub_match(), held, [place / "ref.wav"], pool=pool)
    assert not list((place / "out").rglob("reserve"))


@pytest.mark.parametrize("broken", [False, True])
def test_choices_are_rendered_beside_the_match_and_cost_nothing_but_themselves(
    place, pool, monkeypatch, broken
):
    choices = tuple(ChoiceReport(number, 0.4, 0.5, ()) for number in (2, 3))
    match = replace(stub_match(choices=choices), choices=(StubPreset(), StubPreset()))
    made = module.file_steps

    def steps(source, target, *rest, **options):
        if broken and target.parent.name == "2":
            raise OSError("the disk is on fire")
        return made(source, target, *rest, **options)

    monkeypatch.setattr(module, "file_steps", steps)
    told = []
    with match_folder(place / "out", place / "dry.flac") as held:
        saved = save_match(match, held, [], pool=pool, progress=lambda *now: told.append(now))
    there = contents(place / "out").keys()
    assert {"dry.flac", "preset.json", "report.html", "report.json"} <= there
    lying = {name for name in there if name.startswith("choices/")}
    if broken:
        assert not lying and "on fire" in str(saved.error)
        assert [choice.folder for choice in saved.report.choices] == ["", ""]
    else:
        assert saved.error is None
        assert lying == {f"choices/{n}/{f}" for n in "23" for f in ("dry.flac", "preset.json")}
        assert [choice.folder for choice in saved.report.choices] == ["choices/2", "choices/3"]
    assert all(done <= seconds or not seconds for _, done, seconds in told)
