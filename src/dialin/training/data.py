"""Features of rendered excerpts, memory-mapped.

A `FeatureSet` is made once from the shards of `dialin.training.rendered` (half precision, one file
for each of their folders) and is only read from then on.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dialin.audio import integrated_loudness
from dialin.data import PairReader, read_manifest
from dialin.data.priors import varied_knobs
from dialin.data.recipe import Split, digest
from dialin.effects.spec import EffectSpec
from dialin.errors import UsageError
from dialin.files import atomic_file
from dialin.networks.frontend_numpy import FrontEndConfig, features
from dialin.training.batches import Batch
from dialin.training.config import DataOptions
from dialin.training.rendered import PairFolder, parts

CLEAN = "none"
"""Name of the class of untouched excerpts."""


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
    rows : ndarray, int, shape (items, 2)
        Which of `maps`, and which of its rows.
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
    rows: NDArray[np.int64]
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
        spectra = [self.maps[part][row] for part, row in self.rows[items]]
        return np.stack(spectra).astype(np.float32)

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
        names = ("rows", "label", "content", "half", "settings", "loudness")
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
        _part(part, turn, len(wanted), options, front_end, progress)
        for turn, part in enumerate(wanted)
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
        rows=np.stack([owner, np.concatenate([np.arange(size) for size in sizes])], axis=1),
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
    part: PairFolder,
    turn: int,
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
        if (effected if kind == 0 else options.clean and record["index"] % count == turn)
    ]
    key = digest(
        [
            manifest["hash"],
            dataclasses.asdict(front_end),
            options.samples,
            options.clean,
            effected,
            turn,
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
    part: PairFolder,
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
        rows = {job: row for row, job in enumerate(jobs)}
        positions = {record["index"]: position for position, record in enumerate(records)}
        for index, name, audio in PairReader(part.folder).excerpts("input", "target"):
            if index not in positions:
                continue
            position, kind = positions[index], int(name == "input")
            for half in (0, 1):
                row = rows.get((position, half, kind))
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
