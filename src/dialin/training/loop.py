"""The one place where Lightning's trainer is built, and how a training is taken up again.

A run has a folder: ``recipe.json`` (what it is), ``last.ckpt`` (where it stands, written every few
minutes, after each epoch and when it is stopped), ``best.ckpt`` (the best validation so far) and
``logs``. Checkpoints are written beside their place and renamed there, so that a kill at any moment
leaves the one before. They are Lightning's and are read with ``weights_only``, that is, without
running anything that a file says; what is trained is passed on as a model folder
(`dialin.networks.folder`), never as a checkpoint.
"""

from __future__ import annotations

import importlib.util
import logging
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn

from dialin.errors import MissingPackageError, TrainingError, UsageError
from dialin.files import atomic_file
from dialin.training.batches import Batches
from dialin.training.config import LoopOptions, OptimiserOptions
from dialin.training.runs import BEST, LAST

MONITOR = "valid/loss"


class Stopped(Exception):
    """Ctrl-C was pressed, and where the run stands has been saved."""


class Checkpoints(Callback):
    """Write ``last.ckpt`` every few minutes, and ``best.ckpt`` when validation is better.

    Ctrl-C is answered after the step it comes in: half a step cannot be taken up again. A second
    one is answered at once, and leaves the checkpoint before.

    Parameters
    ----------
    folder : Path
    minutes : float
    """

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder, self.seconds = folder, 60.0 * minutes
        self.best = float("inf")
        self._saved = time.monotonic()
        self._stop = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Answer Ctrl-C while training, where this thread may."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._asked)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _asked(self, number: int, frame: Any) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put batches at the epoch: a run taken up between two is not told where it was.

        Parameters
        ----------
        trainer : Trainer
            Lightning's.
        pl_module : LightningModule
            What is trained.
        """
        batches = trainer.train_dataloader
        if isinstance(batches, Batches) and batches.position == 0:
            batches.epoch = trainer.current_epoch

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is time to; all processes decide together.

        Parameters
        ----------
        trainer : Trainer
            Lightning's.
        pl_module : LightningModule
            What is trained.
        outputs : object
            What the step returned; not used.
        batch : object
            Not used.
        batch_idx : int
            Number of the batch in its epoch.
        """
        due = self._stop or time.monotonic() - self._saved >= self.seconds
        if trainer.world_size > 1:
            due = trainer.strategy.reduce_boolean_decision(due, all=False)
        if due:
            self._save(trainer, LAST)
        self._leave()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after each epoch's validation.

        Parameters
        ----------
        trainer : Trainer
            Lightning's.
        pl_module : LightningModule
            What is trained.
        """
        loss = trainer.callback_metrics.get(MONITOR)
        if loss is not None and float(loss) < self.best:
            self.best = float(loss)
            self._save(trainer, BEST)
        self._save(trainer, LAST)
        self._leave()

    def _leave(self) -> None:
        if self._stop:
            raise Stopped

    def _save(self, trainer: Trainer, name: str) -> None:
        if not all(bool(torch.isfinite(p).all()) for p in trainer.lightning_module.parameters()):
            raise TrainingError(
                f"weights are no longer finite after step {trainer.global_step}; make "
                "optimiser.rate smaller, or optimiser.clip. The last checkpoint is from before"
            )
        if trainer.is_global_zero:
            with atomic_file(self.folder / name) as part:
                trainer.save_checkpoint(part)
        else:
            # The first process alone writes; the others are asked too, and wait for it.
            trainer.save_checkpoint(self.folder / name)
        self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Best validation so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up again.

        Parameters
        ----------
        state_dict : dict
            What `state_dict` gave.
        """
        self.best = float(state_dict["best"])


class Reporter(Callback):
    """Tell whoever wants to know how far training is.

    Parameters
    ----------
    show : callable or None
        Gets ``"epoch 3 of 40"``, the step and the steps, after each step.
    say : callable or None
        Gets a line of validation figures after each epoch.
    """

    def __init__(
        self,
        show: Callable[[str, int, int], None] | None,
        say: Callable[[str], None] | None,
    ) -> None:
        self._show, self._say = show, say
        self._before: dict[str, float] = {}
        self._begun = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the time.

        Parameters
        ----------
        trainer : Trainer
            Lightning's.
        pl_module : LightningModule
            What is trained.
        """
        self._begun = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell the step.

        Parameters
        ----------
        trainer : Trainer
            Lightning's.
        pl_module : LightningModule
            What is trained.
        outputs : object
            What the step returned; not used.
        batch : object
            Not used.
        batch_idx : int
            Number of the batch in its epoch.
        """
        if self._show is not None and trainer.is_global_zero:
            name = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
            self._show(name, batch_idx + 1, int(trainer.num_training_batches))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell what validation found.

        Parameters
        ----------
        trainer : Trainer
            Lightning's.
        pl_module : LightningModule
            What is trained.
        """
        if self._say is not None and trainer.is_global_zero:
            metrics = {n: float(v) for n, v in sorted(trainer.callback_metrics.items())}
            # Lightning keeps figures of epochs before; what is not looked at each time is not new.
            new = {n: v for n, v in metrics.items() if "valid/" in n and v != self._before.get(n)}
            figures = [f"{n.removeprefix('valid/')} {v:.4g}" for n, v in new.items()]
            self._before = metrics
            seconds = time.monotonic() - self._begun
            name = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
            self._say(f"{name}: {', '.join(figures)} ({seconds:.0f} s)")


class Settings(Callback):
    """Give the log a run's settings, so that runs can be compared by them.

    In TensorBoard they stand under HPARAMS, beside validation and the figures of the finished
    model (``final/...``).

    Parameters
    ----------
    settings : mapping
        See `dialin.training.config.settings_of`.
    finals : sequence of str
        Names of the figures that `log_final` will give.
    """

    def __init__(
        self, settings: Mapping[str, bool | int | float | str], finals: Sequence[str]
    ) -> None:
        self.settings, self.finals = dict(settings), tuple(finals)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write them, also for runs that never finish.

        Parameters
        ----------
        trainer : Trainer
            Lightning's.
        pl_module : LightningModule
            What is trained.
        """
        if not trainer.is_global_zero or trainer.logger is None:
            return
        board: Any = getattr(trainer.logger, "experiment", None)
        if not hasattr(board, "_get_file_writer"):
            trainer.logger.log_hyperparams(self.settings)
            return
        from torch.utils.tensorboard.summary import hparams

        # Lightning's own way would put a value of each figure at step 0 into its curve.
        metrics = dict.fromkeys([MONITOR, *(f"final/{name}" for name in self.finals)], 0.0)
        for summary in hparams(self.settings, metrics):  # type: ignore[no-untyped-call]
            board._get_file_writer().add_summary(summary)
        board.flush()


def log_final(trainer: Trainer, figures: Mapping[str, float]) -> None:
    """Log the figures of a finished model as ``final/...``.

    Parameters
    ----------
    trainer : Trainer
        Lightning's, whose logger gets them.
    figures : mapping of str to float
        By name.
    """
    if trainer.is_global_zero and trainer.logger is not None:
        values = {f"final/{name}": float(value) for name, value in figures.items()}
        trainer.logger.log_metrics(values, trainer.global_step)
        trainer.logger.finalize("success")


def check_loop(loop: LoopOptions) -> None:
    """Refuse devices and loggers that cannot be had here, before any work is done.

    Parameters
    ----------
    loop : LoopOptions
        Devices, epochs, checkpoints and logger.

    Raises
    ------
    UsageError
        By what cannot be had.
    """
    _quiet()
    _trainer(loop, logger=False, enable_checkpointing=False)
    modules = {"wandb": "wandb", "tensorboard": "tensorboard"}
    module = modules.get(loop.logger, "")
    if module and importlib.util.find_spec(module) is None:
        needs = "pip install wandb" if module == "wandb" else "pip install 'dialin[training]'"
        raise MissingPackageError(f"loop.logger = {loop.logger!r} needs {module}: {needs}")


def make_trainer(
    loop: LoopOptions,
    folder: Path,
    *,
    clip: float = 1.0,
    callbacks: Sequence[Callback] = (),
) -> Trainer:
    """Build the trainer of a run.

    Parameters
    ----------
    loop : LoopOptions
        Devices, epochs, checkpoints and logger.
    folder : Path
        Of the run.
    clip : float
        Largest norm of a gradient; 0 for none.
    callbacks : sequence of Callback
        Beside checkpoints and early stopping.

    Returns
    -------
    Trainer
    """
    if loop.threads:
        torch.set_num_threads(loop.threads)
    _quiet()
    own: list[Callback] = list(callbacks)
    if loop.patience:
        own.append(EarlyStopping(MONITOR, patience=loop.patience, mode="min", check_finite=True))
    # Last, so that what the others know is in the checkpoint.
    own.append(Checkpoints(folder, loop.checkpoint_minutes))
    return _trainer(
        loop,
        max_epochs=loop.epochs,
        logger=_logger(loop, folder),
        callbacks=own,
        gradient_clip_val=clip or None,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        log_every_n_steps=10,
        default_root_dir=folder,
    )


def _trainer(loop: LoopOptions, **options: Any) -> Trainer:
    try:
        return Trainer(
            accelerator=loop.accelerator,
            devices=loop.devices,
            num_nodes=loop.nodes,
            strategy=loop.strategy,
            precision=loop.precision,  # type: ignore[arg-type]
            **options,
        )
    except Exception as error:
        # Lightning names what it does not like: an accelerator that is not there, for one.
        raise UsageError(f"the recipe's loop cannot be had here: {error}") from error


def fit(
    trainer: Trainer,
    module: LightningModule,
    data: LightningDataModule,
    checkpoint: Path | None = None,
) -> bool:
    """Train, or go on; returns whether it came to its end.

    Ctrl-C ends the run after saving; the same command with ``--resume`` goes on.

    Parameters
    ----------
    trainer : Trainer
        Lightning's.
    module : LightningModule
        What is trained.
    data : LightningDataModule
        Its batches.
    checkpoint : Path, optional
        Where to go on from; from the start without.

    Returns
    -------
    bool
        False where it was stopped.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C is pressed again while the run is being saved.
    """
    own = [c.listening() for c in trainer.callbacks if isinstance(c, Checkpoints)]  # type: ignore[attr-defined]
    try:
        with own[0]:
            trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    except Stopped:
        return False
    except SystemExit as error:
        # So Lightning answers the second Ctrl-C.
        raise KeyboardInterrupt from error
    return True


def load_best(folder: Path, module: nn.Module) -> dict[str, Any]:
    """Load the best weights of a run into its module; returns the checkpoint.

    Parameters
    ----------
    folder : Path
        Of the run.
    module : Module
        Whose weights are replaced.

    Returns
    -------
    dict
        Content of the checkpoint.

    Raises
    ------
    UsageError
        If there is no checkpoint.
    """
    file = folder / BEST if (folder / BEST).is_file() else folder / LAST
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{str(folder)!r} has no checkpoint: {error}") from error
    module.load_state_dict(checkpoint["state_dict"], strict=True)
    return dict(checkpoint)


def optimiser(module: nn.Module, options: OptimiserOptions, steps: int) -> dict[str, Any]:
    """AdamW and its learning rate over `steps` steps, as Lightning takes them.

    Parameters
    ----------
    module : Module
        Whose parameters are trained.
    options : OptimiserOptions
        Rate, its course, and weight decay.
    steps : int
        Of the whole training.

    Returns
    -------
    dict
        ``optimizer`` and ``lr_scheduler``.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    # Biases and scales are not decayed: shrinking them says nothing about complexity.
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    made = torch.optim.AdamW(groups, lr=options.rate)

    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / max(1, options.warmup))
        if options.decay == "none":
            return warm
        from math import cos, pi

        return warm * (0.01 + 0.99 * 0.5 * (1.0 + cos(pi * min(1.0, step / max(1, steps)))))

    schedule = torch.optim.lr_scheduler.LambdaLR(made, factor)
    return {"optimizer": made, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _logger(loop: LoopOptions, folder: Path) -> Any:
    if loop.logger == "none":
        return False
    if loop.logger == "wandb":
        from lightning.pytorch.loggers import WandbLogger

        try:
            return WandbLogger(save_dir=folder, project="dialin", id=folder.name, resume="allow")
        except ImportError as error:
            raise MissingPackageError(
                "loop.logger = 'wandb' needs Weights & Biases: pip install wandb"
            ) from error
    from lightning.pytorch.loggers import TensorBoardLogger

    try:
        return TensorBoardLogger(folder, name="logs", version="")
    except ImportError as error:
        raise MissingPackageError(
            "loop.logger = 'tensorboard' needs TensorBoard: pip install 'dialin[training]'"
        ) from error


def _quiet() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for text in (
        ".*num_workers.*",
        ".*does not have many workers.*",
        ".*litlogger.*",
        ".*logging interval.*",
        ".*isinstance.treespec.*",
        ".*LeafSpec.*",
    ):
        warnings.filterwarnings("ignore", text)
