"""The whole referee on five tiny items: what it says, that it goes on, what it refuses."""

import dataclasses
import json

import pytest

from dialin.errors import EffectError, OutputError, UsageError
from dialin.evaluation import referee, responses
from dialin.evaluation.protocols import Dry, OneEffect
from dialin.evaluation.rows import read_rows
from dialin.evaluation.runner import Plan, run_plan
from dialin.evaluation.tables import markdown_overview, summarise
from tests.evaluation.music import write_songs
from tests.evaluation.regenerate import GOLDEN, body, plan


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module")
def ran(songs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ran")
    seen = []
    rows = run_plan(plan(songs), folder, workers=2, progress=lambda s: seen.append(s.done))
    return folder, rows, seen


def test_golden_rows(ran):
    _, rows, seen = ran
    want = json.loads(GOLDEN.read_text())
    got = body(rows)
    assert [(r["group"], r["method"]) for r in got] == [(r["group"], r["method"]) for r in want]
    for mine, theirs in zip(got, want, strict=True):
        same = {
            k: None if v is None else pytest.approx(v, rel=2e-3, abs=2e-4)
            for k, v in theirs["metrics"].items()
        }
        assert mine["metrics"] == same
        assert mine["parameters"] == pytest.approx(theirs["parameters"], abs=1e-4)
    assert seen == [1, 2, 3, 4, 5]


def test_the_truth_scores_nothing(ran):
    for row in ran[1]:
        if row["method"] == "true":
            assert not any(row["metrics"].values())
            assert row["parameters"] == 0


def test_rows_say_what_decides_them(ran):
    row = ran[1][0]
    assert row["run"]["seed"] == 1
    assert row["run"]["split"] == "test"
    assert len(row["run"]["songs"]) == len(row["run"]["effects"]) == 16
    assert {"track", "start"} <= set(row["where"]["input"])


def test_a_run_goes_on_where_it_was(ran, songs, tmp_path):
    folder, rows, _ = ran
    lines = (folder / "rows.jsonl").read_text().splitlines(keepends=True)
    # As after a kill: some items done, one of them in the middle of a line.
    kept = [line for line in lines if json.loads(line)["group"] != "builtin:reverb"]
    (tmp_path / "rows.jsonl").write_text("".join(kept) + lines[-1][:40])
    done = []
    again = run_plan(plan(songs), tmp_path, workers=1, progress=lambda s: done.append(s.done))
    assert done == [5]
    assert body(again) == body(rows)


def test_another_method_is_added(ran, songs, tmp_path):
    folder = ran[0]
    text = (folder / "rows.jsonl").read_text()
    (tmp_path / "rows.jsonl").write_text(text)
    more = plan(songs, methods=("untouched", "pick:mel:2"))
    run_plan(dataclasses.replace(more, groups=("builtin:peak",)), tmp_path, workers=1)
    after = (tmp_path / "rows.jsonl").read_text()
    assert after.startswith(text)
    assert [json.loads(line)["method"] for line in after[len(text) :].splitlines()] == [
        "pick:mel:2"
    ]


def test_rows_of_another_run_are_refused(ran, songs):
    folder = ran[0]
    before = (folder / "rows.jsonl").read_bytes()
    with pytest.raises(OutputError, match="seed: 1, not 2"):
        run_plan(plan(songs, seed=2), folder, workers=1)
    assert (folder / "rows.jsonl").read_bytes() == before


def test_songs_of_the_training_split_are_refused(songs):
    with pytest.raises(UsageError, match="trained with"):
        plan(songs, split="train")


def test_an_answer_that_fails_is_a_row(songs, tmp_path, monkeypatch):
    class Broken:
        name = "broken"

        def __call__(self, task, tools):
            raise EffectError("no answer today")

    real = referee.get_method
    monkeypatch.setattr(
        referee, "get_method", lambda name: Broken() if name == "random" else real(name)
    )
    small = dataclasses.replace(
        plan(songs, methods=("untouched", "random")), groups=("builtin:peak",)
    )
    rows = run_plan(small, tmp_path, workers=1)
    assert [row["error"] for row in rows] == [None, "effect: no answer today"]
    # It is not tried again: the row says so.
    assert run_plan(small, tmp_path, workers=1) == rows


def test_no_rows_in_a_file_of_something_else(songs, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(OutputError, match="line 1"):
        run_plan(plan(songs), tmp_path, workers=1)


def test_time_is_judged_where_the_true_setting_shows_some(ran):
    rows = {(row["group"], row["method"]): row["metrics"] for row in ran[1]}
    assert rows["builtin:reverb", "untouched"]["t30"] == pytest.approx(100)
    assert rows["builtin:reverb", "nearest"]["t30"] < 50
    # Audio without knobs has no response to measure.
    assert rows["builtin:reverb", "rules"]["t30"] is None
    for method in ("untouched", "random", "true"):
        assert rows["builtin:peak", method]["t30"] is None
        assert rows["builtin:reverb", method]["rate"] is None


def test_each_setting_is_measured_once(songs, tmp_path, monkeypatch):
    asked = []
    real = responses.RenderPool.call

    def counted(pool, function, *args, **kwargs):
        if function is responses.respond_effect:
            asked.append(kwargs["effect"])
        return real(pool, function, *args, **kwargs)

    monkeypatch.setattr(responses.RenderPool, "call", counted)
    protocol = OneEffect("half", groups=("builtin:delay", "builtin:distortion"))
    methods = ("untouched", "default", "true", "rules")
    run_plan(
        Plan(protocol, (str(songs),), count=1, methods=methods, metrics=("coarse", "echo", "t30")),
        tmp_path,
        workers=1,
    )
    # True and default; of what does nothing in time, the true one alone.
    assert sorted(asked) == ["builtin:delay"] * 2 + ["builtin:distortion"]


def test_left_alone_and_false_alarms_are_counted(ran, songs, tmp_path):
    for row in ran[1]:
        assert row["alone"] == (1.0 if row["method"] == "untouched" else 0.0)
    methods = ("untouched", "default", "rules", "true")
    small = Plan(Dry(("builtin:delay",)), (str(songs),), count=2, methods=methods)
    rows = run_plan(small, tmp_path, workers=1)
    alarms = {row["method"]: row["false_alarm"] for row in rows}
    assert alarms == {"untouched": 0.0, "default": 1.0, "rules": 1.0, "true": 0.0}
    assert all("alone" not in row for row in rows)
    cells = {c.method: c for c in summarise(rows, ["false_alarm"])}
    assert cells["default"].mean == 1.0
    assert "false alarms" in markdown_overview(list(cells.values()), "dry", "false_alarm")


def test_curves_need_a_distance_of_sounds(songs):
    with pytest.raises(UsageError, match="two sounds"):
        Plan(OneEffect("half"), (str(songs),), metrics=("t30",), curve=(2,))


def test_budget_curves(songs, tmp_path):
    protocol = OneEffect("half", groups=("builtin:reverb",))
    methods = ("pick:mfcc:8", "st-ito:mel:8", "search:8", "guess:8")
    small = Plan(
        protocol, (str(songs),), count=1, methods=methods, metrics=("mrstft",), curve=(2, 8)
    )
    rows = {row["method"]: row for row in run_plan(small, tmp_path, workers=1)}
    for row in rows.values():
        curve = row["curve"]
        assert curve["8"]["best"] <= curve["2"]["best"]
        assert row["metrics"]["mrstft"] >= curve["8"]["best"] - 1e-6
        # What is picked at the end stands beside the best there was, whatever was left of it.
        assert row["curve"]["8"]["picked"] == pytest.approx(row["metrics"]["mrstft"], abs=1e-5)


def test_half_a_line_is_left_out(tmp_path):
    row = {"protocol": "p", "group": "g", "item": 0, "method": "m"}
    (tmp_path / "r").write_text(json.dumps(row) + "\n" + json.dumps(row)[:20])
    assert list(read_rows(tmp_path / "r")) == [("p", "g", 0, "m")]


def test_curves_wanted_later_are_made_later(songs, tmp_path):
    protocol = OneEffect("half", groups=("builtin:distortion",))
    methods = ("untouched", "nearest:mfcc", "pick:mfcc:2")
    first = Plan(protocol, (str(songs),), count=1, methods=methods, metrics=("mrstft",))
    run_plan(first, tmp_path, workers=1)
    before = (tmp_path / "rows.jsonl").read_text()
    rows = run_plan(dataclasses.replace(first, curve=(1, 2)), tmp_path, workers=1)
    added = (tmp_path / "rows.jsonl").read_text()[len(before) :].splitlines()
    assert [json.loads(line)["method"] for line in added] == ["pick:mfcc:2"]
    assert [("curve" in row) for row in rows] == [False, False, True]
