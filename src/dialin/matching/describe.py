"""Putting the result of a search into a report and a preset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dialin.audio import Audio, peak_dbfs, played_loudness, rms_dbfs, to_db
from dialin.effects import chain_slots
from dialin.effects.effect import Effect, Plugin
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import DialinError
from dialin.matching.candidate import KnobRange, Other, SearchResult
from dialin.matching.features import ASPECTS, Vector
from dialin.matching.options import SearchOptions
from dialin.matching.recordings import Sound
from dialin.matching.space import GAIN_URI
from dialin.matching.style import Target
from dialin.measures.level import SILENCE_DB
from dialin.rendering import Renderer
from dialin.reports import AspectReport, ChoiceReport, KnobReport, SlotReport, SoundReport

UNSURE = "not surely nearer to the reference than leaving the input alone"

LEFT_ALONE = (
    "nothing that was tried brings the input surely closer to the reference than leaving it alone, "
    "so it was left alone; the nearest candidate is kept beside it, not sure: listen to it, and "
    "take it with --keep (keep=True); where an effect was known to be there it was nearer than the "
    "input in 7 of 10 such cases"
)

KEPT = (
    "this is the nearest candidate, kept by wish: it is not sure that it is closer to the "
    "reference than leaving the input alone"
)

NOTHING = "nothing was found that could be tried on the input, so it was left alone"


def level_notes(
    target: Target,
    result: SearchResult,
    slots: Sequence[EffectSpec],
    options: SearchOptions,
) -> Iterator[str]:
    """Say so where the level is off and none of the effects is there to set it.

    Parameters
    ----------
    target : Target
        What the input should sound like.
    result : SearchResult
        What is taken.
    slots : sequence of EffectSpec
        Effects of the chain that was searched.
    options : SearchOptions
        From which difference on the level is surely off.

    Yields
    ------
    str
    """
    offset = target.level_offset(result.features)
    limit = 1.0 if target.level_weight == 1.0 else options.level_sure * target.level_noise
    if target.level_weight > 0 and abs(offset) >= limit and slots[-1].uri != GAIN_URI:
        yield (
            f"the reference is {abs(offset):.1f} dB {'louder' if offset > 0 else 'quieter'} than "
            "the result, and the effects do not end in a gain that would set the level; add one "
            "with --fx gain"
        )


def search_notes(result: SearchResult, budget: int, seconds: float | None) -> Iterator[str]:
    """What a person should know of how a search went.

    Parameters
    ----------
    result : SearchResult
        What it came to.
    budget : int
        Renders it had.
    seconds : float, optional
        Its time limit.

    Yields
    ------
    str
    """
    if result.interrupted:
        why = "its time limit" if seconds is not None else "Ctrl-C"
        yield (
            f"the search was ended by {why} after {result.renders} of {budget} renders; "
            "this is the best it had"
        )
    if result.failures:
        yield f"{result.failures} of {result.renders} renders failed and were passed over"


def aspect_reports(
    target: Target, before: Vector, result: SearchResult
) -> tuple[AspectReport, ...]:
    """Distances by aspect, of those that count and can be compared.

    Parameters
    ----------
    target : Target
        What the input should sound like.
    before : ndarray, float64, shape (features,)
        Of the input.
    result : SearchResult
        What is reported.

    Returns
    -------
    tuple of AspectReport
    """
    was, now = target.aspects(before), target.aspects(result.features)
    return tuple(
        AspectReport(name, round(float(weight), 4), float(a), float(b))
        for name, weight, a, b in zip(ASPECTS, target.weights, was, now, strict=True)
        if weight > 0 and np.isfinite(a) and np.isfinite(b)
    )


def slot_reports(
    spec: EffectSpec,
    result: SearchResult,
    locked: Mapping[int, float],
    slots: Sequence[EffectSpec],
) -> tuple[SlotReport, ...]:
    """Every effect that was searched, with its knobs.

    Parameters
    ----------
    spec : EffectSpec
        Of the chain.
    result : SearchResult
        What is reported.
    locked : mapping of int to float
        Indices of the knobs that were kept.
    slots : sequence of EffectSpec
        Of its effects.

    Returns
    -------
    tuple of SlotReport
    """
    reports = []
    chain = chain_slots(spec)
    # Effects that changed places are told of in the order in which they run.
    turns = iter(result.slots)
    for number in [next(turns) if n in result.slots else n for n in range(len(chain))]:
        slot, uri, span = chain[number]
        own = slots[number]
        knobs = []
        for offset, parameter in enumerate(own.parameters):
            index = span.start + offset
            was, now = own.default[offset], float(result.settings[index])
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
                    **_range_texts(parameter, result.ranges.get(index)),
                )
            )
        used = number in result.slots
        reason = "" if used else result.left_out.get(number, "")
        reports.append(SlotReport(slot, uri, own.name, used, reason, tuple(knobs)))
    return tuple(reports)


def _range_texts(parameter: Parameter, knob_range: KnobRange | None) -> dict[str, Any]:
    """Fields of a `KnobReport` that say how far a knob may go."""
    if knob_range is None:
        return {}
    return {
        "low_position": knob_range.low,
        "high_position": knob_range.high,
        "low_text": parameter.text(parameter.snap(knob_range.low)),
        "high_text": parameter.text(parameter.snap(knob_range.high)),
        "certainty": knob_range.certainty,
    }


def choice_reports(
    spec: EffectSpec,
    result: SearchResult,
    locked: Mapping[int, float],
    slots: Sequence[EffectSpec],
) -> tuple[ChoiceReport, ...]:
    """Choices beside the match.

    Parameters
    ----------
    spec : EffectSpec
        Of the chain that was searched.
    result : SearchResult
        What is reported.
    locked : mapping of int to float
        Indices of the knobs that were kept.
    slots : sequence of EffectSpec
        Of its effects.

    Returns
    -------
    tuple of ChoiceReport
    """
    reports = []
    for number, other in enumerate(result.others, 2):
        one = result_of(result, other)
        rows = slot_reports(spec, one, locked, slots)
        reports.append(
            ChoiceReport(
                number,
                one.distance,
                round(other.likelihood, 3),
                tuple(row for row in rows if row.used),
            )
        )
    return tuple(reports)


def result_of(result: SearchResult, other: Other) -> SearchResult:
    """The result, had another choice been picked.

    Parameters
    ----------
    result : SearchResult
        What the search came to.
    other : Other
        One of its choices.

    Returns
    -------
    SearchResult
    """
    candidate = other.candidate
    assert candidate.settings is not None
    return replace(
        result,
        slots=other.slots,
        settings=candidate.settings,
        features=candidate.features,
        distance=candidate.distance,
        gain=result.untouched - candidate.distance,
        left_out={},
        ordered=None,
        others=(),
        ranges={},
        parts=(),
    )


def sound_report(sound: Sound, audio: Audio) -> SoundReport:
    """Level facts of what was analysed of a recording.

    Parameters
    ----------
    sound : Sound
        The recording.
    audio : ndarray, float32, shape (channels, samples)
        What is measured.

    Returns
    -------
    SoundReport
    """
    stored = sound.profile
    if stored is not None:
        return SoundReport(
            name=sound.name,
            sample_rate=sound.sample_rate,
            channels=stored.channels,
            seconds=sound.seconds,
            loudness_lufs=stored.loudness,
            peak_dbfs=float(to_db(stored.peak, SILENCE_DB)),
            crest_db=stored.crest_db,
            weight=sound.weight,
            aspects=sound.aspects,
        )
    peak = peak_dbfs(audio)
    return SoundReport(
        name=sound.name,
        sample_rate=sound.sample_rate,
        channels=audio.shape[0],
        seconds=sound.seconds,
        loudness_lufs=played_loudness(audio, sound.sample_rate),
        peak_dbfs=peak,
        crest_db=peak - rms_dbfs(audio),
        weight=sound.weight,
        aspects=sound.aspects,
    )


def host_facts(
    pool: Renderer, specs: Sequence[EffectSpec], settings: Settings
) -> tuple[dict[str, Any], list[str]]:
    """What the plugins' hosts say at these settings, for `Preset.from_settings`; and notes.

    A plugin that crashes when it is asked costs its own state, not the match: the preset sets its
    knobs by themselves.

    Parameters
    ----------
    pool : Renderer
        Workers that open the effects.
    specs : sequence of EffectSpec
        Of the effects, in order.
    settings : ndarray, float64, shape (knobs,)
        Of all of them, 0 to 1.

    Returns
    -------
    (dict, list of str)
        ``states`` and ``positions``; and what could not be asked for.
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
