"""Effects in series: a chain is itself an effect.

Conventions: a chain's URI is ``chain:`` and its slots' URIs as a JSON list. Its parameters are
those of its slots in order, each id written ``slot.parameter``, where the slot is named after its
effect (``compressor``, ``overdrive``; the second of a kind is ``compressor2``). Slot names follow
from the URIs alone, so a chain can be taken apart without opening it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.built_in_filters import Filter, filter_in_series
from dialin.effects.effect import Effect, Stream
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.effects.uri import parse_uri
from dialin.errors import DialinError, EffectNotFoundError, NonFiniteOutputError, UsageError
from dialin.files.reading import parse_json

PREFIX = "chain:"


def is_chain(uri: str) -> bool:
    """Whether a URI names a chain.

    Parameters
    ----------
    uri : str
        Of an effect or a chain.

    Returns
    -------
    bool
    """
    return uri.strip().startswith(PREFIX)


def chain_uri(uris: Sequence[str]) -> str:
    """URI of the chain of these effects in series; chains among them are laid out flat.

    >>> chain_uri(["builtin:reverb", "gain"])
    'chain:["builtin:reverb","builtin:gain"]'

    Parameters
    ----------
    uris : sequence of str
        In order.

    Returns
    -------
    str

    Raises
    ------
    EffectNotFoundError
        If one of them names no effect.
    UsageError
        If there are none.
    """
    if isinstance(uris, str):
        uris = [uris]
    flat: list[str] = []
    for uri in uris:
        if is_chain(uri):
            flat.extend(parse_chain(uri))
        else:
            flat.append(":".join(parse_uri(uri)))
    if not flat:
        raise UsageError("a chain needs at least one effect; this one has none")
    return PREFIX + json.dumps(flat, separators=(",", ":"), ensure_ascii=False)


def parse_chain(uri: str) -> list[str]:
    """URIs of a chain's slots; an effect that is no chain is the one slot of its own.

    >>> parse_chain('chain:["builtin:reverb","builtin:gain"]')
    ['builtin:reverb', 'builtin:gain']

    Parameters
    ----------
    uri : str
        Of a chain or of one effect.

    Returns
    -------
    list of str

    Raises
    ------
    EffectNotFoundError
        If what follows ``chain:`` is no list of effects.
    """
    if not is_chain(uri):
        return [":".join(parse_uri(uri))]
    body = uri.strip()[len(PREFIX) :]
    try:
        slots = parse_json(body)
    except ValueError as error:
        raise EffectNotFoundError(
            f"{uri!r} is no chain: after 'chain:' comes a JSON list of effects, such as "
            'chain:["builtin:compressor","builtin:reverb"]'
        ) from error
    if not isinstance(slots, list) or not slots or not all(isinstance(s, str) for s in slots):
        raise EffectNotFoundError(
            f"{uri!r} is no chain: it needs a JSON list of at least one effect's URI"
        )
    result: list[str] = []
    for slot in slots:
        result.extend(parse_chain(slot))
    return result


def slot_names(uris: Sequence[str]) -> list[str]:
    """Short unique name of each slot, from the end of its URI.

    >>> slot_names(["builtin:reverb", "lv2:http://drobilla.net/plugins/mda/Delay", "reverb"])
    ['reverb', 'delay', 'reverb2']

    Parameters
    ----------
    uris : sequence of str
        In order.

    Returns
    -------
    list of str
    """
    names: list[str] = []
    for uri in uris:
        _, rest = parse_uri(uri)
        last = re.split(r"[/:\\]", rest.rstrip("/\\"))[-1]
        last = re.sub(r"\.(vst3|component|dsp|lv2|so|dll)$", "", last, flags=re.IGNORECASE)
        stem = re.sub(r"[^a-z0-9]+", "_", last.lower()).strip("_") or "effect"
        name, count = stem, 1
        while name in names:
            count += 1
            name = f"{stem}{count}"
        names.append(name)
    return names


def chain_slots(spec: EffectSpec) -> list[tuple[str, str, slice]]:
    """Name, URI and place in the settings vector of each slot of a chain.

    For an effect that is no chain: one slot that holds all of its settings.

    Parameters
    ----------
    spec : EffectSpec
        Of a chain, or of one effect.

    Returns
    -------
    list of (str, str, slice)
    """
    uris = parse_chain(spec.uri)
    names = slot_names(uris)
    if not is_chain(spec.uri):
        return [(names[0], spec.uri, slice(0, spec.size))]
    slots, start = [], 0
    for name, uri in zip(names, uris, strict=True):
        stop = start
        while stop < spec.size and spec.parameters[stop].id.startswith(f"{name}."):
            stop += 1
        slots.append((name, uri, slice(start, stop)))
        start = stop
    return slots


def chain_spec(uri: str, specs: Sequence[EffectSpec]) -> EffectSpec:
    """Spec of a chain from those of its slots, in order.

    Parameters
    ----------
    uri : str
        Of the chain.
    specs : sequence of EffectSpec
        One for each slot.

    Returns
    -------
    EffectSpec
        Ids of knobs are those of the slots, behind the slot's name and a dot.
    """
    uris = parse_chain(uri)
    names = slot_names(uris)

    def prefixed(slot: str, label: str, parameters: Sequence[Parameter]) -> list[Parameter]:
        return [replace(p, id=f"{slot}.{p.id}", name=f"{label}: {p.name}") for p in parameters]

    settable: list[Parameter] = []
    excluded: list[Parameter] = []
    for name, spec in zip(names, specs, strict=True):
        settable += prefixed(name, spec.name, spec.parameters)
        excluded += prefixed(name, spec.name, spec.excluded)
    return EffectSpec(
        uri=chain_uri(uris),
        name=" > ".join(spec.name for spec in specs),
        format="chain",
        parameters=tuple(settable),
        excluded=tuple(excluded),
        category="Chain",
    )


class ChainEffect:
    """Effects in series.

    Parameters
    ----------
    uri : str
        URI of the chain.
    open : callable
        Opens one effect by its URI. An effect that stands in several slots is opened once for
        `process`, which is pure, and once a slot for `stream`, which is not.
    """

    def __init__(self, uri: str, open: Callable[[str], Effect]) -> None:
        self._open = open
        self._uris = parse_chain(uri)
        self._names = slot_names(self._uris)
        self._opened: dict[str, Effect] = {}
        self._extra: dict[int, Effect] = {}
        try:
            for slot in self._uris:
                if slot not in self._opened:
                    self._opened[slot] = open(slot)
        except DialinError:
            self.close()
            raise
        self._effects = [self._opened[slot] for slot in self._uris]
        self._spec = chain_spec(uri, [effect.spec for effect in self._effects])
        self._slices = [span for _, _, span in chain_slots(self._spec)]
        self._prefix = _Prefix()

    @property
    def spec(self) -> EffectSpec:
        """Identity and knobs of all slots."""
        return self._spec

    @property
    def effects(self) -> list[Effect]:
        """The effect in each slot; the same object may stand in several."""
        return list(self._effects)

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render through all slots; see `Effect.process`.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        ndarray, float32, shape (channels, samples)

        Raises
        ------
        NonFiniteOutputError
            If a slot other than the last returns NaN or infinity, which would poison the next.
        """
        vector = self._spec.check(settings)
        last = len(self._effects) - 1
        first, wanted = 0, None
        # Audio that nobody can write to is the same audio for as long as it is held.
        if not (tail or audio.flags.writeable):
            first, audio, wanted = self._prefix.begin(audio, sample_rate, vector, self._slices)
        index = first
        while index <= last:
            end = last + 1 if wanted is None or wanted <= index else wanted
            run = [] if tail else self._filters(range(index, end), sample_rate, vector)
            if len(run) > 1:
                audio = filter_in_series(list(itertools.chain(*run)), audio, sample_rate)
            else:
                run = [()]
                part = vector[self._slices[index]]
                audio = self._effects[index].process(audio, sample_rate, part, tail=tail)
                tail = 0.0
                if index < last:
                    self._refuse_non_finite(audio, index)
            index += len(run)
            if index == wanted:
                self._prefix.keep(audio, index)
        return audio

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Stream:
        """Start a block-wise render through all slots; see `Effect.stream`.

        Parameters
        ----------
        sample_rate : int
            In hertz.
        channels : int
            Number of channels.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        Stream
        """
        vector = self._spec.check(settings)
        streams: list[Stream] = []
        seen: set[str] = set()
        for index, uri in enumerate(self._uris):
            effect = self._effects[index]
            if uri in seen:
                if index not in self._extra:
                    self._extra[index] = self._open(uri)
                effect = self._extra[index]
            seen.add(uri)
            streams.append(
                effect.stream(sample_rate, channels, vector[self._slices[index]], tail=tail)
            )
            tail = 0.0
        return ChainStream(streams, channels, self._refuse_non_finite)

    def state(self, settings: ArrayLike) -> bytes | None:
        """Chains have no state of their own; ask each of `effects`.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        return None

    def close(self) -> None:
        """Let go of the plugins of all slots."""
        for effect in (*self._opened.values(), *self._extra.values()):
            effect.close()
        self._opened.clear()
        self._extra.clear()
        self._prefix = _Prefix()

    def _filters(
        self, slots: range, sample_rate: int, settings: Settings
    ) -> list[tuple[Filter, ...]]:
        """Filters of the first of some slots, as far as they are built-in filters alone."""
        run: list[tuple[Filter, ...]] = []
        for index in slots:
            ask = getattr(self._effects[index], "as_filters", None)
            filters = None if ask is None else ask(settings[self._slices[index]], sample_rate)
            if filters is None:
                break
            run.append(filters)
        return run

    def _refuse_non_finite(self, audio: Audio, index: int) -> None:
        if self._uris[index].startswith("builtin:"):
            return  # these make no such samples of finite ones, and are worth the time saved
        # A sum that is finite proves that every sample is; only an odd one is looked at closely.
        with np.errstate(over="ignore", invalid="ignore"):
            suspicious = not np.isfinite(audio.sum())
        if suspicious and not np.isfinite(audio).all():
            raise NonFiniteOutputError(
                f"slot {self._names[index]!r} of the chain ({self._uris[index]}) returned "
                "samples that are not finite; change its settings or take it out of the chain"
            )


class _Prefix:
    """What the first effects of a chain made of the last input, while only later ones are turned.

    A search turns the knobs of one effect while those before it stay: they need not run again.
    """

    def __init__(self) -> None:
        self._input: tuple[Audio, int] | None = None
        self._settings: Settings = np.zeros(0)
        self._kept: Audio | None = None
        self._length = 0

    def begin(
        self, audio: Audio, sample_rate: int, settings: Settings, spans: Sequence[slice]
    ) -> tuple[int, Audio, int | None]:
        """Where to begin, with what, and after how many effects the audio is wanted."""
        known = self._input
        same = known is not None and known[0] is audio and known[1] == sample_rate
        alike = _alike(self._settings, settings, spans) if same else 0
        self._input, self._settings = (audio, sample_rate), settings.copy()
        if self._kept is not None and 0 < self._length <= alike:
            wanted = alike if alike > self._length and alike < len(spans) else None
            return self._length, self._kept, wanted
        self._kept, self._length = None, 0
        return 0, audio, alike if 0 < alike < len(spans) else None

    def keep(self, audio: Audio, length: int) -> None:
        """Hold on to what the first effects made."""
        # A view that an effect behind cannot write to, as it cannot write to the input.
        self._kept, self._length = audio.view(), length
        self._kept.flags.writeable = False


def _alike(before: Settings, after: Settings, spans: Sequence[slice]) -> int:
    """How many effects, from the first on, stand as they did."""
    for index, span in enumerate(spans):
        if not np.array_equal(before[span], after[span]):
            return index
    return len(spans)


class ChainStream:
    """Streams in series.

    Parameters
    ----------
    streams : list of Stream
        First to last.
    channels : int
        Number of channels.
    check : callable
        Called with what a slot gave, and its index, before the next slot gets it.
    """

    def __init__(
        self, streams: list[Stream], channels: int, check: Callable[[Audio, int], None]
    ) -> None:
        self._streams = streams
        self._channels = channels
        self._check = check
        self.exact = all(stream.exact for stream in streams)

    def process(self, block: Audio) -> Audio:
        """Feed a block; returns what is ready.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        return self._feed(block, 0)

    def finish(self) -> Audio:
        """Return the rest, slot after slot."""
        pieces = []
        for index, stream in enumerate(self._streams):
            pieces.append(self._feed(stream.finish(), index + 1))
        self.exact = all(stream.exact for stream in self._streams)
        return np.concatenate(pieces, axis=1)

    def _feed(self, block: Audio, first: int) -> Audio:
        for index in range(first, len(self._streams)):
            if index:
                self._check(block, index - 1)
            if block.shape[1] == 0:
                return np.zeros((self._channels, 0), dtype=np.float32)
            block = self._streams[index].process(block)
            # Some slots turn inexact only once they were fed more than they render in one piece.
            self.exact = self.exact and self._streams[index].exact
        return block
