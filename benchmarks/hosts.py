"""The hosts that can run LV2 and VST3 plugins, side by side over everything installed.

Run ``python benchmarks/hosts.py [--minihost PYTHON] [--formats lv2 vst3] [--share 1/1]
[--rate-knobs] [--out hosts.jsonl]``. Each plugin is opened, played and opened anew by

* DawDreamer (LV2 by URI, VST3 by path), as dialin uses it for LV2: the graph loaded anew before
  each render, memory that was never written reading as zero;
* Pedalboard (VST3 only), as dialin uses it for VST3: reset before each render;
* minihost (LV2 by URI, VST3 by path; JUCE without a screen), in the interpreter named by
  ``--minihost``: ``python -m venv V && V/bin/pip install minihost numpy``.

A child process works through the plugins; where it dies or is silent for 90 s the plugin it was
at has crashed or hung and another child takes the rest. One line a plugin is added to ``--out``;
what stands there is not done again. ``--share 2/4`` does the second quarter.

The table tells of each host how many plugins open, crash and hang; how many give the same bits
when they are rendered again by the host's own way of starting over, and when they are opened
anew; the median milliseconds of processor time of a render of 5 s (in as many channels as the
plugin has) and of opening; how many sound different at 60 and at 180 beats a minute; and of those
with a knob in parts of the sample rate how many open, and how many are heard with that knob in the
middle.
"""

import argparse
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

RATE, BLOCK, SECONDS = 44_100, 512, 5
SILENT = 90.0
HOSTS = {"lv2": ("dawdreamer", "minihost"), "vst3": ("pedalboard", "dawdreamer", "minihost")}


# -- in the child: one class a host, the same three methods ---------------------------------------


class DawDreamer:
    def __init__(self, kind: str, name: str) -> None:
        import dawdreamer

        self.engine = dawdreamer.RenderEngine(RATE, BLOCK)
        self.plugin = self.engine.make_plugin_processor("plugin", name)
        self.inputs = self.plugin.get_num_input_channels()
        if not self.inputs or not self.plugin.get_num_output_channels():
            raise LookupError("no effect")
        self.kept: dict[int, float] = {}
        silence = np.zeros((self.inputs, BLOCK), np.float32)
        self.playback = self.engine.make_playback_processor("in", silence)

    def set(self, parts: tuple[str, ...], value: float) -> None:
        for index in range(self.plugin.get_plugin_parameter_size()):
            if self.plugin.get_parameter_name(index) in parts:
                self.kept[index] = value

    def render(self, audio: np.ndarray, bpm: float = 120.0) -> np.ndarray:
        self.engine.set_bpm(bpm)
        self.playback.set_data(audio)
        self.engine.load_graph([(self.playback, []), (self.plugin, ["in"])])
        for index, value in self.kept.items():
            self.plugin.set_parameter(index, value)
        self.engine.render((audio.shape[1] + 0.5) / RATE)
        return self.engine.get_audio()


class Pedalboard:
    def __init__(self, kind: str, name: str) -> None:
        import pedalboard

        self.plugin = pedalboard.load_plugin(name)
        if not self.plugin.is_effect:
            raise LookupError("no effect")
        try:
            self.inputs = 2
            self.render(np.zeros((2, BLOCK), np.float32))
        except ValueError:
            # Its main bus has one channel.
            self.inputs = 1

    def set(self, parts: tuple[str, ...], value: float) -> None:
        pass

    def render(self, audio: np.ndarray, bpm: float = 120.0) -> np.ndarray:
        return self.plugin.process(audio, RATE, buffer_size=BLOCK, reset=True)


class MiniHost:
    def __init__(self, kind: str, name: str) -> None:
        import minihost

        if kind == "lv2":
            # A path opens the first plugin of a bundle; only a description has a URI.
            words = f'<PLUGIN name="x" format="LV2" file="{name}" uniqueId="0" uid="0"/>'
            self.plugin = minihost.Plugin.from_descriptor(words, RATE, BLOCK, 2, 2)
        else:
            self.plugin = minihost.Plugin(name, sample_rate=RATE, max_block_size=BLOCK)
        self.inputs = self.plugin.num_input_channels
        if not self.inputs or not self.plugin.num_output_channels:
            raise LookupError("no effect")

    def set(self, parts: tuple[str, ...], value: float) -> None:
        for index in range(self.plugin.num_params):
            if self.plugin.get_param_info(index)["name"] in parts:
                self.plugin.set_param(index, value)

    def render(self, audio: np.ndarray, bpm: float = 120.0) -> np.ndarray:
        import minihost

        self.plugin.reset()
        self.plugin.set_transport(bpm)
        return np.array(minihost.process_audio(self.plugin, audio, block_size=BLOCK))


CLASSES = {"dawdreamer": DawDreamer, "pedalboard": Pedalboard, "minihost": MiniHost}


def try_plugin(host: str, kind: str, name: str, parts: list[str]) -> dict:
    """Everything that is asked of one plugin."""
    began = time.process_time()
    effect = CLASSES[host](kind, name)
    facts: dict = {"open_ms": 1000 * (time.process_time() - began)}
    audio = np.random.default_rng(0).normal(0, 0.1, (effect.inputs, SECONDS * RATE))
    audio = audio.astype(np.float32)
    effect.set(tuple(parts), 0.5)
    first = effect.render(audio).copy()
    began = time.process_time()
    second = effect.render(audio).copy()
    facts["ms"] = 1000 * (time.process_time() - began)
    facts["finite"] = bool(np.isfinite(first).all())
    facts["heard"] = float(np.abs(np.nan_to_num(first)).max()) > 1e-4
    facts["again"] = first.tobytes() == second.tobytes()
    slow, fast = effect.render(audio, 60.0).copy(), effect.render(audio, 180.0).copy()
    facts["tempo"] = facts["again"] and slow.tobytes() != fast.tobytes()
    anew = CLASSES[host](kind, name)
    anew.set(tuple(parts), 0.5)
    facts["anew"] = first.tobytes() == anew.render(audio).tobytes()
    return facts


def child(host: str, kind: str) -> None:
    """Answer lines of JSON with lines of JSON, on what was standard output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        name, parts = json.loads(line)
        try:
            facts = try_plugin(host, kind, name, parts)
        except LookupError:
            facts = {"failure": "no effect"}
        except Exception as error:
            facts = {"failure": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(facts), file=answers, flush=True)
    os._exit(0)


# -- in the parent ---------------------------------------------------------------------------------


def plugins(kind: str) -> list[tuple[str, list[str]]]:
    """What is installed, with the names of its knobs in parts of the sample rate."""
    from dialin.effects.lilv import installed

    if kind == "vst3":
        return [(str(p), []) for p in sorted(Path("/usr/lib/vst3").glob("*.vst3"))]
    every = []
    for uri in sorted(installed().uris()):
        plugin = installed().plugin(uri)
        ports = plugin.ports if plugin is not None else ()
        every.append((uri, [p.name for p in ports if "sampleRate" in p.properties]))
    return every


class Child:
    """A child that is asked one plugin at a time."""

    def __init__(self, python: str, host: str, kind: str) -> None:
        self.log = tempfile.TemporaryFile()
        environment = os.environ | {"MALLOC_PERTURB_": "255"}
        self.process = subprocess.Popen(
            [python, __file__, "--child", host, kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment,
        )  # fmt: skip

    def ask(self, name: str, parts: list[str]) -> dict:
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps([name, parts]).encode() + b"\n")
            self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], SILENT)[0]:
            self.process.kill()
            return {"failure": "hang"}
        line = self.process.stdout.readline()
        if not line:
            return {"failure": f"crash {self.process.wait()}"}
        return json.loads(line)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def table(rows: list[dict]) -> None:
    columns = "host", "plugins", "open", "crash", "hang", "not opened", "silent or NaN", "again"
    print(" | ".join((*columns, "anew", "ms", "open ms", "tempo", "rate knobs", "heard")))
    keys = sorted({(r["kind"], r["host"]) for r in rows})
    for kind, host in keys:
        mine = [r for r in rows if (r["kind"], r["host"]) == (kind, host)]
        count = Counter(str(r.get("failure", "open")).split()[0] for r in mine)
        good = [r for r in mine if "failure" not in r]
        none = sum(r.get("failure") == "no effect" for r in mine)
        knobs = [r for r in mine if r["parts"]]
        heard = [r for r in knobs if "failure" not in r and r["heard"] and r["finite"]]
        cells = [
            f"{kind} {host}", len(mine) - none, len(good), count["crash"], count["hang"],
            len(mine) - none - len(good) - count["crash"] - count["hang"],
            sum(not (r["heard"] and r["finite"]) for r in good),
            sum(r["again"] for r in good), sum(r["anew"] for r in good),
            f"{np.median([r['ms'] for r in good] or [0]):.1f}",
            f"{np.median([r['open_ms'] for r in good] or [0]):.0f}",
            sum(r["tempo"] for r in good),
            f"{sum('failure' not in r for r in knobs)} of {len(knobs)}", len(heard),
        ]  # fmt: skip
        print(" | ".join(map(str, cells)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=2)
    parser.add_argument("--minihost", default=sys.executable)
    parser.add_argument("--formats", nargs="+", default=["vst3", "lv2"])
    parser.add_argument("--share", default="1/1")
    parser.add_argument("--rate-knobs", action="store_true", help="only plugins that have such")
    parser.add_argument("--out", type=Path, default=Path("hosts.jsonl"))
    options = parser.parse_args()
    if options.child:
        child(*options.child)
    share, shares = map(int, options.share.split("/"))
    rows = [json.loads(line) for line in options.out.open()] if options.out.exists() else []
    done = {(r["kind"], r["host"], r["name"]) for r in rows}
    with options.out.open("a") as file:
        for kind in options.formats:
            for host in HOSTS[kind]:
                python = options.minihost if host == "minihost" else sys.executable
                at_work: Child | None = None
                for name, parts in plugins(kind)[share - 1 :: shares]:
                    if (kind, host, name) in done or (options.rate_knobs and not parts):
                        continue
                    at_work = at_work or Child(python, host, kind)
                    facts = at_work.ask(name, parts)
                    if str(facts.get("failure")).split()[0] in ("crash", "hang"):
                        at_work.close()
                        at_work = None
                    row = {"kind": kind, "host": host, "name": name, "parts": parts, **facts}
                    rows.append(row)
                    print(json.dumps(row), file=file, flush=True)
                if at_work is not None:
                    at_work.close()
    table(rows)


if __name__ == "__main__":
    main()
