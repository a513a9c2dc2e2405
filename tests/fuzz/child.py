"""Tries damaged things one after another, and says on stdout how each went.

Started by `tests.fuzz.runs`: ``python -m tests.fuzz.child KIND FOLDER SEED FIRST LAST``. For each
case it prints ``> INDEX`` before and ``< INDEX OUTCOME MEGABYTES`` after, so that whoever reads
knows which case a crash or a hang belongs to. OUTCOME is ``ok``, ``refused`` (an error of dialin's
own) or ``fault``, whose traceback is added to ``faults.jsonl`` in the folder.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dialin.errors import DialinError
from tests.fuzz import mutate, seeds

Case = Callable[[np.random.Generator], None]


def audio_case(folder: Path) -> Case:
    """A damaged sound file, read in every way that dialin reads one."""
    from dialin.audio import audio_info, read_audio, read_blocks

    sounds = [(file.suffix, file.read_bytes()) for file in sorted(folder.glob("[0-9]*.*"))]

    def case(rng: np.random.Generator) -> None:
        suffix, data = sounds[int(rng.integers(len(sounds)))]
        _, other = sounds[int(rng.integers(len(sounds)))]
        if rng.random() < 0.1:
            suffix = sounds[int(rng.integers(len(sounds)))][0]
        file = folder / f"case{suffix}"
        file.write_bytes(mutate.damaged(data, other, rng))
        info = audio_info(file)
        audio, rate = read_audio(file)
        assert audio.dtype == np.float32 and audio.ndim == 2 and rate == info.sample_rate
        assert np.isfinite(audio).all()
        # What the header is taken to say is what there is.
        assert audio.shape == (info.channels, info.frames), (audio.shape, info)
        total = 0
        for block in read_blocks(file, 4096):
            total += block.shape[1]
        assert total == info.frames, (total, info.frames)
        if info.frames > 10:
            part, _ = read_audio(file, start=info.frames // 2, frames=info.frames // 4)
            assert part.shape[1] == info.frames // 4

    return case


def document_case(folder: Path) -> Case:
    """A damaged preset, recipe, model folder or map."""
    from dialin.data import load_recipe
    from dialin.effects.preset import Preset
    from dialin.maps.map import load_map
    from dialin.networks.configuration import front_end_of, read_config
    from dialin.networks.runtime import load_runtime
    from dialin.training.config import EncoderRecipe, VaeRecipe
    from dialin.training.config import load_recipe as load_training
    from dialin.training.controller_recipe import ControllerRecipe

    plain, texts = seeds.documents(), seeds.recipes()
    kinds = {"vae": VaeRecipe, "encoder": EncoderRecipe, "controller": ControllerRecipe}
    model = folder / "model"
    model.mkdir(exist_ok=True)
    (model / "encoder.onnx").write_bytes(b"\x08\x07\x12\x04none")

    def text_of(data: object, rng: np.random.Generator) -> bytes:
        try:
            text = json.dumps(mutate.twisted(data, rng))
        except RecursionError:
            text = "[" * 100_000
        body = text.encode("utf-8", "surrogatepass")
        return mutate.damaged(body, b"\xff\xfe{]", rng) if rng.random() < 0.3 else body

    def case(rng: np.random.Generator) -> None:
        place = int(rng.integers(len(plain) + len(texts) + 1))
        if place < len(plain):
            kind, data = plain[place]
            if kind == "preset":
                file = folder / "preset.json"
                file.write_bytes(text_of(data, rng))
                preset = Preset.load(file)
                json.dumps(preset.to_dict())
                _ = [slot.uri for slot in preset.slots]
            else:
                (model / "config.json").write_bytes(text_of(data, rng))
                front_end_of(read_config(model), model)
                load_runtime(model)
        elif place < len(plain) + len(texts):
            kind, text = texts[place - len(plain)]
            file = folder / "recipe.toml"
            file.write_bytes(_toml(text, rng))
            if kind in kinds:
                load_training(file, kinds[kind])
            else:
                load_recipe(file)
        else:
            file = folder / "map.npz"
            about = json.dumps(mutate.twisted({"format": 1, "effect": "x", "way": "pca"}, rng))
            np.savez(file, grid=np.zeros((2, 2, 2)), about=about)
            file.write_bytes(mutate.damaged(file.read_bytes(), b"PK\x03\x04", rng))
            load_map(file)

    return case


def _toml(text: str, rng: np.random.Generator) -> bytes:
    """A recipe with values replaced, lines lost or bytes damaged."""
    lines = text.splitlines()
    for _ in range(int(rng.integers(1, 4))):
        settings = [n for n, line in enumerate(lines) if "=" in line and line[0] != "#"]
        where = settings[int(rng.integers(len(settings)))]
        name = lines[where].split("=")[0]
        value = mutate.odd(rng)
        try:
            shown = "nan" if value != value else json.dumps(value)
        except (ValueError, RecursionError):
            shown = "[" * 5000
        lines[where] = f"{name}= {shown}" if rng.random() < 0.8 else lines[where][::-1]
    body = "\n".join(lines).encode("utf-8", "surrogatepass")
    return mutate.damaged(body, b"= [[", rng) if rng.random() < 0.2 else body


def broken_case(folder: Path) -> Case:
    """One of each failure, to try the harness with."""

    def case(rng: np.random.Generator) -> None:
        count = int((folder / "count").read_text()) if (folder / "count").exists() else 0
        (folder / "count").write_text(str(count + 1))
        if count == 1:
            raise ZeroDivisionError("a fault")
        if count == 2:
            time.sleep(60)
        if count == 3:
            os.kill(os.getpid(), signal.SIGSEGV)

    return case


KINDS = {"audio": audio_case, "documents": document_case, "broken": broken_case}


def main(kind: str, folder: str, seed: str, first: str, last: str) -> None:
    """Run the cases from `first` up to `last`."""
    warnings.simplefilter("ignore")
    case = KINDS[kind](Path(folder))
    for index in range(int(first), int(last)):
        print(f"> {index}", flush=True)
        outcome = "ok"
        try:
            case(np.random.default_rng([int(seed), index]))
        except DialinError as error:
            outcome = "refused"
            str(error).encode("utf-8", "backslashreplace")
        except Exception:
            outcome = "fault"
            with (Path(folder) / "faults.jsonl").open("a") as file:
                file.write(json.dumps([index, traceback.format_exc(limit=-4)]) + "\n")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"< {index} {outcome} {peak}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
