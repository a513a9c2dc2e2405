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


def preset() -> dict[str, Any]:
    """Plain data of a preset with everything in it that one can have."""
    from dialin.effects import open_effect
    from dialin.presets.preset import Preset

    specs = [open_effect(uri).spec for uri in ("builtin:compressor", "builtin:reverb")]
    settings = np.concatenate([spec.default for spec in specs])
    data = Preset.from_settings(specs, settings).to_dict()
    data["provenance"] = {"seed": 1, "distance": {"before": 1.0, "after": 0.5}, "names": ["a"]}
    slot = data["slots"][0]
    slot |= {"state": "Vk1UMyE=", "channels": 2, "file": "a.vst3", "plugin_id": "0" * 32}
    slot["knobs"][0] |= {"position": 0.5, "index": 3, "title": "Threshold", "text": "-20 dB"}
    return data


def manifest() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Manifest and records of a finished folder of pairs."""
    from dialin.effects import open_effect

    spec = open_effect("builtin:distortion").spec
    excerpt = {"seconds": 1.0, "sample_rate": 24_000}
    whole = {
        "hash": "0" * 64,
        "recipe": {"excerpt": excerpt, "shard": 4},
        "effect": spec.to_dict(),
        "spec_hash": spec.hash,
        "counts": {"pairs": 2, "lost": 1},
    }
    middle = [0.5] * spec.size
    record = {
        "index": 0,
        "half": "A",
        "settings": middle,
        "input_settings": None,
        "dropped": {"silent": 1},
        "rejected": [["quiet", middle]],
        "audio": {"input": "0" * 16},
    }
    return whole, [record, {**record, "index": 1, "lost": True, "settings": None}]


def ratings() -> str:
    """A small ``mushra.csv`` of webMUSHRA."""
    lines = ["session_test_id,rater,trial_id,rating_stimulus,rating_score,rating_time"]
    for rater in range(4):
        for trial in range(2):
            for place, name in enumerate(("reference", "anchor35", "ours", "theirs")):
                score = (98, 12, 70 + rater, 50 + 3 * rater)[place]
                lines.append(f"test,r{rater},drive-{trial},{name},{score},1000")
    return "\n".join(lines) + "\n"


MODEL = {
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

NETWORK = bytes.fromhex(
    "08083a590a1c0a05617564696f1209656d62656464696e6722084964656e746974791201675a180a0561756469"
    "6f120f0a0d080112090a0208010a0312016e621c0a09656d62656464696e67120f0a0d080112090a0208010a03"
    "12016e42040a00100d"
)
"""An ONNX file: the identity, from ``audio`` to ``embedding``."""

CONFIGURATION = """# Mine.
[favourites]
room = ["builtin:compressor", "builtin:reverb"]
"warm verb" = "vst3:ZamVerb"

[effects]
prefer = ["lv2", "vst3"]
"""

OWN = {
    "schema": 1,
    "files": {"preset.json": [{"bytes": 12, "sha256": "0" * 64}]},
    "about": {"request": "0" * 16},
}

COUNTERFX_AUDIO = """item_id,audio_relpath,source_sha256,start_a_sec,start_b_sec
fma_test_7,fma/fma_small/000/000007.mp3,00ff,2.0,12.0
"""

COUNTERFX_TARGET = {
    "item_id": "fma_test_7",
    "chain_order": ["delay", "peak_filter"],
    "continuous_params_physical": {
        "delay": {"delay_seconds": 0.25, "feedback": 0.4, "mix": 0.3},
        "peak_filter": {"cutoff_frequency_hz": 900.0, "gain_db": 6.0, "q": 1.5},
    },
}

ROW = {
    "protocol": "one-effect",
    "group": "reverb",
    "item": 3,
    "method": "search",
    "run": {"seed": 0},
    "metrics": {"mrstft": 0.5},
}


def recipes() -> list[tuple[str, str]]:
    """Kind and text of the shipped recipes."""
    return [(file.parent.name, file.read_text()) for file in sorted(RECIPES.glob("*/*.toml"))]
