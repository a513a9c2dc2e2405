"""Reading the audio of rendered pairs back from their shards."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dialin.audio import Audio
from dialin.data.manifest import read_manifest
from dialin.data.shards import shard_name
from dialin.errors import UsageError


class PairReader:
    """Audio of the pairs in a folder that `dialin.data.render_recipe` made.

    Nothing is unpacked, and links, which may point anywhere, are not followed. Where the members
    of a shard lie is looked up once.

    Parameters
    ----------
    folder : Path
        Of rendered pairs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pairs_in_shard = int(read_manifest(folder)[0]["recipe"]["shard"])
        self._members: dict[Path, dict[str, tuple[int, int]]] = {}

    def read(self, index: int, name: str) -> Audio:
        """Audio of one pair.

        Parameters
        ----------
        index : int
            Of the pair, from 0.
        name : str
            Of the excerpt in the pair, such as ``input``.

        Returns
        -------
        ndarray, float32, shape (channels, samples)

        Raises
        ------
        UsageError
            If it is not there.
        """
        file = self._shard(index // self._pairs_in_shard)
        member = self._lying(file).get(f"{index:09d}.{name}.flac")
        if member is None:
            raise UsageError(
                f"{str(file)!r} lacks the audio of pair {index} ({name}); render the recipe again"
            )
        return _decode(file, *member)

    def excerpts(self, *names: str) -> Iterator[tuple[int, str, Audio]]:
        """All excerpts of some names, in the order in which they lie.

        Parameters
        ----------
        *names : str
            Of excerpts in a pair, such as ``input`` and ``target``.

        Yields
        ------
        (int, str, ndarray)
            Index of the pair, name, and audio, float32 ``(channels, samples)``.

        Raises
        ------
        UsageError
            If a shard cannot be read.
        """
        for shard in range(len(list(self.folder.glob("shard-*.tar")))):
            file = self._shard(shard)
            for member, (offset, size) in self._lying(file).items():
                index, name, suffix = [*member.split("."), "", ""][:3]
                if suffix == "flac" and name in names and index.isdigit():
                    yield int(index), name, _decode(file, offset, size)

    def _shard(self, shard: int) -> Path:
        return self.folder / f"{shard_name(shard)}.tar"

    def _lying(self, file: Path) -> dict[str, tuple[int, int]]:
        """Offset and size of each member of a shard, by name."""
        if file not in self._members:
            try:
                with tarfile.open(file) as archive:
                    self._members[file] = {
                        m.name: (m.offset_data, m.size) for m in archive if m.isfile()
                    }
            except (tarfile.TarError, OSError) as error:
                raise _unreadable(file, error) from error
        return self._members[file]


def _decode(file: Path, offset: int, size: int) -> Audio:
    import soundfile

    try:
        with file.open("rb") as handle:
            handle.seek(offset)
            content = io.BytesIO(handle.read(size))
        audio, _ = soundfile.read(content, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise _unreadable(file, error) from error
    return np.ascontiguousarray(audio.T)


def _unreadable(file: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{str(file)!r} cannot be read ({error}); remove it and render the recipe again"
    )
