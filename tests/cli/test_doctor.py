"""`dialin doctor` and `dialin demo`: what is here, told truly; a first match from nothing."""

import json
import os
from pathlib import Path

import pytest

from dialin.cli import _health as health
from dialin.cli import demo as demo_module
from dialin.effects.cache import write_cache
from dialin.errors import UsageError
from dialin.files import cache_folder
from tests.cli.runner import dialin


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A person's folders, empty."""
    for name in ("cache", "config", "data"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / name))
    return tmp_path


def findings(ran):
    return {finding["name"]: finding for finding in json.loads(ran.out)["findings"]}


def test_it_says_what_is_here_and_that_it_works(home):
    ran = dialin("doctor", "--json", cwd=home)
    assert ran.code == 0
    found = findings(ran)
    for name in ("pedalboard", "dawdreamer", "a render in a worker", "cores", "current folder"):
        assert found[name]["state"] == "ok", found[name]
    assert found[str(home / "config" / "dialin" / "config.toml")]["state"] == "ok"
    assert {"ray", "torch", "matplotlib", "ffmpeg"} <= set(found)
    assert any("plugins" in finding["text"] for finding in found.values())


def test_a_broken_part_is_named_and_ends_with_1(home, monkeypatch):
    monkeypatch.setattr(health, "_render", lambda: iter(()))
    config = home / "config" / "dialin" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[favourites\n")
    ran = dialin("doctor", cwd=home)
    assert ran.code == 1
    assert "config.toml" in ran.err
    ran = dialin("doctor", "--json", cwd=home)
    assert ran.code == 1
    assert findings(ran)[str(config)]["state"] == "broken"
    assert json.loads(ran.out)["healthy"] is False


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("raise ImportError('libgone.so.3 is missing')", "libgone.so.3 is missing"),
        ("import time; time.sleep(30)", "more than"),
    ],
)
def test_a_host_that_crashes_fails_or_hangs_costs_a_line(tmp_path, monkeypatch, code, said):
    (tmp_path / "oddhost.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
                       if os.environ.get("PYTHONPATH") else str(tmp_path))  # fmt: skip
    monkeypatch.setattr(health, "DEADLINE", 1.5 if "sleep" in code else 60)
    monkeypatch.setattr(health, "HOSTS", {"oddhost": "odd effects", "nohost": "none"})
    found = {finding.name: finding for finding in health._hosts()}
    assert said in found["oddhost"].text
    assert found["oddhost"].state == found["nohost"].state == "broken"
    assert "reinstall" in found["oddhost"].todo


def test_what_is_missing_says_what_it_is_for_and_how_to_get_it(monkeypatch):
    monkeypatch.setattr(health, "MODULES", {"not_there": ("training", "training")})
    finding = next(iter(health._modules()))
    assert (finding.state, finding.text) == ("optional", "missing: training")
    assert finding.todo == "pip install 'dialin[training]'"


def test_the_cache_is_cleared_and_nothing_else(home):
    write_cache("lv2.json", {"a": 1})
    (cache_folder() / "probes").mkdir()
    (cache_folder() / "probes" / "x.json").write_text("{}")
    mine = home / "mine.txt"
    mine.write_text("mine")
    (cache_folder() / "link.txt").symlink_to(mine)
    model = home / "data" / "dialin" / "models" / "a" / "config.json"
    model.parent.mkdir(parents=True)
    model.write_text("{}")
    ran = dialin("doctor", "--clear-cache", "--json", cwd=home)
    assert ran.code == 0
    assert json.loads(ran.out)["deleted"] == 2
    assert mine.read_text() == "mine"
    assert model.exists()
    assert not (cache_folder() / "probes").exists()
    assert json.loads(dialin("doctor", "--clear-cache", "--json", cwd=home).out)["deleted"] == 0


def test_sizes_are_written_for_people():
    assert [health.size_text(n) for n in (0, 999, 1500, 195_300, 2e12)] == [
        "0 B", "999 B", "1.5 kB", "195 kB", "2000 GB",
    ]  # fmt: skip


def test_the_demo_makes_a_match_and_says_where_to_look(home):
    ran = dialin("demo", "--budget", "60", cwd=home)
    assert ran.code == 0, ran.err
    assert (home / "demo-out" / "report.html").as_uri() in ran.out
    assert json.loads((home / "demo-out" / "report.json").read_text())["after"] < 2.5
    again = dialin("demo", "--budget", "60", cwd=home)
    assert again.code == 7
    assert "--overwrite" in again.err


def test_examples_come_from_the_package_and_their_lack_is_told(tmp_path, monkeypatch):
    place = tmp_path / "examples" / "audio"
    place.mkdir(parents=True)
    (place / "a.flac").write_bytes(b"packaged")
    monkeypatch.setattr(demo_module, "files", lambda _: tmp_path)
    with demo_module.example("a.flac") as path:
        assert Path(path).read_bytes() == b"packaged"
    with pytest.raises(UsageError, match="two recordings of your own"):
        demo_module.example("gone.flac").__enter__()
