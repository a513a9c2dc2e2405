"""First guesses of networks that come with dialin: which effects, and several settings of each.

The networks (`dialin.networks.guess_runtime`) heard hundreds of thousands of renders. They know the
built-in effects, in chains, and the nine mda effects, one at a time (`SHIPPED`). What they say is
tried before anything else, and the search goes on from there; nothing that they say is taken
without being rendered and compared.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, integrated_loudness
from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.guessing.auto_voters import ChainGuess, Recordings, Vote
from dialin.matching.guessing.guess_vocabulary import Slot, Vocabulary
from dialin.matching.guessing.judging import RenderJudge, hear_mono, hear_stereo
from dialin.measures.cepstrum import LAG_RATE
from dialin.measures.time_features import RecordingFeatures, echo_peaks, peak_lags
from dialin.networks.guess_runtime import Answers, GuessModel

SHIPPED = ("chain", "mda")
"""Models of the package: chains of built-ins, and single mda effects."""

KNOWN_EFFECTS = 4
"""Effects up to which a chain that somebody names is taken to be all there."""

DRAWN = 48
"""Candidates drawn for each pair of recordings, of which the most central comes first."""

PART = 0.65
"""Share of a recording in its first part, and in its last, where these are heard by themselves."""

FEWEST = 8
"""Candidates among which others than the first are sorted, at least."""

LEAST_PART = 2.0
"""Seconds that such a part must last."""

LEVEL_GAP = 10.0
"""Difference of loudness that a network is told of, at most: it has heard no larger one."""

SNAP, SNAP_SIGMA = 0.08, 6.0
"""Share by which a delay's time may be off the echo that it stands for, and how far that must
stand out of the noise."""

GAIN_URI = "builtin:gain"
"""What sets a level that is computed, and so needs no guess."""

PRIOR = 0.25
"""Share of the training chains that an effect is in, about."""


@dataclass(frozen=True, eq=False)
class Guess:
    """What is tried first.

    Attributes
    ----------
    tries : tuple of (tuple of int, ndarray)
        Slots of the chain, and settings of the whole chain, the likeliest first.
    there : mapping of int to float
        Slot -> probability that it is needed.
    names : tuple of str
        Of the models that were asked.
    judge : RenderJudge, optional
        Who can be asked of renders, where the network knows all effects of the chain.
    """

    tries: tuple[tuple[tuple[int, ...], Settings], ...] = ()
    there: Mapping[int, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    judge: RenderJudge | None = None


@functools.cache
def shipped_model(name: str) -> GuessModel:
    """A model of the package.

    Parameters
    ----------
    name : str
        One of `SHIPPED`.

    Returns
    -------
    GuessModel
    """
    return GuessModel(Path(str(files("dialin"))) / "models" / name)


def vocabulary_of(model: GuessModel) -> Vocabulary:
    """What a model knows.

    Parameters
    ----------
    model : GuessModel
        Of a folder.

    Returns
    -------
    Vocabulary
    """
    return Vocabulary(tuple(Slot(uri, knobs) for uri, knobs in model.slots), model.orders)


def guess_chain(
    spec: EffectSpec,
    input: tuple[Audio, int],
    references: Sequence[tuple[Audio, int]],
    *,
    certain: bool,
    count: int,
    seed: int,
    heard_before: RecordingFeatures | None = None,
    careful: bool = False,
    drawn: bool = True,
) -> Guess:
    """Guess settings of a chain.

    Parameters
    ----------
    spec : EffectSpec
        Of the chain.
    input : (ndarray, int)
        Audio ``(channels, samples)`` and rate in hertz.
    references : sequence of (ndarray, int)
        What it should sound like.
    certain : bool
        Whether the chain's effects are all there, since somebody named them.
    count : int
        Candidates for all references together.
    seed : int
        Of what is drawn.
    heard_before : RecordingFeatures, optional
        The input as `GuessVoter` heard it.
    careful : bool
        Whether to listen to parts of the recordings as well, for the sake of the first candidate:
        the beginning of one beside the end of the other.
    drawn : bool
        Whether candidates are wanted; without, only who judges renders is, and there are none.

    Returns
    -------
    Guess
        Without tries, and without names, where no model knows any of its effects.
    """
    uris = [uri for _, uri, _ in chain_slots(spec)]
    name = _model_for(uris)
    if name is None or not references or count < 1:
        return Guess()
    model = shipped_model(name)
    vocabulary = vocabulary_of(model)
    entries = vocabulary.find(uris)
    known = _known(vocabulary, uris, entries, certain and len(uris) <= KNOWN_EFFECTS)
    tries: list[tuple[tuple[int, ...], Settings]] = []
    there = dict.fromkeys((s for s, entry in enumerate(entries) if entry is not None), 0.0)
    each = max(1, -(-count // len(references)))
    heard: list[tuple[RecordingFeatures, RecordingFeatures]] = []
    before = heard_before if name == "chain" else None
    for number, reference in enumerate(references):
        one, two = _listened(name, input, reference, before)
        before = one
        heard.append((one, two))
        if not drawn:
            continue
        answers = _ask(model, one, two, known, DRAWN, seed + number)
        crowd = [answers.drawn]
        if careful:
            for first, second in _crossed(input, reference):
                pair = _listened(name, first, second)
                crowd.append(_ask(model, *pair, known, DRAWN, seed + number).drawn)
        pool = np.concatenate(crowd)
        best = pool[model.centrality(one.features, pool)[0]]
        for slot, entry in enumerate(entries):
            if entry is not None:
                there[slot] += float(answers.there[entry]) / len(references)
        # All else as it was drawn: what is possible, not what is central.
        others = answers.drawn[: max(each, FEWEST)]
        others = others[model.centrality(one.features, others)]
        others = others[(others != best).any(axis=1)]
        vectors = [best, answers.point, *others][:each]
        lags = _echo_lags(one, two)
        for vector in vectors:
            slots = tuple(
                s for s, entry in enumerate(entries) if entry is not None and vector[entry] >= 0.5
            )
            settings = vocabulary.settings(vector, spec, entries)
            tries.append((slots, _snapped(spec, settings, lags)))
    judge = None
    if all(e is not None or uri == GAIN_URI for e, uri in zip(entries, uris, strict=True)):
        references_heard = tuple(two for _, two in heard)
        judge = RenderJudge(model, heard[0][0], references_heard, mono=name != "chain")
    return Guess(tuple(tries[:count]), there, (f"dialin/models/{name}",), judge)


def _model_for(uris: Sequence[str]) -> str | None:
    """The model that knows effects of a chain."""
    for name in SHIPPED:
        known = {uri for uri, _ in shipped_model(name).slots}
        if name == "chain" and any(uri in known for uri in uris):
            return name
        if name != "chain" and len(uris) == 1 and uris[0] in known:
            return name
    return None


def _known(
    vocabulary: Vocabulary, uris: Sequence[str], entries: Sequence[int | None], certain: bool
) -> NDArray[np.float32]:
    slots, orders = len(vocabulary.slots), len(vocabulary.orders)
    allowed = np.zeros(slots)
    allowed[[entry for entry in entries if entry is not None]] = 1.0
    sure = allowed if certain or len(uris) == 1 else np.zeros(slots)
    order = vocabulary.orders_of(uris)
    told = ~np.isnan(order)
    value = np.where(told, 2 * np.nan_to_num(order) - 1, 0.0)
    # An order that cannot be heard is told as the usual one.
    value, told = np.where(told, value, -1.0), np.ones(orders)
    return np.concatenate([allowed, sure, value, told]).astype(np.float32)


def _listened(
    name: str,
    input: tuple[Audio, int],
    reference: tuple[Audio, int],
    before: RecordingFeatures | None = None,
) -> tuple[RecordingFeatures, RecordingFeatures]:
    """Both recordings in the form in which the model's training heard them, the input once."""
    if name != "chain":
        return hear_mono(*input) if before is None else before, hear_mono(*reference)
    sounds = [np.repeat(audio, 2, axis=0) if audio.shape[0] == 1 else audio[:2]
              for audio, _ in (input, reference)]  # fmt: skip
    rates = (input[1], reference[1])
    loud = [integrated_loudness(s, r) for s, r in zip(sounds, rates, strict=True)]
    if np.isfinite(loud).all():
        over = loud[1] - loud[0]
        extra = float(np.clip(over, -LEVEL_GAP, LEVEL_GAP)) - over
        sounds[1] = sounds[1] * np.float32(10 ** (extra / 20))
    one = hear_stereo(sounds[0], rates[0]) if before is None else before
    return one, hear_stereo(sounds[1], rates[1])


def _crossed(
    input: tuple[Audio, int], reference: tuple[Audio, int]
) -> list[tuple[tuple[Audio, int], tuple[Audio, int]]]:
    """The first part of the input beside the last of the reference, and the other way round."""
    pair = (input, reference)
    if min(PART * audio.shape[1] / rate for audio, rate in pair) < LEAST_PART:
        return []
    counts = [int(PART * audio.shape[1]) for audio, _ in pair]
    heads = [(audio[:, :n], rate) for (audio, rate), n in zip(pair, counts, strict=True)]
    tails = [(audio[:, -n:], rate) for (audio, rate), n in zip(pair, counts, strict=True)]
    return [(heads[0], tails[1]), (tails[0], heads[1])]


def _ask(
    model: GuessModel, input: RecordingFeatures, reference: RecordingFeatures,
    known: NDArray[np.float32], count: int, seed: int,
) -> Answers:  # fmt: skip
    peaks = echo_peaks(input, reference)
    return model.answer(input.features, reference.features, peaks, known, count, seed)


def _echo_lags(input: RecordingFeatures, reference: RecordingFeatures) -> list[float]:
    """Lags, in seconds, of echoes that stand out in the reference and not in the input."""
    rest = reference.cepstrum - np.maximum(input.cepstrum, 0)
    lags, heights = peak_lags(rest)
    enough = SNAP_SIGMA * max(reference.sigma, 1e-4)
    return [lag / LAG_RATE for lag, top in zip(lags, heights, strict=True) if top >= enough]


def _snapped(spec: EffectSpec, settings: Settings, lags: Sequence[float]) -> Settings:
    """Settings with the time of a built-in delay at the echo that is nearest to it."""
    for _, uri, span in chain_slots(spec):
        if uri != "builtin:delay" or not lags:
            continue
        knob = spec.parameters[span.start]
        seconds = knob.to_native(float(settings[span.start])) / 1000.0
        nearest = min(lags, key=lambda lag: abs(np.log(lag / seconds)))
        if abs(np.log(nearest / seconds)) <= SNAP:
            settings[span.start] = knob.to_normalised(
                float(np.clip(1000.0 * nearest, knob.minimum, knob.maximum))
            )
    return settings


def _as_chain(
    vector: NDArray[np.float64],
    vocabulary: Vocabulary,
    effects: Sequence[EffectSpec],
    lags: Sequence[float],
) -> ChainGuess:
    """What a vector says is there, in the order of some effects."""
    uris: list[str] = []
    settings: list[Settings] = []
    for spec in effects:
        for entry, slot in enumerate(vocabulary.slots):
            if slot.uri == spec.uri and vector[entry] >= 0.5:
                uris.append(spec.uri)
                alone = vocabulary.settings(vector, spec, [entry])
                settings.append(_snapped(spec, alone, lags))
    return ChainGuess(tuple(uris), tuple(settings))


class GuessVoter:
    """The network that knows built-ins, as a witness to which effects are there."""

    def __init__(self) -> None:
        self._heard: tuple[Audio, RecordingFeatures] | None = None

    def heard(self, input: Audio) -> RecordingFeatures | None:
        """What it heard of an input, where that was the first it was asked about.

        Parameters
        ----------
        input : ndarray, float32, shape (channels, samples)
            The very array.

        Returns
        -------
        RecordingFeatures or None
        """
        return self._heard[1] if self._heard is not None and self._heard[0] is input else None

    def vote(self, heard: Recordings, effects: Sequence[EffectSpec]) -> Vote | None:
        """See `dialin.matching.guessing.auto_voters.Voter`.

        Parameters
        ----------
        heard : Recordings
            Input and references.
        effects : sequence of EffectSpec
            Asked about.

        Returns
        -------
        Vote or None
        """
        model = shipped_model("chain")
        vocabulary = vocabulary_of(model)
        asked = [spec.uri for spec in effects]
        known_uris = {slot.uri for slot in vocabulary.slots}
        if not known_uris & set(asked) or not heard.references:
            return None
        slots, orders = len(vocabulary.slots), len(vocabulary.orders)
        allowed = np.array([float(slot.uri in asked) for slot in vocabulary.slots])
        known = np.concatenate([allowed, np.zeros(slots + 2 * orders)]).astype(np.float32)
        total = sum(weight for _, _, weight in heard.references)
        presence: dict[str, float] = {}
        guesses: list[ChainGuess] = []
        for audio, rate, weight in heard.references:
            own = self.heard(heard.input[0])
            one, two = _listened("chain", heard.input, (audio, rate), own)
            if self._heard is None:
                self._heard = heard.input[0], one
            answers = _ask(model, one, two, known, 16, heard.seed)
            lags = _echo_lags(one, two)
            first, *others = answers.drawn[model.centrality(one.features, answers.drawn)]
            guesses += [
                _as_chain(vector, vocabulary, effects, lags)
                for vector in [first, answers.point, *others]
            ]
            for entry, slot in enumerate(vocabulary.slots):
                if slot.uri in asked:
                    here = float(answers.there[entry]) * weight / total
                    # Two slots of one effect: either will do.
                    before = presence.get(slot.uri, 0.0)
                    presence[slot.uri] = max(before, here) if weight == total else before + here
        clipped = {uri: float(np.clip(p, 0.0, 1.0)) for uri, p in presence.items()}
        return Vote("the network that knows built-in effects", clipped, tuple(guesses), PRIOR)
