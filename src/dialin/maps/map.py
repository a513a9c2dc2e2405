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

FORMAT = 1


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

        Raises
        ------
        OutputError
            If the file is there and `overwrite` is not set, or cannot be written.
        """
        place = Path(path)
        body = {
            "format": FORMAT,
            "effect": self.effect,
            "spec_hash": self.spec_hash,
            "way": self.way,
            "about": self.about,
        }
        with atomic_file(place, overwrite=overwrite) as part, part.open("wb") as file:
            np.savez_compressed(file, grid=self.grid, about=np.array(json.dumps(body)))
        return place


def load_map(path: str | os.PathLike[str]) -> EffectMap:
    """Read what `EffectMap.save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    EffectMap

    Raises
    ------
    UsageError
        If the file is missing, or is no map of this version.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as file:
            grid = np.asarray(file["grid"], np.float64)
            body = json.loads(str(file["about"]))
        if body["format"] != FORMAT or grid.ndim != 3:
            raise ValueError(f"format {body['format']!r}, grid of shape {grid.shape}")
        return EffectMap(body["effect"], body["spec_hash"], body["way"], grid, body["about"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{str(path)!r} cannot be read as a map: {error}") from error
