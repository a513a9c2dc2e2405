"""Sound files and documents to damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RECIPES = Path(__file__).parents[2] / "recipes"

FORMATS = (
    ("wav", "PCM_16"),
    ("wav", "PCM_24"),
    ("wav", "FLOAT"),
    ("wav", "MS_ADPCM"),
    ("flac", "PCM_16"),
    ("ogg", "VORBIS"),
    ("opus", "OPUS"),
    ("mp3", "MPEG_LAYER_III"),
    ("aiff", "PCM_16"),
    ("caf", "PCM_16"),
    ("w64", "PCM_16"),
    ("rf64", "PCM_16"),
    ("au", "PCM_16"),
)


def sounds(folder: Path) -> list[Path]:
    """Write a second of sound in each format; what libsndfile here cannot write is left out."""
    rng = np.random.default_rng(1)
    moment = np.arange(24_000) / 24_000
    tone = 0.4 * np.sin(2 * np.pi * 330 * moment)[:, None] * np.array([1.0, 0.6])
    sound = tone + 0.02 * rng.standard_normal(tone.shape)
    made = []
    for place, (suffix, subtype) in enumerate(FORMATS):
        kind = {"aiff": "AIFF", "opus": "OGG"}.get(suffix, suffix.upper())
        if soundfile.check_format(kind, subtype):
            file = folder / f"{place}.{suffix}"
            soundfile.write(file, sound, 24_000, subtype, format=kind)
            made.append(file)
    return made


def documents() -> list[tuple[str, Any]]:
    """Kind and plain data of what people hand one another."""
    from dialin.effects import open_effect
    from dialin.effects.preset import Preset

    specs = [open_effect(uri).spec for uri in ("builtin:compressor", "builtin:reverb")]
    settings = np.concatenate([spec.default for spec in specs])
    preset = Preset.from_settings(specs, settings).to_dict()
    model = {
        "format": 1,
        "kind": "vae",
        "sample_rate": 24_000,
        "dimensions": 8,
        "samples": 8192,
        "front_end": {"bands": 32, "hop": 256, "fft": 1024},
        "options": {"channels": [4, 8, 8]},
        "shapes": {"a.weight": [3, 4]},
        "effect": "builtin:reverb",
        "spec_hash": "0" * 16,
    }
    return [("preset", preset), ("model", model)]


def recipes() -> list[tuple[str, str]]:
    """Kind and text of the shipped recipes."""
    return [(file.parent.name, file.read_text()) for file in sorted(RECIPES.glob("*/*.toml"))]
