"""Native presets of installed plugins, each loaded afresh and compared with dialin's own sound.

    python benchmarks/native_presets.py [--search zam --search calf --search mda] [--seed 0]

Every plugin whose name has one of the words is set to random settings, exported as ``.vstpreset``
or LV2 preset, and verified; a table says what came of it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from dialin.effects import list_effects
from dialin.errors import DialinError
from dialin.matching.describe import host_facts
from dialin.presets import Preset, export_preset
from dialin.presets.verify import verify_export
from dialin.rendering import RenderPool


def verdict_of(uri: str, format: str, folder: Path, seed: int) -> str:
    """What came of one plugin, in a few words."""
    try:
        with RenderPool(workers=1, deadline=60.0) as pool:
            spec = pool.describe(uri)
            settings = spec.random(np.random.default_rng(seed))
            facts, _ = host_facts(pool, [spec], settings)
        preset = Preset.from_settings([spec], settings, **facts)
        exported = export_preset(preset, {"vst3": "vstpreset", "lv2": "lv2"}[format], folder)
        (verdict,) = verify_export(preset, exported).values()
    except DialinError as error:
        return str(error)
    level = "" if verdict.difference_db is None else f" ({verdict.difference_db:.0f} dB)"
    return verdict.text + level


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--search", action="append")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words = options.search or ["za", "calf", "mda"]
    counts: dict[str, int] = {}
    for entry in list_effects(["vst3", "lv2"]):
        if not any(entry.name.casefold().startswith(word) for word in words):
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            text = verdict_of(entry.uri, entry.format, Path(folder), options.seed)
        kind = "same" if text.startswith("verified") else text.partition(":")[0][:40]
        counts[kind] = counts.get(kind, 0) + 1
        took = time.monotonic() - began
        print(f"{entry.format:5} {entry.name:32} {took:5.1f} s  {text[:160]}", flush=True)
    print(counts)


if __name__ == "__main__":
    main()
