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

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialin.audio import audio_info, output_format
from dialin.configuration import config_file
from dialin.effects.files import effect_files
from dialin.errors import OutputError
from dialin.files import (
    check_not_read,
    check_space,
    claim_folder,
    stands_in_the_way,
    working_folder,
)
from dialin.matching.files.file_render import plan_output, try_output
from dialin.matching.files.listening import LISTEN_SECONDS, Listening
from dialin.matching.files.making import Making, MatchFolder, Saved
from dialin.matching.options import RenderOptions, check_tail
from dialin.reports.clips import AUDIO_BYTES

if TYPE_CHECKING:
    from dialin.matching.result import Match
    from dialin.rendering import RenderPool

RESULTS = ("preset.json", "report.json", "report.html")

REPORT_BYTES = AUDIO_BYTES * 4 // 3 + 1_000_000
"""Most that a report takes; what a short recording's takes is less, by its length."""

RESERVE = "reserve"
RESERVED_BYTES = 1 << 20
"""Room that a preset finds even where the disk fills up during the search."""


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
    results = [*(target / name for name in RESULTS), plan.target]
    check_not_read(results, read)
    if not overwrite:
        in_the_way = stands_in_the_way(target, [path.name for path in results])
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
    held: MatchFolder,
    references: Sequence[str | PathLike[str]],
    *,
    pool: RenderPool,
    options: RenderOptions | None = None,
    command: str = "",
    command_note: str = "",
    about: Mapping[str, Any] | None = None,
    progress: Callable[[str, float, float], None] | None = None,
    listening: Listening | None = None,
) -> Saved:
    """Write a match into its folder.

    Parameters
    ----------
    match : Match
        What was found.
    held : MatchFolder
        From `match_folder`, with the tail of `options`.
    references : sequence of path-like
        Files, in the order in which they were matched.
    pool : RenderPool
        Workers that render.
    options : RenderOptions, optional
        Amount, headroom and tail.
    command : str
        What repeats this match, for the report.
    command_note : str
        What the command leaves out, in words; empty where it says everything.
    about : mapping, optional
        Plain data to keep in the folder's list of files.
    progress : callable, optional
        Called with what is being made, seconds done and seconds in all (0 where nobody knows),
        perhaps from another thread.
    listening : Listening, optional
        Of the input and the references, where it was begun before; begun here otherwise.

    Returns
    -------
    Saved
        Where something of it could not be made, its `error` says so.

    Raises
    ------
    DialinError
        If not even the preset can be written.
    """
    making = Making(
        match, held, about or {}, pool, options or RenderOptions(), command, command_note
    )
    with suppress(OSError):
        (held.work / RESERVE).unlink()
    making.attempt("preset.json", making.save_preset)
    tell = progress or (lambda what, done, seconds: None)
    heard = listening or Listening(pool, held.plan.source.path, references)
    try:
        making.render(lambda done, seconds: tell("rendering", done, seconds), heard)
        making.attempt("native", making.write_native)
        tell("writing the report", 0.0, 0.0)
        making.attempt("report.html", lambda: making.write_page(heard))
    except BaseException as stop:
        # Ctrl-C, or an order to end. What was found took longest, and is written already.
        kept = making.finish(stopped=True)
        stop.add_note(f"the settings found are kept: {kept.folder / 'preset.json'}")
        raise
    return making.finish()
