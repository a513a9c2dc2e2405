"""Ranges, units and curves worked out from a plugin's texts."""

from collections.abc import Callable

import numpy as np
import pytest

from dialin.effects.vst3_parameters import identifiers, is_excluded, parse_text, read_parameter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-12.5 dB", (-12.5, "dB")),
        ("1.2 kHz", (1200.0, "Hz")),
        ("440 hz", (440.0, "Hz")),
        ("50%", (50.0, "%")),
        ("4.0:1", (4.0, ":1")),
        ("\N{MINUS SIGN}3", (-3.0, "")),
        ("1e-3 s", (0.001, "s")),
        ("2,5 ms", (2.5, "ms")),
        ("-inf dB", None),
        ("Off", None),
        ("1959 Bassman 5F6-A", None),
        ("", None),
    ],
)
def test_parse_text(text: str, expected: tuple[float, str] | None) -> None:
    assert parse_text(text) == expected


@pytest.mark.parametrize(
    ("name", "automatable", "excluded"),
    [
        ("Current Program", True, True),
        ("Bypass", True, True),
        ("Buffer Size", True, True),
        ("Gain Reduction 1", True, True),
        ("MIDI CC 0|1", True, True),
        ("On", True, True),
        ("Power", True, True),
        ("Delaytime", False, True),
        ("ZamComp 1 ON", True, False),
        ("Output Gain", True, False),
        ("Tone", True, False),
        ("Active Filter", True, False),
        ("Presence", True, False),
    ],
)
def test_is_excluded(name: str, automatable: bool, excluded: bool) -> None:
    assert is_excluded(name, automatable) is excluded


def test_names_used_twice() -> None:
    assert identifiers(["Gain", "Gain", "Low / High", "", "gain"]) == [
        ("gain", "Gain"),
        ("gain_2", "Gain (2)"),
        ("low_high", "Low / High"),
        ("parameter", "Parameter"),
        ("gain_3", "gain (3)"),
    ]


def linear(u: float) -> str:
    return f"{-60 + 72 * u:.1f}"


def octave(u: float) -> str:
    hertz = 20 * 1000**u
    return f"{hertz / 1000:.2f} kHz" if hertz >= 1000 else f"{hertz:.0f} Hz"


def skewed(u: float) -> str:
    return f"{1000 * u**3:.3f}"


def falling(u: float) -> str:
    return f"{10 - 10 * u:.2f} s"


@pytest.mark.parametrize(
    ("text", "label", "unit", "low", "high", "curve"),
    [
        (linear, "dB", "dB", -60, 12, "linear"),
        (octave, "", "Hz", 20, 20_000, "log"),
        (skewed, "ms", "ms", 0, 1000, "linear"),
        (lambda u: f"{20 + 19980 * u**4:.2f}", "Hz", "Hz", 20, 20_000, "log"),
        (falling, "", "s", 0, 10, "linear"),
        (lambda u: f"{20 + 15980 * u:.3f}", "Hz", "Hz", 20, 16_000, "log"),
        (lambda u: "?", "x", "", 0, 1, "linear"),
        (lambda u: "-inf dB" if u == 0 else f"{u:.2f} dB", "", "", 0, 1, "linear"),
        (lambda u: f"{np.sin(9 * u):.3f}", "", "", 0, 1, "linear"),
    ],
)
def test_continuous(
    text: Callable[[float], str], label: str, unit: str, low: float, high: float, curve: str
) -> None:
    parameter, travel = read_parameter("x", "X", label, 2**31 - 1, 0.3, text)
    assert (parameter.unit, parameter.curve) == (unit, curve)
    assert (parameter.minimum, parameter.maximum) == pytest.approx((low, high))
    # The default comes back as the position it was read at, and every native value is what the
    # plugin's own text says at the position it goes to.
    assert travel.to_position(parameter.default) == pytest.approx(0.3, abs=0.004)
    for u in np.linspace(0, 1, 23):
        native = parameter.to_native(float(u))
        shown = parse_text(text(travel.to_position(native)))
        if unit and shown is not None:
            assert shown[0] == pytest.approx(native, rel=0.06, abs=0.02 * (high - low) * 0.1)


def test_stepped() -> None:
    names = ["Slow", "Medium", "Fast"]
    parameter, travel = read_parameter("x", "X", "", 3, 0.5, lambda u: names[round(2 * u)])
    assert parameter.labels == ("Slow", "Medium", "Fast")
    assert parameter.default == 1.0
    assert parameter.text(1.0) == "Fast"
    assert [travel.to_position(v) for v in parameter.values] == [0.0, 0.5, 1.0]

    parameter, travel = read_parameter("x", "X", "", 4, 0.0, lambda u: str(2 ** round(3 * u)))
    assert parameter.values == (1, 2, 4, 8)
    assert parameter.labels == ()
    assert travel.to_position(4) == pytest.approx(2 / 3)

    parameter, _ = read_parameter("x", "X", " ", 2, 1.0, lambda u: f"{round(u)}.000000")
    assert parameter.curve == "toggle"
    assert parameter.default == 1.0
    assert parameter.text(1.0) == "on"

    parameter, _ = read_parameter("x", "X", "", 2, 0.0, lambda u: ["Pre", "Post"][round(u)])
    assert parameter.text(1.0) == "Post"
