"""What a gradient through an effect costs, and how good it is.

Run ``python benchmarks/spsa.py [--seed 0] [--repeats 9]``. Four tables:

* Time of a training step's part in the effect, forward and backward, at batch 8 and clips of
  131,072 samples at 24 kHz: median and spread (10th to 90th percentile) in milliseconds. The
  baseline is the layer of the research project that dialin starts from: four renders an item, one
  after the other, in this process. Layers take turns, so that a busy machine disturbs all alike.
  The loss (MRSTFT, forward and backward) costs the same whatever the layer and is given apart.
* Error of the estimated gradient of MRSTFT against the true one, on an effect that is known in
  closed form (tanh drive, level, mix; settings uniform, one in four at an end of its range):
  relative error and cosine, median and spread over items, for as many renders as each takes.

Torch uses one thread, so that the baseline gains nothing from the second core.
"""

import argparse
import functools
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dialin.data.mda import NINE
from dialin.effects import open_effect
from dialin.evaluation.protocols.one_effect import effect_of
from dialin.measures.spectral import MRSTFT_SIZES
from dialin.rendering import RenderPool
from dialin.training.losses import magnitudes, mrstft
from dialin.training.measures import mrstft_to
from dialin.training.spsa import EffectLayer, LossLayer, SpsaOptions

RATE, BATCH, SAMPLES = 24_000, 8, 131_072
SHORT, SIZES = 32_768, (32, 128, 512, 2048, 8192)
THREE = (128, 2048, 8192)


class Serial(torch.autograd.Function):
    """Four renders an item, one after the other, on the thread that asks for them.

    One is heard; backward renders two for the settings and one more (the original also perturbs
    the audio, so that it takes five).
    """

    @staticmethod
    def forward(ctx, audio, settings, effect, step):
        ctx.effect, ctx.step = effect, step
        ctx.save_for_backward(audio, settings)
        vectors = settings.double().numpy()
        wet = [
            effect.process(x[None], RATE, v)[0] for x, v in zip(audio.numpy(), vectors, strict=True)
        ]
        return torch.from_numpy(np.stack(wet))

    @staticmethod
    def backward(ctx, gradient):
        audio, settings = ctx.saved_tensors
        slopes = []
        for x, vector, v in zip(
            audio.numpy(), settings.double().numpy(), gradient.numpy(), strict=True
        ):
            signs = np.random.default_rng(0).choice((-1.0, 1.0), size=len(vector))
            up, down, _ = (
                ctx.effect.process(x[None], RATE, np.clip(vector + s * ctx.step * signs, 0, 1))[0]
                for s in (1, -1, 1)
            )
            slopes.append(float(v @ (up - down)) / (2 * ctx.step * signs))
        return None, torch.tensor(np.array(slopes), dtype=settings.dtype), None, None


def spread(values: list[float]) -> str:
    low, middle, high = np.percentile(values, [10, 50, 90])
    return f"{middle:6.1f} ({low:.1f}-{high:.1f})"


def timed(steps: dict[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each step, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(repeats + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if repeat:
                times[name].append(1e3 * (time.perf_counter() - began))
    return times


def whole(layer: Callable[[], Tensor], weighting: Tensor) -> None:
    """Forward and backward."""
    (layer() * weighting).sum().backward()


def wet(layer: EffectLayer, audio: Tensor, settings: Tensor) -> Tensor:
    return layer(audio, settings).audio


def speed(effects: list[str], repeats: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    audio = 0.1 * torch.randn(BATCH, SAMPLES, generator=generator)
    weighting = torch.randn(BATCH, SAMPLES, generator=generator)
    kinds = ("spsa", "one-sided")
    print(f"Step through the effect, batch {BATCH}, {SAMPLES} samples: milliseconds; times faster")
    print(
        f"{'':10s}  {'4 serial':>18s}"
        + "".join(f"  {k}, {w} w.".rjust(24) for k in kinds for w in (1, 2))
    )
    total: dict[str, float] = {}
    for name in effects:
        uri = effect_of(name)
        effect = open_effect(uri)
        settings = 0.2 + 0.6 * torch.rand(BATCH, effect.spec.size, generator=generator)
        settings.requires_grad_()

        run = functools.partial(functools.partial, whole, weighting=weighting)
        steps = {"serial": run(functools.partial(Serial.apply, audio, settings, effect, 0.02))}
        pools = {w: RenderPool(w, quarantine=0) for w in (1, 2)}
        for kind in kinds:
            for workers, pool in pools.items():
                layer = EffectLayer(pool, uri, RATE, SpsaOptions(method=kind, seed=seed))
                steps[f"{kind}{workers}"] = run(functools.partial(wet, layer, audio, settings))
        times = timed(steps, repeats)
        for pool in pools.values():
            pool.close()
        base = float(np.median(times["serial"]))
        cells = ""
        for key, values in times.items():
            middle = float(np.median(values))
            total[key] = total.get(key, 0.0) + middle
            cells += "  " + spread(values) + (f" {base / middle:4.2f}x" if key != "serial" else "")
        print(f"{name:10s}{cells}", flush=True)
        effect.close()
    print(
        f"{'all':10s}"
        + "  ".join(f"{k} {v:.0f} ms {total['serial'] / v:.2f}x" for k, v in total.items())
    )
    print(flush=True)


def automatic(prediction: Tensor, truth: Tensor) -> Tensor:
    """MRSTFT as automatic differentiation has it."""
    total = torch.zeros(len(prediction))
    for size in MRSTFT_SIZES:
        ours = magnitudes(prediction, size, size // 2)
        with torch.no_grad():
            theirs = magnitudes(truth, size, size // 2)
        gap = (ours.log() - theirs.log()).abs() + (ours - theirs).abs()
        total = total + gap.reshape(len(prediction), -1).mean(dim=1)
    return total / len(MRSTFT_SIZES)


def steps(effects: list[str], repeats: int, seed: int) -> None:
    """The whole step, the plain way and ours."""
    generator = torch.Generator().manual_seed(seed)
    audio = 0.1 * torch.randn(BATCH, SAMPLES, generator=generator)
    truth = 0.1 * torch.randn(BATCH, SAMPLES, generator=generator)
    print("Whole step, layer and loss: milliseconds; times faster")
    print(f"{'':10s}  {'4 serial, automatic':>24s}  {'one-sided, 2 workers':>28s}")
    total = {"plain": 0.0, "ours": 0.0}

    def step(layer: Callable[[], Tensor], loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        loss(layer(), truth).sum().backward()

    with RenderPool(2, quarantine=0) as pool:
        for name in effects:
            uri = effect_of(name)
            effect = open_effect(uri)
            settings = 0.2 + 0.6 * torch.rand(BATCH, effect.spec.size, generator=generator)
            settings.requires_grad_()
            layer = EffectLayer(pool, uri, RATE, SpsaOptions(method="one-sided", seed=seed))
            serial = functools.partial(Serial.apply, audio, settings, effect, 0.02)
            ways = {
                "plain": functools.partial(step, serial, automatic),
                "ours": functools.partial(
                    step, functools.partial(wet, layer, audio, settings), mrstft
                ),
            }
            times = timed(ways, repeats)
            middle = {way: float(np.median(times[way])) for way in ways}
            for way in ways:
                total[way] += middle[way]
            print(
                f"{name:10s}  {spread(times['plain']):>24s}  {spread(times['ours']):>22s} "
                f"{middle['plain'] / middle['ours']:4.2f}x",
                flush=True,
            )
            effect.close()
    print(f"{'all':10s}  {total['plain']:.0f} ms, {total['ours']:.0f} ms, "
          f"{total['plain'] / total['ours']:.2f}x")  # fmt: skip
    moved = audio.clone().requires_grad_()
    losses = timed(
        {
            "automatic": lambda: automatic(moved, truth).sum().backward(),
            "by hand": lambda: mrstft(moved, truth).sum().backward(),
            "by hand, 3 sizes": lambda: mrstft(moved, truth, THREE).sum().backward(),
        },
        repeats,
    )
    print("the loss alone: " + ", ".join(f"{n} {spread(v).strip()}" for n, v in losses.items()))
    print(flush=True)


def ticks(process: int) -> float:
    """CPU seconds of another process (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def longest(step: Callable[[], None], pool: RenderPool | None, repeats: int) -> float:
    """Milliseconds of CPU on a step's longest way: this process, then its busiest worker."""
    step()
    workers = pool.process_ids() if pool else []
    before, begun = [ticks(worker) for worker in workers], time.process_time()
    for _ in range(repeats):
        step()
    own = time.process_time() - begun
    theirs = [ticks(w) - b for w, b in zip(workers, before, strict=True)]
    return 1e3 * (own + max(theirs, default=0.0)) / repeats


def work(effects: list[str], repeats: int, seed: int) -> None:
    """CPU time of the longest way through a step, which other programs disturb far less."""
    generator = torch.Generator().manual_seed(seed)
    audio = 0.1 * torch.randn(BATCH, SAMPLES, generator=generator)
    weighting = torch.randn(BATCH, SAMPLES, generator=generator)
    moved = audio.clone().requires_grad_()
    losses = {
        "plain": longest(lambda: automatic(moved, weighting).sum().backward(), None, repeats // 4),
        "ours": longest(lambda: mrstft(moved, weighting).sum().backward(), None, repeats // 4),
    }
    print("CPU time of the longest way through a step: milliseconds; times less")
    print(f"{'':10s}  layer: serial, one-sided with 2 workers     whole step")
    totals = np.zeros(4)
    with RenderPool(2, quarantine=0) as pool:
        for name in effects:
            uri = effect_of(name)
            effect = open_effect(uri)
            settings = 0.2 + 0.6 * torch.rand(BATCH, effect.spec.size, generator=generator)
            settings.requires_grad_()
            layer = EffectLayer(pool, uri, RATE, SpsaOptions(method="one-sided", seed=seed))
            run = functools.partial(functools.partial, whole, weighting=weighting)
            serial = run(functools.partial(Serial.apply, audio, settings, effect, 0.02))
            plain = longest(serial, None, repeats)
            ours = longest(run(functools.partial(wet, layer, audio, settings)), pool, repeats)
            row = np.array([plain, ours, plain + losses["plain"], ours + losses["ours"]])
            totals += row
            effect.close()
            print(f"{name:10s}  {_ratios(row)}", flush=True)
    print(f"{'all':10s}  {_ratios(totals)}")
    print("the loss alone: {plain:.0f}, {ours:.0f}".format(**losses), flush=True)


def _ratios(row: np.ndarray) -> str:
    a, b, c, d = row
    return f"{a:7.1f} {b:7.1f} {a / b:5.2f}x {'':16s} {c:7.1f} {d:7.1f} {c / d:5.2f}x"


def drive(audio: Tensor, settings: Tensor) -> Tensor:
    """`fake:drive` in torch."""
    amount, level, mix = settings.unbind(1)
    shaped = torch.tanh(audio * 10 ** (40 * amount[:, None] / 20))
    shaped = shaped * 10 ** ((30 * level[:, None] - 24) / 20)
    return audio + mix[:, None] * (shaped - audio)


def accuracy(items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    time_axis = np.arange(SHORT) / RATE
    notes = [np.sin(2 * np.pi * f * time_axis) for f in rng.uniform(80, 2000, (12,))]
    audio = torch.from_numpy(
        np.stack(
            [
                0.15 * sum(rng.random() * n for n in notes) * np.exp(-3 * time_axis * rng.random())
                + 0.01 * rng.normal(size=SHORT)
                for _ in range(items)
            ]
        ).astype(np.float32)
    )
    here = rng.random((items, 3))
    ends = rng.random((items, 3)) < 0.25
    here[ends] = np.rint(here[ends])
    there = rng.random((items, 3))
    target = drive(audio, torch.from_numpy(there).float()).detach()
    exact = torch.from_numpy(here).requires_grad_()
    mrstft(drive(audio.double(), exact), target.double(), SIZES).sum().backward()
    truth = exact.grad.numpy()

    print(f"Gradient of MRSTFT through tanh drive, {items} items, seed {seed}")
    print(f"{'':34s} renders  relative error          cosine")
    with RenderPool(2, quarantine=0) as pool:
        rows: list[tuple[str, dict, bool]] = [
            ("plain differences", {"method": "differences"}, False)
        ]
        for kind in ("spsa", "one-sided"):
            for k in (1, 4, 16):
                rows.append(
                    (
                        f"{kind}, K = {k}",
                        {"method": kind, "directions": k, "orthogonal": False},
                        False,
                    )
                )
        rows.append(("spsa, K = 4, orthogonal", {"directions": 4, "orthogonal": True}, False))
        rows.append(
            (
                "one-sided, K = 4, orthogonal",
                {"method": "one-sided", "directions": 4, "orthogonal": True},
                False,
            )
        )
        for k in (1, 4, 16):
            rows.append(
                (f"of the loss itself, K = {k}", {"directions": k, "orthogonal": False}, True)
            )
        rows.append(("of the loss itself, differences", {"method": "differences"}, True))
        for label, options, scalar in rows:
            chosen = SpsaOptions(seed=seed, step=0.01, **options)
            where = torch.from_numpy(here).float().requires_grad_()
            if scalar:
                layer = LossLayer(pool, "fake:drive", RATE, mrstft_to, chosen)
                layer(audio, where, target, SIZES)[0].sum().backward()
            else:
                layer = EffectLayer(pool, "fake:drive", RATE, chosen)
                mrstft(layer(audio, where)[0], target, SIZES).sum().backward()
            gradient = where.grad.double().numpy()
            norms = np.linalg.norm(truth, axis=1)
            error = np.linalg.norm(gradient - truth, axis=1) / norms
            cosine = (
                (gradient * truth).sum(1)
                / norms
                / np.maximum(np.linalg.norm(gradient, axis=1), 1e-12)
            )
            texts = [
                "{1:.3f} ({0:.3f}-{2:.3f})".format(*np.percentile(v, [10, 50, 90]))
                for v in (error, cosine)
            ]
            print(
                f"{label:34s} {layer.count.renders // items:7d}  {texts[0]:22s}  {texts[1]}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--effects", default=",".join(NINE))
    parser.add_argument("--only", choices=["speed", "step", "work", "accuracy"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    effects = arguments.effects.split(",")
    if arguments.only in (None, "speed"):
        speed(effects, arguments.repeats, arguments.seed)
    if arguments.only in (None, "step"):
        steps(effects, arguments.repeats, arguments.seed)
    if arguments.only in (None, "work"):
        work(effects, 4 * arguments.repeats, arguments.seed)
    if arguments.only in (None, "accuracy"):
        accuracy(arguments.items, arguments.seed)


if __name__ == "__main__":
    main()
