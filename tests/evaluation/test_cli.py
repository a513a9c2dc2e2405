"""``dialin evaluate`` and ``dialin listen`` as a person runs them."""

import json

import pytest

from tests.cli.runner import dialin
from tests.evaluation.music import write_songs


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs"))


def test_a_small_table(songs, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    arguments = (
        *("evaluate", "seed:1", "--songs", songs, "--fx", "builtin:distortion"),
        *("--methods", "untouched,random,search:4", "--metrics", "mrstft,lufs", "-o", out),
        *("--workers", 1),
    )
    ran = dialin(*arguments)
    assert ran.code == 0, ran.err
    # Its name of before is understood.
    assert "the protocol seed is called half now" in ran.err
    assert "| MRSTFT | n | untouched | random | search:4 |" in ran.out
    made = {path.name for path in out.iterdir()}
    assert {"rows.jsonl", "table.md", "table.csv", "table.json", "half-mrstft.png"} <= made
    again = dialin(*arguments, "--json", "--no-figures")
    assert again.code == 0
    cells = json.loads(again.out)["cells"]
    assert {c["method"] for c in cells} == {"untouched", "random", "search:4"}
    other = dialin(*arguments, "--seed", 7)
    assert other.code == 7
    assert "another run" in other.errors[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["seeed"], "there is no protocol 'seeed'"),
        (["seed:none"], "'none' is no number"),
        (["half", "--methods", "guess"], "there is no method 'guess'"),
        (["half", "--metrics", "snr"], "there is no metric 'snr'"),
        (["half", "--split", "train"], "'train' is not one of 'test', 'valid'"),
        (["half", "--curve", "few"], "'few' is no number of renders"),
        (["half", "--engine", "cloud"], "'cloud' is not one of 'local', 'ray'"),
    ],
)
def test_what_cannot_be_run(songs, tmp_path, arguments, words):
    ran = dialin("evaluate", *arguments, "--songs", songs, "-o", tmp_path / "out")
    assert ran.code == 2
    assert words in ran.errors[0]


def test_no_songs(tmp_path):
    ran = dialin("evaluate", "seed", "--songs", tmp_path / "none", "-o", tmp_path / "out")
    assert ran.code == 2
    assert "there is no folder" in ran.errors[0]


def test_listening_results(tmp_path):
    path = tmp_path / "mushra.csv"
    lines = ["session_test_id,rater,trial_id,rating_stimulus,rating_score"]
    for rater in "abc":
        for trial in (1, 2):
            lines += [
                f"t,{rater},Delay-{trial},reference,100",
                f"t,{rater},Delay-{trial},x,5{trial}",
            ]
    path.write_text("\n".join(lines) + "\n")
    ran = dialin("listen", "analyse", path, "-o", tmp_path / "out", "--no-figures")
    assert ran.code == 0, ran.err
    assert "| Delay | x | 6 | 51.5 |" in ran.out
    assert (tmp_path / "out/conditions.csv").exists()
    assert json.loads(dialin("listen", "analyse", path, "--json").out)["raters"] == 3
