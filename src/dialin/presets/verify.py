"""Whether presets for other hosts sound as they should: each is loaded afresh and listened to.

A ``.vstpreset`` is read by the plugin host's own reader of such files, into a new plugin in a new
process; an LV2 preset by lilv, which finds bundles and reads their values for most LV2 hosts. The
render from it is compared with the one from dialin's settings. REAPER's files are not: there is
no REAPER to ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.effects.effect import Effect
from dialin.errors import DialinError
from dialin.presets.export import Exported
from dialin.presets.preset import Preset
from dialin.presets.whereabouts import located, untrusted
from dialin.rendering.pool import RenderPool

RATE = 44_100
SECONDS = 1.0
DEADLINE = 60.0
SAME_DB = -60.0
"""A render whose difference lies so far below it sounds the same.

Presets hold single precision, which most plugins answer at -130 dB and a valve model, ZamTube,
at -71 dB; one knob that is not where it should be is heard far above."""


@dataclass(frozen=True)
class ExportVerdict:
    """What came of listening to one file.

    Attributes
    ----------
    same : bool or None
        Whether it sounds like the preset; None where that cannot be told.
    text : str
        In words.
    difference_db : float, optional
        Level of the difference, relative to the preset's own sound.
    """

    same: bool | None
    text: str
    difference_db: float | None = None


def verify_export(preset: Preset, exported: Exported) -> dict[Path, ExportVerdict]:
    """Load each preset that was written in a fresh host process and compare renders.

    Parameters
    ----------
    preset : Preset
        Its plugins have to be installed here, and trusted.
    exported : Exported
        What `dialin.presets.export_preset` made of it.

    Returns
    -------
    dict
        Of the files that hold one slot each; the others have no sound of their own.
    """
    from dialin.presets.export import unmixed

    verdicts: dict[Path, ExportVerdict] = {}
    here = located(preset)[0]
    slots = {each.number: each.slot for each in unmixed(here)}
    for file, number in zip(exported.files, exported.slots, strict=True):
        if number is None:
            continue
        slot = slots[number]
        if untrusted(here):
            verdicts[file] = ExportVerdict(
                None, "not verified: its plugin is loaded with --trust only"
            )
            continue
        arguments = (str(file), slot.format, slot.native, list(slot.normalised))
        try:
            # A pool of its own: nothing has touched the plugin in its process.
            with RenderPool(workers=1, deadline=DEADLINE) as pool:
                same, text, level = pool.call(_compare, *arguments, effect=slot.uri)
            verdicts[file] = ExportVerdict(same, text, level)
        except DialinError as error:
            verdicts[file] = ExportVerdict(False, f"not verified: {error}")
    return verdicts


def _compare(
    effect: Effect, file: str, format: str, native: dict[str, float], normalised: Sequence[float]
) -> tuple[bool | None, str, float | None]:
    """Compare renders in a worker; `effect` is that of the slot, opened afresh."""
    spec = effect.spec
    if list(native) == [p.id for p in spec.parameters]:
        settings = spec.check(np.asarray(normalised))
    else:
        settings = spec.vector(native)
    audio = _test_sound()
    if format == "vst3":
        from dialin.effects.pedalboard_host import HostedEffect

        assert isinstance(effect, HostedEffect)
        rendered = effect.process_preset(audio, RATE, Path(file))
        if rendered is None:
            return None, "not verified: the plugin has no knobs, so there is nothing to tell", None
    else:
        values = read_lv2_preset(Path(file), spec.uri.partition(":")[2])
        missing = [p.id for p in spec.parameters if p.id not in values]
        if missing:
            return False, f"its host finds no value of {', '.join(missing)}", None
        inside = {p.id: min(p.maximum, max(p.minimum, values[p.id])) for p in spec.parameters}
        rendered = effect.process(audio, RATE, spec.vector(inside))
    expected = effect.process(audio, RATE, settings)
    level = _difference(rendered, expected)
    if level <= SAME_DB:
        return True, "verified: sounds the same", level
    again = _difference(effect.process(audio, RATE, settings), expected)
    if again > SAME_DB:
        return None, "not verified: the plugin sounds different each time", level
    return False, f"sounds different: the difference lies at {level:.0f} dB", level


def _difference(rendered: Audio, expected: Audio) -> float:
    power = float(np.mean(np.square(expected, dtype=np.float64)))
    error = float(np.mean(np.square(rendered - expected, dtype=np.float64)))
    if error == 0:
        return -400.0
    return 10 * float(np.log10(error / max(power, 1e-20)))


def _test_sound() -> Audio:
    """A second of noise in bursts, in both channels, loud and soft."""
    rng = np.random.default_rng(7)
    samples = round(SECONDS * RATE)
    envelope = np.repeat([0.02, 0.5, 0.1, 0.9], samples // 4)
    sound: Audio = (rng.normal(0, 0.2, (2, len(envelope))) * envelope).astype(np.float32)
    return sound


def read_lv2_preset(file: Path, plugin: str) -> dict[str, float]:
    """Values of an LV2 preset by parameter id, as lilv reads them out of its bundle.

    Parameters
    ----------
    file : Path
        A ``.ttl`` file in the preset's bundle.
    plugin : str
        URI of the plugin it belongs to, with or without ``lv2:``.

    Returns
    -------
    dict of str to float
        In the plugin's own units; parameters that the preset leaves out are missing.

    Raises
    ------
    dialin.errors.EffectLoadError
        If there is no lilv.
    """
    from dialin.effects.lilv import Lilv
    from dialin.effects.lv2 import control_symbols

    by_symbol: dict[str, Any] = Lilv().preset_values(file)
    return {
        id: by_symbol[symbol]
        for id, symbol in control_symbols(plugin).items()
        if symbol in by_symbol
    }
