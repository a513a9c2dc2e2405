"""Running effects in worker processes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dialin.rendering.job import Job, Result, SharedAudio, describe_settings
from dialin.rendering.pool import RenderPool
from dialin.rendering.renderer import Renderer

if TYPE_CHECKING:
    from dialin.rendering.block import Block, BlockMemory, render_block
    from dialin.rendering.remote import Chain, RemoteEffect, default_pool, load_effect

# These lean on effects and SciPy; without them workers start before the program has imported both.
_LATER = {
    "Block": "block",
    "BlockMemory": "block",
    "Chain": "remote",
    "RemoteEffect": "remote",
    "default_pool": "remote",
    "load_effect": "remote",
    "render_block": "block",
}

__all__ = [
    "Block",
    "BlockMemory",
    "Chain",
    "Job",
    "RemoteEffect",
    "RenderPool",
    "Renderer",
    "Result",
    "SharedAudio",
    "default_pool",
    "describe_settings",
    "load_effect",
    "render_block",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'dialin.rendering' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dialin.rendering.{_LATER[name]}"), name)
