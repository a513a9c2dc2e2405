"""What a setting of an effect does, measured on test signals: no music is needed.

`respond` sends an impulse, a periodic signal, a tone, noise and a step of level through a black
box; `response_errors` compares a found setting with the true one in units that people know. Which
of the errors have a meaning is decided by what the true setting's response shows, never by what an
effect is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dialin.audio import Audio
from dialin.measures.modulation import (
    Motion,
    carrier_of,
    line_levels,
    pulse_train,
    rate_of_lines,
    sign_noise,
    steady_tone,
    step_of,
    sweep_of,
    tremolo_and_pan,
    vibrato_depth,
)
from dialin.measures.rooms import FLOOR_DB, STEP_SECONDS, Room, decay_distance, measure_room
from dialin.measures.steps import Steps, level_step, measure_steps
from dialin.measures.tones import rate_of_tones

NO_STEPS = Steps(0.0, float("nan"), float("nan"))
"""A gain that stays."""

Process = Callable[[Audio], Audio]
"""A setting of an effect: ``(channels, samples)`` in, the same shape out."""

LEAD_SECONDS = 0.05
BED = 10 ** (-90 / 20)
IMPULSE_SECONDS, LONG_IMPULSE_SECONDS = 6.0, 24.0
MOTION_SECONDS, LONG_MOTION_SECONDS = 12.0, 60.0
SETTLE_SECONDS = (0.5, 10.0)
STEADY_DB, STEADY_MS = 1.5, 0.1
"""How far decays and echo times of two impulses, one weaker and later, may be apart."""

AUDIBLE_DB = {"tremolo": 1.0, "pan": 1.0}
AUDIBLE_CENTS = 3.0
UNITS = {
    "t30": ("T30 error", "%"),
    "edt": ("EDT error", "%"),
    "c80": ("C80 error", "dB"),
    "c50": ("C50 error", "dB"),
    "d50": ("D50 error", ""),
    "echo": ("echo time error", "ms"),
    "echo_level": ("echo level error", "dB"),
    "decay": ("band decay distance", "dB"),
    "tail_width": ("tail width error", ""),
    "rate": ("modulation rate error", "%"),
    "sweep": ("modulation depth error", "dB"),
    "vibrato": ("vibrato depth error", "cents"),
    "tremolo": ("tremolo depth error", "dB"),
    "pan": ("pan depth error", "dB"),
    "carrier": ("carrier error", "Hz"),
    "step": ("gain at a step error", "dB"),
    "attack": ("attack error", "%"),
    "release": ("release error", "%"),
}
"""All errors by name: title and unit."""


@dataclass(frozen=True, eq=False)
class Response:
    """What a setting does.

    Attributes
    ----------
    room : Room
    decays, echoes : bool
        Whether there is a tail, and echoes, that a weaker and later impulse has too: otherwise
        `room` says something of one moment or level, and not of the effect.
    motion : Motion
    steps : Steps, optional
        Answer to a step of level; None where the gain moves by itself.
    """

    room: Room
    decays: bool
    echoes: bool
    motion: Motion
    steps: Steps | None = None

    @property
    def shows(self) -> bool:
        """Whether there is anything in time to judge: tail, echoes, motion, carrier, dynamics."""
        moves = self.motion.moves or bool(np.isfinite(self.motion.carrier))
        follows = self.steps is not None and self.steps.moves
        return self.decays or self.echoes or moves or follows


def respond(process: Process, sample_rate: int, channels: int = 1) -> Response:
    """Measure a setting.

    Parameters
    ----------
    process : callable
        A pure function; called four to twelve times with up to a minute of sound.
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.

    Returns
    -------
    Response
    """
    room = _room(process, sample_rate, channels, IMPULSE_SECONDS, 0.5, 0.0)
    if room.has_tail and not np.nanmax(room.decays[:, -2], initial=FLOOR_DB) <= -50.0:
        room = _room(process, sample_rate, channels, LONG_IMPULSE_SECONDS, 0.5, 0.0)
    decays = echoes = False
    if room.has_tail or room.echoes:
        seconds = room.decays.shape[1] * STEP_SECONDS
        later = _room(process, sample_rate, channels, seconds, 0.125, 0.37)
        gap = decay_distance(later.decays, room.decays)
        decays = room.has_tail and gap <= STEADY_DB
        if room.echoes and later.echoes:
            echoes = abs(room.echoes[0][0] - later.echoes[0][0]) <= STEADY_MS
    motion = _motion(process, sample_rate, channels, room)
    steps = None
    if not motion.moves and np.isnan(motion.carrier):
        steps = measure_steps(process(level_step(sample_rate, channels)), sample_rate)
    return Response(room, decays, echoes, motion, steps)


def untouched_response(sample_rate: int, channels: int = 1) -> Response:
    """The response of no effect at all.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int, default 1
        Number of channels.

    Returns
    -------
    Response
    """
    return respond(lambda sound: sound, sample_rate, channels)


def impulse_response(
    process: Process, sample_rate: int, channels: int, seconds: float, level: float, later: float
) -> Audio:
    """Response to one impulse over a bed of noise at -90 dBFS, without the bed's own.

    Some plugins go to sleep in silence and let the first sound after it pass; others hold their
    level detectors at nothing there. Music never is that silent.

    Parameters
    ----------
    process : callable
        The effect at the setting.
    sample_rate : int
        In hertz.
    channels : int
        Number of channels.
    seconds : float
        From the impulse on.
    level : float
        Of the impulse, full scale being 1.
    later : float
        Seconds of the bed before it, beyond 50 ms.

    Returns
    -------
    ndarray, shape (channels, samples)
        From the impulse on.
    """
    onset = round((LEAD_SECONDS + later) * sample_rate)
    size = onset + round(seconds * sample_rate)
    bed = BED * np.random.default_rng(5).standard_normal(size)
    quiet = np.tile(bed, (channels, 1)).astype(np.float32)
    struck = quiet.copy()
    struck[:, onset] += np.float32(level)
    return (process(struck) - process(quiet))[:, onset:]


def _room(
    process: Process, rate: int, channels: int, seconds: float, level: float, later: float
) -> Room:
    return measure_room(impulse_response(process, rate, channels, seconds, level, later), rate)


def _motion(process: Process, rate: int, channels: int, room: Room) -> Motion:
    settle = SETTLE_SECONDS[0]
    if room.has_tail:
        # Until reverberation has filled up, what does not move seems to.
        curve = np.nanmax(np.nan_to_num(room.decays, nan=FLOOR_DB), axis=0)
        settle = float(np.clip(STEP_SECONDS * np.count_nonzero(curve > -45.0), *SETTLE_SECONDS))
    step = step_of(rate) / rate
    skip = int(np.ceil(settle / step))

    def lines(seconds: float) -> np.ndarray:
        wave = pulse_train(rate, settle + seconds, channels)
        return line_levels(process(wave), rate)[skip:]

    levels = lines(MOTION_SECONDS)
    sweep, _ = sweep_of(levels)
    moved = Motion(sweep)
    if moved.moves:
        speed = rate_of_tones(process, rate, channels, settle, MOTION_SECONDS)
        if np.isnan(speed):
            speed = rate_of_lines(levels, step)
        if np.isnan(speed):
            levels = lines(LONG_MOTION_SECONDS)
            sweep, _ = sweep_of(levels)
            speed = rate_of_lines(levels, step)
        tremolo, pan = tremolo_and_pan(levels)
        tone = steady_tone(rate, settle + MOTION_SECONDS, channels)
        vibrato = vibrato_depth(process(tone)[:, round(settle * rate) :], rate)
        moved = Motion(sweep, speed, tremolo, pan, vibrato)
    noise = sign_noise(rate, 4.0, channels)
    carrier = carrier_of(process(noise), noise, rate, moved.rate)
    if np.isnan(carrier):
        return moved
    # A carrier's tones are no vibrato, and beat against the lines at rates of no meaning.
    return Motion(moved.sweep, float("nan"), moved.tremolo, moved.pan, float("nan"), carrier)


def response_errors(found: Response, true: Response) -> dict[str, float]:
    """Errors of a found setting, in the units of `UNITS`.

    Parameters
    ----------
    found, true : Response
        At one sample rate, of as many channels.

    Returns
    -------
    dict
        All of `UNITS`. NaN where the true response has no such thing (no tail, no motion, no
        carrier, no dynamics). What the true one has and the found one lacks counts as 0 there: a
        decay of 0 s is 100 % off, an echo of 412 ms that is not there is 412 ms off.
    """
    errors = dict.fromkeys(UNITS, float("nan"))
    if true.decays:
        errors |= _decay_errors(found.room, true.room)
    if true.echoes:
        errors["echo"], errors["echo_level"] = _echo_errors(found.room, true.room)
    mine, theirs = found.motion, true.motion
    if np.isfinite(theirs.carrier):
        errors["carrier"] = abs(_or_zero(mine.carrier) - theirs.carrier)
    elif theirs.moves:
        speed = mine.rate if mine.moves else 0.0
        errors["rate"] = 100 * abs(_or_zero(speed) - theirs.rate) / theirs.rate
        errors["sweep"] = abs(mine.sweep - theirs.sweep)
        for name, least in (*AUDIBLE_DB.items(), ("vibrato", AUDIBLE_CENTS)):
            depth = float(getattr(theirs, name))
            if depth >= least:
                errors[name] = abs(_or_zero(getattr(mine, name)) - depth)
    if true.steps is not None and true.steps.moves:
        errors |= _step_errors(found.steps or NO_STEPS, true.steps)
    return errors


def _step_errors(mine: Steps, theirs: Steps) -> dict[str, float]:
    errors = {"step": abs(_or_zero(mine.step) - theirs.step)}
    for name in ("attack", "release"):
        true = float(getattr(theirs, name))
        own = _or_zero(getattr(mine, name)) if mine.moves else 0.0
        errors[name] = 100 * abs(own - true) / true if np.isfinite(true) else float("nan")
    return errors


def _decay_errors(mine: Room, theirs: Room) -> dict[str, float]:
    errors = {
        name: 100
        * abs(_or_zero(getattr(mine, name)) - getattr(theirs, name))
        / getattr(theirs, name)
        for name in ("t30", "edt")
    }
    errors |= {n: abs(_or_zero(getattr(mine, n)) - getattr(theirs, n)) for n in ("c80", "c50")}
    errors["d50"] = abs(mine.d50 - theirs.d50)
    errors["decay"] = decay_distance(mine.decays, theirs.decays)
    errors["tail_width"] = abs(_or_zero(mine.width_late) - theirs.width_late)
    return errors


def _echo_errors(mine: Room, theirs: Room) -> tuple[float, float]:
    """Time and level of the strongest true echo against a strong one that was found."""
    time, level = theirs.echoes[0]
    if not mine.echoes:
        return time, abs(FLOOR_DB - level)
    # Echoes of left and right are often as strong as each other: any of the strong ones may do.
    strong = [e for e in mine.echoes if e[1] >= mine.echoes[0][1] - 3.0]
    nearest = min(strong, key=lambda echo: abs(echo[0] - time))
    return abs(nearest[0] - time), abs(nearest[1] - level)


def _or_zero(value: float) -> float:
    return value if np.isfinite(value) else 0.0
