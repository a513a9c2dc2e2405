"""Shards: pairs on disk as WebDataset tar files, readable without dialin.

A folder of pairs holds ``shard-00000.tar``, ``shard-00001.tar`` and so on, each with its records as
``shard-00000.jsonl`` beside it, and at the end ``manifest.jsonl`` (all records) and
``manifest.json`` (recipe, hashes, versions, counts). A shard is there when its ``.jsonl`` is there:
that is written last, and each file appears under its name in one piece.

Within a tar file pair 17 is ``000000017.input.flac``, ``000000017.target.flac``,
``000000017.json`` and, where they differ from the input, ``000000017.clean.flac`` and
``000000017.reference.flac``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialin.data.pairs import Pair, make_pair, read_plan
from dialin.effects.effect import Effect
from dialin.errors import MissingPackageError, OutputError, UsageError
from dialin.files import sweep, write_bytes
from dialin.files.reading import parse_json


def encode_flac(integers: np.ndarray, sample_rate: int, bits: int) -> bytes:
    """Encode ``(channels, samples)`` integers of `bits` bits as FLAC.

    Parameters
    ----------
    integers : ndarray, int32, shape (channels, samples)
        Quantised samples.
    sample_rate : int
        In hertz.
    bits : int
        16 or 24.

    Returns
    -------
    bytes
        Content of a FLAC file.
    """
    import soundfile

    buffer = io.BytesIO()
    left = integers.T.astype(np.int32) << (32 - bits)
    soundfile.write(buffer, left, sample_rate, format="FLAC", subtype=f"PCM_{bits}")
    return buffer.getvalue()


def pack_pair(pair: Pair, sample_rate: int, bits: int) -> dict[str, bytes]:
    """Files of a pair by suffix; adds the hashes of its audio to its record.

    Parameters
    ----------
    pair : Pair
        What was made.
    sample_rate : int
        In hertz.
    bits : int
        16 or 24.

    Returns
    -------
    dict of str to bytes
        Content by suffix; empty for a pair that was lost.
    """
    if not pair.audio:
        return {}
    top = 2 ** (bits - 1) - 1
    files: dict[str, bytes] = {}
    hashes: dict[str, str] = {}
    for name, audio in sorted(pair.audio.items()):
        if name == "clean" and pair.record["input_settings"] is None:
            continue
        # Peaks are at the recipe's level, far below full scale, so nothing is clipped here.
        integers = np.clip(np.rint(audio * np.float32(top)), -top, top).astype(np.int32)
        hashes[name] = audio_hash(integers)
        files[f"{name}.flac"] = encode_flac(integers, sample_rate, bits)
    pair.record["audio"] = hashes
    files["json"] = line(pair.record).encode()
    return files


def packed_pair_in_worker(
    effect: Effect, path: str, index: int
) -> tuple[dict[str, Any], dict[str, bytes], dict[str, float]]:
    """Make a pair and encode it.

    Parameters
    ----------
    effect : Effect
        The recipe's, opened here.
    path : str
        Of the plan.
    index : int
        Of the pair, from 0.

    Returns
    -------
    (dict, dict of str to bytes, dict of str to float)
        Record, files by suffix, and seconds by step.
    """
    plan = read_plan(path)
    pair = make_pair(effect, plan, index)
    started = time.perf_counter()
    files = pack_pair(pair, plan.recipe.excerpt.sample_rate, plan.recipe.bits)
    pair.seconds["encode"] = time.perf_counter() - started
    return pair.record, files, pair.seconds


def audio_hash(integers: NDArray[np.int32]) -> str:
    """Hash of quantised samples, whatever file format they travel in (16 hex digits).

    Parameters
    ----------
    integers : ndarray, int32, shape (channels, samples)
        Quantised samples.

    Returns
    -------
    str
    """
    shape = np.array(integers.shape, np.int64).tobytes()
    data = np.ascontiguousarray(integers, dtype="<i4").tobytes()
    return hashlib.sha256(shape + data).hexdigest()[:16]


def line(record: Mapping[str, Any]) -> str:
    """One record as canonical JSON, without the line's end.

    Parameters
    ----------
    record : mapping
        Plain data, all numbers finite.

    Returns
    -------
    str
    """
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)


def tar(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Tar file of named bytes; the same bytes for the same files.

    Parameters
    ----------
    files : iterable of (str, bytes)
        Name and content of each, in order.

    Returns
    -------
    bytes
        Content of the tar file.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o644
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class ShardStore:
    """A folder to write into: a local one, or anything fsspec knows (``s3://...``).

    It is made when the first file is written. Files appear under their names in one piece.

    Parameters
    ----------
    location : path-like
        Folder, or a URL that fsspec knows.
    """

    def __init__(self, location: str | os.PathLike[str]) -> None:
        self.location = os.fspath(location)
        self._fs: Any = None
        if "://" in self.location:
            try:
                import fsspec
            except ImportError as error:
                raise MissingPackageError(
                    f"{self.location!r} needs fsspec: pip install 'dialin[data]', or name a folder"
                ) from error
            try:
                self._fs, self._root = fsspec.core.url_to_fs(self.location)
            except (ImportError, ValueError) as error:
                raise UsageError(f"{self.location!r} cannot be opened: {error}") from error
        else:
            self._root = str(Path(self.location))
            if Path(self._root).exists() and not Path(self._root).is_dir():
                raise OutputError(f"{self.location!r} is a file; name a folder")
        self._made = False

    def _make(self) -> None:
        if not self._made and self._fs is None:
            Path(self._root).mkdir(parents=True, exist_ok=True)
        elif not self._made:
            self._fs.makedirs(self._root, exist_ok=True)
        self._made = True

    def _translated(self) -> _Translated:
        return _Translated(self.location)

    def names(self) -> set[str]:
        """Names of the files there are."""
        with self._translated():
            try:
                if self._fs is None:
                    return {p.name for p in Path(self._root).iterdir()}
                self._fs.invalidate_cache()
                return {PurePosixPath(p).name for p in self._fs.ls(self._root, detail=False)}
            except FileNotFoundError:
                return set()

    def read(self, name: str) -> bytes:
        """Content of a file.

        Parameters
        ----------
        name : str
            Of the file in the folder.

        Returns
        -------
        bytes
        """
        with self._translated():
            if self._fs is None:
                return (Path(self._root) / name).read_bytes()
            data: bytes = self._fs.cat_file(f"{self._root}/{name}")
            return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file in one piece, replacing what is there.

        Parameters
        ----------
        name : str
            Of the file in the folder.
        data : bytes
            Content of a file.
        """
        with self._translated():
            self._make()
            if self._fs is not None:
                self._fs.pipe_file(f"{self._root}/{name}", data)
                return
            write_bytes(Path(self._root) / name, data, sync=True)

    def sweep(self) -> None:
        """Delete what interrupted runs left half written."""
        if self._fs is None:
            sweep(Path(self._root))

    def size(self) -> int:
        """Bytes in all files, or 0 where that cannot be told."""
        if self._fs is None:
            return sum(p.stat().st_size for p in Path(self._root).iterdir() if p.is_file())
        return sum(int(i.get("size") or 0) for i in self._fs.ls(self._root, detail=True))


class _Translated:
    def __init__(self, location: str) -> None:
        self._location = location

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise OutputError(
                f"cannot read or write in {self._location!r}: {error}; is it writable, not full?"
            ) from error


def shard_name(shard: int) -> str:
    """Name of a shard without its suffix.

    Parameters
    ----------
    shard : int
        Its number, from 0.

    Returns
    -------
    str
    """
    return f"shard-{shard:05d}"


def write_shard(
    store: ShardStore, shard: int, pairs: Iterable[tuple[dict[str, Any], dict[str, bytes]]]
) -> list[dict[str, Any]]:
    """Write a shard's tar file, then its records; returns the records.

    Parameters
    ----------
    store : ShardStore
        The folder.
    shard : int
        Its number, from 0.
    pairs : iterable of (dict, dict of str to bytes)
        Record, and files by suffix, of each pair.

    Returns
    -------
    list of dict
        By index.
    """
    ordered = sorted(pairs, key=lambda pair: pair[0]["index"])
    files = [
        (f"{record['index']:09d}.{suffix}", data)
        for record, contents in ordered
        for suffix, data in sorted(contents.items())
    ]
    records = [record for record, _ in ordered]
    store.write(f"{shard_name(shard)}.tar", tar(files))
    store.write(f"{shard_name(shard)}.jsonl", "".join(line(r) + "\n" for r in records).encode())
    return records


def read_shard(store: ShardStore, shard: int) -> list[dict[str, Any]]:
    """Records of a finished shard.

    Parameters
    ----------
    store : ShardStore
        The folder.
    shard : int
        Its number, from 0.

    Returns
    -------
    list of dict
        By index.
    """
    return read_lines(store.read(f"{shard_name(shard)}.jsonl"))


def read_lines(data: bytes) -> list[dict[str, Any]]:
    """Read records from JSON lines; `ValueError` if a line is none.

    Parameters
    ----------
    data : bytes
        Content of a file.

    Returns
    -------
    list of dict
    """
    records = []
    for number, text in enumerate(data.decode().splitlines(), 1):
        record = parse_json(text)
        if not isinstance(record, dict) or not isinstance(record.get("index"), int):
            raise ValueError(f"line {number} is no record of a pair")
        records.append(record)
    return records


def manifest_hash(records: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 of the sorted records, which hold the hashes of all audio.

    Parameters
    ----------
    records : iterable of mapping
        Of all pairs, in any order.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    whole = hashlib.sha256()
    for record in sorted(records, key=lambda r: int(r["index"])):
        whole.update(line(record).encode() + b"\n")
    return whole.hexdigest()
