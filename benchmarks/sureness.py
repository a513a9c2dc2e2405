"""How often a match is left alone, how often rightly so, and how near the nearest candidate comes.

Excerpts of songs; the input is one half, the reference the other half through known settings of
one effect, or dry. Each item is matched once with the nearest candidate kept, so that one run
tells what any pair of thresholds (`min_gain`, `max_risk` of `dialin.matching.options`) would do:

* *left alone*: items of an effect whose input would be left alone,
* *rescued*: those of them whose nearest candidate is nearer (MRSTFT) to the truth than the input,
* *false alarms*: dry items that would be changed.

Items whose effect is inaudible (MRSTFT to the truth below 0.1 untouched) are passed over.

    python benchmarks/sureness.py SONG... [--items 20] [--chain own] [-o rows.jsonl]
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
from dialin.effects import chain_uri
from dialin.errors import DialinError
from dialin.measures.spectral import mrstft
from dialin.rendering import Job, RenderPool
from songs import excerpts

FAMILIES: dict[str, tuple[tuple[str, ...], ...]] = {
    "filter": (("highpass",), ("lowpass",)),
    "equaliser": (("lowshelf",), ("peak",), ("highshelf",)),
    "dynamics": (("compressor",), ("limiter",)),
    "distortion": (("distortion",), ("bitcrush",)),
    "delay": (("delay",),),
    "reverb": (("reverb",),),
    "modulation": (("chorus",), ("phaser",)),
    "two": (("distortion", "highshelf"), ("compressor", "reverb"), ("peak", "reverb")),
    "dry": ((),),
}
AUDIBLE = 0.1
THRESHOLDS = [(g, r) for g in (0.03, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2) for r in (0.7, 0.8, 0.9, 1)]


def items(arguments: argparse.Namespace, pool: RenderPool) -> Iterator[dict[str, Any]]:
    """Input, reference, truth and what was done to them, without end for each family."""
    for number, family in enumerate(arguments.families.split(",")):
        rng = np.random.default_rng([arguments.seed, number])
        samples = 2 * 10 * arguments.rate
        source = excerpts(
            arguments.songs, rng, rate=arguments.rate, samples=samples, mono=not arguments.stereo
        )
        for count in range(arguments.items):
            choices = FAMILIES[family]
            names = choices[count % len(choices)]
            while True:
                song, audio = next(source)
                a, b = (np.ascontiguousarray(h) for h in np.split(audio, 2, axis=1))
                settings = None
                truth, wet = a, b
                if names:
                    uri = chain_uri(names)
                    settings = pool.describe(uri).random(rng)
                    done = pool.render([Job(uri, x, settings, arguments.rate) for x in (a, b)])
                    try:
                        truth, wet = (r.get() for r in done)
                    except DialinError:
                        continue
                    if mrstft(a, truth) < AUDIBLE or np.abs(wet).max() < 0.01:
                        continue
                break
            yield {
                "family": family, "names": names, "song": song.name, "number": count,
                "input": a, "reference": wet, "truth": truth,
            }  # fmt: skip


def run(item: dict[str, Any], arguments: argparse.Namespace, pool: RenderPool) -> dict[str, Any]:
    """Match one item with the nearest candidate kept."""
    names = item["names"] or (item["number"] % 2 and ("reverb",)) or ("peak",)
    effects = None if arguments.chain == "default" else [f"builtin:{n}" for n in names]
    result = dialin.match(
        (item["input"], arguments.rate),
        (item["reference"], arguments.rate),
        effects,
        seed=item["number"],
        budget=arguments.budget,
        keep=True,
        models=(),
        pool=pool,
    )
    output, _ = result.audio()
    used = [u.split(":")[1] for u in result.effects]
    return {
        "family": item["family"], "names": list(item["names"]), "song": item["song"],
        "number": item["number"], "used": used, "sure": result.report.sure,
        "gain": result.report.gain, "risk": result.report.risk,
        "parts": result.report.parts,
        "before": result.report.before, "after": result.report.after,
        "untouched": float(mrstft(item["input"], item["truth"])),
        "matched": float(mrstft(output, item["truth"])),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> None:
    """Print what the thresholds in use do, and what others would."""
    print(f"{'family':11s}  n  untouched  nearest  result  nearer  left alone  precision  recall")
    for family in dict.fromkeys(r["family"] for r in rows):
        part = [r for r in rows if r["family"] == family]
        before = np.array([r["untouched"] for r in part])
        after = np.array([r["matched"] for r in part])
        sure = np.array([r["sure"] for r in part])
        right = [len(set(r["names"]) & set(r["used"])) for r in part]
        tone = [[u for u in r["used"] if u != "gain"] for r in part]
        precision = sum(right) / max(1, sum(len(set(t)) for t in tone))
        recall = sum(right) / max(1, sum(len(set(r["names"])) for r in part))
        print(
            f"{family:11s} {len(part):3d}  {before.mean():9.3f}  {after.mean():7.3f} "
            f"{np.where(sure, after, before).mean():7.3f}  {(after < before).mean():6.2f} "
            f"{(~sure).mean():11.2f}  {precision:9.2f}  {recall:6.2f}"
        )
    wet = [r for r in rows if r["family"] != "dry"]
    dry = [r for r in rows if r["family"] == "dry"]
    if not (wet and dry):
        return
    print("\nMIN_GAIN  MAX_RISK  left alone  rescued of them  mean MRSTFT  false alarms")
    for gain, risk in THRESHOLDS:
        sure = np.array([r["gain"] >= gain and r["risk"] <= risk for r in wet])
        nearer = np.array([r["matched"] < r["untouched"] for r in wet])
        result = [r["matched" if s else "untouched"] for r, s in zip(wet, sure, strict=True)]
        alarms = sum(r["gain"] >= gain and r["risk"] <= risk for r in dry)
        print(
            f"{gain:8.2f}  {risk:8.2f}  {(~sure).mean():10.2f}  {(nearer & ~sure).mean():15.2f}  "
            f"{np.mean(result):11.3f}  {alarms}/{len(dry)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path, nargs="+")
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--chain", choices=["own", "default"], default="own")
    parser.add_argument("--budget", type=int)
    parser.add_argument("--rate", type=int, default=24_000)
    parser.add_argument("--stereo", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    rows = []
    with RenderPool() as pool:
        for item in items(arguments, pool):
            row = run(item, arguments, pool)
            rows.append(row)
            if arguments.output:
                with arguments.output.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            print(f"\r{len(rows)} items", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    table(rows)


if __name__ == "__main__":
    main()
