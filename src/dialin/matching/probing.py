"""What is known of the effects before a search: which knobs do nothing, where they are neutral."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dialin.effects.chain import chain_slots, chain_spec, is_chain
from dialin.effects.effect import Effect
from dialin.effects.spec import EffectSpec
from dialin.errors import DialinError, EffectError

if TYPE_CHECKING:
    from dialin.rendering import Renderer

T = TypeVar("T")

_KNOWN = ("builtin", "fake")
"""Formats whose knobs are known, so that there is nothing to find out."""


@dataclass(frozen=True)
class Probed:
    """A chain whose knobs have been tried.

    Attributes
    ----------
    uri : str
        Of the chain, or of one effect.
    spec : EffectSpec
        Of the chain, dead knobs and neutral positions marked.
    slots : tuple of EffectSpec
        Of its effects.
    notes : tuple of str
        What a person should know of them.
    """

    uri: str
    spec: EffectSpec
    slots: tuple[EffectSpec, ...]
    notes: tuple[str, ...]

    @property
    def effect(self) -> EffectSpec:
        """What was asked about: the chain, or the one effect by itself, its own ids for knobs."""
        return self.spec if is_chain(self.uri) else self.slots[0]


def probe_chain(pool: Renderer, uri: str) -> Probed:
    """Probe the effects of a chain in a worker; what is in the user's cache is not done again.

    An effect that cannot be probed is taken as it describes itself, and a note says so.

    Parameters
    ----------
    pool : Renderer
        Workers that render.
    uri : str
        Of the chain, or of one effect.

    Returns
    -------
    Probed

    Raises
    ------
    EffectError
        If an effect cannot be opened.
    """
    from dialin.effects.probe import apply_probe

    whole = pool.describe(uri)
    specs: dict[str, EffectSpec] = {}
    notes: list[str] = []
    for _, slot, _ in chain_slots(whole):
        if slot in specs:
            continue
        spec = specs[slot] = pool.describe(slot)
        if spec.format in _KNOWN or not spec.size:
            continue
        try:
            probe = pool.probe(slot)
        except EffectError as error:
            notes.append(f"{spec.name} could not be probed, so all its knobs were tried: {error}")
            continue
        specs[slot] = apply_probe(spec, probe)
        if probe.verdict in ("silent", "no effect"):
            what = "only silence" if probe.verdict == "silent" else "only what was fed to it"
            notes.append(
                f"{spec.name} gave back {what} wherever its knobs stood; it may need a file or a "
                "window to be set up (see: dialin effects probe)"
            )
    slots = tuple(specs[slot] for _, slot, _ in chain_slots(whole))
    return Probed(uri, chain_spec(uri, slots), slots, tuple(notes))


def ask_effect(pool: Renderer, function: Callable[[Effect], T], uri: str) -> T | None:
    """Let a worker find something out about an effect; None where the effect does not let it.

    Parameters
    ----------
    pool : Renderer
        Whose worker opens the effect.
    function : callable
        At the top of a module; called with the effect.
    uri : str
        Of the effect.

    Returns
    -------
    object or None
    """
    try:
        answer: T = pool.call(function, effect=uri, deadline=10 * pool.deadline)
    except DialinError:
        return None
    return answer
