"""Making the results of a match, one by one: what is there is kept, whatever else fails."""

from __future__ import annotations

import functools
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialin.audio import Audio
from dialin.errors import DialinError, OutputError, UnexpectedError
from dialin.files import Published, free_folder, publish, stands_in_the_way
from dialin.files.text import json_text, shown
from dialin.matching.files.file_render import (
    OutputPlan,
    Steps,
    file_steps,
    level_remark,
    side_by_side,
)
from dialin.matching.files.listening import Listening
from dialin.matching.fit import Fitted, FittedSlot, settings_for
from dialin.matching.options import RenderOptions
from dialin.reports import (
    Applied,
    ChoiceReport,
    Kind,
    KnobReport,
    NearestReport,
    SavedReport,
    SlotReport,
    report_html,
)

if TYPE_CHECKING:
    from dialin.matching.result import Match
    from dialin.presets.preset import Preset
    from dialin.rendering import RenderPool
    from dialin.reports.drawing import DrawnTrack

CHOICE_SECONDS = 300.0
"""Input up to which other choices are rendered too; of longer ones there are presets."""

NOT_SURE = "it is the nearest of what was tried, but not surely nearer than the input itself"


@dataclass(frozen=True)
class Saved:
    """What `save_match` wrote.

    Attributes
    ----------
    folder : Path
        Where it is: the folder that was asked for, or one beside it (see `error`).
    files : tuple of Path
        All of them, the audio first.
    audio : Applied, optional
        The rendered input; None where that failed.
    report : SavedReport
        What ``report.json`` says.
    remarks : tuple of str
        What became of the user's own files that were in the way.
    error : DialinError, optional
        Why this is not all that was asked for, and what to do; to be raised once the rest was
        shown.
    """

    folder: Path
    files: tuple[Path, ...]
    audio: Applied | None
    report: SavedReport
    remarks: tuple[str, ...] = ()
    error: DialinError | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What ``report.json`` holds."""
        return self.report.to_dict()


@dataclass(frozen=True)
class MatchFolder:
    """A folder that is held for the results of a match; see `match_folder`.

    Attributes
    ----------
    folder : Path
    work : Path
        Hidden folder in it, for what is not finished.
    plan : OutputPlan
        The audio to come.
    reads : tuple of Path
        What the run reads; none of it is replaced or deleted.
    overwrite : bool
        Whether earlier results may be replaced.
    """

    folder: Path
    work: Path
    plan: OutputPlan
    reads: tuple[Path, ...]
    overwrite: bool


@dataclass(frozen=True, eq=False)
class _Choice:
    """What else is as likely, to be rendered."""

    report: ChoiceReport
    fitted: Fitted
    target: Path


@dataclass(eq=False)
class Making:
    """Results in the making: what is there, and what could not be made.

    Attributes
    ----------
    match : Match
        What was found.
    held : MatchFolder
        Where it goes.
    about : mapping
        Plain data to keep in the folder's list of files.
    pool : RenderPool
        Workers that render.
    options : RenderOptions
        Amount, headroom and tail.
    command : str
        What repeats this match.
    command_note : str
        What the command leaves out, in words.
    """

    match: Match
    held: MatchFolder
    about: Mapping[str, Any]
    pool: RenderPool
    options: RenderOptions
    command: str
    command_note: str = ""
    _staged: Path = field(init=False)
    _report: SavedReport = field(init=False)
    _errors: dict[str, DialinError] = field(init=False, default_factory=dict)
    _tracks: list[DrawnTrack] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._staged = self.held.work / "staged"
        # The user may have tidied up during the search.
        self._staged.mkdir(parents=True, exist_ok=True)
        self._report = SavedReport.of(
            self.match.report,
            amount=self.options.amount,
            tail=self.options.tail,
            command=self.command,
            command_note=self.command_note,
        )

    def attempt(self, name: str, make: Callable[[], None]) -> None:
        """Make one of the results; note it where that fails, and leave no half of it.

        Parameters
        ----------
        name : str
            Of the file or folder that is made.
        make : callable
            Makes it.
        """
        try:
            make()
        except Exception as error:
            self._errors[name] = UnexpectedError.of(error)
            self._take_away(name)

    def _take_away(self, name: str) -> None:
        """Leave no half of what could not be made."""
        with suppress(OSError):
            (self._staged / name).unlink()
        shutil.rmtree(self._staged / name, ignore_errors=True)

    def save_preset(self) -> None:
        """Write what took longest to find."""
        part = self._staged / "preset.json"
        try:
            self.match.preset.save(part, overwrite=True)
        except OutputError as error:
            raise OutputError(
                str(error).replace(str(part), str(self.held.folder / part.name))
            ) from error

    def render(
        self, progress: Callable[[float, float], None], listening: Listening | None = None
    ) -> None:
        """Render the input through the match, and through what else is kept of it, side by side.

        That is the candidate that was not sure, with its preset, or what else is as likely: their
        presets, and the input through them where it is short. As in `attempt`, one that fails
        leaves the others as they are.

        Parameters
        ----------
        progress : callable
            Called with seconds done, and seconds in all.
        listening : Listening, optional
            What the page will play, which is drawn while the rest is rendered.
        """
        todo: list[tuple[str, Callable[[], Steps[None]]]] = []
        todo.append((self.held.plan.target.name, lambda: self._match_steps(listening)))
        if self.match.nearest is not None:
            todo.append(("nearest", self._nearest_steps))
        choices: list[_Choice] = []
        if self.match.choices:
            self.attempt("choices", lambda: choices.extend(self._begin_choices()))
        if self.held.plan.source.seconds <= CHOICE_SECONDS:
            todo += [("choices", functools.partial(self._choice_steps, one)) for one in choices]
        failed: dict[str, Exception] = {}

        def guarded(name: str, begin: Callable[[], Steps[None]]) -> Steps[None]:
            try:
                yield from begin()
            except Exception as error:
                failed.setdefault(name, error)

        done: dict[int, float] = {}

        def tell(index: int, seconds: float) -> None:
            done[index] = seconds
            progress(sum(done.values()), len(todo) * self.held.plan.source.seconds)

        try:
            side_by_side([functools.partial(guarded, *one) for one in todo], self.pool, tell)
        finally:
            # In one order, however they come.
            for name in dict.fromkeys(name for name, _ in todo if name in failed):
                self._errors[name] = UnexpectedError.of(failed[name])
                self._take_away(name)
        if choices and "choices" not in failed:
            reports = tuple(one.report for one in choices)
            self._report = replace(self._report, choices=reports)

    def _match_steps(self, listening: Listening | None) -> Steps[None]:
        """Render the input through the match."""
        target = self.held.plan.target
        fitted = settings_for(self.match.preset, self.options.amount, self.pool)
        slots = rendered_slots(self._report.slots, fitted, self.options.amount)
        self._report = replace(self._report, slots=slots)
        rendered = self._staged / target.name
        try:
            whole = self.options.amount == 100 and not self.options.tail
            ready = self.match.rendered if whole else None
            audio = yield from self._file_steps(fitted, rendered, ready)
        except OutputError as error:
            raise OutputError(str(error).replace(str(rendered), str(target))) from error
        audio = replace(audio, target=target)
        remark = level_remark(audio, self.again(self.held.folder, "--headroom"))
        self._report = replace(self._report, rendered=audio)
        self._note(*fitted.notes, *([remark] if remark else []))
        if listening is not None and self.match.nearest is None:
            # Where that fails, it fails again where the page is written, and says so.
            with suppress(Exception):
                self._tracks = self._draw(listening)

    def _nearest_steps(self) -> Steps[None]:
        """Write the candidate that was not sure: its preset, and the input through it."""
        nearest, name = self.match.nearest, self.held.plan.target.name
        assert nearest is not None
        folder = self._staged / "nearest"
        folder.mkdir()
        nearest.preset.save(folder / "preset.json", overwrite=True)
        fitted = settings_for(nearest.preset, self.options.amount, self.pool)
        audio = yield from self._file_steps(fitted, folder / name)
        report = NearestReport(
            after=nearest.report.after,
            aspects=nearest.report.aspects,
            slots=rendered_slots(nearest.report.slots, fitted, self.options.amount),
            evidence=nearest.report.evidence,
            reason=NOT_SURE,
            rendered=replace(audio, target=self.held.folder / "nearest" / name),
        )
        self._report = replace(self._report, nearest=report)

    def _begin_choices(self) -> Iterator[_Choice]:
        """Write presets of what else is as likely."""
        for report, preset in zip(self._report.choices, self.match.choices, strict=True):
            relative = Path("choices") / str(report.number)
            folder = self._staged / relative
            folder.mkdir(parents=True)
            preset.save(folder / "preset.json", overwrite=True)
            fitted = settings_for(preset, self.options.amount, self.pool)
            slots = rendered_slots(report.slots, fitted, self.options.amount)
            yield _Choice(
                replace(report, slots=slots, folder=relative.as_posix()),
                fitted,
                folder / self.held.plan.target.name,
            )

    def _choice_steps(self, choice: _Choice) -> Steps[None]:
        yield from self._file_steps(choice.fitted, choice.target)

    def write_native(self) -> None:
        """Write presets for other hosts."""
        native, refused = _native(self.match.preset, self._staged / "native")
        names = tuple(path.relative_to(self._staged).as_posix() for path in native)
        self._report = replace(self._report, native=names)
        self._note(*refused)

    def write_page(self, listening: Listening) -> None:
        """Write the page to look at and listen to.

        Parameters
        ----------
        listening : Listening
            What it plays besides what is made here.
        """
        if self._report.rendered is None:
            raise OutputError("it needs the rendered audio")
        tracks = self._draw(listening) if self._tracks is None else self._tracks
        self._report = replace(self._report, played=tuple(track.played for track in tracks))
        page = report_html(self._report, tracks)
        (self._staged / "report.html").write_text(shown(page), "utf-8")

    def _draw(self, listening: Listening) -> list[DrawnTrack]:
        """Tracks of the page."""
        audio, plan = self._report.rendered, self.held.plan
        assert audio is not None
        nearest = self._staged / "nearest" / plan.target.name
        # What is the input's own sound is no second thing to listen to.
        changed = self.match.preset.slots and self.options.amount != 0
        made: list[tuple[Kind, Path]] = []
        if changed or audio.gain_db:
            made.append(("matched", self._staged / plan.target.name))
        if nearest.exists():
            made.append(("nearest", nearest))
        return listening.tracks(made)

    def finish(self, *, stopped: bool = False) -> Saved:
        """Put what there is into place.

        Parameters
        ----------
        stopped : bool, default False
            Whether the user wanted to wait no longer.

        Returns
        -------
        Saved
        """
        held = self.held
        folder = held.folder
        whole = not (self._errors or stopped)
        names = sorted(
            path.relative_to(self._staged).as_posix()
            for path in self._staged.rglob("*")
            if path.is_file()
        )
        # The preset moves first: it is what took longest.
        names.sort(key=lambda name: name != "preset.json")
        names.append("report.json")
        in_the_way = stands_in_the_way(folder, names)
        if in_the_way and not (held.overwrite and whole):
            folder = free_folder(folder)
        self._report = _in_folder(self._report, folder, held.plan.target.name)
        try:
            text = json_text(self._report.to_dict())
            (self._staged / "report.json").write_text(text + "\n", "utf-8")
        except OSError as error:
            self._errors["report.json"] = OutputError(str(error))
            with suppress(OSError):
                (self._staged / "report.json").unlink()
            names.remove("report.json")
        about = {**self.about, "finished": whole and not self.match.report.interrupted}
        done = publish(self._staged, folder, names, reads=held.reads, about=about)
        audio = held.plan.target.name
        files = tuple(sorted(done.files, key=lambda path: path.name != audio))
        for name, why in done.missing.items():
            self._errors.setdefault(name, OutputError(why))
        missing = self._error(done, in_the_way)
        return Saved(folder, files, self._report.rendered, self._report, _remarks(done), missing)

    def again(self, folder: Path, *options: str) -> str:
        """Command that renders the input through the preset once more, without a search.

        Parameters
        ----------
        folder : Path
            Where the preset lies.
        *options : str
            More words.

        Returns
        -------
        str
        """
        amount, tail = self.options.amount, self.options.tail
        words = ["dialin", "apply", str(folder / "preset.json"), str(self.held.plan.source.path)]
        words += ["-o", str(folder / "rendered"), *options]
        words += [] if amount == 100 else ["--amount", f"{amount:g}"]
        words += ["--tail", f"{tail:g}"] if tail else []
        return shlex.join(words)

    def _file_steps(
        self, fitted: Fitted, target: Path, rendered: Audio | None = None
    ) -> Steps[Applied]:
        return file_steps(
            *(self.held.plan.source.path, target, fitted.effect, fitted.settings),
            pool=self.pool,
            headroom=self.options.headroom,
            tail=self.options.tail,
            rendered=rendered,
        )

    def _note(self, *notes: str) -> None:
        self._report = replace(self._report, notes=(*self._report.notes, *notes))

    def _error(self, done: Published, in_the_way: Sequence[Path]) -> DialinError | None:
        asked = self.held.folder
        kept = (
            ", ".join(path.relative_to(done.folder).as_posix() for path in done.files) or "nothing"
        )
        if not self._errors:
            if done.folder == asked:
                return None
            return OutputError(
                f"{in_the_way[0].name!r} appeared in {str(asked)!r} during the search and was left "
                f"as it is; this match is in {str(done.folder)!r}"
            )
        first = next(iter(self._errors.values()))
        why = "; ".join(f"{name} is missing: {error}" for name, error in self._errors.items())
        # A person knows the folder, not where in it things are made.
        why = why.replace(str(self._staged), str(asked))
        what = f"the match is kept in {str(done.folder)!r} ({kept}), but {why}"
        if self._report.rendered is None and "preset.json" not in self._errors:
            what += f"; once that is mended, render it with: {self.again(done.folder)}"
        result = type(first)(what)
        result.__cause__ = first
        return result


def rendered_slots(
    slots: Sequence[SlotReport], fitted: Fitted, amount: float
) -> tuple[SlotReport, ...]:
    """Add to each knob what is rendered at an amount.

    Parameters
    ----------
    slots : sequence of SlotReport
        Of the match, 100 %.
    fitted : Fitted
        The preset at the amount.
    amount : float
        In per cent.

    Returns
    -------
    tuple of SlotReport
    """
    rendered = iter(fitted.slots)
    result = []
    for slot in slots:
        own = next(rendered, None) if slot.used else None
        knobs = slot.knobs
        if own is not None and amount != 0:
            indices = {p.id: n for n, p in enumerate(own.spec.parameters)}
            knobs = tuple(_rendered_knob(knob, own, indices.get(knob.id)) for knob in knobs)
        wet = 100.0 * own.share if own is not None else 0.0
        result.append(replace(slot, knobs=knobs, wet_percent=wet))
    return tuple(result)


def _rendered_knob(knob: KnobReport, slot: FittedSlot, index: int | None) -> KnobReport:
    if index is None:
        return knob
    parameter, position = slot.spec.parameters[index], float(slot.settings[index])
    return replace(
        knob,
        rendered=parameter.to_native(position),
        rendered_position=position,
        rendered_text=parameter.text(position),
    )


def _in_folder(report: SavedReport, folder: Path, audio: str) -> SavedReport:
    """The report with the folder that its audio ends up in."""
    rendered, nearest = report.rendered, report.nearest
    if rendered is not None:
        rendered = replace(rendered, target=folder / audio)
    if nearest is not None and nearest.rendered is not None:
        target = folder / "nearest" / audio
        nearest = replace(nearest, rendered=replace(nearest.rendered, target=target))
    return replace(report, rendered=rendered, nearest=nearest)


def _remarks(done: Published) -> tuple[str, ...]:
    kept = [
        f"{path} was not written by dialin, or changed since: it is {other.name} now"
        for path, other in done.kept
    ]
    left = [f"{path} was changed since dialin wrote it, and was left there" for path in done.left]
    return (*kept, *left)


def _native(preset: Preset, folder: Path) -> tuple[list[Path], list[str]]:
    """Write presets for other hosts; those that cannot be had are no reason to lose the match."""
    written: list[Path] = []
    notes: list[str] = []
    from dialin.presets.export import export_preset, unmixed

    formats = {each.slot.format for each in unmixed(preset)}
    for kind, wanted in (("vstpreset", "vst3"), ("lv2", "lv2")):
        if wanted not in formats:
            continue
        try:
            made = export_preset(preset, kind, folder)
            written += made.files
            notes += [note for note in made.notes if not note.startswith("left out")]
        except DialinError as error:
            notes.append(f"no {kind} preset was written: {error}")
    return written, notes
