"""Learning: stages, losses, and gradients through effects."""

from __future__ import annotations

import os

# Lightning's metrics import onnxruntime; see `dialin.networks.onnx_runtime`.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
