"""Importing onnxruntime, without its telemetry."""

from __future__ import annotations

import os
from typing import Any


def import_onnxruntime() -> Any:
    """Import onnxruntime.

    Newer versions keep a record of their use in the home folder and report it, unless
    ``ORT_DISABLE_TELEMETRY`` is set before they are imported. What a person does with their music
    is nobody else's business; set it to 0 yourself if you want to be counted.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime
