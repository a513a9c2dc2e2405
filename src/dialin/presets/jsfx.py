"""Built-in effects as JSFX, the effects in text form that REAPER runs.

A session matched with built-ins can so be taken into REAPER: each of these does sample for sample
(in double precision) what `dialin.effects.builtin` does. Knobs are sliders with the same names and
native values. The built-ins without one are named in `WITHOUT`, with what is nearest in REAPER.

The texts keep to a small part of the language, assignments of expressions, so that the tests can
run them.

Sources: JUCE's dsp module, of which Pedalboard's effects are made (IIR coefficients after R.
Bristow-Johnson's "Audio EQ Cookbook"; BallisticsFilter; Compressor; NoiseGate) and its Reverb,
after Jezar's Freeverb; the JSFX programming reference (reaper.fm/sdk/js).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialin.effects.builtin_table import BUILTINS, EQ_BANDS, NYQUIST_SHARE

WITHOUT: Mapping[str, str] = {
    "ladder": "a filter of REAPER's own, such as JS: Moog 4-Pole Filter",
    "limiter": "ReaLimit, or ReaComp with its ratio at infinity",
    "brickwall": "ReaLimit",
    "chorus": "JS: Chorus",
    "phaser": "JS: 4-Tap Phaser",
    "pitch": "ReaPitch",
    "resample": "JS: Decimator",
}
"""Built-ins that no JSFX is written for, and what in REAPER comes close."""

_PI = "3.141592653589793"
_FREQUENCY = f"min(slider1, {NYQUIST_SHARE} * srate)"
_DECIBELS = "exp({} * 0.1151292546497023)"  # ln(10) / 20

_BIQUAD = """
spl0_y = b0 * spl0 + b1 * x1_0 + b2 * x2_0 - a1 * y1_0 - a2 * y2_0;
x2_0 = x1_0; x1_0 = spl0; y2_0 = y1_0; y1_0 = spl0_y; spl0 = spl0_y;
spl1_y = b0 * spl1 + b1 * x1_1 + b2 * x2_1 - a1 * y1_1 - a2 * y2_1;
x2_1 = x1_1; x1_1 = spl1; y2_1 = y1_1; y1_1 = spl1_y; spl1 = spl1_y;
"""
_BIQUAD_START = "".join(f"{v}_{c} = 0; " for c in (0, 1) for v in ("x1", "x2", "y1", "y2"))
_FIRST = f"n = tan({_PI} * {_FREQUENCY} / srate);\n"
_SHELF = f"""
g = sqrt({_DECIBELS.format("slider2")});
w = 2 * {_PI} * max({_FREQUENCY}, 2) / srate;
c = cos(w); d = sin(w) * sqrt(g) / slider3;
"""


def _divided(*numbers: str) -> str:
    b0, b1, b2, a0, a1, a2 = numbers
    return (
        f"a0 = {a0};\nb0 = ({b0}) / a0; b1 = ({b1}) / a0; b2 = ({b2}) / a0;\n"
        f"a1 = ({a1}) / a0; a2 = ({a2}) / a0;\n"
    )


def _both(text: str) -> str:
    """Code for the left channel, and the same for the right."""
    return "".join(text.replace("@", str(channel)) for channel in (0, 1))


def _mixed(text: str, mix: str) -> str:
    return _both("dry@ = spl@;\n" + text + f"spl@ = dry@ + {mix} * (spl@ - dry@);\n")


def _cte(name: str, milliseconds: str) -> str:
    """Factor of JUCE's ballistics filter; times below a microsecond are none."""
    return f"{name} = exp(-2000 * {_PI} / srate / {milliseconds});\n"


def _ballistics(state: str, level: str, attack: str, release: str) -> str:
    return (
        f"up = {level} > {state};\n"
        f"k = up * {attack} + (1 - up) * {release};\n"
        f"{state} = {level} + k * ({state} - {level});\n"
    )


_COMBS = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)
_ALLPASSES = (556, 441, 341, 225)
_SPREAD = 23


def _reverb() -> tuple[str, str, str]:
    init, sample, address = [], [], 0
    sample.append("in = (spl0 + spl1) * 0.015;\n")
    for side in (0, 1):
        lines = [f"out{side} = 0;\n"]
        for kind, tunings in (("c", _COMBS), ("p", _ALLPASSES)):
            for number, tuning in enumerate(tunings):
                name = f"{kind}{side}_{number}"
                size = tuning + (_SPREAD if side else 0)
                init.append(
                    f"{name} = {address}; {name}_n = floor(floor(srate) * {size} / 44100);"
                    f" {name}_i = 0; {name}_l = 0;\n"
                )
                address += 50_000
                if kind == "c":
                    lines.append(
                        f"o = mem[{name} + {name}_i];\n"
                        f"{name}_l = o * (1 - damp) + {name}_l * damp;\n"
                        f"mem[{name} + {name}_i] = in + {name}_l * room;\n"
                        f"out{side} = out{side} + o;\n"
                    )
                else:
                    lines.append(
                        f"o = mem[{name} + {name}_i];\n"
                        f"mem[{name} + {name}_i] = out{side} + o * 0.5;\n"
                        f"out{side} = o - out{side};\n"
                    )
                lines.append(f"{name}_i = ({name}_i + 1) % {name}_n;\n")
        sample += lines
    sample.append(
        "spl0 = out0 * wet1 + out1 * wet2 + spl0 * dry;\n"
        "spl1 = out1 * wet1 + out0 * wet2 + spl1 * dry;\n"
    )
    slider = (
        "room = slider1 / 100 * 0.28 + 0.7; damp = slider2 / 100 * 0.4;\n"
        "wet1 = 1.5 * slider4 / 100 * (1 + slider3 / 100);\n"
        "wet2 = 1.5 * slider4 / 100 * (1 - slider3 / 100);\n"
        "dry = slider5 / 100;\n"
    )
    return "mem = 0;\n" + "".join(init), slider, "".join(sample)


def _equaliser() -> tuple[str, str, str]:
    """Code of the ten bands: each side of a pair goes through all of them."""
    init, slider, chain = [], [], []
    for n in range(1, EQ_BANDS + 1):
        frequency, gain, q = (f"slider{3 * n - 1 + k}" for k in range(3))
        init += [f"{v}{n}_{c} = 0; " for c in (0, 1) for v in ("x1b", "x2b", "y1b", "y2b")]
        slider.append(
            f"g = sqrt({_DECIBELS.format(gain)});\n"
            f"w = 2 * {_PI} * min({frequency}, {NYQUIST_SHARE} * srate) / srate;\n"
        )
        if 1 < n < EQ_BANDS:
            slider.append(f"d = sin(w) / ({q} * 2); c = -2 * cos(w);\n")
            numbers = ("1 + d * g", "c", "1 - d * g", "1 + d / g", "c", "1 - d / g")
        else:
            sign = "1" if n == 1 else "-1"
            slider.append(f"c = {sign} * cos(w); d = sin(w) * sqrt(g) / {q};\n")
            numbers = (
                "g * ((g + 1) - (g - 1) * c + d)",
                f"{sign} * 2 * g * ((g - 1) - (g + 1) * c)",
                "g * ((g + 1) - (g - 1) * c - d)",
                "(g + 1) + (g - 1) * c + d",
                f"{sign} * -2 * ((g - 1) + (g + 1) * c)",
                "(g + 1) + (g - 1) * c - d",
            )
        slider.append(_divided(*numbers))
        slider.append(
            "".join(f"b{k}_{n} = b{k}; " for k in range(3)) + f"a1_{n} = a1; a2_{n} = a2;\n"
        )
        chain.append(
            f"y = b0_{n} * in@ + b1_{n} * x1b{n}_@ + b2_{n} * x2b{n}_@"
            f" - a1_{n} * y1b{n}_@ - a2_{n} * y2b{n}_@;\n"
            f"x2b{n}_@ = x1b{n}_@; x1b{n}_@ = in@; y2b{n}_@ = y1b{n}_@; y1b{n}_@ = y; in@ = y;\n"
        )
    slider.append("ms = slider1 > 0; sgn = 1 - 2 * (slider1 > 1);\n")
    sample = (
        "part = (spl0 + sgn * spl1) / 2;\n"
        "in0 = ms * part + (1 - ms) * spl0; in1 = (1 - ms) * spl1;\n"
        + _both("".join(chain))
        + "spl0_y = ms * (spl0 + in0 - part) + (1 - ms) * in0;\n"
        "spl1 = ms * (spl1 + sgn * (in0 - part)) + (1 - ms) * in1;\n"
        "spl0 = spl0_y;\n"
    )
    return "".join(init) + "\n", "".join(slider), sample


_GATE_START = "".join(f"env{c} = 0; rms{c} = 0; " for c in (0, 1))

_CODE: Mapping[str, tuple[str, str, str]] = {
    # What happens at the start, when a slider moves, and for each sample.
    "highpass": (
        _BIQUAD_START,
        _FIRST
        + "off = slider1 <= 20;\n"
        + "b0 = off + (1 - off) / (n + 1); b1 = (off - 1) / (n + 1); b2 = 0;\n"
        + "a1 = (1 - off) * (n - 1) / (n + 1); a2 = 0;\n",
        _BIQUAD,
    ),
    "lowpass": (
        _BIQUAD_START,
        _FIRST
        + "off = slider1 >= 20000;\n"
        + "b0 = off + (1 - off) * n / (n + 1); b1 = (1 - off) * n / (n + 1); b2 = 0;\n"
        + "a1 = (1 - off) * (n - 1) / (n + 1); a2 = 0;\n",
        _BIQUAD,
    ),
    "lowshelf": (
        _BIQUAD_START,
        _SHELF
        + _divided(
            "g * ((g + 1) - (g - 1) * c + d)",
            "g * 2 * ((g - 1) - (g + 1) * c)",
            "g * ((g + 1) - (g - 1) * c - d)",
            "(g + 1) + (g - 1) * c + d",
            "-2 * ((g - 1) + (g + 1) * c)",
            "(g + 1) + (g - 1) * c - d",
        ),
        _BIQUAD,
    ),
    "highshelf": (
        _BIQUAD_START,
        _SHELF
        + _divided(
            "g * ((g + 1) + (g - 1) * c + d)",
            "g * -2 * ((g - 1) + (g + 1) * c)",
            "g * ((g + 1) + (g - 1) * c - d)",
            "(g + 1) - (g - 1) * c + d",
            "2 * ((g - 1) - (g + 1) * c)",
            "(g + 1) - (g - 1) * c - d",
        ),
        _BIQUAD,
    ),
    "peak": (
        _BIQUAD_START,
        f"g = sqrt({_DECIBELS.format('slider2')});\n"
        f"w = 2 * {_PI} * max({_FREQUENCY}, 2) / srate;\n"
        "d = sin(w) / (slider3 * 2); c = -2 * cos(w);\n"
        + _divided("1 + d * g", "c", "1 - d * g", "1 + d / g", "c", "1 - d / g"),
        _BIQUAD,
    ),
    "compressor": (
        "env0 = 0; env1 = 0;\n",
        f"t = {_DECIBELS.format('slider1')};\n"
        + _cte("att", "slider3")
        + _cte("rel", "slider4")
        + "slope = 1 / slider2 - 1;\n",
        _both(
            "level = abs(spl@);\n"
            + _ballistics("env@", "level", "att", "rel")
            + "spl@ = spl@ * exp(slope * log(max(env@ / t, 1)));\n"
        ),
    ),
    "gate": (
        _GATE_START,
        f"t = {_DECIBELS.format('slider1')};\n"
        + _cte("att", "slider3")
        + _cte("rel", "slider4")
        + _cte("r50", "50"),
        _both(
            "square = spl@ * spl@;\n"
            + _ballistics("rms@", "square", "0", "r50")
            + "level = sqrt(rms@);\n"
            + _ballistics("env@", "level", "att", "rel")
            + "over = min(max(env@ / t, 0.0000000001), 1);\n"
            + "spl@ = spl@ * exp((slider2 - 1) * log(over));\n"
        ),
    ),
    "distortion": (
        "",
        f"drive = {_DECIBELS.format('slider1')}; mix = slider2 / 100;\n",
        _mixed("e = exp(-2 * abs(spl@) * drive);\nspl@ = sign(spl@) * (1 - e) / (1 + e);\n", "mix"),
    ),
    "clipping": (
        "",
        f"t = {_DECIBELS.format('slider1')}; mix = slider2 / 100;\n",
        _mixed("spl@ = min(max(spl@, 0 - t), t);\n", "mix"),
    ),
    "bitcrush": (
        "",
        "scale = exp(slider1 * 0.6931471805599453); mix = slider2 / 100;\n",
        _mixed("spl@ = floor(spl@ * scale + 0.5) / scale;\n", "mix"),
    ),
    "delay": (
        "mem = 0; here = 0;\n",
        "n = max(floor(slider1 / 1000 * srate + 0.001), 1);\n"
        "back = slider2 / 100; mix = slider3 / 100;\n",
        "here = (here + 1) % n;\n"
        + _both(
            "late = mem[@ * 1000000 + here];\n"
            "mem[@ * 1000000 + here] = spl@ + back * late;\n"
            "spl@ = (1 - mix) * spl@ + mix * late;\n"
        ),
    ),
    "reverb": _reverb(),
    "eq": _equaliser(),
    "width": (
        "",
        "half = (slider1 / 100 - 1) / 2;\n",
        "part = half * (spl0 - spl1);\nspl0 = spl0 + part; spl1 = spl1 - part;\n",
    ),
    "gain": ("", f"g = {_DECIBELS.format('slider1')};\n", "spl0 = spl0 * g; spl1 = spl1 * g;\n"),
}


def can_become_jsfx(name: str) -> bool:
    """Whether there is a JSFX of this built-in.

    Parameters
    ----------
    name : str
        Of a built-in, such as ``compressor``.

    Returns
    -------
    bool
    """
    return name in _CODE


def sliders(name: str) -> Sequence[str]:
    """Ids of the knobs of a built-in in the order of its sliders.

    Parameters
    ----------
    name : str
        Of a built-in, such as ``compressor``.

    Returns
    -------
    sequence of str

    Raises
    ------
    KeyError
        If there is no such built-in.
    """
    return [knob.parameter.id for knob in BUILTINS[name].knobs]


def jsfx(name: str) -> str:
    """Text of the JSFX of a built-in; `KeyError` if there is none.

    Parameters
    ----------
    name : str
        Of a built-in, such as ``compressor``.

    Returns
    -------
    str

    Raises
    ------
    KeyError
        If there is no JSFX of it.
    """
    row = BUILTINS[name]
    init, slider, sample = _CODE[name]
    lines = [f"desc:dialin {row.title}", ""]
    for number, knob in enumerate(row.knobs, 1):
        p = knob.parameter
        unit = f" ({p.unit})" if p.unit else ""
        lines.append(f"slider{number}:{p.default:g}<{p.minimum:g},{p.maximum:g},0>{p.name}{unit}")
    lines += [
        "",
        "in_pin:left",
        "in_pin:right",
        "out_pin:left",
        "out_pin:right",
        "",
        "@init",
        init.strip(),
        "",
        "@slider",
        slider.strip(),
        "",
        "@sample",
        sample.strip(),
        "",
    ]
    return "\n".join(lines)
