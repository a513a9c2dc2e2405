"""A tiny corpus, rendered once for all tests of training."""

import contextlib

import numpy as np
import pytest

from dialin.audio import write_audio

RATE = 24_000


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small networks are slower on many threads, and far slower where tests run side by side."""
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_songs(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny-songs")
    rng = np.random.default_rng(3)
    moment = np.arange(2 * RATE) / RATE
    for place in range(12):
        tone = 0.4 * np.sign(np.sin(2 * np.pi * 110.0 * (place + 1) * moment))
        tone *= 0.3 + 0.7 * (np.sin(2 * np.pi * 3.0 * moment) > 0)
        audio = (tone + 0.02 * rng.standard_normal(moment.size)).astype(np.float32)[None]
        write_audio(root / f"song{place}.wav", audio, RATE)
    return root


@pytest.fixture(scope="session")
def tiny_rendered(tmp_path_factory):
    return tmp_path_factory.mktemp("tiny-rendered")


@pytest.fixture
def tiny_recipe(tiny_songs):
    """Plain data of a recipe that trains an epoch in a blink."""

    def make(**tables):
        body = {
            "data": {
                "effects": ["fake:drive", "fake:tilt"],
                "songs": [{"root": str(tiny_songs)}],
                "pairs": 12,
                "valid_pairs": 6,
                "samples": 8192,
                "shard": 6,
            },
            "front_end": {"bands": 32, "hop": 256, "fft": 1024},
            "model": {"dimensions": 8, "channels": [4, 8, 8]},
            "loop": {
                "epochs": 2,
                "batch": 8,
                "logger": "none",
                "accelerator": "cpu",
                "threads": 1,
            },
            "diagnostics": {"every": 0},
        }
        for name, table in tables.items():
            body[name] = {**body[name], **table} if isinstance(table, dict) else table
        return body

    return make
