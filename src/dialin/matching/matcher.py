"""The main job: input, reference and effects in; settings, preset and report out."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dialin._version import __version__
from dialin.audio import (
    Audio,
    active_excerpts,
    check_audio,
    cut_file,
    infrasound_share,
    peak_dbfs,
    played_loudness,
    rms_dbfs,
    without_infrasound,
)
from dialin.audio.excerpts import SILENCE_MEAN_SQUARE, silence_level
from dialin.effects import chain_slots, chain_uri, default_chain, resolve_effects
from dialin.effects.chain import chain_spec
from dialin.effects.effect import Effect, Plugin
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import AudioError, DialinError, ParameterError, UsageError
from dialin.matching.features import ASPECTS, style_features
from dialin.matching.learned import Folder, find_learned, guesses
from dialin.matching.motion_guesses import find_motions
from dialin.matching.probing import Probed, probe_chain
from dialin.matching.result import (
    AspectReport,
    KnobReport,
    Match,
    MatchProgress,
    MatchReport,
    SlotReport,
    SoundReport,
)
from dialin.matching.search import (
    GAIN_URI,
    LEVEL_SURE,
    Found,
    Search,
    measure,
    settings_of,
)
from dialin.matching.style import Target, check_aspect, make_target
from dialin.matching.time_guesses import Ear, Echoes, find_echoes, listened, make_ear
from dialin.presets import Preset
from dialin.rendering import Job, RenderPool

EXCERPT_SECONDS = 10.0
"""How much of each recording is analysed: its most active stretches."""

LEAST_SECONDS = 0.1
"""Sound that a recording must hold at least: two of the frames that spectra are made of."""

ENOUGH_SECONDS = 3.0
"""Sound below which a note says how little it is."""

INFRASOUND_SHARE = 0.01
"""Share of a recording's power below 20 Hz that is worth telling of."""

PARTS = 4
"""Parts of a reference in which a gain should be found, each by itself."""

RENDERS_PER_KNOB = 20
DEFAULT_BUDGETS = (100, 600)
"""Least and most renders spent where no budget is given."""

Recording = str | os.PathLike[str] | tuple[Any, int]


@dataclass(frozen=True, eq=False)
class _Sound:
    """A recording, as far as it is analysed."""

    name: str
    pieces: list[Audio]
    recording: Recording
    sample_rate: int
    seconds: float
    notes: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()

    @property
    def heard(self) -> float:
        """Seconds that are analysed."""
        return float(sum(piece.shape[1] for piece in self.pieces) / self.sample_rate)


def match(
    input: Recording,
    reference: Recording | Sequence[Recording | tuple[Recording, float]],
    effects: Sequence[str] | str | None = None,
    *,
    budget: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    only: Sequence[str] | None = None,
    weights: Mapping[str, float] | None = None,
    lock: Mapping[str, float] | None = None,
    reference_for: Mapping[str, Recording] | None = None,
    models: Sequence[Folder] | None = None,
    keep: bool = False,
    pool: RenderPool | None = None,
    progress: Callable[[MatchProgress], None] | None = None,
) -> Match:
    """Find settings that make `input` sound like `reference`.

    Parameters
    ----------
    input : path, or (audio, sample_rate)
        The recording to change, ``(channels, samples)``, any length.
    reference : path, or (audio, sample_rate), or a sequence of those or of (recording, weight)
        What it should sound like: other music is welcome. Several are weighed.
    effects : sequence of str, optional
        URIs, or names as ``dialin effects list`` prints them, in order. By default a chain of
        built-in effects, of which those that do not help are left out.
    budget : int, optional
        Renders to spend; by default 20 for each knob, but 100 to 600.
    seconds : float, optional
        End the search after this long, whatever the budget.
    seed : int
        The same seed, budget, recordings and models give the same match, however many workers.
    only : sequence of str, optional
        Aspects to match: tone, level, dynamics, space, modulation, distortion.
    weights : mapping, optional
        How much an aspect counts, in place of the default.
    lock : mapping, optional
        Knobs to keep, ``slot.parameter`` -> native value.
    reference_for : mapping, optional
        Aspect -> another recording that alone counts for it.
    models : sequence of path-like, optional
        Folders of trained controllers whose answers are tried first; by default those that
        ``dialin train controller --fx`` left for these effects, and none for ``()``.
    keep : bool
        Take the nearest candidate even where it is not sure that it is better than leaving the
        input alone; without, it is the match's `nearest`.
    pool : RenderPool, optional
        A pool to use; one is made and closed otherwise.
    progress : callable, optional
        Called with a `MatchProgress` after every render.

    Returns
    -------
    Match

    Raises
    ------
    UsageError
        If an aspect, a weight or the budget makes no sense.
    AudioError
        If a recording is missing, empty, not finite, silent, or holds less than 0.1 s of sound.
    EffectError
        If an effect cannot be opened, has no such knob, or fails on every render.

    Examples
    --------
    >>> match = dialin.match("dry.wav", "reference.wav", ["builtin:reverb"])  # doctest: +SKIP
    """
    if budget is not None and budget < 1:
        raise UsageError(f"the budget is {budget} renders; it takes at least 1")
    if seconds is not None and not seconds > 0:
        raise UsageError(f"the time limit is {seconds} s; it must be above 0")
    for aspect in (*(only or ()), *(weights or {}), *(reference_for or {})):
        check_aspect(aspect)
    sound = _load(input, "input")
    references = _references(reference)
    special = dict(reference_for or {})
    loaded = [(_load(r, f"reference {n}"), w) for n, (r, w) in enumerate(references, 1)]
    shares = [
        {aspect: 0.0 if aspect in special else weight for aspect in ASPECTS} for _, weight in loaded
    ]
    for aspect, recording in special.items():
        own = replace(_load(recording, f"reference for {aspect}"), aspects=(aspect,))
        loaded.append((own, 1.0))
        shares.append({name: float(name == aspect) for name in ASPECTS})
    lengths = (sound.heard, min(s.heard for s, _ in loaded))
    target = make_target([_features(s) for s, _ in loaded], shares, weights, only, lengths)
    apart = [_parts(s) for s, _ in loaded]
    parts = [
        make_target(list(rows), shares, weights, only, lengths) for rows in zip(*apart, strict=True)
    ]
    uri = chain_uri(default_chain() if effects is None else resolve_effects(effects).uris)
    with nullcontext(pool) if pool is not None else RenderPool() as used:
        return _match(
            *(input, sound, loaded, target, parts, uri, used, budget, seconds, seed, lock, models),
            len(references),
            not (only or special),
            keep,
            progress,
        )


def _match(
    input: Recording,
    sound: _Sound,
    references: list[tuple[_Sound, float]],
    target: Target,
    parts: Sequence[Target],
    uri: str,
    pool: RenderPool,
    budget: int | None,
    seconds: float | None,
    seed: int,
    lock: Mapping[str, float] | None,
    models: Sequence[Folder] | None,
    heard: int,
    all_aspects: bool,
    keep: bool,
    progress: Callable[[MatchProgress], None] | None,
) -> Match:
    """Match recordings that have been read; the first `heard` references are whole ones."""
    began = time.monotonic()
    probed = probe_chain(pool, uri)
    spec = probed.spec
    locked = _locks(spec, lock or {})
    if budget is None:
        live = [p for n, p in enumerate(spec.parameters) if p.status == "live" and n not in locked]
        budget = int(np.clip(RENDERS_PER_KNOB * len(live), *DEFAULT_BUDGETS))
    excerpt = sound.pieces[0]
    learned = find_learned(probed.slots, models)
    whole = [(np.concatenate(s.pieces, axis=1), s.sample_rate) for s, _ in references[:heard]]
    tried = guesses(learned, spec, probed.slots, (excerpt, sound.sample_rate), whole, seed)
    echoes = _echoes(pool, probed, sound, references[:heard], locked, seed) if all_aspects else None
    untouched = measure(excerpt, sound.sample_rate)
    before = float(target.distance(untouched[0]))

    def tell(renders: int, so_far: float, best: float) -> None:
        if progress is not None:
            progress(MatchProgress(renders, budget, so_far, best, before))

    shared = pool.share(excerpt, sound.sample_rate)
    try:
        search = Search(
            pool,
            spec,
            shared,
            untouched,
            target,
            locked=locked,
            seed=seed,
            budget=budget,
            seconds=seconds,
            guesses=tried,
            # A controller knows its effect alone, and listens to all there is.
            trusted=all_aspects and len(probed.slots) == 1,
            parts=parts,
            echoes=echoes,
            progress=tell,
        )
        found = search.run()
        alone = replace(
            found,
            slots=(),
            settings=spec.default,
            features=untouched[0],
            distance=found.untouched,
            evidence=(),
            left_out=dict.fromkeys(range(len(probed.slots)), _UNSURE) | found.absent,
        )

        def outcome(one: Found, notes: Sequence[str], nearest: Match | None = None) -> Match:
            uris, settings = settings_of(one, spec)
            output = excerpt
            if uris:
                job = Job(chain_uri(uris), shared, settings)
                (render,) = pool.render([job])
                if render.failure is not None:
                    # It worked in the search: a plugin that crashes now and then gets another go.
                    (render,) = pool.render([job])
                output = render.get()
            specs = [probed.slots[number] for number in one.slots]
            facts, unsaid = _host_facts(pool, specs, settings)
            report = MatchReport(
                before=one.untouched,
                after=one.distance,
                aspects=_aspects(target, untouched[0], one),
                slots=_slots(spec, one, locked, probed.slots),
                input=_sound_report(sound, excerpt),
                output=_sound_report(sound, output),
                references=heard_references,
                seed=seed,
                budget=budget,
                renders=one.renders,
                failures=one.failures,
                seconds=time.monotonic() - began,
                interrupted=one.interrupted,
                models=learned.folders,
                notes=(*notes, *unsaid),
                version=__version__,
                sure=one.sure,
                gain=one.gain,
                risk=one.risk,
                evidence=one.evidence,
                parts=one.parts,
            )
            preset = Preset.from_settings(
                specs,
                settings,
                **facts,
                provenance={
                    "input": sound.name,
                    "references": [{"name": s.name, "weight": w} for s, w in references],
                    "seed": seed,
                    "budget": budget,
                    "renders": one.renders,
                    "models": [Path(folder).name for folder in learned.folders],
                    "distance": {"before": one.untouched, "after": one.distance},
                    "sure": one.sure,
                },
            )
            chain = chain_spec(chain_uri(uris), specs) if uris else None
            kept = str(Path(input)) if isinstance(input, str | os.PathLike) else input
            return Match(uris, chain, settings, preset, report, kept, pool, nearest)

        heard_references = tuple(
            _sound_report(s, np.concatenate(s.pieces, axis=1), weight) for s, weight in references
        )
        said = [
            *probed.notes,
            *learned.notes,
            *(note for one in (sound, *(s for s, _ in references)) for note in one.notes),
            *_notes(found, budget, seconds),
        ]
        taken = found if found.sure or keep else alone
        said += _level_notes(target, taken, spec, probed.slots)
        if taken is found and found.slots:
            return outcome(found, said if found.sure else [_KEPT, *said])
        if not found.slots:
            return outcome(alone, [_NOTHING, *said])
        return outcome(alone, [_LEFT_ALONE, *said], outcome(found, said))
    finally:
        pool.release(shared)


_UNSURE = "not surely nearer to the reference than leaving the input alone"

_LEFT_ALONE = (
    "nothing that was tried brings the input surely closer to the reference than leaving it alone, "
    "so it was left alone; the nearest candidate is kept beside it, not sure: listen to it, and "
    "take it with --keep (keep=True); where an effect was known to be there it was nearer than the "
    "input in 7 of 10 such cases"
)

_KEPT = (
    "this is the nearest candidate, kept by wish: it is not sure that it is closer to the "
    "reference than leaving the input alone"
)

_NOTHING = "nothing was found that could be tried on the input, so it was left alone"


def _level_notes(
    target: Target, found: Found, spec: EffectSpec, slots: Sequence[EffectSpec]
) -> Iterator[str]:
    """Say so where the level is off and none of the effects is there to set it."""
    offset = target.level_offset(found.features)
    limit = 1.0 if target.level_weight == 1.0 else LEVEL_SURE * target.level_noise
    if target.level_weight > 0 and abs(offset) >= limit and slots[-1].uri != GAIN_URI:
        yield (
            f"the reference is {abs(offset):.1f} dB {'louder' if offset > 0 else 'quieter'} than "
            "the result, and the effects do not end in a gain that would set the level; add one "
            "with --fx gain"
        )


def _echoes(
    pool: RenderPool,
    probed: Probed,
    sound: _Sound,
    references: Sequence[tuple[_Sound, float]],
    locked: Mapping[int, float],
    seed: int,
) -> Echoes:
    """What is heard of echoes and motion in the references, and which settings make them."""
    rate, channels = sound.sample_rate, sound.pieces[0].shape[0]

    @functools.cache
    def heard() -> tuple[tuple[Audio, int], list[tuple[Audio, int, float]]]:
        theirs = [(listened(s.recording), s.sample_rate, w) for s, w in references]
        return (listened(sound.recording), rate), theirs

    def listen() -> Ear | None:
        return make_ear(*heard())

    echoes = find_echoes(
        *(pool, probed.spec, probed.slots, listen, locked),
        sample_rate=rate,
        channels=channels,
        seed=seed,
    )
    # What answers impulses alike at any time does not move.
    others = sorted(set(range(len(probed.slots))) - {e.slot for e in echoes.found})
    motions = find_motions(
        *(pool, probed.spec, probed.slots, others, heard, locked),
        sample_rate=rate,
        channels=channels,
        seed=seed,
    )
    return replace(echoes, found=(*echoes.found, *motions))


def _references(
    reference: Recording | Sequence[Recording | tuple[Recording, float]],
) -> list[tuple[Recording, float]]:
    """Bring one or several references into one form; a pair of array and rate is one recording."""
    if isinstance(reference, str | os.PathLike) or _is_array_pair(reference):
        return [(reference, 1.0)]  # type: ignore[list-item]
    result: list[tuple[Recording, float]] = []
    for item in reference:
        if isinstance(item, str | os.PathLike) or _is_array_pair(item):
            result.append((item, 1.0))  # type: ignore[arg-type]
        else:
            recording, weight = item  # type: ignore[misc]
            if not (np.isfinite(weight) and weight > 0):
                raise UsageError(f"the weight of a reference is {weight}; use a number above 0")
            result.append((recording, float(weight)))
    if not result:
        raise UsageError("there is no reference; name at least one recording")
    return result


def _is_array_pair(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], np.ndarray)


def _load(recording: Recording, what: str) -> _Sound:
    pieces = 1 if what == "input" else 2
    if isinstance(recording, tuple):
        data, rate = recording
        audio, name = check_audio(data, rate, what=what), what
        places = active_excerpts(audio, rate, seconds=EXCERPT_SECONDS, pieces=pieces)
        parts = [audio[:, place] for place in places]
        recording = (audio, rate)
        seconds = audio.shape[1] / rate
    else:
        path = Path(recording)
        cut = cut_file(path, seconds=EXCERPT_SECONDS, pieces=pieces)
        parts, rate = cut.pieces, cut.sample_rate
        name, seconds = path.name, cut.samples / rate
    parts = [np.ascontiguousarray(part) for part in parts]
    # Level is no ground for refusal: quiet recordings are fine, digital silence and DC are not.
    varying = max(float(np.std(without_infrasound(p, rate), axis=1).max()) for p in parts)
    if varying < 1e-6:
        silent = max(silence_level(part) for part in parts) < SILENCE_MEAN_SQUARE
        kind = "silent" if silent else "constant (DC)"
        raise AudioError(
            f"{what} {name!r} is {kind}: there is no sound to match; choose another recording"
        )
    sound = _Sound(name, parts, recording, int(rate), seconds)
    if sound.heard < LEAST_SECONDS:
        raise AudioError(
            f"{what} {name!r} holds {sound.heard:.3f} s of sound, and nothing can be told from "
            f"less than {LEAST_SECONDS:g} s; choose a longer recording"
        )
    return replace(sound, notes=tuple(_sound_notes(sound, what)))


def _sound_notes(sound: _Sound, what: str) -> Iterator[str]:
    """What is worth knowing of a recording before it is compared."""
    share = max(infrasound_share(piece, sound.sample_rate) for piece in sound.pieces)
    if share > INFRASOUND_SHARE:
        yield (
            f"{what} {sound.name!r} has {100 * share:.0f} % of its power below 20 Hz (direct "
            "current or infrasound), which is no sound: it was left out of what was compared"
        )
    if sound.heard < ENOUGH_SECONDS:
        yield (
            f"{what} {sound.name!r} holds {sound.heard:.2f} s of sound, too little to tell much: "
            f"more had to speak for a match than usual; from {ENOUGH_SECONDS:g} s on it is surer"
        )


def _features(sound: _Sound) -> np.ndarray:
    rows = np.array([style_features(piece, sound.sample_rate) for piece in sound.pieces])
    lengths = [piece.shape[1] for piece in sound.pieces]
    return np.asarray(np.average(rows, axis=0, weights=lengths))


def _parts(sound: _Sound) -> list[np.ndarray]:
    """Features of `PARTS` parts of a recording by themselves."""
    each = PARTS // len(sound.pieces)
    cut = [part for piece in sound.pieces for part in np.array_split(piece, each, axis=1)]
    return [style_features(np.ascontiguousarray(part), sound.sample_rate) for part in cut]


def _locks(spec: EffectSpec, lock: Mapping[str, float]) -> dict[int, float]:
    """Places and positions of locked knobs; the slot's name may be left out where it is clear."""
    result = {}
    for name, native in lock.items():
        id = name
        if "." not in name:
            ends = [p.id for p in spec.parameters if p.id.split(".", 1)[-1] == name]
            if len(ends) > 1:
                raise ParameterError(
                    f"{name!r} could be any of {', '.join(ends)}; write the slot too"
                )
            id = ends[0] if ends else name
        place = spec.index(id)
        result[place] = spec.parameters[place].to_normalised(float(native))
    return result


def _host_facts(
    pool: RenderPool, specs: Sequence[EffectSpec], settings: Settings
) -> tuple[dict[str, Any], list[str]]:
    """What the plugins' hosts say at these settings, for `Preset.from_settings`; and notes.

    A plugin that crashes when it is asked costs its own state, not the match: the preset sets its
    knobs by themselves.
    """
    states: list[bytes | None] = []
    positions: list[list[float] | None] = []
    notes: list[str] = []
    start = 0
    for spec in specs:
        part = settings[start : start + spec.size]
        start += spec.size
        known: tuple[bytes | None, list[float] | None] = (None, None)
        if spec.format not in ("builtin", "fake"):
            try:
                known = pool.call(_host_facts_of, part, effect=spec.uri)
            except DialinError as error:
                notes.append(
                    f"{spec.name} could not be asked for its state, so the preset holds its knobs "
                    f"alone: {error}"
                )
        states.append(known[0])
        positions.append(known[1])
    return {"states": states, "positions": positions}, notes


def _host_facts_of(effect: Effect, settings: Settings) -> tuple[bytes | None, list[float] | None]:
    positions = effect.positions(settings) if isinstance(effect, Plugin) else None
    return effect.state(settings), positions


def _aspects(target: Target, before: np.ndarray, found: Found) -> tuple[AspectReport, ...]:
    was, now = target.aspects(before), target.aspects(found.features)
    return tuple(
        AspectReport(name, round(float(weight), 4), float(a), float(b))
        for name, weight, a, b in zip(ASPECTS, target.weights, was, now, strict=True)
        if weight > 0 and np.isfinite(a) and np.isfinite(b)
    )


def _slots(
    spec: EffectSpec, found: Found, locked: Mapping[int, float], specs: Sequence[EffectSpec]
) -> tuple[SlotReport, ...]:
    reports = []
    for number, (slot, uri, place) in enumerate(chain_slots(spec)):
        own = specs[number]
        knobs = []
        for offset, parameter in enumerate(own.parameters):
            index = place.start + offset
            was, now = own.default[offset], float(found.settings[index])
            knobs.append(
                KnobReport(
                    id=parameter.id,
                    name=parameter.name,
                    unit=parameter.unit,
                    before=parameter.to_native(was),
                    after=parameter.to_native(now),
                    before_position=float(was),
                    after_position=now,
                    before_text=parameter.text(was),
                    after_text=parameter.text(now),
                    locked=index in locked,
                    dead=parameter.status == "dead",
                )
            )
        used = number in found.slots
        reason = "" if used else found.left_out.get(number, "")
        reports.append(SlotReport(slot, uri, own.name, used, reason, tuple(knobs)))
    return tuple(reports)


def _sound_report(sound: _Sound, audio: Audio, weight: float = 1.0) -> SoundReport:
    peak = peak_dbfs(audio)
    return SoundReport(
        name=sound.name,
        sample_rate=sound.sample_rate,
        channels=audio.shape[0],
        seconds=sound.seconds,
        loudness_lufs=played_loudness(audio, sound.sample_rate),
        peak_dbfs=peak,
        crest_db=peak - rms_dbfs(audio),
        weight=weight,
        aspects=sound.aspects,
    )


def _notes(found: Found, budget: int, seconds: float | None) -> tuple[str, ...]:
    notes = []
    if found.interrupted:
        why = "its time limit" if seconds is not None else "Ctrl-C"
        notes.append(
            f"the search was ended by {why} after {found.renders} of {budget} renders; "
            "this is the best it had"
        )
    if found.failures:
        notes.append(f"{found.failures} of {found.renders} renders failed and were passed over")
    return tuple(notes)
