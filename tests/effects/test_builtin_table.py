"""Every row of the table against the host it describes."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pedalboard
import pytest

from dialin.effects.builtin import open_builtin
from dialin.effects.builtin_table import BUILTINS, NYQUIST_SHARE, OWN, Knob, builtin_spec
from dialin.effects.chain import chain_uri
from dialin.effects.default_chain import default_chain
from dialin.effects.open import open_effect
from tests.effects.streams import noise

KNOBS = [(row.name, knob) for row in BUILTINS.values() for knob in row.knobs]
RATES = [8_000, 44_100, 192_000]

# A knob is heard only where others let it: the settings to try it at.
CONTEXT: dict[str, dict[str, float]] = {
    "eq": {f"gain_{n}": 6.0 for n in range(1, 11)},
    "lowshelf": {"gain": 12.0},
    "highshelf": {"gain": 12.0, "frequency": 1_000.0},
    "peak": {"gain": 12.0},
    "compressor": {"threshold": -40.0, "ratio": 8.0},
    "limiter": {"threshold": -20.0},
    "brickwall": {"ceiling": -30.0},
    "gate": {"threshold": -15.0, "ratio": 8.0, "release": 5.0},
    "distortion": {"drive": 20.0, "mix": 60.0},
    "clipping": {"threshold": -30.0, "mix": 60.0},
    "chorus": {"mix": 50.0, "depth": 60.0},
    "phaser": {"mix": 50.0, "depth": 60.0},
    "delay": {"mix": 50.0, "feedback": 50.0, "time": 20.0},
    "reverb": {"wet": 60.0},
    "ladder": {"frequency": 1_000.0},
    "resample": {"rate": 5_000.0},
}


def knob_id(value: object) -> str:
    return value.parameter.id if isinstance(value, Knob) else str(value)


def test_every_continuous_effect_of_pedalboard_is_there() -> None:
    left_out = {
        "AudioUnitPlugin", "Convolution", "ExternalPlugin", "GSMFullRateCompressor", "IIRFilter",
        "Invert", "Mix", "MP3Compressor", "Chain", "Pedalboard", "Plugin", "PluginContainer",
        "VST3Plugin",
    }  # fmt: skip
    theirs = {
        name
        for name, kind in vars(pedalboard).items()
        if isinstance(kind, type) and issubclass(kind, pedalboard.Plugin) and name[0] != "_"
    }
    assert {row.plugin for row in BUILTINS.values()} == (theirs - left_out) | set(OWN)


@pytest.mark.parametrize(("name", "knob"), KNOBS, ids=knob_id)
def test_knob_is_accepted_over_its_whole_range(name: str, knob: Knob) -> None:
    effect, audio = open_builtin(name), noise(2, 2_000)
    place = effect.spec.index(knob.parameter.id)
    for rate in RATES:
        for position in (0.0, 0.1, 0.5, 0.9, 1.0):
            settings = effect.spec.vector(CONTEXT.get(name, {}))
            settings[place] = position
            wet = effect.process(audio, rate, settings)
            assert np.isfinite(wet).all()
            assert np.abs(wet).max() < 100


@pytest.mark.parametrize(("name", "knob"), KNOBS, ids=knob_id)
def test_knob_is_heard_over_its_whole_range(name: str, knob: Knob) -> None:
    effect = open_builtin(name)
    length = 20_000 if name == "gate" else 4_000
    beats = np.repeat([0.05, 1.0, 1e-3, 1e-4, 1e-5, 1e-5], length)
    audio = noise(2, 6 * length, level=0.6) * beats.astype(np.float32)
    place = effect.spec.index(knob.parameter.id)
    steps = knob.parameter.steps or 5
    renders = []
    for position in np.linspace(0.0, 1.0, steps):
        settings = effect.spec.vector(CONTEXT.get(name, {}))
        settings[place] = position
        renders.append(effect.process(audio, 44_100, settings))
    for one, next_one in pairwise(renders):
        assert np.abs(one - next_one).max() > 1e-6


@pytest.mark.parametrize("name", BUILTINS)
def test_host_is_set_to_the_tables_values(name: str) -> None:
    effect = open_builtin(name)
    plugin, mix = effect._plugin(
        effect.spec.vector({"pitch": 1} if name == "pitch" else {}), 192_000
    )
    if plugin is None:  # off by default, as gain at 0 dB
        assert all(p.default == p.neutral for p in effect.spec.parameters if p.neutral is not None)
        return
    for knob in BUILTINS[name].knobs:
        default = 1.0 if name == "pitch" else knob.parameter.default
        if not knob.attribute:
            assert mix == pytest.approx(default * knob.scale)
        elif knob.choices:
            assert getattr(plugin, knob.attribute).name == knob.choices[int(default)]
        else:
            assert getattr(plugin, knob.attribute) == pytest.approx(default * knob.scale, rel=1e-5)


def test_frequencies_stay_below_the_nyquist_frequency() -> None:
    plugin, _ = open_builtin("peak")._plugin([1.0, 1.0, 0.5], 8_000)
    assert plugin is not None
    assert plugin.cutoff_frequency_hz == pytest.approx(NYQUIST_SHARE * 8_000)


def test_spec_needs_no_host() -> None:
    code = (
        "import sys; from dialin.effects.builtin_table import BUILTINS, builtin_spec\n"
        "from dialin.effects.default_chain import default_chain\n"
        "assert all(builtin_spec(n).size for n in BUILTINS) and default_chain()\n"
        "import dialin.effects.open\n"
        "assert 'pedalboard' not in sys.modules and 'dawdreamer' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_specs_are_stable_and_documented() -> None:
    for name in BUILTINS:
        spec = builtin_spec(name)
        assert spec.uri == f"builtin:{name}"
        assert spec.hash == builtin_spec(name).hash
        assert spec.file_hash and spec.version and spec.category
        assert np.array_equal(spec.default, spec.check(spec.default))


def test_default_chain_is_small_and_opens() -> None:
    chain = open_effect(chain_uri(default_chain()))
    assert 10 <= chain.spec.size <= 25
    audio = noise(2, 5_000)
    wet = chain.process(audio, 44_100, chain.spec.default)
    assert 0.5 < np.std(wet) / np.std(audio) < 2.0
    neutral = {p.id: p.neutral for p in chain.spec.parameters if p.neutral is not None}
    assert np.array_equal(chain.process(audio, 44_100, chain.spec.vector(neutral)), audio)
