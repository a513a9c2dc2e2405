"""Where models of a person's own effects are kept, each under its effect's spec hash. No torch."""

from __future__ import annotations

import os
from pathlib import Path

from dialin.effects.spec import EffectSpec
from dialin.errors import UsageError
from dialin.networks.configuration import CONFIG, read_config


def models_folder() -> Path:
    """``$DIALIN_MODELS``, or ``dialin/models`` where a person's programs keep their data."""
    named = os.environ.get("DIALIN_MODELS")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "dialin" / "models"


def model_place(spec: EffectSpec) -> Path:
    """Folder of the model of an effect, there or not."""
    return models_folder() / spec.hash


def find_model(spec: EffectSpec) -> Path | None:
    """Folder of a model that was trained on exactly this effect, or None.

    A folder that cannot be read, or that is another effect's, is no model of this one.
    """
    place = model_place(spec)
    if not (place / CONFIG).is_file():
        return None
    try:
        config = read_config(place)
    except UsageError:
        return None
    return place if config.get("spec_hash") == spec.hash else None
