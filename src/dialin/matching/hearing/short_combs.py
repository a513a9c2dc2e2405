"""Combs whose echoes all come within a few milliseconds, told from the tone of the same music.

Lags below 2 ms are left out where echoes are looked for, since every sound has a tone colour, and
differs from another's in it. Where input and reference are of one piece, tones are alike, and a
delay of one millisecond stands alone in the difference of their cepstra: of eight combs of 1.1 to
1.5 ms on music of the validation split all are its highest peak, of 0.49 or more, and of twelve dry
pieces none has one of more than 0.4. In other music tones differ by as much, so that what is found
is a guess, judged by how it sounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dialin.audio import Audio
from dialin.matching.hearing.ears import Ear
from dialin.matching.hearing.echo_search import EchoFit
from dialin.matching.hearing.echo_target import EchoTarget, PartPair, Values, echo_target
from dialin.matching.hearing.echo_verdicts import HEARD_DROP
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.measures.cepstrum import COMB_SMOOTH_HZ, LAG_RATE, Cepstrum, recording_cepstrum

LAGS = (0.8e-3, 8e-3)
"""Lags in seconds that are looked at."""

STANDING, BOTH = 0.3, 0.5
"""Height of a peak from which a search is worth its impulses, and share of it that each half of the
references must show."""

EXPLAINED, EXPLAINED_HALF = 0.35, 0.3
"""Share of the squares of all that tones differ by at these lags, that a comb must explain to be
heard: in all, and in each half of the references. Of nine combs on music of the validation split
eight explain 0.37 or more of all and 0.39 of the halves. In 16 dry references of the same piece no
lag stands out, and in 48 pairs of other music three, of which 0.19 is explained at most."""

Search = Callable[[ImpulseLab, EchoTarget, tuple[PartPair, ...]], EchoFit | None]


@dataclass(frozen=True, eq=False)
class Comb:
    """A short comb that was found.

    Attributes
    ----------
    fit : EchoFit
        What the search came to.
    heard : bool
        Whether it explains enough; else it is a guess.
    lag : float
        Of its highest peak, in seconds.
    sigma : float
        By how many standard deviations that stands out.
    """

    fit: EchoFit
    heard: bool
    lag: float
    sigma: float


def find_comb(ear: Ear, lab: ImpulseLab, search: Search) -> Comb | None:
    """Look for a short comb that an effect may have made.

    Parameters
    ----------
    ear : Ear
        The recordings.
    lab : ImpulseLab
        Asks the effect.
    search : callable
        Runs a search with a lab, a target, and parts of it that must agree.

    Returns
    -------
    Comb or None
        None where no lag stands out of the tone in both halves of the references.
    """
    end = ear.whole.highest

    def heard(audio: Audio, sample_rate: int) -> Cepstrum:
        return recording_cepstrum(
            audio, sample_rate, highest=end, longest=LAGS[1], smooth_hz=COMB_SMOOTH_HZ
        )

    own = heard(*ear.own)
    wholes = [(heard(audio, rate), weight) for audio, rate, weight in ear.references]
    halves = []
    for number in range(2):
        pieces = [
            (np.array_split(audio, 2, axis=1)[number], rate, weight)
            for audio, rate, weight in ear.references
        ]
        halves.append([(heard(audio, rate), weight) for audio, rate, weight in pieces])
    whole, first, second = (
        echo_target(cepstra, own, end, lags=LAGS) for cepstra in (wholes, *halves)
    )
    if not _stands(whole, (first, second)):
        return None
    fine = replace(lab, smooth_hz=COMB_SMOOTH_HZ, renders=0, _shared=None)
    even = np.ones(whole.values.shape[1])
    try:
        fit = search(fine, whole, (PartPair((first, second), (even, even)),))
    finally:
        lab.renders += fine.renders
        fine.close()
    if fit is None or fit.drop < HEARD_DROP:
        return None
    rows = whole.fit(fit.answer)
    start = round(LAGS[0] * LAG_RATE)
    view, place = np.unravel_index(int(np.argmax(np.abs(rows[:, start:]))), rows[:, start:].shape)
    noise = 1 / np.sqrt(whole.weight[view, start + place] * len(rows))
    explained = [_explained(target, rows) for target in (whole, first, second)]
    return Comb(
        fit,
        explained[0] >= EXPLAINED and min(explained[1:]) >= EXPLAINED_HALF,
        (start + int(place)) / LAG_RATE,
        float(np.abs(whole.values[view, start + place]) / noise),
    )


def _explained(target: EchoTarget, rows: Values) -> float:
    """Share of the squares of a target that an answer takes away."""
    first, last = (round(s * LAG_RATE) for s in LAGS)
    there = target.values[:, first:last]
    return 1.0 - float(((there - rows[:, first:last]) ** 2).sum() / max((there**2).sum(), 1e-12))


def _stands(whole: EchoTarget, halves: tuple[EchoTarget, EchoTarget]) -> bool:
    """Whether some lag stands out, in both halves of the references alike."""
    start = round(LAGS[0] * LAG_RATE)
    strength = np.abs(whole.values[:, start:])
    view, place = np.unravel_index(int(np.argmax(strength)), strength.shape)
    height = float(whole.values[view, start + place])
    there = [float(half.values[view, start + place]) * np.sign(height) for half in halves]
    return abs(height) >= STANDING and min(there) >= BOTH * abs(height)
