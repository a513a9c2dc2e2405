"""What ships of the built-in effects, so that no first match finds it out again."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from dialin.effects import open_effect
from dialin.effects.builtin_table import BUILTINS, builtin_spec, pedalboard_version
from dialin.effects.cache import shipped_probes
from dialin.matching.hearing import time_probe
from dialin.matching.hearing.motion import probe as motion_probe
from dialin.matching.hearing.motion.probe import MotionProbe, motion_name, probe_motion
from dialin.matching.hearing.time_probe import TimeProbe, probe_time, time_name

pytestmark = pytest.mark.skipif(
    pedalboard_version() != shipped_probes()["pedalboard"],
    reason="what ships is of another version of Pedalboard, where all is found out anew",
)
AGAIN = "a probe or a built-in has changed: run python scripts/probe_builtins.py"


def test_all_built_ins_are_known() -> None:
    specs = [builtin_spec(name) for name in BUILTINS]
    names = {name(spec) for spec in specs for name in (time_name, motion_name)}
    assert shipped_probes()["probes"].keys() == names, AGAIN


@pytest.mark.parametrize("name", ["delay", "chorus", "compressor"])
def test_what_ships_is_what_is_found_out(name: str) -> None:
    effect, probes = open_effect(f"builtin:{name}"), shipped_probes()["probes"]
    time, motion = probe_time(effect, use_cache=False), probe_motion(effect, use_cache=False)
    for shipped, made in (
        (TimeProbe.from_dict(probes[time_name(effect.spec)]), time),
        (MotionProbe.from_dict(probes[motion_name(effect.spec)]), motion),
    ):
        told, found = asdict(shipped), asdict(made)
        laws = told.pop("law", ()), found.pop("law", ())
        assert told == found, AGAIN
        for one, two in zip(*laws, strict=True):
            # Another processor may round otherwise.
            assert one == pytest.approx(two, rel=1e-3), AGAIN


def test_nothing_is_found_out_again_with_an_empty_cache(tmp_path, monkeypatch) -> None:
    def probed(*_: object) -> None:
        raise AssertionError("it was probed")

    monkeypatch.setattr(time_probe, "_TimeProber", probed)
    monkeypatch.setattr(motion_probe, "_MotionProber", probed)
    effect = open_effect("builtin:delay")
    assert probe_time(effect).echoes and not probe_motion(effect).moves
    assert not list(tmp_path.rglob("*.json"))
