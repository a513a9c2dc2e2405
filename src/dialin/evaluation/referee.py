"""Judging: a method's answer is rendered here, finished like the truth, and measured.

Methods never see the truth, and the referee trusts none of their own figures.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio
from dialin.data.augment import to_peak
from dialin.effects import parse_chain
from dialin.effects.effect import Effect
from dialin.effects.spec import Settings
from dialin.errors import DialinError, UsageError
from dialin.evaluation.items import Item
from dialin.evaluation.methods import Outcome, Tools, get_method
from dialin.evaluation.methods.parse import ORACLE
from dialin.evaluation.metrics import (
    effect_set_f1,
    measure,
    of_settings,
    of_sounds,
    parameter_error,
)
from dialin.evaluation.metrics.parameters import live_knobs
from dialin.measures.responses import Response, response_errors
from dialin.measures.spectral import LdTarget, mrstft
from dialin.rendering import Job, SharedAudio
from dialin.workers.memory import map_shared

AUDIBLE = 0.05
"""MRSTFT that half a turn of a knob must change for the knob to count as audible."""

AUDIBLE_SIZES = (2048,)
DEADLINE = 300.0


def judge(
    audio: Audio,
    sample_rate: int,
    truth: tuple[str, tuple[int, int]],
    peak_dbfs: float | None,
    names: Sequence[str],
) -> dict[str, float]:
    """Measure an answer against the truth, which lies in shared memory; runs in a worker.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        The rendered answer.
    sample_rate : int
        In hertz.
    truth : (str, (int, int))
        Path and shape of the truth in shared memory.
    peak_dbfs : float or None
        Peak level at which it is judged; None for its own.
    names : sequence of str
        Of metrics.

    Returns
    -------
    dict of str to float
        By metric.
    """
    finished = audio if peak_dbfs is None else to_peak(audio, peak_dbfs)
    if tuple(names) == ("ld",) and finished.shape == truth[1]:
        # What a budget curve asks for hundreds of times.
        return {"ld": _ld_target(*truth).distance(finished)}
    return measure(finished, np.array(map_shared(*truth)), sample_rate, names)


@functools.lru_cache(maxsize=1)
def _ld_target(path: str, shape: tuple[int, int]) -> LdTarget:
    """Spectra of a truth; the path of shared audio is never used twice."""
    return LdTarget(map_shared(path, shape))


def audible_knobs(
    effect: Effect,
    audio: Audio,
    sample_rate: int,
    settings: Settings,
    indices: Sequence[int],
    peak_dbfs: float | None,
) -> NDArray[np.bool_]:
    """Which knobs, turned by half their travel, can be heard; runs where the effect is.

    Parameters
    ----------
    effect : Effect
        The effect, opened here.
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.
    settings : ndarray, float64, shape (knobs,)
        Positions of the knobs, 0 to 1.
    indices : sequence of int
        Indices of the knobs to try.
    peak_dbfs : float or None
        Peak level at which it is judged; None for its own.

    Returns
    -------
    ndarray, bool, shape (knobs,)
        False for knobs that were not tried.
    """

    def finished(vector: Settings) -> Audio:
        wet = effect.process(audio, sample_rate, vector)
        return wet if peak_dbfs is None else to_peak(wet, peak_dbfs)

    heard = np.zeros(len(settings), dtype=bool)
    here = finished(settings)
    for index in indices:
        moved = settings.copy()
        moved[index] = settings[index] + 0.5 if settings[index] < 0.5 else settings[index] - 0.5
        there = finished(moved)
        # What is no number any more has certainly changed.
        heard[index] = not np.isfinite(there).all() or (
            mrstft(there, here, AUDIBLE_SIZES) >= AUDIBLE
        )
    return heard


def evaluate_item(
    item: Item,
    methods: Iterable[str],
    tools: Tools,
    metrics: Sequence[str],
    curve: Sequence[int] = (),
) -> list[dict[str, Any]]:
    """Rows of one item, one for each method.

    Parameters
    ----------
    item : Item
        A task with its truth.
    methods : iterable of str
        Names of methods.
    tools : Tools
        What methods may use.
    metrics : sequence of str
        Names of metrics.
    curve : sequence of int
        Budgets at which methods with a trace are looked at: what they would have picked, and the
        best there was, by the first of `metrics`.

    Returns
    -------
    list of dict
    """
    pool, task = tools.pool, item.task
    heard, done = of_sounds(metrics), of_settings(metrics)
    does = _true_response(item, tools) if done else None
    audible: NDArray[np.bool_] | None = None
    counted = live_knobs(task.spec, task.fixed)
    if item.settings is not None:
        indices = [int(p) for p in np.flatnonzero(counted)]
        audible = pool.call(
            *(audible_knobs, task.input, task.sample_rate, item.settings, indices, item.peak_dbfs),
            effect=task.spec.uri,
            deadline=DEADLINE,
        )
    truth = pool.share(task.reference if item.truth is None else item.truth, task.sample_rate)
    shared = pool.share(task.input, task.sample_rate)
    against = (truth.path, truth.shape)
    rows = []
    try:
        for name in methods:
            row: dict[str, Any] = {
                "protocol": item.protocol,
                "group": item.group,
                "item": item.index,
                "method": name,
                "spec": task.spec.hash,
                "where": item.record,
                "metrics": {},
                "error": None,
            }
            began = time.monotonic()
            try:
                outcome = _ask(name, item, tools)
                row["seconds"] = round(time.monotonic() - began, 3)
                row["metrics"] = _judged(item, outcome, tools, shared, against, heard)
                row["metrics"] |= _response_errors(item, outcome, tools, does, done)
                row |= _choices(item, outcome, counted, audible)
                if curve and outcome.trace:
                    row["curve"] = _curve(
                        *(item, outcome, tools, shared, against, metrics[0], curve),
                        row["metrics"],
                        getattr(get_method(name), "budget", outcome.renders),
                    )
            except UsageError:
                raise
            except DialinError as error:
                row["error"] = f"{error.code}: {error}"
            rows.append(row)
    finally:
        pool.release(truth)
        pool.release(shared)
    return rows


def _ask(name: str, item: Item, tools: Tools) -> Outcome:
    if name != ORACLE:
        return get_method(name)(item.task, tools)
    if item.dry:
        return Outcome()
    if item.settings is None:
        raise DialinError("this protocol has no true settings")
    return Outcome(item.task.spec.uri, item.settings, renders=1)


def _true_response(item: Item, tools: Tools) -> Response | None:
    """What the true setting does in time; None where nobody knows, or it does nothing there."""
    if item.true is None:
        return None
    response = tools.responses.of(*item.true, item.task.sample_rate, len(item.task.input))
    return response if response.shows else None


def _response_errors(
    item: Item, outcome: Outcome, tools: Tools, true: Response | None, names: Sequence[str]
) -> dict[str, float]:
    """Errors of what was found in units of its effect; NaN where they have no meaning."""
    if true is None or outcome.audio is not None or not names:
        return dict.fromkeys(names, float("nan"))
    rate, channels = item.task.sample_rate, len(item.task.input)
    response = tools.responses.of(outcome.uri, outcome.settings, rate, channels)
    errors = response_errors(response, true)
    return {name: errors[name] for name in names}


def _judged(
    item: Item,
    outcome: Outcome,
    tools: Tools,
    shared: SharedAudio,
    against: tuple[str, tuple[int, int]],
    names: Sequence[str],
) -> dict[str, float]:
    arguments = (against, item.peak_dbfs, tuple(names))
    if outcome.audio is None and outcome.settings is not None and outcome.uri:
        job = Job(
            outcome.uri,
            shared,
            outcome.settings,
            measure=judge,
            measure_args=arguments,
            deadline=DEADLINE,
        )
        values: dict[str, float] = tools.pool.render([job])[0].get()
        return values
    audio = item.task.input if outcome.audio is None else outcome.audio
    values = tools.pool.call(
        judge, audio, item.task.sample_rate, *arguments, deadline=DEADLINE, label="a metric"
    )
    return values


def _choices(
    item: Item,
    outcome: Outcome,
    counted: NDArray[np.bool_],
    audible: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    """What a method chose beside what was true: settings and effects."""
    task = item.task
    row: dict[str, Any] = {"renders": outcome.renders, "uri": outcome.uri}
    alone = outcome.audio is None and not outcome.uri
    if item.dry:
        row["false_alarm"] = float(not alone)
    else:
        row["alone"] = float(alone)
    if task.hidden and outcome.audio is None:
        chosen = parse_chain(outcome.uri) if outcome.uri else []
        row["f1"] = effect_set_f1(chosen, item.effects)
    settings = outcome.settings
    same = item.settings is not None and settings is not None and bool(outcome.uri)
    if same and parse_chain(outcome.uri) == parse_chain(task.spec.uri):
        assert item.settings is not None and settings is not None
        row["parameters"] = parameter_error(settings, item.settings, counted)
        row["parameters_audible"] = parameter_error(settings, item.settings, counted, audible)
        ids = [p.id for p in task.spec.parameters]
        row["found"] = {ids[p]: round(float(settings[p]), 4) for p in task.free}
        row["true"] = {ids[p]: round(float(item.settings[p]), 4) for p in task.free}
    return row


def _curve(
    item: Item,
    outcome: Outcome,
    tools: Tools,
    shared: SharedAudio,
    against: tuple[str, tuple[int, int]],
    metric: str,
    budgets: Sequence[int],
    final: Mapping[str, float],
    planned: int,
) -> dict[str, dict[str, float]]:
    """At each budget: the metric of what would have been picked, and of the best there was."""
    # A method that keeps its scores to itself picks at the end alone, of all that it rendered of
    # the input, listening included; and it may end before its budget does.
    own = outcome.trace[0][2] is None and planned <= max(budgets)
    trace = outcome.trace if own else outcome.trace[: max(budgets)]
    jobs = [
        Job(
            uri,
            shared,
            settings,
            measure=judge,
            measure_args=(against, item.peak_dbfs, (metric,)),
        )
        for uri, settings, _ in trace
    ]
    values = [np.inf if r.failure else r.value[metric] for r in tools.pool.render(jobs)]
    curve: dict[str, dict[str, float]] = {}
    for budget in budgets:
        if budget > len(trace) or (own and budget > planned):
            continue
        point = {"best": float(np.min(values[:budget]))}
        scores = [score for _, _, score in trace[:budget]]
        if None not in scores:
            point["picked"] = float(values[int(np.argmin([s for s in scores if s is not None]))])
        curve[str(budget)] = point
    if own:
        curve[str(planned)] = {"best": float(np.min(values)), "picked": final[metric]}
    return curve
