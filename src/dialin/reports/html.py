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
    Curve,
    difference_chart,
    level_chart,
    level_distribution,
    loudness_spectrum,
    mean_difference,
    outline,
    picture_chart,
    spectrum_chart,
    spectrum_difference,
)
from dialin.reports.clips import Clip, Track, make_clips
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


def report_html(report: SavedReport, tracks: Sequence[Track]) -> str:
    """Draw the page.

    Parameters
    ----------
    report : SavedReport
        Of a match that was written, or read again from ``report.json``.
    tracks : sequence of Track
        Input, matched (where there is a match), nearest (where that is all there is), then the
        references in the order of the report.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    clips = make_clips(tracks)
    template = _environment().get_template("report.html")
    return template.render(
        page=page_of(report),
        lanes=[_lane(track, clip) for track, clip in zip(tracks, clips, strict=True)],
        clips=clips,
        player=[_listen(track, clip) for track, clip in zip(tracks, clips, strict=True)],
        kinds=list(dict.fromkeys(track.kind for track in tracks)),
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
        **_charts(report, tracks),
    )


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("dialin.reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Our own style and script go in as they are: neither holds anything of the report.
    folder = files("dialin.reports").joinpath("page")
    environment.globals["style"] = Markup(folder.joinpath("page.css").read_text("utf-8"))
    environment.globals["script"] = Markup(folder.joinpath("player.js").read_text("utf-8"))
    return environment


def _lane(track: Track, clip: Clip) -> dict[str, Any]:
    peak = 10 ** ((clip.peak or 0.0) / 20)
    return {
        "kind": track.kind,
        "name": NAMES[track.kind],
        "title": track.title,
        "level": "silent" if clip.loudness is None else f"{signed(clip.loudness, 1)} LUFS",
        "outline": outline(track.audio, gain=0.95 / max(peak, 1e-6)),
    }


def _listen(track: Track, clip: Clip) -> dict[str, Any]:
    """Facts of a clip for the page's script."""
    return {
        "kind": track.kind,
        "seconds": round(clip.seconds, 4),
        "sample_rate": clip.sample_rate,
        "restore": clip.restore,
        "match_db": clip.match_db,
        "natural_db": clip.natural_db,
        "loudness_lufs": None if clip.loudness is None else round(clip.loudness, 1),
        "peak_dbfs": None if clip.peak is None else round(clip.peak, 1),
    }


def _charts(report: SavedReport, tracks: Sequence[Track]) -> dict[str, Any]:
    ordered = sorted(tracks, key=lambda track: DRAWN.index(track.kind))
    spectra = {
        id(track): Curve(
            track.title, track.kind, *loudness_spectrum(track.audio, track.sample_rate)
        )
        for track in ordered
    }
    levels = [
        Curve(track.title, track.kind, *level_distribution(track.audio, track.sample_rate))
        for track in ordered
    ]
    heard = [track for track in tracks if track.kind == "reference"]
    goal = [
        (spectra[id(track)], weight)
        for track, weight in zip(heard, weights_of(report.references), strict=False)
        if weight > 0
    ]
    differences = [
        spectrum_difference(spectra[id(track)], goal)
        for track in ordered
        if track.kind != "reference" and goal
    ]
    means = {curve.kind: mean_difference(curve) for curve in differences}
    return {
        "spectrum": spectrum_chart(list(spectra.values())),
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
