"""What a page shows, in words and places: `Page`, made of the facts of a match.

The facts are those of ``report.json``: a page can be drawn again from them alone. Everything that
is worded, rounded or placed for the eye is so here, once; the template only lays it out.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from dialin.reports.words import (
    SAME_RECORDING,
    Direction,
    change,
    closeness,
    direction,
    percent,
    rounded,
    signed,
    still_off,
)

Facts = Mapping[str, Any]
State = Literal["matched", "left alone", "amount 0"]


@dataclass(frozen=True)
class AspectRow:
    """One aspect: distances as text, as widths of bars in per cent, and in words.

    Attributes
    ----------
    name : str
        Of the aspect.
    weight : str
        As text.
    before : str
        As text.
    after : str
        As text.
    before_width : float
        0 to 100.
    after_width : float
        0 to 100.
    change : str
        In words.
    direction : Direction
        Of the change.
    closeness : str
        In words.
    """

    name: str
    weight: str
    before: str
    after: str
    before_width: float
    after_width: float
    change: str
    direction: Direction
    closeness: str


@dataclass(frozen=True)
class KnobRow:
    """One knob: texts, and places on its scale in per cent.

    `value` is what was rendered, which is `full` (the match at 100 %) unless another amount was
    asked for.

    Attributes
    ----------
    name : str
        As a person reads it.
    tags : tuple of str
        ``locked``, ``does nothing``, both or none.
    default : str
        As text.
    value : str
        As text.
    full : str
        As text.
    default_place : float
        0 to 100.
    value_place : float
        0 to 100.
    full_place : float
        0 to 100.
    moved : bool
        Whether it left its default.
    """

    name: str
    tags: tuple[str, ...]
    default: str
    value: str
    full: str
    default_place: float
    value_place: float
    full_place: float
    moved: bool


@dataclass(frozen=True)
class EffectRows:
    """One effect in use, with its knobs.

    `wet` is how much of its sound is heard, where an amount mixes it with what goes in.

    Attributes
    ----------
    slot : str
        Its name in the chain.
    name : str
        Of the effect.
    uri : str
        Of the effect.
    wet : str
        In words; empty for all of it.
    knobs : tuple of KnobRow
        In the effect's order.
    """

    slot: str
    name: str
    uri: str
    wet: str
    knobs: tuple[KnobRow, ...]


@dataclass(frozen=True)
class LeftOut:
    """One effect not in use, and why.

    Attributes
    ----------
    slot : str
        Its name in the chain.
    name : str
        Of the effect.
    reason : str
        In words.
    """

    slot: str
    name: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """A candidate: how near it is, and its knobs.

    Attributes
    ----------
    before, after, change : str
    direction : {"better", "worse", "same"}
    aspects : tuple of AspectRow
        In the order of the page.
    mark : float
        Place of `SAME_RECORDING` on the bars of `aspects`, in per cent.
    still_off : str
        What is still off, in a sentence.
    effects : tuple of EffectRows
        In the order of the chain.
    left_out : tuple of LeftOut
        In the order of the chain.
    evidence : tuple of str
        Why this candidate was picked.
    """

    before: str
    after: str
    change: str
    direction: Direction
    aspects: tuple[AspectRow, ...]
    mark: float
    still_off: str
    effects: tuple[EffectRows, ...]
    left_out: tuple[LeftOut, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Nearest:
    """The nearest candidate of a match that is not sure, and the commands that take it.

    Attributes
    ----------
    outcome : Outcome
        How near it is, and its knobs.
    reason : str
        Why it was not taken.
    keep : str
        Command that matches again and keeps it.
    apply : str
        Command that applies its preset.
    """

    outcome: Outcome
    reason: str
    keep: str
    apply: str


@dataclass(frozen=True)
class Page:
    """Everything a page says.

    Attributes
    ----------
    title, version : str
    input : str
    references : tuple of str
    state : {"matched", "left alone", "amount 0"}
    sure : bool
        False where there was not enough evidence for what was done, or for doing anything.
    amount : str
        In per cent, as text; `partly` says whether that is not 100.
    partly : bool
        Whether the amount is not 100 %.
    outcome : Outcome
    nearest : Nearest, optional
    notes : tuple of str
    command : str
    details : tuple of (str, str)
    """

    title: str
    version: str
    input: str
    references: tuple[str, ...]
    state: State
    sure: bool
    amount: str
    partly: bool
    outcome: Outcome
    nearest: Nearest | None
    notes: tuple[str, ...]
    command: str
    details: tuple[tuple[str, str], ...]


def page_of(facts: Facts) -> Page:
    """Put the facts of ``report.json`` into words.

    Parameters
    ----------
    facts : mapping
        Content of ``report.json``.

    Returns
    -------
    Page
    """
    name, references = facts["input"]["name"], tuple(r["name"] for r in facts["references"])
    outcome = _outcome(facts, facts["amount"] != 100)
    state: State = "matched"
    if not outcome.effects:
        state = "left alone"
    elif facts["amount"] == 0:
        state = "amount 0"
    return Page(
        title=f"{name} → {references[0]} · dialin",
        version=str(facts["version"]),
        input=name,
        references=references,
        state=state,
        sure=bool(facts.get("sure", state != "left alone")),
        amount=f"{facts['amount']:g}",
        partly=facts["amount"] != 100,
        outcome=outcome,
        nearest=_nearest(facts),
        notes=tuple(facts["notes"]),
        command=facts["command"],
        details=tuple(_details(facts)),
    )


def _outcome(facts: Facts, partly: bool = False) -> Outcome:
    before, after = facts["before"], facts["after"]
    largest = max(
        [SAME_RECORDING * 1.25, *(max(a["before"], a["after"]) for a in facts["aspects"])]
    )
    moved = f"{signed(percent(before, after), 0)} %"
    return Outcome(
        before=f"{before:.2f}",
        after=f"{after:.2f}",
        change=moved if before > SAME_RECORDING else change(before, after),
        direction=direction(before, after),
        aspects=tuple(_aspect(aspect, largest) for aspect in facts["aspects"]),
        mark=round(100 * SAME_RECORDING / largest, 1),
        still_off=still_off(facts["aspects"]),
        effects=tuple(_effect(slot, partly) for slot in facts["slots"] if slot["used"]),
        left_out=tuple(
            LeftOut(slot["slot"], slot["name"], slot["reason"])
            for slot in facts["slots"]
            if not slot["used"]
        ),
        evidence=tuple(facts.get("evidence") or ()),
    )


def _aspect(aspect: Facts, largest: float) -> AspectRow:
    before, after = aspect["before"], aspect["after"]
    return AspectRow(
        name=aspect["name"],
        weight=f"{100 * aspect['weight']:.0f} %",
        before=f"{before:.2f}",
        after=f"{after:.2f}",
        before_width=round(100 * before / largest, 1),
        after_width=round(100 * after / largest, 1),
        change=change(before, after),
        direction=direction(before, after),
        closeness=closeness(after),
    )


def _effect(slot: Facts, partly: bool) -> EffectRows:
    wet = slot.get("wet_percent", 100.0) if partly else 100.0
    return EffectRows(
        slot["slot"],
        slot["name"],
        slot["uri"],
        f"mixed in at {wet:.0f} %" if 0 < wet < 99.95 else "",
        tuple(_knob(knob, partly) for knob in slot["knobs"]),
    )


def _knob(knob: Facts, partly: bool) -> KnobRow:
    default, full = 100 * knob["before_position"], 100 * knob["after_position"]
    # Missing where only the match itself is known; None where its effect was not rendered at all.
    whole = {"rendered_position": knob["after_position"], "rendered_text": knob["after_text"]}
    known = {**whole, **(knob if partly else {})}
    place, text = known["rendered_position"], known["rendered_text"]
    value = default if place is None else 100 * place
    marks = {"locked": knob.get("locked"), "does nothing": knob.get("dead")}
    return KnobRow(
        name=knob["name"],
        tags=tuple(tag for tag, on in marks.items() if on),
        default=rounded(knob["before_text"]),
        value="not in use" if text is None else rounded(text),
        full=rounded(knob["after_text"]),
        default_place=round(default, 1),
        value_place=round(value, 1),
        full_place=round(full, 1),
        moved=max(abs(value - default), abs(full - default)) >= 0.05,
    )


def _nearest(facts: Facts) -> Nearest | None:
    nearest = facts.get("nearest")
    if not nearest:
        return None
    folder = Path(facts["rendered"]["target"]).parent
    preset = shlex.quote(str(folder / "nearest" / "preset.json"))
    source = shlex.quote(str(facts["rendered"].get("source", facts["input"]["name"])))
    return Nearest(
        outcome=_outcome({"before": facts["before"], **nearest}, facts["amount"] != 100),
        reason=nearest.get("reason", ""),
        keep=_with(facts["command"], "--keep", "--overwrite"),
        apply=f"dialin apply {preset} {source} -o {shlex.quote(str(folder / 'kept'))}",
    )


def _with(command: str, *options: str) -> str:
    """Add what a command does not say yet; empty where there is no command."""
    said = command.split()
    return " ".join(
        [command, *(option for option in options if option not in said)] if said else []
    )


def _details(facts: Facts) -> list[tuple[str, str]]:
    rendered = facts["rendered"]
    peak, rms = (_level(rendered[key], "dBFS") for key in ("peak_dbfs", "rms_dbfs"))
    level = f"peak {peak}, RMS {rms}"
    if rendered["gain_db"]:
        level += f", turned down by {-rendered['gain_db']:.1f} dB for headroom"
    speed = facts["renders"] / facts["seconds"] if facts["seconds"] > 0 else 0.0
    rows = [
        (
            "search",
            f"{facts['renders']} of {facts['budget']} renders in {facts['seconds']:.1f} s "
            f"({speed:.0f} a second), {facts['failures']} failed, seed {facts['seed']}",
        ),
        (
            "result",
            f"{Path(rendered['target']).name}: {rendered['seconds']:.2f} s, "
            f"{rendered['sample_rate']} Hz, {rendered['channels']} ch, {rendered['subtype']}",
        ),
        ("its level", level + _at(facts)),
    ]
    if facts["models"]:
        rows.append(("began with the answer of", ", ".join(facts["models"])))
    rows.append(("input, as analysed", _levels(facts["input"])))
    if any(slot["used"] for slot in facts["slots"]):
        rows.append(("matched, as analysed", _levels(facts["output"]) + _at(facts, 100)))
    for sound in facts["references"]:
        weight = f", weight {sound['weight']:g}" if len(facts["references"]) > 1 else ""
        rows.append((f"reference {sound['name']}", _levels(sound) + weight))
    if facts["native"]:
        rows.append(("for other hosts", ", ".join(facts["native"])))
    return [*rows, ("dialin", str(facts["version"]))]


def _at(facts: Facts, amount: float | None = None) -> str:
    """Say which amount a value belongs to, where there are two."""
    if facts["amount"] == 100:
        return ""
    return f" (at {facts['amount'] if amount is None else amount:g} %)"


def _levels(sound: Facts) -> str:
    return (
        f"{_level(sound['loudness_lufs'], 'LUFS')}, peak {_level(sound['peak_dbfs'], 'dBFS')}, "
        f"crest {_level(sound['crest_db'], 'dB')}"
    )


def _level(value: float | None, unit: str) -> str:
    """Write a level; silence has none, and JSON writes that as null."""
    if value is None or not isfinite(value):
        return "silent"
    return f"{value:.1f} {unit}".replace("-", "−")


def weights_of(facts: Facts) -> Sequence[float]:
    """How much each reference counts for the spectrum, in their order.

    One that stands for some aspects alone counts for the spectrum if tone is among them, and then
    no other does.

    Parameters
    ----------
    facts : mapping
        Content of ``report.json``.

    Returns
    -------
    sequence of float
    """
    references = facts["references"]
    alone = [sound.get("aspects") or () for sound in references]
    for_tone = ["tone" in aspects for aspects in alone]
    counts = for_tone if any(for_tone) else [not aspects for aspects in alone]
    return [
        float(sound.get("weight", 1.0)) if counted else 0.0
        for sound, counted in zip(references, counts, strict=True)
    ]
