"""All metrics of a pair of recordings, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dialin.audio import Audio
from dialin.errors import UsageError
from dialin.evaluation.metrics import perceived
from dialin.measures import level, music, spectral
from dialin.measures.responses import UNITS


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name, title, unit : str
    function : callable, optional
        ``function(prediction, truth, sample_rate)``; None for what is measured of settings, not of
        sounds: see `dialin.measures.responses`.
    paired : bool
        Whether both sides must be the same music, sample by sample.
    higher_is_better : bool
    """

    name: str
    title: str
    unit: str
    function: Callable[[Any, Any, int], Any] | None = None
    paired: bool = False
    higher_is_better: bool = False

    @property
    def of_settings(self) -> bool:
        """Whether it compares what two settings do to test signals."""
        return self.function is None


def _without_rate(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any, int], Any]:
    return lambda prediction, truth, _: function(prediction, truth)


_ALL = (
    Metric("mrstft", "MRSTFT", "", _without_rate(spectral.mrstft), paired=True),
    Metric("ld", "L_d", "", _without_rate(spectral.ld), paired=True),
    Metric("mel", "mel distance", "", spectral.mel_distance, paired=True),
    Metric("pesq", "PESQ", "MOS", perceived.pesq_score, paired=True, higher_is_better=True),
    Metric("centroid", "centroid error", "Hz", spectral.centroid_error),
    Metric("spectrum", "long-term spectrum error", "dB", spectral.long_term_error),
    Metric("crest", "crest error", "dB", _without_rate(level.crest_error)),
    Metric("rms", "RMS error", "dB", _without_rate(level.rms_error)),
    Metric("lufs", "loudness error", "LU", level.loudness_error),
    Metric("width", "width error", "", _without_rate(level.width_error)),
    Metric("style", "style distance", "", perceived.style_error),
    Metric("timbre", "timbre distance", "points", perceived.timbre_distance),
    Metric("embedding", "embedding distance", "", perceived.embedding_distance),
    Metric("coarse", "coarse level distance", "dB", music.coarse_distance, paired=True),
    Metric("modulation", "modulation distance", "dB", music.modulation_distance, paired=True),
    *(Metric(name, title, unit) for name, (title, unit) in UNITS.items()),
)
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
"""All metrics by name, in the order tables show them."""


def check_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names, or raise `UsageError` for an unknown one.

    Parameters
    ----------
    names : iterable of str
        Of metrics.

    Returns
    -------
    tuple of str
    """
    wanted = tuple(names)
    for name in wanted:
        if name not in METRICS:
            raise UsageError(f"there is no metric {name!r}; choose from {', '.join(METRICS)}")
    return wanted


def of_sounds(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some metrics that compare two sounds.

    Parameters
    ----------
    names : iterable of str
        Of metrics.

    Returns
    -------
    tuple of str
    """
    return tuple(name for name in names if not METRICS[name].of_settings)


def of_settings(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some metrics that compare what two settings do.

    Parameters
    ----------
    names : iterable of str
        Of metrics.

    Returns
    -------
    tuple of str
    """
    return tuple(name for name in names if METRICS[name].of_settings)


def measure(
    prediction: Audio, truth: Audio, sample_rate: int, names: Iterable[str]
) -> dict[str, float]:
    """Several metrics of one pair of sounds; a module-level function, so that workers can run it.

    Parameters
    ----------
    prediction : ndarray, float32, shape (channels, samples)
        What is judged.
    truth : ndarray, float32, shape (channels, samples)
        What it should sound like.
    sample_rate : int
        In hertz.
    names : iterable of str
        Of `METRICS`, or this room's others.

    Returns
    -------
    dict of str to float

    Raises
    ------
    UsageError
        If one of them is measured of settings.
    """
    values = {}
    for name in names:
        function = METRICS[name].function
        if function is None:
            raise UsageError(f"{name} compares settings, not sounds; use response_errors")
        values[name] = float(function(prediction, truth, sample_rate))
    return values
