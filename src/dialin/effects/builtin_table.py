"""The built-in effects, knob by knob.

Pedalboard's own effects expose no metadata (no units, no ranges, no defaults that can be asked
for), so this table is written by hand and a test renders every row. Nothing here imports the host.

Conventions
-----------
* Ranges are musical ones, inside what Pedalboard accepts at any sample rate from 8 to 192 kHz.
* Frequencies, times, ratios and Q travel on a log curve: equal steps sound equally large.
* A frequency above 0.49 of the working sample rate is rendered at 0.49 of it; Pedalboard's
  first-order filters would otherwise fold it back below the Nyquist frequency.
* Filters have an *off* at the end of their travel (high-pass 20 Hz, low-pass 20 kHz), so that
  they too can let the sound through untouched; Pedalboard's would still turn the phase there.
* ``mix`` on distortion, clipping and bitcrush is dialin's: ``dry + mix (wet - dry)``.
* Defaults are gentle: close to doing nothing, far enough for each knob to be heard.
* ``eq`` and ``width`` are dialin's own (`dialin.effects.equaliser`).
* Reverb: Pedalboard doubles its dry level, so 100 % here is its 0.5, unity gain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec
from dialin.errors import EffectNotFoundError

NYQUIST_SHARE = 0.49
"""Highest frequency a filter is set to, as a share of the sample rate."""


@dataclass(frozen=True)
class Knob:
    """A parameter and where its value goes.

    Attributes
    ----------
    parameter : Parameter
    attribute : str
        Pedalboard's attribute; empty for what dialin does itself (``mix``).
    scale : float
        Native value times this is what Pedalboard gets.
    capped : bool
        Whether the value is a frequency that must stay below the Nyquist frequency.
    enum : str
        Name of the enumeration on Pedalboard's class that `choices` are members of.
    choices : tuple of str
        Pedalboard's names of a stepped knob's values, in order.
    """

    parameter: Parameter
    attribute: str
    scale: float = 1.0
    capped: bool = False
    enum: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Builtin:
    """One row of the table.

    Attributes
    ----------
    name : str
        After ``builtin:``.
    title, category : str
    plugin : str
        Pedalboard's class, or dialin's stand-in for one.
    knobs : tuple of Knob
    stereo : bool
        Whether it treats left and right differently by nature.
    latent : bool
        Whether samples come out later than they go in, which is compensated.
    segmented : bool
        Whether Pedalboard can render it only in one go; see `dialin.effects.segments`.
    """

    name: str
    title: str
    category: str
    plugin: str
    knobs: tuple[Knob, ...]
    stereo: bool = False
    latent: bool = False
    segmented: bool = False


def _knob(
    attribute: str,
    name: str,
    unit: str,
    minimum: float,
    maximum: float,
    default: float,
    *,
    log: bool = False,
    neutral: float | None = None,
    scale: float = 1.0,
    capped: bool = False,
) -> Knob:
    parameter = Parameter(
        id=name.lower().replace(" ", "_"),
        name=name,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        default=default,
        curve="log" if log else "linear",
        neutral=neutral,
    )
    return Knob(parameter, attribute, scale, capped)


def _cutoff(default: float, *, attribute: str = "cutoff_frequency_hz") -> Knob:
    return _knob(attribute, "Frequency", "Hz", 20, 20_000, default, log=True, capped=True)


def _percent(
    attribute: str, name: str, default: float, *, low: float = 0, high: float = 100
) -> Knob:
    return _knob(attribute, name, "%", low, high, default, scale=0.01)


def _mix(attribute: str, default: float) -> Knob:
    return _knob(attribute, "Mix", "%", 0, 100, default, neutral=0, scale=0.01)


def _times(attack: float, release: float) -> tuple[Knob, Knob]:
    return (
        _knob("attack_ms", "Attack", "ms", 0.1, 200, attack, log=True),
        _knob("release_ms", "Release", "ms", 5, 2_000, release, log=True),
    )


def _gain_and_q(default_q: float = 0.7071) -> tuple[Knob, Knob]:
    return (
        _knob("gain_db", "Gain", "dB", -24, 24, 0, neutral=0),
        _knob("q", "Q", "", 0.1, 10, default_q, log=True),
    )


_LADDER_MODE = Knob(
    Parameter(
        id="mode",
        name="Mode",
        unit="",
        minimum=0,
        maximum=5,
        default=0,
        curve="stepped",
        values=(0, 1, 2, 3, 4, 5),
        labels=(
            "low-pass 12 dB",
            "high-pass 12 dB",
            "band-pass 12 dB",
            "low-pass 24 dB",
            "high-pass 24 dB",
            "band-pass 24 dB",
        ),
    ),
    "mode",
    enum="Mode",
    choices=("LPF12", "HPF12", "BPF12", "LPF24", "HPF24", "BPF24"),
)

_QUALITY = Knob(
    Parameter(
        id="quality",
        name="Quality",
        unit="",
        minimum=0,
        maximum=3,
        default=3,
        curve="stepped",
        values=(0, 1, 2, 3),
        labels=("zero-order hold", "linear", "Catmull-Rom", "windowed sinc"),
    ),
    "quality",
    enum="Quality",
    choices=("ZeroOrderHold", "Linear", "CatmullRom", "WindowedSinc16"),
)

_TRUE_PEAK = Knob(
    Parameter(
        id="true_peak", name="True peak", unit="", minimum=0, maximum=1, default=0, curve="toggle"
    ),
    "true_peak",
)

EQ_BANDS = 10
EQ_CHANNELS = ("left and right", "middle", "side")


def _equaliser() -> tuple[Knob, ...]:
    """Ten bands, 40 Hz to 14 kHz in even steps of pitch, and the channels that are turned."""
    channels = Parameter(
        id="channels",
        name="Channels",
        unit="",
        minimum=0,
        maximum=2,
        default=0,
        curve="stepped",
        values=(0, 1, 2),
        labels=EQ_CHANNELS,
    )
    knobs = [Knob(channels, "channels", choices=EQ_CHANNELS)]
    for n in range(1, EQ_BANDS + 1):
        centre = float(f"{40.0 * 350.0 ** ((n - 1) / (EQ_BANDS - 1)):.3g}")
        q = 0.7071 if n in (1, EQ_BANDS) else 1.0
        knobs += [
            _knob(
                *(f"frequency_{n}", f"Frequency {n}", "Hz", 20, 20_000, centre),
                log=True,
                capped=True,
            ),
            _knob(f"gain_{n}", f"Gain {n}", "dB", -24, 24, 0, neutral=0),
            _knob(f"q_{n}", f"Q {n}", "", 0.1, 10, q, log=True),
        ]
    return tuple(knobs)


_ROWS = (
    Builtin(
        "highpass",
        "High-pass",
        "Filter",
        "HighpassFilter",
        (
            _knob(
                "cutoff_frequency_hz",
                "Frequency",
                "Hz",
                20,
                20_000,
                40,
                log=True,
                neutral=20,
                capped=True,
            ),
        ),
    ),
    Builtin(
        "lowpass",
        "Low-pass",
        "Filter",
        "LowpassFilter",
        (
            _knob(
                "cutoff_frequency_hz",
                "Frequency",
                "Hz",
                20,
                20_000,
                16_000,
                log=True,
                neutral=20_000,
                capped=True,
            ),
        ),
    ),
    Builtin("lowshelf", "Low shelf", "EQ", "LowShelfFilter", (_cutoff(150), *_gain_and_q())),
    Builtin("highshelf", "High shelf", "EQ", "HighShelfFilter", (_cutoff(6_000), *_gain_and_q())),
    Builtin("peak", "Peak", "EQ", "PeakFilter", (_cutoff(1_000), *_gain_and_q(1.0))),
    Builtin("eq", "Equaliser", "EQ", "Equaliser", _equaliser(), stereo=True),
    Builtin(
        "ladder",
        "Ladder filter",
        "Filter",
        "LadderFilter",
        (
            _LADDER_MODE,
            _cutoff(8_000, attribute="cutoff_hz"),
            _percent("resonance", "Resonance", 0, high=95),
            _knob("drive", "Drive", "", 1, 20, 1, log=True),
        ),
    ),
    Builtin(
        "compressor",
        "Compressor",
        "Dynamics",
        "Compressor",
        (
            _knob("threshold_db", "Threshold", "dB", -60, 0, -18),
            _knob("ratio", "Ratio", ":1", 1, 20, 2, log=True, neutral=1),
            *_times(10, 100),
        ),
    ),
    Builtin(
        "limiter",
        "Limiter",
        "Dynamics",
        "Limiter",
        (
            _knob("threshold_db", "Threshold", "dB", -40, 0, -3),
            _knob("release_ms", "Release", "ms", 5, 2_000, 100, log=True),
        ),
    ),
    Builtin(
        "brickwall",
        "Brickwall limiter",
        "Dynamics",
        "BrickwallLimiter",
        (
            _knob("ceiling_db", "Ceiling", "dB", -40, 0, -1),
            _knob("release_ms", "Release", "ms", 5, 2_000, 100, log=True),
            _knob("lookahead_ms", "Lookahead", "ms", 0.5, 20, 5, log=True),
            _TRUE_PEAK,
        ),
        latent=True,
    ),
    Builtin(
        "gate",
        "Noise gate",
        "Dynamics",
        "NoiseGate",
        (
            _knob("threshold_db", "Threshold", "dB", -100, 0, -60),
            _knob("ratio", "Ratio", ":1", 1, 20, 4, log=True, neutral=1),
            *_times(1, 100),
        ),
    ),
    Builtin(
        "distortion",
        "Distortion",
        "Distortion",
        "Distortion",
        (_knob("drive_db", "Drive", "dB", 0, 48, 6), _mix("", 25)),
    ),
    Builtin(
        "clipping",
        "Clipping",
        "Distortion",
        "Clipping",
        (_knob("threshold_db", "Threshold", "dB", -48, 0, -3), _mix("", 100)),
    ),
    Builtin(
        "bitcrush",
        "Bitcrush",
        "Distortion",
        "Bitcrush",
        (_knob("bit_depth", "Bit depth", "bit", 1, 16, 12), _mix("", 100)),
    ),
    Builtin(
        "chorus",
        "Chorus",
        "Modulation",
        "Chorus",
        (
            _knob("rate_hz", "Rate", "Hz", 0.05, 20, 1, log=True),
            _percent("depth", "Depth", 25),
            _knob("centre_delay_ms", "Centre delay", "ms", 1, 50, 7, log=True),
            _percent("feedback", "Feedback", 0, low=-95, high=95),
            _mix("mix", 15),
        ),
    ),
    Builtin(
        "phaser",
        "Phaser",
        "Modulation",
        "Phaser",
        (
            _knob("rate_hz", "Rate", "Hz", 0.05, 20, 1, log=True),
            _percent("depth", "Depth", 50),
            _knob(
                "centre_frequency_hz",
                "Centre frequency",
                "Hz",
                50,
                10_000,
                1_300,
                log=True,
                capped=True,
            ),
            _percent("feedback", "Feedback", 0, low=-95, high=95),
            _mix("mix", 15),
        ),
    ),
    Builtin(
        "delay",
        "Delay",
        "Delay",
        "Delay",
        (
            _knob("delay_seconds", "Time", "ms", 1, 2_000, 250, log=True, scale=0.001),
            _percent("feedback", "Feedback", 20, high=95),
            _mix("mix", 10),
        ),
    ),
    Builtin(
        "reverb",
        "Reverb",
        "Reverb",
        "Reverb",
        (
            _percent("room_size", "Room size", 40),
            _percent("damping", "Damping", 50),
            _percent("width", "Width", 100),
            _knob("wet_level", "Wet", "%", 0, 100, 10, neutral=0, scale=0.01),
            _knob("dry_level", "Dry", "%", 0, 100, 100, neutral=100, scale=0.005),
        ),
        stereo=True,
    ),
    Builtin(
        "pitch",
        "Pitch shift",
        "Pitch",
        "PitchShift",
        (_knob("semitones", "Pitch", "st", -12, 12, 0, neutral=0),),
        segmented=True,
    ),
    Builtin(
        "resample",
        "Downsampler",
        "Distortion",
        "Resample",
        (_knob("target_sample_rate", "Rate", "Hz", 1_000, 44_100, 22_050, log=True), _QUALITY),
        latent=True,
    ),
    Builtin(
        "width",
        "Stereo width",
        "Stereo",
        "Width",
        (_knob("width", "Width", "%", 0, 200, 100, neutral=100, scale=0.01),),
        stereo=True,
    ),
    Builtin(
        "gain",
        "Gain",
        "Gain",
        "Gain",
        (_knob("gain_db", "Gain", "dB", -30, 30, 0, neutral=0),),
    ),
)

OWN = ("Equaliser", "Width")
"""Effects that are dialin's, not Pedalboard's."""

BUILTINS: Mapping[str, Builtin] = {row.name: row for row in _ROWS}
"""All built-in effects by name, in the order a person would look for them."""


def find_builtin(name: str) -> Builtin:
    """Row of a built-in effect; `EffectNotFoundError` lists what there is.

    Parameters
    ----------
    name : str
        In any case, such as ``compressor``.

    Returns
    -------
    Builtin

    Raises
    ------
    EffectNotFoundError
        If there is no such built-in.
    """
    row = BUILTINS.get(name.strip().lower())
    if row is not None:
        return row
    import difflib

    near = difflib.get_close_matches(name.lower(), BUILTINS, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise EffectNotFoundError(
        f"there is no built-in effect {name!r}; {hint}there are: {', '.join(BUILTINS)}"
    )


@cache
def pedalboard_version() -> str:
    """Version of the installed Pedalboard, without importing it."""
    try:
        return version("pedalboard")
    except PackageNotFoundError:
        return ""


def builtin_spec(name: str) -> EffectSpec:
    """Spec of a built-in effect, from the table alone.

    Parameters
    ----------
    name : str
        In any case, such as ``compressor``.

    Returns
    -------
    EffectSpec

    Raises
    ------
    EffectNotFoundError
        If there is no such built-in.
    """
    row = find_builtin(name)
    build = pedalboard_version()
    return EffectSpec(
        uri=f"builtin:{row.name}",
        name=row.title,
        format="builtin",
        parameters=tuple(knob.parameter for knob in row.knobs),
        version=build,
        vendor="dialin" if row.plugin in OWN else "Pedalboard",
        category=row.category,
        file_hash=hashlib.sha256(f"pedalboard {build} {row.plugin}".encode()).hexdigest(),
    )
