"""An answer as a match: its preset, its report, and what the report draws."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from dialin._version import __version__
from dialin.audio import Audio
from dialin.effects import chain_slots, chain_uri
from dialin.effects.chain import chain_spec
from dialin.matching.answer import Answer
from dialin.matching.candidate import SearchResult, settings_of
from dialin.matching.describe import (
    aspect_reports,
    choice_reports,
    host_facts,
    result_of,
    slot_reports,
    sound_report,
)
from dialin.matching.guessing.auto_sureness import family_reports
from dialin.matching.guessing.learned import Learned
from dialin.matching.hearing.time_facts import time_pictures
from dialin.matching.hearing.time_guesses import Echoes
from dialin.matching.preparing import Prepared
from dialin.matching.result import Match
from dialin.presets import Preset
from dialin.rendering import Job, SharedAudio
from dialin.reports import MatchReport, PictureReport


def make_match(
    prepared: Prepared,
    shared: SharedAudio,
    learned: Learned,
    answer: Answer,
    result: SearchResult,
    notes: Sequence[str],
    nearest: Match | None = None,
) -> Match:
    """Render a result once more, and put its preset and its report together.

    Parameters
    ----------
    prepared : Prepared
        What was matched.
    shared : SharedAudio
        Its excerpt.
    learned : Learned
        Controllers that were asked.
    answer : Answer
        What was heard and guessed on the way.
    result : SearchResult
        What is taken of the answer, or the input left alone.
    notes : sequence of str
        For the report.
    nearest : Match, optional
        The nearest candidate, where it is not taken.

    Returns
    -------
    Match

    Raises
    ------
    EffectError
        If the result cannot be rendered, tried twice.
    """
    heard, probed, pool = prepared.heard, prepared.probed, prepared.pool
    uris, settings = settings_of(result, probed.spec)
    output = prepared.excerpt
    if uris and answer.excerpt is not None:
        output = answer.excerpt
    elif uris:
        job = Job(chain_uri(uris), shared, settings)
        (render,) = pool.render([job])
        if render.failure is not None:
            # It worked in the search: a plugin that crashes now and then gets another go.
            (render,) = pool.render([job])
        output = render.get()
    models = (*learned.folders, *answer.guess.names)
    specs = [probed.slots[number] for number in result.slots]
    preset, unsaid = _preset(prepared, models, result)
    report = MatchReport(
        before=result.untouched,
        after=result.distance,
        aspects=aspect_reports(heard.target, prepared.untouched[0], result),
        slots=slot_reports(probed.spec, result, prepared.locked, probed.slots),
        input=sound_report(heard.input, prepared.excerpt),
        output=sound_report(heard.input, output),
        references=tuple(
            sound_report(s, prepared.excerpt if s.profile else s.whole[0]) for s in heard.references
        ),
        seed=prepared.options.seed,
        budget=prepared.budget,
        renders=result.renders,
        failures=result.failures,
        seconds=time.monotonic() - prepared.began,
        interrupted=result.interrupted,
        stopped=result.stopped,
        models=models,
        notes=(*notes, *unsaid),
        version=__version__,
        sure=result.sure,
        gain=result.gain,
        risk=result.risk,
        evidence=result.evidence,
        parts=result.parts,
        bpm=prepared.tempo.bpm,
        pictures=_pictures(prepared, answer.echoes, result, output),
        choices=choice_reports(probed.spec, result, prepared.locked, probed.slots) if uris else (),
        song=answer.song,
        families=()
        if prepared.plan is None
        else family_reports(prepared.plan, result, answer.echoes, result.slots),
    )
    chain = chain_spec(chain_uri(uris), specs) if uris else None
    choices = tuple(
        _preset(prepared, models, result_of(result, other))[0]
        for other in (result.others if uris else ())
    )
    rendered = answer.rendered if result.slots == answer.result.slots else None
    return Match(
        *(uris, chain, settings, preset, report, prepared.input, pool, nearest, choices, rendered)
    )


def _preset(
    prepared: Prepared, models: Sequence[str], result: SearchResult
) -> tuple[Preset, list[str]]:
    """The preset of a result, and what could not be asked of its plugins."""
    heard, probed = prepared.heard, prepared.probed
    _, settings = settings_of(result, probed.spec)
    specs = [probed.slots[number] for number in result.slots]
    facts, unsaid = host_facts(prepared.pool, specs, settings)
    preset = Preset.from_settings(
        specs,
        settings,
        **facts,
        provenance={
            "input": heard.input.name,
            "references": [{"name": s.name, "weight": s.weight} for s in heard.references],
            "seed": prepared.options.seed,
            "budget": prepared.budget,
            "renders": result.renders,
            "bpm": prepared.tempo.bpm,
            "models": [Path(name).name for name in models],
            "distance": {"before": result.untouched, "after": result.distance},
            "sure": result.sure,
        },
    )
    return preset, unsaid


def _pictures(
    prepared: Prepared, echoes: Echoes, result: SearchResult, output: Audio
) -> tuple[PictureReport, ...]:
    """What the report draws of echoes, rooms and motion in use."""
    if not result.slots or not prepared.heard.whole:
        return ()
    rate = prepared.sample_rate
    layout = chain_slots(prepared.probed.spec)
    used = [
        (slot, prepared.probed.slots[slot], result.settings[layout[slot][2]])
        for slot in result.slots
    ]
    heaviest = max(prepared.heard.whole, key=lambda sound: sound.weight)
    return time_pictures(
        prepared.pool,
        echoes.found,
        used,
        (prepared.excerpt, rate),
        (output, rate),
        heaviest.whole,
    )
