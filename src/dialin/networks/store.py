"""Where models of a person's own effects are kept, each under its effect's spec hash. No torch."""

from __future__ import annotations

import os
from pathlib import Path

from dialin.effects.spec import EffectSpec
from dialin.files import data_folder
from dialin.networks.configuration import CONFIG, read_config


def models_folder() -> Path:
    """``$DIALIN_MODELS``, or ``dialin/models`` where a person's programs keep their data."""
    named = os.environ.get("DIALIN_MODELS")
    if named:
        return Path(named).expanduser()
    return data_folder() / "models"


def model_place(spec: EffectSpec) -> Path:
    """Folder of the model of an effect, there or not.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.

    Returns
    -------
    Path
    """
    return models_folder() / spec.hash


def find_model(spec: EffectSpec) -> Path | None:
    """Folder of a model that was trained on exactly this effect, or None.

    Parameters
    ----------
    spec : EffectSpec
        Of the effect.

    Returns
    -------
    Path or None

    Raises
    ------
    UsageError
        If there is one that this version cannot read.
    """
    folder = model_place(spec)
    if not (folder / CONFIG).is_file():
        return None
    return folder if read_config(folder).get("spec_hash") == spec.hash else None
