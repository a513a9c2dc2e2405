"""Whether a change to the code left matches as they were: the same settings, words and distances.

A dozen matches of the recordings that come with dialin, with a fixed seed, are written to a file or
held against one that another version wrote on the same machine. What differs is printed, and the
exit code is 1; distances may differ by `--tolerance`, settings by as much of a knob's travel.

    python benchmarks/match_same.py before.json
    python benchmarks/match_same.py before.json --compare [--tolerance 1e-6]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import dialin
from dialin.audio import read_audio
from dialin.effects import default_chain
from dialin.errors import EffectNotFoundError
from dialin.rendering import Job, RenderPool

EXAMPLES = Path(__file__).parent.parent / "examples/audio"
MDA = "lv2:http://drobilla.net/plugins/mda/"
Case = tuple[str, str, list[str], dict[str, Any]]
CASES: dict[str, Case] = {
    "drive": ("guitar-clean", "guitar-metal", ["builtin:distortion"], {"budget": 60}),
    "compressor": ("drums-break", "tabla", ["builtin:compressor"], {"budget": 60, "seed": 3}),
    "default chain": ("piano", "guitar-slide", default_chain(), {"budget": 220}),
    "default chain, heard": ("tabla", "=builtin:lowpass", default_chain(), {"budget": 180}),
    "echoes": ("piano", "=builtin:delay", ["builtin:delay"], {"budget": 60, "seed": 1}),
    "room": ("guitar-clean", "=builtin:reverb", ["builtin:reverb"], {"budget": 60}),
    "two": (
        "drums-break",
        "guitar-metal",
        ["builtin:lowshelf", "builtin:distortion"],
        {"budget": 60, "keep": True},
    ),
    "undone": ("piano", "tabla", ["builtin:peak", "builtin:peak", "builtin:gain"], {"budget": 80}),
    "level": ("tabla", "guitar-metal", ["builtin:gain"], {"only": ["level"], "budget": 20}),
    "output": ("piano", "=builtin:gain", ["builtin:compressor"], {"budget": 60}),
    "locked": (
        "piano",
        "guitar-metal",
        ["builtin:compressor", "builtin:highshelf"],
        {"budget": 50, "lock": {"compressor.ratio": 4.0}, "weights": {"tone": 1.0}},
    ),
    "overdrive": ("guitar-clean", "guitar-metal", [MDA + "Overdrive"], {"budget": 60}),
    "stepped": ("guitar-clean", "guitar-slide", [MDA + "Combo"], {"budget": 60}),
}


def reference_of(name: str, source: tuple[np.ndarray, int], pool: RenderPool) -> Any:
    """A recording, or the input through an effect with its knobs a quarter from the default."""
    if not name.startswith("="):
        return EXAMPLES / f"{name}.flac"
    spec = pool.describe(name[1:])
    settings = np.where(spec.default < 0.5, spec.default + 0.25, spec.default - 0.25)
    return pool.render([Job(name[1:], source[0], settings, sample_rate=source[1])])[0].get(), (
        source[1]
    )


def run() -> dict[str, Any]:
    """Facts of every match, without what a clock says."""
    result: dict[str, Any] = {}
    with RenderPool(workers=2) as pool:
        for name, (source, other, effects, options) in CASES.items():
            path = EXAMPLES / f"{source}.flac"
            try:
                reference = reference_of(other, read_audio(path), pool)
                match = dialin.match(path, reference, effects, models=(), pool=pool, **options)
            except EffectNotFoundError:
                print(f"{name}: not installed")
                continue
            report = match.report.to_dict()
            del report["seconds"], report["version"]
            nearest = None if match.nearest is None else list(match.nearest.settings)
            result[name] = {
                "effects": list(match.effects),
                "settings": list(match.settings),
                "nearest": nearest,
                "report": report,
            }
            print(f"{name}: {report['before']:.3f} to {report['after']:.3f}", flush=True)
    return result


def differences(old: Any, new: Any, tolerance: float, where: str = "") -> Iterator[str]:
    """Everything that is not the same."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from differences(old.get(key), new.get(key), tolerance, f"{where}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, tolerance, f"{where}/{number}")
    elif isinstance(old, float) and isinstance(new, float):
        if not abs(old - new) <= tolerance * max(1.0, abs(old)):
            yield f"{where}: {old!r} is {new!r} now"
    elif old != new:
        yield f"{where}: {old!r} is {new!r} now"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--tolerance", type=float, default=0.0)
    arguments = parser.parse_args()
    new = json.loads(json.dumps(run()))
    if not arguments.compare:
        arguments.file.write_text(json.dumps(new, indent=1) + "\n", "utf-8")
        return
    old = json.loads(arguments.file.read_text("utf-8"))
    told = list(differences(old, new, arguments.tolerance))
    print("\n".join(told) or "all the same")
    sys.exit(bool(told))


if __name__ == "__main__":
    main()
