"""The probe: what it finds in effects with known faults, and its cache."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.fake import open_fake
from dialin.effects.open import open_effect
from dialin.effects.parameter import Parameter
from dialin.effects.probe import Probe, apply_probe, probe_effect, probe_signal
from dialin.effects.spec import EffectSpec
from dialin.errors import RenderError
from dialin.rendering import RenderPool
from tests.plugins import MDA, MDA_NINE, needs_lv2, needs_vst3, vst3_path

Native = dict[str, float]


def knob(id: str, **options: object) -> Parameter:
    return Parameter(id, id, "", 0.0, 1.0, 0.5, **options)  # type: ignore[arg-type]


class Made:
    """An effect made of one function of audio and native values."""

    def __init__(self, function: Callable[[Audio, Native], Audio], *knobs: Parameter) -> None:
        self.spec = EffectSpec("fake:made", "Made", "fake", knobs)
        self._function = function
        self.renders = 0

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        self.renders += 1
        return np.asarray(self._function(audio, self.spec.native(settings)), dtype=np.float32)

    def stream(self, *args: object, **options: object) -> None:
        raise NotImplementedError

    def state(self, settings: ArrayLike) -> None:
        return None

    def close(self) -> None:
        pass


def found(effect: object, **options: object) -> Probe:
    return probe_effect(effect, use_cache=False, **options)  # type: ignore[arg-type]


def test_a_sound_effect() -> None:
    probe = found(open_fake("gain"))
    assert probe.verdict == "ok"
    assert probe.knobs == {"gain": "live"}
    assert probe.deterministic
    assert probe.repeat_error_db == probe.noise_floor_db == -300
    assert probe.latency == 0
    assert probe.tail == 0
    assert probe.transparent_default
    assert probe.neutrals == {"gain": 0.0}
    assert probe.peak_db == pytest.approx(18, abs=0.1)
    assert probe.loud_knobs == probe.failures == ()
    assert probe.channels == "mono"


def test_dead_knobs() -> None:
    effect = Made(lambda x, n: x * (0.5 + n["used"]), knob("unused"), knob("used"))
    probe = found(effect)
    assert probe.knobs == {"unused": "dead", "used": "live"}
    spec = apply_probe(effect.spec, probe)
    assert [p.status for p in spec.parameters] == ["dead", "live"]
    assert spec.hash == effect.spec.hash


def test_a_knob_behind_two_switches_is_alive() -> None:
    """At the default and most random settings it does nothing."""
    switch = {"curve": "toggle"}
    effect = Made(
        lambda x, n: x * (n["level"] if n["a"] == n["b"] == 1 else 0.7),
        knob("level"),
        Parameter("a", "a", "", 0.0, 1.0, 0.0, **switch),  # type: ignore[arg-type]
        Parameter("b", "b", "", 0.0, 1.0, 0.0, **switch),  # type: ignore[arg-type]
    )
    assert found(effect).knobs == {"level": "live", "a": "live", "b": "live"}


def test_undeclared_steps() -> None:
    effect = Made(
        lambda x, n: x * (1 + np.floor(n["stairs"] * 3.99)) * (0.2 + n["ramp"]) / 4,
        knob("stairs"),
        knob("ramp"),
    )
    assert found(effect).knobs == {"stairs": "stepped", "ramp": "live"}


def test_a_knob_that_works_on_part_of_its_travel_has_no_steps() -> None:
    effect = Made(lambda x, n: x * max(0.3, n["late"]), knob("late"))
    assert found(effect).knobs == {"late": "live"}


def test_many_small_steps_are_as_good_as_none() -> None:
    effect = Made(lambda x, n: x * (0.2 + np.floor(200 * n["fine"]) / 200), knob("fine"))
    assert found(effect).knobs == {"fine": "live"}


def test_a_knob_that_works_at_one_end_only_has_no_steps() -> None:
    effect = Made(lambda x, n: x * (0.3 + min(0.2, n["early"])), knob("early"))
    assert found(effect).knobs == {"early": "live"}


def test_late_output() -> None:
    assert found(open_fake("latency")).latency == 128


def test_a_tail() -> None:
    effect = Made(lambda x, n: x + 0.5 * np.roll(x, 22_050, axis=1), knob("unused"))
    probe = found(effect)
    assert probe.tail == pytest.approx(0.5, abs=0.01)
    assert probe.latency == 0


@pytest.mark.parametrize("fault", ["leak", "smooth", "lfo", "noise"])
def test_renders_that_do_not_repeat(fault: str) -> None:
    probe = found(open_fake(fault))
    assert not probe.deterministic
    assert probe.repeat_error_db > -60


def test_noise_keeps_no_knob_alive() -> None:
    rng = np.random.default_rng(0)
    effect = Made(
        lambda x, n: x * (0.5 + n["used"]) + rng.normal(0, 1e-3, x.shape),
        knob("unused"),
        knob("used"),
    )
    probe = found(effect)
    assert probe.knobs == {"unused": "dead", "used": "live"}
    assert -60 < probe.noise_floor_db < -40


def test_verdicts() -> None:
    level, nothing = knob("level"), knob("nothing")
    assert found(Made(lambda x, n: 0 * x, level)).verdict == "silent"
    assert found(Made(lambda x, n: x.copy(), nothing)).verdict == "no effect"
    assert found(Made(lambda x, n: np.full_like(x, np.nan), level)).verdict == "not finite"
    assert found(open_fake("short")).verdict == "fails"

    def refuse(audio: Audio, native: Native) -> Audio:
        raise RenderError("it will not")

    probe = found(Made(refuse, level))
    assert probe.verdict == "fails"
    assert probe.failures == ("it will not",)


def test_a_knob_that_brings_nan_is_alive() -> None:
    effect = Made(lambda x, n: x * (np.nan if n["bad"] > 0.8 else 0.5), knob("bad"))
    probe = found(effect)
    assert probe.verdict == "not finite"
    assert probe.knobs["bad"] != "dead"
    assert "not finite" in probe.failures[0]


def test_danger() -> None:
    effect = Made(
        lambda x, n: x * 10 ** (3 * n["boost"] - 1) * (0.5 + n["tame"]),
        Parameter("boost", "boost", "", 0.0, 1.0, 0.3),
        knob("tame"),
    )
    probe = found(effect)
    assert probe.loud_knobs == ("boost",)
    assert probe.peak_db > 24


def test_stereo() -> None:
    assert found(Made(lambda x, n: x[::-1].copy(), knob("unused"))).channels == "stereo"
    assert found(open_fake("mono")).channels == "stereo"
    assert found(open_fake("drive")).channels == "mono"


def test_neutral_positions() -> None:
    assert found(open_fake("drive")).neutrals == {"mix": 0.0}
    # Only some modes are clean, and only without more level; an echo may come too late to hear.
    assert found(open_fake("mode")).neutrals == {}
    assert found(open_fake("echo")).neutrals == {"mix": 0.0}


def test_an_echo_that_comes_too_late_is_not_neutral() -> None:
    def echo(audio: Audio, native: Native) -> Audio:
        lag = round(native["time"] * 44_100)
        return audio + np.pad(audio, ((0, 0), (lag, 0)))[:, : audio.shape[1]]

    effect = Made(echo, Parameter("time", "time", "s", 0.0, 9.0, 0.1))
    assert found(effect).neutrals == {}


def test_quick_looks_around_the_default_only() -> None:
    slow, fast = Made(_two, knob("a"), knob("b")), Made(_two, knob("a"), knob("b"))
    thorough = found(slow)
    quick = found(fast, quick=True)
    assert fast.renders < slow.renders
    assert thorough.knobs == {"a": "live", "b": "live"}
    assert quick.knobs == {"a": "live", "b": "dead"}
    assert quick.neutrals == {}


def _two(audio: Audio, native: Native) -> Audio:
    """`b` matters only where `a` is high."""
    return audio * (0.2 + native["a"] + (native["b"] if native["a"] > 0.51 else 0))


def test_the_same_seed_finds_the_same() -> None:
    one, two = (found(open_fake("drive"), seed=4).to_dict() for _ in range(2))
    for clock in ("seconds", "speed"):
        del one[clock], two[clock]
    assert one == two


def test_progress() -> None:
    told: list[tuple[int, int]] = []
    found(open_fake("echo"), progress=lambda done, of: told.append((done, of)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_signal() -> None:
    signal = probe_signal()
    assert signal.dtype == np.float32
    assert signal.shape[0] == 2
    assert np.abs(signal).max() == pytest.approx(0.5)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "dialin" / "probes"


def test_the_cache_saves_renders(cache: Path) -> None:
    effect = Made(_two, knob("a"), knob("b"))
    first = probe_effect(effect)
    count = effect.renders
    assert count > 0
    assert probe_effect(effect) == first
    assert effect.renders == count
    probe_effect(effect, seed=1)
    probe_effect(effect, quick=True)
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize(
    "content",
    ["", "{", "null", "[]", "{}", '{"uri": "fake:gain"}', "\0\xff", "KNOBS", "FEWER", "MORE"],
)
def test_a_broken_cache_is_written_anew(cache: Path, content: str) -> None:
    good = probe_effect(open_fake("gain"))
    (file,) = cache.iterdir()
    whole = json.loads(file.read_text())
    odd = {
        "KNOBS": json.dumps(whole | {"knobs": 5}),
        "FEWER": json.dumps({k: v for k, v in whole.items() if k != "tail"}),
        "MORE": json.dumps(whole | {"mood": "fine"}),
    }
    file.write_text(odd.get(content, content), encoding="latin-1")
    again = probe_effect(open_fake("gain"))
    assert again.knobs == good.knobs
    assert Probe.from_dict(json.loads(file.read_text())) == again
    assert list(cache.iterdir()) == [file], "a temporary file was left behind"


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert probe_effect(open_fake("gain")).verdict == "ok"


def test_a_full_disk_leaves_no_half_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert probe_effect(open_fake("gain")).verdict == "ok"
    assert not list(cache.iterdir())


def test_plain_data_and_back() -> None:
    probe = found(open_fake("echo"))
    assert Probe.from_dict(json.loads(json.dumps(probe.to_dict()))) == probe


def test_in_a_worker(cache: Path) -> None:
    with RenderPool(workers=1) as pool:
        assert pool.probe("fake:latency").latency == 128
    assert len(list(cache.iterdir())) == 1


@needs_lv2("mda.lv2")
@pytest.mark.parametrize("name", MDA_NINE)
def test_mda(name: str) -> None:
    effect = open_effect(f"lv2:{MDA}{name}")
    probe = found(effect)
    assert probe.verdict == "ok"
    assert probe.deterministic
    assert probe.latency == 0
    assert "dead" not in probe.knobs.values()
    assert probe.failures == ()
    if name == "Dynamics":
        assert probe.loud_knobs == ("output",)
    if name in ("Dynamics", "ThruZero"):
        assert probe.neutrals == {"mix": 0.0}


@needs_vst3("ZamComp.vst3")
def test_zam() -> None:
    effect = open_effect(f"vst3:{vst3_path('ZamComp.vst3')}")
    probe = found(effect)
    effect.close()
    assert probe.verdict == "ok"
    assert probe.deterministic
    assert probe.latency == 0
    assert probe.peak_db > 24
    assert "dead" not in probe.knobs.values()
