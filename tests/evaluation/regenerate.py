"""Write the golden rows anew: ``python -m tests.evaluation.regenerate``. Look at the change."""

import json
import tempfile
from pathlib import Path

from dialin.evaluation.protocols import OneEffect
from dialin.evaluation.runner import Plan, run_plan
from tests.evaluation.music import write_songs

GOLDEN = Path(__file__).with_name("golden_rows.json")
EFFECTS = ("peak", "distortion", "compressor", "delay", "reverb")
# Not style: its features belong to matching, which has tests of its own.
METRICS = (
    *("mrstft", "mel", "spectrum", "centroid", "crest", "lufs", "coarse", "modulation"),
    *("t30", "c80", "echo", "decay", "rate", "carrier"),
)
METHODS = ("untouched", "random", "default", "mean", "nearest", "rules", "pick:mfcc:4", "true")


def plan(songs, methods=METHODS, **options):
    """Five tiny items."""
    groups = tuple(f"builtin:{name}" for name in EFFECTS)
    protocol = OneEffect("half", groups=groups)
    return Plan(protocol, (str(songs),), count=1, methods=methods, metrics=METRICS, **options)


def body(rows):
    """What is compared of rows; None for what has no meaning."""
    return [
        {
            "group": row["group"],
            "method": row["method"],
            "metrics": {k: None if v is None else round(v, 5) for k, v in row["metrics"].items()},
            "parameters": None if row.get("parameters") is None else round(row["parameters"], 5),
        }
        for row in rows
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        songs = write_songs(Path(folder) / "songs")
        rows = run_plan(plan(songs), Path(folder) / "out")
        GOLDEN.write_text(json.dumps(body(rows), indent=1) + "\n")
