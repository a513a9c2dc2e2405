"""Tables and figures of rows made up by hand."""

import csv
import io
import json

import numpy as np
import pytest

from dialin.evaluation.report import write_report
from dialin.evaluation.rows import read_rows
from dialin.evaluation.tables import (
    bootstrap_p,
    csv_text,
    json_table,
    markdown_curve,
    markdown_overview,
    summarise,
)


def row(group, item, method, value, **more):
    return {
        "protocol": "half",
        "group": group,
        "item": item,
        "method": method,
        "metrics": {} if value is None else {"mrstft": value},
        "error": "effect: no" if value is None else None,
        "seconds": 0.5,
        "run": {"seed": 1, "split": "test", "songs": "abc"},
        **more,
    }


def rows():
    base = [1.0, 2.0, 3.0, 4.0]
    good = [0.5, 1.0, 3.5, 2.0]
    made = []
    for group, shift in (("A", 0.0), ("B", 1.0)):
        for item in range(4):
            made.append(row(group, item, "untouched", base[item] + shift))
            made.append(row(group, item, "search:8", good[item] + shift))
    return made


def cell(cells, group, method, metric="mrstft"):
    (found,) = [c for c in cells if (c.group, c.method, c.metric) == (group, method, metric)]
    return found


def test_cells():
    found = cell(summarise(rows()), "A", "search:8")
    assert (found.n, found.missing) == (4, 0)
    assert found.mean == pytest.approx(1.75)
    assert found.median == pytest.approx(1.5)
    assert found.se == pytest.approx(np.std([0.5, 1, 3.5, 2], ddof=1) / 2)
    assert found.ratio == pytest.approx(0.7)
    assert found.wins == pytest.approx(0.75)
    assert 0 < found.p < 1
    untouched = cell(summarise(rows()), "A", "untouched")
    assert untouched.ratio == 1
    assert np.isnan(untouched.p)
    assert cell(summarise(rows()), "all", "search:8").n == 8


def test_missing_answers_are_counted_and_pairs_stay_pairs():
    made = [*rows(), row("A", 4, "search:8", None), row("A", 4, "untouched", 100.0)]
    found = cell(summarise(made), "A", "search:8")
    assert (found.n, found.missing) == (4, 1)
    assert found.ratio == pytest.approx(0.7)


def test_higher_is_better_turns_wins_round():
    made = [
        row("A", i, m, None, f1=f) for i in range(3) for m, f in (("untouched", 0.0), ("x", 0.5))
    ]
    assert cell(summarise(made, ["f1"]), "A", "x", "f1").wins == 1


def test_bootstrap():
    rng = np.random.default_rng(0)
    assert bootstrap_p(rng.normal(0, 1, 100)) > 0.05
    assert bootstrap_p(rng.normal(1, 1, 100)) < 0.001
    assert bootstrap_p(np.zeros(5)) == 1
    assert np.isnan(bootstrap_p(np.ones(1)))
    # Three items that agree prove little, though every resample agrees too.
    assert bootstrap_p(np.ones(3)) == 0.25
    # Many items of two songs are two songs.
    assert bootstrap_p(np.ones(100), ["a", "b"] * 50) == 0.5
    assert np.isnan(bootstrap_p(np.ones(100), ["a"] * 100))
    # Under no difference p-values are about uniform.
    values = [bootstrap_p(rng.normal(0, 1, 30), seed=n) for n in range(60)]
    assert 0.3 < np.mean(values) < 0.7


def test_formats():
    cells = summarise(rows())
    text = markdown_overview(cells, "half", "mrstft")
    assert "| A | 4 | 2.500 ±0.645 | **1.750 ±0.661** |" in text
    table = list(csv.DictReader(io.StringIO(csv_text(cells))))
    assert len(table) == len(cells)
    assert json.loads(json_table(cells))["cells"][0]["p"] is None
    curve = {"4": {"best": 1.0}, "8": {"best": 0.5, "picked": 0.75}}
    text = markdown_curve([row("A", 0, "search:8", 0.75, curve=curve)])
    assert "| search:8 |  (1.000) | 0.750 (0.500) |" in text


def test_report_and_figures(tmp_path):
    pytest.importorskip("matplotlib")
    made = [
        {**r, "found": {"drive": 0.1 * r["item"]}, "true": {"drive": 0.2 * r["item"]},
         "parameters": 0.1, "curve": {"4": {"best": 0.1, "picked": 0.2}}}
        if r["method"] == "search:8" else r
        for r in rows()
    ]  # fmt: skip
    made.append(row("A", 9, "search:8", None))
    command = "dialin evaluate"
    written = write_report({"half": made}, {"half": ["mrstft"]}, tmp_path, command=command)
    names = {path.name for path in written}
    assert {"table.md", "table.csv", "table.json", "half-mrstft.png", "half-budget.png"} <= names
    assert {"half-settings-A.png", "half-settings-B.png"} <= names
    text = (tmp_path / "table.md").read_text()
    assert command in text
    assert "A 9, search:8: effect: no" in text
    assert "parameter error" in text


def test_groups_without_a_value_are_left_out(tmp_path):
    found = [
        row("delay", 0, "untouched", 1.0, alone=1.0),
        row("peak", 0, "untouched", 1.0, alone=1.0),
    ]
    for each, value in zip(found, (100.0, None), strict=True):
        each["metrics"] |= {"t30": value, "rate": None}
    cells = summarise(found, ["t30", "rate"])
    table = markdown_overview(cells, "half", "t30")
    assert "| delay | 1 |" in table
    assert "peak" not in table
    assert markdown_overview(cells, "half", "rate") == ""
    write_report({"half": found}, {"half": ("mrstft", "t30", "rate")}, tmp_path, figures=False)
    text = (tmp_path / "table.md").read_text()
    assert "T30 error (%)" in text
    assert "left alone, share of items" in text
    assert "rate error" not in text


def test_rows_are_read_under_a_protocols_former_name(tmp_path):
    old = row("A", 0, "search:8", 1.0)
    old |= {"protocol": "seed", "run": {**old["run"], "protocol": {"name": "seed", "rate": 24_000}}}
    (tmp_path / "rows.jsonl").write_text(json.dumps(old) + "\n")
    ((key, read),) = read_rows(tmp_path / "rows.jsonl").items()
    assert key == ("half", "A", 0, "search:8")
    assert read["run"]["protocol"] == {"name": "half", "rate": 24_000}
