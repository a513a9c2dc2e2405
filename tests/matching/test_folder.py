"""A match's folder: all there, all true, moved into place at the end or not at all."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from dialin.audio import read_audio
from dialin.errors import OutputError
from dialin.matching import folder as module
from dialin.matching.fit import Fitted
from dialin.matching.folder import has_results, match_folder, save_match
from dialin.matching.result import (
    AspectReport,
    KnobReport,
    Match,
    MatchReport,
    SlotReport,
    SoundReport,
)
from dialin.rendering import RenderPool

RATE = 44_100


class StubPreset:
    """As much of a preset as the folder needs."""

    slots = ()

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
    with match_folder(out, place / "dry.flac", overwrite=options.pop("overwrite", False)) as work:
        return save_match(stub_match(), work, place / "dry.flac", references, pool=pool, **options)


def test_everything_lies_in_the_folder_and_nothing_else(place, pool):
    saved = save(place, pool, command="dialin match dry.flac ref.wav -o out")
    names = ["dry.flac", "preset.json", "report.html", "report.json"]
    assert sorted(p.name for p in (place / "out").iterdir()) == names
    assert sorted(p.name for p in saved.files) == names
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
    assert page.count('class="lane') == 4


def test_headroom_is_told(place, pool):
    saved = save(place, pool, headroom=True)
    page = (place / "out" / "report.html").read_text()
    assert saved.audio.gain_db == pytest.approx(-12 - 20 * np.log10(0.9) - 0.1, abs=0.02)
    assert "turned down by 11.2 dB for headroom" in page
    assert np.abs(read_audio(place / "out" / "dry.flac")[0]).max() < 0.99


def test_earlier_results_are_refused_or_replaced(place, pool):
    save(place, pool)
    (place / "out" / "native").mkdir()
    (place / "out" / "native" / "old.vstpreset").write_text("old")
    (place / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        save(place, pool)
    save(place, pool, overwrite=True)
    assert not (place / "out" / "native").exists()
    assert (place / "out" / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_what_was_there(place, pool, monkeypatch):
    save(place, pool)
    earlier = {p.name: p.read_bytes() for p in (place / "out").iterdir()}

    def broken(*_):
        raise OSError("the disk is on fire")

    monkeypatch.setattr(module, "report_html", broken)
    with pytest.raises(OSError, match="on fire"):
        save(place, pool, overwrite=True)
    assert {p.name: p.read_bytes() for p in (place / "out").iterdir()} == earlier


def test_ctrl_c_leaves_no_folder_behind(place):
    with (
        pytest.raises(KeyboardInterrupt),
        match_folder(place / "new" / "deep", place / "dry.flac"),
    ):
        raise KeyboardInterrupt
    assert not (place / "new").exists()
