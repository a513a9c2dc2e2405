"""Gradients through effects that cannot be differentiated, on the rendering pool.

`EffectLayer` renders a batch and estimates how its knobs change the audio; `LossLayer` estimates
how they change a loss that is measured where the rendering happens. Both draw the same directions
(`dialin.training.perturbation`).

Conventions: all renders of a step, the one that is heard and the perturbed ones of every item, are
submitted to the pool at once, in forward. Backward only combines arrays that forward stored, so it
may run on any thread (autograd's CUDA threads do) and never waits for a plugin. Renders that are
compared share everything random: an effect is a pure function of audio and settings, whose noise
has a fixed seed (common random numbers).

A direction one of whose renders fails or is not finite is left out, and counted. An item whose
own render fails comes out as zeros with ``ok`` False and has no gradient: leave it out of the
loss. Where all items fail the first failure is raised.

References
----------
Spall (1992), see `dialin.training.perturbation`; on audio effects: M. A. Martinez Ramirez, O. Wang,
P. Smaragdis, N. J. Bryan, "Differentiable signal processing with black-box audio effects", ICASSP
2021, section 3.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from dialin.effects.spec import EffectSpec
from dialin.errors import RenderError, UsageError
from dialin.rendering import Job, RenderPool, Result, SharedAudio
from dialin.training.perturbation import Directions, Perturber, SpsaOptions

AudioGradient = Literal["none", "identity"]


class Rendered(NamedTuple):
    """A rendered batch: audio ``(batch, channels, samples)`` and which items are ``ok``."""

    audio: Tensor
    ok: Tensor


class Measured(NamedTuple):
    """A measured batch: one loss an item, ``(batch,)``, and which items are ``ok``."""

    loss: Tensor
    ok: Tensor


@dataclass
class RenderCount:
    """What a layer has rendered so far.

    Attributes
    ----------
    renders, directions, items : int
    lost_directions, lost_items : int
        Left out because a render failed.
    failures : Counter of str
        Failed renders by the code of their error.
    seconds : float
        Spent waiting for the pool.
    """

    renders: int = 0
    directions: int = 0
    items: int = 0
    lost_directions: int = 0
    lost_items: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


class _Combine(torch.autograd.Function):
    """Vector-Jacobian product from stored differences.

    With ``d_k = y(u_k^+) - y(u_k^-)`` and weights ``w_k`` the Jacobian's column of knob i is
    estimated as ``sum_k d_k w_ki``, so its product with a gradient v is ``sum_k <v, d_k> w_ki``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        audio: Tensor | None,
        settings: Tensor,
        output: Tensor,
        differences: Tensor,
        weights: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(differences, weights)
        ctx.passes_audio = audio is not None
        return output.clone()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        differences, weights = ctx.saved_tensors
        along = torch.einsum("bn,bkn->bk", gradient.reshape(len(gradient), -1), differences)
        slopes = torch.einsum("bk,bkp->bp", along, weights)
        return gradient if ctx.passes_audio else None, slopes, None, None, None


class _Layer(nn.Module):
    """What both layers share: the pool, the directions, the count."""

    iteration: Tensor

    def __init__(
        self, pool: RenderPool, uri: str, sample_rate: int, options: SpsaOptions | None
    ) -> None:
        super().__init__()
        self.pool, self.uri, self.sample_rate = pool, uri, sample_rate
        self.spec: EffectSpec = pool.describe(uri)
        self.perturber = Perturber(self.spec, options or SpsaOptions())
        self.count = RenderCount()
        # Part of a checkpoint, so that a resumed run draws the directions it would have drawn.
        self.register_buffer("iteration", torch.zeros((), dtype=torch.long))

    def _run(
        self,
        audio: Tensor,
        settings: Tensor,
        measure: Callable[..., Any] | None = None,
        arguments: Sequence[tuple[Any, ...]] | None = None,
    ) -> tuple[list[Result], list[list[Result]], list[list[Result]], Directions | None]:
        """Render everything a step needs: per item the render itself, the plus and the minus."""
        vectors = self._check(audio, settings)
        directions = None
        if torch.is_grad_enabled() and settings.requires_grad:
            directions = self.perturber.draw(vectors, int(self.iteration))
            self.iteration += 1
        dry = audio.detach().to("cpu", torch.float32).numpy()
        batch = len(dry)
        shared: list[SharedAudio] = []
        jobs: list[Job] = []

        def add(item: int, vector: NDArray[np.float64]) -> None:
            given = arguments[item] if arguments is not None else ()
            job = Job(self.uri, shared[item], vector, measure=measure, measure_args=given)
            jobs.append(job)

        began = time.perf_counter()
        try:
            for item in range(batch):
                sound = np.atleast_2d(dry[item])
                shared.append(self.pool.share(np.ascontiguousarray(sound), self.sample_rate))
            per_item = 0
            for item in range(batch):
                add(item, vectors[item])
                if directions is not None:
                    for side in (directions.plus, directions.minus):
                        for vector in side[item] if side is not None else ():
                            add(item, vector)
                per_item = per_item or len(jobs)
            results = self.pool.render(jobs)
        finally:
            for one in shared:
                self.pool.release(one)
        self.count.seconds += time.perf_counter() - began
        self.count.renders += len(jobs)
        self.count.failures.update(r.failure.code for r in results if r.failure is not None)
        rows = [results[i * per_item : (i + 1) * per_item] for i in range(batch)]
        plus_end = 1 + (directions.plus.shape[1] if directions is not None else 0)
        here = [row[0] for row in rows]
        self.count.items += batch
        lost = [r for r in here if r.failure is not None]
        self.count.lost_items += len(lost)
        if len(lost) == batch:
            assert lost[0].failure is not None
            raise lost[0].failure
        plus = [row[1:plus_end] for row in rows]
        return here, plus, [row[plus_end:] for row in rows], directions

    def _check(self, audio: Tensor, settings: Tensor) -> NDArray[np.float64]:
        if audio.ndim not in (2, 3) or settings.shape != (audio.shape[0], self.spec.size):
            raise UsageError(
                f"audio of shape {tuple(audio.shape)} and settings of shape "
                f"{tuple(settings.shape)} do not fit {self.spec.name}; use (batch, samples) or "
                f"(batch, channels, samples) and (batch, {self.spec.size})"
            )
        vectors = settings.detach().to("cpu", torch.float64).numpy()
        if not (np.isfinite(vectors).all() and vectors.min() >= 0.0 and vectors.max() <= 1.0):
            raise UsageError(
                f"settings from {vectors.min():g} to {vectors.max():g} for {self.spec.name}: they "
                "must be finite and lie in 0 to 1; end the network with a sigmoid"
            )
        return vectors

    def _weights(
        self, directions: Directions, differences: list[list[Any]], ok: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        kept = np.array([[d is not None for d in row] for row in differences], dtype=bool)
        self.count.directions += kept.size
        self.count.lost_directions += int(kept.size - kept.sum())
        return directions.averaged(kept & ok[:, None]).astype(np.float32)


def _differences(
    here: list[Result], plus: list[list[Result]], minus: list[list[Result]], two_sided: bool
) -> list[list[Any]]:
    """``y(plus) - y(minus)`` of each item and direction; None for a lost one."""

    def value(result: Result) -> Any:
        if result.failure is not None or not np.isfinite(result.value).all():
            return None
        return result.value

    rows: list[list[Any]] = []
    for item, ups in enumerate(plus):
        row: list[Any] = []
        for place, up in enumerate(ups):
            a, b = value(up), value(minus[item][place] if two_sided else here[item])
            row.append(None if a is None or b is None else a - b)
        rows.append(row)
    return rows


class EffectLayer(_Layer):
    """An effect as a layer of a network: audio and settings in, audio out.

    Parameters
    ----------
    pool : RenderPool
        Stays the caller's, who closes it. Give it ``quarantine=0`` for training, or a few settings
        at which the effect crashes end it.
    uri : str
        Of an effect or a chain.
    sample_rate : int
        In hertz.
    options : SpsaOptions, optional
    audio_gradient : {"none", "identity"}
        What flows back into the input audio: nothing (the audio counts as a constant), or the
        gradient as it came, as if the effect were a wire. The latter is an approximation that is
        right only where the effect changes little; the effect's own Jacobian with respect to its
        input has a row a sample and cannot be had from a few renders.

    Attributes
    ----------
    count : RenderCount
    iteration : Tensor
        Training steps so far; saved with the weights.

    Examples
    --------
    >>> layer = EffectLayer(pool, "builtin:reverb", 44_100)              # doctest: +SKIP
    >>> wet, ok = layer(audio, torch.sigmoid(network(audio)))            # doctest: +SKIP
    >>> (wet - target)[ok].abs().mean().backward()                       # doctest: +SKIP
    """

    def __init__(
        self,
        pool: RenderPool,
        uri: str,
        sample_rate: int,
        options: SpsaOptions | None = None,
        *,
        audio_gradient: AudioGradient = "none",
    ) -> None:
        super().__init__(pool, uri, sample_rate, options)
        if audio_gradient not in ("none", "identity"):
            raise UsageError(f"audio_gradient = {audio_gradient!r}: use 'none' or 'identity'")
        self.audio_gradient = audio_gradient

    def forward(self, audio: Tensor, settings: Tensor) -> Rendered:
        """Render a batch.

        Parameters
        ----------
        audio : Tensor, shape (batch, samples) or (batch, channels, samples)
        settings : Tensor, shape (batch, knobs)
            In [0, 1].

        Returns
        -------
        Rendered
            Audio in the shape of the input, on the device of `settings`.

        Raises
        ------
        RenderError
            If no item of the batch could be rendered.
        """
        here, plus, minus, directions = self._run(audio, settings)
        ok = np.array([r.failure is None for r in here], dtype=bool)
        silence = np.zeros((audio[0].numel() // audio.shape[-1], audio.shape[-1]), np.float32)
        for result in here:
            if result.failure is None and result.value.shape != silence.shape:
                raise RenderError(
                    f"{self.uri} returned audio of shape {result.value.shape} for an input of "
                    f"shape {silence.shape}; an effect that changes lengths cannot be trained with"
                )
        wet = np.stack([r.value if r.failure is None else silence for r in here])
        device = settings.device
        output = torch.from_numpy(wet).reshape(audio.shape).to(device)
        answer = torch.from_numpy(ok).to(device)
        if directions is None:
            return Rendered(output, answer)
        rows = _differences(here, plus, minus, directions.minus is not None)
        weights = self._weights(directions, rows, ok)
        stacked = np.zeros((len(rows), len(rows[0]), silence.size), np.float32)
        for item, row in enumerate(rows):
            for place, difference in enumerate(row):
                if difference is not None:
                    stacked[item, place] = difference.ravel()
        through = audio if self.audio_gradient == "identity" else None
        result = _Combine.apply(  # type: ignore[no-untyped-call, unused-ignore]
            None if through is None else through.to(device),
            settings,
            output,
            torch.from_numpy(stacked).to(device),
            torch.from_numpy(weights).to(device),
        )
        return Rendered(result, answer)


class LossLayer(_Layer):
    """A loss of an effect's output as a layer, for losses that need no gradient of their own.

    The loss is evaluated on every render, by the workers, and only numbers come back. Where
    `EffectLayer` differentiates the loss exactly and estimates the effect, this estimates both, so
    the estimate is of the loss at the distance of the step, not at a point: rougher for steps that
    are long against the loss's curvature, smoother where the loss is rough.

    Parameters
    ----------
    pool, uri, sample_rate, options
        As of `EffectLayer`.
    measure : callable
        ``measure(audio, sample_rate, *arguments) -> float``, a function at the top of a module.
    """

    def __init__(
        self,
        pool: RenderPool,
        uri: str,
        sample_rate: int,
        measure: Callable[..., float],
        options: SpsaOptions | None = None,
    ) -> None:
        super().__init__(pool, uri, sample_rate, options)
        self.measure = measure

    def forward(
        self, audio: Tensor, settings: Tensor, targets: Tensor | None = None, *extra: Any
    ) -> Measured:
        """Measure a batch.

        Parameters
        ----------
        audio, settings
            As of `EffectLayer.forward`.
        targets : Tensor, shape (batch, samples) or (batch, channels, samples), optional
            Shared with the workers; `measure` gets the path and shape of its item's as its first
            two arguments, to be read by `dialin.rendering.memory.map_shared`.
        extra
            Further arguments of `measure`, the same for all items.
        """
        shared: list[SharedAudio] = []
        try:
            if targets is not None:
                sounds = targets.detach().to("cpu", torch.float32).numpy()
                shared = [self.pool.share(np.atleast_2d(t), self.sample_rate) for t in sounds]
            given = [
                ((shared[i].path, shared[i].shape) if shared else ()) + extra
                for i in range(len(audio))
            ]
            here, plus, minus, directions = self._run(audio, settings, self.measure, given)
        finally:
            for one in shared:
                self.pool.release(one)
        ok = np.array([r.failure is None and bool(np.isfinite(r.value)) for r in here], dtype=bool)
        losses = [float(r.value) if good else 0.0 for r, good in zip(here, ok, strict=True)]
        device = settings.device
        output = torch.tensor(losses, dtype=settings.dtype, device=device)
        answer = torch.from_numpy(ok).to(device)
        if directions is None:
            return Measured(output, answer)
        rows = _differences(here, plus, minus, directions.minus is not None)
        weights = self._weights(directions, rows, ok)
        stacked = np.array([[0.0 if d is None else d for d in row] for row in rows], np.float32)
        result = _Combine.apply(  # type: ignore[no-untyped-call, unused-ignore]
            None,
            settings,
            output,
            torch.from_numpy(stacked[:, :, None]).to(device),
            torch.from_numpy(weights).to(device),
        )
        return Measured(result, answer)
