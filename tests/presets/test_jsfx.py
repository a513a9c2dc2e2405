"""JSFX of built-ins: each does what the built-in does. Run here by a reading of their language."""

import math
import re
from collections import defaultdict

import numpy as np
import pytest

from dialin.effects.builtin_table import BUILTINS
from dialin.effects.open import open_effect
from dialin.presets.jsfx import WITHOUT, can_become_jsfx, jsfx, sliders

FUNCTIONS = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "sin": math.sin,
    "cos": math.cos,
    "abs": abs,
    "min": min,
    "max": max,
    "floor": math.floor,
    "sign": lambda x: (x > 0) - (x < 0),
}


class Memory(defaultdict[int, float]):
    """JSFX's memory: all zeros at first."""

    def __init__(self) -> None:
        super().__init__(float)


def run(text: str, values: list[float], audio: np.ndarray, rate: int) -> np.ndarray:
    """Run a JSFX: its statements, assignments all, mean the same in Python."""
    parts = re.split(r"^@(\w+)$", text, flags=re.MULTILINE)
    code = dict(zip(parts[1::2], parts[2::2], strict=True))
    names: dict[str, object] = {**FUNCTIONS, "srate": float(rate), "mem": Memory()}
    names |= {f"slider{number}": value for number, value in enumerate(values, 1)}
    compiled = {}
    for part, body in code.items():
        statements = [each.strip() for each in body.replace("\n", " ").split(";") if each.strip()]
        assert all(re.match(r"\w+(\[[^=]*\])? = [^?:&|^]*$", each) for each in statements)
        statements = [each for each in statements if each != "mem = 0"]
        # `in` is a word of Python's only.
        compiled[part] = compile(re.sub(r"\bin\b", "in_", "\n".join(statements)), part, "exec")
    exec(compiled["init"], names)
    exec(compiled["slider"], names)
    result = np.empty_like(audio)
    for place in range(audio.shape[1]):
        names["spl0"], names["spl1"] = float(audio[0, place]), float(audio[1, place])
        exec(compiled["sample"], names)
        result[:, place] = names["spl0"], names["spl1"]
    return result


@pytest.mark.parametrize("name", [name for name in BUILTINS if can_become_jsfx(name)])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_it_does_what_the_built_in_does(name: str, rate: int) -> None:
    effect = open_effect(f"builtin:{name}")
    rng = np.random.default_rng(len(name))
    samples = 3_000
    audio = rng.normal(0, 0.3, (2, samples)).astype(np.float32)
    audio *= np.linspace(0.01, 2, samples, dtype=np.float32)
    vectors = [effect.spec.default, *(effect.spec.random(rng) for _ in range(3))]
    for vector in vectors:
        native = effect.spec.native(vector)
        if name == "delay":
            native["time"] = 1 + native["time"] / 100  # so that it is heard within the audio
        vector = effect.spec.vector(native)
        expected = effect.process(audio, rate, vector)
        found = run(jsfx(name), [native[id] for id in sliders(name)], audio, rate)
        # A reverb's knobs glide to their place over the first hundredth of a second.
        heard = slice(600 if name == "reverb" else 0, None)
        error = np.sqrt(np.mean((found - expected)[:, heard] ** 2))
        # JUCE counts in single precision, which low filters and fine steps show.
        assert error < 1e-3 * np.sqrt(np.mean(expected[:, heard] ** 2)), native


@pytest.mark.parametrize("name", [name for name in BUILTINS if can_become_jsfx(name)])
def test_where_it_does_nothing(name: str) -> None:
    effect = open_effect(f"builtin:{name}")
    neutral = {p.id: p.neutral for p in effect.spec.parameters if p.neutral is not None}
    native = effect.spec.native(effect.spec.vector(neutral))
    audio = np.random.default_rng(0).normal(0, 0.3, (2, 500)).astype(np.float32)
    found = run(jsfx(name), [native[id] for id in sliders(name)], audio, 44_100)
    if neutral:
        np.testing.assert_allclose(found, audio, atol=1e-6)


def test_every_built_in_is_accounted_for() -> None:
    assert set(WITHOUT) == {name for name in BUILTINS if not can_become_jsfx(name)}
    text = jsfx("peak")
    assert text.startswith("desc:dialin Peak\n")
    assert "slider1:1000<20,20000,0>Frequency (Hz)" in text
