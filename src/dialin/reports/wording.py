"""Putting the report of a match into words, for a page.

A page can be drawn again from ``report.json`` alone. Everything that is worded, rounded or placed
for the eye is so here, once.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from math import isfinite

from dialin.reports.report import (
    AspectReport,
    ChoiceReport,
    KnobReport,
    NearestReport,
    SavedReport,
    SlotReport,
    SoundReport,
)
from dialin.reports.rows import (
    AspectRow,
    CandidateRows,
    EffectRows,
    KnobRow,
    LeftOut,
    Nearest,
    Page,
    State,
)
from dialin.reports.words import (
    SAME_RECORDING,
    change,
    closeness,
    direction,
    knob_range,
    percent,
    rounded,
    signed,
    still_off,
)


def page_of(report: SavedReport) -> Page:
    """Put a report into words.

    Parameters
    ----------
    report : SavedReport
        What ``report.json`` says.

    Returns
    -------
    Page
    """
    partly = report.amount != 100
    outcome = _outcome(report, report.before, partly)
    state: State = "matched"
    if not outcome.effects:
        state = "left alone"
    elif report.amount == 0:
        state = "amount 0"
    references = tuple(sound.name for sound in report.references)
    return Page(
        title=f"{report.input.name} → {references[0]} · dialin",
        version=report.version,
        input=report.input.name,
        references=references,
        state=state,
        sure=report.sure,
        amount=f"{report.amount:g}",
        partly=partly,
        outcome=outcome,
        nearest=_nearest(report, report.nearest, partly),
        notes=report.notes,
        command=report.command,
        command_note=report.command_note,
        details=tuple(_details(report)),
    )


def _outcome(report: SavedReport | NearestReport, before: float, partly: bool) -> CandidateRows:
    after = report.after
    largest = max([SAME_RECORDING * 1.25, *(max(a.before, a.after) for a in report.aspects)])
    moved = f"{signed(percent(before, after), 0)} %"
    return CandidateRows(
        before=f"{before:.2f}",
        after=f"{after:.2f}",
        change=moved if before > SAME_RECORDING else change(before, after),
        direction=direction(before, after),
        aspects=tuple(_aspect(aspect, largest) for aspect in report.aspects),
        mark=round(100 * SAME_RECORDING / largest, 1),
        still_off=still_off(report.aspects),
        effects=tuple(_effect(slot, partly) for slot in report.slots if slot.used),
        left_out=tuple(
            LeftOut(slot.slot, slot.name, slot.reason) for slot in report.slots if not slot.used
        ),
        evidence=report.evidence,
    )


def _aspect(aspect: AspectReport, largest: float) -> AspectRow:
    before, after = aspect.before, aspect.after
    return AspectRow(
        name=aspect.name,
        weight=f"{100 * aspect.weight:.0f} %",
        before=f"{before:.2f}",
        after=f"{after:.2f}",
        before_width=round(100 * before / largest, 1),
        after_width=round(100 * after / largest, 1),
        change=change(before, after),
        direction=direction(before, after),
        closeness=closeness(after),
    )


def _effect(slot: SlotReport, partly: bool) -> EffectRows:
    # Where nothing was rendered, only the match itself is known.
    known = partly and slot.wet_percent is not None
    wet = slot.wet_percent if known and slot.wet_percent is not None else 100.0
    return EffectRows(
        slot.slot,
        slot.name,
        slot.uri,
        f"mixed in at {wet:.0f} %" if 0 < wet < 99.95 else "",
        tuple(_knob(knob, known) for knob in slot.knobs),
    )


def _knob(knob: KnobReport, partly: bool) -> KnobRow:
    default, full = 100 * knob.before_position, 100 * knob.after_position
    position = knob.rendered_position if partly else knob.after_position
    text = knob.rendered_text if partly else knob.after_text
    value = default if position is None else 100 * position
    marks = {"locked": knob.locked, "does nothing": knob.dead}
    return KnobRow(
        name=knob.name,
        tags=tuple(tag for tag, on in marks.items() if on),
        default=rounded(knob.before_text),
        value="not in use" if text is None else rounded(text),
        full=rounded(knob.after_text),
        default_percent=round(default, 1),
        value_percent=round(value, 1),
        full_percent=round(full, 1),
        moved=max(abs(value - default), abs(full - default)) >= 0.05,
        reach=knob_range(knob.low_text, knob.high_text, knob.certainty),
        low_percent=round(full if knob.low_position is None else 100 * knob.low_position, 1),
        high_percent=round(full if knob.high_position is None else 100 * knob.high_position, 1),
    )


def choice_text(choice: ChoiceReport) -> str:
    """Effects of a choice and the knobs that left their defaults, in one line.

    Parameters
    ----------
    choice : ChoiceReport
        Of a report.

    Returns
    -------
    str
    """
    parts = []
    for slot in choice.slots:
        moved = [
            f"{knob.name} {rounded(knob.after_text)}"
            for knob in slot.knobs
            if abs(knob.after_position - knob.before_position) >= 0.0005
        ]
        parts.append(f"{slot.name} ({', '.join(moved)})" if moved else slot.name)
    return " → ".join(parts)


def _nearest(report: SavedReport, nearest: NearestReport | None, partly: bool) -> Nearest | None:
    if nearest is None or report.rendered is None:
        return None
    folder = report.rendered.target.parent
    preset = shlex.quote(str(folder / "nearest" / "preset.json"))
    source = shlex.quote(str(report.rendered.source))
    return Nearest(
        outcome=_outcome(nearest, report.before, partly),
        reason=nearest.reason,
        keep=_with(report.command, "--keep", "--overwrite"),
        apply=f"dialin apply {preset} {source} -o {shlex.quote(str(folder / 'kept'))}",
    )


def _with(command: str, *options: str) -> str:
    """Add what a command does not say yet; empty where there is no command."""
    said = command.split()
    return " ".join(
        [command, *(option for option in options if option not in said)] if said else []
    )


def _details(report: SavedReport) -> list[tuple[str, str]]:
    speed = report.renders / report.seconds if report.seconds > 0 else 0.0
    rows = [
        (
            "search",
            f"{report.renders} of at most {report.budget} renders in {report.seconds:.1f} s "
            f"({speed:.0f} a second), {report.failures} failed, seed {report.seed}"
            + (f"; it ended because {report.stopped}" if report.stopped else ""),
        ),
    ]
    rendered = report.rendered
    if rendered is not None:
        peak, rms = _level(rendered.peak_dbfs, "dBFS"), _level(rendered.rms_dbfs, "dBFS")
        level = f"peak {peak}, RMS {rms}"
        if rendered.gain_db:
            level += f", turned down by {-rendered.gain_db:.1f} dB for headroom"
        rows += [
            (
                "result",
                f"{rendered.target.name}: {rendered.seconds:.2f} s, "
                f"{rendered.sample_rate} Hz, {rendered.channels} ch, {rendered.subtype}",
            ),
            ("its level", level + _at(report)),
        ]
    if report.models:
        rows.append(("began with the answer of", ", ".join(report.models)))
    rows.append(("input, as analysed", _levels(report.input)))
    if any(slot.used for slot in report.slots):
        rows.append(("matched, as analysed", _levels(report.output) + _at(report, 100)))
    for sound in report.references:
        weight = f", weight {sound.weight:g}" if len(report.references) > 1 else ""
        rows.append((f"reference {sound.name}", _levels(sound) + weight))
    if report.native:
        rows.append(("for other hosts", ", ".join(report.native)))
    return [*rows, ("dialin", report.version)]


def _at(report: SavedReport, amount: float | None = None) -> str:
    """Say which amount a value belongs to, where there are two."""
    if report.amount == 100:
        return ""
    return f" (at {report.amount if amount is None else amount:g} %)"


def _levels(sound: SoundReport) -> str:
    return (
        f"{_level(sound.loudness_lufs, 'LUFS')}, peak {_level(sound.peak_dbfs, 'dBFS')}, "
        f"crest {_level(sound.crest_db, 'dB')}"
    )


def _level(value: float, unit: str) -> str:
    """Write a level; silence has none."""
    return f"{value:.1f} {unit}".replace("-", "−") if isfinite(value) else "silent"


def weights_of(references: Sequence[SoundReport]) -> list[float]:
    """How much each reference counts for the spectrum, in their order.

    One that stands for some aspects alone counts for the spectrum if tone is among them, and then
    no other does.

    Parameters
    ----------
    references : sequence of SoundReport
        Of a report.

    Returns
    -------
    list of float
    """
    for_tone = ["tone" in sound.aspects for sound in references]
    counts = for_tone if any(for_tone) else [not sound.aspects for sound in references]
    return [
        sound.weight if counted else 0.0 for sound, counted in zip(references, counts, strict=True)
    ]
