"""The folders of a person's own that dialin uses, where their system keeps such folders.

On Linux these are those of the XDG base directories: ``$XDG_CONFIG_HOME/dialin``,
``$XDG_CACHE_HOME/dialin`` and ``$XDG_DATA_HOME/dialin``, by default under ``~/.config``,
``~/.cache`` and ``~/.local/share``. None of them need be there.
"""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path, user_config_path, user_data_path

NAME = "dialin"


def config_folder() -> Path:
    """Where a person's own choices lie."""
    return user_config_path(NAME, appauthor=False)


def cache_folder() -> Path:
    """Where dialin keeps what it can find out again: all of it may be deleted."""
    return user_cache_path(NAME, appauthor=False)


def data_folder() -> Path:
    """Where models of a person's own effects lie."""
    return user_data_path(NAME, appauthor=False)
