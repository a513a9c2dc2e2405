"""The benchmark of representations: what it makes of embeddings before it probes them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

from tests.training.test_probes import made

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "representation.py"


def test_untouched_music_is_put_beside_processed_music():
    spec = importlib.util.spec_from_file_location("representation", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    vectors, data = made(0)
    found, fewer = script.beside_clean(vectors, data)
    assert 2 not in fewer.label and found.shape == (len(fewer), 12)
    item = len(fewer) // 2
    content, half = fewer.content[item], fewer.half[item]
    clean = (data.label == 2) & (data.content == content) & (data.half == 1 - half)
    assert any(np.allclose(found[item, :6] - found[item, 6:], v) for v in vectors[clean])
