"""The mastering chain's answer for whole songs, told as that of a search is."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from dialin.effects import chain_slots, chain_uri, open_effect
from dialin.matching.answer import Answer
from dialin.matching.candidate import SearchResult, measure
from dialin.matching.preparing import Prepared
from dialin.matching.result import MatchProgress
from dialin.matching.songs.mixes import answer_song

_NOT_NEEDED = "input and reference do not differ in what it could mend, or nobody asked for it"


def solve_songs(
    prepared: Prepared,
    progress: Callable[[MatchProgress], None] | None,
) -> Answer:
    """Solve the mastering chain, and measure what it makes of the excerpt.

    Parameters
    ----------
    prepared : Prepared
        The match, of whole songs.
    progress : callable, optional
        Called as the songs are worked through.

    Returns
    -------
    Answer
    """
    heard, spec, began = prepared.heard, prepared.probed.spec, time.monotonic()
    before = prepared.distance

    def tell(share: float) -> None:
        if progress is not None:
            done = round(share * prepared.budget)
            seconds = time.monotonic() - began
            progress(MatchProgress(done, prepared.budget, seconds, before, before))

    solved = answer_song(
        heard.input.recording,
        [(sound.recording, sound.weight) for sound in heard.references if not sound.aspects],
        spec,
        prepared.options.song,
        locked=prepared.locked,
        only=prepared.options.only,
        progress=tell,
    )
    # Nothing but built-ins: no plugin needs a process of its own.
    features, excerpt = prepared.untouched[0], prepared.excerpt
    spans = [span for _, _, span in chain_slots(spec)]
    parts = [solved.settings[spans[slot]] for slot in solved.slots]
    if parts:
        uri = chain_uri([chain_slots(spec)[slot][1] for slot in solved.slots])
        excerpt = open_effect(uri).process(excerpt, prepared.sample_rate, np.concatenate(parts))
        features = measure(excerpt, prepared.sample_rate)[0]
    distance = float(heard.target.distance(features))
    tell(1.0)
    result = SearchResult(
        slots=solved.slots,
        settings=solved.settings,
        features=features,
        distance=distance,
        untouched=before,
        sure=True,
        gain=before - distance,
        left_out={n: _NOT_NEEDED for n in range(len(spans)) if n not in solved.slots},
        renders=1,
        seconds=time.monotonic() - began,
    )
    return Answer(
        result,
        song=solved.facts,
        notes=solved.notes,
        excerpt=excerpt,
        rendered=solved.rendered,
    )
