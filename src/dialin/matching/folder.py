"""The folder a match is written to.

====================  ==================================================================
``preset.json``       the settings, the effects they belong to, and the hosts' own states
INPUT's own name      the input through them, in its own format and length
``report.html``       a page to look at and listen to
``report.json``       the same facts for programs
``native/``           presets that other hosts read, where there are such
====================  ==================================================================

Everything is first written into a hidden folder beside these and then moved, file by file, so
that a run that fails or is stopped leaves what was there before as it was.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialin.audio import Audio, AudioInfo, active_excerpts, audio_info, read_audio
from dialin.errors import DialinError, OutputError
from dialin.matching.apply import (
    Applied,
    level_remark,
    move,
    output_format,
    render_file,
    working_folder,
)
from dialin.matching.fit import settings_for
from dialin.matching.report import Track, report_html

if TYPE_CHECKING:
    from dialin.effects.preset import Preset
    from dialin.matching.result import Match
    from dialin.rendering import RenderPool

RESULTS = ("preset.json", "report.json", "report.html", "native")

LISTEN_SECONDS = 15.0
"""Length of the excerpts that lie in the report."""


SEARCHED_SECONDS = 600
"""Length of the part of a recording that the excerpt is looked for in."""


@dataclass(frozen=True)
class Saved:
    """What `save_match` wrote.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
        All of them, the audio first.
    audio : Applied
        The rendered input.
    facts : dict
        What ``report.json`` says.
    """

    folder: Path
    files: tuple[Path, ...]
    audio: Applied
    facts: dict[str, Any]


def has_results(folder: str | PathLike[str]) -> bool:
    """Whether a folder holds results of an earlier match."""
    return any((Path(folder) / name).exists() for name in RESULTS)


@contextmanager
def match_folder(
    folder: str | PathLike[str], input: str | PathLike[str], *, overwrite: bool = False
) -> Iterator[Path]:
    """Check that results can go into `folder`, and make the hidden folder they are made in.

    Entered before the search, so that an hour of it is not lost to a typing error.

    Raises
    ------
    OutputError
        If the folder cannot be written to, holds earlier results, or would lose the input.
    """
    target = Path(folder)
    info = audio_info(input)
    suffix, _ = output_format(info)
    audio = target / f"{info.path.stem}.{suffix}"
    if audio.exists() and audio.samefile(info.path):
        raise OutputError(
            f"the result would replace the input {str(info.path)!r}; choose another folder"
        )
    if not overwrite:
        for place in (*(target / name for name in RESULTS), audio):
            if place.exists():
                raise OutputError(
                    f"{str(target)!r} holds earlier results ({place.name}); "
                    "choose another folder, or replace them with --overwrite"
                )
    with working_folder(target) as work:
        yield work


def save_match(
    match: Match,
    work: Path,
    input: str | PathLike[str],
    references: Sequence[str | PathLike[str]],
    *,
    pool: RenderPool,
    amount: float = 100.0,
    headroom: bool = False,
    tail: float = 0.0,
    command: str = "",
) -> Saved:
    """Write a match into its folder.

    Parameters
    ----------
    match : Match
    work : Path
        From `match_folder`; its parent is where the results go.
    input, references : path-like
    pool : RenderPool
    amount, headroom, tail
        As in `dialin.matching.apply.apply_preset`.
    command : str
        What repeats this match, for the report.

    Raises
    ------
    DialinError
    """
    folder = work.parent
    info = audio_info(input)
    suffix, _ = output_format(info)
    staged = work / "staged"
    staged.mkdir()
    preset = match.preset
    preset.save(staged / "preset.json", overwrite=True)
    rendered = staged / f"{info.path.stem}.{suffix}"
    fitted = settings_for(preset, amount, pool)
    try:
        audio = render_file(
            info.path,
            rendered,
            fitted.effect,
            fitted.settings,
            pool=pool,
            headroom=headroom,
            tail=tail,
        )
    except OutputError as error:
        shown = str(error).replace(str(rendered), str(folder / rendered.name))
        raise OutputError(shown) from error
    audio = replace(audio, target=folder / rendered.name)
    native, refused = _native(preset, staged / "native")
    notes = [*match.report.notes, *fitted.notes, *refused, *filter(None, [level_remark(audio)])]
    facts = match.report.to_dict() | {
        "amount": amount,
        "notes": notes,
        "command": command,
        "rendered": audio.to_dict(),
        "native": [path.relative_to(staged).as_posix() for path in native],
    }
    tracks = _tracks(info, rendered, references)
    (staged / "report.html").write_text(report_html(page_facts(facts), tracks), "utf-8")
    text = json.dumps(plain(facts), indent=2, ensure_ascii=False, allow_nan=False)
    (staged / "report.json").write_text(text + "\n", "utf-8")
    return Saved(folder, _publish(staged, folder, rendered.name), audio, facts)


def page_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as `dialin.matching.report.report_html` wants them, from those of ``report.json``."""
    slots = []
    for slot in facts["slots"]:
        knobs = []
        for knob in slot["knobs"]:
            place = {"before": knob["before_position"], "after": knob["after_position"]}
            marks = {"locked": knob["locked"], "does nothing": knob["dead"]}
            knobs.append(knob | place | {"tags": [tag for tag, on in marks.items() if on]})
        slots.append({**slot, "knobs": knobs})
    rendered = facts["rendered"]
    level = f"peak {rendered['peak_dbfs']:.1f} dBFS, RMS {rendered['rms_dbfs']:.1f} dBFS"
    if rendered["gain_db"]:
        level += f", turned down by {-rendered['gain_db']:.1f} dB for headroom"
    speed = facts["renders"] / facts["seconds"] if facts["seconds"] > 0 else 0.0
    details = {
        "search": f"{facts['renders']} of {facts['budget']} renders in {facts['seconds']:.1f} s "
        f"({speed:.0f} a second), {facts['failures']} failed, seed {facts['seed']}",
        "result": f"{Path(rendered['target']).name}: {rendered['seconds']:.2f} s, "
        f"{rendered['sample_rate']} Hz, {rendered['channels']} ch, {rendered['subtype']}",
        "level": level,
    }
    if facts["models"]:
        details["began with the answer of"] = ", ".join(facts["models"])
    sounds = [("input", facts["input"]), ("matched", facts["output"])]
    sounds += [("reference", sound) for sound in facts["references"]]
    for kind, sound in sounds:
        name = kind if kind != "reference" else f"reference {sound['name']}"
        loudness, peak, crest = (
            "silent" if sound[key] is None else f"{sound[key]:.1f} {unit}"
            for key, unit in (("loudness_lufs", "LUFS"), ("peak_dbfs", "dBFS"), ("crest_db", "dB"))
        )
        weight = f", weight {sound['weight']:g}" if len(facts["references"]) > 1 else ""
        details[name] = f"{loudness}, peak {peak}, crest {crest}" + (
            weight if kind == "reference" else ""
        )
    if facts["native"]:
        details["for other hosts"] = ", ".join(facts["native"])
    details["dialin"] = facts["version"]
    return {**facts, "slots": slots, "details": details}


def plain(value: Any) -> Any:
    """Value with infinite numbers, which JSON has no word for, as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value


def _native(preset: Preset, folder: Path) -> tuple[list[Path], list[str]]:
    """Write presets for other hosts; those that cannot be had are no reason to lose the match."""
    written: list[Path] = []
    notes: list[str] = []
    formats = {slot.format for slot in preset.slots}
    for kind, wanted in (("vstpreset", "vst3"), ("lv2", "lv2")):
        if wanted not in formats:
            continue
        from dialin.effects.export import export_preset

        try:
            written += export_preset(preset, kind, folder)
        except DialinError as error:
            notes.append(f"no {kind} preset was written: {error}")
    return written, notes


def _tracks(
    info: AudioInfo, rendered: Path, references: Sequence[str | PathLike[str]]
) -> list[Track]:
    audio, rate, first = _excerpt(info.path)
    length = audio.shape[1]
    matched, _ = read_audio(rendered, start=first, frames=length)
    tracks = [
        Track("input", info.path.name, audio, rate, first / rate),
        Track("matched", rendered.name, matched, rate, first / rate),
    ]
    for reference in references:
        sound, own_rate, start = _excerpt(Path(reference))
        tracks.append(Track("reference", Path(reference).name, sound, own_rate, start / own_rate))
    return tracks


def _excerpt(path: Path) -> tuple[Audio, int, int]:
    """Most active stretch of a file; of a very long one, of its first part."""
    info = audio_info(path)
    audio, rate = read_audio(path, frames=min(info.frames, SEARCHED_SECONDS * info.sample_rate))
    place = active_excerpts(audio, rate, seconds=LISTEN_SECONDS, pieces=1)[0]
    return audio[:, place], rate, int(place.start)


def _publish(staged: Path, folder: Path, audio: str) -> tuple[Path, ...]:
    old = folder / "native"
    if old.is_dir():
        shutil.rmtree(old)
    files: list[Path] = []
    for name in (audio, "preset.json", "report.html", "report.json"):
        move(staged / name, folder / name)
        files.append(folder / name)
    if (staged / "native").is_dir():
        move(staged / "native", old)
        files += sorted(path for path in old.rglob("*") if path.is_file())
    return tuple(files)
