"""Pictures of echoes, rooms and motion: a reference, what matching made of it, and the truth.

    python benchmarks/time_pictures.py SONGS -o docs/img [--budget 100] [--item 0] [--seed 1]
        [--delay builtin:delay] [--reverb builtin:reverb] [--motion builtin:phaser]

``time-echo.png``: the cepstrum of a whole reference, where echoes stand out, with the true echo and
the one of the settings that were found. ``time-decay.png``: decay of the energy of the true and of
the found setting. ``time-motion.png``: levels of steady lines over time through both.

Items are those of `benchmarks/time_effects.py`, so that a row of its table can be looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dialin.audio import Audio
from dialin.data.mda import NINE
from dialin.effects.spec import Settings
from dialin.evaluation.corpus import open_corpus
from dialin.evaluation.items import Item, ItemProtocol, Source
from dialin.evaluation.methods import Tools, get_method
from dialin.evaluation.protocols import OneEffect, get_protocol
from dialin.evaluation.responses import Responses
from dialin.measures import modulation, rooms
from dialin.measures.cepstrum import LAG_RATE, find_peaks, recording_cepstrum
from dialin.measures.responses import Response
from dialin.rendering import Job, RenderPool

MOTION_SECONDS = 8.0
TRUE, FOUND = "C0", "C3"


class Bench:
    """Items and answers on some songs."""

    def __init__(self, pool: RenderPool, arguments: argparse.Namespace) -> None:
        self.pool = pool
        self.source = Source(pool, open_corpus([arguments.songs], arguments.split), arguments.seed)
        self.method = f"search:{arguments.budget}"
        self.index = arguments.item
        self.responses = Responses(pool)

    def item(self, group: str) -> tuple[Item, str, Settings | None]:
        """An item with a match's answer."""
        protocol: ItemProtocol = OneEffect("half") if group in NINE else get_protocol("audible")
        item = protocol.make(self.source, group, self.index)
        outcome = get_method(self.method)(item.task, Tools(self.pool, protocol))
        return item, outcome.uri, outcome.settings

    def response(self, item: Item, uri: str, settings: Settings | None) -> Response:
        """What a setting does, at the item's rate."""
        return self.responses.of(uri, settings, item.task.sample_rate, len(item.task.input))


def echo(bench: Bench, group: str, path: Path) -> None:
    item, uri, settings = bench.item(group)
    heard = recording_cepstrum(item.task.reference, item.task.sample_rate)
    values = heard.view("middle")
    lags = np.arange(values.size) / LAG_RATE
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    shown = lags >= 0.002
    axes.plot(1000 * lags[shown], values[shown], linewidth=0.5, color="0.4")
    axes.axhline(5 * heard.sigma, color="0.7", linestyle=":", linewidth=1)
    for lag, height in find_peaks(values, heard.sigma, count=1):
        axes.plot(1000 * lag, height, "v", color="k", label="highest over its noise")
    true = bench.response(item, item.task.spec.uri, item.settings).room.echoes
    of_match = bench.response(item, uri, settings).room.echoes
    for echoes, colour, style, name in (
        (true, TRUE, "-", "true"), (of_match, FOUND, "--", "of the match"),
    ):  # fmt: skip
        if echoes:
            label = f"echo, {name}: {echoes[0][0]:.1f} ms"
            axes.axvline(echoes[0][0], color=colour, linestyle=style, label=label, zorder=0)
        else:
            axes.plot([], [], color=colour, linestyle=style, label=f"echo, {name}: none")
    axes.set(xscale="log", xlim=(2, 1000 * lags[-1]))
    axes.set(xlabel="lag (ms)", ylabel="cepstrum", title=f"Reference through {group}")
    axes.legend()
    save(figure, path)


def decay(bench: Bench, group: str, path: Path) -> None:
    item, uri, settings = bench.item(group)
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    octave = rooms.OCTAVES.index(1000.0)
    true = bench.response(item, item.task.spec.uri, item.settings).room
    of_match = bench.response(item, uri, settings).room
    for room, colour, style, name in ((true, TRUE, "-", "true"), (of_match, FOUND, "--", "match")):
        curve = room.decays[octave]
        time = rooms.STEP_SECONDS * np.arange(curve.size)
        text = f"T30 {room.t30:.2f} s" if np.isfinite(room.t30) else "no decay"
        axes.plot(time, curve, style, color=colour, label=f"{name}: {text}, C80 {room.c80:.1f} dB")
    length = np.count_nonzero(np.maximum(true.decays[octave], -60) > -59) * rooms.STEP_SECONDS
    axes.set(xlim=(0, max(0.2, 1.2 * length)), ylim=(-60, 1), xlabel="time (s)")
    axes.set(ylabel="energy left, 1 kHz octave (dB)", title=f"Decay of {group}")
    axes.grid(alpha=0.3)
    axes.legend()
    save(figure, path)


def motion(bench: Bench, group: str, path: Path) -> None:
    item, uri, settings = bench.item(group)
    rate, channels = item.task.sample_rate, len(item.task.input)
    figure, rows = plt.subplots(2, 1, figsize=(8, 4), layout="constrained", sharex=True)
    assert item.settings is not None
    answers = (("true", item.task.spec.uri, item.settings), ("match", uri, settings))
    for axes, (name, effect, vector) in zip(rows, answers, strict=True):
        moved = bench.response(item, effect, vector).motion
        speed = f"{moved.rate:.2f} Hz" if moved.moves and np.isfinite(moved.rate) else "no rate"
        if effect and vector is not None:
            levels = still(bench.pool, effect, rate, channels, vector)
            time = np.arange(len(levels)) * modulation.step_of(rate) / rate
            extent = (0.0, float(time[-1]), 0.0, rate / 2000)
            axes.imshow(
                levels.T, aspect="auto", origin="lower", extent=extent, vmin=-15, vmax=15,
                cmap="RdBu_r", interpolation="nearest",
            )  # fmt: skip
        else:
            axes.text(0.5, 0.5, "left alone", transform=axes.transAxes, ha="center")
        axes.set(
            ylim=(0.0, rate / 2000),
            ylabel="kHz",
            title=f"{name}: {speed}, deviation {moved.sweep:.1f} dB",
        )
    rows[-1].set(xlabel="time (s)")
    save(figure, path)


def still(
    pool: RenderPool, effect: str, rate: int, channels: int, settings: Settings
) -> np.ndarray:
    """Deviation of each line of the first channel from its mean over time, in dB."""
    wave: Audio = modulation.pulse_train(rate, MOTION_SECONDS, channels)
    out = pool.render([Job(effect, wave, settings, rate)])[0].get()
    levels = modulation.line_levels(out, rate)[:, 0]
    return np.asarray(levels - levels.mean(axis=0))


def save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("songs", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--item", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", default="test", choices=["test", "valid"])
    parser.add_argument("--workers", type=int)
    parser.add_argument("--delay", default="builtin:delay")
    parser.add_argument("--reverb", default="builtin:reverb")
    parser.add_argument("--motion", default="builtin:phaser")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with RenderPool(arguments.workers) as pool:
        bench = Bench(pool, arguments)
        echo(bench, arguments.delay, arguments.output / "time-echo.png")
        decay(bench, arguments.reverb, arguments.output / "time-decay.png")
        motion(bench, arguments.motion, arguments.output / "time-motion.png")


if __name__ == "__main__":
    main()
