"""Setting an effect of late echoes by what is left of them in the references once it is undone.

What a window shows of an echo whose lag is no small part of it depends on when the music plays, and
on whether echoes rang before it began: answers to impulses that are compared with it are then right
about lags, and wrong about how loud echoes are and how often they come again. In the undone
reference nothing is left of them where settings are right. What is left bends little with knobs
that only scale echoes, so slopes lead on as in `dialin.matching.hearing.smooth_search`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dialin.effects.spec import EffectSpec, Settings
from dialin.matching.hearing.ears import Ear
from dialin.matching.hearing.echo_search import EchoFit, least_alike
from dialin.matching.hearing.echo_target import SHORTEST, Values, common_level
from dialin.matching.hearing.echo_verdicts import single_echo
from dialin.matching.hearing.impulses import ImpulseLab
from dialin.matching.hearing.smooth_search import damped_steps, led_settings, moved_settings
from dialin.measures.cepstrum import LAG_RATE
from dialin.measures.smoothing import maximum_filter1d
from dialin.measures.undoing import TAIL

LONG = 0.004
"""Share of the references from which a lag is no small part of them: 22 ms of 5.5 s."""

ECHOES, LONGEST_TAIL = 20, 12.0
"""For how many echoes an answer to an impulse is followed, and seconds at most."""

SETTLED, SETTLED_SHARE = 60.0, 0.003
"""What settings may leave, in units of the noise's variance or as a share of what there is, that
need no search."""

THERE, BESIDE = 0.05, 6
"""Height, as a share of the highest, from which an answer has an echo at a lag, and lags beside it
that still belong to it."""

ALIKE, DRAWS, ENDS = 4, 10, (0.1, 0.9)
"""Settings that explain as much, and random ones, that are tried; and where a knob of each of the
first stands."""

STARTS, SAME_MOMENT, ELSEWHERE = 3, 0.001, 0.25
"""Settings that are followed; seconds between the loudest moments of two answers, from which one is
another reading of an echo (a loud echo of a soft sound, or a soft one of a loud one); and how far a
smooth knob of each stands from where it is in the others."""

ROUNDS, GAIN = 6, 0.02
"""Steps for each, and share of what is left that one must take away, or it is the last."""

CLOSER = 0.7
"""Share of what the settings that were heard leave, above which what is found is no nearer."""

AS_LITTLE, LITTLE, SAME = 4.0, 20.0, 0.05
"""What settings may leave to be handed on, as a share of the least that is left, and beside that,
in units of the noise's variance; and how far a knob of theirs stands from that of the others."""

LEFT = 150.0
"""What more is left, in these units, that speaks as much against settings as explaining so little
that they would just be handed on. True settings of twelve echoes on songs for validation left up to
114 more than the best, 27 in the median."""


@dataclass(frozen=True, eq=False)
class _Undone:
    """Settings, and what is left once the effect is undone at them."""

    settings: Settings
    rows: Values
    left: float
    loudest: float


class UndoneSearch:
    """One search of the smooth knobs, lag knobs where they are.

    Parameters
    ----------
    lab : ImpulseLab
        Asks the effect, for as long as `tail_of` says.
    ear : Ear
        The recordings.
    spec : EffectSpec
        Of the effect alone.
    smooth : sequence of int
        Places of the knobs that may be moved.
    seed : int
        Of all chance.
    """

    def __init__(
        self, lab: ImpulseLab, ear: Ear, spec: EffectSpec, smooth: Sequence[int], seed: int = 0
    ) -> None:
        self._lab, self._ear, self._spec = lab, ear, spec
        self._smooth = [n for n in smooth if not spec.parameters[n].is_stepped]
        self._rng = np.random.default_rng([seed, 29])
        self._where = np.zeros(0)

    def run(self, fit: EchoFit) -> EchoFit:
        """Settings that leave less of what was heard; the same ones where none do.

        Parameters
        ----------
        fit : EchoFit
            What was heard.

        Returns
        -------
        EchoFit
            With what explains as much, and leaves as little, in `alike`.
        """
        if not self._smooth:
            return fit
        target = self._ear.whole
        rows = np.abs(target.fit(fit.answer))
        rows[:, : round(SHORTEST * LAG_RATE)] = 0.0
        echoes = (rows >= THERE * rows.max()).astype(np.float64)
        self._where = maximum_filter1d(echoes, 2 * BESIDE + 1, axis=1) * target.weight
        (heard,) = self._ask([fit.settings])
        there = float(np.vdot(target.values, self._where * target.values))
        if heard is None or heard.left <= max(SETTLED, SETTLED_SHARE * there):
            return fit
        found = self._followed(heard, self._ask(self._likely(fit)))
        if found[0].left > CLOSER * heard.left:
            return fit
        best, *alike = self._handed_on(found)
        less = (fit.drop - least_alike(fit.drop)) / LEFT
        rest = [(t.settings, fit.drop - less * (t.left - best.left)) for t in alike]
        return replace(fit, settings=best.settings, alike=rest)

    def _likely(self, fit: EchoFit) -> list[Settings]:
        """Settings that explain as much, and random ones."""
        vectors = [settings for settings, _ in fit.alike[:ALIKE]]
        for number in range(DRAWS):
            vector = fit.settings.copy()
            vector[self._smooth] = self._rng.random(len(self._smooth))
            if number < len(ENDS) * len(self._smooth):
                # What is all wet is another reading.
                vector[self._smooth[number // len(ENDS)]] = ENDS[number % len(ENDS)]
            vectors.append(self._spec.check(vector))
        return vectors

    def _followed(self, heard: _Undone, elsewhere: Sequence[_Undone | None]) -> list[_Undone]:
        """What slopes lead to, from what was heard and from elsewhere; what leaves least is first.

        Another reading than those that were led to so far is followed first.
        """
        starts, found = [heard], [self._descend(heard)]
        likely = sorted((t for t in elsewhere if t is not None), key=lambda t: t.left)
        while len(starts) < STARTS:
            away = [t for t in likely if all(self._apart(t, s) > ELSEWHERE for s in starts)]
            others = [t for t in away if all(_is_other_reading(t, f) for f in found)]
            if not away:
                break
            starts.append((others or away)[0])
            found.append(self._descend(starts[-1]))
        return sorted(found, key=lambda t: t.left)

    def _handed_on(self, found: Sequence[_Undone]) -> list[_Undone]:
        """Those that leave about as little as the first, no two of them the same."""
        kept = [found[0]]
        for tried in found[1:]:
            if tried.left > AS_LITTLE * found[0].left + LITTLE:
                break
            if all(self._apart(tried, other) > SAME for other in kept):
                kept.append(tried)
        return kept

    def _ask(self, settings: Sequence[Settings]) -> list[_Undone | None]:
        ear = self._ear
        results: list[_Undone | None] = []
        answers = self._lab.undone(settings, ear.undoable(self._lab.seconds), ear.whole.highest)
        for vector, answer in zip(settings, answers, strict=True):
            if answer is None or not np.isfinite(answer[0]).all():
                results.append(None)
                continue
            rows = ear.whole.fit(answer[0])
            # Music of the input that the reference plays too stays.
            own = ear.whole.own
            rows = rows - common_level(own, rows, ear.whole.weight) * own
            left = float(np.vdot(rows, self._where * rows))
            results.append(_Undone(vector, rows, left, answer[1]))
        return results

    def _descend(self, best: _Undone) -> _Undone:
        """Go where slopes lead."""
        for _ in range(ROUNDS):
            asked, moves = moved_settings(best.settings, self._smooth)
            near = self._ask(asked)
            slopes = [0.0 * best.rows if t is None else t.rows - best.rows for t in near]
            steps = damped_steps(-best.rows, slopes, self._where)
            vectors = led_settings(self._spec, best.settings, self._smooth, moves, steps)
            there = [t for t in (*near, *self._ask(vectors)) if t is not None]
            before, best = best, min([best, *there], key=lambda t: t.left)
            if best.left > (1 - GAIN) * before.left:
                break
        return best

    def _apart(self, one: _Undone, two: _Undone) -> float:
        return float(np.abs(one.settings - two.settings)[self._smooth].max())


def _is_other_reading(one: _Undone, two: _Undone) -> bool:
    return abs(one.loudest - two.loudest) > SAME_MOMENT


def tail_of(fit: EchoFit, ear: Ear) -> float | None:
    """For how long the answers of echoes are followed whose lag is no small part of the references.

    Parameters
    ----------
    fit : EchoFit
        What was heard.
    ear : Ear
        The recordings.

    Returns
    -------
    float or None
        In seconds; None of others.
    """
    lag, _ = single_echo(fit.answer, ear.whole)
    if lag is None or lag < LONG * ear.seconds or ear.late:
        return None
    return float(np.clip(np.ceil(ECHOES * lag), TAIL, LONGEST_TAIL))
