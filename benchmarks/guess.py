"""What a search renders after a first guess, and by what else one could pick of it.

Items of a protocol on songs for validation are searched with a network's guesses, as `guess:N`
does. Every candidate is then measured against the truth, and listened to by the network's judge:
`collect` keeps all of it in a folder, one file an item, and goes on where it was stopped; `pick`
reads it and says what each way of picking comes to, beside the best that was there.

    python benchmarks/guess.py collect SONGS -o folder --group known,hidden,mda -n 20 --budget 64

With `--alone` all candidates are guesses, which takes a third of the time.

    python benchmarks/guess.py pick folder

`stop` searches each item twice, until nothing more is gained and with the whole of the default
budget, and says what either comes to:

    python benchmarks/guess.py stop SONGS -o folder --group known,mda -n 20

`first` renders the one candidate that a match with one render takes, drawn from few, from many, and
from parts of the recordings as well:

    python benchmarks/guess.py first SONGS -o folder --group known -n 40 --seed 3

Distances are L_d, estimated from a quarter of the frames, for chains, MRSTFT for single effects.
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import dialin.matching.guessing.guess as guess_module
import dialin.matching.search as search_module
from dialin.data.augment import to_peak
from dialin.effects import chain_slots, chain_uri, parse_chain
from dialin.evaluation.items import Item
from dialin.evaluation.protocols import get_protocol
from dialin.evaluation.runner import Bench, Plan
from dialin.matching import Match, MatchOptions, SearchOptions, match
from dialin.matching.candidate import measure
from dialin.matching.detail import detail_distances
from dialin.matching.explore import Explorer
from dialin.matching.guessing.gap_features import hear
from dialin.matching.guessing.guess import guess_chain, shipped_model
from dialin.matching.recordings import hear as hear_all
from dialin.matching.space import SearchSpace
from dialin.matching.trials import Trials
from dialin.measures.spectral import LD_RESOLUTIONS, magnitudes, mrstft
from dialin.measures.time_features import echo_peaks
from dialin.rendering import Job, RenderPool

GROUPS = {"known": ("counterfx", "known"), "hidden": ("counterfx", "hidden")}
FEWER = 4
"""Frames of the spectrum of which one is looked at: L_d is an estimate here."""


def ld_sample(prediction: Any, truth: Any) -> float:
    """L_d from one frame in `FEWER`."""
    total = 0.0
    for size, hop, length in LD_RESOLUTIONS:
        p, t = (np.stack([magnitudes(x, size, FEWER * hop, length) for x in a])
                for a in (prediction, truth))  # fmt: skip
        total += float(np.linalg.norm(t - p) / np.linalg.norm(t) + np.abs(np.log(p / t)).mean())
    return total / len(LD_RESOLUTIONS)


def asked(item: Item, pool: RenderPool, **options: Any) -> Match:
    """A match of an item as `guess:N` asks for it."""
    task = item.task
    fixed = {} if task.hidden else task.fixed
    knobs = task.spec.parameters
    how = MatchOptions(
        seed=task.seed % 2**31,
        weights=None if task.level_counts else {"level": 0.0},
        lock={knobs[p].id: knobs[p].to_native(v) for p, v in fixed.items()},
        keep=True,
        **options,
    )
    sounds = ((task.input, task.sample_rate), (task.reference, task.sample_rate))
    return match(*sounds, parse_chain(task.spec.uri), options=how, pool=pool)


def judged_by(item: Item) -> Callable[[Any], float]:
    """How far a render is from an item's truth."""
    assert item.truth is not None
    peak = item.peak_dbfs
    if peak is None:
        return lambda audio: ld_sample(audio, item.truth)
    truth = to_peak(item.truth, peak)
    return lambda audio: float(mrstft(to_peak(audio, peak), truth))


class Seen:
    """The search's `pick`, which tells what there was to pick of."""

    def __init__(self) -> None:
        self.trials: Any = None
        self.pick = search_module.pick

    def __call__(self, trials: Any, *arguments: Any, **options: Any) -> Any:
        """Pick."""
        self.trials = trials
        return self.pick(trials, *arguments, **options)


def guesses_alone(item: Item, budget: int, pool: RenderPool) -> Trials:
    """Renders of nothing but what the network guesses."""
    task = item.task
    options = MatchOptions(weights=None if task.level_counts else {"level": 0.0})
    sounds = ((task.input, task.sample_rate), (task.reference, task.sample_rate))
    heard = hear_all(*sounds, options)
    guess = guess_chain(
        task.spec, sounds[0], sounds[1:], certain=True, count=budget, seed=task.seed % 2**31
    )
    trials = Trials(
        pool,
        SearchSpace(task.spec, {} if task.hidden else task.fixed),
        pool.share(task.input, task.sample_rate),
        measure(task.input, task.sample_rate),
        heard.target,
        budget=budget,
        options=SearchOptions(),
    )
    Explorer(trials, 0).try_first(guess.tries)
    pool.release(trials.audio)
    return trials


def looked_at(item: Item, budget: int, pool: RenderPool, alone: bool) -> dict[str, Any]:
    """One item's candidates, in order, and what they are worth."""
    task, seen = item.task, Seen()
    if alone:
        trials, found = guesses_alone(item, budget, pool), None
    else:
        with mock.patch.object(search_module, "pick", seen):
            found = asked(item, pool, budget=budget)
        trials = seen.trials
    slots = chain_slots(task.spec)
    single = item.peak_dbfs is not None
    rate = task.sample_rate
    worth = judged_by(item)

    def sound(uri: str, settings: Any) -> Any:
        (result,) = pool.render([Job(uri, task.input, settings, rate)])
        return None if result.failure else result.get()

    def heard(audio: Any) -> Any:
        return hear(to_peak(audio, -12.0) if single else audio, rate)

    own, wanted = heard(task.input), heard(task.reference)
    rows = []
    for c in trials.candidates:
        uri = chain_uri([slots[s][1] for s in c.slots])
        wet = sound(uri, np.concatenate([c.settings[slots[s][2]] for s in c.slots]))
        if wet is None:
            continue
        h = heard(wet)
        rows.append((c, h, echo_peaks(own, h), worth(wet)))
    model = shipped_model("mda" if single else "chain")
    features = np.stack([own.features, *(h.features for _, h, _, _ in rows)])
    peaks = np.stack([echo_peaks(own, own), *(p for _, _, p, _ in rows)])
    judged = model.judged(own.features, features, peaks, wanted.features, echo_peaks(own, wanted))
    base = trials.levelled(search_module.replace(trials.untouched, settings=trials.space.start))
    every = trials.options.every
    picked = np.nan
    if found is not None:
        wet = sound(chain_uri(found.effects), found.settings) if found.effects else task.input
        picked = worth(wet)
    return {
        "value": np.array([base.value, *(c.value for c, *_ in rows)]),
        "distance": np.array([base.distance, *(c.distance for c, *_ in rows)]),
        "detail": np.stack([base.detail[::every], *(c.detail[::every] for c, *_ in rows)]),
        "judged": judged,
        "worth": np.array([worth(task.input), *(w for *_, w in rows)]),
        "settings": np.stack([c.settings for c, *_ in rows]),
        "picked": picked,
        "renders": trials.renders,
        "doubt": trials.target.doubt,
    }


def stopped(item: Item, budget: int, pool: RenderPool) -> dict[str, Any]:
    """Renders and distances of a search that may end, and of one that spends its budget."""
    worth = judged_by(item)
    kept: dict[str, Any] = {"untouched": worth(item.task.input)}
    ways = {"ended": SearchOptions(), "whole": SearchOptions(patience=0)}
    for name, search in ways.items():
        found = asked(item, pool, budget=budget or None, search=search)
        wet = item.task.input
        if found.effects:
            job = Job(chain_uri(found.effects), wet, found.settings, item.task.sample_rate)
            wet = pool.render([job])[0].get()
        kept |= {name: worth(wet), f"{name} renders": found.report.renders}
        kept |= {f"{name} style": found.report.after, "budget": found.report.budget}
    return kept


FIRST = {"of 8": (8, False), "of 48": (48, False), "of 48 and of parts": (48, True)}
"""Candidates drawn for each pair, and whether parts of the recordings are heard as well."""


def firsts(item: Item, budget: int, pool: RenderPool) -> dict[str, Any]:
    """The first candidates of several ways to draw, and what they are worth."""
    task, slots, worth = item.task, chain_slots(item.task.spec), judged_by(item)
    sounds = ((task.input, task.sample_rate), (task.reference, task.sample_rate))
    kept: dict[str, Any] = {"untouched": worth(task.input)}
    for name, (drawn, careful) in FIRST.items():
        with mock.patch.object(guess_module, "DRAWN", drawn):
            guess = guess_chain(
                task.spec, sounds[0], sounds[1:], certain=not task.hidden, count=budget,
                seed=task.seed % 2**31, careful=careful,
            )  # fmt: skip
        there, settings = guess.tries[0]
        uri = chain_uri([slots[s][1] for s in there])
        knobs = np.concatenate([settings[slots[s][2]] for s in there])
        (result,) = pool.render([Job(uri, task.input, knobs, task.sample_rate)])
        kept[name] = worth(result.get())
    return kept


def show_firsts(folder: Path) -> None:
    """Print what each way of drawing comes to, and how far it is from the first."""
    rows: dict[str, list[list[float]]] = {}
    ways = ["untouched", *FIRST]
    for path in sorted(folder.glob("*.npz")):
        kept = np.load(path)
        group = path.name.partition("-")[0]
        rows.setdefault(group, []).append([float(kept[way]) for way in ways])
    print("| | n | " + " | ".join(ways) + " |")
    print("|---|---|" + "---|" * len(ways))
    for group, values in rows.items():
        table = np.array(values)
        gaps = table - table[:, 1:2]
        error = gaps.std(axis=0) / np.sqrt(len(table))
        cells = [f"{m:.3f}" for m in table.mean(axis=0)]
        for n in range(2, len(ways)):
            cells[n] += f" ({gaps[:, n].mean():+.3f} ±{error[n]:.3f})"
        print(f"| {group} | {len(table)} | " + " | ".join(cells) + " |")


def collect(arguments: argparse.Namespace) -> None:
    """Look at items that the folder has not."""
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    ways = {"stop": stopped, "first": firsts}
    look = ways.get(arguments.command, functools.partial(looked_at, alone=arguments.alone))
    with RenderPool(1) as pool:
        for index, group in itertools.product(range(arguments.items), arguments.group.split(",")):
            path = folder / f"{group}-{arguments.seed}-{index}.npz"
            if path.exists():
                continue
            protocol, inner = GROUPS.get(group, ("half", ""))
            plan = Plan(
                get_protocol(protocol),
                (arguments.songs,),
                count=arguments.items,
                split=arguments.split,
                seed=arguments.seed,
                methods=("untouched",),
            )
            inner = inner or plan.groups[index % len(plan.groups)]
            item = plan.protocol.make(Bench(plan, pool).source, inner, index)
            kept = look(item, arguments.budget, pool)
            part = path.with_suffix(".part.npz")
            np.savez_compressed(part, group=inner, effects=",".join(item.effects), **kept)
            part.replace(path)
            print(path.name, inner, flush=True)
    shown = {"stop": show_stopped, "first": show_firsts}.get(arguments.command)
    if shown is not None:
        shown(folder)


def show_stopped(folder: Path) -> None:
    """Print what ending early costs and saves, by group."""
    rows: dict[str, list[dict[str, float]]] = {}
    for path in sorted(folder.glob("*.npz")):
        kept = np.load(path)
        row = {name: float(kept[name]) for name in kept.files if kept[name].dtype.kind in "fi"}
        rows.setdefault(path.name.partition("-")[0], []).append(row)
    names = list(next(iter(rows.values()))[0])
    print("| | n | " + " | ".join(names) + " | ended - whole |")
    print("|---|---|" + "---|" * len(names) + "---|")
    for group, kept_rows in rows.items():
        means = " | ".join(f"{np.mean([r[n] for r in kept_rows]):.3f}" for n in names)
        gaps = np.array([r["ended"] - r["whole"] for r in kept_rows])
        error = gaps.std(ddof=1) / np.sqrt(gaps.size) if gaps.size > 1 else float("nan")
        print(f"| {group} | {gaps.size} | {means} | {gaps.mean():+.3f} ±{error:.3f} |")


def picks(kept: Any, count: int) -> Iterator[tuple[str, float]]:
    """What each way of picking comes to, of the first so many candidates."""
    end = 1 + count
    value, judged, worth = (kept[n][:end].astype(float) for n in ("value", "judged", "worth"))
    apart = detail_distances(kept["detail"][:end])
    doubt = float(kept["doubt"])
    crowd = np.exp(-((apart / 0.03) ** 2)).sum(axis=1)

    def medoid(score: Any, temperature: float, noise: float) -> float:
        least = score.min()
        t = temperature * doubt**2 * float(np.clip(noise / 0.6, 1.0, 2.0)) ** 2
        weights = np.exp(-(score - least) / t) / crowd
        risk = apart @ (weights / weights.sum())
        return float(worth[1 + np.argmin(risk[1:])])

    yield "untouched", worth[0]
    yield "first", worth[1]
    yield "best", worth[1:].min()
    yield "style", worth[1 + np.argmin(value[1:])]
    yield "judge", worth[1 + np.argmin(judged[1:])]
    for share in (0.0, 0.1, 0.2, 0.3, 0.5, 1.0):
        for most in (8, 16, 1000):
            score = value.copy()
            order = 1 + np.argsort(value[1:], kind="stable")
            far = order[most:]
            score = value + share * judged
            if far.size:
                score[far] = value[far] + share * max(judged[far].max(), judged.max())
            if share == 0 and most != 1000:
                continue
            name = f"+{share:g} of {most}" if most < 1000 else f"+{share:g}"
            yield f"argmin {name}", worth[1 + np.argmin(score[1:])]
            for temperature in (0.02, 0.05, 0.1, 0.15):
                yield f"T={temperature:g} {name}", medoid(score, temperature, value.min())


def show(arguments: argparse.Namespace) -> None:
    """Print the ways of picking, by group and by how many candidates there were."""
    table: dict[str, dict[tuple[str, int], list[float]]] = {}
    for path in sorted(Path(arguments.folder).glob("*.npz")):
        if ".part" in path.name:
            continue
        kept = np.load(path)
        group = path.name.partition("-")[0]
        for count in arguments.counts:
            for name, value in picks(kept, count):
                table.setdefault(name, {}).setdefault((group, count), []).append(value)
    keys = sorted({k for row in table.values() for k in row})
    sizes = [len(table["best"][k]) for k in keys]
    heads = [f"{g} {c} (n={n})" for (g, c), n in zip(keys, sizes, strict=True)]
    print("| pick | " + " | ".join(heads) + " |")
    print("|---|" + "---|" * len(keys))
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{np.mean(row[k]):.3f}" for k in keys) + " |")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, budget in (("collect", 64), ("stop", 0), ("first", 1)):
        one = commands.add_parser(name)
        one.add_argument("songs")
        one.add_argument("-o", dest="output", required=True)
        one.add_argument("--group", default="known,hidden,mda")
        one.add_argument("-n", dest="items", type=int, default=20)
        one.add_argument("--budget", type=int, default=budget)
        one.add_argument("--seed", type=int, default=1)
        one.add_argument("--split", default="valid")
        one.add_argument("--alone", action="store_true")
    two = commands.add_parser("pick")
    two.add_argument("folder")
    two.add_argument("--counts", type=lambda t: [int(v) for v in t.split(",")], default=[16, 64])
    parsed = parser.parse_args(arguments)
    (show if parsed.command == "pick" else collect)(parsed)


if __name__ == "__main__":
    main()
