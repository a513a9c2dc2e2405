"""Commands of the pages on data and learning run as they stand there, on a tiny corpus.

What is changed is size alone: options that make a run short are put behind each command.
"""

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from dialin.audio import write_audio
from dialin.evaluation.methods.systems import load_system
from tests.cli.runner import dialin
from tests.plugins import needs_lv2

for name in ("torch", "lightning", "onnxscript", "onnxruntime", "tensorboard"):
    pytest.importorskip(name, reason=f"{name} is not installed")

ROOT = Path(__file__).parent.parent
PAGES = (
    "recipes/vae/README.md",
    "recipes/encoder/README.md",
    "recipes/mda-overdrive/README.md",
    "recipes/controller/README.md",
    "recipes/musdb18/README.md",
    "docs/data.md",
    "docs/learning.md",
    "docs/controllers.md",
    "docs/musdb18.md",
)
RATE = 24_000
MDA = "lv2:http://drobilla.net/plugins/mda/"
SMALL = ("data.pairs=4", "data.valid_pairs=4", "data.samples=20480", "data.shard=4")
SHORT = ("loop.epochs=1", "loop.batch=4", "loop.items=16", "loop.valid_items=8")
ENCODER = (f"data.effects=['{MDA}Overdrive', '{MDA}Combo']", "model.channels=[4, 8, 8]")
LOOKS = ("diagnostics.items=40",)
HEARD = ("end_to_end.epochs=1", "end_to_end.items=4", "end_to_end.valid_items=4")
SHORTER = {
    "train vae": (*SMALL, *SHORT, *ENCODER, *LOOKS),
    "train encoder": (*SMALL, *SHORT, *ENCODER, *LOOKS),
    "train controller": (*SMALL, *SHORT, *HEARD, "end_to_end.batch=4"),
}


def commands(page):
    """Commands of a page, one a line: what is indented and begins with dialin, or variables."""
    text = (ROOT / page).read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    found = [
        line for line in lines if re.match(r"([A-Z0-9_]+=\S+ )*dialin (data|train|eval)", line)
    ]
    # One needs a network; the other, which is slow, is tried in tests/training/test_own_effect.py.
    left_out = ("fetch-corpus", "--fx")
    return [" ".join(line.split()) for line in found if not any(w in line for w in left_out)]


COMMANDS = list(dict.fromkeys(c for page in PAGES for c in commands(page)))


def tone(seed, seconds):
    rng = np.random.default_rng(seed)
    moment = np.arange(int(seconds * RATE)) / RATE
    sound = 0.4 * np.sign(np.sin(2 * np.pi * 80.0 * (1 + seed % 7) * moment))
    sound *= 0.3 + 0.7 * (np.sin(2 * np.pi * 3.0 * moment) > 0)
    return (sound + 0.05 * rng.standard_normal(moment.size)).astype(np.float32)[None]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the recipes, a corpus laid out as the fetched one, and a tiny MUSDB18-HQ."""
    root = tmp_path_factory.mktemp("learning")
    shutil.copytree(ROOT / "recipes", root / "recipes")
    files = [f"songs/game-music/song{n}.flac" for n in range(10)]
    files += [f"songs/asterisk-core-sounds/word{n}.flac" for n in range(4)]
    klettres = "songs/klettres-data/usr/share/klettres"
    files += [f"{klettres}/{language}/a.flac" for language in ("cs", "da", "de", "en", "es", "fr")]
    files += [f"musdb18hq/train/Song {n} - Band/mixture.wav" for n in range(9)]
    files += [f"musdb18hq/test/Other - Song {n}/mixture.wav" for n in range(2)]
    for stem in ("drums", "bass", "other", "vocals"):
        files += [f"musdb18hq/train/Song {n} - Band/{stem}.wav" for n in range(9)]
        files += [f"musdb18hq/test/Other - Song {n}/{stem}.wav" for n in range(2)]
    for seed, name in enumerate(files):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_audio(root / name, tone(seed, 3.0 if "klettres" in name else 12.0), RATE)
    return root


def shorter(words):
    """A command that does the same, less often."""
    kind = " ".join(words[1:3])
    if kind in SHORTER:
        sets = [word for text in SHORTER[kind] for word in ("--set", text)]
        return [*words, *sets, "--workers", "1"]
    if kind == "data render":
        return [*words, "--pairs", "4", "--workers", "1"]
    if words[1] == "evaluate":
        fewer = [
            w.replace("search:100", "search:8").replace("refine:100", "refine:8") for w in words
        ]
        return [*fewer, "-n", "1", "--no-figures", "--workers", "1"]
    return words


def test_there_are_commands_on_each_page():
    assert all(commands(page) for page in PAGES)


@needs_lv2("mda.lv2")
@pytest.mark.parametrize("command", COMMANDS)
def test_command(command, place, monkeypatch):
    words = shlex.split(command)
    variables = dict(w.split("=", 1) for w in words[: words.index("dialin")])
    words = words[words.index("dialin") :]
    output = words[words.index("-o") + 1] if "-o" in words else None
    if output and "--resume" not in words:
        # Pages are read by different people.
        shutil.rmtree(place / output, ignore_errors=True)
    for name in [n for n in os.environ if n.startswith("DIALIN_") and "PLUGINS" not in n]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DIALIN_MODELS", str(place / "models"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    load_system.cache_clear()
    done = dialin(*shorter(words)[1:], cwd=place)
    assert done.code == 0, done.err + done.out
    if output:
        assert any((place / output).iterdir())
    if words[1] == "evaluate":
        rows = [json.loads(r) for f in (place / output).rglob("*.jsonl") for r in f.open()]
        assert rows and not [row["error"] for row in rows if row.get("error")]
    if words[1:3] == ["train", "vae"]:
        assert (place / "runs/vae/model/encoder.onnx").is_file()
