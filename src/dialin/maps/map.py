"""A map of an effect: from a point of the plane to settings.

Whatever way a map was made, it is kept as settings on a grid over the square from -1 to 1, with
bilinear interpolation between: continuous, the same every time, and read with numpy alone. The
centre is where the effect changes least; to the right it gets brighter, as far as the effect can.
"""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import UsageError
from dialin.files import atomic_file
from dialin.files.reading import parse_json

FORMAT = 1

LARGEST = 256 << 20
"""Bytes of a map, unpacked; one of 64 by 64 points and 100 knobs has 3 MB."""


@dataclass(frozen=True, eq=False)
class EffectMap:
    """Settings over a square.

    Attributes
    ----------
    effect, spec_hash : str
        URI and `EffectSpec.hash` of the effect.
    way : str
        How it was made: ``pca``, ``vae`` or ``controller``.
    grid : ndarray, float64, shape (rows, columns, knobs)
        Settings in [0, 1]; rows from y = -1 to 1, columns from x = -1 to 1.
    about : dict
        Plain data: options, seed, what the axes were found to mean.
    """

    effect: str
    spec_hash: str
    way: str
    grid: NDArray[np.float64]
    about: dict[str, Any] = field(default_factory=dict)

    def settings(self, point: ArrayLike, spec: EffectSpec | None = None) -> Settings:
        """Settings at a point.

        Parameters
        ----------
        point : array_like, shape (2,) or (points, 2)
            x and y from -1 to 1; what lies outside counts as its edge.
        spec : EffectSpec, optional
            Checked against the map's, and used to snap stepped knobs.

        Returns
        -------
        ndarray, float64, shape (knobs,) or (points, knobs)

        Raises
        ------
        UsageError
            If the map is another effect's, or the point is no point.
        """
        if spec is not None and spec.hash != self.spec_hash:
            raise UsageError(
                f"this is a map of {self.effect} (spec {self.spec_hash}); {spec.uri} has spec "
                f"{spec.hash}"
            )
        points = np.atleast_2d(np.asarray(point, np.float64))
        if points.shape[-1] != 2 or points.ndim != 2 or not np.isfinite(points).all():
            raise UsageError(f"{point!r} is no point of a map: give x and y from -1 to 1")
        rows, columns, _ = self.grid.shape
        x, y = ((np.clip(points, -1.0, 1.0) + 1.0) / 2.0).T
        across, down = x * (columns - 1), y * (rows - 1)
        left = np.minimum(across.astype(int), columns - 2)
        low = np.minimum(down.astype(int), rows - 2)
        u, v = (across - left)[:, None], (down - low)[:, None]
        values = (1 - v) * ((1 - u) * self.grid[low, left] + u * self.grid[low, left + 1]) + v * (
            (1 - u) * self.grid[low + 1, left] + u * self.grid[low + 1, left + 1]
        )
        values = np.clip(values, 0.0, 1.0)
        if spec is not None:
            values = np.stack([spec.check(row) for row in values])
        return np.asarray(values[0] if np.ndim(point) == 1 else values)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the map as an ``.npz`` file, in one piece.

        Parameters
        ----------
        path : path-like
            File to be written.
        overwrite : bool, default False
            Whether a file that is there may be replaced.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        OutputError
            If the file is there and `overwrite` is not set, or cannot be written.
        """
        target = Path(path)
        body = {
            "format": FORMAT,
            "effect": self.effect,
            "spec_hash": self.spec_hash,
            "way": self.way,
            "about": self.about,
        }
        with atomic_file(target, overwrite=overwrite) as part, part.open("wb") as file:
            np.savez_compressed(file, grid=self.grid, about=np.array(json.dumps(body)))
        return target


def load_map(path: str | os.PathLike[str]) -> EffectMap:
    """Read what `EffectMap.save` wrote.

    Parameters
    ----------
    path : path-like
        Of the file.

    Returns
    -------
    EffectMap

    Raises
    ------
    UsageError
        If the file is missing, or is no map of this version.
    """
    try:
        data, body = _read(Path(path))
        if not isinstance(body, dict) or body.get("format") != FORMAT or data.ndim != 3:
            raise ValueError("it is of another format")
        if data.dtype.kind not in "fiu" or min(data.shape) < 1 or min(data.shape[:2]) < 2:
            raise ValueError(f"a grid of {data.dtype} of shape {data.shape}")
        grid = data.astype(np.float64)
        if not np.isfinite(grid).all():
            raise ValueError("its grid holds what is no number")
        words = [body.get(name) for name in ("effect", "spec_hash", "way")]
        named = [word for word in words if isinstance(word, str)]
        if named != words:
            raise ValueError("it does not say which effect it is of")
        about = body.get("about")
        if not isinstance(about, dict):
            raise ValueError("it does not say how it was made")
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} cannot be read as a map: {error}") from error
    return EffectMap(named[0], named[1], named[2], grid, about)


def _read(path: Path) -> tuple[NDArray[Any], Any]:
    """Grid and description of a file; `OSError` or `ValueError` if it has none."""
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                size = sum(info.file_size for info in archive.infolist())
            if size > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST >> 20} MiB")
            file.seek(0)
            with np.load(file, allow_pickle=False) as inside:
                return inside["grid"], parse_json(str(inside["about"]))
        except (OSError, ValueError):
            raise
        except Exception as error:
            # zipfile, zlib and numpy have a class of their own for each way to be damaged.
            raise ValueError(f"{type(error).__name__} {error}") from error
