"""How surely undoing tells a loud echo of a soft sound from a soft echo of a loud one.

Of each song pieces of 5.5 s (24 kHz, mono) are cut at random, and an echo is made: 0.1 to 0.9 as
loud as its sound, or the sound as much softer than the echo, with feedback of up to 0.7 in half of
them, 5 ms to 1 s late, a thousandth of noise beside it. Both readings have the same spectrum. The
one that leaves the piece more concentrated once it is undone (`dialin.measures.undoing`) is taken.

    python benchmarks/echo_readings.py songs/ [--split valid] [--pieces 24] [--seed 11]
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.signal import fftconvolve

from dialin.audio import Audio
from dialin.measures.undoing import concentration, make_undoable
from songs import piece_parser, pieces_of

RATE, SECONDS = 24_000, 5.5
LAGS = (0.005, 0.015, 0.05, 0.2, 0.5, 1.0)
"""Edges in seconds of the lines of the table."""

NOISE = 1e-3


def response(lag: int, share: float, feedback: float, loud: bool) -> Audio:
    """An echo's answer to an impulse, `loud` where it is louder than its sound."""
    answer = np.zeros((1, 3 * RATE), np.float32)
    # (1 + share z^-lag) / (1 - feedback z^-lag), or (share + z^-lag) over the same.
    first, second = (share, 1.0) if loud else (1.0, share)
    answer[0, 0] = first
    late = second + feedback * first
    for place in range(lag, answer.shape[1], lag):
        answer[0, place] = late
        late *= feedback
        if not late:
            break
    return answer


def main() -> None:
    arguments = piece_parser(__doc__, pieces=24, seed=11).parse_args()
    rng = np.random.default_rng(arguments.seed)
    length = round(SECONDS * RATE)
    told = []
    for piece in pieces_of(arguments, rng, rate=RATE, samples=length):
        lag = round(float(np.exp(rng.uniform(np.log(LAGS[0]), np.log(LAGS[-1])))) * RATE)
        share, loud = float(rng.uniform(0.1, 0.9)), bool(rng.random() < 0.5)
        feedback = float(rng.uniform(0, 0.7)) if rng.random() < 0.5 else 0.0
        both = [response(lag, share, feedback, reading) for reading in (False, True)]
        wet = fftconvolve(piece, both[loud], axes=1)[:, : piece.shape[1]]
        wet += NOISE * np.abs(piece).max() * rng.standard_normal(wet.shape)
        recording = make_undoable(wet.astype(np.float32), RATE)
        soft, louder = (concentration(recording, answer, RATE) for answer in both)
        told.append((lag / RATE, (louder > soft) == loud, abs(louder - soft)))
    rows = np.array(told, dtype=np.float64)
    print(f"{arguments.split} split, seed {arguments.seed}, {len(rows)} echoes\n")
    print("| lag, ms | n | right | difference, median |\n|---|---|---|---|")
    for low, high in [*itertools.pairwise(LAGS), (LAGS[0], LAGS[-1])]:
        some = rows[(rows[:, 0] >= low * 0.99) & (rows[:, 0] < high * 1.01)]
        right, n = some[:, 1].mean(), len(some)
        error = 100 * np.sqrt(right * (1 - right) / n)
        print(
            f"| {1000 * low:.0f} to {1000 * high:.0f} | {n} | {100 * right:.0f} ±{error:.0f} % | "
            f"{np.median(some[:, 2]):.3f} |"
        )


if __name__ == "__main__":
    main()
