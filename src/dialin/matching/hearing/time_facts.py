"""What a report draws of echoes, rooms and motion: a reference beside the match, as plain numbers.

Pictures are drawn of effects in use that were listened for
(`dialin.matching.hearing.time_guesses`):

* *echo*: the cepstrum of the reference beyond the input's, in which an echo is a peak at its lag,
  with the echoes of the matched effect marked;
* *decay*: how much of the energy of reflections comes later than each time, of the reference (from
  its cepstrum, as far as it stands out of the noise) and of the match (from the cepstrum of its
  answer to an impulse), 0 dB being the match's whole;
* *motion*: how far the filter is from its mean over one turn. What moves in the match is cepstra of
  its frames less those of the input, which play the same music; the reference is looked at along
  the same direction, folded at the match's rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.impulses import FAR_SECONDS
from dialin.matching.hearing.time_guesses import Echo
from dialin.measures.cepstrum import (
    FARTHEST,
    LAG_RATE,
    LONGEST,
    band_end,
    impulse_cepstrum,
    recording_cepstrum,
)
from dialin.measures.modulation import rate_of
from dialin.measures.rooms import Room, measure_room
from dialin.measures.short_cepstra import SHORT, frame_cepstra
from dialin.rendering import Job, Renderer
from dialin.reports import CurveReport, MarkReport, PictureReport

POINTS = 240
"""Points of a curve."""

FIRST_LAG, FIRST_DECAY = 0.003, 0.03
"""Seconds from which lags and decays are drawn: sooner is the sound's own colour."""

LOWEST_DB = -40.0
IMPULSE_SECONDS = FAR_SECONDS
MOST_MARKS = 3
STEPS = 48
"""Parts of a turn."""

Floats = NDArray[np.float64]
Recording = tuple[Audio, int]


def time_pictures(
    pool: Renderer,
    echoes: Sequence[Echo],
    used: Sequence[tuple[int, EffectSpec, Settings]],
    input: Recording,
    output: Recording,
    reference: Recording,
) -> tuple[PictureReport, ...]:
    """Pictures of the effects of time that a match uses.

    Parameters
    ----------
    pool : Renderer
        Renders one impulse through each effect of echoes.
    echoes : sequence of Echo
        What was listened for.
    used : sequence of (int, EffectSpec, ndarray)
        Slot, effect and settings of those in use.
    input, output, reference : (audio, sample_rate)
        As analysed; input and output are of one length.

    Returns
    -------
    tuple of PictureReport
        In the order of the effects; none where nothing was listened for.
    """
    listened = {echo.slot: echo for echo in echoes}
    pictures: list[PictureReport | None] = []
    for slot, spec, settings in used:
        echo = listened.get(slot)
        if echo is None or echo.lines:
            continue
        if echo.exact:
            response = _response(pool, spec, settings, output[1], output[0].shape[0])
            if response is not None:
                room = measure_room(response, output[1], 0)
                draw = _echo_picture if room.echoes else _decay_picture
                pictures.append(draw(spec.name, response, room, input, reference))
        else:
            pictures.append(_motion_picture(spec.name, input, output, reference))
    return tuple(picture for picture in pictures if picture is not None)


def _response(
    pool: Renderer, spec: EffectSpec, settings: Settings, rate: int, channels: int
) -> Audio | None:
    impulse = np.zeros((min(channels, 2), round(IMPULSE_SECONDS * rate)), dtype=np.float32)
    impulse[:, 0] = 0.5
    shared = pool.share(impulse, rate)
    try:
        (result,) = pool.render([Job(spec.uri, shared, settings)])
    finally:
        pool.release(shared)
    return None if result.failure is not None else result.get()


def _beyond(
    input: Recording, reference: Recording, *, late: bool = False
) -> tuple[Floats, float, float]:
    """Cepstrum of a reference less what the input has, the noise's deviation, and the band's end.

    Of stereo the middle.
    """
    end = min(band_end(*input), band_end(*reference))
    longest = FARTHEST if late else LONGEST
    heard = recording_cepstrum(*reference, highest=end, longest=longest, late=late)
    own = recording_cepstrum(*input, highest=end, longest=longest, late=late).view("middle")
    values = heard.view("middle")
    count = min(values.size, own.size)
    return values[:count] - np.maximum(own[:count], 0.0), heard.sigma, end


def _echo_picture(
    name: str, response: Audio, room: Room, input: Recording, reference: Recording
) -> PictureReport | None:
    late = max(time for time, _ in room.echoes) > 1000 * LONGEST
    values, sigma, _ = _beyond(input, reference, late=late)
    lags = np.arange(values.size) / LAG_RATE
    if lags[-1] < 2 * FIRST_LAG:
        return None
    edges = np.geomspace(FIRST_LAG, lags[-1], POINTS + 1)
    bounds = np.unique(np.searchsorted(lags, edges))
    # Of each stretch of lags what stands out furthest, so that no peak is lost between points.
    x, y = [], []
    for start, stop in pairwise(bounds):
        piece = values[start:stop]
        top = int(np.argmax(np.abs(piece)))
        x.append(1000 * float(lags[start + top]))
        y.append(float(piece[top]))
    marks = [
        MarkReport(round(time, 2), f"{time:.4g} ms")
        for time, _ in sorted(room.echoes, key=lambda echo: -echo[1])[:MOST_MARKS]
        if x[0] <= time <= x[-1]
    ]
    said = ", ".join(mark.text for mark in marks) or "none within what was listened to"
    return PictureReport(
        kind="echo",
        title=f"Echo of {name}",
        text=f"Cepstrum of the reference beyond the input's; noise is about {5 * sigma:.2g}. "
        f"Echoes of the matched {name}: {said}.",
        x_label="lag, ms",
        y_label="height of an echo",
        log=True,
        curves=(CurveReport("reference beyond the input", "reference", _short(x), _short(y)),),
        marks=tuple(sorted(marks, key=lambda mark: mark.x)),
    )


def _decay_picture(
    name: str, response: Audio, room: Room, input: Recording, reference: Recording
) -> PictureReport | None:
    values, sigma, end = _beyond(input, reference)
    answer = impulse_cepstrum(response, input[1], highest=end).view("middle")
    count = min(values.size, answer.size)
    first = round(FIRST_DECAY * LAG_RATE)
    if count <= 2 * first:
        return None
    mine = np.cumsum(np.square(answer[first:count])[::-1])[::-1]
    if mine[0] <= 0:
        return None
    left = np.arange(count - first, 0, -1)
    theirs = np.cumsum((np.square(values[first:count]) - sigma**2)[::-1])[::-1]
    noise = 3.0 * sigma**2 * np.sqrt(2.0 * left)
    heard = np.flatnonzero(theirs < noise)
    last = int(heard[0]) if heard.size else theirs.size
    time = (first + np.arange(mine.size)) / LAG_RATE
    curves = []
    for title, kind, energy, stop in (
        ("reference", "reference", theirs, last),
        # The end of what was listened to is no end of the decay.
        ("match", "matched", mine, round(0.85 * mine.size)),
    ):
        level = 10 * np.log10(np.maximum(energy[:stop], 1e-12) / mine[0])
        shown = np.flatnonzero(level >= LOWEST_DB)
        if shown.size < 2:
            continue
        picked = shown[np.unique(np.linspace(0, shown.size - 1, POINTS).astype(int))]
        curves.append(CurveReport(title, kind, _short(time[picked]), _short(level[picked])))
    t30 = f"T30 {room.t30:.2f} s" if np.isfinite(room.t30) else "no even decay"
    return PictureReport(
        kind="decay",
        title=f"Decay of {name}",
        text=f"Energy of the reflections still to come, of the reference as far as it stands out "
        f"of the noise, and of the matched {name}: {t30}, C80 {room.c80:.1f} dB.",
        x_label="time, s",
        y_label="dB",
        curves=tuple(curves),
    )


def _motion_picture(
    name: str, input: Recording, output: Recording, reference: Recording
) -> PictureReport | None:
    rate = input[1]
    dry, wet = (frame_cepstra(audio, sr)[0] for audio, sr in (input, output))
    heard = frame_cepstra(*reference)[0]
    frames, depth = min(len(dry), len(wet)), min(dry.shape[1], heard.shape[1])
    if frames < 2 * STEPS or len(heard) < STEPS or not depth:
        return None
    moved = (wet[:frames, :depth] - dry[:frames, :depth]).astype(np.float64)
    moved -= moved.mean(axis=0)
    _, _, axes = np.linalg.svd(moved, full_matrices=False)
    along = axes[0]
    step = round(SHORT / 4 * rate) / rate
    trajectory = moved @ along
    speed = rate_of(trajectory[:, None], step)
    if not np.isfinite(speed) or frames * step * speed < 1.5:
        return None
    scale = 1.0 / np.sqrt(depth)
    other = round(SHORT / 4 * reference[1]) / reference[1]
    turn, _ = _folded(trajectory, speed * step)
    theirs, noise = _folded(heard[:, :depth].astype(np.float64) @ along, speed * other)
    # An oscillator's phase at the start of a recording tells nothing: lay one over the other.
    shift = int(np.argmax([float(np.roll(theirs, n) @ turn) for n in range(STEPS)]))
    x = np.arange(STEPS + 1) / STEPS
    curves = [
        CurveReport(
            "reference", "reference", _short(x), _short(_closed(np.roll(theirs, shift)) * scale)
        ),
        CurveReport("match", "matched", _short(x), _short(_closed(turn) * scale)),
    ]
    return PictureReport(
        kind="motion",
        title=f"Motion of {name}",
        text=f"One turn of the filter at {speed:.3g} Hz, as far as it is from its mean: the match, "
        f"and the reference along the same way; it is uncertain by {float(noise * scale):.2g} dB.",
        x_label="turn",
        y_label="dB",
        curves=tuple(curves),
    )


def _folded(trajectory: Floats, turns: float) -> tuple[Floats, float]:
    """Mean over turns at each part of one, and how uncertain that is."""
    phase = np.floor(STEPS * (turns * np.arange(trajectory.size) % 1.0)).astype(int) % STEPS
    count = np.maximum(np.bincount(phase, minlength=STEPS), 1)
    mean = np.bincount(phase, trajectory, minlength=STEPS) / count
    smooth = np.mean([np.roll(mean, n) for n in (-2, -1, 0, 1, 2)], axis=0)
    smooth -= smooth.mean()
    rest = trajectory - mean[phase]
    return smooth, float(np.sqrt(np.mean(rest**2) / max(1.0, 5.0 * float(count.mean()))))


def _closed(turn: Floats) -> Floats:
    return np.append(turn, turn[0])


def _short(values: Sequence[float] | Floats) -> tuple[float, ...]:
    """Numbers as a report keeps them: four digits."""
    return tuple(float(f"{value:.4g}") for value in values)
