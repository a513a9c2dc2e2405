"""Networks: front ends, encoders and model folders.

Names are imported when first used: `dialin.networks.runtime` uses trained networks without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Encoder": "encoder",
    "EncoderModule": "encoder",
    "FrontEnd": "frontend",
    "FrontEndConfig": "frontend_numpy",
    "OnnxPart": "folder",
    "PooledEncoder": "pooled_encoder",
    "Vae": "vae",
    "encoder_config": "folder",
    "encoder_part": "folder",
    "load_encoder": "folder",
    "load_runtime": "runtime",
    "load_weights": "folder",
    "save_model": "folder",
}

if TYPE_CHECKING:
    from dialin.networks.encoder import Encoder, EncoderModule
    from dialin.networks.folder import (
        OnnxPart,
        encoder_config,
        encoder_part,
        load_encoder,
        load_weights,
        save_model,
    )
    from dialin.networks.frontend import FrontEnd
    from dialin.networks.frontend_numpy import FrontEndConfig
    from dialin.networks.pooled_encoder import PooledEncoder
    from dialin.networks.runtime import load_runtime
    from dialin.networks.vae import Vae

__all__ = [
    "Encoder",
    "EncoderModule",
    "FrontEnd",
    "FrontEndConfig",
    "OnnxPart",
    "PooledEncoder",
    "Vae",
    "encoder_config",
    "encoder_part",
    "load_encoder",
    "load_runtime",
    "load_weights",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'dialin.networks' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"dialin.networks.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value
