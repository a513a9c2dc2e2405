"""Errors in settings and in the choice of effects.

Conventions: settings are in [0, 1]; only *live* knobs count (dead ones change nothing). Knobs that
cannot be heard in an item are no fault of a method: give `audible` to leave them out, and report
both figures.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dialin.effects.spec import EffectSpec


def live_knobs(spec: EffectSpec, fixed: Iterable[int] = ()) -> NDArray[np.bool_]:
    """Which elements of the settings vector count: live and not fixed.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect or chain.
    fixed : iterable of int, optional
        Indices of knobs that the protocol holds.

    Returns
    -------
    ndarray, bool, shape (knobs,)
    """
    kept = np.array([p.status == "live" for p in spec.parameters], dtype=bool)
    kept[list(fixed)] = False
    return kept


def parameter_error(
    found: ArrayLike, true: ArrayLike, counted: ArrayLike, audible: ArrayLike | None = None
) -> float:
    """Mean absolute error of settings, as a share of each knob's travel.

    Parameters
    ----------
    found, true : array_like, shape (knobs,)
        In [0, 1].
    counted : array_like of bool, shape (knobs,)
        From `live_knobs`.
    audible : array_like of bool, optional
        Knobs that can be heard.

    Returns
    -------
    float
        0 to 1; NaN where no knob counts.
    """
    mask = np.asarray(counted, dtype=bool)
    if audible is not None:
        mask = mask & np.asarray(audible, dtype=bool)
    gap = np.abs(np.asarray(found, dtype=np.float64) - np.asarray(true, dtype=np.float64))
    return float(gap[mask].mean()) if mask.any() else float("nan")


def effect_set_f1(found: Iterable[str], true: Iterable[str]) -> float:
    """F1 between two sets of effects, order and repeats aside; 1 where both are empty.

    >>> effect_set_f1(["builtin:reverb"], ["builtin:reverb", "builtin:delay"])
    0.6666666666666666

    Parameters
    ----------
    found : iterable of str
        URIs.
    true : iterable of str
        URIs.

    Returns
    -------
    float
        0 to 1.
    """
    a, b = set(found), set(true)
    if not a and not b:
        return 1.0
    return 2 * len(a & b) / (len(a) + len(b))
