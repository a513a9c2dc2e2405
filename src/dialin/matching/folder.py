"""The folder a match is written to.

====================  ==================================================================
``preset.json``       the settings, the effects they belong to, and the hosts' own states
INPUT's own name      the input through them, in its own format and length
``report.html``       a page to look at and listen to
``report.json``       the same facts for programs
``native/``           presets that other hosts read, where there are such
``nearest/``          the nearest candidate's preset and audio, where none was sure and the input
                      was left alone
====================  ==================================================================

Everything is first written into a hidden folder beside these and then moved, file by file. What
was found is kept, the preset first: where something else cannot be made, the rest is there, and
the error says what is missing. Earlier results are replaced by whole new ones only; see
`dialin.files.publish` for what becomes of a user's own files.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialin.audio import (
    Audio,
    AudioInfo,
    audio_info,
    cut_file,
    output_format,
    peak_dbfs,
    played_loudness,
    read_audio,
)
from dialin.configuration import config_file
from dialin.effects.files import effect_files
from dialin.errors import DialinError, OutputError, UnexpectedError
from dialin.files import (
    Published,
    check_not_read,
    check_space,
    claim_folder,
    free_folder,
    publish,
    stands_in_the_way,
    working_folder,
)
from dialin.files.text import json_text, plain, shown
from dialin.matching.file_render import (
    Applied,
    OutputPlan,
    level_remark,
    plan_output,
    render_file,
    try_output,
)
from dialin.matching.fit import Fitted, settings_for
from dialin.matching.options import check_tail
from dialin.reports import Kind, Track, report_html
from dialin.reports.clips import AUDIO_BYTES

if TYPE_CHECKING:
    from dialin.matching.result import Match
    from dialin.presets.preset import Preset
    from dialin.rendering import RenderPool

RESULTS = ("preset.json", "report.json", "report.html")

REPORT_BYTES = AUDIO_BYTES * 4 // 3 + 1_000_000
"""Most that a report takes; what a short recording's takes is less, by its length."""

RESERVE = "reserve"
RESERVED_BYTES = 1 << 20
"""Room that a preset finds even where the disk fills up during the search."""

LISTEN_SECONDS = 15.0
"""Length of the excerpts that lie in the report."""


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
    facts : dict
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
    facts: dict[str, Any]
    remarks: tuple[str, ...] = ()
    error: DialinError | None = None


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


def has_results(folder: str | PathLike[str]) -> bool:
    """Whether a folder holds results of an earlier match.

    Parameters
    ----------
    folder : path-like
        It may be missing.

    Returns
    -------
    bool
    """
    return bool(stands_in_the_way(Path(folder), RESULTS))


@contextmanager
def match_folder(
    folder: str | PathLike[str],
    input: str | PathLike[str],
    *,
    reads: Iterable[str | PathLike[str]] = (),
    effects: Iterable[str] = (),
    overwrite: bool = False,
    tail: float = 0.0,
) -> Iterator[MatchFolder]:
    """Check that results can go into `folder`, hold it, and make a hidden folder in it.

    Entered before the search, so that an hour of it is not lost to a typing error.

    Parameters
    ----------
    folder, input : path-like
        Where results are to go, and the recording that is matched.
    reads : iterable of path-like
        What else the run reads: references, models.
    effects : iterable of str
        URIs of the effects, whose files are read too.
    overwrite : bool
        Replace earlier results.
    tail : float
        Seconds rendered after the end.

    Yields
    ------
    MatchFolder

    Raises
    ------
    OutputError
        If the folder cannot be written to, has too little room, holds earlier results, is held
        by another run, or would lose something that is read; or if the audio's format cannot be
        written.
    """
    target = Path(folder)
    check_tail(tail)
    info = audio_info(input)
    suffix = output_format(info).suffix
    plan = plan_output(info, target / f"{info.path.stem}.{suffix}", tail)
    heard = [Path(path) for path in reads]
    read = [info.path, *heard, *effect_files(effects), config_file()]
    places = [*(target / name for name in RESULTS), plan.target]
    check_not_read(places, read)
    if not overwrite:
        in_the_way = stands_in_the_way(target, [place.name for place in places])
        if in_the_way:
            raise OutputError(
                f"{str(target)!r} holds earlier results ({in_the_way[0].name}); "
                "choose another folder, or replace them with --overwrite"
            )
    with working_folder(target) as work, claim_folder(target):
        tracks = 2 + len(heard)
        # 16-bit stereo at 48 kHz and less, in base64.
        listened = (
            tracks * min(info.seconds, LISTEN_SECONDS) * min(info.sample_rate, 48_000) * 16 / 3
        )
        check_space(target, 2 * plan.size + int(min(REPORT_BYTES, listened + 1_000_000)))
        try_output(plan, work)
        _reserve(work)
        yield MatchFolder(target, work, plan, tuple(read), overwrite)


def _reserve(work: Path) -> None:
    """Take a little room, given back to the preset where the disk fills up during the search."""
    try:
        (work / RESERVE).write_bytes(bytes(RESERVED_BYTES))
    except OSError as error:
        raise OutputError(
            f"cannot write into {str(work.parent)!r}: {error.strerror or error}; make room or "
            "choose another folder"
        ) from error


def save_match(
    match: Match,
    place: MatchFolder,
    references: Sequence[str | PathLike[str]],
    *,
    pool: RenderPool,
    amount: float = 100.0,
    headroom: bool = False,
    tail: float = 0.0,
    command: str = "",
    about: Mapping[str, Any] | None = None,
    progress: Callable[[str, float, float], None] | None = None,
) -> Saved:
    """Write a match into its folder.

    Parameters
    ----------
    match : Match
        What was found.
    place : MatchFolder
        From `match_folder`.
    references : sequence of path-like
        Files, in the order in which they were matched.
    pool : RenderPool
        Workers that render.
    amount, headroom, tail
        As in `dialin.matching.apply.apply_preset`.
    command : str
        What repeats this match, for the report.
    about : mapping, optional
        Plain data to keep in the folder's list of files.
    progress : callable, optional
        Called with what is being made, seconds done and seconds in all (0 where nobody knows),
        perhaps from another thread.

    Returns
    -------
    Saved
        Where something of it could not be made, its `error` says so.

    Raises
    ------
    DialinError
        If not even the preset can be written.
    """
    making = _Making(match, place, about or {})
    with suppress(OSError):
        (place.work / RESERVE).unlink()
    making.attempt("preset.json", lambda: making.save_preset())
    length = place.plan.source.seconds
    tell = progress or (lambda what, done, seconds: None)
    making.facts |= {"amount": amount, "command": command, "rendered": None}
    making.facts |= {"native": [], "played": [], "nearest": None}
    try:
        making.attempt(
            place.plan.target.name,
            lambda: _render(
                *(making, pool, amount, headroom, tail),
                lambda done: tell("rendering", done, length),
            ),
        )
        if match.nearest is not None:
            making.attempt(
                "nearest",
                lambda: _write_nearest(
                    *(making, match.nearest, pool, amount, headroom, tail),
                    lambda done: tell("rendering the nearest candidate", done, length),
                ),
            )
        making.attempt("native", lambda: _write_native(making))
        tell("writing the report", 0.0, 0.0)
        making.attempt("report.html", lambda: _write_page(making, references))
    except BaseException as stop:
        # Ctrl-C, or an order to end. What was found took longest, and is written already.
        kept = making.finish(stopped=True)
        stop.add_note(f"the settings found are kept: {kept.folder / 'preset.json'}")
        raise
    return making.finish()


@dataclass(eq=False)
class _Making:
    """Results in the making: what is there, and what could not be made."""

    match: Match
    place: MatchFolder
    about: Mapping[str, Any]
    staged: Path = field(init=False)
    facts: dict[str, Any] = field(init=False)
    audio: Applied | None = None
    errors: dict[str, DialinError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.staged = self.place.work / "staged"
        # The user may have tidied up during the search.
        self.staged.mkdir(parents=True, exist_ok=True)
        self.facts = self.match.report.to_dict()

    def attempt(self, name: str, make: Callable[[], None]) -> None:
        """Make one of the results; note it where that fails, and leave no half of it."""
        try:
            make()
        except Exception as error:
            self.errors[name] = UnexpectedError.of(error)
            with suppress(OSError):
                (self.staged / name).unlink()
            shutil.rmtree(self.staged / name, ignore_errors=True)

    def save_preset(self) -> None:
        """Write what took longest to find."""
        part = self.staged / "preset.json"
        try:
            self.match.preset.save(part, overwrite=True)
        except OutputError as error:
            shown = str(error).replace(str(part), str(self.place.folder / part.name))
            raise OutputError(shown) from error

    def finish(self, *, stopped: bool = False) -> Saved:
        """Put what there is into place."""
        place = self.place
        folder = place.folder
        whole = not (self.errors or stopped)
        names = sorted(
            path.relative_to(self.staged).as_posix()
            for path in self.staged.rglob("*")
            if path.is_file()
        )
        # The preset moves first: it is what took longest.
        names.sort(key=lambda name: name != "preset.json")
        names.append("report.json")
        in_the_way = stands_in_the_way(folder, names)
        if in_the_way and not (place.overwrite and whole):
            folder = free_folder(folder)
        if self.audio is not None:
            self.audio = replace(self.audio, target=folder / place.plan.target.name)
            self.facts["rendered"] = self.audio.to_dict()
        if self.facts["nearest"]:
            target = folder / "nearest" / place.plan.target.name
            self.facts["nearest"]["rendered"]["target"] = str(target)
        try:
            text = json_text(plain(self.facts))
            (self.staged / "report.json").write_text(text + "\n", "utf-8")
        except OSError as error:
            self.errors["report.json"] = OutputError(str(error))
            with suppress(OSError):
                (self.staged / "report.json").unlink()
            names.remove("report.json")
        facts = {**self.about, "finished": whole and not self.match.report.interrupted}
        done = publish(self.staged, folder, names, reads=place.reads, about=facts)
        audio = place.plan.target.name
        files = tuple(sorted(done.files, key=lambda path: path.name != audio))
        for name, why in done.missing.items():
            self.errors.setdefault(name, OutputError(why))
        return Saved(
            folder, files, self.audio, self.facts, _remarks(done), self._error(done, in_the_way)
        )

    def _error(self, done: Published, in_the_way: Sequence[Path]) -> DialinError | None:
        asked = self.place.folder
        kept = (
            ", ".join(path.relative_to(done.folder).as_posix() for path in done.files) or "nothing"
        )
        if not self.errors:
            if done.folder == asked:
                return None
            return OutputError(
                f"{in_the_way[0].name!r} appeared in {str(asked)!r} during the search and was left "
                f"as it is; this match is in {str(done.folder)!r}"
            )
        first = next(iter(self.errors.values()))
        why = "; ".join(f"{name} is missing: {error}" for name, error in self.errors.items())
        # A person knows the folder, not where in it things are made.
        why = why.replace(str(self.staged), str(asked))
        what = f"the match is kept in {str(done.folder)!r} ({kept}), but {why}"
        if self.audio is None and "preset.json" not in self.errors:
            what += f"; once that is mended, render it with: {self.again(done.folder)}"
        result = type(first)(what)
        result.__cause__ = first
        return result

    def again(self, folder: Path, *options: str) -> str:
        """Command that renders the input through the preset once more, without a search."""
        amount = self.facts["amount"]
        words = ["dialin", "apply", str(folder / "preset.json"), str(self.place.plan.source.path)]
        words += ["-o", str(folder / "rendered"), *options]
        words += [] if amount == 100 else ["--amount", f"{amount:g}"]
        tail = self.facts.get("tail", 0.0)
        words += ["--tail", f"{tail:g}"] if tail else []
        return shlex.join(words)


def _render(
    making: _Making,
    pool: RenderPool,
    amount: float,
    headroom: bool,
    tail: float,
    progress: Callable[[float], None],
) -> None:
    plan = making.place.plan
    making.facts["tail"] = tail
    fitted = settings_for(making.match.preset, amount, pool)
    _add_rendered_knobs(making.facts, fitted, amount)
    rendered = making.staged / plan.target.name
    try:
        audio = render_file(
            plan.source.path,
            rendered,
            fitted.effect,
            fitted.settings,
            pool=pool,
            headroom=headroom,
            tail=tail,
            progress=progress,
        )
    except OutputError as error:
        shown = str(error).replace(str(rendered), str(plan.target))
        raise OutputError(shown) from error
    making.audio = replace(audio, target=plan.target)
    making.facts["rendered"] = making.audio.to_dict()
    making.facts["notes"] += fitted.notes
    remark = level_remark(making.audio, making.again(making.place.folder, "--headroom"))
    making.facts["notes"] += [remark] if remark else []


def _write_nearest(
    making: _Making,
    nearest: Match | None,
    pool: RenderPool,
    amount: float,
    headroom: bool,
    tail: float,
    progress: Callable[[float], None],
) -> None:
    """Write the candidate that was not sure: its preset, the input through it, and its facts."""
    assert nearest is not None
    plan = making.place.plan
    folder = making.staged / "nearest"
    folder.mkdir()
    nearest.preset.save(folder / "preset.json", overwrite=True)
    fitted = settings_for(nearest.preset, amount, pool)
    report = nearest.report.to_dict()
    facts = {name: report[name] for name in ("after", "aspects", "slots", "evidence")}
    _add_rendered_knobs(facts, fitted, amount)
    audio = render_file(
        plan.source.path,
        folder / plan.target.name,
        fitted.effect,
        fitted.settings,
        pool=pool,
        headroom=headroom,
        tail=tail,
        progress=progress,
    )
    audio = replace(audio, target=making.place.folder / "nearest" / plan.target.name)
    reason = "it is the nearest of what was tried, but not surely nearer than the input itself"
    making.facts["nearest"] = facts | {"reason": reason, "rendered": audio.to_dict()}


def _add_rendered_knobs(facts: dict[str, Any], fitted: Fitted, amount: float) -> None:
    """Add what is rendered at the amount to each knob; ``after`` is the match itself, 100 %."""
    rendered = iter(fitted.slots)
    for slot in facts["slots"]:
        own = next(rendered, None) if slot["used"] else None
        slot["wet_percent"] = 100.0 * own.share if own is not None else 0.0
        known = {} if own is None else {p.id: n for n, p in enumerate(own.spec.parameters)}
        for knob in slot["knobs"]:
            index = known.get(knob["id"])
            knob |= {"rendered": None, "rendered_position": None, "rendered_text": None}
            if own is None or index is None or amount == 0:
                continue
            parameter, position = own.spec.parameters[index], float(own.settings[index])
            knob |= {
                "rendered": parameter.to_native(position),
                "rendered_position": position,
                "rendered_text": parameter.text(position),
            }


def _write_native(making: _Making) -> None:
    native, refused = _native(making.match.preset, making.staged / "native")
    making.facts["native"] = [path.relative_to(making.staged).as_posix() for path in native]
    making.facts["notes"] += refused


def _write_page(making: _Making, references: Sequence[str | PathLike[str]]) -> None:
    if making.audio is None:
        raise OutputError("it needs the rendered audio")
    plan = making.place.plan
    rendered = making.staged / plan.target.name
    nearest = making.staged / "nearest" / plan.target.name
    # What is the input's own sound is no second thing to listen to.
    changed = making.match.preset.slots and making.facts["amount"] != 0
    made: dict[Kind, Path | None] = {
        "matched": rendered if changed or making.audio.gain_db else None,
        "nearest": nearest if nearest.exists() else None,
    }
    tracks = _tracks(plan.source, made, references)
    making.facts["played"] = [_played(track) for track in tracks]
    page = report_html(making.facts, tracks)
    (making.staged / "report.html").write_text(shown(page), "utf-8")


def _played(track: Track) -> dict[str, Any]:
    """Level facts of what is listened to: the excerpt, as it was rendered, as players play it."""
    return {
        "kind": track.kind,
        "name": track.title,
        "start": track.start,
        "seconds": track.audio.shape[1] / track.sample_rate,
        "sample_rate": track.sample_rate,
        "channels": track.audio.shape[0],
        "loudness_lufs": played_loudness(track.audio, track.sample_rate),
        "peak_dbfs": peak_dbfs(track.audio),
    }


def _remarks(done: Published) -> tuple[str, ...]:
    kept = [
        f"{place} was not written by dialin, or changed since: it is {other.name} now"
        for place, other in done.kept
    ]
    left = [f"{place} was changed since dialin wrote it, and was left there" for place in done.left]
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


def _tracks(
    info: AudioInfo, made: Mapping[Kind, Path | None], references: Sequence[str | PathLike[str]]
) -> list[Track]:
    """Cut what is listened to: the same stretch of the input and of what was made of it."""
    audio, rate, first = _excerpt(info.path)
    length = audio.shape[1]
    tracks = [Track("input", info.path.name, audio, rate, first / rate)]
    for kind, path in made.items():
        if path is not None:
            sound, _ = read_audio(path, start=first, frames=length)
            tracks.append(Track(kind, path.name, sound, rate, first / rate))
    for reference in references:
        sound, own_rate, start = _excerpt(Path(reference))
        tracks.append(Track("reference", Path(reference).name, sound, own_rate, start / own_rate))
    return tracks


def _excerpt(path: Path) -> tuple[Audio, int, int]:
    """Most active stretch of a file."""
    cut = cut_file(path, seconds=LISTEN_SECONDS, pieces=1)
    return cut.pieces[0], cut.sample_rate, cut.starts[0]
