"""Damaged documents, one of each kind that dialin reads: presets, recipes, models, lists ..."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import mutate, seeds

Case = Callable[[np.random.Generator], None]


def json_bytes(data: object, rng: np.random.Generator) -> bytes:
    """JSON of plain data with values replaced, and now and then bytes damaged."""
    try:
        text = json.dumps(mutate.twisted(data, rng))
    except RecursionError:
        text = "[" * 100_000
    body = text.encode("utf-8", "surrogatepass")
    return mutate.damaged(body, b"\xff\xfe{]", rng) if rng.random() < 0.2 else body


def lines_bytes(lines: list[Any], rng: np.random.Generator) -> bytes:
    """JSON lines, of which one or two are changed."""
    whole = [json.dumps(line).encode() for line in lines]
    for _ in range(int(rng.integers(1, 3))):
        whole[int(rng.integers(len(whole)))] = json_bytes(lines[0], rng)
    body = b"\n".join(whole) + b"\n"
    return mutate.damaged(body, b"}\n{", rng) if rng.random() < 0.2 else body


def text_bytes(text: str, rng: np.random.Generator) -> bytes:
    """TOML or CSV with values replaced, lines lost or bytes damaged."""
    lines = text.splitlines()
    for _ in range(int(rng.integers(1, 4))):
        given = [n for n, line in enumerate(lines) if "=" in line and line[0] != "#"]
        value = mutate.odd(rng)
        try:
            shown = "nan" if value != value else json.dumps(value)
        except (ValueError, RecursionError):
            shown = "[" * 5000
        if not given:
            where = int(rng.integers(len(lines)))
            cells = lines[where].split(",")
            cells[int(rng.integers(len(cells)))] = shown
            lines[where] = ",".join(cells)
            continue
        where = given[int(rng.integers(len(given)))]
        name = lines[where].split("=")[0]
        lines[where] = f"{name}= {shown}" if rng.random() < 0.8 else lines[where][::-1]
    body = "\n".join(lines).encode("utf-8", "surrogatepass")
    return mutate.damaged(body, b"= [[", rng) if rng.random() < 0.2 else body


def case(folder: Path) -> Case:
    """A damaged document of a kind drawn from the seed, read as dialin reads it."""
    os.environ["DIALIN_CORPUS"] = os.environ["MUSDB18"] = str(folder)
    kinds = [
        *_presets(folder).values(),
        *_recipes(folder),
        *_models(folder).values(),
        *_lists(folder).values(),
    ]

    def one(rng: np.random.Generator) -> None:
        kinds[int(rng.integers(len(kinds)))](rng)

    return one


def _presets(folder: Path) -> Mapping[str, Case]:
    from dialin.configuration import load_configuration, save_favourite
    from dialin.effects.chain import parse_chain
    from dialin.maps.map import load_map
    from dialin.presets.preset import Preset

    plain = seeds.preset()

    def preset(rng: np.random.Generator) -> None:
        file = folder / "preset.json"
        file.write_bytes(json_bytes(plain, rng))
        read = Preset.load(file)
        json.dumps(read.to_dict())
        for slot in read.slots:
            parse_chain(slot.uri)
        read.native  # noqa: B018

    def configuration(rng: np.random.Generator) -> None:
        file = folder / "config.toml"
        file.write_bytes(text_bytes(seeds.CONFIGURATION, rng))
        load_configuration(file)
        save_favourite("another", ["builtin:gain"], overwrite=True, file=file)
        assert load_configuration(file).favourite("another") == ("builtin:gain",)

    def map_(rng: np.random.Generator) -> None:
        file = folder / "map.npz"
        about: Any = {"format": 1, "effect": "x", "spec_hash": "y", "way": "pca", "about": {}}
        if rng.random() < 0.5:
            about = mutate.twisted(about, rng)
        grid = np.zeros([int(n) for n in rng.integers(1, 4, size=3)])
        np.savez(file, grid=grid, about=json_text(about))
        if rng.random() < 0.5:
            file.write_bytes(mutate.damaged(file.read_bytes(), b"PK\x03\x04", rng))
        load_map(file).settings([0.3, -1.0])

    return {"preset": preset, "configuration": configuration, "map": map_}


def json_text(data: object) -> str:
    """JSON, or what nobody can read."""
    try:
        return json.dumps(data)
    except RecursionError:
        return "[" * 100_000


def _recipes(folder: Path) -> list[Case]:
    from dialin.data import load_recipe
    from dialin.training.config import EncoderRecipe, VaeRecipe
    from dialin.training.config import load_recipe as load_training
    from dialin.training.controller_recipe import ControllerRecipe

    kinds = {"vae": VaeRecipe, "encoder": EncoderRecipe, "controller": ControllerRecipe}

    def reader(kind: str, text: str) -> Case:
        def recipe(rng: np.random.Generator) -> None:
            file = folder / "recipe.toml"
            file.write_bytes(text_bytes(text, rng))
            if kind in kinds:
                load_training(file, kinds[kind])
            else:
                read = load_recipe(file)
                assert type(read).from_dict(read.to_dict()) == read
                assert read.identity

        return recipe

    return [reader(kind, text) for kind, text in seeds.recipes()]


def _models(folder: Path) -> Mapping[str, Case]:
    from dialin.networks.configuration import front_end_of, read_config
    from dialin.networks.runtime import load_runtime

    model = folder / "model"
    model.mkdir(exist_ok=True)
    sound = (0.1 * np.sin(np.arange(9000) / 9)).astype(np.float32)[None]

    def config(rng: np.random.Generator) -> None:
        (model / "encoder.onnx").write_bytes(seeds.NETWORK)
        (model / "config.json").write_bytes(json_bytes(seeds.MODEL, rng))
        front_end_of(read_config(model), model)
        load_runtime(model)

    def network(rng: np.random.Generator) -> None:
        (model / "encoder.onnx").write_bytes(mutate.damaged(seeds.NETWORK, b"\x0a\xff", rng))
        (model / "config.json").write_text(json.dumps(seeds.MODEL | {"dimensions": 8192}))
        load_runtime(model)(sound, 24_000)

    return {"config": config, "network": network}


def _lists(folder: Path) -> Mapping[str, Case]:
    from dialin.data import read_manifest, rejection_report
    from dialin.effects.spec import EffectSpec
    from dialin.evaluation.listening import analyse, read_ratings
    from dialin.evaluation.protocols.manifests import ManifestCounterFx
    from dialin.evaluation.rows import read_rows
    from dialin.files import OwnFiles

    manifest, records = seeds.manifest()

    def pairs(rng: np.random.Generator) -> None:
        one = rng.random() < 0.5
        whole, lines = (
            json.dumps(manifest).encode(),
            b"".join(json.dumps(r).encode() + b"\n" for r in records),
        )
        (folder / "manifest.json").write_bytes(json_bytes(manifest, rng) if one else whole)
        (folder / "manifest.jsonl").write_bytes(lines if one else lines_bytes(records, rng))
        said, kept = read_manifest(folder)
        json.dumps(rejection_report(EffectSpec.from_dict(said["effect"]), kept).to_dict())

    def own(rng: np.random.Generator) -> None:
        (folder / "mine.txt").write_text("mine")
        (folder / ".dialin-files.json").write_bytes(json_bytes(seeds.OWN, rng))
        files = OwnFiles.load(folder)
        assert not files.owns("mine.txt") and not files.owns("../" + folder.name)
        files.present()

    def counterfx(rng: np.random.Generator) -> None:
        one = rng.random() < 0.5
        audio, targets = folder / "audio.csv", folder / "targets.jsonl"
        text = seeds.COUNTERFX_AUDIO
        audio.write_bytes(text_bytes(text, rng) if one else text.encode())
        whole = json.dumps(seeds.COUNTERFX_TARGET).encode() + b"\n"
        targets.write_bytes(whole if one else lines_bytes([seeds.COUNTERFX_TARGET], rng))
        assert ManifestCounterFx(str(audio), str(targets), str(folder)).rows is not None

    def ratings(rng: np.random.Generator) -> None:
        file = folder / "mushra.csv"
        file.write_bytes(text_bytes(seeds.ratings(), rng))
        analyse(read_ratings(file))

    def rows(rng: np.random.Generator) -> None:
        file = folder / "rows.jsonl"
        file.write_bytes(lines_bytes([seeds.ROW] * 3, rng))
        read_rows(file)

    return {"pairs": pairs, "own": own, "counterfx": counterfx, "ratings": ratings, "rows": rows}
