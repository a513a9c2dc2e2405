"""Rendered pairs as a controller is trained with: embeddings of both halves, and settings.

Embeddings of a frozen encoder are computed once and kept beside the pairs; a controller is then
trained on them in seconds. Item ``2 p + h`` is pair p with half h of the input, and the reference
from the other half of the target: other music, the processing asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dialin.data import PairReader, read_manifest
from dialin.data.recipe import digest
from dialin.effects.spec import EffectSpec
from dialin.errors import UsageError
from dialin.files import atomic_file
from dialin.measures.time_features import pair_features, time_features
from dialin.networks.encoder import EncoderModule
from dialin.rendering import RenderPool
from dialin.timbre import timbre

GROUP = 16
"""Excerpts embedded at a time."""

SIDES = ("input", "target")


@dataclass(frozen=True, eq=False)
class PairSet:
    """Pairs of one folder.

    Attributes
    ----------
    reader : PairReader
        Of their audio.
    spec : EffectSpec
    hash : str
        Of the manifest.
    index : ndarray, int, shape (pairs,)
        Number of each pair in the folder.
    settings : ndarray, float32, shape (pairs, knobs)
    embeddings : ndarray, float32, shape (2, pairs, 2, dimensions)
        By side (input, target), pair and half.
    timbre : ndarray, float32, shape (2, pairs, 2, attributes)
        NaN where an attribute cannot be measured; no attributes unless asked for.
    time : ndarray, float32, shape (pairs, 2, features)
        By pair and half of the input, from `dialin.measures.time_features.pair_features`; no
        features unless asked for.
    samples : int
        Of a half.
    """

    reader: PairReader
    spec: EffectSpec
    hash: str
    index: NDArray[np.int64]
    settings: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    timbre: NDArray[np.float32]
    time: NDArray[np.float32]
    samples: int

    def __len__(self) -> int:
        """Items: two a pair."""
        return 2 * len(self.index)

    def inputs(self, items: NDArray[np.int64]) -> Tensor:
        """What a controller is given, see `dialin.networks.controller.join`.

        Parameters
        ----------
        items : ndarray, int64, shape (items,)
            Twice the pair, plus 1 for its second half.

        Returns
        -------
        Tensor, shape (items, size)
        """
        pair, half = items // 2, items % 2
        parts = [
            table[side, pair, half if side == 0 else 1 - half]
            for table in (self.embeddings, np.nan_to_num(self.timbre))
            for side in (0, 1)
        ]
        parts.append(self.time[pair, half])
        return torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))

    def truth(self, items: NDArray[np.int64]) -> Tensor:
        """Settings of items, ``(items, knobs)``.

        Parameters
        ----------
        items : ndarray, int64, shape (items,)
            Twice the pair, plus 1 for its second half.

        Returns
        -------
        Tensor, shape (items, knobs)
            Positions of the knobs, 0 to 1.
        """
        return torch.from_numpy(self.settings[items // 2])

    def audio(self, items: NDArray[np.int64]) -> Tensor:
        """Halves of inputs, of the mix of their channels.

        Parameters
        ----------
        items : ndarray, int64, shape (items,)
            Twice the pair, plus 1 for its second half.

        Returns
        -------
        Tensor, shape (items, samples)
        """
        return self._halves(items, "input", items % 2)

    def references(self, items: NDArray[np.int64]) -> Tensor:
        """The other halves, with the processing asked for, of the mix of their channels.

        Parameters
        ----------
        items : ndarray, int64, shape (items,)
            Twice the pair, plus 1 for its second half.

        Returns
        -------
        Tensor, shape (items, samples)
        """
        return self._halves(items, "target", 1 - items % 2)

    def _halves(self, items: NDArray[np.int64], name: str, which: NDArray[np.int64]) -> Tensor:
        halves = [
            _halves(self.reader, int(self.index[item // 2]), name, self.samples)[half]
            for item, half in zip(items, which, strict=True)
        ]
        return torch.from_numpy(np.stack(halves))


def open_pairs(
    folder: Path,
    encoder: EncoderModule,
    key: str,
    *,
    pool: RenderPool | None = None,
    timbre: bool = False,
    time: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> PairSet:
    """Open the pairs of a folder, embedding and measuring those that have not been.

    Parameters
    ----------
    folder : Path
        As `dialin.data.render_recipe` made it.
    encoder : EncoderModule
        What embeds; it is not trained.
    key : str
        What tells encoders apart, such as a hash of their weights.
    pool : RenderPool, optional
        Whose workers measure timbre and time features.
    timbre, time : bool, default False
        What is measured beside embeddings; needs `pool`.
    progress : callable, optional
        Gets what is being done, how much is done, and how much there is.

    Returns
    -------
    PairSet

    Raises
    ------
    UsageError
        If the pairs are shorter than what the encoder was trained on, or at another rate.
    """
    manifest, records = read_manifest(folder)
    kept = [r for r in records if not r.get("lost") and r["settings"] is not None]
    excerpt = manifest["recipe"]["excerpt"]
    rate, whole = int(excerpt["sample_rate"]), round(excerpt["seconds"] * excerpt["sample_rate"])
    if rate != encoder.sample_rate:
        raise UsageError(
            f"the pairs in {str(folder)!r} are at {rate} Hz, the encoder works at "
            f"{encoder.sample_rate} Hz; render pairs at that rate"
        )
    if not kept:
        raise UsageError(f"{str(folder)!r} holds no pair with an effect; render more, or others")
    samples = whole // 2
    reader = PairReader(folder)
    name = f"{folder.name}-{digest([manifest['hash'], key, samples])}"
    embeddings = _kept(
        folder.parent / "embeddings" / f"{name}.npy",
        lambda: _embed(reader, kept, encoder, samples, progress),
    )
    measured = np.zeros((2, len(kept), 2, 0), np.float32)
    timed = np.zeros((len(kept), 2, 0), np.float32)
    place = f"{folder.name}-{digest([manifest['hash']])}.npy"
    if timbre:
        assert pool is not None
        work = _Measuring(pool, reader, kept, samples, rate, progress)
        measured = _kept(folder.parent / "timbre" / place, work.timbre)
    if time:
        assert pool is not None
        work = _Measuring(pool, reader, kept, samples, rate, progress)
        timed = _kept(folder.parent / "time" / place, work.time)
    return PairSet(
        reader,
        EffectSpec.from_dict(manifest["effect"]),
        manifest["hash"],
        np.array([r["index"] for r in kept], np.int64),
        np.array([r["settings"] for r in kept], np.float32),
        embeddings,
        measured,
        timed,
        samples,
    )


def _kept(file: Path, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Read what was made before, or make it and keep it."""
    if file.is_file():
        return np.asarray(np.load(file), np.float32)
    made = make()
    with atomic_file(file, parents=True) as part, part.open("wb") as handle:
        np.save(handle, made)
    return made


def _embed(
    reader: PairReader,
    records: list[dict[str, Any]],
    encoder: EncoderModule,
    samples: int,
    progress: Callable[[str, int, int], None] | None,
) -> NDArray[np.float32]:
    result = np.zeros((2, len(records), 2, encoder.dimensions), np.float32)
    for start in range(0, len(records), GROUP // 2):
        part = records[start : start + GROUP // 2]
        for side, name in enumerate(SIDES):
            halves = np.concatenate([_halves(reader, r["index"], name, samples) for r in part])
            with torch.no_grad():
                vectors = encoder(torch.from_numpy(halves)).numpy()
            result[side, start : start + len(part)] = vectors.reshape(len(part), 2, -1)
        if progress is not None:
            progress(f"embeddings of {reader.folder.name}", start + len(part), len(records))
    return result


def _halves(reader: PairReader, index: int, name: str, samples: int) -> NDArray[np.float32]:
    whole = reader.read(index, name).mean(axis=0, dtype=np.float32)
    halves: NDArray[np.float32] = whole[: 2 * samples].reshape(2, samples)
    return halves


@dataclass(frozen=True, eq=False)
class _Measuring:
    """What workers measure of the halves of pairs."""

    pool: RenderPool
    reader: PairReader
    records: list[dict[str, Any]]
    samples: int
    rate: int
    progress: Callable[[str, int, int], None] | None

    def timbre(self) -> NDArray[np.float32]:
        """Attributes, ``(2, pairs, 2, attributes)``, as `PairSet` has them."""
        rows = self._each("timbre", timbre_of_halves, SIDES)
        return rows.reshape(len(self.records), 2, 2, -1).swapaxes(0, 1)

    def time(self) -> NDArray[np.float32]:
        """Time features, ``(pairs, 2, features)``, as `PairSet` has them."""
        return self._each("time features", time_of_halves, (SIDES,))

    def _each(
        self, what: str, measure: Callable[..., Any], sides: tuple[Any, ...]
    ) -> NDArray[np.float32]:
        rows: list[Any] = []
        for start in range(0, len(self.records), GROUP):
            part = self.records[start : start + GROUP]
            calls = [
                (str(self.reader.folder), r["index"], name, self.samples, self.rate)
                for r in part
                for name in sides
            ]
            results = self.pool.map(measure, calls, deadline=300.0)
            rows += [result.get() for result in results]
            if self.progress is not None:
                name = f"{what} of {self.reader.folder.name}"
                self.progress(name, start + len(part), len(self.records))
        return np.array(rows, np.float32)


def timbre_of_halves(
    folder: str, index: int, name: str, samples: int, rate: int
) -> list[list[float]]:
    """Timbre of both halves of an excerpt; runs in a worker.

    Parameters
    ----------
    folder : str
        Of rendered pairs.
    index : int
        Of the pair, from 0.
    name : str
        Of the excerpt in the pair, such as ``input``.
    samples : int
        Of a half.
    rate : int
        In hertz.

    Returns
    -------
    list of list of float
        One list of values for each half.
    """
    halves = _halves(PairReader(Path(folder)), index, name, samples)
    return [[float(v) for v in timbre(h[None], rate).values()] for h in halves]


def time_of_halves(
    folder: str, index: int, names: tuple[str, str], samples: int, rate: int
) -> NDArray[np.float32]:
    """Time features of each half of an input, beside the other half of its target; for a worker.

    Parameters
    ----------
    folder : str
        Of rendered pairs.
    index : int
        Of the pair, from 0.
    names : (str, str)
        Of input and target in the pair.
    samples : int
        Of a half.
    rate : int
        In hertz.

    Returns
    -------
    ndarray, float32, shape (2, features)
    """
    reader = PairReader(Path(folder))
    inputs, targets = (
        [time_features(half[None], rate) for half in _halves(reader, index, name, samples)]
        for name in names
    )
    return np.stack([pair_features(inputs[half], targets[1 - half]) for half in (0, 1)])
