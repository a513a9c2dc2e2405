"""Numbers as plugins write them, all over the world."""

import pytest

from dialin.effects.vst3_texts import read_texts
from tests.effects.texts import parse_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-12.5 dB", (-12.5, "dB")),
        ("1.2 kHz", (1200.0, "Hz")),
        ("440 hz", (440.0, "Hz")),
        ("50%", (50.0, "%")),
        ("50 % wet", (50.0, "%")),
        ("4.0:1", (4.0, ":1")),
        ("1:4", (4.0, "1:")),
        ("\N{MINUS SIGN}3", (-3.0, "")),
        ("1e-3 s", (0.001, "s")),
        ("2,5 ms", (2.5, "ms")),
        ("-,5", (-0.5, "")),
        ("0,500", (0.5, "")),
        ("5,000 Hz", (5000.0, "Hz")),
        ("12,345,678", (12345678.0, "")),
        ("1,234.5", (1234.5, "")),
        ("1.234,5 Hz", (1234.5, "Hz")),
        ("1 000 Hz", (1000.0, "Hz")),
        ("1\N{NARROW NO-BREAK SPACE}000 Hz", (1000.0, "Hz")),
        ("12'000", (12000.0, "")),
        ("1.2k", (1200.0, "Hz")),
        ("4k7", (4700.0, "Hz")),
        ("500 mHz", (0.5, "Hz")),
        ("A4", (69.0, "note")),
        ("C#-1", (1.0, "note")),
        ("30 L", (-30.0, "%")),
        ("R30", (30.0, "%")),
        ("C", (0.0, "%")),
        ("+3.0 dB (x2)", (3.0, "dB")),
        ("< -60 dB", (-60.0, "dB")),
        ("12 dB/oct", (12.0, "dB/oct")),
        ("-inf dB", None),
        ("inf:1", None),
        ("Off", None),
        ("1/8T", None),
        ("1,23,456", None),
        ("1e999", None),
        ("1959 Bassman 5F6-A", None),
        ("", None),
    ],
)
def test_a_text_alone(text: str, expected: tuple[float, str] | None) -> None:
    assert parse_text(text) == expected


@pytest.mark.parametrize(
    ("texts", "label", "values", "unit"),
    [
        # Which separator is which is told by the other texts.
        (["999 Hz", "1,000 Hz", "20,000 Hz"], "", [999, 1000, 20000], "Hz"),
        (["999 Hz", "1.000 Hz", "20.000 Hz"], "", [999, 1000, 20000], "Hz"),
        (["0,5", "1,500", "3,000"], "", [0.5, 1.5, 3], ""),
        (["0", "1,500", "3,000"], "", [0, 1500, 3000], ""),
        (["0.500", "1.500", "3.000"], "", [0.5, 1.5, 3], ""),
        # And so is the unit.
        (["250 us", "1 ms", "1.5 s"], "", [0.25, 1, 1500], "ms"),
        (["1.0 s", "2.0 s"], "", [1, 2], "s"),
        (["1.0", "500", "1.2 s"], "ms", [1, 500, 1200], "ms"),
        (["20", "999", "1.2k"], "", [20, 999, 1200], "Hz"),
        (["0.5", "2 kHz"], "kHz", [500, 2000], "Hz"),
        (["50 ct", "1 st"], "", [0.5, 1], "st"),
        (["50L", "C", "50R"], "", [-50, 0, 50], "%"),
        (["1:8", "1:1", "8:1"], "", [0.125, 1, 8], ":1"),
        (["1:1", "1:2"], "", [1, 2], "1:"),
        (["-inf dB", "0 dB"], "", [None, 0], "dB"),
    ],
)
def test_texts_of_one_knob(
    texts: list[str], label: str, values: list[float | None], unit: str
) -> None:
    found = read_texts(texts, label)
    assert found is not None
    assert list(found.values) == pytest.approx(values)
    assert found.unit == unit


def test_units_that_do_not_go_together() -> None:
    assert read_texts(["3 dB", "4 %"]) is None
