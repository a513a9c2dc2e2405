"""Folders as inputs of ``apply`` and ``match``."""

import json

import numpy as np
import pytest
import soundfile

from dialin.matching.files import apply as apply_module
from dialin.presets.preset import Preset
from dialin.rendering import RenderPool
from tests.cli.runner import dialin

RATE = 44_100


@pytest.fixture
def place(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("takes/a.wav", "takes/sub/a.wav", "ref.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        gain = 0.5 if name == "ref.wav" else 0.05
        soundfile.write(tmp_path / name, gain * rng.normal(0, 0.3, (2 * RATE, 1)), RATE)
    (tmp_path / "takes" / "bad.wav").write_text("no audio")
    (tmp_path / "takes" / "cover.jpg").write_text("a picture")
    return tmp_path


def test_apply_takes_a_folder(place):
    Preset(()).save(place / "p.json")
    ran = dialin("apply", "p.json", "takes", "-o", "takes/wet", cwd=place)
    assert ran.code == 3
    assert ran.errors == [line for line in ran.errors if "bad.wav" in line]
    assert "2 files rendered, 1 failed" in ran.out
    wet = place / "takes" / "wet"
    made = sorted(p.relative_to(wet).as_posix() for p in wet.rglob("*") if p.is_file())
    assert made == ["a.wav", "sub/a.wav"]
    ran = dialin("apply", "p.json", "takes", "-o", "takes/wet", cwd=place)
    assert ran.code == 7
    assert "exists already" in ran.err


@pytest.mark.parametrize("error", [KeyError("a bug"), OSError(28, "No space left on device")])
def test_one_files_fault_is_its_own(place, monkeypatch, error):
    true = apply_module.file_steps

    def faulty(source, *args, **options):
        if source.name == "b.wav":
            raise error
        return true(source, *args, **options)

    monkeypatch.setattr(apply_module, "file_steps", faulty)
    (place / "takes" / "a.wav").rename(place / "takes" / "b.wav")
    Preset(()).save(place / "p.json")
    ran = dialin("apply", "p.json", "takes", "-o", "wet", "--json", cwd=place)
    told = json.loads(ran.out)
    assert [file["source"] for file in told["files"]] == ["takes/sub/a.wav"]
    codes = {failure["source"]: failure["code"] for failure in told["failures"]}
    code = "unexpected" if isinstance(error, KeyError) else "output"
    assert codes == {"takes/b.wav": code, "takes/bad.wav": "audio-file"}
    assert ran.code != 0


def test_match_takes_a_folder_and_goes_on_where_it_stopped(place):
    command = ["match", "takes", "ref.wav", "-o", "out", "--fx", "gain", "--budget", "5"]
    ran = dialin(*command, cwd=place)
    assert ran.code == 3
    assert len(ran.errors) == 1
    assert "2 matched, 1 failed" in ran.out
    for name in ("out/a", "out/sub/a"):
        assert (place / name / "report.html").exists()
    assert not (place / "out" / "bad").exists()
    before = (place / "out" / "a" / "report.json").stat().st_mtime_ns
    told = json.loads(dialin(*command, "--json", cwd=place).out)
    assert [match["status"] for match in told["matches"]] == [
        "finished before", "failed", "finished before",
    ]  # fmt: skip
    assert (place / "out" / "a" / "report.json").stat().st_mtime_ns == before
    ran = dialin(*command, "--seed", "1", cwd=place)
    assert ran.code == 7
    assert ran.err.count("holds earlier results") == 2


def test_presets_that_name_nothing_are_refused_before_a_folder_is_made(place):
    with RenderPool(workers=1) as pool:
        spec = pool.describe("fake:gain")
    preset = Preset.from_settings([spec], spec.default).to_dict()
    preset["slots"][0]["uri"] = "fake:nothing"
    (place / "p.json").write_text(json.dumps(preset))
    ran = dialin("apply", "p.json", "takes/a.wav", "-o", "wet", cwd=place)
    assert ran.code == 4
    assert not (place / "wet").exists()
