"""The page's template is compiled once, and again where what was kept is of no use."""

import pytest
from jinja2 import Environment

from dialin.reports import html


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """How often the template is compiled, as fresh programs load it."""
    monkeypatch.setattr("dialin.reports.compiled_page.cache_folder", lambda: tmp_path / "cache")
    counted = []
    usual = Environment.compile
    monkeypatch.setattr(
        Environment, "compile", lambda *a, **k: (counted.append(1), usual(*a, **k))[1]
    )

    def load():
        html._environment.cache_clear()
        html._environment().get_template("report.html")
        html._environment.cache_clear()
        return len(counted)

    return load


def test_it_is_kept(compiled, tmp_path):
    assert compiled() == 1
    assert compiled() == 1
    for kept in (tmp_path / "cache/page").iterdir():
        kept.write_bytes(kept.read_bytes()[:200])
    assert compiled() == 2
    assert compiled() == 2


def test_where_nothing_can_be_kept_it_is_compiled_each_time(compiled, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert compiled() == 1
    assert compiled() == 2
