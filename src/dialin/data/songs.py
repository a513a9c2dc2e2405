"""Finding songs, and dividing them into train, valid and test for good.

A song's split is decided by a hash of its own name (or its speaker's, or its folder's) alone:
neither other files nor the folder that is searched nor the kind of file move it across, and
versions of a song under one name stay together.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dialin.audio import audio_info
from dialin.audio.listing import named_audio
from dialin.data.recipe import Recipe, SongSource, Split, digest
from dialin.data.stems import stem_info
from dialin.errors import AudioFileError, UsageError

STEMS = ("mixture", "drums", "bass", "other", "vocals")
STEM_NAMES = frozenset((*STEMS, "guitar", "rhythm", "keys", "song", "preview", "backing"))
"""Files named so are stems: their song is called like their folder."""
DEFAULT_SPLITS = (0.6, 0.15, 0.25)
"""Shares of train, valid and test."""
SHORTEST = 0.05


@dataclass(frozen=True)
class Part:
    """A file, or one stream of a stem file, and its length.

    Attributes
    ----------
    path : str
        Of the file.
    frames : int
        Samples of each channel.
    sample_rate : int
        In hertz.
    stem : int
        Number of the stream in a stem file; -1 for an ordinary file.
    """

    path: str
    frames: int
    sample_rate: int
    stem: int = -1

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate


@dataclass(frozen=True)
class SongTrack:
    """Something excerpts are cut from: a file, or several end to end.

    Attributes
    ----------
    id : str
        Path below the root; the same on every machine.
    song : str
        What decides the split: tracks of the same song stand on the same side.
    folder : str
        That it lies in, below the root; of MUSDB18 the subset.
    split : Split
        Which its song falls into.
    weight : float
        Times it is more likely than tracks of other sources.
    parts : tuple of Part
        In order.
    """

    id: str
    song: str
    folder: str
    split: Split
    weight: float
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return sum(part.seconds for part in self.parts)

    def identity(self) -> list[object]:
        """What makes this track itself, wherever it lies."""
        return [self.id, self.song, self.split, [[p.frames, p.sample_rate] for p in self.parts]]


@dataclass(frozen=True)
class Corpus:
    """Tracks of one split and how likely each is.

    Attributes
    ----------
    tracks : tuple of SongTrack
        Of one split.
    odds : tuple of float
        How likely each is, in no unit.
    hash : str
        Of all that decides what is drawn.
    unreadable : tuple of str
        Files that were left out.
    """

    tracks: tuple[SongTrack, ...]
    odds: tuple[float, ...]
    hash: str
    unreadable: tuple[str, ...] = ()

    @property
    def hours(self) -> float:
        """Total duration in hours."""
        return sum(t.seconds for t in self.tracks) / 3600

    def draw(self, rng: np.random.Generator, besides: str | None = None) -> SongTrack:
        """Draw a track; `besides` is a song it must not belong to.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of chance; drawn from in a fixed order.
        besides : str, optional
            Name of a song.

        Returns
        -------
        SongTrack

        Raises
        ------
        UsageError
            If there is no other song.
        """
        odds = np.array(self.odds)
        if besides is not None:
            odds[[t.song == besides for t in self.tracks]] = 0.0
            if not odds.any():
                raise UsageError(
                    f"the reference is to come from another song, but {besides!r} is the only one "
                    "of its split; add songs or use reference = 'halves'"
                )
        edges = np.cumsum(odds)
        index = np.searchsorted(edges, rng.random() * edges[-1], side="right")
        return self.tracks[min(int(index), len(self.tracks) - 1)]


def split_of(key: str, splits: Sequence[float] = DEFAULT_SPLITS) -> Split:
    """Split of everything with that `split_key`, by its hash.

    Parameters
    ----------
    key : str
        From `split_key`.
    splits : sequence of float
        Shares of train, valid and test; sum 1.

    Returns
    -------
    {"train", "valid", "test"}
    """
    value = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if value < splits[0]:
        return "train"
    return "valid" if value < splits[0] + splits[1] else "test"


def split_key(path: str | Path, group: str = "file") -> str:
    """What decides the split of a file, whatever folder was searched for it.

    >>> split_key("music/Aria.ogg"), split_key("Metal madness/guitar.ogg")
    ('aria', 'metal madness')
    >>> split_key("wav48/p225/p225_001.wav", "speaker"), split_key("a/b/c.wav", "folder")
    ('p225', 'b')

    Parameters
    ----------
    path : path-like
        Of a song.
    group : {"file", "folder", "speaker"}
        What must not lie in two splits.

    Returns
    -------
    str
    """
    file = Path(path)
    if group == "speaker":
        key = speaker_of(str(file))
    elif group == "folder" or file.stem.lower() in STEM_NAMES:
        key = file.parent.name
    else:
        key = file.stem
    return key.lower()


def speaker_of(path: str) -> str:
    """Speaker of a file in the layouts of VCTK, DAPS and LibriTTS, otherwise its first folder.

    >>> speaker_of("wav48/p225/p225_001.wav"), speaker_of("clean/f1_script1_clean.wav")
    ('p225', 'f1')
    >>> speaker_of("train-clean-100/84/121123/84_121123_000007_000001.wav")
    '84'

    Parameters
    ----------
    path : str
        Relative to the folder of songs.

    Returns
    -------
    str
    """
    name = Path(path).name
    for pattern in (r"([ps]\d+)_\d+", r"([fm]\d+)_script\d+", r"(\d+)_\d+_\d+_\d+"):
        if match := re.match(pattern, name):
            return match[1]
    parts = Path(path).parts
    return parts[0] if len(parts) > 1 else Path(path).stem


def find_songs(recipe: Recipe) -> Corpus:
    """Tracks of the recipe's split.

    Parameters
    ----------
    recipe : Recipe
        Songs, and how they are divided.

    Returns
    -------
    Corpus

    Raises
    ------
    UsageError
        If a root is missing or holds nothing usable; the message says what was looked for.
    """
    tracks: list[SongTrack] = []
    unreadable: list[str] = []
    for source in recipe.songs:
        root = Path(source.root)
        _check_root(source)
        if source.kind == "folder":
            here = _folder(root, source, recipe, unreadable)
        else:
            here = _musdb(root, source, recipe)
        if not here:
            raise UsageError(_nothing(root, source))
        tracks += here
    chosen = sorted((t for t in tracks if t.split == recipe.split), key=lambda t: t.id)
    if not chosen:
        raise UsageError(_no_split(recipe, [t.split for t in tracks]))
    hash = digest([t.identity() for t in chosen])
    return Corpus(tuple(chosen), _odds(chosen, recipe.weighting), hash, tuple(unreadable))


def look_for_songs(recipe: Recipe) -> None:
    """Refuse a recipe whose songs are not there, by their names alone; no file is opened.

    What `find_songs` will make of them is not foretold: files may turn out to be unreadable.

    Parameters
    ----------
    recipe : Recipe
        Songs, and how they are divided.

    Raises
    ------
    UsageError
        If a root is missing, holds nothing of the kind, or no song falls into the recipe's split.
    """
    splits: list[str] = []
    for source in recipe.songs:
        root = Path(source.root)
        _check_root(source)
        if source.kind == "folder":
            firsts: dict[str, Path] = {}
            for path in _files(root, source):
                firsts.setdefault(_song(path.relative_to(root).as_posix(), source.group), path)
            here = [_split(root, path, source, recipe) for path in firsts.values()]
        else:
            here = [s for _, _, s in _titles(root, source, recipe)]
        if not here:
            raise UsageError(_nothing(root, source))
        splits += here
    if recipe.split not in splits:
        raise UsageError(_no_split(recipe, splits))


def _no_split(recipe: Recipe, splits: Sequence[str]) -> str:
    return (
        f"no song falls into the split {recipe.split!r}: there are {len(splits)}, all in "
        f"{', '.join(sorted(set(splits)))}; add songs or change splits = {list(recipe.splits)}"
    )


def _check_root(source: SongSource) -> None:
    if not Path(source.root).is_dir():
        raise UsageError(
            f"there is no folder {source.root!r} to take songs from; name one that is there"
        )


def _nothing(root: Path, source: SongSource) -> str:
    if source.kind == "musdb18":
        return f"{str(root)!r} holds no MUSDB18: looked for train/*.stem.mp4 and test/*.stem.mp4"
    if source.kind == "musdb18hq":
        return (
            f"{str(root)!r} holds no MUSDB18-HQ: looked for train/*/mixture.wav and "
            "test/*/mixture.wav"
        )
    patterns = f" matching {list(source.include)}" if source.include else ""
    return f"{str(root)!r} holds no songs: looked for .wav, .flac and other audio files{patterns}"


def _odds(tracks: Sequence[SongTrack], weighting: str) -> tuple[float, ...]:
    folders: dict[str, float] = defaultdict(float)
    for track in tracks:
        folders[track.folder] += track.seconds
    result = []
    for track in tracks:
        base = 1.0 if weighting == "file" else track.seconds
        if weighting == "folder":
            base /= folders[track.folder]
        result.append(base * track.weight)
    return tuple(result)


def _wanted(name: str, source: SongSource) -> bool:
    if any(fnmatch.fnmatch(name, pattern) for pattern in source.exclude):
        return False
    return not source.include or any(fnmatch.fnmatch(name, p) for p in source.include)


def _folder(
    root: Path, source: SongSource, recipe: Recipe, unreadable: list[str]
) -> list[SongTrack]:
    groups: dict[str, list[tuple[str, Part]]] = defaultdict(list)
    for path in _files(root, source):
        name = path.relative_to(root).as_posix()
        try:
            info = audio_info(path)
        except AudioFileError:
            unreadable.append(name)
            continue
        if info.seconds < SHORTEST:
            continue
        groups[_song(name, source.group)].append(
            (name, Part(str(path), info.frames, info.sample_rate))
        )
    tracks = []
    for song, members in groups.items():
        split = _split(root, root / members[0][0], source, recipe)
        folder = str(Path(members[0][0]).parent)
        pieces: Iterable[tuple[str, tuple[Part, ...]]] = (
            [(song, tuple(part for _, part in members))]
            if source.join
            else [(name, (part,)) for name, part in members]
        )
        tracks += [SongTrack(id, song, folder, split, source.weight, parts) for id, parts in pieces]
    return tracks


def _files(root: Path, source: SongSource) -> Iterator[Path]:
    """Audio files of a source, by their names."""
    for path in named_audio(root):
        if _wanted(path.relative_to(root).as_posix(), source) and path.is_file():
            yield path


def _split(root: Path, path: Path, source: SongSource, recipe: Recipe) -> Split:
    """Split of a group by its first file."""
    # A speaker's first folder counts from the root; all else is known by its own name.
    known_by = path.relative_to(root).as_posix() if source.group == "speaker" else path
    return split_of(split_key(known_by, source.group), recipe.splits)


def _song(name: str, group: str) -> str:
    if group == "speaker":
        return speaker_of(name)
    if group == "folder" or Path(name).stem.lower() in STEM_NAMES:
        return str(Path(name).parent)
    return str(Path(name).with_suffix(""))


def _musdb(root: Path, source: SongSource, recipe: Recipe) -> list[SongTrack]:
    hq = source.kind == "musdb18hq"
    stems = STEMS if source.stem == "any" else (source.stem,)
    tracks = []
    for path, title, split in _titles(root, source, recipe):
        subset = "train" if root / "train" in path.parents else "test"
        for stem in stems:
            part = _wav_part(path.parent / f"{stem}.wav") if hq else _stem_part(path, stem)
            id = f"{subset}/{title}/{stem}"
            tracks.append(SongTrack(id, title, subset, split, source.weight, (part,)))
    return tracks


def _titles(root: Path, source: SongSource, recipe: Recipe) -> Iterator[tuple[Path, str, Split]]:
    """Songs of MUSDB18: a file of each, its title, its split."""
    if source.stem not in (*STEMS, "any"):
        raise UsageError(f"stem = {source.stem!r} in the recipe: use one of {[*STEMS, 'any']}")
    for subset in ("train", "test"):
        pattern = "*.stem.mp4" if source.kind == "musdb18" else "*/mixture.wav"
        for path in sorted((root / subset).glob(pattern)):
            hq = source.kind == "musdb18hq"
            title = path.parent.name if hq else path.name.removesuffix(".stem.mp4")
            if not _wanted(f"{subset}/{title}", source):
                continue
            split: Split = "test"
            if subset == "train":
                # Test songs are those of the published split; valid is taken out of train.
                train = recipe.splits[0] / (recipe.splits[0] + recipe.splits[1])
                split = split_of(title.lower(), (train, 1.0 - train, 0.0))
            yield path, title, split


def _wav_part(path: Path) -> Part:
    info = audio_info(path)
    return Part(str(path), info.frames, info.sample_rate)


def _stem_part(path: Path, stem: str) -> Part:
    frames, rate = stem_info(path)
    return Part(str(path), frames, rate, STEMS.index(stem))
