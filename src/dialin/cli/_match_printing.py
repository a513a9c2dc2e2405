"""What ``dialin match`` says in the end: distances, knobs, choices, families; a table of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from dialin.cli._console import Output

if TYPE_CHECKING:
    from dialin.matching.files.batch import EntryOutcome
    from dialin.matching.files.making import Saved
    from dialin.matching.files.together import Album
    from dialin.reports import ChoiceReport, FamilyReport, SavedReport, SlotReport


def show(output: Output, saved: Saved) -> None:
    """Say what was found, and where it lies.

    Parameters
    ----------
    output : Output
        Of the command.
    saved : Saved
        The match in its folder.
    """
    report = saved.report
    files = [str(file) for file in saved.files]
    output.data(report.to_dict() | {"folder": str(saved.folder), "files": files})
    for note in (*report.notes, *saved.remarks):
        output.warn(note)
    if not output.talks:
        return
    from rich.markup import escape

    from dialin.reports.words import still_off

    _show_distances(output, report)
    output.say(escape(still_off(report.aspects)))
    output.say("")
    show_families(output, report.families)
    for slot in report.slots:
        _show_slot(output, slot)
    show_choices(output, report.choices)
    nearest = report.nearest
    if nearest is not None:
        used = ", ".join(slot.slot for slot in nearest.slots if slot.used)
        output.say(
            f"[yellow]not sure[/]: the nearest candidate ({escape(used)}) would bring the distance "
            f"to {nearest.after:.3f}; it is in nearest/, and --keep takes it"
        )
        for line in nearest.evidence:
            output.say(f"[dim]  {escape(line)}[/]")
    output.say("")
    for file in files:
        output.say(escape(file))
    for folder in report.models:
        output.say(f"[dim]began with the answer of {escape(folder)}[/]")
    speed = report.renders / report.seconds if report.seconds > 0 else 0.0
    output.say(
        f"[dim]{report.renders} of at most {report.budget} renders in {report.seconds:.1f} s, "
        f"{speed:.0f}/s[/]"
    )
    if report.stopped:
        output.say(f"[dim]the search ended because {escape(report.stopped)}[/]")


def _show_distances(output: Output, report: SavedReport) -> None:
    """How far it was and is, by aspect."""
    from rich.markup import escape
    from rich.table import Table

    from dialin.reports.words import change, percent, signed

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("distance to the reference")
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right")
    for aspect in report.aspects:
        was, now = aspect.before, aspect.after
        table.add_row(escape(aspect.name), f"{was:.2f}", f"{now:.2f}", change(was, now))
    before, after = report.before, report.after
    table.add_row(
        "[bold]all[/]", f"[bold]{before:.2f}[/]", f"[bold]{after:.2f}[/]",
        f"[bold]{signed(percent(before, after), 0)} %[/]",
    )  # fmt: skip
    output.table(table)


def _show_slot(output: Output, slot: SlotReport) -> None:
    """An effect's knobs, or why it was left out."""
    from rich.markup import escape
    from rich.table import Table

    from dialin.reports.words import knob_range

    if not slot.used:
        reason = f": {escape(slot.reason)}" if slot.reason else ""
        output.say(f"[dim]{escape(slot.slot)} left out{reason}[/]")
        return
    output.say(f"[bold]{escape(slot.slot)}[/]  [dim]{escape(slot.uri)}[/]")
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(2):
        table.add_column()
    for knob in slot.knobs:
        tags = "  [dim]locked[/]" if knob.locked else ""
        tags += "  [dim]does nothing[/]" if knob.dead else ""
        moved = knob.before_text != knob.after_text
        was = f"  [dim]was {escape(knob.before_text)}[/]" if moved else ""
        reach = knob_range(knob.low_text, knob.high_text, knob.certainty)
        tags += f"  [dim]({escape(reach)})[/]" if reach else ""
        table.add_row(f"  {escape(knob.name)}", f"[cyan]{escape(knob.after_text)}[/]{was}{tags}")
    output.table(table)


def show_choices(output: Output, choices: Sequence[ChoiceReport]) -> None:
    """Say what else is as likely, and how to take it.

    Parameters
    ----------
    output : Output
        Of the command.
    choices : sequence of ChoiceReport
        Of the report.
    """
    if not choices:
        return
    from rich.markup import escape

    from dialin.reports.wording import choice_text

    output.say("")
    output.say("as likely, and clearly different (take one with --pick):")
    for choice in choices:
        output.say(
            f"  [bold]{choice.number}[/]  {escape(choice_text(choice))}  [dim]distance "
            f"{choice.after:.3f}, {100 * choice.likelihood:.0f} % likely[/]"
        )


def show_families(output: Output, families: Sequence[FamilyReport]) -> None:
    """Say how likely each family of effects is in the reference, where dialin chose them.

    Parameters
    ----------
    output : Output
        Of the command.
    families : sequence of FamilyReport
        Of the report.
    """
    if not families:
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("heard in the reference?")
    table.add_column("likely", justify="right")
    table.add_column("why")
    for family in sorted(families, key=lambda each: -each.probability):
        name = escape(family.title)
        table.add_row(
            f"[bold]{name}[/]" if family.used else f"[dim]{name}[/]",
            f"{100 * family.probability:.0f} %",
            f"[dim]{escape('; '.join(family.evidence))}[/]",
        )
    output.table(table)
    output.say("")


def show_all(output: Output, outcomes: Sequence[EntryOutcome], total: int) -> None:
    """Say in one table how far each input was from the reference, and is.

    Parameters
    ----------
    output : Output
        Of the command.
    outcomes : sequence of EntryOutcome
        Of the inputs that were begun.
    total : int
        How many inputs there are.
    """
    output.data(
        {
            "matches": [outcome.to_dict() for outcome in outcomes],
            "not_begun": total - len(outcomes),
        }
    )
    if not output.talks or not outcomes:
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("input")
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right")
    table.add_column("what was done")
    for outcome in outcomes:
        cells = ["", "", ""]
        if outcome.report is not None:
            before, after = outcome.report.before, outcome.report.after
            share = f"{100 * (after / before - 1):+.0f} %" if before > 0 else ""
            cells = [f"{before:.3f}", f"{after:.3f}", share]
        done = ", ".join(outcome.effects) or "left alone"
        if outcome.status == "failed":
            done = "failed"
        elif outcome.error is not None:
            done += " (not all was written)"
        table.add_row(escape(outcome.entry.source.name), *cells, escape(done))
    output.say("")
    output.table(table)
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    finished_before = sum(outcome.status == "finished before" for outcome in outcomes)
    words = [f"{len(outcomes) - failed - finished_before} matched"]
    words += [f"{finished_before} finished before"] if finished_before else []
    words += [f"{failed} failed"] if failed else []
    rest = total - len(outcomes)
    words += [f"{rest} not begun (the same command goes on there)"] if rest else []
    output.say(f"[dim]{', '.join(words)}[/]")


def show_album(output: Output, album: Album) -> None:
    """Say in one table what became of each recording that was matched together with others.

    Parameters
    ----------
    output : Output
        Of the command.
    album : Album
        What there is of it.
    """
    tracks, report = album.tracks, album.report
    output.data(
        ({} if report is None else report.to_dict())
        | {
            "folder": str(album.folder),
            "files": [str(track.target) for track in tracks if track.target is not None],
            "tracks": [track.to_dict() for track in tracks],
        }
    )
    for track in tracks:
        if track.error is not None:
            name = f"{track.source}: "
            where = "" if str(track.source) in str(track.error) else name
            typer.echo(f"error: {where}{track.error}", err=True)
    if report is not None:
        for note in report.notes:
            output.warn(note)
        output.say(f"all together: {report.before:.3f} to {report.after:.3f}")
    elif album.resumed:
        output.say("all together: the preset was finished before")
    if not output.talks or not tracks:
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("input")
    table.add_column("what was done")
    table.add_column("peak", justify="right")
    for track in tracks:
        peak = "" if track.applied is None else f"{track.applied.peak_dbfs:+.1f} dBFS"
        table.add_row(escape(track.source.name), track.status, peak)
    output.say("")
    output.table(table)
    counts = Counter(track.status for track in tracks)
    words = [f"{count} {status}" for status, count in counts.items()]
    rest = " (the same command goes on there)" if counts["not begun"] else ""
    output.say(f"[dim]{', '.join(words)}{rest}[/]")
