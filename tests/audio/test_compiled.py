"""What compiled loops share in Python is what they share in C."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import dialin.audio.compiled as module

C_HEADERS = Path(module.__file__).parent


def test_a_loop_that_was_not_built_is_none() -> None:
    assert module.compiled("dialin.audio._no_such_extension", "loop", None) is None


def test_a_missing_extension_is_an_import_error_to_those_who_need_all_of_it() -> None:
    with pytest.raises(ImportError):
        module.library("dialin.audio._no_such_extension")


def test_frames_are_laid_out_as_in_c() -> None:
    lanes = re.search(r"#define VL (\d+)", (C_HEADERS / "_lanes.h").read_text())
    assert lanes is not None and int(lanes[1]) == module.FRAME_LANES
    text = (C_HEADERS / "_transform.h").read_text()
    body = re.search(r"struct frames \{(.*?)\};", text, re.DOTALL)
    assert body is not None
    names = [n.strip("* ") for n in re.sub(r"const float|float|long", "", body[1]).split(";")]
    there = [name.strip(" *\n") for row in names for name in row.split(",") if name.strip()]
    assert there == [name for name, _ in module.Frames._fields_]


def test_frames_without_a_window_have_the_length_that_is_told() -> None:
    signal = np.zeros(1_000)
    frames = module.Frames.of(signal, 64, 100, 128, True)
    assert (frames.length, frames.size, frames.count, frames.window) == (100, 128, 15, None)
    tapered = module.Frames.of(signal, 64, np.hanning(128), 128, False)
    assert (tapered.length, tapered.count, tapered.centre) == (128, 14, 0)
    assert tapered.window


def test_turns_go_once_round() -> None:
    cosine, sine = module.turns(64)
    np.testing.assert_allclose(
        cosine + 1j * sine, np.exp(-2j * np.pi * np.arange(64) / 64), atol=1e-6
    )
