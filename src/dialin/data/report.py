"""Which settings of an effect get rejected, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialin.effects.spec import EffectSpec

REGIONS = 5


@dataclass(frozen=True)
class RejectionReport:
    """Renders refused, by cause and by region of each knob.

    Attributes
    ----------
    parameters : tuple of str
        Ids of the knobs.
    pairs, lost : int
    draws : int
        Settings that were rendered and judged.
    causes : dict
        Refused draws by cause.
    dropped : dict
        Excerpts that were dropped, by cause.
    accepted, refused : ndarray, shape (parameters, 5)
        Draws in each fifth of each knob's travel.
    """

    parameters: tuple[str, ...]
    pairs: int
    lost: int
    draws: int
    causes: dict[str, int]
    dropped: dict[str, int]
    accepted: np.ndarray
    refused: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """Share of draws refused, shape (parameters, 5); NaN where there was none."""
        total = self.accepted + self.refused
        result: np.ndarray = np.full(total.shape, np.nan)
        np.divide(self.refused, total, out=result, where=total > 0)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        share = [[None if v != v else round(float(v), 4) for v in row] for row in self.share]
        return {
            "pairs": self.pairs,
            "lost": self.lost,
            "draws": self.draws,
            "refused_by_cause": self.causes,
            "excerpts_dropped": self.dropped,
            "refused_by_region": dict(zip(self.parameters, share, strict=True)),
        }


def rejection_report(spec: EffectSpec, records: Iterable[Mapping[str, Any]]) -> RejectionReport:
    """Count draws by cause and by fifths of each knob, from the records of pairs.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.
    records : iterable of mapping
        From `read_manifest`.

    Returns
    -------
    RejectionReport
    """
    accepted = np.zeros((spec.size, REGIONS), np.int64)
    refused = np.zeros((spec.size, REGIONS), np.int64)
    causes: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    pairs = lost = draws = 0
    rows = np.arange(spec.size)
    for record in records:
        pairs += 1
        lost += bool(record.get("lost"))
        dropped.update(record.get("dropped", {}))
        for name in ("settings", "input_settings"):
            if record.get(name) is not None:
                draws += 1
                accepted[rows, _regions(record[name])] += 1
        for cause, settings in record.get("rejected", ()):
            draws += 1
            causes[cause] += 1
            refused[rows, _regions(settings)] += 1
    names = tuple(p.id for p in spec.parameters)
    return RejectionReport(
        names, pairs, lost, draws, dict(causes), dict(dropped), accepted, refused
    )


def _regions(settings: list[float]) -> np.ndarray:
    regions: np.ndarray = np.minimum((np.asarray(settings) * REGIONS).astype(int), REGIONS - 1)
    return regions
