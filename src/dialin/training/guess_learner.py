"""What guessing networks learn: effects and settings, and how far apart two renders are.

What is kept of each network is what does best on songs for validation.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dialin.matching.guessing.guess_vocabulary import Vocabulary
from dialin.networks.guess_network import Flow, GuessSizes, Judge, Risk, Trunk, spread_vector
from dialin.training.guess_export import import_guess
from dialin.training.guess_group import VARIANTS
from dialin.training.guess_store import MOST, GroupStore

GOING_ON = 0.3
"""Learning rate of what goes on from something, as a share of that of what begins anew."""


class Learner:
    """Networks of one vocabulary and their training.

    Parameters
    ----------
    vocabulary : Vocabulary
    sizes : GuessSizes
    device : str
    rate : float
        Highest learning rate.
    most : int
        Groups kept.
    features_heard : int, optional
        Only the first so many features, and no peaks: to see what the others are worth.
    stores : Learner, optional
        Whose groups it learns from, in place of its own.
    """

    def __init__(
        self, vocabulary: Vocabulary, sizes: GuessSizes, device: str, *, rate: float = 1e-3,
        most: int = MOST, features_heard: int | None = None, stores: Learner | None = None,
    ) -> None:  # fmt: skip
        self.features_heard = features_heard
        self.vocabulary, self.sizes, self.device, self.rate = vocabulary, sizes, device, rate
        self.owner = torch.tensor(vocabulary.owner, device=device)
        if stores is None:
            self.train = GroupStore(vocabulary, sizes.features, sizes.peaks, device, most)
            self.valid = GroupStore(
                vocabulary, sizes.features, sizes.peaks, device, max(64, most // 8)
            )
        else:
            self.train, self.valid = stores.train, stores.valid
        nets = {
            "trunk": Trunk(sizes),
            "flow": Flow(sizes),
            "judge": Judge(sizes),
            "risk": Risk(sizes),
        }
        self.nets = nn.ModuleDict(nets).to(device)
        self.mean = copy.deepcopy(self.nets).eval()
        self.best: dict[str, tuple[float, dict[str, Tensor]]] = {}
        self.steps = 0
        self.checked = 0
        self._scaled = False
        decay = [p for p in self.nets.parameters() if p.dim() > 1]
        plain = [p for p in self.nets.parameters() if p.dim() <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
            lr=rate, betas=(0.9, 0.98),
        )  # fmt: skip
        names = [s.name for s in vocabulary.slots]
        self.drive = [n for n, name in enumerate(names) if name == "distortion"]
        self.compressor = [n for n, name in enumerate(names) if name == "compressor"]
        tone = ("lowpass", "lowshelf", "peak", "highshelf")
        self.tone = [n for n, name in enumerate(names) if name in tone]

    def go_on(self, folder: Path) -> None:
        """Begin with networks that were written before, and learn a little slower.

        Parameters
        ----------
        folder : Path
            Of a model of this vocabulary.

        Raises
        ------
        ModelError
            If there is no such model, or it is of other sizes.
        """
        import_guess(self.nets, folder)
        self.mean.load_state_dict(self.nets.state_dict())
        self.rate *= GOING_ON
        self._scaled = True

    def measure_scale(self) -> None:
        """Set the scales of all networks by what is there; those that were learnt with stay."""
        if self._scaled:
            return
        store, count = self.train, self.train.count
        some = slice(0, min(count, 3_000))
        inputs = store.inputs[some].float().reshape(-1, self.sizes.features)
        others = store.renders[some].float()
        apart = others - store.inputs[some].float().flip(1)[:, None]
        middle = torch.nanmedian(inputs, dim=0).values
        spread = _deviation(inputs - middle)
        gap = _deviation(apart.reshape(-1, self.sizes.features))
        peaks = store.peaks[some].float().reshape(-1, self.sizes.peaks)
        for net in (*self.nets.values(), *self.mean.values()):
            scale = getattr(net, "scale", None)
            if scale is not None:
                scale.middle.copy_(torch.nan_to_num(middle))
                scale.spread.copy_(spread)
                scale.gap.copy_(gap)
                scale.peak_middle.copy_(peaks.mean(dim=0))
                scale.peak_spread.copy_(peaks.std(dim=0) + 1e-3)

    def applicable(self, there: Tensor) -> Tensor:
        """Which orders can be heard, shape (items, orders).

        Parameters
        ----------
        there : Tensor, shape (items, slots)
            Presence of each effect.

        Returns
        -------
        Tensor
        """
        if not self.sizes.orders:
            return there[:, :0]
        drive = there[:, self.drive].amax(dim=1)
        compressor = there[:, self.compressor].amax(dim=1)
        tone = there[:, self.tone].amax(dim=1)
        return torch.stack([drive * compressor, tone * torch.maximum(drive, compressor)], dim=1)

    def known(self, vector: Tensor, usual: Tensor, mode: str | None = None) -> Tensor:
        """What is said of a chain: all, nothing, or some of it.

        Parameters
        ----------
        vector : Tensor, shape (items, vector)
            Settings, as the vocabulary has them.
        usual : Tensor, shape (items,)
            Whether a chain is a usual one.
        mode : str, optional
            ``known`` or ``hidden``; drawn otherwise.

        Returns
        -------
        Tensor
        """
        count, slots = vector.shape[0], self.sizes.slots
        there = vector[:, :slots]
        u = torch.rand(count, 1, device=vector.device)
        if mode == "known" or not self.sizes.orders:
            u = torch.zeros_like(u)
        elif mode == "hidden":
            u = torch.full_like(u, 0.6)
        noise = torch.rand(count, slots, device=vector.device)
        sure = torch.rand(count, slots, device=vector.device)
        eight = torch.ones(slots, device=vector.device)
        if self.sizes.orders:
            for entry, slot in enumerate(self.vocabulary.slots):
                if slot.name in ("lowshelf", "highshelf", "phaser"):
                    eight[entry] = 0.0
            eight[[n for n, s in enumerate(self.vocabulary.slots) if s.name == "peak"][-1]] = 0.0
        everything = torch.where(
            (usual[:, None] & (u < 0.75)).expand(-1, slots), eight.expand(count, -1), 1.0
        )
        some = torch.maximum(there, (noise < 0.35).to(there.dtype))
        allowed = torch.where(u < 0.45, there, torch.where(u < 0.85, everything, some))
        allowed = torch.maximum(allowed, there)
        certain = torch.where(
            u < 0.45, there, torch.where(u < 0.85, torch.zeros_like(there), there * (sure < 0.4))
        )
        told = (u < 0.75).to(there.dtype).expand(-1, self.sizes.orders)
        orders = (2 * vector[:, slots + self.sizes.knobs :] - 1) * told
        return torch.cat([allowed, certain, orders, told], dim=1)

    def _sound(self, features: Tensor) -> Tensor:
        features = features.float()
        if self.features_heard is not None:
            features[:, self.features_heard :] = torch.nan
        return features

    def _peaks(self, peaks: Tensor) -> Tensor:
        return peaks.float() if self.features_heard is None else torch.zeros_like(peaks).float()

    def batch(self, store: GroupStore, count: int) -> tuple[Tensor, ...]:
        """Draw contexts: groups, side of the input, setting of the reference.

        Parameters
        ----------
        store : GroupStore
            Groups.
        count : int
            How many.

        Returns
        -------
        tuple
        """
        device = store.inputs.device
        group = torch.randint(store.count, (count,), device=device)
        side = torch.randint(2, (count,), device=device)
        setting = torch.randint(VARIANTS, (count,), device=device)
        return group, side, setting

    def guess_loss(self, nets: nn.ModuleDict, store: GroupStore, picked: tuple[Tensor, ...],
                   mode: str | None = None) -> tuple[Tensor, dict[str, float]]:  # fmt: skip
        """Loss of trunk and flow.

        Parameters
        ----------
        nets : torch.nn.ModuleDict
            Networks to be judged.
        store : GroupStore
            Groups.
        picked : tuple of Tensor
            From `batch`.
        mode : str, optional
            ``known`` or ``hidden``; drawn otherwise.

        Returns
        -------
        tuple
        """
        group, side, setting = picked
        # Now and then the reference is the input's own stretch.
        same = torch.rand(group.shape[0], device=side.device) < (0.04 if nets.training else 0.0)
        other = torch.where(same, side, 1 - side)
        input = self._sound(store.inputs[group, side])
        reference = self._sound(store.renders[group, setting, other])
        peaks = self._peaks(store.peaks[group, setting + 1, other, side])
        vector = store.vectors[group, setting].float()
        slots, knobs = self.sizes.slots, self.sizes.knobs
        there = vector[:, :slots]
        known = self.known(vector, store.usual[group], mode)
        embedding, logits, point = nets["trunk"](input, reference, peaks, known)
        allowed, certain = known[:, :slots], known[:, slots : 2 * slots]
        open_ = torch.cat([allowed * (1 - certain), self.applicable(there)], dim=1)
        answers = torch.cat([there, vector[:, slots + knobs :]], dim=1)
        presence = F.binary_cross_entropy_with_logits(logits, answers, reduction="none")
        presence = (presence * open_).sum() / open_.sum().clamp(min=1)
        mask = there[:, self.owner]
        apart = F.smooth_l1_loss(
            point, vector[:, slots : slots + knobs], reduction="none", beta=0.05
        )
        knob = (apart * mask).sum() / mask.sum()
        target = spread_vector(vector, slots, self.owner)
        if self.sizes.orders:
            order_mask = self.applicable(there)
            target = torch.cat(
                [target[:, : slots + knobs], target[:, slots + knobs :] * order_mask], 1
            )
            weight = torch.cat([0.5 + 0 * there, 0.1 + 0.9 * mask, 0.1 + 0.4 * order_mask], dim=1)
        else:
            weight = torch.cat([0.1 + 0 * there, 0.02 + 0.98 * mask], dim=1)
        repeats = 4 if nets.training else 8
        target, weight = target.repeat(repeats, 1), weight.repeat(repeats, 1)
        when = torch.sigmoid(torch.randn(target.shape[0], device=target.device))
        noise = torch.randn_like(target)
        at = torch.lerp(noise, target, when[:, None])
        velocity = nets["flow"](at, when, embedding.repeat(repeats, 1), known.repeat(repeats, 1))
        flow = (weight * (velocity - (target - noise)) ** 2).sum() / weight.sum()
        total = presence + 4 * knob + flow
        return total, {"presence": presence, "knob": knob, "flow": flow}

    def judge_loss(
        self, nets: nn.ModuleDict, store: GroupStore, picked: tuple[Tensor, ...]
    ) -> tuple[Tensor, dict[str, Any]]:
        """Loss of the judge: all settings of a group as candidates for one of them.

        Parameters
        ----------
        nets : torch.nn.ModuleDict
            Networks to be judged.
        store : GroupStore
            Groups.
        picked : tuple of Tensor
            From `batch`.

        Returns
        -------
        tuple
        """
        group, side, setting = picked
        judge: Any = nets["judge"]
        input = self._sound(store.inputs[group, side])
        wanted = self._sound(store.renders[group, setting, 1 - side])
        reference = judge.embed(
            input,
            wanted,
            self._peaks(store.peaks[group, setting + 1, 1 - side, side]),
        )
        said, true = [], []
        for candidate in range(VARIANTS + 1):
            sound = (
                input if candidate == 0 else self._sound(store.renders[group, candidate - 1, side])
            )
            peaks = self._peaks(store.peaks[group, candidate, side, side])
            embedding = judge.embed(input, sound, peaks)
            said.append(judge.judge(embedding, reference, judge.apart(sound, wanted)))
            true.append(store.distances[group, side, candidate, setting + 1].float())
        guess, label = torch.stack(said, dim=1), torch.stack(true, dim=1)
        straight = F.smooth_l1_loss(torch.log(guess + 0.15), torch.log(label + 0.15), beta=0.3)
        apart = label[:, :, None] - label[:, None, :]
        ahead = guess[:, :, None] - guess[:, None, :]
        weight = apart.abs().clamp(max=1.0)
        order = (weight * F.softplus(-4 * torch.sign(apart) * ahead)).sum() / weight.sum()
        picked_ld = label.gather(1, guess.argmin(dim=1, keepdim=True)).mean()
        return straight + 0.5 * order, {"judge": straight, "order": order, "picked": picked_ld}

    def risk_loss(
        self, nets: nn.ModuleDict, store: GroupStore, picked: tuple[Tensor, ...]
    ) -> tuple[Tensor, dict[str, Any]]:
        """Loss of the risk: settings of a group against one of them.

        Parameters
        ----------
        nets : torch.nn.ModuleDict
            Networks to be judged.
        store : GroupStore
            Groups.
        picked : tuple of Tensor
            From `batch`.

        Returns
        -------
        tuple
        """
        group, side, setting = picked
        other = torch.randint(VARIANTS, setting.shape, device=setting.device)
        input = self._sound(store.inputs[group, side])
        slots = self.sizes.slots
        one = spread_vector(store.vectors[group, other].float(), slots, self.owner)
        two = spread_vector(store.vectors[group, setting].float(), slots, self.owner)
        guess = nets["risk"](input, one, two)
        label = store.distances[group, side, other + 1, setting + 1].float()
        loss = F.smooth_l1_loss(torch.log(guess + 0.15), torch.log(label + 0.15), beta=0.3)
        return loss, {"risk": loss}

    def step(self, share: float, batch: int = 1024) -> dict[str, float]:
        """One step at a share (0 to 1) of the training's time.

        Parameters
        ----------
        share : float
            Of the time that is over.
        batch : int
            Examples.

        Returns
        -------
        dict of str to float
        """
        warm = min(1.0, (self.steps + 1) / 200)
        rate = self.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.nets.train()
        store = self.train
        one, said = self.guess_loss(self.nets, store, self.batch(store, batch))
        two, told = self.judge_loss(self.nets, store, self.batch(store, batch // 2))
        three, risk = self.risk_loss(self.nets, store, self.batch(store, batch))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(one + two + three)
        nn.utils.clip_grad_norm_(self.nets.parameters(), 2.0)
        self.optimiser.step()
        self.steps += 1
        keep = min(0.999, 1 - 1 / (self.steps + 1))
        with torch.no_grad():
            # One call for all: hundreds of small ones take longer than the step.
            torch._foreach_lerp_(
                list(self.mean.parameters()), list(self.nets.parameters()), 1 - keep
            )
        return {**said, **told, **risk}

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        """Losses on validation songs; what is best so far is kept.

        Returns
        -------
        dict of str to float
        """
        store = self.valid
        if store.count < 8:
            return {}
        self.mean.eval()
        state = torch.random.get_rng_state()
        torch.manual_seed(5)
        group = torch.arange(store.count, device=self.device).repeat_interleave(2 * VARIANTS)
        side = torch.arange(2, device=self.device).repeat(store.count * VARIANTS)
        setting = (
            torch.arange(VARIANTS, device=self.device).repeat_interleave(2).repeat(store.count)
        )
        picked = (group, side, setting)
        losses: dict[str, float] = {}
        for mode in ("known", "hidden"):
            loss, parts = self.guess_loss(self.mean, store, picked, mode)
            losses |= {f"{k}/{mode}": float(v) for k, v in parts.items()}
            losses[f"guess/{mode}"] = float(loss)
        judge, parts = self.judge_loss(self.mean, store, picked)
        losses |= {k: float(v) for k, v in parts.items()}
        risk, parts = self.risk_loss(self.mean, store, picked)
        losses |= {k: float(v) for k, v in parts.items()}
        torch.random.set_rng_state(state)
        scores = {
            "guess": losses["guess/known"] + losses["guess/hidden"],
            "judge": float(judge),
            "risk": float(risk),
        }
        if store.count != self.checked:
            # Figures of other items do not compare.
            self.checked = store.count
            self.best = {}
        nets = {"guess": ("trunk", "flow"), "judge": ("judge",), "risk": ("risk",)}
        for kind, score in scores.items():
            if kind not in self.best or score < self.best[kind][0]:
                kept = {
                    f"{name}.{key}": value.detach().clone()
                    for name in nets[kind]
                    for key, value in self.mean[name].state_dict().items()
                }
                self.best[kind] = (score, kept)
        return losses

    def state_dict(self) -> dict[str, Any]:
        """All that learning goes on from, but for the groups.

        Returns
        -------
        dict
        """
        return {
            "nets": self.nets.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "steps": self.steps,
            "checked": self.checked,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Parameters
        ----------
        state : mapping
            Of networks of the same sizes.

        Raises
        ------
        RuntimeError
            If it is of other networks.
        """
        self.nets.load_state_dict(state["nets"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = {
            kind: (score, {key: value.to(self.device) for key, value in kept.items()})
            for kind, (score, kept) in state["best"].items()
        }
        self.steps, self.checked = state["steps"], state["checked"]

    def best_nets(self) -> nn.ModuleDict:
        """The networks as they did best on validation songs."""
        result = copy.deepcopy(self.mean).eval()
        for _, kept in self.best.values():
            result.load_state_dict(kept, strict=False)
        return result


def _deviation(values: Tensor) -> Tensor:
    """Robust deviation of each column, never 0."""
    whole = torch.nan_to_num(values)
    low, high = torch.quantile(whole[:8_000], torch.tensor([0.16, 0.84], device=values.device), 0)
    spread = (high - low) / 2
    deviation = whole.std(dim=0)
    return torch.maximum(torch.maximum(spread, 0.3 * deviation), torch.full_like(spread, 1e-3))
