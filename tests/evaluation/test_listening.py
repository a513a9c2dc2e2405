"""Listening tests: results in the shape that the research project published, and sets to rate."""

import csv
import json

import numpy as np
import pytest
import soundfile

from dialin.audio import integrated_loudness
from dialin.errors import OutputError, UsageError
from dialin.evaluation.listening import analyse, build_test, read_ratings
from dialin.evaluation.listening.analyse import Rating, screen
from dialin.evaluation.listening.build import level_matched, low_anchor
from dialin.evaluation.listening.config import yaml_text
from dialin.evaluation.listening.report import write_analysis
from dialin.evaluation.protocols import Mastering, OneEffect
from dialin.evaluation.runner import Plan
from tests.evaluation.music import write_songs

# Published means: 9 raters kept, 3 trials an effect, 27 ratings a cell.
MEANS = {
    "MultiBand": {"model": 76, "anchor": 41, "reference": 97, "DeepAFx-ST": 80},
    "Overdrive": {"model": 44, "anchor": 60, "reference": 93},
    "Ambience": {"model": 52, "anchor": 50, "reference": 96},
    "Delay": {"model": 45, "anchor": 59, "reference": 95},
}
HEADER = [
    "session_test_id", "email", "age", "gender",
    "trial_id", "rating_stimulus", "rating_score", "rating_time", "rating_comment",
]  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """Nine raters about the published means, and one who gives 100 to everything."""
    rng = np.random.default_rng(0)
    path = tmp_path / "mushra.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for rater in range(10):
            writer.writerow(["t", f"r{rater}", "30", "", "training", "model", "3", "1", ""])
            for effect, conditions in MEANS.items():
                for trial in range(3):
                    for condition, mean in conditions.items():
                        spread = 3 if condition == "reference" else 18
                        low = 90 if condition == "reference" else 0
                        score = int(np.clip(rng.normal(mean, spread), low, 100))
                        score = 100 if rater == 9 else score
                        trial_id = f"{effect}-{trial + 1}"
                        writer.writerow(
                            ["t", f"r{rater}", "30", "", trial_id, condition, score, "900", ""]
                        )
    return path


def test_the_published_shape(results, tmp_path):
    found = analyse(read_ratings(results))
    assert found.raters == 10
    assert list(found.excluded) == ["r9/30"]
    cells = {(c.group, c.condition): c for c in found.conditions}
    for effect, conditions in MEANS.items():
        for condition, mean in conditions.items():
            cell = cells[effect, condition]
            assert cell.n == 27
            assert cell.low < cell.mean < cell.high
            assert cell.mean == pytest.approx(mean, abs=8)
    tests = {(t.group, t.first, t.second): t for t in found.comparisons}
    multiband = tests["MultiBand", "model", "anchor"]
    assert multiband.difference > 20
    assert multiband.p < multiband.p_holm < 0.001
    assert tests["Ambience", "model", "anchor"].p_holm > 0.05
    pytest.importorskip("matplotlib")
    names = {path.name for path in write_analysis(found, tmp_path / "out")}
    assert names == {"listening.md", "conditions.csv", "comparisons.csv", "ratings.png"}


def ratings(rater, reference, anchor, other=50.0, count=10):
    made = []
    for n in range(count):
        for condition, scores in (("reference", reference), ("anchor35", anchor)):
            made.append(Rating(rater, f"A-{n}", condition, scores[n % len(scores)]))
        made.append(Rating(rater, f"A-{n}", "model", other))
    return made


def test_post_screening_by_the_standard():
    kept = [*ratings("fine", [100], [20]), *ratings("just", [80] + [100] * 9, [20])]
    deaf = ratings("deaf", [80] * 2 + [100] * 8, [20])
    kind = ratings("kind", [100], [95] * 2 + [20] * 8)
    flat = ratings("flat", [98], [98], 100.0)
    found = screen([*kept, *deaf, *kind, *flat])
    assert set(found) == {"deaf", "kind", "flat"}
    assert "hidden reference" in found["deaf"]
    assert "anchor35" in found["kind"]


def test_a_rater_without_a_name_is_told_apart_by_repeats(tmp_path):
    path = tmp_path / "mushra.csv"
    rows = [["t", "", "A-1", c, s] for s in (100, 90) for c in ("reference", "model")]
    with path.open("w", newline="") as file:
        header = ["session_test_id", "rater", "trial_id", "rating_stimulus", "rating_score"]
        csv.writer(file).writerows([header, *rows])
    assert len({r.rater for r in read_ratings(path)}) == 2


def test_odd_files_are_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="trial_id"):
        read_ratings(path)
    path.write_text("session_test_id,trial_id,rating_stimulus,rating_score\nt,A-1,model,many\n")
    with pytest.raises(UsageError, match="line 2"):
        read_ratings(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_ratings(tmp_path / "none.csv")


def test_stimuli_are_level_matched_and_the_anchor_is_dull():
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((1, 3 * 24_000))).astype(np.float32)
    dull = low_anchor(noise, 24_000)
    spectrum = np.abs(np.fft.rfft(dull[0]))
    hertz = np.fft.rfftfreq(dull.shape[1], 1 / 24_000)
    assert spectrum[hertz > 5000].mean() < 0.01 * spectrum[hertz < 3000].mean()
    sounds = level_matched({"a": noise, "b": 7 * dull}, 24_000)
    levels = [integrated_loudness(audio, 24_000) for audio in sounds.values()]
    assert levels == pytest.approx([-23, -23], abs=0.05)


def test_a_set_to_rate(tmp_path):
    songs = write_songs(tmp_path / "songs")
    protocol = OneEffect("half", groups=("builtin:distortion", "builtin:reverb"))
    plan = Plan(protocol, (str(songs),), count=1, methods=("untouched", "pick:mfcc:2"))
    build_test(plan, tmp_path / "test", name="pilot", workers=1)
    config = (tmp_path / "test/configs/pilot.yaml").read_text()
    for word in ("training", "distortion-1", "reverb-1", "anchor35", "random", "pick-mfcc-2"):
        assert word in config
    key = json.loads((tmp_path / "test/key.json").read_text())
    trial = key["trials"]["reverb-1"]
    assert set(trial["files"]) == {"reference", "anchor35", "untouched", "pick-mfcc-2", "random"}
    folder = tmp_path / "test/configs/resources/pilot"
    assert len(list(folder.iterdir())) == 15
    loudness = []
    for file in trial["files"].values():
        assert f"configs/resources/pilot/{file}" in config
        audio, rate = soundfile.read(folder / file, dtype="float32", always_2d=True)
        assert rate == 48_000
        loudness.append(integrated_loudness(audio.T, rate))
    assert np.ptp(loudness) < 0.1
    with pytest.raises(OutputError, match="exists already"):
        build_test(plan, tmp_path / "test", name="pilot", workers=1)
    with pytest.raises(UsageError, match="letters"):
        build_test(plan, tmp_path / "test", name="a b", workers=1)


def test_mastering_cannot_be_rated(tmp_path):
    songs = write_songs(tmp_path / "songs", seconds=31)
    plan = Plan(Mastering(), (str(songs),), count=1, methods=("untouched",))
    with pytest.raises(UsageError, match="no truth"):
        build_test(plan, tmp_path / "test", workers=1)


def test_yaml_is_json_where_it_matters():
    text = yaml_text({"a": True, "b": ["x: y", {"c": 1, "d": {"e": 0.5}}], "f": 'say "it"'})
    assert text.splitlines() == [
        "a: true",
        "b:",
        '  - "x: y"',
        "  - c: 1",
        "    d:",
        "      e: 0.5",
        'f: "say \\"it\\""',
    ]
