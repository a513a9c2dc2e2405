"""What encoders know of effects: beta, size of the latent, what to train on, and VAE or recogniser.

    DIALIN_CORPUS=songs python benchmarks/representation.py recipes/vae/recipe.toml \
        --rendered runs/rendered -o representation/

Renders what is missing, then trains one small network a row, each for the same number of clips, and
judges all by the same linear probes: fitted on clips of training songs, scored on all clips of
validation songs. A row that is there (``representation/rows/NAME.json``) is not made again.

Tables: three betas by three sizes; four ways of choosing what a VAE is trained on (untouched audio,
one transparent effect and untouched audio, a new effect each epoch, all mixed in each batch); the
encoder that recognises processing; and for comparison means and deviations of the features over
time, and networks that were not trained.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule

from dialin.networks import load_encoder
from dialin.training.batches import Batches
from dialin.training.config import (
    EncoderOptions,
    EncoderRecipe,
    LoopOptions,
    OptimiserOptions,
    VaeOptions,
    VaeRecipe,
    load_recipe,
)
from dialin.training.data import CLEAN, FeatureSet, build_features
from dialin.training.diagnostics import part
from dialin.training.encoder import EncoderTraining
from dialin.training.loop import fit, make_trainer
from dialin.training.probes import active_units, embed_set, probe
from dialin.training.rendered import render_parts
from dialin.training.vae import VaeTraining

CHANNELS = (8, 16, 32, 64, 96)
EPOCHS, ITEMS, BATCH = 10, 1600, 32
PROBE_ITEMS = 4000
TRANSPARENT = "lv2:http://drobilla.net/plugins/mda/Dynamics"


def beside_clean(vectors: np.ndarray, data: FeatureSet) -> tuple[np.ndarray, FeatureSet]:
    """Put the embedding of untouched music beside that of processed music.

    A controller hears both: what is to be changed, and what it should sound like. Here, too, the
    untouched clip is another piece of music than the processed one: the other half of the excerpt
    (of the same number, which nearly always is the same song).

    Returns embeddings, each with how far it is from the untouched one's, and their items.
    """
    clean = data.label == (data.classes.index(CLEAN) if CLEAN in data.classes else -1)
    fellows = {
        (int(c), int(h)): row
        for row, c, h in zip(
            np.flatnonzero(clean), data.content[clean], data.half[clean], strict=True
        )
    }
    fellow = np.array(
        [
            -1 if own else fellows.get((int(c), 1 - int(h)), -1)
            for own, c, h in zip(clean, data.content, data.half, strict=True)
        ],
        np.int64,
    )
    keep = fellow >= 0
    apart = vectors[keep] - vectors[fellow[keep]]
    return np.concatenate([vectors[keep], apart], axis=1), data.only(keep)


class Data(LightningDataModule):
    """Training batches only: rows are judged at their end."""

    def __init__(self, data: FeatureSet, order: Any, seed: int) -> None:
        super().__init__()
        self.data, self.order, self.seed = data, order, seed

    def train_dataloader(self) -> Batches:
        return Batches(self.data, BATCH, seed=self.seed, items=ITEMS, order=self.order)


def rows(base: VaeRecipe) -> dict[str, dict[str, Any]]:
    """Rows by name: the stage, its options, and what it is trained on."""
    variants: dict[str, dict[str, Any]] = {
        "features": {},
        "untrained-64": {"stage": "vae"},
        "untrained-recogniser-64": {"stage": "encoder"},
        "recogniser-64": {"stage": "encoder", "dimensions": 64},
    }

    def grid(sizes: tuple[int, ...]) -> dict[str, dict[str, Any]]:
        return {
            f"beta-{beta:g}-size-{size}": {"stage": "vae", "beta": beta, "dimensions": size}
            for beta in (10.0, 1.0, 100.0)
            for size in sizes
        }

    variants |= grid((64,))
    variants |= {
        f"data-{kind}": {"stage": "vae", "data": kind} for kind in ("none", "one", "epoch")
    }
    variants["data-batch"] = {"same": "beta-10-size-64"}
    variants |= grid((16, 256))
    variants["recogniser-16"] = {"stage": "encoder", "dimensions": 16}
    return variants


def make(row: dict[str, Any], base: VaeRecipe, seed: int, data: FeatureSet) -> LightningModule:
    loop = LoopOptions(
        epochs=EPOCHS, batch=BATCH, items=ITEMS, accelerator="cpu", threads=1, logger="none"
    )
    optimiser = OptimiserOptions(rate=2e-3, warmup=50)
    common = {"data": base.data, "seed": seed, "front_end": base.front_end}
    if row["stage"] == "vae":
        model = VaeOptions(
            dimensions=row.get("dimensions", 64),
            channels=CHANNELS,
            beta=row.get("beta", 10.0),
            schedule="linear",
            period=2.0,
        )
        vae = VaeRecipe(**common, model=model, optimiser=optimiser, loop=loop)
        return VaeTraining(vae, ITEMS // BATCH)
    options = EncoderOptions(dimensions=row.get("dimensions", 64), channels=CHANNELS)
    recipe = EncoderRecipe(**common, model=options, optimiser=optimiser, loop=loop)
    return EncoderTraining(recipe, ITEMS // BATCH, data.classes, data.knobs)


def chosen(data: FeatureSet, kind: str) -> tuple[FeatureSet, str]:
    """What a row is trained on, and in which order."""
    clean = data.classes.index(CLEAN)
    if kind == "none":
        return data.only(data.label == clean), "shuffled"
    if kind == "one":
        one = data.classes.index(TRANSPARENT)
        return data.only(np.isin(data.label, (clean, one))), "shuffled"
    return data, "effects" if kind == "epoch" else "shuffled"


def train(
    name: str, row: dict[str, Any], base: VaeRecipe, seed: int, data: FeatureSet, folder: Path
) -> Any:
    module = make(row, base, seed, data)
    if name.startswith("untrained"):
        return module.network
    subset, order = chosen(data, row.get("data", "batch"))
    if row["stage"] == "encoder":
        order = "groups"
    run = folder / "runs" / name
    run.mkdir(parents=True, exist_ok=True)
    loop = dataclasses.replace(module.recipe.loop, checkpoint_minutes=1.0)
    trainer = make_trainer(loop, run, clip=1.0)
    last = run / "last.ckpt"
    if not fit(trainer, module, Data(subset, order, seed), last if last.is_file() else None):
        raise SystemExit(130)
    return module.network


def statistics(data: FeatureSet) -> np.ndarray:
    """Mean and deviation over time of each band, ``(items, 2 * bands)``."""
    parts = []
    for start in range(0, len(data), 64):
        features = data.features(np.arange(start, min(start + 64, len(data))))
        parts.append(np.concatenate([features.mean(axis=2), features.std(axis=2)], axis=1))
    return np.concatenate(parts)


def judge(
    network: Any, row: dict[str, Any], train: FeatureSet, valid: FeatureSet
) -> dict[str, Any]:
    if network is None:
        a, b = statistics(train), statistics(valid)
    else:
        a, b = embed_set(network, train), embed_set(network, valid)
    result = {**probe(a, train, b, valid).to_dict(), "size": a.shape[1], "active": active_units(b)}
    result["beside"] = probe(*beside_clean(a, train), *beside_clean(b, valid)).to_dict()
    if row.get("stage") == "vae":
        errors = []
        with torch.no_grad():
            for start in range(0, len(valid) - 63, 64):
                features = torch.from_numpy(valid.features(np.arange(start, start + 64)))
                decoded = network.decode(network.embed(features))
                errors.append(float((decoded - features).square().mean()))
        result["error"] = float(np.mean(errors))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", nargs="*", help="only these")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="model folders to add")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = load_recipe(options.recipe, VaeRecipe)
    render_parts(base.data, options.rendered)
    train_set = build_features(base.data, base.front_end, options.rendered, "train")
    valid = build_features(base.data, base.front_end, options.rendered, "valid")
    probes = part(train_set, PROBE_ITEMS)
    folder = options.output / "rows"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {str(m): {"stage": "", "model": str(m)} for m in options.models} | rows(base)
    for name, row in wanted.items():
        file = folder / f"{name.strip('/').replace('/', '-')}.json"
        if file.is_file() or "same" in row or (options.rows and name not in options.rows):
            continue
        if "model" in row:
            network: Any = load_encoder(row["model"])
        else:
            network = (
                train(name, row, base, options.seed, train_set, options.output) if row else None
            )
        figures = judge(network, row, probes, valid)
        body = {**row, **figures, "seed": options.seed, "clips": EPOCHS * ITEMS}
        temporary = file.with_suffix(".part")
        temporary.write_text(json.dumps(body, indent=1) + "\n")
        temporary.replace(file)
        print(line(name, body), flush=True)
    print(table(folder, wanted))


def line(name: str, body: dict[str, Any]) -> str:
    error = f"{body['error']:.3f}" if "error" in body else ""
    alone, beside = body, body["beside"]
    cells = [
        f"{100 * figures['effect']:.1f} ± {100 * figures['effect_error']:.1f} % | "
        f"{figures['mean_settings']:.3f}"
        for figures in (alone, beside)
    ]
    return (
        f"| {name} | {body['size']} | {body['active']} | {error} | {' | '.join(cells)} | "
        f"{body['loudness']:.2f} |"
    )


def table(folder: Path, wanted: dict[str, dict[str, Any]]) -> str:
    """Markdown of all rows that are there."""
    lines = [
        "| row | size | active | error | effect | knobs R2 | effect, beside untouched | knobs R2 | "
        "loudness R2 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in wanted.items():
        file = folder / f"{row.get('same', name).strip('/').replace('/', '-')}.json"
        if file.is_file():
            lines.append(line(name, json.loads(file.read_text())))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
