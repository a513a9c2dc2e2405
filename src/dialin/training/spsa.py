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
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from dialin.audio import Audio
from dialin.effects.spec import EffectSpec
from dialin.errors import DialinError, NonFiniteOutputError, UsageError
from dialin.rendering import BlockMemory, Job, RenderPool, Result, SharedAudio, render_block
from dialin.training.perturbation import Directions, Perturber, SpsaOptions

AudioGradient = Literal["none", "identity"]


class Rendered(NamedTuple):
    """A rendered batch: audio ``(batch, channels, samples)`` and which items are ``ok``.

    Attributes
    ----------
    audio : Tensor
        Full scale is 1.
    ok : Tensor, bool, shape (batch,)
        False for failed renders.
    """

    audio: Tensor
    ok: Tensor


class Measured(NamedTuple):
    """A measured batch: one loss an item, ``(batch,)``, and which items are ``ok``.

    Attributes
    ----------
    loss : Tensor
        0 where it is not ok.
    ok : Tensor, bool, shape (batch,)
        False for failed renders.
    """

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
        return output

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        differences, weights = ctx.saved_tensors
        batch, directions = differences.shape[:2]
        flat = gradient.reshape(batch, -1)
        # One by one: a product in a batch copies what does not lie in one piece.
        along = torch.stack(
            [d.reshape(directions, -1) @ v for d, v in zip(differences, flat, strict=True)]
        )
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

    def _draw(self, settings: Tensor, vectors: NDArray[np.float64]) -> Directions | None:
        """Directions of this training step; None where no gradient is wanted."""
        if not (torch.is_grad_enabled() and settings.requires_grad):
            return None
        directions = self.perturber.draw(vectors, int(self.iteration))
        self.iteration += 1
        return directions

    def _count(self, failed: list[DialinError | None]) -> NDArray[np.bool_]:
        """Count items; raise the first failure if there is nothing else."""
        lost = [f for f in failed if f is not None]
        self.count.items += len(failed)
        self.count.lost_items += len(lost)
        self.count.failures.update(f.code for f in lost)
        if lost and len(lost) == len(failed):
            raise lost[0]
        return np.array([f is None for f in failed], dtype=bool)

    def _weights(
        self,
        directions: Directions,
        lost: list[list[DialinError | None]],
        ok: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        kept = np.array([[f is None for f in row] for row in lost], dtype=bool)
        self.count.directions += kept.size
        self.count.lost_directions += int(kept.size - kept.sum())
        self.count.failures.update(f.code for row in lost for f in row if f is not None)
        return directions.averaged(kept & ok[:, None]).astype(np.float32)

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
        self._memory = BlockMemory(pool)
        self._written: tuple[weakref.ref[Tensor], int, tuple[int, int, int]] | None = None

    def _new(
        self, audio: Tensor, shape: tuple[int, int, int]
    ) -> NDArray[np.float32] | tuple[int, int, int]:
        """Samples for the workers; their shape where they have them from the call before."""
        if self._written is not None:
            last, version, before = self._written
            if last() is audio and audio._version == version and before == shape:
                return shape
        self._written = None
        return audio.detach().to("cpu", torch.float32).numpy().reshape(shape)

    def forward(self, audio: Tensor, settings: Tensor) -> Rendered:
        """Render a batch.

        Parameters
        ----------
        audio : Tensor, shape (batch, samples) or (batch, channels, samples)
            Inputs, full scale 1. The tensor of the call before is not sent again, unless torch
            has changed it since.
        settings : Tensor, shape (batch, knobs)
            In [0, 1].

        Returns
        -------
        Rendered
            Audio in the shape of the input, on the device of `settings`.

        Raises
        ------
        DialinError
            If no item of the batch could be rendered: the first item's failure.
        """
        vectors = self._check(audio, settings)
        directions = self._draw(settings, vectors)
        plus, minus = (None, None) if directions is None else (directions.plus, directions.minus)
        shape = (len(audio), audio[0].numel() // audio.shape[-1], audio.shape[-1])
        began = time.perf_counter()
        block = render_block(
            *(self.pool, self.uri, self._new(audio, shape), self.sample_rate, vectors, plus, minus),
            memory=self._memory,
        )
        # Tensors of inference mode do not tell whether they were changed.
        if not audio.is_inference():
            self._written = (weakref.ref(audio), audio._version, shape)
        self.count.seconds += time.perf_counter() - began
        self.count.renders += block.renders
        ok = self._count(block.failed)
        answer = torch.from_numpy(ok).to(settings.device)
        output = torch.from_numpy(block.audio.reshape(audio.shape)).to(settings.device)
        if directions is None:
            return Rendered(output, answer)
        weights = self._weights(directions, block.lost, ok)
        result = _Combine.apply(  # type: ignore[no-untyped-call, unused-ignore]
            audio.to(settings.device) if self.audio_gradient == "identity" else None,
            settings,
            output,
            torch.from_numpy(block.differences).to(settings.device),
            torch.from_numpy(weights).to(settings.device),
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
            two arguments, to be read by `dialin.workers.memory.map_shared`.
        extra
            Further arguments of `measure`, the same for all items.

        Returns
        -------
        Measured
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
            vectors = self._check(audio, settings)
            directions = self._draw(settings, vectors)
            rows = self._measure(audio, vectors, directions, given)
        finally:
            for one in shared:
                self.pool.release(one)
        ok = self._count([r[0].failure for r in rows])
        answer = torch.from_numpy(ok).to(settings.device)
        losses = np.array([r[0].value if good else 0.0 for r, good in zip(rows, ok, strict=True)])
        losses = losses.astype(np.float32)
        if directions is None:
            return Measured(torch.from_numpy(losses).to(settings.device), answer)
        lost, differences = _differences(rows, directions)
        weights = self._weights(directions, lost, ok)
        result = _Combine.apply(  # type: ignore[no-untyped-call, unused-ignore]
            None,
            settings,
            torch.from_numpy(losses).to(settings.device),
            torch.from_numpy(differences).to(settings.device),
            torch.from_numpy(weights).to(settings.device),
        )
        return Measured(result, answer)

    def _measure(
        self,
        audio: Tensor,
        vectors: NDArray[np.float64],
        directions: Directions | None,
        arguments: list[tuple[Any, ...]],
    ) -> list[list[Result]]:
        """Results of each item: at its settings, at all plus, at all minus."""
        began = time.perf_counter()
        shared: list[SharedAudio] = []
        jobs: list[Job] = []
        try:
            for item, sound in enumerate(audio.detach().to("cpu", torch.float32).numpy()):
                dry = self.pool.share(np.atleast_2d(sound), self.sample_rate)
                shared.append(dry)
                wanted = [vectors[item]]
                for side in (directions.plus, directions.minus) if directions else ():
                    wanted += list(side[item]) if side is not None else []
                given = arguments[item]
                jobs += [
                    Job(self.uri, dry, v, measure=_finite, measure_args=(self.measure, *given))
                    for v in wanted
                ]
            results = self.pool.render(jobs)
        finally:
            for one in shared:
                self.pool.release(one)
        self.count.renders += len(jobs)
        self.count.seconds += time.perf_counter() - began
        each = len(jobs) // len(audio)
        return [results[i * each : (i + 1) * each] for i in range(len(audio))]


def _finite(
    audio: Audio, sample_rate: int, measure: Callable[..., float], *arguments: Any
) -> float:
    """Measure a render, and refuse what is no number; runs in a worker."""
    value = float(measure(audio, sample_rate, *arguments))
    if not np.isfinite(value):
        raise NonFiniteOutputError(f"the loss of a render is {value}")
    return value


def _differences(
    rows: list[list[Result]], directions: Directions
) -> tuple[list[list[DialinError | None]], NDArray[np.float32]]:
    """Why directions were lost, and the differences (batch, directions, 1) of the others."""
    count = directions.plus.shape[1]
    lost: list[list[DialinError | None]] = []
    differences = np.zeros((len(rows), count, 1), np.float32)
    for item, row in enumerate(rows):
        lost.append([])
        for index in range(count):
            up = row[1 + index]
            down = row[0] if directions.minus is None else row[1 + count + index]
            failure = up.failure or down.failure
            lost[item].append(failure)
            if failure is None:
                differences[item, index] = up.value - down.value
    return lost, differences
