"""In a song of a tempo: steps of a synced echo are found, and the preset keeps the tempo."""

import numpy as np
import pytest

import dialin
from dialin.effects.open import open_effect
from dialin.errors import UsageError
from dialin.matching.options import MatchOptions
from dialin.matching.song_tempo import in_tempo
from dialin.presets import Preset
from dialin.presets.export import unmixed
from dialin.rendering import RenderPool
from tests.matching.test_style import RATE, music
from tests.measures.test_tempo import rhythm


@pytest.fixture(scope="module")
def pool():
    with RenderPool(workers=2) as pool:
        yield pool


def test_those_that_follow_are_told_and_others_are_not(pool):
    sound = (music(1), RATE)
    uris = ["fake:gain", "fake:sync", "mix:fake:sync", "bpm:70:fake:sync"]
    told = in_tempo(pool, uris, 96.0, *sound)
    assert told.uris == (
        *("fake:gain", "bpm:96:fake:sync", "mix:bpm:96:fake:sync", "bpm:96:fake:sync"),
    )
    assert told.bpm == 96.0 and not told.notes
    nobody = in_tempo(pool, ["builtin:delay", "vst3:x.vst3"], 96.0, *sound)
    assert "none of the effects is told a tempo" in nobody.notes[0]
    assert "VST3" in nobody.notes[0]
    assert in_tempo(pool, uris, None, *sound).uris == tuple(uris)


def test_the_tempo_is_heard_in_the_input(pool):
    sound = rhythm(104.0)
    heard = in_tempo(pool, ["fake:sync"], "auto", (sound, 22_050), 22_050)
    assert heard.bpm == pytest.approx(104.0, abs=0.3)
    assert heard.uris[0].startswith("bpm:10")
    assert "104" in heard.notes[0]
    quiet = np.zeros((1, 5 * RATE), np.float32)
    silent = in_tempo(pool, ["fake:sync"], "auto", (quiet, RATE), RATE)
    assert silent.bpm is None and silent.uris == ("fake:sync",)
    assert "hosts stay at 120" in silent.notes[0]


def test_a_synced_echo_is_matched_in_the_songs_tempo(tmp_path, pool):
    effect = open_effect("bpm:97:fake:sync")
    settings = effect.spec.vector({"steps": 3, "mix": 40})
    wanted = effect.process(music(2, seconds=6), RATE, settings)
    match = dialin.match(
        *((music(1, seconds=6), RATE), (wanted, RATE), ["fake:sync"]),
        bpm=97, seed=1, budget=40, pool=pool,
    )  # fmt: skip
    assert match.effects == ("bpm:97:fake:sync",)
    assert match.report.bpm == 97
    knobs = {k.id: k.after for k in match.report.slots[0].knobs}
    assert knobs["steps"] == 3
    assert knobs["mix"] == pytest.approx(40, abs=15)
    preset = Preset.load(match.preset.save(tmp_path / "preset.json"))
    assert preset.slots[0].uri == "bpm:97:fake:sync"
    assert [s.slot.uri for s in unmixed(preset)] == ["fake:sync"]


def test_a_tempo_that_makes_no_sense_is_refused():
    with pytest.raises(UsageError, match="use 20 to 400"):
        MatchOptions(bpm=4)
    with pytest.raises(UsageError, match="beats a minute, or auto"):
        MatchOptions(bpm="fast")
