"""Which effects a reference holds: and how often dialin chooses the same.

Items of the protocol ``counterfx``, its chains hidden (one to four of eight built-ins, other music
of the same song as the reference), and as many dry references. Each is matched with the effects
left to dialin (``auto``), with the fixed chain (``default``) and with the eight given (``eight``).

* *precision, recall, F1* of families (filters, drive, dynamics, equaliser, modulation, delay,
  reverb), over all items together; a computed gain is no family.
* *left alone*: dry references that are. *L_d*: to the truth, as a share of the untouched input's.
* With ``--fit``: the weights of the logistic function that tells how sure `auto` is, from rows of
  validation songs, and how well calibrated it is.

``--light`` renders at 24 kHz mono, four times as fast; the network, which learned from 44.1 kHz
stereo, is surer there than it should be. A run that was stopped goes on.

    python benchmarks/auto_chain.py SONGS -o rows.jsonl [-n 40] [--split valid] [--light]
    python benchmarks/auto_chain.py --fit rows.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import dialin
from dialin.audio import resample
from dialin.data.chain_ranges import PUBLISHED
from dialin.evaluation.corpus import generator, open_corpus
from dialin.evaluation.items import Source
from dialin.evaluation.protocols.counterfx import RATE, CounterFx
from dialin.matching.guessing.auto_families import FAMILIES
from dialin.matching.guessing.auto_sureness import LEAST_GAIN, MOST_GAIN
from dialin.measures.spectral import ld
from dialin.rendering import RenderPool

OF = {f"builtin:{name}": f.name for f in FAMILIES for name in f.effects}
LIGHT = 24_000
VERDICTS = ("heard", "moving", "faint", "disputed", "doubt", "absent")
METHODS: dict[str, Any] = {
    "auto": "auto",
    "default": "default",
    "eight": [f"builtin:{name}" for name in PUBLISHED],
}


def families(uris: Any) -> set[str]:
    """Families of some effects; others than those that are known stand for themselves."""
    return {OF.get(uri, uri) for uri in uris if uri != "builtin:gain"}


def run(arguments: argparse.Namespace) -> None:
    """Match items and write a row for each."""
    began = time.monotonic()
    rows = read(arguments.output)
    done = {(r["kind"], r["index"], r["method"]) for r in rows}
    protocol = CounterFx()
    with RenderPool(workers=arguments.workers) as pool, arguments.output.open("a") as out:
        source = Source(pool, open_corpus([arguments.songs], arguments.split), arguments.seed)
        for index in range(arguments.items):
            for kind in arguments.kinds.split(","):
                wanted = [m for m in arguments.methods.split(",") if (kind, index, m) not in done]
                if not wanted or time.monotonic() - began > arguments.seconds:
                    continue
                if kind == "dry":
                    rng = generator(source.seed, "auto dry", index)
                    a, b, where = protocol.windows(source, rng)
                    truth, true = a, []
                else:
                    item = protocol.make(source, "hidden", index)
                    a, b, truth = item.task.input, item.task.reference, item.truth
                    true, where = list(item.effects), item.record["input"]
                rate = RATE
                if arguments.light:
                    a, b, truth = (
                        resample(np.ascontiguousarray(x.mean(axis=0, keepdims=True)), RATE, LIGHT)
                        for x in (a, b, truth)
                    )
                    rate = LIGHT
                for method in wanted:
                    start = time.monotonic()
                    match = dialin.match(
                        *((a, rate), (b, rate), METHODS[method]),
                        budget=arguments.budget, seed=index, pool=pool,
                    )  # fmt: skip
                    spent = time.monotonic() - start
                    output = match.audio()[0] if match.effects else a
                    before = ld(a, truth)
                    row = {
                        "kind": kind, "index": index, "method": method, "song": where["song"],
                        "true": true, "used": list(match.effects), "seconds": round(spent, 2),
                        "renders": match.report.renders, "ld_before": before,
                        "ld": ld(output, truth), "budget": match.report.budget,
                        "sure": match.report.sure,
                        "families": [vars(f) for f in match.report.families],
                    }  # fmt: skip
                    out.write(json.dumps(dialin_plain(row)) + "\n")
                    out.flush()
                    print(kind, index, method,
                          sorted(families(true)), sorted(families(row["used"])),
                          f"{row['ld'] / before if before else row['ld']:.2f}",
                          f"{spent:.0f} s", flush=True)  # fmt: skip


def dialin_plain(row: dict[str, Any]) -> Any:
    """Plain data for JSON."""
    from dialin.files import plain

    return plain(row)


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a file; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(rows: list[dict[str, Any]]) -> None:
    """Print what came of it."""
    print("| method | n | precision | recall | F1 | mean F1 of an item | exact set | L_d ratio |"
          " dry left alone | s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for method in dict.fromkeys(r["method"] for r in rows):
        mine = [r for r in rows if r["method"] == method]
        wet = [r for r in mine if r["kind"] == "hidden"]
        dry = [r for r in mine if r["kind"] == "dry"]
        both = [(families(r["used"]), families(r["true"])) for r in wet]
        hit = sum(len(u & t) for u, t in both)
        precision = hit / max(1, sum(len(u) for u, _ in both))
        recall = hit / max(1, sum(len(t) for _, t in both))
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        each = [2 * len(u & t) / max(1, len(u) + len(t)) for u, t in both]
        ratio = [r["ld"] / r["ld_before"] for r in wet]
        left = f"{sum(not r['used'] for r in dry)} of {len(dry)}" if dry else ""
        print(
            f"| {method} | {len(wet)} | {precision:.2f} | {recall:.2f} | {f1:.2f} "
            f"| {np.mean(each):.2f} ±{np.std(each) / max(1, len(each)) ** 0.5:.2f} "
            f"| {np.mean([u == t for u, t in both]):.2f} "
            f"| {np.mean(ratio):.2f} ±{np.std(ratio) / max(1, len(ratio)) ** 0.5:.2f} "
            f"| {left} | {np.median([r['seconds'] for r in mine]):.0f} |"
        )
    names = [f.name for f in FAMILIES if f.usual]
    print("\n| family | in | " + " | ".join(f"{m}: precision, recall" for m in METHODS) + " |")
    print("|---|---|" + "---|" * len(METHODS))
    for name in names:
        cells = []
        count = 0
        for method in METHODS:
            wet = [r for r in rows if r["method"] == method and r["kind"] == "hidden"]
            u = [name in families(r["used"]) for r in wet]
            t = [name in families(r["true"]) for r in wet]
            both = sum(a and b for a, b in zip(u, t, strict=True))
            count = max(count, sum(t))
            cells.append(f"{both / max(1, sum(u)):.2f}, {both / max(1, sum(t)):.2f}" if wet else "")
        print(f"| {name} | {count} | " + " | ".join(cells) + " |")


def fit(rows: list[dict[str, Any]]) -> None:
    """Fit how sure it is, and say how well calibrated that is."""
    x, y = [], []
    for row in rows:
        true = families(row["true"])
        for f in row["families"]:
            verdict = f["verdict"]
            gain = f["gain"]
            if gain is None:
                gain = LEAST_GAIN if verdict != "heard" else 0.0
            held = float(np.clip(gain, LEAST_GAIN, MOST_GAIN))
            x.append([1.0, held, *(float(verdict == v) for v in VERDICTS), f.get("votes", 0.0)])
            y.append(float(f["name"] in true))
    design, labels = np.array(x), np.array(y)

    def loss(w: np.ndarray) -> float:
        odds = design @ w
        return float(np.logaddexp(0, odds).sum() - odds @ labels + 0.5 * (w[1:] ** 2).sum() / 4)

    weights = minimize(loss, np.zeros(design.shape[1])).x
    print(
        dict(
            zip(
                ("bias", "gain", *VERDICTS, "votes"),
                weights.round(2),
                strict=True,
            )
        )
    )
    chance = 1 / (1 + np.exp(-design @ weights))
    shipped = np.array([f["probability"] for row in rows for f in row["families"]])
    for name, p in (("fitted", chance), ("as shown", shipped)):
        print(name, "Brier", np.mean((p - labels) ** 2).round(3), end=": ")
        for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
            inside = (p >= low) & (p < high)
            if inside.any():
                print(f"{p[inside].mean():.2f} -> {labels[inside].mean():.2f} ({inside.sum()})",
                      end="  ")  # fmt: skip
        print()
    groups = defaultdict(list)
    for label, f in zip(labels, [f for row in rows for f in row["families"]], strict=True):
        groups[f["name"], f["verdict"]].append((label, f["used"]))
    for (name, verdict), pairs in sorted(groups.items()):
        there, used = np.mean([p[0] for p in pairs]), np.mean([p[1] for p in pairs])
        print(f"{name:12} {verdict:7} n {len(pairs):3}  there {there:.2f}  used {used:.2f}")


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("songs", type=Path, nargs="?")
    parser.add_argument("-o", "--output", type=Path, default=Path("rows.jsonl"))
    parser.add_argument("-n", "--items", type=int, default=40)
    parser.add_argument("--split", default="test", choices=("valid", "test"))
    parser.add_argument("--methods", default="auto,default")
    parser.add_argument("--kinds", default="hidden,dry")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no item after so long")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--fit", type=Path)
    arguments = parser.parse_args()
    if arguments.fit:
        fit([r for r in read(arguments.fit) if r["families"]])
        return
    if arguments.songs is None:
        parser.error("name a folder of songs")
    run(arguments)
    table(read(arguments.output))


if __name__ == "__main__":
    main()
