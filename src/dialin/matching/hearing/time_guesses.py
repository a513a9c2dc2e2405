"""What is heard of echoes and rooms in a reference, and the settings that make them.

For each slot of a chain that is an effect of echoes (`dialin.matching.hearing.time_probe`),
settings are found by its answers to impulses (`dialin.matching.hearing.echo_search`), and whether
they are heard is judged by what they explain (`dialin.matching.hearing.echo_verdicts`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.carrier_lines import reference_lines
from dialin.matching.hearing.carrier_search import CarrierSearch
from dialin.matching.hearing.ears import Ear
from dialin.matching.hearing.echo_search import EchoFit, EchoSearch
from dialin.matching.hearing.echo_target import EchoTarget, PartPair
from dialin.matching.hearing.echo_trials import EchoTrials
from dialin.matching.hearing.echo_verdicts import (
    EVENLY,
    is_late_echo,
    may_be_beat,
    single_echo,
    verdict_of,
)
from dialin.matching.hearing.impulses import SECONDS, ImpulseLab, longest_lag
from dialin.matching.hearing.short_combs import Search, find_comb
from dialin.matching.hearing.step_taps import StepTaps
from dialin.matching.hearing.time_probe import TimeProbe, probe_time
from dialin.matching.hearing.undone_search import UndoneSearch, tail_of
from dialin.matching.probing import ask_effect
from dialin.measures.cepstrum import LONGEST
from dialin.measures.undoing import TAIL
from dialin.rendering import Renderer

EXACTLY = 6
"""Smooth knobs up to which all are set by what is heard; of more, or of what moves inside, those
that move lags are, and the others searched by the sound as well."""

MIRRORS = 2
"""Settings that explain a short comb as well, tried besides."""

PLAIN_DROP, TIMES = 4000.0, 5
"""Drop below which a late echo must leave the references more concentrated where it is undone, and
how often its lag must fit into them for that. Of 70 dry references of validation songs five late
ones were heard, with 508 to 2,859; in music that is as loud at any time undoing says little either
way, and what is so plain needs no further sign."""

LATER_DROP = 1000.0
"""Drop from which an echo is heard that is looked for later than others are: bars of the music
repeat there, and its lag fits into the references too seldom to be undone."""

ALIKE_LINES = 50.0
"""Drop of a carrier at which noise has the very lines of symmetry of the references: 10 in the
logarithm of a likelihood (`dialin.matching.hearing.alike`)."""

KEEN = 5.0
"""How many times what is missed of the explained counts: what is heard is surer than how it
sounds."""


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
    lines : tuple of (hertz, sigma)
        About which the references' spectrum is symmetrical, where it is a ring modulator's.
    exact : bool
        Whether all its settings follow from what was heard; of a motion only the rate does.
    guesses : tuple of ndarray
        Other settings to try where it is in doubt, the likeliest first.
    weigh : callable, optional
        How much of the references each of some settings of the slot explains, as `drop` is; where
        settings that were not found by listening may be weighed by what is heard as well.
    undo : callable, optional
        How concentrated the references are once the effect is undone, at each of some settings of
        the slot; see `dialin.measures.undoing`.
    refine : callable, optional
        Settings of the slot near some that explain more of what is heard.
    rounds : float
        How often a motion goes round in the references.
    """

    slot: int
    verdict: str
    settings: Settings
    alike: list[tuple[Settings, float]]
    places: tuple[int, ...]
    drop: float
    score: float
    text: str
    lines: tuple[tuple[float, float], ...] = ()
    exact: bool = True
    guesses: tuple[Settings, ...] = ()
    weigh: Callable[[Sequence[Settings]], list[float]] | None = None
    undo: Callable[[Sequence[Settings]], list[float]] | None = None
    refine: Callable[[Settings], Settings] | None = None
    rounds: float = math.inf


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
    """An effect of echoes set by its answers, not judged yet; `places` are those to hold.

    Of an effect that is set by them alone `smooth` are the knobs that move no lags.
    """

    slot: int
    search: Search
    fit: EchoFit
    lab: ImpulseLab
    ear: Ear
    free: tuple[int, ...]
    places: tuple[int, ...]
    smooth: tuple[int, ...]
    spec: EffectSpec


def time_probes(pool: Renderer, spec: EffectSpec) -> dict[str, TimeProbe | None]:
    """What the effects of a chain do in time.

    Parameters
    ----------
    pool : Renderer
        Workers that ask them.
    spec : EffectSpec
        Of the chain.

    Returns
    -------
    dict of str to TimeProbe or None
        By URI; None where one cannot be asked.
    """
    uris = dict.fromkeys(uri for _, uri, _ in chain_slots(spec))
    return {uri: ask_effect(pool, probe_time, uri) for uri in uris}


def find_echoes(
    pool: Renderer,
    spec: EffectSpec,
    slots: Sequence[EffectSpec],
    listen: Callable[[float], Ear | None],
    locked: Mapping[int, float],
    *,
    sample_rate: int,
    channels: int,
    seed: int = 0,
    seeds: Mapping[int, Sequence[Settings]] | None = None,
    probes: Mapping[str, TimeProbe | None] | None = None,
    only: Collection[int] | None = None,
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
        Takes the longest lag in seconds, and returns an `Ear`, or None where the recordings are too
        short; called only where there is an effect of echoes.
    locked : mapping
        Place in the chain's settings -> position.
    sample_rate, channels : int
        As the input is rendered.
    seed : int
        Of all chance.
    seeds : mapping of int to sequence of ndarray, optional
        Slot -> settings of its effect that are likely.
    probes : mapping of str to TimeProbe or None, optional
        URI -> what is known of each effect, where that was asked for before.
    only : collection of int, optional
        Slots to listen for; by default those whose effects are of echoes at any time.

    Returns
    -------
    Echoes
    """
    fits: list[_Fitted] = []
    impulses = 0
    rings: list[Echo] = []
    chain = chain_slots(spec)
    known = time_probes(pool, spec) if probes is None else probes

    def wobbles(slot: int) -> bool:
        probe = known[chain[slot][1]]
        return probe is not None and (bool(probe.still or probe.standing) or probe.inside)

    by_slot = [known[uri] for _, uri, _ in chain]
    asked = [
        (number, probe)
        for number, probe in enumerate(by_slot)
        if probe is not None and (probe.listened_for if only is None else number in only)
    ]
    ear = listen(LONGEST) if asked else None
    if ear is None:
        return Echoes()
    try:
        for number, probe in asked:
            _, uri, span = chain[number]
            own = slots[number]
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
            held = {
                n: probe.standing.get(p.id, float(own.default[n]))
                for n, p in enumerate(own.parameters)
                if p.id in probe.still or p.id in probe.standing
            }
            if any(kept.get(n, position) != position for n, position in held.items()):
                # A motion that was asked for: its echoes stay nowhere.
                continue
            for n, position in held.items():
                start[n] = position
            free = tuple(
                n
                for n, p in enumerate(own.parameters)
                if n not in (*kept, *held)
                and p.status == "live"
                and probe.knobs.get(p.id) != "none"
            )
            if not free:
                continue
            lab = ImpulseLab(
                *(pool, uri, sample_rate, channels, ear.whole.highest, ear.whole.seen),
                *(min(probe.seconds, SECONDS), probe.turns),
            )
            likely = (seeds or {}).get(number, ())
            smooth = [n for n in free if probe.knobs.get(own.parameters[n].id) != "lag"]
            exact = len(smooth) <= EXACTLY and not (probe.inside and smooth)

            def search(
                lab: ImpulseLab,
                target: EchoTarget,
                pairs: tuple[PartPair, ...],
                own: EffectSpec = own,
                kinds: Mapping[str, str] = probe.knobs,
                start: Settings = start,
                free: tuple[int, ...] = free,
                likely: Sequence[Settings] = likely,
                taps: StepTaps | None = probe.taps,
            ) -> EchoFit | None:
                trials = EchoTrials(lab, own, target, dict(kinds), start, free, pairs, seed)
                return EchoSearch(trials, seeds=likely, taps=taps).run()

            fit, heard = search(lab, ear.whole, ear.pairs), ear
            if probe.seconds > SECONDS:
                far = _farther(search, fit, lab, ear, listen, probe.seconds)
                if far is not None:
                    lab.close()
                    fit, lab, heard = far
            if fit is None:
                impulses += lab.renders
                lab.close()
                continue
            places = free if exact else tuple(n for n in free if n not in smooth)
            # What makes it stand still belongs to what was heard.
            places = (*places, *(n for n in held if own.parameters[n].id in probe.standing))
            told = tuple(smooth) if exact else ()
            fits.append(_Fitted(number, search, fit, lab, heard, free, places, told, own))
        judged = [
            # What is not heard of an echo that may wobble says nothing.
            replace(e, verdict="doubt") if e.verdict == "absent" and wobbles(e.slot) else e
            for e in _judged(fits, seed)
        ]
        impulses += sum(fitted.lab.renders for fitted in fits)
    finally:
        for fitted in fits:
            fitted.lab.close()
    judged = sorted([*judged, *rings], key=lambda e: e.slot)
    return Echoes(tuple(judged), impulses)


def _farther(
    search: Search,
    fit: EchoFit | None,
    lab: ImpulseLab,
    ear: Ear,
    listen: Callable[[float], Ear | None],
    seconds: float,
) -> tuple[EchoFit, ImpulseLab, Ear] | None:
    """What is heard of later echoes, where nothing is heard of others; None where nothing is."""
    if fit is not None and verdict_of(fit, lab, ear)[0] == "heard":
        return None
    far = listen(longest_lag(seconds))
    if far is None:
        return None
    later = replace(lab, heard=far.whole.seen, seconds=seconds, renders=0, _shared=None)
    found = search(later, far.whole, far.pairs)
    # What both asked counts for the one that is kept.
    lab.renders = later.renders = lab.renders + later.renders
    if (
        found is not None
        and found.drop >= LATER_DROP
        and verdict_of(found, later, far)[0] == "heard"
    ):
        return found, later, far
    later.close()
    return None


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
    (first, drop), *alike = [(vector, ALIKE_LINES * likeness) for vector, likeness in options]
    hertz, sigma = lines[0]
    text = f"{spec.name}: ring modulation about {hertz:.2f} Hz, {sigma:.0f} sigma"
    return Echo(
        *(slot, "heard", first, alike, tuple(carriers), drop, sigma, text), lines=tuple(lines)
    )


def _judged(fits: Sequence[_Fitted], seed: int) -> list[Echo]:
    """Verdicts, the effect that explains most first; the next are judged on what is left."""
    echoes = []
    for fitted in sorted(fits, key=lambda f: -f.fit.drop):
        fit, lab, ear = fitted.fit, fitted.lab, fitted.ear
        verdict, _ = verdict_of(fit, lab, ear)
        beat = verdict == "heard" and may_be_beat(fit, ear)
        for rival in fit.find_rivals() if beat or verdict != "heard" else ():
            # What explains most may be a beat, and an echo beside it.
            other, share = verdict_of(rival, lab, ear)
            sure = share >= EVENLY and not may_be_beat(rival, ear)
            if other == "heard" and (sure or not beat):
                verdict, fit = "heard", rival if rival.refine is None else rival.refine()
                break
        # What wanders inside is not undone by one answer.
        undo = None if lab.turns > 1 else _Undo(lab, ear)
        if verdict == "heard" and undo is not None and _may_be_spread(fit, ear):
            # Undone, beats are spread by more of them.
            helps = undo.helps([fit.settings, *(s for s, _ in fit.alike)])
            verdict = "heard" if helps else "doubt"
        tail = tail_of(fit, ear) if verdict == "heard" and undo is not None else None
        if tail is not None and fitted.smooth:
            lasting = replace(lab, seconds=tail, _shared=None)
            undo = _Undo(lasting, ear, tail)
            try:
                fit = UndoneSearch(lasting, ear, fitted.spec, fitted.smooth, seed).run(fit)
            finally:
                lasting.close()
        comb = None if verdict == "heard" else find_comb(ear, lab, fitted.search)
        if comb is not None and comb.heard:
            text = f"{fitted.spec.name}: echo at {1000 * comb.lag:.3g} ms, {comb.sigma:.0f} sigma"
            found = comb.fit.settings, comb.fit.alike, fitted.places, comb.fit.drop, comb.sigma
            echoes.append(Echo(fitted.slot, "heard", *found, text, undo=undo))
            continue
        guesses: tuple[Settings, ...] = ()
        if comb is not None:
            verdict = "doubt"
            guesses = (comb.fit.settings, *(s for s, _ in comb.fit.alike[:MIRRORS]))
        lag, sigma = single_echo(fit.answer, ear.whole)
        score = ear.whole.score(fit.answer)
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
                guesses=guesses,
                weigh=None
                if set(fitted.places) >= set(fitted.free)
                else functools.partial(_weighed, lab, ear.whole, fit.drop),
                undo=undo,
            )
        )
    return sorted(echoes, key=lambda e: e.slot)


def _may_be_spread(fit: EchoFit, ear: Ear) -> bool:
    """Whether undoing tells an echo that was found from a beat, and it is needed to tell."""
    if fit.drop >= PLAIN_DROP or not is_late_echo(fit, ear):
        return False
    lag, _ = single_echo(fit.answer, ear.whole)
    return lag is not None and TIMES * lag <= ear.seconds


@dataclass(frozen=True, eq=False)
class _Undo:
    """How concentrated the references are once the effect is undone, each setting asked once.

    Its answers last for `tail` seconds at most.
    """

    lab: ImpulseLab
    ear: Ear
    tail: float = TAIL
    known: dict[bytes, float] = field(default_factory=dict)

    def __call__(self, settings: Sequence[Settings]) -> list[float]:
        fresh = [vector for vector in settings if vector.tobytes() not in self.known]
        if fresh:
            try:
                values = self.lab.concentrations(fresh, self.ear.undoable(self.tail))
            finally:
                self.lab.close()
            self.known.update((v.tobytes(), value) for v, value in zip(fresh, values, strict=True))
        return [self.known[vector.tobytes()] for vector in settings]

    def helps(self, settings: Sequence[Settings]) -> bool:
        """Whether any of some settings leaves them more concentrated than they are."""
        # Mostly the first does.
        return any(
            not value <= self.ear.concentrated
            for s in (settings[:1], settings[1:])
            for value in self(s)
        )


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
