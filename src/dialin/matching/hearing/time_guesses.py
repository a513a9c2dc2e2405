"""What is heard of echoes and rooms in a reference, and the settings that make them.

For each slot of a chain that is an effect of echoes (`dialin.matching.hearing.time_probe`),
settings are found by its answers to impulses (`dialin.matching.hearing.echo_search`) and weighed in
the effect's own domain. An effect is *heard* where what it explains of the reference's cepstrum
stands out from the noise, in both halves of the reference alike: a loop or a steady beat repeats in
one of them only, or not to the sample. It is *absent* where nothing does, and *in doubt* in
between.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dialin.audio import Audio, audio_info, read_audio
from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.carrier_search import CarrierSearch, reference_lines
from dialin.matching.hearing.echo_search import EchoFit, EchoSearch
from dialin.matching.hearing.impulses import (
    SHORTEST,
    EchoTarget,
    ImpulseLab,
    PartPair,
    Values,
    echo_target,
)
from dialin.matching.hearing.time_probe import TimeProbe, probe_time
from dialin.matching.probing import ask_effect
from dialin.measures.cepstrum import (
    BLOCK_SECONDS,
    LAG_RATE,
    Cepstrum,
    band_end,
    mean_cepstrum,
    overlap,
    recording_cepstrum,
)
from dialin.measures.order import echo_order
from dialin.rendering import Renderer

LISTENED_SECONDS = 120.0
"""How much of a recording is listened to, at most."""

HEARD_DROP, HEARD_HALF, HEARD_SHARE = 60.0, 25.0, 0.45
"""Drop (in units of the noise's variance) in all, and in each half, from which an effect is
heard, and share of its answer that each half must show. Of 40 delays on music of the validation
split the least share was 0.57; of 60 dry pieces three had more than 0.45 in both halves and were
no beats, but notes."""

EVEN = 0.5
"""How much of the better half's share the worse must have, where lags are short."""

ABSENT_HALF, ABSENT_SHARE = 8.0, 0.25
"""Drop in the worse half, and share, below which an effect is absent."""

BEATS_FROM, FEW = 0.1, 16
"""Lag in seconds from which music repeats at its beats; and how many lags hold most of the energy
of a few echoes."""

LOOP, BEAT = 1.6, 0.12
"""A few echoes must stand so many times higher than anything else from there on, and so high: of
32 dry pieces of 16 songs, 23 have a peak of 0.05, six one of 0.12 and two one of 0.4."""

LATE = 0.3
"""Share of the halves' length, from which a lag is looked for in three quarters instead."""

NOTES_TO, OTHER_NOTES, SINGLE = 0.06, 1.25, 0.1
"""Notes have periods up to so many seconds; an echo in their place may leave others that are so
many times higher than itself; patterns with less than a share of their energy in one peak are no
notes."""

BESIDE = 6
"""Lags beside a peak that are still the peak."""

PATTERN = 0.3
"""Share of its energy in one peak below which an answer may be a pattern that no note makes."""

WANDERING, SURELY = 0.5, 6.0
"""Share of a peak, and standard deviations, that may be left beside it: an echo's peak is as narrow
as the effect makes it, the period of a note wanders."""

OWN = 0.4
"""Share of an echo's height at which the input may have a peak by itself."""

SHORTEST_ORDER = 0.02
"""Lag in seconds from which attacks tell whether an echo is softer or louder than its sound."""

EXACTLY = 6
"""Smooth knobs up to which all are set by what is heard; of more, or of what moves inside, those
that move lags are, and the others searched by the sound as well."""

KEEN = 5.0
"""How many times what is missed of the explained counts: what is heard is surer than how it
sounds."""

SHORTEST_REFERENCE = 1.0
"""Seconds of a reference below which nothing is said of echoes."""


@dataclass(frozen=True, eq=False)
class Ear:
    """What is known of the recordings.

    Attributes
    ----------
    whole : EchoTarget
    halves : tuple of EchoTarget
        The same of each half of the references.
    own : (audio, sample_rate)
        The input.
    references : tuple of (audio, sample_rate, weight)
    seconds, half_seconds : float
        Length of the windows of both.
    parts : tuple of EchoTarget
        The same of the first and the last three quarters, which hold longer lags.
    part_seconds : float
    """

    whole: EchoTarget
    halves: tuple[EchoTarget, EchoTarget]
    own: tuple[Audio, int]
    references: tuple[tuple[Audio, int, float], ...]
    seconds: float
    half_seconds: float
    parts: tuple[EchoTarget, EchoTarget]
    part_seconds: float

    @property
    def pairs(self) -> tuple[PartPair, ...]:
        """Parts in which the same must be heard, the shorter first."""
        result = [PartPair(self.halves, self._share(self.half_seconds))]
        if self.part_seconds > self.half_seconds:
            result.append(PartPair(self.parts, self._share(self.part_seconds)))
        return tuple(result)

    def _share(self, shorter: float) -> Values:
        """How high a lag's peak is in a shorter window, as a share of that in the whole."""
        count = self.whole.values.shape[1]
        return overlap(count, shorter) / np.maximum(overlap(count, self.seconds), 1e-3)

    def order(self, lag: float) -> float:
        """Whether an echo at a lag is the softer or the louder sound.

        Parameters
        ----------
        lag : float
            In seconds.

        Returns
        -------
        float
            From +1 (the echo is the softer) to -1 (it is the louder), the weighted mean over
            references.
        """
        total = sum(w for _, _, w in self.references)
        return sum(w * echo_order(a, r, lag) for a, r, w in self.references) / total


@dataclass(frozen=True, eq=False)
class Echo:
    """What was found of one slot.

    Attributes
    ----------
    slot : int
    verdict : {"heard", "doubt", "absent"}
    settings : ndarray
        Of the slot.
    alike : list of (settings, drop)
        Others that explain nearly as much.
    places : tuple of int
        Of the knobs in the slot that were set.
    drop, score : float
        See `EchoTarget`.
    text : str
        For people: ``echo at 412 ms, 31 sigma``.
    lag : float, optional
        In seconds, of an effect of single echoes that can be told from their sounds.
    order : float
        Whether that echo is the softer in the references; see `dialin.measures.order`.
    lines : tuple of (hertz, sigma)
        About which the references' spectrum is symmetrical, where it is a ring modulator's.
    exact : bool
        Whether all its settings follow from what was heard; of a motion only the rate does.
    weigh : callable, optional
        How much of the references each of some settings of the slot explains, as `drop` is; where
        settings that were not found by listening may be weighed by what is heard as well.
    """

    slot: int
    verdict: str
    settings: Settings
    alike: list[tuple[Settings, float]]
    places: tuple[int, ...]
    drop: float
    score: float
    text: str
    lag: float | None = None
    order: float = 0.0
    lines: tuple[tuple[float, float], ...] = ()
    exact: bool = True
    weigh: Callable[[Sequence[Settings]], list[float]] | None = None


@dataclass(frozen=True, eq=False)
class Echoes:
    """What was found of a chain.

    Attributes
    ----------
    found : tuple of Echo
    impulses : int
        Rendered in all.
    moves : bool
        Whether an effect of the chain goes round, heard or not.
    """

    found: tuple[Echo, ...] = ()
    impulses: int = 0
    moves: bool = False

    @property
    def evidence(self) -> tuple[str, ...]:
        """Why the effects that are heard are."""
        return tuple(e.text for e in self.found if e.verdict == "heard")


@dataclass(frozen=True, eq=False)
class _Fitted:
    """An effect of echoes set by its answers, not judged yet; `places` are those to hold."""

    slot: int
    fit: EchoFit
    lab: ImpulseLab
    free: tuple[int, ...]
    places: tuple[int, ...]
    spec: EffectSpec


@dataclass(eq=False)
class _Listening:
    """Recordings, until all are read and a common band is known."""

    audio: Audio
    sample_rate: int
    weight: float = 1.0
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.end = band_end(self.audio, self.sample_rate)


def listened(recording: str | os.PathLike[str] | tuple[Audio, int]) -> Audio:
    """The part of a recording that is listened to: its middle, where it is very long.

    Parameters
    ----------
    recording : path-like or (ndarray, int)
        A file, or audio and its rate.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Two channels at most.
    """
    if isinstance(recording, tuple):
        audio, rate = recording
        span = _middle(audio.shape[1], rate)
        return np.asarray(audio[:2, span], dtype=np.float32)
    info = audio_info(recording)
    span = _middle(info.frames, info.sample_rate)
    return read_audio(recording, start=span.start, frames=span.stop - span.start)[0][:2]


def _middle(samples: int, sample_rate: int) -> slice:
    count = min(samples, round(LISTENED_SECONDS * sample_rate))
    start = (samples - count) // 2
    return slice(start, start + count)


def make_ear(own: tuple[Audio, int], references: Sequence[tuple[Audio, int, float]]) -> Ear | None:
    """Listen to an input and its references; None where they are too short to tell.

    Parameters
    ----------
    own : (audio, sample_rate)
        The input.
    references : sequence of (audio, sample_rate, weight)
        What it should sound like.

    Returns
    -------
    Ear or None
    """
    mine = _Listening(*own)
    theirs = [_Listening(*r) for r in references]
    if min(r.audio.shape[1] / r.sample_rate for r in (mine, *theirs)) < SHORTEST_REFERENCE:
        return None
    end = min(r.end for r in (mine, *theirs))
    dry = recording_cepstrum(mine.audio, mine.sample_rate, highest=end)
    wholes: list[tuple[Cepstrum, float]] = []
    halves: list[list[tuple[Cepstrum, float]]] = [[], []]
    parts: list[list[tuple[Cepstrum, float]]] = [[], []]
    for r in theirs:
        count = r.audio.shape[1]

        def heard(piece: slice, r: _Listening = r) -> Cepstrum:
            return recording_cepstrum(r.audio[:, piece], r.sample_rate, highest=end)

        one, two = heard(slice(count // 2)), heard(slice(count // 2, count))
        if count // 2 >= BLOCK_SECONDS * r.sample_rate:
            wholes.append((mean_cepstrum(one, two), r.weight))
            longer = one, two
        else:
            wholes.append((heard(slice(count)), r.weight))
            longer = heard(slice(3 * count // 4)), heard(slice(count // 4, count))
        for number in range(2):
            halves[number].append(((one, two)[number], r.weight))
            parts[number].append((longer[number], r.weight))
    whole, first, second, early, late = (
        echo_target(cepstra, dry, end) for cepstra in (wholes, *halves, *parts)
    )
    seconds, half, part = (_length(c) for c in (wholes, halves[0], parts[0]))
    return Ear(
        *(whole, (first, second), own, tuple(references), seconds, half, (early, late), part)
    )


def _length(cepstra: Sequence[tuple[Cepstrum, float]]) -> float:
    return float(max(cepstra, key=lambda pair: pair[1])[0].seconds)


def find_echoes(
    pool: Renderer,
    spec: EffectSpec,
    slots: Sequence[EffectSpec],
    listen: Callable[[], Ear | None],
    locked: Mapping[int, float],
    *,
    sample_rate: int,
    channels: int,
    seed: int = 0,
    seeds: Mapping[int, Sequence[Settings]] | None = None,
) -> Echoes:
    """Find settings of the effects of echoes in a chain.

    Parameters
    ----------
    pool : Renderer
        Workers that render.
    spec : EffectSpec
        Of the chain.
    slots : sequence of EffectSpec
        Of its effects.
    listen : callable
        Returns an `Ear`, or None where the recordings are too short; called only where there is an
        effect of echoes.
    locked : mapping
        Place in the chain's settings -> position.
    sample_rate, channels : int
        As the input is rendered.
    seed : int
        Of all chance.
    seeds : mapping of int to sequence of ndarray, optional
        Slot -> settings of its effect that are likely.

    Returns
    -------
    Echoes
    """
    fits: list[_Fitted] = []
    impulses = 0
    rings: list[Echo] = []
    chain = chain_slots(spec)
    probes = {uri: ask_effect(pool, probe_time, uri) for uri in dict.fromkeys(s[1] for s in chain)}

    def wobbles(slot: int) -> bool:
        probe = probes[chain[slot][1]]
        return probe is not None and (bool(probe.still) or probe.inside)

    ear = (
        listen()
        if any(p is not None and (p.echoes or p.carriers) for p in probes.values())
        else None
    )
    if ear is None:
        return Echoes()
    try:
        for number, (_, uri, span) in enumerate(chain):
            own = slots[number]
            probe = probes[uri]
            if probe is None or not (probe.echoes or probe.carriers):
                continue
            start = own.default
            kept = {n - span.start: v for n, v in locked.items() if span.start <= n < span.stop}
            for n, position in kept.items():
                start[n] = position
            if probe.carriers:
                ring = _ring(
                    *(pool, number, own, probe, start, kept, ear, sample_rate, channels, seed)
                )
                rings += [] if ring is None else [ring]
                continue
            still = [n for n, p in enumerate(own.parameters) if p.id in probe.still]
            if any(start[n] != own.default[n] for n in still):
                # A wobble that was asked for: its echoes stay nowhere.
                continue
            free = tuple(
                n
                for n, p in enumerate(own.parameters)
                if n not in (*kept, *still)
                and p.status == "live"
                and probe.knobs.get(p.id) != "none"
            )
            if not free:
                continue
            lab = ImpulseLab(
                *(pool, uri, sample_rate, channels, ear.whole.highest, ear.seconds),
                *(probe.seconds, probe.turns),
            )
            search = EchoSearch(
                *(lab, own, ear.whole, dict(probe.knobs), start, free),
                pairs=ear.pairs,
                seed=seed,
                seeds=(seeds or {}).get(number, ()),
            )
            fit = search.run()
            impulses += lab.renders
            if fit is None:
                lab.close()
                continue
            smooth = [n for n in free if probe.knobs.get(own.parameters[n].id) != "lag"]
            places = free
            if len(smooth) > EXACTLY or (probe.inside and smooth):
                places = tuple(n for n in free if n not in smooth)
            fits.append(_Fitted(number, fit, lab, free, places, own))
        judged = [
            # What is not heard of an echo that may wobble says nothing.
            replace(e, verdict="doubt") if e.verdict == "absent" and wobbles(e.slot) else e
            for e in _judged(fits, ear)
        ]
    finally:
        for fitted in fits:
            fitted.lab.close()
    judged = sorted([*judged, *rings], key=lambda e: e.slot)
    return Echoes(tuple(judged), impulses)


def _ring(
    pool: Renderer,
    slot: int,
    spec: EffectSpec,
    probe: TimeProbe,
    start: Settings,
    kept: Mapping[int, float],
    ear: Ear,
    sample_rate: int,
    channels: int,
    seed: int,
) -> Echo | None:
    """What is heard of a ring modulator; None where nothing is sure."""
    live = [n for n, p in enumerate(spec.parameters) if n not in kept and p.status == "live"]
    carriers = [n for n in live if spec.parameters[n].id in probe.carriers]
    lines = reference_lines(ear.own, ear.references) if carriers else []
    if not lines:
        return None
    others = [n for n in live if n not in carriers]
    search = CarrierSearch(
        *(pool, spec, start, carriers, others),
        sample_rate=sample_rate,
        channels=channels,
        seed=seed,
    )
    options = search.run(lines)
    if not options:
        return None
    hertz, sigma = lines[0]
    text = f"{spec.name}: ring modulation about {hertz:.2f} Hz, {sigma:.0f} sigma"
    alike = [(vector, 0.0) for vector in options[1:]]
    return Echo(
        *(slot, "heard", options[0], alike, tuple(carriers), 0.0, sigma, text), lines=tuple(lines)
    )


def _judged(fits: Sequence[_Fitted], ear: Ear) -> list[Echo]:
    """Verdicts, the effect that explains most first; the next are judged on what is left."""
    echoes = []
    for fitted in sorted(fits, key=lambda f: -f.fit.drop):
        fit, lab = fitted.fit, fitted.lab
        verdict = _verdict(fit, lab, ear)
        for rival in fit.rivals if verdict != "heard" else ():
            # What explains most may be a beat, and an echo beside it.
            if _verdict(rival, lab, ear) == "heard":
                verdict, fit = "heard", rival
                break
        lag, sigma = _single(fit.answer, ear.whole)
        score = ear.whole.score(fit.answer)
        ordered = lag if lag is not None and lag >= SHORTEST_ORDER else None
        kind = "a room's pattern of reflections" if lag is None else f"echo at {1000 * lag:.4g} ms"
        echoes.append(
            Echo(
                fitted.slot,
                verdict,
                fit.settings,
                fit.alike,
                fitted.places,
                fit.drop,
                score,
                f"{fitted.spec.name}: {kind}, {sigma:.0f} sigma",
                ordered,
                0.0 if ordered is None else ear.order(ordered),
                weigh=None
                if fitted.places == fitted.free
                else functools.partial(_weighed, lab, ear.whole, fit.drop),
            )
        )
    return sorted(echoes, key=lambda e: e.slot)


def _weighed(
    lab: ImpulseLab, target: EchoTarget, most: float, settings: Sequence[Settings]
) -> list[float]:
    """How much each of some settings explains, where what it misses of the most counts more.

    Nothing where a render failed.
    """
    try:
        answers = lab.answers(settings)
    finally:
        lab.close()
    drops = [0.0 if answer is None else target.drop(answer) for answer in answers]
    return [max(0.0, drop - (KEEN - 1) * max(0.0, most - drop)) for drop in drops]


def _verdict(fit: EchoFit, lab: ImpulseLab, ear: Ear) -> str:
    """Whether an answer is in both halves of the references, and no beat or note of the music."""
    lag, _ = _single(fit.answer, ear.whole)
    halves, length = ear.halves, ear.half_seconds
    if lag is not None and lag > LATE * length:
        halves, length = ear.parts, ear.part_seconds
    half_lab = replace(lab, heard=length, _shared=None)
    try:
        (answer,) = half_lab.answers([fit.settings])
    finally:
        half_lab.close()
    if answer is None:
        return "absent"
    drops = [half.drop(answer) for half in halves]
    shares = [half.share(answer) for half in halves]
    if min(drops) < ABSENT_HALF or min(shares) < ABSENT_SHARE:
        return "absent"
    enough = fit.drop >= HEARD_DROP and min(drops) >= HEARD_HALF and min(shares) >= HEARD_SHARE
    if lag is None or lag < BEATS_FROM:
        # Of short lags each half holds many turns: notes come and go, an echo stays.
        enough = enough and min(shares) >= EVEN * max(shares)
    music = _is_loop(fit.answer, ear.whole) or is_note(fit.answer, ear.whole)
    return "heard" if enough and not music else "doubt"


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
    strength = np.abs(rows[:, first:])
    view, peak = np.unravel_index(int(np.argmax(strength)), strength.shape)
    peak += first
    energy = float((strength**2).max(axis=0).sum())
    height = float(np.abs(rows[view, peak]))
    if peak >= last or height**2 < SINGLE * energy:
        return False
    if height**2 < PATTERN * energy and _is_pattern(rows, int(peak), target):
        return False
    if _wanders(rows, int(view), int(peak), target):
        return True
    own = float(np.abs(target.own[view, max(0, peak - 1) : peak + 2]).max())
    left = np.abs(target.values - rows)[:, first : round(NOTES_TO * LAG_RATE)]
    return own > OWN * height or float(left.max(initial=0.0)) > OTHER_NOTES * height


def _wanders(rows: Values, view: int, peak: int, target: EchoTarget) -> bool:
    """Whether a peak is broader than the effect makes it, as that of a note whose pitch moves."""
    near = slice(max(0, peak - BESIDE), peak + BESIDE + 1)
    left = np.abs(target.values[view, near] - rows[view, near])
    noise = 1 / np.sqrt(target.weight[view, peak] * target.weight.shape[0])
    height = float(np.abs(rows[view, peak]))
    return float(left.max()) > max(WANDERING * height, SURELY * float(noise))


def _is_pattern(rows: Values, peak: int, target: EchoTarget) -> bool:
    """Whether an answer is heard without its highest peak and the multiples of that, too."""
    rest = rows.copy()
    for multiple in range(peak, rows.shape[1], peak):
        rest[:, max(0, multiple - BESIDE) : multiple + BESIDE + 1] = 0.0
    return target.drop(rest) >= HEARD_DROP and target.share(rest) >= HEARD_SHARE


def _is_loop(answer: Values, target: EchoTarget) -> bool:
    """Whether a few echoes may be beats of the music.

    Music made of loops repeats at several beats, an echo at multiples of its own lag alone. Nothing
    is said of what comes sooner than any beat, nor of patterns of many reflections.
    """
    rows = target.fit(answer)
    late = rows.copy()
    late[:, : round(BEATS_FROM * LAG_RATE)] = 0.0
    highest = float(np.abs(late).max())
    peaks = np.sort(np.abs(late).max(axis=0) ** 2)[::-1]
    energy = float((rows[:, round(0.003 * LAG_RATE) :] ** 2).max(axis=0).sum())
    if (
        highest < 0.5 * float(np.abs(rows[:, round(0.003 * LAG_RATE) :]).max())
        or peaks[:FEW].sum() < 0.4 * energy
    ):
        return False
    left = np.abs(target.values - rows)
    left[:, : round(BEATS_FROM * LAG_RATE)] = 0.0
    # What an answer misses of its own peaks is no other beat.
    near = np.abs(rows) > 0.1 * highest
    left[np.stack([np.convolve(row, np.ones(5), "same") > 0 for row in near])] = 0.0
    view, peak = np.unravel_index(int(np.argmax(np.abs(late))), late.shape)
    own = float(np.abs(target.own[view, max(0, peak - 1) : peak + 2]).max())
    return highest < max(BEAT, LOOP * float(left.max()), own / OWN)


def _single(answer: Values, target: EchoTarget) -> tuple[float | None, float]:
    """Lag of an answer that is mostly one echo, and how far that stands out in the reference.

    For a pattern of many: None, and how far the whole of it stands out.
    """
    rows = target.fit(answer)
    strength = np.abs(rows).max(axis=0)
    strength[: round(0.003 * LAG_RATE)] = 0.0
    peak = int(np.argmax(strength))
    energy = float((strength**2).sum())
    if energy <= 0 or strength[peak] ** 2 < 0.15 * energy:
        return None, target.score(answer)
    view = int(np.argmax(np.abs(rows[:, peak])))
    weight = target.weight[view, peak] * target.weight.shape[0]
    around = target.values[view, max(0, peak - 1) : peak + 2]
    return peak / LAG_RATE, float(np.abs(around).max() * np.sqrt(weight))
