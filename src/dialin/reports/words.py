"""Distances in words.

Conventions: a distance is in units of content noise, as `dialin.matching.style` measures it: 0 is
the same sound, and `SAME_RECORDING` what two pieces of one recording differ by. Below that a
percentage tells about the music, not about the match, so words take its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dialin.reports.report import AspectReport

SAME_RECORDING = 0.6
"""Distance between two pieces of one recording."""

NEARLY, OFF = 0.9, 1.5
"""Up to here a sound is a little off, and off; beyond, far off."""

UNMOVED = 0.05
"""Change of a distance that is not worth a word."""

Direction = Literal["better", "worse", "same"]


def closeness(distance: float) -> str:
    """How far off a distance is: ``alike``, ``a little off``, ``off`` or ``far off``.

    Parameters
    ----------
    distance : float
        Of one aspect, 0 or more.

    Returns
    -------
    str
    """
    if distance <= SAME_RECORDING:
        return "alike"
    if distance <= NEARLY:
        return "a little off"
    return "off" if distance <= OFF else "far off"


def direction(before: float, after: float) -> Direction:
    """Whether a distance became shorter, longer, or neither by more than can be told.

    Parameters
    ----------
    before : float
        Distance before the match, 0 or more.
    after : float
        Distance after it.

    Returns
    -------
    {"better", "worse", "same"}
    """
    both_alike = before <= SAME_RECORDING and after <= SAME_RECORDING
    if both_alike or abs(after - before) < UNMOVED:
        return "same"
    return "better" if after < before else "worse"


def change(before: float, after: float) -> str:
    """Say how a distance changed: per cent where both ends mean something, words elsewhere.

    >>> change(1.6, 1.2), change(1.6, 0.0), change(0.0, 0.4), change(0.3, 1.0)
    ('−25 %', 'now alike', 'alike as before', 'was alike, now off')

    Parameters
    ----------
    before : float
        Distance before the match, 0 or more.
    after : float
        Distance after it.

    Returns
    -------
    str
    """
    if before <= SAME_RECORDING and after <= SAME_RECORDING:
        return "alike as before"
    if abs(after - before) < UNMOVED:
        return "unchanged"
    if after <= SAME_RECORDING:
        return "now alike"
    if before <= SAME_RECORDING:
        return f"was alike, now {closeness(after)}"
    return f"{signed(percent(before, after), 0)} %"


def percent(before: float, after: float) -> float:
    """Change in per cent; 0 where there was no distance to change.

    Parameters
    ----------
    before : float
        Distance before the match, 0 or more.
    after : float
        Distance after it.

    Returns
    -------
    float
        Negative where it became nearer.
    """
    return 100 * (after / before - 1) if before > 1e-9 else 0.0


def still_off(aspects: Sequence[AspectReport]) -> str:
    """Say in a sentence or two which aspects are still off, the furthest first, and which not.

    Parameters
    ----------
    aspects : sequence of AspectReport
        Of a report.

    Returns
    -------
    str
    """
    far = sorted((a for a in aspects if a.after > SAME_RECORDING), key=lambda a: -a.after)
    near = [a.name for a in aspects if a.after <= SAME_RECORDING]
    parts = []
    if far:
        each = [f"{a.name} ({closeness(a.after)}, {a.after:.2f})" for a in far]
        parts.append(f"Still off: {', '.join(each)}.")
    if near:
        head = "As near as" if far else "Everything is as near as"
        parts.append(
            f"{head} two pieces of one recording" + (f": {', '.join(near)}." if far else ".")
        )
    return " ".join(parts)


def signed(value: float, digits: int) -> str:
    """Write a number with a sign (a true minus), and none where it is rounded to zero.

    >>> signed(-3.14, 1), signed(0.04, 1), signed(2.0, 0)
    ('−3.1', '0.0', '+2')

    Parameters
    ----------
    value : float
        What is written.
    digits : int
        Decimals.

    Returns
    -------
    str
    """
    text = f"{value:+.{digits}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def knob_range(low: str, high: str, certainty: str) -> str:
    """How far a knob may go, in words; empty where that is not known.

    >>> knob_range("4.1 ms", "6.04 ms", "sure"), knob_range("0 %", "100 %", "unheard")
    ('4.1 to 6.04 ms, sure', 'cannot be heard here')
    >>> knob_range("250 ms", "250 ms", "heard"), knob_range("", "", "")
    ('heard in the reference', '')

    Parameters
    ----------
    low, high : str
        Ends of the range, as the knob's text.
    certainty : {"sure", "about", "unheard", "heard", ""}
        Of a `KnobReport`.

    Returns
    -------
    str
    """
    if certainty in ("", "heard", "unheard"):
        said = {"heard": "heard in the reference", "unheard": "cannot be heard here"}
        return said.get(certainty, "")
    first, last = rounded(low), rounded(high)
    number, _, unit = last.partition(" ")
    if unit and first.endswith(f" {unit}"):
        first = first[: -len(unit) - 1]
    span = last if first in (last, number) else f"{first} to {last}"
    return f"{span}, sure" if certainty == "sure" else f"as likely from {span}"


def rounded(text: str) -> str:
    """Round a knob's value to what the eye needs: three digits, but no integer loses one.

    >>> rounded("41.6123 dB"), rounded("-0.69512 ms"), rounded("4173 Hz"), rounded("Soft 2.0001")
    ('41.6 dB', '−0.695 ms', '4173 Hz', 'Soft 2.0001')

    Parameters
    ----------
    text : str
        Of a knob.

    Returns
    -------
    str
        With a true minus; text without a number at its start comes back as it is.
    """
    match = re.match(r"([-+\u2212]?)(\d+(?:\.\d+)?)(?![\d.])(.*)$", text, flags=re.S)
    if match is None:
        return text
    sign, digits, rest = match.groups()
    whole, _, decimals = digits.partition(".")
    if decimals:
        leading = len(whole) if float(whole) else -len(decimals) + len(decimals.lstrip("0"))
        keep = max(0, min(len(decimals), 3 - leading))
        digits = f"{float(digits):.{keep}f}"
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return sign.replace("-", "\u2212") + digits + rest
