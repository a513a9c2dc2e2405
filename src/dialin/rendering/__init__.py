"""Running effects in worker processes."""

from dialin.rendering.block import Block, BlockMemory, render_block
from dialin.rendering.job import Job, Result, SharedAudio, describe_settings
from dialin.rendering.pool import RenderPool
from dialin.rendering.remote import Chain, RemoteEffect, default_pool, load_effect
from dialin.rendering.renderer import Renderer

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
