"""Find out what the knobs of the built-in effects do, and keep it in the package.

    python scripts/probe_builtins.py

To be run where a built-in, the version of dialin or of Pedalboard, or a probe has changed: a test
says so. Without, everything works as before, and the first match of each user takes a second more.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from dialin.effects.builtin_table import BUILTINS, pedalboard_version
from dialin.effects.cache import SHIPPED
from dialin.effects.open import open_effect
from dialin.files.text import json_text
from dialin.matching.hearing.motion.probe import motion_name, probe_motion
from dialin.matching.hearing.time_probe import probe_time, time_name

FILE = Path(__file__).parents[1] / "src" / "dialin" / "effects" / SHIPPED


def main() -> None:
    """Probe all of them."""
    probes: dict[str, object] = {}
    for name in BUILTINS:
        effect = open_effect(f"builtin:{name}")
        probes[time_name(effect.spec)] = asdict(probe_time(effect, use_cache=False))
        probes[motion_name(effect.spec)] = asdict(probe_motion(effect, use_cache=False))
        effect.close()
        print(name, flush=True)
    content = {"pedalboard": pedalboard_version(), "probes": dict(sorted(probes.items()))}
    FILE.write_text(json_text(content) + "\n", "utf-8")


if __name__ == "__main__":
    main()
