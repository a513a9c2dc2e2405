"""``dialin map``: fit, show, and settings at a point."""

import json

import numpy as np
import pytest

from dialin.audio import write_audio
from dialin.presets.preset import Preset
from tests.cli.runner import dialin


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    moment = np.arange(24_000) / 24_000
    sound = sum(np.sin(2 * np.pi * f * moment) / n for n, f in enumerate((110, 880, 2500), 1))
    write_audio(folder / "music.wav", (0.2 * sound).astype(np.float32)[None], 24_000)
    command = ("map", "fit", "fake:tilt", folder / "music.wav", "-o", folder / "tilt.npz")
    ran = dialin(*command, "--sounds", 40)
    assert ran.code == 0, ran.err
    return folder, command


def test_to_the_right_it_is_brighter(made):
    folder, _ = made
    ran = dialin("map", "show", folder / "tilt.npz", "--json")
    points = {tuple(p["point"]): p["native"]["tilt"] for p in json.loads(ran.out)["points"]}
    assert points[(-0.9, 0.0)] < points[(0.9, 0.0)]
    assert "0.9" in dialin("map", "show", folder / "tilt.npz").out


def test_a_point_becomes_a_preset(made, tmp_path):
    folder, _ = made
    ran = dialin("map", "at", folder / "tilt.npz", 0.5, -0.5, "-o", tmp_path / "p.json", "--json")
    assert ran.code == 0, ran.err
    preset = Preset.load(tmp_path / "p.json")
    assert preset.slots[0].uri == "fake:tilt"
    assert preset.native["tilt.tilt"] == pytest.approx(json.loads(ran.out)["native"]["tilt"])


@pytest.mark.parametrize(
    ("more", "said"),
    [(("at", 3, 0), "not on the map"), (("at", 0, "x"), ""), (("show",), "cannot be read")],
)
def test_what_makes_no_sense_is_refused(made, tmp_path, more, said):
    folder, _ = made
    (tmp_path / "none.npz").write_bytes(b"PK")
    file = tmp_path / "none.npz" if more == ("show",) else folder / "tilt.npz"
    ran = dialin("map", more[0], file, *more[1:])
    assert ran.code == 2 and said in ran.err


def test_a_map_is_not_replaced_unasked(made):
    folder, command = made
    before = (folder / "tilt.npz").read_bytes()
    ran = dialin(*command)
    assert ran.code != 0 and "--overwrite" in ran.err
    assert (folder / "tilt.npz").read_bytes() == before
    assert dialin("map", "fit", "fake:tilt", *command[3:], "--way", "controller").code == 2
