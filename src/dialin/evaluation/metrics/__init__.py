"""Metrics: how far a prediction is from the truth.

Conventions
-----------
* The prediction comes first, the truth (or, where there is none, the reference) second, then the
  sample rate in hertz. Lower is better unless a metric's entry in `METRICS` says otherwise.
* Audio is ``(samples,)``, ``(channels, samples)``, or a batch ``(items, channels, samples)``; a
  batch gives an array ``(items,)``, anything else a float.
* NaN and infinite samples are refused with `AudioError`, here as everywhere.
* *Paired* metrics (MRSTFT, L_d, mel distance, PESQ; coarse levels and modulation, which forgive
  milliseconds) are of the same music on both sides: other lengths or channel counts are refused,
  because they are nearly always a mistake.
  The others compare what each side is as a whole, whatever the lengths.
* Silence has a level of -120 dB (RMS, peak) or -70 LUFS, a crest factor of 0 dB, a width of 0;
  spectra are clamped from below as noted. Where a metric has no meaning (PESQ or a spectral
  centroid of silence) it is NaN, and tables count what they leave out.
* Metrics *of settings* (T30, echo time, modulation rate ...) need no music: they compare what two
  settings do to test signals. `dialin.measures.responses` has them.
"""

from dialin.evaluation.metrics.parameters import effect_set_f1, parameter_error
from dialin.evaluation.metrics.perceived import (
    embedding_distance,
    pesq_score,
    style_error,
    timbre_distance,
)
from dialin.evaluation.metrics.table import (
    METRICS,
    Metric,
    check_metrics,
    measure,
    of_settings,
    of_sounds,
)
from dialin.measures.level import (
    crest_error,
    loudness_error,
    rms_error,
    width_error,
)
from dialin.measures.music import coarse_distance, modulation_distance
from dialin.measures.spectral import (
    centroid_error,
    ld,
    long_term_error,
    mel_distance,
    mrstft,
)

__all__ = [
    "METRICS",
    "Metric",
    "centroid_error",
    "check_metrics",
    "coarse_distance",
    "crest_error",
    "effect_set_f1",
    "embedding_distance",
    "ld",
    "long_term_error",
    "loudness_error",
    "measure",
    "mel_distance",
    "modulation_distance",
    "mrstft",
    "of_settings",
    "of_sounds",
    "parameter_error",
    "pesq_score",
    "rms_error",
    "style_error",
    "timbre_distance",
    "width_error",
]
