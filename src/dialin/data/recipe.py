"""Recipes: what training data is made of, as a TOML file read into dataclasses.

A recipe fixes every random choice. Together with the songs it names it decides each pair, so its
`identity` (all of it but where the songs lie and how many pairs are wanted) is what a folder of
rendered pairs is known by.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dialin.data.fields import between, build
from dialin.errors import RecipeError
from dialin.files.reading import read_toml as read_toml_file

Split = Literal["train", "valid", "test"]

LARGEST = 4 * 2**20
"""Bytes of a recipe."""


@dataclass(frozen=True)
class SongSource:
    """Where songs lie and how they are told apart.

    Attributes
    ----------
    root : str
        A folder; ``~`` and ``${VARIABLE}`` are expanded. A relative path starts at the recipe, or
        at the current folder where it comes from a variable or the command line.
    kind : {"folder", "musdb18", "musdb18hq"}
        A tree of audio files, or one of the two layouts of MUSDB18.
    group : {"file", "folder", "speaker"}
        What must never be divided between splits: each file, all files of a folder, or all files
        of a speaker (VCTK ``p225_001``, DAPS ``f1_script1``, LibriTTS ``84/121123/84_...``).
    join : bool
        Put the files of a group end to end, for corpora of very short files.
    stem : str
        MUSDB18: ``mixture``, ``drums``, ``bass``, ``other``, ``vocals``, or ``any`` for all five.
    include, exclude : tuple of str
        Glob patterns on the path below `root`; exclusion wins.
    weight : float
        Times this source is more likely than the rest.
    """

    root: str
    kind: Literal["folder", "musdb18", "musdb18hq"] = "folder"
    group: Literal["file", "folder", "speaker"] = "file"
    join: bool = False
    stem: str = "mixture"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class ExcerptOptions:
    """How excerpts are cut: rate in hertz, lengths in seconds, levels in dBFS.

    Attributes
    ----------
    sample_rate : int
        Of everything that is rendered.
    seconds : float
        Of an excerpt of two halves.
    channels : int
        1 or 2.
    peak_dbfs : float
        Level that excerpts are brought to before the effect.
    fade : float
        Of both ends.
    silence : float
        Mean square, full scale 1, below which a half is no music.
    places : int
        Tries to find music in a song.
    """

    sample_rate: int = 24_000
    seconds: float = 5.0
    channels: int = 1
    peak_dbfs: float = -12.0
    fade: float = 0.05
    silence: float = 1e-5
    places: int = 20

    @property
    def samples(self) -> int:
        """Length in samples, even, so that both halves are equally long."""
        return 2 * round(self.seconds * self.sample_rate / 2)


@dataclass(frozen=True)
class AugmentOptions:
    """Random changes of an excerpt before any effect. Ranges are ``(lowest, highest)``.

    `method` is ``rubberband`` (pitch and tempo apart, slow) or ``resample`` (both together, as a
    tape would, nearly free; it follows `pitch`). Each change happens with `probability`, then
    with its own one.

    Attributes
    ----------
    probability : float
        Of any change at all, 0 to 1.
    method : {"rubberband", "resample"}
        How pitch and tempo are changed.
    pitch : (float, float)
        In semitones.
    tempo : (float, float)
        In times as fast.
    pitch_probability : float
        0 to 1.
    tempo_probability : float
        0 to 1.
    gain_db : (float, float)
        In decibels, after the peak is set.
    polarity_probability : float
        Of turning the waveform over, 0 to 1.
    tilt_db : (float, float)
        From the lows to the highs; negative for darker.
    noise_dbfs : (float, float)
        RMS of white noise that is added.
    noise_probability : float
        0 to 1.
    """

    probability: float = 0.0
    method: Literal["rubberband", "resample"] = "resample"
    pitch: tuple[float, float] = (-2.0, 2.0)
    tempo: tuple[float, float] = (0.9, 1.1)
    pitch_probability: float = 1.0
    tempo_probability: float = 1.0
    gain_db: tuple[float, float] = (0.0, 0.0)
    polarity_probability: float = 0.0
    tilt_db: tuple[float, float] = (0.0, 0.0)
    noise_dbfs: tuple[float, float] = (-80.0, -50.0)
    noise_probability: float = 0.0


@dataclass(frozen=True)
class Prior:
    """How one knob is drawn, in the normalised space.

    ``uniform`` between `low` and `high`; ``log`` the same with equal odds for each octave above
    0.01; ``beta`` with shapes `a` and `b`, scaled to the range; ``fixed`` at `value`.

    Attributes
    ----------
    kind : {"uniform", "log", "beta", "fixed"}
        Which of the four.
    low : float
        0 to 1.
    high : float
        From `low` to 1.
    a : float
        Above 0.
    b : float
        Above 0.
    value : float
        0 to 1.
    """

    kind: Literal["uniform", "log", "beta", "fixed"] = "uniform"
    low: float = 0.01
    high: float = 0.99
    a: float = 1.0
    b: float = 1.0
    value: float = 0.5


@dataclass(frozen=True)
class SettingsOptions:
    """How settings are drawn.

    Attributes
    ----------
    low, high : float
        Range of knobs without a prior of their own.
    input_probability, target_probability : float
        Probability that the input, the target, carries the effect.
    redraws : int
        Draws for one excerpt before it is dropped.
    excerpts : int
        Excerpts for one pair before the pair is given up.
    priors : mapping of str to Prior
        By parameter id.
    presets : tuple of str
        Preset files to start from, `preset_probability` of the time, each knob moved by a normal
        deviation of `preset_jitter`. Relative paths as for songs.
    preset_probability : float
        Of drawing near to a preset, 0 to 1.
    preset_jitter : float
        Standard deviation of that, in travels of a knob.
    """

    low: float = 0.01
    high: float = 0.99
    input_probability: float = 0.0
    target_probability: float = 1.0
    redraws: int = 100
    excerpts: int = 20
    priors: Mapping[str, Prior] = field(default_factory=dict)
    presets: tuple[str, ...] = ()
    preset_probability: float = 0.0
    preset_jitter: float = 0.05


@dataclass(frozen=True)
class CheckOptions:
    """What a render must pass. See `dialin.data.checks`.

    Attributes
    ----------
    silence : float
        Mean square, full scale 1, below which it is silent.
    peak_dbfs : float
        Highest peak.
    clipped : float
        Largest share of samples at the extremes, of a peak at full scale or above.
    similarity : float
        Least mean cosine of MFCCs to the excerpt before the effect.
    """

    silence: float = 1e-5
    peak_dbfs: float = 40.0
    clipped: float = 0.05
    similarity: float = 0.75


@dataclass(frozen=True)
class Recipe:
    """All that decides a set of pairs.

    Attributes
    ----------
    effect : str
        URI of an effect or a chain.
    songs : tuple of SongSource
    seed, pairs : int
    split : {"train", "valid", "test"}
    splits : tuple of float
        Shares of songs in train, valid and test.
    weighting : {"duration", "file", "folder"}
        What is equally likely: each second, each file or each folder.
    reference : {"halves", "song"}
        Take the reference from the other half of the excerpt, or from another song.
    timbre : bool
        Measure the timbre of both sides of each pair.
    shard : int
        Pairs in a file.
    bits : int
        16 or 24, of the audio written.
    excerpt : ExcerptOptions
        How excerpts are cut.
    augment : AugmentOptions
        What is changed before any effect.
    settings : SettingsOptions
        How settings are drawn.
    checks : CheckOptions
        What renders must pass.
    """

    effect: str
    songs: tuple[SongSource, ...]
    seed: int = 0
    pairs: int = 1000
    split: Split = "train"
    splits: tuple[float, float, float] = (0.6, 0.15, 0.25)
    weighting: Literal["duration", "file", "folder"] = "duration"
    reference: Literal["halves", "song"] = "halves"
    timbre: bool = False
    shard: int = 128
    bits: int = 16
    excerpt: ExcerptOptions = field(default_factory=ExcerptOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    settings: SettingsOptions = field(default_factory=SettingsOptions)
    checks: CheckOptions = field(default_factory=CheckOptions)

    def __post_init__(self) -> None:
        between("pairs", self.pairs, 1, 10**9)
        between("shard", self.shard, 1, 100_000)
        between("excerpt.seconds", self.excerpt.seconds, 0.1, 600.0)
        between("excerpt.sample_rate", self.excerpt.sample_rate, 8000, 192_000)
        between("excerpt.channels", self.excerpt.channels, 1, 2)
        between("settings.redraws", self.settings.redraws, 1, 10_000)
        between("settings.excerpts", self.settings.excerpts, 1, 10_000)
        for name in ("input_probability", "target_probability", "preset_probability"):
            between(f"settings.{name}", getattr(self.settings, name), 0.0, 1.0)
        between("augment.probability", self.augment.probability, 0.0, 1.0)
        if self.bits not in (16, 24):
            raise RecipeError(f"bits = {self.bits} in the recipe: use 16 or 24")
        if not self.songs:
            raise RecipeError("the recipe names no songs; add a [[songs]] table with a root")
        if min(self.splits) < 0 or abs(sum(self.splits) - 1) > 1e-6:
            raise RecipeError(f"splits = {list(self.splits)} in the recipe: three shares, sum 1")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """Read a recipe; unknown keys and wrong types are refused by name.

        Parameters
        ----------
        data : mapping
            Plain data, as TOML gives it.

        Returns
        -------
        Recipe

        Raises
        ------
        RecipeError
            If a key is unknown, or a value is of a wrong type or makes no sense.
        """
        recipe = build(cls, data)
        assert isinstance(recipe, cls)
        return recipe

    @property
    def identity(self) -> str:
        """Hash of what decides each single pair, apart from the songs (16 hex digits)."""
        body = portable(self.to_dict())
        body.pop("pairs")
        return digest(body)


def portable(table: dict[str, Any]) -> dict[str, Any]:
    """Take out of plain data where songs and presets lie on this machine; returns the same dict.

    Presets keep their names; what is in them is part of a plan's identity.

    Parameters
    ----------
    table : dict
        Plain data of a recipe, which is changed.

    Returns
    -------
    dict
    """
    for source in table.get("songs") or ():
        source.pop("root", None)
    settings = table.get("settings")
    if settings and settings.get("presets"):
        settings["presets"] = [Path(name).name for name in settings["presets"]]
    return table


def digest(body: Any) -> str:
    """Hash of plain data, whatever the order of its keys (16 hex digits).

    Parameters
    ----------
    body : object
        What JSON can hold.

    Returns
    -------
    str
    """
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_toml(file: Path) -> dict[str, Any]:
    """Plain data of a recipe's file; `RecipeError` if it is missing or no TOML.

    Parameters
    ----------
    file : Path
        Of the recipe.

    Returns
    -------
    dict

    Raises
    ------
    RecipeError
        If it is missing or no TOML.
    """
    try:
        return read_toml_file(file, LARGEST)
    except OSError as error:
        raise RecipeError(f"the recipe {str(file)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"the recipe {str(file)!r} is no TOML: {error}") from error


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe from a TOML file.

    Parameters
    ----------
    path : path-like
        Of a TOML file.

    Returns
    -------
    Recipe

    Raises
    ------
    RecipeError
        If the file is missing, no TOML, or says something that no recipe can say.
    """
    file = Path(path)
    data = read_toml(file)
    place_paths(data, file.parent)
    return Recipe.from_dict(data)


def place_paths(table: dict[str, Any], beside: Path, *, lenient: bool = False) -> None:
    """Make paths of songs and presets in plain data absolute.

    Parameters
    ----------
    table : dict
        With ``songs``, ``settings.presets``, or neither.
    beside : Path
        Where relative paths start.
    lenient : bool
        Leave paths alone whose variables are not set.
    """
    sources = table.get("songs")
    for source in sources if isinstance(sources, list | tuple) else ():
        if isinstance(source, dict) and isinstance(source.get("root"), str):
            source["root"] = expand(source["root"], beside, lenient=lenient)
    settings = table.get("settings")
    if not isinstance(settings, dict):
        return
    presets = settings.get("presets")
    if isinstance(presets, list | tuple) and all(isinstance(p, str) for p in presets):
        settings["presets"] = [expand(p, beside, "presets", lenient=lenient) for p in presets]


def expand(path: str, beside: Path, what: str = "songs", *, lenient: bool = False) -> str:
    """A path of a recipe, absolute, with ``~`` and variables replaced.

    Parameters
    ----------
    path : str
        One that begins with a variable was written by whoever set that, so a relative one starts
        at the current folder, as any path in a command does; all others start at `beside`.
    beside : Path
        Folder that paths of the recipe start at.
    what : str
        What lies there, for the message.
    lenient : bool
        Return a path as it is where a variable is not set.

    Returns
    -------
    str

    Raises
    ------
    RecipeError
        If a variable is not set.
    """
    text = os.path.expandvars(str(Path(path).expanduser()))
    missing = re.search(r"\$\{?(\w+)", text)
    if missing and lenient:
        return path
    if missing:
        raise RecipeError(
            f"the recipe's {what} lie in {path!r}, but the environment variable {missing[1]} is "
            f"not set; set it to the folder of your {what}: {missing[1]}=FOLDER dialin ..."
        )
    start = Path.cwd() if path.startswith("$") else beside.absolute()
    return os.path.normpath(start / text)
