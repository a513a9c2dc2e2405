"""Whether what explains a reference's echoes is heard, absent or in doubt.

An effect is *heard* where what it explains of the reference's cepstrum stands out from the noise,
in both halves of the reference alike, and is no beat or note of the music; *absent* where nothing
does, and *in doubt* in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dialin.matching.hearing.ears import Ear
from dialin.matching.hearing.echo_search import EchoFit
from dialin.matching.hearing.echo_target import SHORTEST, EchoTarget, PartPair, Values
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.measures.cepstrum import LAG_RATE, LONGEST
from dialin.measures.lag_windows import Seen
from dialin.measures.smoothing import maximum_filter1d

HEARD_DROP, HEARD_HALF, HEARD_SHARE = 60.0, 25.0, 0.45
"""Drop (in units of the noise's variance) in all, and in each half, from which an effect is
heard, and share of its answer that each half must show. Of 40 delays on music of the validation
split the least share was 0.57; of 60 dry pieces three had more than 0.45 in both halves and were
no beats, but notes."""

EVEN = 0.5
"""How much of the better half's share the worse must have, where lags are short."""

EVENLY, HIGH_BEAT = 0.75, 0.4
"""Share that both halves must show of an echo that comes before any beat, to be preferred to what
lies where beats do and is no higher than so much."""

ABSENT_HALF, ABSENT_SHARE = 8.0, 0.25
"""Drop in the worse half, and share, below which an effect is absent."""

FIRST = 0.003
"""Lag in seconds from which an answer's highest peak is looked for."""

BEATS_FROM, FEW = 0.1, 16
"""Lag in seconds from which music repeats at its beats; and how many lags hold most of the energy
of a few echoes."""

PLACE_SECONDS, SPARSE = 0.003, 0.8
"""Stretch of lags that is one place, as a filter makes an echo dull; and share of an answer that as
many places as `FEW` hold of echoes: 0.99 of a filtered delay, 0.20 to 0.64 of three rooms."""

LOOP, BEAT = 1.6, 0.1
"""A few echoes must stand so many times higher than anything else from there on that the input has
not as well, and so high: of 40 dry pieces of the validation split one shows 0.14, which the input
shows too, and none of the others more than 0.06."""

SPREAD = 0.6
"""Height that counts for one of an echo that is spread over many lags, as a share of the root of
its squares."""

LATE = 0.3
"""Share of the halves' length, from which a lag is looked for in three quarters instead."""

NOTES_TO, OTHER_NOTES, SINGLE = 0.06, 1.25, 0.1
"""Notes have periods up to so many seconds; an echo in their place may leave others that are so
many times higher than itself; patterns with less than a share of their energy in one peak are no
notes."""

BESIDE, BETWEEN = 6, 0.3
"""Lags beside a peak that are still the peak, and share of its energy that a comb may have between
its peaks."""

PATTERN = 0.3
"""Share of its energy in one peak below which an answer may be a pattern that no note makes."""

WANDERING, SURELY = 0.5, 6.0
"""Share of a peak, and standard deviations, that may be left beside it: an echo's peak is as narrow
as the effect makes it, the period of a note wanders."""

CLEAR_DROP, CLEAR_SHARE = 1500.0, 0.5
"""Drop from which a late echo may be told by the first and the last three quarters where one half
shows little of it, and share that both must show. Of 40 dry pieces of the validation split no such
echo had more than 1080."""

SIDES = 240
"""Lags to both sides of a beat within which its peak swings below nothing."""

SHOWS = 0.5
"""Share of a lag's height that a half shows, from which it tells whether a beat is in it."""

OWN, OWN_WIDE = 0.4, 3
"""Share of a peak's height at which the input may have one by itself, and lags beside it."""


def verdict_of(fit: EchoFit, lab: ImpulseLab, ear: Ear) -> tuple[str, float]:
    """Whether an answer is in both halves of the references, and no beat or note of the music.

    Parameters
    ----------
    fit : EchoFit
        What a search came to.
    lab : ImpulseLab
        Asks the effect again, as the halves would show it.
    ear : Ear
        The recordings.

    Returns
    -------
    ({"heard", "doubt", "absent"}, float)
        And the share of the answer that the half shows that shows less of it.
    """
    lag, _ = single_echo(fit.answer, ear.whole)
    late = lag is not None and lag > LATE * ear.half_seconds
    told = None if late else _shown(fit, lab, ear.halves)
    # Beats repeat in one half and not in the other, an echo as much in both.
    both = ear.pairs[0] if told is not None and min(told[1]) >= EVENLY else None
    clear = (
        fit.drop >= CLEAR_DROP and _highest(ear.whole.fit(fit.answer))[1] >= BEATS_FROM * LAG_RATE
    )
    if late or (clear and told is not None and min(told[1]) < HEARD_SHARE):
        # One half may hold little to hear it by: a pause, or a note that is held.
        longer = _shown(fit, lab, ear.longer_than(lag or 0.0))
        if late or (longer is not None and min(longer[1]) >= CLEAR_SHARE):
            told = longer
    if told is None:
        return "absent", 0.0
    drops, shares = told
    least = min(shares)
    if min(drops) < ABSENT_HALF or least < ABSENT_SHARE:
        return "absent", least
    enough = fit.drop >= HEARD_DROP and min(drops) >= HEARD_HALF and least >= HEARD_SHARE
    if lag is None or lag < BEATS_FROM:
        # Of short lags each half holds many turns: notes come and go, an echo stays.
        enough = enough and least >= EVEN * max(shares)
    music = is_loop(fit.answer, ear.whole, both) or is_note(fit.answer, ear.whole)
    return ("heard" if enough and not music else "doubt"), least


def may_be_beat(fit: EchoFit, ear: Ear) -> bool:
    """Whether the highest peak of what was found is where music has beats, and no higher.

    Parameters
    ----------
    fit : EchoFit
        What a search came to.
    ear : Ear
        The recordings.

    Returns
    -------
    bool
    """
    height = _highest(ear.whole.fit(fit.answer))[2]
    return height < HIGH_BEAT and is_late_echo(fit, ear)


def is_late_echo(fit: EchoFit, ear: Ear) -> bool:
    """Whether what was found are echoes that come as late as beats do, and nothing else.

    Parameters
    ----------
    fit : EchoFit
        What a search came to.
    ear : Ear
        The recordings.

    Returns
    -------
    bool
    """
    rows = ear.whole.fit(fit.answer)
    late = rows[:, round(BEATS_FROM * LAG_RATE) :]
    return _highest(rows)[1] >= BEATS_FROM * LAG_RATE and _is_sparse(late)


def _shown(
    fit: EchoFit, lab: ImpulseLab, parts: Sequence[EchoTarget]
) -> tuple[list[float], list[float]] | None:
    """Drop and share of an answer in each part of the references; None where a render failed."""
    shown: dict[Seen, Values | None] = {}
    for seen in {part.seen for part in parts}:
        part_lab = replace(lab, heard=seen, _shared=None)
        try:
            (shown[seen],) = part_lab.answers([fit.settings])
        finally:
            part_lab.close()
    drops, shares = [], []
    for part in parts:
        answer = shown[part.seen]
        if answer is None:
            return None
        drops.append(part.drop(answer))
        shares.append(part.share(answer))
    return drops, shares


def is_note(answer: Values, target: EchoTarget) -> bool:
    """Whether an answer may be the period of notes, which the input plays too or others beside.

    Parameters
    ----------
    answer : ndarray, shape (views, lags)
        Cepstra of the effect's answer to the impulse.
    target : EchoTarget
        What the reference holds beyond the input.

    Returns
    -------
    bool
    """
    rows = target.fit(answer)
    first, last = (round(s * LAG_RATE) for s in (SHORTEST, BEATS_FROM))
    view, peak, height = _highest(rows, SHORTEST)
    energy = float((rows[:, first:] ** 2).max(axis=0).sum())
    single = height**2 >= SINGLE * energy
    if peak >= last or not (single or _is_comb(rows, peak)):
        return False
    if height**2 < PATTERN * energy and _is_pattern(rows, peak, target):
        return False
    if _wanders(rows, view, peak, target):
        return True
    own = _of_input(rows, view, peak, target)
    left = np.abs(target.values - rows)[:, first : round(NOTES_TO * LAG_RATE)]
    return own > OWN * height or float(left.max(initial=0.0)) > OTHER_NOTES * height


def _of_input(rows: Values, view: int, peak: int, target: EchoTarget) -> float:
    """How high the input's own peak is in the place of an answer's; one of another sign is none."""
    own = target.own[view, max(0, peak - 1) : peak + 2]
    return float((np.sign(rows[view, peak]) * own).max())


def _wanders(rows: Values, view: int, peak: int, target: EchoTarget) -> bool:
    """Whether a peak is broader than the effect makes it, as that of a note whose pitch moves."""
    near = slice(max(0, peak - BESIDE), peak + BESIDE + 1)
    left = np.abs(target.values[view, near] - rows[view, near])
    noise = 1 / np.sqrt(target.weight[view, peak] * target.weight.shape[0])
    height = float(np.abs(rows[view, peak]))
    return float(left.max()) > max(WANDERING * height, SURELY * float(noise))


def _is_comb(rows: Values, peak: int) -> bool:
    """Whether an answer is its highest peak and the multiples of that, however broad they are."""
    rest = _without_multiples(rows, peak)
    first = round(SHORTEST * LAG_RATE)
    return float((rest[:, first:] ** 2).sum()) < BETWEEN * float((rows[:, first:] ** 2).sum())


def _without_multiples(rows: Values, peak: int) -> Values:
    rest = rows.copy()
    for multiple in range(peak, rows.shape[1], peak):
        rest[:, max(0, multiple - BESIDE) : multiple + BESIDE + 1] = 0.0
    return rest


def _is_pattern(rows: Values, peak: int, target: EchoTarget) -> bool:
    """Whether an answer is heard without its highest peak and the multiples of that, too."""
    rest = _without_multiples(rows, peak)
    return target.drop(rest) >= HEARD_DROP and target.share(rest) >= HEARD_SHARE


def is_loop(answer: Values, target: EchoTarget, both: PartPair | None = None) -> bool:
    """Whether a few echoes may be beats of the music.

    Music made of loops repeats at several beats, an echo at multiples of its own lag alone. Beats
    that the input has do not count: an echo in music of the same beats stands among them, and what
    the input has at its lag is asked besides. Nothing is said of what comes sooner than any beat,
    of a comb whose first echoes do, of an echo of the other sign, which no music repeats with, nor
    of patterns of many reflections.

    Parameters
    ----------
    answer : ndarray, shape (views, lags)
        Cepstra of the effect's answer to the impulse.
    target : EchoTarget
        What the reference holds beyond the input.
    both : PartPair, optional
        Halves of the reference, where both show all of the answer: a beat that one of them lacks
        does not speak against it then.

    Returns
    -------
    bool
    """
    rows = target.fit(answer)
    if _comes_before_beats(rows, target):
        return False
    late = rows.copy()
    late[:, : round(BEATS_FROM * LAG_RATE)] = 0.0
    view, peak, highest = _highest(rows, BEATS_FROM)
    if highest < 0.5 * _highest(rows)[2] or not _is_few(late, rows):
        return False
    if both is not None and _is_inverted(rows, view, peak, target):
        return False
    left = np.abs(target.values - rows)
    left[:, : round(BEATS_FROM * LAG_RATE)] = 0.0
    # What an answer misses of its own peaks is no other beat.
    near = np.abs(rows) > 0.1 * highest
    left[np.stack([np.convolve(row, np.ones(5), "same") > 0 for row in near])] = 0.0
    # Beats that the input has as well are known: what it lacks is none of them.
    beats = maximum_filter1d(np.abs(target.own), 2 * OWN_WIDE + 1, axis=1)
    left[beats >= OWN * left] = 0.0
    if both is not None:
        left = np.minimum(left, _in_both(both, left.shape[1]))
    own = _of_input(rows, view, peak, target)
    # An echo that is filtered is lower than it would be, and broader.
    power = float((late * (2 * target.values - late)).sum()) / late.shape[0]
    spread = SPREAD * float(np.sqrt(max(power, 0.0)))
    beat = BEAT
    if peak > LONGEST * LAG_RATE:
        # So late only a part of its height is seen.
        beat *= float(target.seen.at(np.array([peak / LAG_RATE]))[0])
    return max(highest, spread) < beat or highest < max(LOOP * float(left.max()), own / OWN)


def _is_few(late: Values, rows: Values) -> bool:
    """Whether a few late echoes hold most of an answer, rather than a pattern of reflections."""
    peaks = np.sort(np.abs(late).max(axis=0) ** 2)[::-1]
    energy = float((rows[:, round(FIRST * LAG_RATE) :] ** 2).max(axis=0).sum())
    return bool(peaks[:FEW].sum() >= 0.4 * energy)


def _is_sparse(rows: Values) -> bool:
    """Whether a few places hold nearly all of an answer: echoes, sharp or dull, and no room."""
    width = round(PLACE_SECONDS * LAG_RATE)
    energy = np.square(rows).max(axis=0)
    places = np.add.reduceat(energy, np.arange(0, energy.size, width))
    return bool(np.sort(places)[-FEW:].sum() >= SPARSE * energy.sum())


def _comes_before_beats(rows: Values, target: EchoTarget) -> bool:
    """Whether an answer is heard by what comes sooner than any beat, its highest peak among it."""
    early = rows.copy()
    early[:, round(BEATS_FROM * LAG_RATE) :] = 0.0
    if _highest(rows)[1] >= BEATS_FROM * LAG_RATE:
        return False
    return target.drop(early) >= HEARD_DROP and target.share(early) >= HEARD_SHARE


def _is_inverted(rows: Values, view: int, peak: int, target: EchoTarget) -> bool:
    """Whether an answer's highest peak is negative, and no side of a beat of reference or input."""
    near = slice(max(0, peak - SIDES), peak + SIDES + 1)
    depth = float(-target.values[view, near].min())
    beats = max(float(target.values[view, near].max()), float(target.own[view, near].max()))
    return float(rows[view, peak]) < 0.0 and beats < depth


def _in_both(pair: PartPair, count: int) -> Values:
    """How high both of two parts are at each lag; without end where they are too short to tell."""
    result = np.full((pair.parts[0].values.shape[0], count), np.inf)
    for part, share in zip(pair.parts, pair.shares, strict=True):
        shown = min(count, part.values.shape[1])
        there = maximum_filter1d(np.abs(part.values[:, :shown]), 2 * OWN_WIDE + 1, axis=1)
        told = share[:shown]
        there[:, told < SHOWS] = np.inf
        result[:, :shown] = np.minimum(result[:, :shown], there / np.maximum(told, SHOWS))
    return result


def _highest(rows: Values, since: float = FIRST) -> tuple[int, int, float]:
    """View, place and height of an answer's highest peak from a lag in seconds on."""
    first = round(since * LAG_RATE)
    strength = np.abs(rows[:, first:])
    if not strength.size:
        return 0, 0, 0.0
    view, place = np.unravel_index(int(np.argmax(strength)), strength.shape)
    return int(view), first + int(place), float(strength[view, place])


def single_echo(answer: Values, target: EchoTarget) -> tuple[float | None, float]:
    """Lag of an answer that is mostly one echo, and how far that stands out in the reference.

    For a pattern of many: None, and how far the whole of it stands out.

    Parameters
    ----------
    answer : ndarray, shape (views, lags)
        Cepstra of the effect's answer to the impulse.
    target : EchoTarget
        What the reference holds beyond the input.

    Returns
    -------
    (float or None, float)
        Lag in seconds, and standard deviations.
    """
    rows = target.fit(answer)
    view, peak, height = _highest(rows)
    energy = float((rows[:, round(FIRST * LAG_RATE) :] ** 2).max(axis=0).sum())
    if energy <= 0 or height**2 < 0.15 * energy:
        return None, target.score(answer)
    weight = target.weight[view, peak] * target.weight.shape[0]
    around = target.values[view, max(0, peak - 1) : peak + 2]
    return peak / LAG_RATE, float(np.abs(around).max() * np.sqrt(weight))
