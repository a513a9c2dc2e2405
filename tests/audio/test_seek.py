"""Reading a part of a file is cutting the whole."""

import numpy as np
import pytest

from dialin.audio import read_audio, write_audio


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus"])
@pytest.mark.parametrize("seconds", [1.0, 3.0, 9.0])
def test_any_part_equals_the_whole_cut_there(tmp_path, suffix, seconds):
    rate = 48_000
    noise = 0.1 * np.random.default_rng(1).standard_normal((2, round(seconds * rate)))
    path = write_audio(tmp_path / f"x{suffix}", noise.astype(np.float32), rate)
    whole, _ = read_audio(path)
    tolerance = 1e-3 if suffix == ".opus" else 0.0
    for share in (0.0, 0.13, 0.5, 0.8, 0.93, 0.99):
        start = int(share * whole.shape[1])
        part, _ = read_audio(path, start=start, frames=1000)
        wanted = whole[:, start : start + 1000]
        assert part.shape == wanted.shape
        assert np.abs(part - wanted).max() <= tolerance, (start, whole.shape)
