"""Features of rendered excerpts, memory-mapped, in batches whose order can be taken up anywhere.

A `FeatureSet` is made once from the shards of `dialin.training.rendered` (half precision, one file
for each of their folders) and is only read from then on. `Batches` walks through it in an order
that seed and epoch decide; its position is part of a checkpoint.
"""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dialin.audio import Audio, integrated_loudness
from dialin.data import read_manifest
from dialin.data.priors import varied_knobs
from dialin.data.recipe import Split, digest
from dialin.data.shards import shard_name
from dialin.effects.spec import EffectSpec
from dialin.errors import UsageError
from dialin.files import atomic_file
from dialin.networks.frontend_numpy import FrontEndConfig, features
from dialin.training.config import DataOptions
from dialin.training.rendered import Part, parts

CLEAN = "none"
"""Name of the class of untouched excerpts."""

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class FeatureSet:
    """Items of one split: half an excerpt each, effected or clean.

    Attributes
    ----------
    classes : tuple of str
        URIs of effects, then `CLEAN` where there are clean items.
    knobs : tuple of tuple of str
        Ids of the parameters that were varied, by class.
    maps : tuple of ndarray
        float16 ``(items, bands, frames)``, memory-mapped, one for each folder.
    place : ndarray, int, shape (items, 2)
        Which of `maps`, and which row.
    label : ndarray, int, shape (items,)
        Class.
    content : ndarray, int, shape (items,)
        Number of the pair: the same number is (nearly always) the same piece of a song.
    half : ndarray, int, shape (items,)
        0 for the first half, 1 for the second.
    settings : ndarray, float32, shape (items, most knobs)
        Varied parameters in [0, 1]; NaN where there is none.
    loudness : ndarray, float32, shape (items,)
        In LUFS; NaN where it was not measured.
    hashes : mapping of str to str
        Manifest hash of each folder.
    """

    classes: tuple[str, ...]
    knobs: tuple[tuple[str, ...], ...]
    maps: tuple[NDArray[np.float16], ...]
    place: NDArray[np.int64]
    label: NDArray[np.int64]
    content: NDArray[np.int64]
    half: NDArray[np.int64]
    settings: NDArray[np.float32]
    loudness: NDArray[np.float32]
    hashes: dict[str, str]

    def __len__(self) -> int:
        return len(self.label)

    def features(self, items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features of items, float32 ``(items, bands, frames)``.

        Parameters
        ----------
        items : ndarray, int64, shape (items,)
            Indices.

        Returns
        -------
        ndarray, float32, shape (items, bands, frames)
        """
        rows = [self.maps[part][row] for part, row in self.place[items]]
        return np.stack(rows).astype(np.float32)

    def batch(self, items: NDArray[np.int64]) -> Batch:
        """Tensors of items.

        Parameters
        ----------
        items : ndarray, int64, shape (items,)
            Indices.

        Returns
        -------
        dict of str to Tensor
            ``features``, ``label``, ``content`` and ``settings``, each with the items first.
        """
        return {
            "features": torch.from_numpy(self.features(items)),
            "label": torch.from_numpy(self.label[items]),
            "content": torch.from_numpy(self.content[items]),
            "settings": torch.from_numpy(self.settings[items]),
        }

    def only(self, keep: NDArray[np.bool_]) -> FeatureSet:
        """Some of the items.

        Parameters
        ----------
        keep : ndarray, bool, shape (all items,)
            Which stay.

        Returns
        -------
        FeatureSet
        """
        names = ("place", "label", "content", "half", "settings", "loudness")
        return dataclasses.replace(self, **{name: getattr(self, name)[keep] for name in names})


def build_features(
    options: DataOptions,
    front_end: FrontEndConfig,
    root: Path,
    split: Split,
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> FeatureSet:
    """Open the features of a split, making those that are missing.

    Parameters
    ----------
    options : DataOptions
        Songs, effects and number of pairs.
    front_end : FrontEndConfig
        What decides features.
    root : Path
        Where `dialin.training.rendered` has put the pairs.
    split : Split
        Of songs.
    progress : callable, optional
        Gets a folder's name, the pairs done and all pairs.

    Returns
    -------
    FeatureSet

    Raises
    ------
    UsageError
        If pairs have not been rendered, or the front end has another rate.
    """
    if front_end.sample_rate != options.sample_rate:
        raise UsageError(
            f"front_end.sample_rate = {front_end.sample_rate} but data.sample_rate = "
            f"{options.sample_rate} in the recipe: make them the same"
        )
    wanted = [part for part in parts(options, root) if part.split == split]
    tables = [
        _part(part, place, len(wanted), options, front_end, progress)
        for place, part in enumerate(wanted)
    ]
    classes = (*options.effects, *((CLEAN,) if options.clean else ()))
    width = max([1, *(len(t.knobs) for t in tables)])
    sizes = [len(t.rows) for t in tables]
    joined = np.concatenate([t.rows for t in tables])
    clean = joined[:, 2] == 1
    owner = np.repeat(np.arange(len(tables)), sizes)
    settings = np.concatenate(
        [
            np.pad(t.settings, ((0, 0), (0, width - len(t.knobs))), constant_values=np.nan)
            for t in tables
        ]
    )
    return FeatureSet(
        classes=classes,
        knobs=(*(t.knobs for t in tables[: len(options.effects)]), *([()] * options.clean)),
        maps=tuple(t.map for t in tables),
        place=np.stack([owner, np.concatenate([np.arange(size) for size in sizes])], axis=1),
        label=np.where(clean, len(options.effects), owner),
        content=joined[:, 0],
        half=joined[:, 1],
        settings=settings,
        loudness=np.concatenate([t.loudness for t in tables]),
        hashes={part.folder.name: t.hash for part, t in zip(wanted, tables, strict=True)},
    )


@dataclass(frozen=True)
class _Table:
    """Features of one folder of pairs; `rows` holds pair, half, and whether clean."""

    map: NDArray[np.float16]
    rows: NDArray[np.int64]
    settings: NDArray[np.float32]
    loudness: NDArray[np.float32]
    knobs: tuple[str, ...]
    hash: str


def _part(
    part: Part,
    place: int,
    count: int,
    options: DataOptions,
    front_end: FrontEndConfig,
    progress: Callable[[str, int, int], None] | None,
) -> _Table:
    """Open or make the features of one folder."""
    manifest, records = read_manifest(part.folder)
    records = [r for r in records if not r.get("lost")]
    spec = EffectSpec.from_dict(manifest["effect"])
    drawn = np.array([r["settings"] for r in records], np.float32).reshape(len(records), -1)
    # By the rule and not by what was drawn: train and valid must agree, with few pairs too.
    varied = np.array(varied_knobs(spec, options.settings), np.int64)
    effected = bool(options.effects)
    # Clean excerpts come from all folders in turn, so that there are as many as of one effect.
    jobs = [
        (position, half, kind)
        for position, record in enumerate(records)
        for kind in (0, 1)
        for half in (0, 1)
        if (effected if kind == 0 else options.clean and record["index"] % count == place)
    ]
    key = digest(
        [
            manifest["hash"],
            dataclasses.asdict(front_end),
            options.samples,
            options.clean,
            effected,
            place,
            count,
        ]
    )
    file = part.folder.parent / "features" / f"{part.folder.name}-{key}.npy"
    if not file.is_file():
        _write(part, records, jobs, options.samples, front_end, file, progress)
    table = np.load(file.with_suffix(".npz"))
    position = np.array([job[0] for job in jobs], np.int64).reshape(-1)
    kinds = np.array([job[2] for job in jobs], np.int64).reshape(-1)
    settings = drawn[position][:, varied].copy()
    settings[kinds == 1] = np.nan
    index = np.array([r["index"] for r in records], np.int64)
    halves = np.array([job[1] for job in jobs], np.int64).reshape(-1)
    return _Table(
        map=np.load(file, mmap_mode="r"),
        rows=np.stack([index[position], halves, kinds], axis=1),
        settings=settings,
        loudness=table["loudness"],
        knobs=tuple(spec.parameters[int(v)].id for v in varied),
        hash=manifest["hash"],
    )


def _write(
    part: Part,
    records: list[dict[str, Any]],
    jobs: list[tuple[int, int, int]],
    samples: int,
    front_end: FrontEndConfig,
    file: Path,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    shape = (len(jobs), front_end.bands, front_end.frames(samples))
    with atomic_file(file, parents=True) as temporary:
        out = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float16, shape=shape)
        loudness = np.full(len(jobs), np.nan, np.float32)
        places = {job: row for row, job in enumerate(jobs)}
        for position, name, audio in _excerpts(part.folder, records):
            kind = int(name == "input")
            for half in (0, 1):
                row = places.get((position, half, kind))
                if row is None:
                    continue
                piece = audio[:1, half * samples : (half + 1) * samples]
                out[row] = features(piece, front_end)[0]
                if part.split == "valid":
                    loudness[row] = integrated_loudness(piece, front_end.sample_rate)
            if progress is not None:
                progress(part.folder.name, position + 1, len(records))
        out.flush()
        with atomic_file(file.with_suffix(".npz")) as beside, beside.open("wb") as handle:
            np.savez(handle, loudness=loudness)


def _excerpts(folder: Path, records: list[dict[str, Any]]) -> Iterator[tuple[int, str, Audio]]:
    """Clean and effected excerpts in the order of their shards."""
    import soundfile

    position = {f"{record['index']:09d}": place for place, record in enumerate(records)}
    for shard in range(len(list(folder.glob("shard-*.tar")))):
        file = folder / f"{shard_name(shard)}.tar"
        try:
            with tarfile.open(file) as archive:
                for member in archive:
                    index, name, suffix = [*member.name.split("."), "", ""][:3]
                    # Nothing is unpacked, and links, which may point anywhere, are not followed.
                    wanted = suffix == "flac" and name in ("input", "target") and member.isfile()
                    if not wanted or index not in position:
                        continue
                    data = archive.extractfile(member)
                    assert data is not None
                    content = io.BytesIO(data.read())
                    audio, _ = soundfile.read(content, dtype="float32", always_2d=True)
                    yield position[index], name, audio.T
        except (tarfile.TarError, OSError, soundfile.LibsndfileError) as error:
            raise UsageError(
                f"{str(file)!r} cannot be read ({error}); remove it and render the recipe again"
            ) from error


class Batches:
    """Batches of a `FeatureSet`, the same for a seed, from any epoch and any batch on.

    Parameters
    ----------
    data : FeatureSet
    batch : int
        Items in a batch of one process.
    seed : int
    items : int
        Items of an epoch; 0 for all. Epochs go on where the last one stopped, so that all items
        come up equally often.
    order : {"shuffled", "effects", "groups", "straight"}
        All items mixed; one class an epoch; clips of the same content next to each other (see
        `grouped`); or as they lie.
    fixed : bool
        Every epoch is the first one, as validation needs it.
    rank, world : int
        Which process this is, of how many; each takes every `world`-th batch.
    """

    def __init__(
        self,
        data: FeatureSet,
        batch: int,
        *,
        seed: int = 0,
        items: int = 0,
        order: Literal["shuffled", "effects", "groups", "straight"] = "shuffled",
        fixed: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if len(data) < batch * world:
            raise UsageError(
                f"{len(data)} items are too few for a batch of {batch * world}; render more pairs "
                "or make loop.batch smaller"
            )
        self.data, self.batch, self.seed, self.order = data, batch, seed, order
        self.items = min(items, len(data)) or len(data)
        self.fixed, self.rank, self.world = fixed, rank, world
        self.epoch, self.position = 0, 0

    def __len__(self) -> int:
        """Batches of an epoch, for each process."""
        return self.items // (self.batch * self.world) or 1

    def __iter__(self) -> Iterator[Batch]:
        """Go through the rest of this epoch, then stand at the start of the next."""
        chosen = self.indices(self.epoch)
        for place in range(self.position, len(self)):
            # Moved on before the batch is out: whoever takes the last one may not ask again.
            last = place + 1 == len(self)
            self.epoch += last and not self.fixed
            self.position = 0 if last else place + 1
            start = (place * self.world + self.rank) * self.batch
            yield self.data.batch(chosen[start : start + self.batch])

    def indices(self, epoch: int) -> NDArray[np.int64]:
        """Items of an epoch, in order.

        Parameters
        ----------
        epoch : int
            From 0.

        Returns
        -------
        ndarray, int64, shape (items,)
        """
        if self.order == "effects":
            kinds = np.unique(self.data.label)
            turn, place = divmod(epoch, len(kinds))
            kind = self._generator(1, turn).permutation(kinds)[place]
            items = self._generator(2, epoch).permutation(np.flatnonzero(self.data.label == kind))
            return np.resize(items, self.items)
        first, last = epoch * self.items, (epoch + 1) * self.items
        whole = len(self.data)
        turns = range(first // whole, (last - 1) // whole + 1)
        joined = np.concatenate([self._turn(turn) for turn in turns])
        start = first - turns[0] * whole
        return joined[start : start + self.items]

    def _turn(self, turn: int) -> NDArray[np.int64]:
        if self.order == "straight":
            return np.arange(len(self.data))
        if self.order == "groups":
            return grouped(self.data, self._generator(0, turn))
        return self._generator(0, turn).permutation(len(self.data))

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def state_dict(self) -> dict[str, int]:
        """Where it stands."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where a checkpoint stood.

        Parameters
        ----------
        state : dict of str to int
            What `state_dict` gave.
        """
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


GROUP = 4
"""Classes of the same content that are put next to each other."""


def grouped(data: FeatureSet, rng: np.random.Generator) -> NDArray[np.int64]:
    """All items, shuffled in groups of `GROUP` classes of one content, two halves each.

    Within a batch a clip then meets its other half, which is other music with the same processing,
    and clips of the same music with other processing.

    Parameters
    ----------
    data : FeatureSet
        Items of one split.
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.

    Returns
    -------
    ndarray, int64, shape (items,)
        Indices.
    """
    # Shuffled first, so that which classes meet is chance; then sorted by content, keeping that.
    pairs = rng.permutation(np.unique(data.content * len(data.classes) + data.label))
    contents = pairs // len(data.classes)
    pairs = pairs[np.argsort(contents, kind="stable")]
    starts = np.flatnonzero(np.diff(pairs // len(data.classes), prepend=-1))
    groups = [
        piece
        for block in np.split(pairs, starts[1:])
        for piece in np.split(block, range(GROUP, len(block), GROUP))
    ]
    ordered = np.concatenate([groups[place] for place in rng.permutation(len(groups))])
    key = data.content * len(data.classes) + data.label
    by_key = np.argsort(key * 2 + data.half, kind="stable")
    left = np.searchsorted(key[by_key], ordered, side="left")
    right = np.searchsorted(key[by_key], ordered, side="right")
    return np.concatenate([by_key[a:b] for a, b in zip(left, right, strict=True)])


def describe(data: FeatureSet) -> dict[str, Any]:
    """What a model's configuration says of its data.

    Parameters
    ----------
    data : FeatureSet
        Items of one split.

    Returns
    -------
    dict
    """
    text = json.dumps(data.hashes, sort_keys=True)
    return {
        "classes": list(data.classes),
        "items": len(data),
        "hash": digest(text),
        "manifests": dict(sorted(data.hashes.items())),
    }
