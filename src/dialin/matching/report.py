"""The report of a match: one page to look at and listen to, and the same facts for programs.

The page needs nothing but itself: charts are inline SVG, audio lies in it as FLAC (which every
current browser plays, sample-exact), and no address is ever fetched.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from dialin.audio import Audio, integrated_loudness, peak_dbfs, resample
from dialin.matching.charts import (
    Curve,
    band_spectrum,
    level_chart,
    level_distribution,
    spectrum_chart,
    waveform,
)

Kind = Literal["input", "matched", "reference"]

AUDIO_BYTES = 5_200_000
"""FLAC that a page may carry; base64 makes a third more of it."""

LOUDEST = -16.0
"""Loudness that tracks are matched at, in LUFS, unless a peak does not allow it."""


@dataclass(frozen=True, eq=False)
class Track:
    """One thing to listen to.

    Attributes
    ----------
    kind : {"input", "matched", "reference"}
    title : str
        Such as a file's name.
    audio : ndarray, shape (channels, samples)
        The excerpt to play and draw.
    sample_rate : int
    start : float
        Where in its recording the excerpt begins, in seconds.
    """

    kind: Kind
    title: str
    audio: Audio
    sample_rate: int
    start: float = 0.0


def report_html(facts: Mapping[str, Any], tracks: Sequence[Track]) -> str:
    """Draw the page.

    Parameters
    ----------
    facts : mapping
        As `dialin.matching.folder.facts_of` gathers them.
    tracks : sequence of Track
        Input, matched, then the references.
    """
    embedded, listen = _embed(tracks)
    fill = {
        "title": escape(f"{facts['input']['name']} → {facts['references'][0]['name']} · dialin"),
        "version": escape(str(facts["version"])),
        "header": _header(facts),
        "notes": _notes(facts["notes"]),
        "lanes": "".join(_lane(i, t, listen[i]) for i, t in enumerate(tracks)),
        "last_key": str(len(tracks)),
        "body": "\n".join(
            [
                _charts(tracks),
                _aspects(facts),
                _knobs(facts["slots"]),
                _details(facts),
            ]
        ),
        "tracks": json.dumps(listen).replace("<", "\\u003c"),
        "audio": embedded,
    }
    template = files("dialin.matching").joinpath("report_template.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: fill[found.group(1)], template)


def _embed(tracks: Sequence[Track]) -> tuple[str, list[dict[str, Any]]]:
    loud = [integrated_loudness(t.audio, t.sample_rate) for t in tracks]
    peaks = [peak_dbfs(t.audio) for t in tracks]
    heard = [i for i in range(len(tracks)) if np.isfinite(loud[i]) and np.isfinite(peaks[i])]
    # The common loudness is the highest at which no track's peak passes -0.5 dBFS.
    target = min([LOUDEST, *(loud[i] - peaks[i] - 0.5 for i in heard)])
    # With equal loudness off the tracks keep their levels to each other, turned down together if
    # one would otherwise clip.
    natural = min([0.0, *(-0.1 - peaks[i] for i in heard)])
    scripts, listen = [], []
    limit = AUDIO_BYTES // max(1, len(tracks))
    for index, track in enumerate(tracks):
        flac, scale, rate = _flac(track, limit)
        scripts.append(
            f'<script type="text/plain" id="audio-{index}">'
            f"{base64.b64encode(flac).decode('ascii')}</script>"
        )
        listen.append(
            {
                "kind": track.kind,
                "seconds": round(track.audio.shape[1] / track.sample_rate, 4),
                "sample_rate": rate,
                "restore": 1.0 / scale,
                "match_db": round(target - loud[index], 2) if index in heard else 0.0,
                "natural_db": round(natural, 2),
                "loudness_lufs": round(loud[index], 1) if index in heard else None,
                "peak_dbfs": round(peaks[index], 1) if index in heard else None,
            }
        )
    return "\n".join(scripts), listen


def _flac(track: Track, limit: int) -> tuple[bytes, float, int]:
    """Compress to 16-bit FLAC; mono and then lower rates are the way to stay below a limit."""
    import soundfile

    audio, rate = track.audio[:2], track.sample_rate
    highest = 48_000
    while True:
        target = rate
        while target > highest:
            target = target // 2 if target % 2 == 0 else highest
        sound = resample(audio, rate, target)
        peak = float(np.abs(sound).max(initial=0.0))
        scale = min(1.0, 0.999 / peak) if peak > 0 else 1.0
        buffer = io.BytesIO()
        soundfile.write(buffer, (sound * scale).T, target, format="FLAC", subtype="PCM_16")
        flac = buffer.getvalue()
        if len(flac) <= limit or (audio.shape[0] == 1 and highest <= 12_000):
            return flac, scale, target
        if highest > 24_000:
            highest //= 2
        elif audio.shape[0] == 2:
            audio = audio.mean(axis=0, keepdims=True)
        else:
            highest //= 2


def _header(facts: Mapping[str, Any]) -> str:
    references = " + ".join(escape(r["name"]) for r in facts["references"])
    before, after = facts["before"], facts["after"]
    change = 100 * (after / before - 1) if before > 0 else 0.0
    kind = "better" if after < before else "worse" if after > before else ""
    used = [s["name"] for s in facts["slots"] if s["used"]]
    through = " → ".join(escape(n) for n in used) if used else "nothing: untouched sounds closest"
    return (
        f'<h1><span class="m">{escape(facts["input"]["name"])}</span>'
        f'<span class="arrow">made to sound like</span>'
        f'<span class="r">{references}</span></h1>'
        f'<p class="soft">through {through}</p>'
        f'<div class="summary num"><span class="big {kind}">{_signed(change, 0)} %</span>'
        f"<span>distance to the reference, from <b>{before:.3g}</b> to <b>{after:.3g}</b></span>"
        f'<span class="soft">amount {facts["amount"]:g} %</span></div>'
    )


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section class="notes" aria-label="Good to know"><ul>{items}</ul></section>'


def _lane(index: int, track: Track, listen: Mapping[str, Any]) -> str:
    peak = 10 ** ((listen["peak_dbfs"] or 0.0) / 20)
    wave = waveform(track.audio, track.kind, gain=0.95 / max(peak, 1e-6))
    loudness = listen["loudness_lufs"]
    level = "silent" if loudness is None else f"{_signed(loudness, 1)} LUFS"
    names = {"input": "Input", "matched": "Matched", "reference": "Reference"}
    return (
        f'<div class="lane {track.kind}"><button type="button" class="pick" aria-pressed="false" '
        f'title="{escape(track.title)}"><b><kbd>{index + 1}</kbd> {names[track.kind]}</b>'
        f'<small>{escape(track.title)}</small><small class="num">{level}, gain '
        f'<span class="gain"></span></small></button>'
        f'<div class="well">{wave}<div class="head"></div></div></div>'
    )


def _charts(tracks: Sequence[Track]) -> str:
    spectra, levels = [], []
    for track in sorted(tracks, key=lambda t: ("input", "reference", "matched").index(t.kind)):
        spectra.append(
            Curve(track.title, track.kind, *band_spectrum(track.audio, track.sample_rate))
        )
        levels.append(
            Curve(track.title, track.kind, *level_distribution(track.audio, track.sample_rate))
        )
    kinds = dict.fromkeys(track.kind for track in tracks)
    legend = "".join(f'<span class="{kind}">{kind}</span>' for kind in kinds)
    legend = f'<div class="legend">{legend}</div>'
    return (
        '<div class="two"><section class="card"><h2>Spectrum</h2>'
        '<p class="soft">Third-octave bands of the excerpts, at equal level.</p>'
        f"{legend}{spectrum_chart(spectra)}</section>"
        '<section class="card"><h2>Dynamics</h2>'
        '<p class="soft">How much of the time each level is heard (50 ms).</p>'
        f"{legend}{level_chart(levels)}</section></div>"
    )


def _aspects(facts: Mapping[str, Any]) -> str:
    aspects = facts["aspects"]
    top = max([1e-9, *(max(a["before"], a["after"]) for a in aspects)])
    rows = []
    for aspect in aspects:
        before, after = aspect["before"], aspect["after"]
        change = 100 * (after / before - 1) if before > 1e-9 else 0.0
        kind = "better" if change < -0.5 else "worse" if change > 0.5 else "soft"
        rows.append(
            f"<tr><td>{escape(aspect['name'])}"
            + (f'<span class="tag">weight {100 * aspect["weight"]:.0f} %</span>')
            + f'</td><td class="pair"><div class="track"><i class="input" '
            f'style="width:{100 * before / top:.1f}%"></i></div><div class="track">'
            f'<i class="matched" style="width:{100 * after / top:.1f}%"></i></div></td>'
            f'<td class="v">{before:.3g}</td><td class="v">{after:.3g}</td>'
            f'<td class="v {kind}">{_signed(change, 0)} %</td></tr>'
        )
    return (
        '<section class="card"><h2>Distance to the reference</h2>'
        '<p class="soft">By aspect, input above and matched below; 0 would be the same.</p>'
        '<div class="scroll"><table><tr><th>aspect</th><th></th><th class="v">before</th>'
        f'<th class="v">after</th><th class="v">change</th></tr>{"".join(rows)}</table></div>'
        "</section>"
    )


def _knobs(slots: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for slot in slots:
        head = (
            f"<h3>{escape(slot['name'])}</h3>"
            f'<span class="uri">{escape(slot["slot"])} · {escape(slot["uri"])}</span>'
        )
        if not slot["used"]:
            reason = escape(slot["reason"] or "it did not bring the sound closer")
            parts.append(
                f'<div class="slot out">{head}<p class="soft">left out: {reason}</p></div>'
            )
            continue
        rows = []
        for knob in slot["knobs"]:
            was, now = 100 * knob["before"], 100 * knob["after"]
            same = abs(was - now) < 0.05
            tags = "".join(f'<span class="tag">{escape(tag)}</span>' for tag in knob["tags"])
            rows.append(
                f'<tr class="{"same" if same else ""}"><td>{escape(knob["name"])}{tags}</td>'
                f'<td class="pair"><div class="knob" role="presentation"><span class="move" '
                f'style="left:{min(was, now):.1f}%;width:{abs(now - was):.1f}%"></span>'
                f'<span class="was" style="left:{was:.1f}%"></span>'
                f'<span class="is" style="left:{now:.1f}%"></span></div></td>'
                f'<td class="v">{escape(knob["before_text"])}</td>'
                f'<td class="v"><b>{escape(knob["after_text"])}</b></td></tr>'
            )
        parts.append(
            f'<div class="slot">{head}<div class="scroll"><table><tr><th>knob</th><th></th>'
            f'<th class="v">default</th><th class="v">matched</th></tr>{"".join(rows)}'
            "</table></div></div>"
        )
    return (
        '<section class="card"><h2>Knobs</h2><p class="soft">In the order of the chain; the ring '
        f"is the effect's default, the dot the match.</p>{''.join(parts)}</section>"
    )


def _details(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
        for name, value in facts["details"].items()
    )
    return (
        '<section class="card"><h2>To repeat it</h2>'
        f"<pre><code>{escape(facts['command'])}</code></pre>"
        f'<dl class="num">{rows}</dl></section>'
    )


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "−")
