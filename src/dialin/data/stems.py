"""MUSDB18's stem files (``.stem.mp4``), through stempeg and ffmpeg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.errors import MissingPackageError, UsageError


def _stempeg() -> Any:
    try:
        import stempeg
    except ImportError as error:
        raise MissingPackageError(
            "MUSDB18's .stem.mp4 files need stempeg and ffmpeg: pip install 'dialin[data]'"
        ) from error
    except (OSError, RuntimeError) as error:
        raise UsageError(f"stempeg cannot find ffmpeg and ffprobe; install ffmpeg ({error})") from (
            error
        )
    return stempeg


def stem_info(path: Path) -> tuple[int, int]:
    """Length in samples and rate of a stem file.

    Parameters
    ----------
    path : Path
        A ``.stem.mp4`` file.

    Returns
    -------
    (int, int)
    """
    info = _stempeg().Info(str(path))
    return int(info.duration(0) * info.sample_rate(0)), int(info.sample_rate(0))


def read_stem(path: str, stem: int, start: float, seconds: float) -> NDArray[np.float32]:
    """Decode a piece of one stem, ``(samples, channels)``.

    Parameters
    ----------
    path : str
        A ``.stem.mp4`` file.
    stem : int
        Its number; 0 is the mix.
    start : float
        In seconds.
    seconds : float
        How much is wanted.

    Returns
    -------
    ndarray, float32, shape (samples, channels)
        At the file's own rate.
    """
    data, _ = _stempeg().read_stems(
        path, stem_id=stem, start=start, duration=seconds, dtype=np.float32
    )
    samples: NDArray[np.float32] = np.asarray(data, np.float32).reshape(-1, data.shape[-1])
    return samples
