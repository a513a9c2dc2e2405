"""Numbers in the texts that plugins show beside their knobs.

A text alone may be read in two ways (``1,500`` is one and a half in Berlin and fifteen hundred in
Boston; seconds follow milliseconds), so `read_texts` reads all texts of a knob together.

Conventions: times in both milliseconds and seconds become milliseconds, frequencies hertz, pitches
semitones. Pan positions (``30 L``, ``C``, ``R 30``) run from left, negative, to right. Notes
(``A4``) become their MIDI numbers, C4 being 60.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_UNITS = {
    "db": "dB",
    "dbfs": "dB",
    "decibels": "dB",
    "hz": "Hz",
    "hertz": "Hz",
    "khz": "kHz",
    "k": "kHz",
    "us": "us",
    "\N{MICRO SIGN}s": "us",
    "\N{GREEK SMALL LETTER MU}s": "us",
    "ms": "ms",
    "msec": "ms",
    "msecs": "ms",
    "millisec": "ms",
    "milliseconds": "ms",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "min": "min",
    "%": "%",
    "pct": "%",
    "percent": "%",
    ":1": ":1",
    ": 1": ":1",
    "to 1": ":1",
    "st": "st",
    "semi": "st",
    "semis": "st",
    "semitone": "st",
    "semitones": "st",
    "ct": "ct",
    "cent": "ct",
    "cents": "ct",
    "x": "x",
    "\N{MULTIPLICATION SIGN}": "x",
}

_FAMILIES = (
    ({"us": 0.001, "ms": 1.0, "s": 1_000.0, "min": 60_000.0}, "ms"),
    ({"mHz": 0.001, "Hz": 1.0, "kHz": 1_000.0, "MHz": 1e6}, "Hz"),
    ({"ct": 0.01, "st": 1.0}, "st"),
)
"""Units that may follow each other along a knob, and the one that all become."""

_DIGITS = r"(?:\d[\d.,' ]*\d|\d)"
_NUMBER = re.compile(
    rf"^(?P<sign>[-+]?)\s*(?P<digits>{_DIGITS}|[.,]\d+)\.?(?P<power>[eE][-+]?\d+)?\s*(?P<unit>.*)$"
)
_SPLIT_K = re.compile(r"^([-+]?\d+)\s?[kK](\d+)\s*(Hz)?$", re.IGNORECASE)
_TO_ONE = re.compile(rf"^1\s*:\s*({_DIGITS})$")
_CENTRE = re.compile(r"^<?\s*(?:c|cent(?:er|re)|mid(?:dle)?)\s*>?$", re.IGNORECASE)
_LEFT = r"l(?:eft)?"
_RIGHT = r"r(?:ight)?"
_PAN = re.compile(
    rf"^(?:({_LEFT}|{_RIGHT})\s*({_DIGITS})\s*%?|({_DIGITS})\s*%?\s*({_LEFT}|{_RIGHT}))$",
    re.IGNORECASE,
)
_NOTE = re.compile(r"^([A-Ga-g])([#♯b♭]?)\s?(-?\d)$")
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ASIDE = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])$")
_SPACES = re.compile(r"\s+")
_GROUPED = r"[1-9]\d{0,2}(?:%s\d{3})+"


@dataclass(frozen=True)
class Texts:
    """What the texts of a knob say.

    Attributes
    ----------
    values : tuple of float or None
        One a text; None where it is no number.
    unit : str
        Of all of them; empty where they name none.
    """

    values: tuple[float | None, ...]
    unit: str


def clean_unit(unit: str) -> str:
    """Unit as dialin writes it.

    Parameters
    ----------
    unit : str
        As a plugin writes it.

    Returns
    -------
    str
    """
    text = " ".join(unit.split())
    # Case tells thousandths from millions.
    return text if text in ("mHz", "MHz") else _UNITS.get(text.lower(), text)


def read_texts(texts: Sequence[str], label: str = "") -> Texts | None:
    """Read all texts of a knob by one convention.

    Parameters
    ----------
    texts : sequence of str
        From one end of its travel to the other.
    label : str
        The plugin's own unit, which says what texts without one are in.

    Returns
    -------
    Texts or None
        None where their units do not go together.
    """
    read = []
    for decimal, group in ((".", ","), (",", ".")):
        numbers = [_number(_plain(text), decimal, group) for text in texts]
        together = _together(numbers, clean_unit(label))
        if together is not None:
            read.append(together)
    if not read:
        return None

    def sense(each: Texts) -> tuple[int, bool]:
        known = [value for value in each.values if value is not None]
        steps = [b - a for a, b in pairwise(known)]
        return len(known), all(s >= 0 for s in steps) or all(s <= 0 for s in steps)

    # Whichever reads more of them, then whichever rises or falls; English where both do.
    return max(read, key=sense)


def _plain(text: str) -> str:
    """Text with one kind of minus and of space, without asides and signs of approximation."""
    text = text.replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-").replace("’", "'")
    text = _SPACES.sub(" ", text).strip().lstrip("<>≤≥~≈= ")
    return _ASIDE.sub("", text) or text


def _number(text: str, decimal: str, group: str) -> tuple[float, str] | None:
    special = _special(text, decimal, group)
    if special is not None:
        return special
    match = _NUMBER.match(text)
    if match is None:
        return None
    value = _value(match["digits"], decimal, group)
    if value is None:
        return None
    value *= -1.0 if match["sign"] == "-" else 1.0
    value *= float(f"1{match['power'] or 'e0'}")
    unit = clean_unit(match["unit"])
    first, _, words = unit.partition(" ")
    if words and clean_unit(first) in _UNITS.values() and words.replace(" ", "").isalpha():
        unit = clean_unit(first)  # 50 % wet
    if (
        not math.isfinite(value)
        or len(unit) > 12
        or any(c.isdigit() for c in unit.replace(":1", ""))
    ):
        return None
    return value, unit


def _special(text: str, decimal: str, group: str) -> tuple[float, str] | None:
    """Ways of writing a number other than digits and a unit."""
    if match := _SPLIT_K.match(text):  # 4k7
        return 1_000 * float(f"{match[1]}.{match[2]}"), "Hz"
    if (match := _TO_ONE.match(text)) and (value := _value(match[1], decimal, group)):
        # 1:4, as expanders have it; 1:1 may belong to either kind.
        return (1.0, ":1") if value == 1 else (value, "1:")
    if _CENTRE.match(text):
        return 0.0, "pan"
    if match := _PAN.match(text):
        side, digits = match[1] or match[4], match[2] or match[3]
        value = _value(digits, decimal, group)
        if value is not None:
            return (-value if side.lower().startswith("l") else value), "pan"
    if match := _NOTE.match(text):
        shift = {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(match[2], 0)
        return 12.0 * (int(match[3]) + 1) + _STEPS[match[1].lower()] + shift, "note"
    return None


def _value(digits: str, decimal: str, group: str) -> float | None:
    """Number of digits with these separators; None where they do not stand as they should."""
    whole, dot, rest = digits.partition(decimal)
    if dot and not rest.isdigit():
        return None
    for separator in (group, "'", " "):
        if separator in whole:
            if not re.fullmatch(_GROUPED % re.escape(separator), whole):
                return None
            whole = whole.replace(separator, "")
            break
    if whole and not whole.isdigit():
        return None
    return float(f"{whole or '0'}.{rest or '0'}")


def _together(numbers: Sequence[tuple[float, str] | None], label: str) -> Texts | None:
    """Bring numbers to one unit; None where there is none for all of them."""
    units = {unit for _, unit in filter(None, numbers)}
    if "pan" in units:
        # The middle of other knobs is a number.
        numbers = [
            None if item is None else (item[0], "%" if item[1] in ("pan", "%", "") else item[1])
            for item in numbers
        ]
        units = {unit for _, unit in filter(None, numbers)}
    if "1:" in units and ":1" in units:
        ratios = {value for item in numbers if item for value, unit in [item] if unit == ":1"}
        if ratios == {1.0}:
            numbers = [item and (item[0], "1:") for item in numbers]
        else:
            numbers = [
                item and (1 / item[0] if item[1] == "1:" else item[0], ":1") for item in numbers
            ]
        units = {unit for _, unit in filter(None, numbers)}
    named = units - {""}
    if not named:
        return Texts(tuple(item and item[0] for item in numbers), "")
    bare = "" in units
    for factors, base in _FAMILIES:
        if not named <= set(factors):
            continue
        if len(named) == 1 and (not bare or label in ("", *named)) and base != "Hz":
            break
        unknown = factors.get(label)
        if bare and unknown is None:
            # 500, 1.2 kHz: those without are in the plain unit.
            unknown = 1.0
        values = tuple(
            item and item[0] * (factors[item[1]] if item[1] else (unknown or 1.0))
            for item in numbers
        )
        return Texts(values, base)
    if len(named) > 1:
        return None
    return Texts(tuple(item and item[0] for item in numbers), next(iter(named)))
