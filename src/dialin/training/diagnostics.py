"""A look at what is being learnt, after epochs: figures in the log, pictures beside it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from dialin.networks.vae import Vae
from dialin.training import pictures
from dialin.training.config import DiagnosticsOptions
from dialin.training.data import FeatureSet
from dialin.training.probes import active_units, embed_set, probe

COLLAPSED = 0.1
"""Share of active units below which the posterior counts as collapsed."""


class Diagnostics(Callback):
    """Probes, active units and pictures.

    Parameters
    ----------
    options : DiagnosticsOptions
    train, valid : FeatureSet
        Items that probes are fitted on, and judged on.
    folder : Path
        Where pictures go.
    debug : bool
        Mark pictures as those of a debug recipe.
    """

    def __init__(
        self,
        options: DiagnosticsOptions,
        train: FeatureSet,
        valid: FeatureSet,
        folder: Path,
        *,
        debug: bool = False,
    ) -> None:
        self.options, self.folder, self.debug = options, folder, debug
        self.train, self.valid = part(train, options.items), part(valid, options.items)
        self.alarm = ""

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look, every so many epochs.

        Parameters
        ----------
        trainer : Trainer
            Lightning's.
        pl_module : LightningModule
            Whose ``network`` is looked at.
        """
        epoch = trainer.current_epoch + 1
        if not self.options.every or epoch % self.options.every:
            return
        figures = self.look(pl_module.network, epoch if self.options.pictures else None, trainer)
        pl_module.log_dict({f"valid/{name}": value for name, value in figures.items()})

    def look(
        self, network: Any, epoch: int | None = None, trainer: Trainer | None = None
    ) -> dict[str, float]:
        """Figures; with an epoch, pictures too.

        Parameters
        ----------
        network : object
            An encoder, on any device.
        epoch : int, optional
            From 1, for the names of pictures; none are drawn without.
        trainer : Trainer, optional
            Lightning's, whose logger gets the pictures too.

        Returns
        -------
        dict of str to float
            By name.
        """
        train, valid = embed_set(network, self.train), embed_set(network, self.valid)
        report = probe(train, self.train, valid, self.valid)
        active = active_units(valid)
        self.alarm = ""
        if isinstance(network, Vae) and active < COLLAPSED * network.dimensions:
            self.alarm = (
                f"the posterior has collapsed: {active} of {network.dimensions} latent units are "
                "active; make model.beta smaller, its period longer, or set model.free_bits"
            )
            warnings.warn(self.alarm, stacklevel=2)
        if epoch is not None and (trainer is None or trainer.is_global_zero):
            self._draw(network, valid, epoch, trainer)
        return {
            "active": float(active),
            "collapsed": float(bool(self.alarm)),
            "probe_effect": report.effect,
            "probe_settings": report.mean_settings,
            "probe_loudness": report.loudness,
        }

    def _draw(self, network: Any, vectors: Any, epoch: int, trainer: Trainer | None) -> None:
        plane, shares = pictures.principal_plane(vectors)
        axes = [f"component {n + 1}, {share:.0%} of variance" for n, share in enumerate(shares)]
        planes = {"pca": (plane, axes)}
        if self.options.umap:
            planes["umap"] = (pictures.umap_plane(vectors), [])
        made = {}
        for name, (plane, named) in planes.items():
            made[f"{name}-effect"] = pictures.by_effect(plane, self.valid, name.upper(), named)
            if any(self.valid.knobs):
                title = f"{name.upper()} by knob, 0 dark to 1 bright"
                title += f" ({'; '.join(named)})" if named else ""
                made[f"{name}-knobs"] = pictures.by_knob(plane, self.valid, title)
        if isinstance(network, Vae):
            made["reconstructions"] = pictures.reconstructions(network, self.valid)
            made["interpolation"] = pictures.interpolation(network, self.valid)
        board = _board(trainer)
        if board is not None and trainer is not None:
            board.add_histogram("embedding", vectors, global_step=trainer.global_step)
        for name, picture in made.items():
            if self.debug:
                pictures.mark_debug(picture)
            pictures.save(picture, self.folder / f"{name}-{epoch:04d}.png")
            if board is not None:
                board.add_figure(name, picture, global_step=trainer.global_step if trainer else 0)


def part(data: FeatureSet, items: int) -> FeatureSet:
    """About so many items of a set: some of the contents, evenly spread, with all their classes.

    Parameters
    ----------
    data : FeatureSet
        Items of one split.
    items : int
        How many are wanted.

    Returns
    -------
    FeatureSet
    """
    contents = np.unique(data.content)
    count = max(1, round(len(contents) * min(items, len(data)) / len(data)))
    # Whole contents: any even step through items would fall in with the order of classes.
    chosen = contents[np.linspace(0, len(contents), count, endpoint=False).astype(int)]
    return data.only(np.isin(data.content, chosen))


def _board(trainer: Trainer | None) -> Any:
    """TensorBoard's writer, where there is one."""
    experiment = getattr(getattr(trainer, "logger", None), "experiment", None)
    return experiment if hasattr(experiment, "add_figure") else None
