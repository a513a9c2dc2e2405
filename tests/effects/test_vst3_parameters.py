"""Ranges, units and curves worked out from a plugin's texts."""

from collections.abc import Callable

import numpy as np
import pytest

from dialin.effects.vst3_parameters import identifiers, is_excluded, read_parameter
from tests.effects.texts import parse_text


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
    assert [id for id, _ in identifiers(["Größe", "音量", "音", "é", "É", "?"])] == [
        "grosse",
        "u97f3_u91cf",
        "u97f3",
        "e",
        "e_2",
        "parameter",
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


def fader(u: float) -> str:
    return "-inf dB" if u == 0 else f"{20 * np.log10(u * 2):.1f} dB"


def ratio(u: float) -> str:
    return "inf:1" if u == 1 else f"{1 / (1 - u):.1f}:1"


def low_cut(u: float) -> str:
    return "Off" if u < 0.04 else f"{20 * 100 ** ((u - 0.04) / 0.96):,.0f} Hz"


def falling_fader(u: float) -> str:
    return "Off" if u == 1 else f"{-60 * u:.1f}"


def times(u: float) -> str:
    ms = 5 * 1000**u
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s"


def between(u: float) -> str:
    return "Off" if abs(u - 0.5) < 0.001 else f"{24 * u - 12:.2f} dB"


@pytest.mark.parametrize(
    ("text", "label", "unit", "low", "high", "stops", "inside"),
    [
        (fader, "", "dB", -88, 6.02, ("-inf dB", ""), [-60.0, -40.0, -12.0, 0.0, 6.0]),
        (ratio, "", ":1", 1, 128, ("", "inf:1"), [1.0, 2.0, 4.0, 20.0, 48.0, 100.0]),
        (low_cut, "", "Hz", 20, 2_000, ("Off", ""), [25.0, 80.0, 400.0, 1_500.0]),
        (falling_fader, "dB", "dB", -60, 0, ("Off", ""), [-59.0, -30.0, -1.0]),
        (times, "", "ms", 5, 5_000, ("", ""), [5.0, 40.0, 999.0, 2_000.0, 5_000.0]),
        (lambda u: f"{5000 + 15000 * u:,.0f} Hz", "", "Hz", 5_000, 20_000, ("", ""), [6_000.0]),
        (lambda u: f"{100 * u:.1f} % wet", "", "%", 0, 100, ("", ""), [30.0]),
        (lambda u: f"{1000 * u:.1f}".replace(".", ","), "ms", "ms", 0, 1000, ("", ""), [2.5]),
        (lambda u: f"{20 * 10**u / 1000:.3f}k", "", "Hz", 20, 200, ("", ""), [33.0]),
        (between, "", "dB", -12, 12, ("", ""), [-3.0, 0.1, 3.0]),
    ],
)
def test_texts_that_are_not_all_plain_numbers(
    text: Callable[[float], str],
    label: str,
    unit: str,
    low: float,
    high: float,
    stops: tuple[str, str],
    inside: list[float],
) -> None:
    parameter, travel = read_parameter("x", "X", label, 2**31 - 1, 0.3, text)
    assert parameter.unit == unit
    assert (parameter.low_text, parameter.high_text) == stops
    # The numbers between the stops, which lie a little beyond them.
    span = high - low
    assert parameter.minimum == pytest.approx(low, abs=0.1 * span)
    assert parameter.maximum == pytest.approx(high, abs=0.1 * span)
    for native in inside:
        # What a person locks, in the knob's own unit, is what the plugin then shows.
        position = travel.to_position(parameter.to_native(parameter.to_normalised(native)))
        shown = parse_text(text(position))
        assert shown is not None
        value = shown[0] * (1000 if shown[1] == "s" else 1)
        assert value == pytest.approx(native, rel=0.03, abs=0.012 * (max(inside) - min(inside)))
    for at, stop in zip((0.0, 1.0), stops, strict=True):
        end = travel.to_position(parameter.to_native(at))
        if stop:
            assert parameter.text(at) == text(end) == stop
        else:
            assert parse_text(parameter.text(at)) is not None
    again = type(parameter).from_dict(parameter.to_dict())
    assert again == parameter


def test_a_knob_without_stops_is_told_as_before() -> None:
    parameter, _ = read_parameter("x", "X", "dB", 2**31 - 1, 0.3, linear)
    assert "low_text" not in parameter.to_dict() and "high_text" not in parameter.to_dict()


@pytest.mark.parametrize(
    "text",
    [
        lambda u: "Auto" if u > 0.3 else f"{u:.2f} s",  # mostly no numbers
        lambda u: f"{u:.2f} dB" if u < 0.5 else f"{u:.2f} %",
        lambda u: f"{u:.2f}" if round(64 * u) % 8 else "-",
    ],
)
def test_texts_that_make_no_range(text: Callable[[float], str]) -> None:
    parameter, travel = read_parameter("x", "X", "", 2**31 - 1, 0.3, text)
    assert (parameter.minimum, parameter.maximum, parameter.unit) == (0, 1, "")
    assert travel.to_position(0.25) == 0.25


def test_steps_in_units() -> None:
    texts = ["250 ms", "1 s", "2,5 s"]
    parameter, _ = read_parameter("x", "X", "", 3, 0.0, lambda u: texts[round(2 * u)])
    assert (parameter.values, parameter.unit, parameter.labels) == ((250, 1_000, 2_500), "ms", ())
    texts = ["Off", "12 dB/oct", "24 dB/oct"]
    parameter, _ = read_parameter("x", "X", "", 3, 0.0, lambda u: texts[round(2 * u)])
    assert parameter.labels == tuple(texts)
