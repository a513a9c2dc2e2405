"""A stretch of a recording through effects, while somebody turns their knobs.

Workers stay warm: effects are open, the stretch lies in shared memory. Of a chain only what comes
after the knob that is turned is rendered anew: what comes out of the slots before it is kept. That
changes no sample, since a chain hands on each slot's whole output (`dialin.effects.chain`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dialin.audio import Audio
from dialin.effects.amount import effect_at_amount
from dialin.effects.chain import chain_slots, chain_spec, chain_uri, parse_chain, slot_names
from dialin.effects.parameter import Parameter
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import ParameterError, RenderCrashError
from dialin.files.reading import read_json
from dialin.matching.features import ASPECTS
from dialin.presets import Preset
from dialin.rendering import Job, RenderPool, SharedAudio

SHARED_BYTES = 384 << 20
"""Memory that kept stretches and intermediate sounds may take."""

DEADLINE = 20.0

MOST_SIMPLER = 3
"""Candidates with one effect less that are offered, at most."""


@dataclass(frozen=True)
class LiveSlot:
    """One effect of what is heard, and where its knobs stand.

    Attributes
    ----------
    uri : str
    settings : tuple of float
        In [0, 1], in the effect's order.
    bypass : bool
        Whether it is left out.
    neutrals : mapping of str to float
        Native values, by id, at which a knob does nothing, where the effect itself does not say.
    """

    uri: str
    settings: tuple[float, ...]
    bypass: bool = False
    neutrals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LiveChain:
    """What there is to run for some slots at an amount.

    Attributes
    ----------
    uris : tuple of str
        Of the effects; none where the input is heard as it is.
    parts : tuple of ndarray
        Settings of each.
    specs : tuple of EffectSpec
        Of each.
    """

    uris: tuple[str, ...] = ()
    parts: tuple[Settings, ...] = ()
    specs: tuple[EffectSpec, ...] = ()


class Live:
    """Quick renders. Any thread may use it.

    Parameters
    ----------
    workers : int
        Processes.
    """

    def __init__(self, workers: int = 2) -> None:
        # One that crashes now and then goes on being played with: it is a person who decides.
        self._pool = RenderPool(workers, deadline=DEADLINE, quarantine=0)
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, SharedAudio] = OrderedDict()
        self._used: dict[Hashable, int] = {}

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    @property
    def pool(self) -> RenderPool:
        """Of the workers."""
        return self._pool

    def describe(self, uri: str) -> EffectSpec:
        """Spec of an effect, opened in a worker the first time.

        Parameters
        ----------
        uri : str
            Of the effect.

        Returns
        -------
        EffectSpec
        """
        return self._pool.describe(uri)

    def warm(self, uris: Sequence[str]) -> None:
        """Have the workers open effects, also as they are opened at amounts between 0 and 100.

        Parameters
        ----------
        uris : sequence of str
            Of effects.
        """
        silence = np.zeros((2, 512), np.float32)
        jobs = [
            Job(name, silence, self._pool.describe(name).default, 44_100)
            for uri in dict.fromkeys(uris)
            for name in (uri, f"mix:{uri}")
        ]
        self._pool.render(jobs * self._pool.workers)

    def hear(self, slots: Sequence[LiveSlot], amount: float) -> LiveChain:
        """What to run to hear these slots at an amount.

        Parameters
        ----------
        slots : sequence of LiveSlot
            In order, with those that are left out.
        amount : float
            In per cent.

        Returns
        -------
        LiveChain

        Raises
        ------
        ParameterError
            If settings do not fit their effect.
        """
        used = [slot for slot in slots if not slot.bypass]
        if not used:
            return LiveChain()
        specs = [self._pool.describe(slot.uri) for slot in used]
        vectors = [spec.check(slot.settings) for slot, spec in zip(used, specs, strict=True)]
        whole = chain_spec(chain_uri([slot.uri for slot in used]), specs)
        neutrals: dict[str, float] = {}
        for (name, _, _), slot, spec in zip(chain_slots(whole), used, specs, strict=True):
            ids = {p.id for p in spec.parameters}
            neutrals |= {f"{name}.{id}": v for id, v in slot.neutrals.items() if id in ids}
        uri, settings = effect_at_amount(whole, np.concatenate(vectors), amount, neutrals)
        if not uri:
            return LiveChain()
        uris = parse_chain(uri)
        made = [self._pool.describe(each) for each in uris]
        ends = np.cumsum([spec.size for spec in made])
        return LiveChain(tuple(uris), tuple(np.split(settings, ends[:-1])), tuple(made))

    def render(
        self, key: Hashable, read: Any, heard: LiveChain, changed: int | None = None
    ) -> tuple[Audio, int, float]:
        """Render a stretch.

        Parameters
        ----------
        key : hashable
            Of the stretch.
        read : callable
            Gives its audio and rate where it is not known yet.
        heard : LiveChain
            From `hear`.
        changed : int, optional
            First of the effects that is being turned; those before it are likely to stay.

        Returns
        -------
        audio : ndarray, float32, shape (channels, samples)
        sample_rate : int
        seconds : float
            That the workers took.
        """
        with self._shared(("stretch", key), read) as stretch:
            rate = stretch.sample_rate
            if not heard.uris:
                return read()[0], rate, 0.0
            first = min(changed or 0, len(heard.uris) - 1)
            if first <= 0:
                audio, seconds = self._run(stretch, heard.uris, heard.parts)
                return audio, rate, seconds
            head = tuple(part.tobytes() for part in heard.parts[:first])
            spent = 0.0

            def before() -> tuple[Audio, int]:
                nonlocal spent
                audio, spent = self._run(stretch, heard.uris[:first], heard.parts[:first])
                return audio, rate

            with self._shared(("before", key, heard.uris[:first], head), before) as begun:
                audio, seconds = self._run(begun, heard.uris[first:], heard.parts[first:])
                return audio, rate, seconds + spent

    def preset(self, heard: LiveChain, provenance: Mapping[str, Any]) -> Preset:
        """What is heard as a preset that gives the same samples at 100 %.

        Parameters
        ----------
        heard : LiveChain
            From `hear`.
        provenance : mapping
            Plain data.

        Returns
        -------
        Preset
        """
        facts = [
            (None, None)
            if spec.format == "builtin"
            else self._pool.call(_host_facts, part, effect=uri)
            for uri, part, spec in zip(heard.uris, heard.parts, heard.specs, strict=True)
        ]
        return Preset.from_settings(
            heard.specs,
            np.concatenate([np.zeros(0), *heard.parts]),
            states=[state for state, _ in facts],
            positions=[positions for _, positions in facts],
            provenance=provenance,
        )

    def _run(
        self, audio: SharedAudio, uris: Sequence[str], parts: Sequence[Settings]
    ) -> tuple[Audio, float]:
        job = Job(uris[0] if len(uris) == 1 else chain_uri(uris), audio, np.concatenate(parts))
        result = self._pool.render([job])[0]
        if isinstance(result.failure, RenderCrashError):
            # Somebody may have killed the worker; a plugin that crashes does so again.
            result = self._pool.render([job])[0]
        rendered: Audio = result.get()
        return rendered, result.seconds

    @contextmanager
    def _shared(self, key: Hashable, read: Any) -> Iterator[SharedAudio]:
        """Audio in shared memory, kept for the next time; the least used goes when it is full."""
        with self._lock:
            shared = self._kept.get(key)
            if shared is not None:
                self._kept.move_to_end(key)
                self._used[key] = self._used.get(key, 0) + 1
        if shared is None:
            audio, rate = read()
            made = self._pool.share(audio, rate)
            with self._lock:
                shared = self._kept.setdefault(key, made)
                self._used[key] = self._used.get(key, 0) + 1
            if shared is not made:
                self._pool.release(made)
            self._tidy()
        try:
            yield shared
        finally:
            with self._lock:
                self._used[key] -= 1

    def _tidy(self) -> None:
        with self._lock:
            total = sum(_bytes(one) for one in self._kept.values())
            for key in list(self._kept):
                if total <= SHARED_BYTES:
                    return
                if self._used.get(key):
                    continue
                gone = self._kept.pop(key)
                self._used.pop(key, None)
                total -= _bytes(gone)
                self._pool.release(gone)


def slots_of_match(folder: Path, describe: Any) -> dict[str, Any]:
    """Candidates of a match: its effects with every knob, as the page shows and turns them.

    Parameters
    ----------
    folder : Path
        That ``dialin match`` wrote.
    describe : callable
        Spec of an effect by its URI.

    Returns
    -------
    dict
        ``report`` and ``candidates``, the best first.
    """
    report = read_json(folder / "report.json")
    candidates = []
    # What left the input alone is no candidate to turn knobs of; the nearest is.
    if any(slot["used"] for slot in report["slots"]):
        candidates.append(_candidate("match", report, folder / "preset.json", describe))
    nearest = report.get("nearest")
    if nearest:
        facts = {"before": report["before"], **nearest}
        candidates.append(
            _candidate("nearest", facts, folder / "nearest" / "preset.json", describe)
        )
    around = _around(folder.parent / "around.json")
    if around is not None and candidates[:1] and candidates[0]["kind"] == "match":
        _add_around(candidates, report, around)
    if not candidates:
        candidates.append(_candidate("input", report, folder / "preset.json", describe))
    return {"report": report, "candidates": candidates}


def _around(file: Path) -> dict[str, Any] | None:
    try:
        around: dict[str, Any] = read_json(file)
    except (OSError, ValueError):
        # It is looked for after the match, which is whole without.
        return None
    return around


def _add_around(candidates: list[dict[str, Any]], report: Any, around: dict[str, Any]) -> None:
    """Say of each knob how far it may go, and offer what is as likely with one effect less."""
    best = candidates[0]
    used = [slot for slot in best["slots"] if slot["used"]]
    ranges = iter(around["likely"])
    for slot in used:
        for knob in slot["knobs"]:
            knob["likely"] = next(ranges, None)
    near = [one for one in around["without"] if one["distance"] <= best["after"] + around["margin"]]
    before = {aspect["name"]: aspect for aspect in best["aspects"]}
    for one in sorted(near, key=lambda one: float(one["distance"]))[:MOST_SIMPLER]:
        out = used[one["slot"]]
        told = dict(zip(ASPECTS, one["aspects"], strict=False))
        twice = sum(slot["name"] == out["name"] for slot in used) > 1
        name = f"{out['name']} ({out['slot']})" if twice else out["name"]
        candidates.append(
            {
                "kind": f"without-{out['slot']}",
                "name": f"Without {name}",
                "after": one["distance"],
                "aspects": [
                    {**a, "after": told.get(name, a["after"])} for name, a in before.items()
                ],
                "evidence": [
                    f"the match without {name}: {one['distance']:.2f} away from the "
                    f"reference, where the match is {best['after']:.2f}; up to "
                    f"{best['after'] + around['margin']:.2f} is as likely"
                ],
                "slots": [
                    {**slot, "used": slot["used"] and slot is not out} for slot in best["slots"]
                ],
            }
        )


def _candidate(kind: str, facts: Any, preset: Path, describe: Any) -> dict[str, Any]:
    # The preset has the positions with all their digits, and the neutral values that were probed.
    kept = list(Preset.load(preset, trust=True).slots) if preset.exists() else []
    slots = []
    for slot in facts["slots"]:
        spec: EffectSpec = describe(slot["uri"])
        own = kept.pop(0) if slot["used"] and kept else None
        told = {knob["id"]: knob for knob in slot["knobs"]}
        exact = {} if own is None else {knob.id: knob for knob in own.knobs}
        knobs = []
        for parameter, default in zip(spec.parameters, spec.default, strict=True):
            said, mine = told.get(parameter.id, {}), exact.get(parameter.id)
            neutral = mine.neutral if mine is not None else parameter.neutral
            position = float(default)
            if mine is not None:
                position = mine.normalised
            elif said and slot["used"]:
                position = said["after_position"]
            knobs.append(
                {
                    **_knob(parameter, float(default), position, neutral),
                    "locked": bool(said.get("locked")),
                    "dead": bool(said.get("dead")) or parameter.status == "dead",
                }
            )
        slots.append(
            {
                "slot": slot["slot"],
                "uri": slot["uri"],
                "name": slot["name"],
                "format": spec.format,
                "used": bool(slot["used"]),
                "reason": slot["reason"],
                "knobs": knobs,
            }
        )
    return {
        "kind": kind,
        "after": facts["after"],
        "aspects": facts["aspects"],
        "evidence": list(facts.get("evidence") or ()),
        "slots": slots,
    }


def slots_by_hand(uris: Sequence[str], describe: Callable[[str], EffectSpec]) -> dict[str, Any]:
    """Effects at their defaults, as the page shows and turns those of a match.

    Parameters
    ----------
    uris : sequence of str
        In order.
    describe : callable
        Spec of an effect by its URI.

    Returns
    -------
    dict
        A candidate, as `slots_of_match` has them.
    """
    slots = []
    for name, uri in zip(slot_names(uris), uris, strict=True):
        spec = describe(uri)
        knobs = [
            _knob(parameter, float(default), float(default), parameter.neutral)
            for parameter, default in zip(spec.parameters, spec.default, strict=True)
        ]
        slots.append(
            {
                "slot": name,
                "uri": uri,
                "name": spec.name,
                "format": spec.format,
                "used": True,
                "reason": "",
                "knobs": knobs,
            }
        )
    return {"kind": "hand", "after": 0.0, "aspects": [], "evidence": [], "slots": slots}


def _knob(
    parameter: Parameter, default: float, position: float, neutral: float | None
) -> dict[str, Any]:
    """One knob for the page: what its travel means, and the places that are marked on it."""
    try:
        at_neutral = None if neutral is None else parameter.to_normalised(neutral)
    except ParameterError:
        at_neutral = None
    return {
        **{k: v for k, v in parameter.to_dict().items() if k != "status"},
        "default_position": default,
        "neutral": neutral,
        "neutral_position": at_neutral,
        "position": position,
        "likely": None,
        "locked": False,
        "dead": parameter.status == "dead",
    }


def _host_facts(effect: Any, settings: Settings) -> tuple[bytes | None, list[float] | None]:
    from dialin.effects.effect import Plugin

    positions = effect.positions(settings) if isinstance(effect, Plugin) else None
    return effect.state(settings), positions


def _bytes(audio: SharedAudio) -> int:
    return 4 * audio.shape[0] * audio.shape[1]
