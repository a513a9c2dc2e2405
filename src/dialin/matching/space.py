"""What of a chain is searched: which effects, which knobs, and from where.

Knobs that are locked stay; a gain at the chain's end is computed, not searched; what was heard of
echoes (`dialin.matching.hearing.time_guesses`) sets knobs, rules effects out, or is a guess among
others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dialin.effects.chain import chain_slots
from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.time_guesses import Echoes
from dialin.matching.options import SearchOptions

GAIN_URI = "builtin:gain"


class SearchSpace:
    """The effects and knobs of a chain that a search may use.

    Parameters
    ----------
    spec : EffectSpec
        Of the chain.
    locked : mapping of int to float
        Index in the settings vector -> position in [0, 1], kept; so is its effect, where that is
        not the default.
    guesses : sequence of ndarray
        Settings of the chain to try first.
    echoes : Echoes, optional
        What was heard of echoes.
    staying : collection of int
        Slots of effects that are known to be there.

    Attributes
    ----------
    spec : EffectSpec
        Of the chain.
    slots : list of (str, str, slice)
        Its effects: name, URI, and where their knobs lie in the settings.
    start : ndarray, float64, shape (knobs,)
        Where the search begins.
    wanted : set of int
        Slots that a person asked for by locking a knob.
    staying : set of int
        Slots of effects that are known to be there.
    gain : int or None
        Index of the knob of a gain that ends the chain, to be computed.
    heard : list of Echo
        Echoes that are there: their effects stay in.
    absent : set of int
        Slots whose echoes were listened for and not heard.
    active : tuple of int
        Slots that are not absent.
    rendered : tuple of int
        Slots that are rendered: the active ones, or all where there are none.
    effects : tuple of int
        Those of `rendered` that are searched: all but the gain.
    free : list of int
        Indices of the knobs that are searched.
    guesses : list of ndarray
        Those given, then those of echoes in doubt.
    """

    def __init__(
        self,
        spec: EffectSpec,
        locked: Mapping[int, float],
        guesses: Sequence[Settings] = (),
        echoes: Echoes | None = None,
        staying: Collection[int] = (),
    ) -> None:
        self.spec, self.slots = spec, chain_slots(spec)
        self.guesses, self.staying = list(guesses), set(staying)
        self.start = spec.default
        for index, position in locked.items():
            self.start[index] = position
        # Who locks a knob elsewhere than at its default wants its effect.
        set_by_hand = [i for i, v in locked.items() if abs(v - spec.default[i]) > 1e-9]
        self.wanted = {
            number
            for number, (_, _, knobs) in enumerate(self.slots)
            if any(knobs.start <= index < knobs.stop for index in set_by_hand)
        }
        self.gain = self._last_gain(locked)
        if self.gain is not None:
            self.start[self.gain] = spec.parameters[self.gain].to_normalised(0.0)
        held = self._hear(echoes)
        self.free = [
            index
            for index, parameter in enumerate(spec.parameters)
            if index not in locked
            and index not in held
            and index != self.gain
            and parameter.status == "live"
        ]
        last = len(self.slots) - 1
        self.effects = tuple(n for n in self.rendered if self.gain is None or n != last)

    @property
    def kept(self) -> set[int]:
        """Slots that stay in whatever they bring."""
        return self.wanted | {echo.slot for echo in self.heard} | self.staying & set(self.effects)

    def grows(self, budget: int, options: SearchOptions) -> bool:
        """Whether so many renders are enough to let the chain grow effect by effect.

        Parameters
        ----------
        budget : int
            Renders.
        options : SearchOptions
            What is enough.

        Returns
        -------
        bool
        """
        count = len(self.effects)
        return count >= options.least_effects and options.least_budget * count <= budget

    def free_of(self, turned: Sequence[int]) -> list[int]:
        """Indices of the free knobs of some slots.

        Parameters
        ----------
        turned : sequence of int
            Slots.

        Returns
        -------
        list of int
        """
        spans = [self.slots[slot][2] for slot in turned]
        return [i for i in self.free if any(s.start <= i < s.stop for s in spans)]

    def _last_gain(self, locked: Mapping[int, float]) -> int | None:
        """Index of the gain knob that ends the chain, if there is one to set."""
        _, uri, knobs = self.slots[-1]
        if len(self.slots) > 1 and uri == GAIN_URI and knobs.start not in locked:
            return int(knobs.start)
        return None

    def _hear(self, echoes: Echoes | None) -> set[int]:
        """Take over what was heard; returns the indices of the knobs that are set by it."""
        reported = () if echoes is None else echoes.found
        self.heard = [e for e in reported if e.verdict == "heard"]
        self.absent = {e.slot for e in reported if e.verdict == "absent"}
        self.absent -= self.wanted | self.staying
        self.active = tuple(n for n in range(len(self.slots)) if n not in self.absent)
        # With nothing else to render, what was not heard is still shown as the nearest there is.
        self.rendered = self.active or tuple(range(len(self.slots)))
        held: set[int] = set()
        for echo in self.heard:
            knobs = self.slots[echo.slot][2]
            self.start[knobs] = echo.settings
            held |= {knobs.start + n for n in echo.places}
        for echo in reported:
            knobs = self.slots[echo.slot][2]
            if echo.verdict == "doubt" or not self.active:
                for settings in (*echo.guesses, echo.settings):
                    vector = self.start.copy()
                    vector[knobs] = settings
                    self.guesses.append(vector)
            elif echo.slot in self.absent:
                held |= set(range(knobs.start, knobs.stop))
        return held
