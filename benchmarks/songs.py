"""Songs for benchmarks: found in a folder, split by song, cut into excerpts.

The split is that of `dialin.data`, by a hash of the song's name.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dialin.audio import audio_info, read_audio, resample
from dialin.audio.excerpts import SILENCE_MEAN_SQUARE
from dialin.data import split_key, split_of
from dialin.errors import DialinError

SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"}
PEAK = 10 ** (-12 / 20)
QUIET = 1e-3


def find_songs(folder: Path, seconds: float, split: str) -> list[Path]:
    """Recordings of at least so many seconds of one split, sorted."""
    songs = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and split_of(split_key(path.resolve())) == split:
            try:
                if audio_info(path).seconds >= seconds:
                    songs.append(path)
            except DialinError:
                continue
    if not songs:
        raise SystemExit(f"no recordings of {seconds:g} s or more of the {split} split in {folder}")
    return songs


def piece_parser(description: str | None, *, pieces: int, seed: int) -> argparse.ArgumentParser:
    """What is asked of a benchmark on `pieces_of` songs, with defaults."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("songs", type=Path)
    parser.add_argument("--split", default="valid", choices=["train", "valid", "test"])
    parser.add_argument("--pieces", type=int, default=pieces, help="of each song")
    parser.add_argument("--seed", type=int, default=seed)
    return parser


def pieces_of(
    arguments: argparse.Namespace, rng: np.random.Generator, *, rate: int, samples: int
) -> Iterator[np.ndarray]:
    """Random pieces of each song of half a minute and more, mono, but for what is quiet."""
    for song in find_songs(arguments.songs, 30, arguments.split):
        audio, source = read_audio(song)
        music = resample(audio[:2].mean(axis=0, keepdims=True), source, rate)
        for _ in range(arguments.pieces):
            start = int(rng.integers(0, max(1, music.shape[1] - samples)))
            piece = music[:, start : start + samples]
            if np.sqrt(np.square(piece).mean()) >= QUIET:
                yield piece


def excerpts(
    songs: list[Path], rng: np.random.Generator, *, rate: int, samples: int, mono: bool
) -> Iterator[tuple[Path, np.ndarray]]:
    """Random excerpts with both halves audible, peak-normalised to -12 dBFS, without end."""
    while True:
        song = songs[int(rng.integers(len(songs)))]
        info = audio_info(song)
        need = int(np.ceil(samples * info.sample_rate / rate)) + 64
        start = int(rng.integers(max(1, info.frames - need)))
        audio, source = read_audio(song, start=start, frames=min(need, info.frames))
        if mono:
            audio = audio.mean(axis=0, keepdims=True)
        audio = resample(np.ascontiguousarray(audio[:2], dtype=np.float32), source, rate)
        audio = audio[:, :samples]
        if audio.shape[1] < samples:
            continue
        halves = audio[:, : samples // 2], audio[:, samples // 2 :]
        if min(float(np.mean(half**2)) for half in halves) < SILENCE_MEAN_SQUARE:
            continue
        yield song, (audio * (PEAK / np.abs(audio).max())).astype(np.float32)
