"""How long a match of 10 s takes: up to 100 renders, a warm pool, one worker a core.

Prints seconds from the call to the settings (listening, search, pick, pruning), the median and the
spread over repeats with different seeds, for single effects and chains; how many renders they took;
and the seconds of processor time of workers and program (Linux), which a machine that others use
too does not blur as much. Plugins that are not installed are left out.

    python benchmarks/match_speed.py [--budget 100] [--repeats 5] [--only reverb chain]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

import dialin
from dialin.audio import read_audio
from dialin.effects import default_chain
from dialin.errors import EffectNotFoundError
from dialin.rendering import RenderPool

EXAMPLES = Path(__file__).parent.parent / "examples/audio"
MDA = "lv2:http://drobilla.net/plugins/mda/"
CASES: dict[str, list[str]] = {
    "builtin:compressor": ["builtin:compressor"],
    "builtin:reverb": ["builtin:reverb"],
    "mda Overdrive (LV2)": [MDA + "Overdrive"],
    "mda MultiBand (LV2)": [MDA + "MultiBand"],
    "ZamComp (VST3)": ["vst3:/usr/lib/vst3/ZamComp.vst3"],
    "default chain (9 effects)": default_chain(),
}


def ten_seconds(name: str) -> tuple[np.ndarray, int]:
    """Ten seconds of stereo at 44.1 kHz, repeated where the recording is shorter."""
    audio, rate = read_audio(EXAMPLES / name)
    audio = np.repeat(audio, 2, axis=0) if audio.shape[0] == 1 else audio[:2]
    times = -(-10 * rate // audio.shape[1])
    return np.ascontiguousarray(np.tile(audio, times)[:, : 10 * rate]), rate


def processor_seconds() -> float:
    """Processor time that this program and its children have taken; NaN where nobody says."""
    try:
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            words = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(words[1]) == os.getpid():
                ticks += int(words[11]) + int(words[12])
        return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()
    except (OSError, AttributeError, ValueError, IndexError):
        return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[""], help="parts of the names of cases")
    arguments = parser.parse_args()
    source, reference = ten_seconds("drums-break.flac"), ten_seconds("guitar-metal.flac")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{os.cpu_count()} cores, load {load:.1f}, budget {arguments.budget}, 10 s stereo")
    with RenderPool() as pool:
        for name, effects in CASES.items():
            if not any(part in name for part in arguments.only):
                continue
            try:
                dialin.match(source, reference, effects, budget=4, models=(), pool=pool)
            except EffectNotFoundError:
                print(f"{name:28s} not installed")
                continue
            seconds, spent, renders = [], [], []
            for seed in range(arguments.repeats):
                began, used = time.monotonic(), processor_seconds()
                match = dialin.match(
                    source,
                    reference,
                    effects,
                    budget=arguments.budget,
                    seed=seed,
                    models=(),
                    pool=pool,
                )
                renders.append(match.report.renders)
                seconds.append(time.monotonic() - began)
                spent.append(processor_seconds() - used)
            low, middle, high = np.percentile(seconds, [0, 50, 100])
            count = float(np.median(renders))
            print(
                f"{name:28s} {middle:6.2f} s ({low:.2f} to {high:.2f}), {count:3.0f} renders, "
                f"{count / middle:5.1f}/s, processor {np.median(spent):5.2f} s, "
                f"{1000 * np.median(spent) / count:5.1f} ms a render",
                flush=True,
            )


if __name__ == "__main__":
    main()
