"""The report of a match: one page to look at and listen to.

The page needs nothing but itself: charts are inline SVG, audio lies in it as FLAC (which every
current browser plays, sample-exact), and no address is ever fetched. Names of files and effects
come from anywhere, so the template escapes whatever it is given.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from dialin.reports.charts import (
    difference_chart,
    level_chart,
    mean_difference,
    picture_chart,
    spectrum_chart,
    spectrum_difference,
)
from dialin.reports.clips import AUDIO_BYTES, Clip, Track, equally_loud
from dialin.reports.drawing import DrawnTrack, draw_track
from dialin.reports.report import SavedReport
from dialin.reports.wording import choice_text, page_of, weights_of
from dialin.reports.words import SAME_RECORDING, signed

if TYPE_CHECKING:
    from jinja2 import Environment

NAMES = {
    "input": "Input",
    "matched": "Matched",
    "nearest": "Nearest, not sure",
    "reference": "Reference",
}
DRAWN = ("input", "reference", "nearest", "matched")
"""Order in which curves are drawn: what matters most lies on top."""


def report_html(report: SavedReport, tracks: Sequence[Track | DrawnTrack]) -> str:
    """Draw the page.

    Parameters
    ----------
    report : SavedReport
        Of a match that was written, or read again from ``report.json``.
    tracks : sequence of Track or DrawnTrack
        Input, matched (where there is a match), nearest (where that is all there is), then the
        references in the order of the report; drawn by `draw_track` or still to be.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    limit = AUDIO_BYTES // max(1, len(tracks))
    drawn = [draw_track(one, limit) if isinstance(one, Track) else one for one in tracks]
    clips = equally_loud([one.clip for one in drawn])
    template = _environment().get_template("report.html")
    return template.render(
        page=page_of(report),
        lanes=[_lane(one) for one in drawn],
        clips=clips,
        player=[_listen(one, clip) for one, clip in zip(drawn, clips, strict=True)],
        kinds=list(dict.fromkeys(one.played.kind for one in drawn)),
        names=NAMES,
        same_recording=SAME_RECORDING,
        choices=[
            {
                "number": choice.number,
                "text": choice_text(choice),
                "after": f"{choice.after:.2f}",
                "likely": f"{100 * choice.likelihood:.0f} %",
                "folder": choice.folder and f"{choice.folder}/",
            }
            for choice in report.choices
        ],
        families=sorted(report.families, key=lambda family: -family.probability),
        **_charts(report, drawn),
    )


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from dialin.reports.compiled_page import CompiledPage

    environment = Environment(
        loader=PackageLoader("dialin.reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        bytecode_cache=CompiledPage(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Our own style and script go in as they are: neither holds anything of the report.
    folder = files("dialin.reports").joinpath("page")
    environment.globals["style"] = Markup(folder.joinpath("page.css").read_text("utf-8"))
    environment.globals["script"] = Markup(folder.joinpath("player.js").read_text("utf-8"))
    return environment


def _lane(track: DrawnTrack) -> dict[str, Any]:
    loudness = track.clip.loudness
    return {
        "kind": track.played.kind,
        "name": NAMES[track.played.kind],
        "title": track.played.name,
        "level": "silent" if loudness is None else f"{signed(loudness, 1)} LUFS",
        "outline": track.outline,
    }


def _listen(track: DrawnTrack, clip: Clip) -> dict[str, Any]:
    """Facts of a clip for the page's script."""
    return {
        "kind": track.played.kind,
        "seconds": round(clip.seconds, 4),
        "sample_rate": clip.sample_rate,
        "restore": clip.restore,
        "match_db": clip.match_db,
        "natural_db": clip.natural_db,
        "loudness_lufs": None if clip.loudness is None else round(clip.loudness, 1),
        "peak_dbfs": None if clip.peak is None else round(clip.peak, 1),
    }


def _charts(report: SavedReport, tracks: Sequence[DrawnTrack]) -> dict[str, Any]:
    ordered = sorted(tracks, key=lambda track: DRAWN.index(track.played.kind))
    levels = [track.levels for track in ordered]
    heard = [track for track in tracks if track.played.kind == "reference"]
    goal = [
        (track.spectrum, weight)
        for track, weight in zip(heard, weights_of(report.references), strict=False)
        if weight > 0
    ]
    differences = [
        spectrum_difference(track.spectrum, goal)
        for track in ordered
        if track.played.kind != "reference" and goal
    ]
    means = {curve.kind: mean_difference(curve) for curve in differences}
    return {
        "spectrum": spectrum_chart([track.spectrum for track in ordered]),
        "difference": difference_chart(differences) if differences else None,
        "mean_differences": {
            kind: f"{mean:.1f} dB" for kind, mean in means.items() if mean is not None
        },
        "levels": level_chart(levels),
        "pictures": [
            {
                "title": picture.title,
                "text": picture.text,
                "kinds": [curve.kind for curve in picture.curves],
                "chart": picture_chart(picture),
            }
            for picture in report.pictures
            if picture.curves
        ],
    }
