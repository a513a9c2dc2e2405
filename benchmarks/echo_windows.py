"""How far echoes stand out of a recording's cepstrum, and how high they are, by window and lag.

Of each song pieces of 5.5 s (24 kHz, mono) are cut at random and one echo of 0.05 to 0.5 is made in
each. Two ways to look at them: a Hann window, as most echoes are listened to, and for late ones one
that is flat in the middle, with silence behind it. Beside each how many standard deviations of its
surroundings the echo is high, how often it is the highest peak beyond 20 ms, and how far its height
is from what is expected, in the median: of music that is as loud at any time, and by how loud the
piece is when.

    python benchmarks/echo_windows.py songs/ [--split valid] [--pieces 4] [--seed 3]
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dialin.measures.cepstrum import LAG_RATE, find_peaks, lags_of, local_noise, recording_cepstrum
from dialin.measures.lag_windows import FLAT, even_music
from songs import piece_parser, pieces_of

RATE, SECONDS = 24_000, 5.5
LAGS = (0.02, 0.3, 1.0, 2.0, 2.7, 3.3, 3.9)
"""Edges in seconds of the lines of the table."""

LEAST, LEAST_COMPARED = 6.0, 10
"""Standard deviations from which a height is compared, and of how many at least."""

WINDOWS = ("Hann", "flat")


@dataclass(frozen=True)
class Shown:
    """One echo through one window."""

    sigma: float
    first: bool
    even: float
    followed: float


def look(piece: np.ndarray, place: int, amount: float, window: str) -> Shown:
    """How an echo shows."""
    late = window == "flat"
    found = recording_cepstrum(piece, RATE, longest=4.4, late=late)
    row = found.view("mono")
    if place > row.size - 2:
        return Shown(0.0, False, np.nan, np.nan)
    height = float(row[place - 1 : place + 2].max())
    sigma = height / float(local_noise(row, found.sigma / 10)[place])
    (highest, _), *_ = find_peaks(row, found.sigma / 10, shortest=0.02, count=1)
    lag = lags_of(place + 1)[-1:]
    shares = even_music(found.seconds, FLAT if late else 0.0).at(lag)[0], found.coherence()[place]
    apart = [
        np.log(height / (amount * share)) if sigma >= LEAST and share > 0 else np.nan
        for share in shares
    ]
    return Shown(sigma, abs(highest * LAG_RATE - place) < 2, *apart)


def main() -> None:
    arguments = piece_parser(__doc__, pieces=4, seed=3).parse_args()
    rng = np.random.default_rng(arguments.seed)
    length = round(SECONDS * RATE)
    told: dict[tuple[int, str], list[Shown]] = {}
    for piece in pieces_of(arguments, rng, rate=RATE, samples=length):
        for band, (low, high) in enumerate(itertools.pairwise(LAGS)):
            place = round(float(rng.uniform(low, high)) * RATE)
            amount = float(rng.uniform(0.05, 0.5))
            wet = piece.copy()
            wet[:, place:] += amount * piece[:, :-place]
            for name in WINDOWS:
                told.setdefault((band, name), []).append(look(wet, place, amount, name))
    count = len(told[0, "flat"])
    print(f"{arguments.split} split, seed {arguments.seed}, {count} pieces\n")
    print(
        "| lag, s | window | sigmas, median | highest peak | height off, as of even music | "
        "as followed |\n|---|---|---|---|---|---|"
    )
    for (band, name), rows in sorted(told.items(), key=lambda item: item[0][0]):
        first = float(np.mean([row.first for row in rows]))
        error = 100 * np.sqrt(first * (1 - first) / len(rows))
        off = []
        for heights in ([row.even for row in rows], [row.followed for row in rows]):
            known = np.abs(heights)[np.isfinite(heights)]
            off.append(float(np.median(known)) if known.size > LEAST_COMPARED else np.nan)
        print(
            f"| {LAGS[band]:g} to {LAGS[band + 1]:g} | {name} | "
            f"{np.median([row.sigma for row in rows]):.0f} | {100 * first:.0f} ±{error:.0f} % | "
            f"{100 * off[0]:.0f} % | {100 * off[1]:.0f} % |"
        )


if __name__ == "__main__":
    main()
