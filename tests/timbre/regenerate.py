"""Write tests/data/timbre/ours.csv anew: the values the regression test holds dialin to."""

from __future__ import annotations

import csv
from pathlib import Path

import soundfile

from dialin.timbre import ATTRIBUTES, timbre

DATA = Path(__file__).parent.parent / "data" / "timbre"
COLUMNS = (*(name for name in ATTRIBUTES if name != "reverb"), "rt60")


def measure(path: Path) -> dict[str, float]:
    """Values of one clip under the column names of the tables."""
    audio, rate = soundfile.read(path, always_2d=True)
    found = timbre(audio.T, rate)
    return {**{name: found[name] for name in ATTRIBUTES if name != "reverb"}, "rt60": found.rt60}


def main() -> None:
    """Measure every clip."""
    with (DATA / "ours.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", *COLUMNS])
        for path in sorted(DATA.glob("*.flac")):
            values = measure(path)
            table.writerow([path.name, *(f"{values[name]:.9g}" for name in COLUMNS)])


if __name__ == "__main__":
    main()
