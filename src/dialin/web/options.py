"""What a studio is started with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from dialin.errors import UsageError
from dialin.files import data_folder

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def studio_folder() -> Path:
    """Where the studio keeps recordings, matches and maps, unless another place is named."""
    return data_folder() / "studio"


@dataclass(frozen=True)
class StudioOptions:
    """How a studio is set up.

    Attributes
    ----------
    library : Path
        Folder of recordings, matches and maps; made if it is not there.
    host : str
        Address to listen at.
    port : int
        0 takes a free one.
    allow_remote : bool
        Whether `host` may be one that other machines reach.
    workers : int
        Processes that render in a match; those that render while a knob is turned come on top.
    upload_bytes : int
        Largest recording taken.
    upload_seconds : float
        Longest recording taken.
    """

    library: Path = field(default_factory=studio_folder)
    host: str = "127.0.0.1"
    port: int = 0
    allow_remote: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    upload_bytes: int = 1 << 30
    upload_seconds: float = 3600.0

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and not self.allow_remote:
            raise UsageError(
                f"--host {self.host} lets other machines reach this studio, and with it your "
                "recordings and plugins; add --allow-remote if that is what you want"
            )
        if not 0 <= self.port <= 65_535:
            raise UsageError(f"port {self.port} is none; use 0 (any free one) to 65535")
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers cannot render; use at least 1")
        if self.upload_bytes < 1 or not self.upload_seconds > 0:
            raise UsageError("a limit of uploads must be above 0")
