"""Recordings: taken in, drawn and played.

Uploads are streamed to disk, never held in memory, and stop at the first byte too many. What does
not turn out to be audio is deleted at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray

from dialin.audio import Audio, audio_info, cut_file, read_audio, read_blocks
from dialin.audio.formats import file_suffix
from dialin.errors import AudioFileError, DialinError, UsageError
from dialin.files import check_space, working_folder
from dialin.web.library import Library, Recording, safe_name
from dialin.web.options import StudioOptions

COLUMNS = 1600
"""Columns of a drawn waveform."""

WINDOW_SECONDS = 10.0
"""How much of a recording is played and turned, unless another stretch is chosen."""

LONGEST_WINDOW = 60.0

_SUFFIXES = frozenset(
    "wav wave bwf flac aif aiff aifc ogg oga opus mp3 m4a mp4 aac wma w64 rf64 caf au snd webm "
    "mka mov wv ape mpc alac".split()
)


class TooLargeError(UsageError):
    """A recording that is larger or longer than this studio takes."""

    code = "too-large"


async def take_in(
    library: Library,
    options: StudioOptions,
    name: str,
    promised: int | None,
    body: AsyncIterator[bytes],
) -> Recording:
    """Stream an upload to disk and look at it.

    Parameters
    ----------
    library : Library
        Where it goes.
    options : StudioOptions
        With the limits.
    name : str
        As its owner calls it.
    promised : int, optional
        Length that its sender promises, in bytes.
    body : async iterator of bytes
        What is sent.

    Returns
    -------
    Recording

    Raises
    ------
    TooLargeError
        If it is larger or longer than `options` allow.
    AudioFileError
        If it is empty or no audio.
    """
    limit = options.upload_bytes
    shown = name[:200].strip() or "recording"
    large = TooLargeError(
        f"{shown!r} is larger than {_size(limit)}, the most this studio takes; cut it, or start "
        "the studio with a larger --max-upload"
    )
    if promised is not None and promised > limit:
        raise large
    folder = library.folder / "recordings"
    check_space(folder, promised or 0)
    suffix = file_suffix(Path(shown))
    with working_folder(folder) as work:
        # What is moved away in the end is the folder inside, not the one that is held.
        staged = work / "new"
        staged.mkdir()
        made = staged / safe_name(shown, suffix if suffix in _SUFFIXES else "audio")
        size = 0
        async with await anyio.open_file(made, "wb") as file:
            async for chunk in body:
                size += len(chunk)
                if size > limit:
                    raise large
                await file.write(chunk)
        if not size:
            raise AudioFileError(f"{shown!r} is empty; choose a recording")
        facts = await anyio.to_thread.run_sync(_look_at, made, shown, options.upload_seconds)
        return library.add_recording(shown, made, facts)


def _look_at(path: Path, shown: str, longest: float) -> dict[str, Any]:
    """Facts of a file, or why it cannot be used; messages name it as its owner does."""
    try:
        info = audio_info(path)
        if info.seconds > longest:
            raise TooLargeError(
                f"{shown!r} lasts {info.seconds / 60:.0f} minutes; this studio takes "
                f"{longest / 60:.0f} at most: cut it, or start it with a larger --max-minutes"
            )
        return facts_of(path)
    except DialinError as error:
        raise type(error)(str(error).replace(repr(str(path)), repr(shown))) from error


def facts_of(path: Path) -> dict[str, Any]:
    """What the page needs to know of a file, apart from its samples.

    Parameters
    ----------
    path : Path
        Of a recording.

    Returns
    -------
    dict
        Plain data: seconds, sample_rate, channels, format, bytes, and the start of the
        liveliest stretch.
    """
    info = audio_info(path)
    cut = cut_file(path, seconds=WINDOW_SECONDS, pieces=1)
    seconds = cut.samples / cut.sample_rate
    start = cut.starts[0] / cut.sample_rate
    # All of what is hardly longer than the stretch.
    whole = seconds <= 1.5 * WINDOW_SECONDS
    return {
        "seconds": seconds,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
        "format": f"{info.format} {info.subtype}",
        "bytes": path.stat().st_size,
        "window": [0.0, seconds] if whole else [start, min(WINDOW_SECONDS, seconds - start)],
        "notes": list(info.notes),
    }


def known(library: Library, id: str) -> Recording:
    """A recording with its facts; those of examples are found out when they are asked for.

    Parameters
    ----------
    library : Library
        That has it.
    id : str
        Of the recording.

    Returns
    -------
    Recording
    """
    recording = library.recording(id)
    if recording.facts:
        return recording
    library.learn(id, facts_of(recording.path))
    return library.recording(id)


def outline(recording: Recording, columns: int = COLUMNS) -> list[list[int]]:
    """Lowest and highest sample of each column of a drawn waveform.

    Parameters
    ----------
    recording : Recording
        With its facts.
    columns : int
        How many.

    Returns
    -------
    list of two lists of int
        Lows and highs, -127 to 127 where full scale is 1.
    """
    frames = max(1, round(recording.facts["seconds"] * recording.facts["sample_rate"]))
    columns = min(columns, frames)
    low: NDArray[np.float64] = np.full(columns, np.inf)
    high: NDArray[np.float64] = np.full(columns, -np.inf)
    done = 0
    for block in read_blocks(recording.path):
        samples = np.arange(done, done + block.shape[1])
        column = np.minimum(samples * columns // frames, columns - 1)
        first = np.flatnonzero(np.diff(column, prepend=-1))
        columns_here = column[first]
        low[columns_here] = np.minimum(
            low[columns_here], np.minimum.reduceat(block.min(axis=0), first)
        )
        high[columns_here] = np.maximum(
            high[columns_here], np.maximum.reduceat(block.max(axis=0), first)
        )
        done += block.shape[1]
    low[~np.isfinite(low)], high[~np.isfinite(high)] = 0.0, 0.0
    return [np.clip(np.round(127 * side), -127, 127).astype(int).tolist() for side in (low, high)]


def window(recording: Recording, start: float, seconds: float) -> tuple[Audio, int]:
    """A stretch of a recording, of two channels at most.

    Parameters
    ----------
    recording : Recording
        With its facts.
    start, seconds : float
        Of the stretch; `LONGEST_WINDOW` at most.

    Returns
    -------
    audio : ndarray, float32, shape (channels, samples)
    sample_rate : int

    Raises
    ------
    UsageError
        If it does not lie in the recording.
    """
    rate, length = recording.facts["sample_rate"], recording.facts["seconds"]
    if not (0 <= start < length and 0 < seconds <= LONGEST_WINDOW + 1e-6):
        raise UsageError(
            f"{start:g} s and {seconds:g} s on is no stretch of {recording.name!r}, which lasts "
            f"{length:.2f} s; choose up to {LONGEST_WINDOW:g} s within it"
        )
    audio, _ = read_audio(recording.path, start=round(start * rate), frames=round(seconds * rate))
    return np.ascontiguousarray(audio[:2]), rate


def _size(count: int) -> str:
    return f"{count / 2**30:.3g} GiB" if count >= 1 << 30 else f"{count / 2**20:.3g} MiB"
