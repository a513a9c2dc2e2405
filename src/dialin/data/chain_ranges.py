"""In which ranges the knobs of built-ins are drawn for chains: the published ones, and wider."""

from __future__ import annotations

from collections.abc import Mapping

PUBLISHED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "highpass": {"frequency": (30, 1_200)},
    "lowpass": {"frequency": (2_000, 18_000)},
    "peak": {"frequency": (80, 12_000), "gain": (-12, 12), "q": (0.3, 6)},
    "compressor": {
        "threshold": (-40, -6),
        "ratio": (1.5, 12),
        "attack": (0.1, 100),
        "release": (20, 500),
    },
    "distortion": {"drive": (0, 30)},
    "chorus": {
        "rate": (0.1, 8),
        "depth": (5, 80),
        "centre_delay": (3, 30),
        "feedback": (-70, 70),
        "mix": (10, 80),
    },
    "delay": {"time": (30, 1_500), "feedback": (0, 70), "mix": (10, 70)},
    "reverb": {"room_size": (20, 90), "damping": (10, 90), "wet": (10, 60), "width": (0, 100)},
}
"""Those of CounterFX (FXRepBench), in dialin's native units. Uniform in a knob's travel, which is
logarithmic for just the knobs that are log-uniform there: 22 knobs in all."""

FIXED = {"distortion": {"mix": 100.0}, "reverb": {"dry": 100.0}}
"""Knobs that dialin's built-ins have beyond these."""

USUAL: Mapping[str, Mapping[str, tuple[float, float]]] = {
    name: {**ranges, **{id: (value, value) for id, value in FIXED.get(name, {}).items()}}
    for name, ranges in PUBLISHED.items()
}
"""The same, with the knobs that stay."""

WIDE: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "highpass": {"frequency": (25, 2_000)},
    "lowpass": {"frequency": (800, 18_000)},
    "lowshelf": {"frequency": (50, 800), "gain": (-15, 15), "q": (0.4, 2)},
    "peak": {"frequency": (60, 14_000), "gain": (-15, 15), "q": (0.3, 8)},
    "highshelf": {"frequency": (1_000, 12_000), "gain": (-15, 15), "q": (0.4, 2)},
    "distortion": {"drive": (0, 40), "mix": (10, 100)},
    "compressor": {
        "threshold": (-50, -3),
        "ratio": (1.3, 20),
        "attack": (0.1, 150),
        "release": (10, 1_000),
    },
    "chorus": {
        "rate": (0.08, 10),
        "depth": (2, 95),
        "centre_delay": (2, 40),
        "feedback": (-80, 80),
        "mix": (5, 90),
    },
    "phaser": {
        "rate": (0.08, 10),
        "depth": (5, 95),
        "centre_frequency": (150, 6_000),
        "feedback": (-80, 80),
        "mix": (10, 90),
    },
    "delay": {"time": (10, 1_800), "feedback": (0, 85), "mix": (5, 80)},
    "reverb": {
        "room_size": (5, 98),
        "damping": (2, 98),
        "width": (0, 100),
        "wet": (4, 80),
        "dry": (40, 100),
    },
}
"""Wider than the published ones, and of all built-ins."""
