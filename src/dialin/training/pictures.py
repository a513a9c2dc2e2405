"""Pictures of what an encoder has learnt. Needs matplotlib; files appear in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dialin.errors import MissingPackageError
from dialin.files import atomic_file
from dialin.networks.vae import Vae
from dialin.training.data import FeatureSet

Plane = NDArray[np.float64]


def figure(rows: int, columns: int, width: float = 2.2, height: float = 1.8) -> tuple[Any, Any]:
    """A figure without a screen, and its axes ``(rows, columns)``.

    Parameters
    ----------
    rows : int
        Number of rows of axes.
    columns : int
        Number of columns.
    width : float, default 2.2
        Of each, in inches.
    height : float, default 1.8
        Of each, in inches.

    Returns
    -------
    (matplotlib.figure.Figure, ndarray)

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError(
            "pictures need matplotlib: pip install 'dialin[training]', or set "
            "diagnostics.pictures = false"
        ) from error
    made = Figure(figsize=(width * columns, height * rows), dpi=100, layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False)


def mark_debug(made: Any) -> None:
    """Write across a figure that a debug recipe made it.

    Parameters
    ----------
    made : matplotlib.figure.Figure
        Written on.
    """
    made.text(
        0.5,
        0.5,
        "debug recipe",
        fontsize=28,
        color="red",
        alpha=0.35,
        ha="center",
        va="center",
        rotation=20,
        zorder=100,
    )


def save(made: Any, file: Path) -> None:
    """Write a figure as PNG.

    Parameters
    ----------
    made : matplotlib.figure.Figure
        What is written.
    file : Path
        PNG file.
    """
    with atomic_file(file, parents=True) as part:
        made.savefig(part, format="png")


def principal_plane(vectors: NDArray[np.float32]) -> tuple[Plane, tuple[float, float]]:
    """The two directions of largest variance, with fixed signs, so that pictures stay put.

    Parameters
    ----------
    vectors : ndarray, float32, shape (items, dimensions)
        Embeddings.

    Returns
    -------
    plane : ndarray, shape (items, 2)
    shares : tuple of float
        Of the variance, along each of the two.
    """
    centred = vectors - vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    variance = np.square(sizes)
    shares = variance[:2] / max(float(variance.sum()), np.finfo(np.float64).tiny)
    two = directions[:2]
    two = two * np.sign(two[np.arange(len(two)), np.abs(two).argmax(axis=1)])[:, None]
    result: Plane = centred @ two.T
    return result, (float(shares[0]), float(shares[1]))


def umap_plane(vectors: NDArray[np.float32], seed: int = 0) -> Plane:
    """UMAP to two dimensions; the same for a seed.

    Parameters
    ----------
    vectors : ndarray, float32, shape (items, dimensions)
        Embeddings.
    seed : int, default 0
        Of all chance.

    Returns
    -------
    ndarray, float64, shape (items, 2)

    Raises
    ------
    MissingPackageError
        If umap-learn is not installed.
    """
    try:
        import umap
    except ImportError as error:
        raise MissingPackageError(
            "diagnostics.umap needs umap-learn: pip install umap-learn, or set it to false"
        ) from error
    return np.asarray(umap.UMAP(random_state=seed, n_jobs=1).fit_transform(vectors), np.float64)


def short(effect: str) -> str:
    """The part of an effect's URI that a person reads.

    Parameters
    ----------
    effect : str
        Its URI.

    Returns
    -------
    str
        20 characters at most.
    """
    return effect.rstrip("/").replace(":", "/").split("/")[-1][:20]


def by_effect(plane: Plane, data: FeatureSet, title: str, axes_named: Sequence[str] = ()) -> Any:
    """Points of a plane coloured by effect; `axes_named` are what its two axes are.

    Parameters
    ----------
    plane : ndarray, float64, shape (items, 2)
        Positions of the items.
    data : FeatureSet
        The items.
    title : str
        Put above the figure.
    axes_named : sequence of str, optional
        Two names, or none.

    Returns
    -------
    matplotlib.figure.Figure
    """
    made, axes = figure(1, 1, 6.0, 4.5)
    for kind, name in enumerate(data.classes):
        mine = plane[data.label == kind]
        axes[0, 0].scatter(mine[:, 0], mine[:, 1], s=5, label=short(name), color=f"C{kind}")
    axes[0, 0].legend(fontsize=7, markerscale=2, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes[0, 0].set_title(title, fontsize=9)
    if axes_named:
        axes[0, 0].set_xlabel(axes_named[0], fontsize=8)
        axes[0, 0].set_ylabel(axes_named[1], fontsize=8)
    return made


def by_knob(plane: Plane, data: FeatureSet, title: str) -> Any:
    """A row of planes for each effect, each coloured by one of its knobs.

    Parameters
    ----------
    plane : ndarray, float64, shape (items, 2)
        Positions of the items.
    data : FeatureSet
        The items.
    title : str
        Put above the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = [kind for kind, knobs in enumerate(data.knobs) if knobs]
    columns = max(len(data.knobs[kind]) for kind in kinds)
    made, axes = figure(len(kinds), columns, 1.4, 1.4)
    for row, kind in zip(axes, kinds, strict=True):
        mine = data.label == kind
        for column, axis in enumerate(row):
            axis.set_axis_off()
            if column >= len(data.knobs[kind]):
                continue
            axis.scatter(*plane[~mine].T, s=0.2, color="0.85")
            axis.scatter(*plane[mine].T, s=3, c=data.settings[mine, column], cmap="viridis")
            name = short(data.classes[kind])
            axis.set_title(f"{name}: {data.knobs[kind][column]}"[:24], fontsize=5)
    made.suptitle(title, fontsize=8)
    return made


def strips(spectra: Sequence[Sequence[NDArray[np.float32]]], titles: Sequence[str]) -> Any:
    """Rows of spectrograms, all on one scale of colours.

    Parameters
    ----------
    spectra : sequence of sequence of ndarray
        Rows of arrays, shape (bands, frames) each.
    titles : sequence of str
        Of the columns.

    Returns
    -------
    matplotlib.figure.Figure
    """
    made, axes = figure(len(spectra), len(titles))
    flat = np.concatenate([np.ravel(s) for row in spectra for s in row])
    low, high = np.percentile(flat, [1, 99.8])
    for index, row in enumerate(spectra):
        for axis, title, spectrum in zip(axes[index], titles, row, strict=True):
            axis.imshow(spectrum, origin="lower", aspect="auto", vmin=low, vmax=high, cmap="magma")
            axis.set_axis_off()
            if index == 0:
                axis.set_title(title, fontsize=7)
    return made


def reconstructions(network: Vae, data: FeatureSet, count: int = 4) -> Any:
    """Spectrograms and what the VAE makes of them.

    Parameters
    ----------
    network : Vae
        A trained VAE.
    data : FeatureSet
        The items.
    count : int, default 4
        How many.

    Returns
    -------
    matplotlib.figure.Figure
    """
    features = _spread(data, count)
    with torch.no_grad():
        decoded = network.decode(network.embed(features)).cpu().numpy()
    pairs = list(zip(features.cpu().numpy(), decoded, strict=True))
    return strips([[a for a, _ in pairs], [b for _, b in pairs]], ["in, and out below"] * count)


def interpolation(network: Vae, data: FeatureSet, steps: int = 7, rows: int = 3) -> Any:
    """Spectrograms along straight lines between the latents of two clips.

    Parameters
    ----------
    network : Vae
        A trained VAE.
    data : FeatureSet
        The items.
    steps : int, default 7
        Points on each line.
    rows : int, default 3
        Number of lines.

    Returns
    -------
    matplotlib.figure.Figure
    """
    features = _spread(data, 2 * rows)
    shares = np.linspace(0.0, 1.0, steps)
    with torch.no_grad():
        latents = network.embed(features)
        lines = [
            [
                network.decode((1 - s) * latents[None, 2 * r] + s * latents[None, 2 * r + 1])[0]
                .cpu()
                .numpy()
                for s in shares
            ]
            for r in range(rows)
        ]
    return strips(lines, [f"{s:.2f}" for s in shares])


def _spread(data: FeatureSet, count: int) -> torch.Tensor:
    indices = np.linspace(0, len(data) - 1, count).astype(np.int64)
    return torch.from_numpy(data.features(indices))
