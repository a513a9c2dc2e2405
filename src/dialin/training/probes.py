"""What an embedding knows: linear probes, active units, loudness.

Probes are fitted on embeddings of training songs and judged on those of other songs. Linear ones
are used on purpose: they say what can be read off an embedding, not what could be dug out of it.

References
----------
G. Alain, Y. Bengio, "Understanding intermediate layers using linear classifier probes", 2016.
Y. Burda, R. Grosse, R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016, section 5.2
(a unit is active where the variance of its mean over the data is above 0.01).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from dialin.networks.encoder import EncoderModule
from dialin.training.data import FeatureSet

ACTIVE = 0.01
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Penalties tried, in units of the number of items."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class ProbeReport:
    """What probes found on songs they have not seen.

    Attributes
    ----------
    effect, effect_error : float
        Share of clips whose effect was recognised, and its standard error over contents.
    chance : float
        Share that always naming the commonest effect would get.
    settings : dict
        R2 of each varied knob, by effect, then knob. May be negative.
    loudness : float
        R2 of the excerpt's loudness from the embedding.
    """

    effect: float
    effect_error: float
    chance: float
    settings: dict[str, dict[str, float]] = field(default_factory=dict)
    loudness: float = float("nan")

    @property
    def mean_settings(self) -> float:
        """Mean R2 over effects of the mean over their knobs, each not below zero."""
        each = [np.mean([max(0.0, v) for v in k.values()]) for k in self.settings.values() if k]
        return float(np.mean(each)) if each else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "effect": self.effect,
            "effect_error": self.effect_error,
            "chance": self.chance,
            "mean_settings": self.mean_settings,
            "loudness": self.loudness,
            "settings": self.settings,
        }


def embed_set(encoder: EncoderModule, data: FeatureSet, batch: int = 64) -> Vectors:
    """Embeddings ``(items, dimensions)`` of a set, in evaluation mode.

    Parameters
    ----------
    encoder : EncoderModule
        On any device; its mode is put back afterwards.
    data : FeatureSet
        Items of one split.
    batch : int, default 64
        Items at a time.

    Returns
    -------
    ndarray, float32, shape (items, dimensions)
    """
    device = next(encoder.parameters()).device
    was = encoder.training
    encoder.eval()
    vectors = []
    with torch.no_grad():
        for start in range(0, len(data), batch):
            items = np.arange(start, min(start + batch, len(data)))
            features = torch.from_numpy(data.features(items)).to(device)
            vectors.append(encoder.embed(features).float().cpu().numpy())
    encoder.train(was)
    return np.concatenate(vectors)


def active_units(vectors: Vectors, threshold: float = ACTIVE) -> int:
    """Dimensions whose variance over the data is above a threshold (Burda et al. 2016).

    Parameters
    ----------
    vectors : ndarray, float32, shape (items, dimensions)
        Embeddings.
    threshold : float, default ACTIVE
        Least variance.

    Returns
    -------
    int
    """
    return int(np.count_nonzero(vectors.var(axis=0) > threshold))


def probe(
    train: Vectors, train_set: FeatureSet, test: Vectors, test_set: FeatureSet, *, seed: int = 0
) -> ProbeReport:
    """Fit probes on one split's embeddings and judge them on another's.

    Parameters
    ----------
    train, test : ndarray, shape (items, dimensions)
        Embeddings to fit on.
    train_set, test_set : FeatureSet
        What they are embeddings of. Loudness is probed where it was measured, which is in
        validation: there, odd contents are judged by even ones.
    seed : int
        Decides what is held out to choose penalties.

    Returns
    -------
    ProbeReport
    """
    mean, spread = train.mean(axis=0), train.std(axis=0) + 1e-6
    a, b = (train - mean) / spread, (test - mean) / spread
    settings: dict[str, dict[str, float]] = {}
    for kind, (name, knobs) in enumerate(zip(test_set.classes, test_set.knobs, strict=True)):
        if not knobs:
            continue
        here, there = train_set.label == kind, test_set.label == kind
        if here.sum() < 8 or there.sum() < 8:
            continue
        wanted = train_set.settings[here][:, : len(knobs)]
        predicted = ridge(a[here], wanted, b[there], groups=train_set.content[here], seed=seed)
        scores = r_squared(test_set.settings[there][:, : len(knobs)], predicted)
        settings[name] = dict(zip(knobs, map(float, scores), strict=True))
    labels = test_set.label
    right = _classify(a, train_set.label, b) == labels
    # Clips of one content stand or fall together, so contents are what is counted.
    contents, group = np.unique(test_set.content, return_inverse=True)
    each = np.bincount(group, right) / np.bincount(group)
    return ProbeReport(
        effect=float(np.mean(right)),
        effect_error=float(each.std(ddof=1) / np.sqrt(len(contents))) if len(contents) > 1 else 0.0,
        chance=float(np.bincount(labels).max() / len(labels)),
        settings=settings,
        loudness=_loudness(b, test_set, seed),
    )


def _loudness(vectors: Vectors, data: FeatureSet, seed: int) -> float:
    known = np.isfinite(data.loudness)
    odd = data.content % 2 == 1
    fit, judge = known & ~odd, known & odd
    if fit.sum() < 8 or judge.sum() < 8:
        return float("nan")
    predicted = ridge(
        vectors[fit], data.loudness[fit, None], vectors[judge], groups=data.content[fit], seed=seed
    )
    return float(r_squared(data.loudness[judge, None], predicted)[0])


def ridge(
    x: Vectors, y: NDArray[np.float32], new: Vectors, *, groups: NDArray[np.int64], seed: int = 0
) -> NDArray[np.float64]:
    """Ridge regression with the penalty chosen on groups left out.

    Parameters
    ----------
    x : ndarray, shape (items, dimensions)
        To fit on.
    y : ndarray, shape (items, targets)
        What is to be told from `x`.
    new : ndarray, shape (others, dimensions)
        What is to be predicted for.
    groups : ndarray, shape (items,)
        Items of a group stand on the same side when the penalty is chosen.
    seed : int
        Of the groups that are left out.

    Returns
    -------
    ndarray, shape (others, targets)
        Predictions.
    """
    kinds = np.unique(groups)
    held = np.random.default_rng(seed).permutation(kinds)[: max(1, len(kinds) // 4)]
    out = np.isin(groups, held)
    if out.all() or not out.any():
        return _ridge(x, y, new, RIDGES[2])
    errors = [np.square(_ridge(x[~out], y[~out], x[out], r) - y[out]).sum(axis=0) for r in RIDGES]
    best = np.argmin(errors, axis=0)
    predicted = np.stack([_ridge(x, y, new, RIDGES[index]) for index in range(len(RIDGES))])
    chosen: NDArray[np.float64] = np.take_along_axis(predicted, best[None, None], axis=0)[0]
    return chosen


def _ridge(x: Vectors, y: NDArray[np.float32], new: Vectors, penalty: float) -> NDArray[np.float64]:
    centre, mean = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
    inner = x - centre
    gram = inner.T @ inner + penalty * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, inner.T @ (y - mean))
    result: NDArray[np.float64] = (new - centre) @ weights + mean
    return result


def r_squared(wanted: NDArray[np.float32], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of variance explained, for each column.

    Parameters
    ----------
    wanted : ndarray, float32, shape (items, columns)
        True values.
    predicted : ndarray, float64, shape (items, columns)
        Predictions.

    Returns
    -------
    ndarray, float64, shape (columns,)
        1 at most.
    """
    total = np.square(wanted - wanted.mean(axis=0)).sum(axis=0, dtype=np.float64)
    result: NDArray[np.float64] = 1.0 - np.square(wanted - predicted).sum(axis=0) / (total + 1e-12)
    return result


def _classify(x: Vectors, labels: NDArray[np.int64], new: Vectors) -> NDArray[np.int64]:
    """Multinomial logistic regression with a small penalty, by L-BFGS."""
    inputs, wanted = torch.from_numpy(x), torch.from_numpy(labels)
    weights = torch.zeros(x.shape[1] + 1, int(labels.max()) + 1, requires_grad=True)
    solver = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def logits(rows: torch.Tensor) -> torch.Tensor:
        return rows @ weights[1:] + weights[0]

    def closure() -> torch.Tensor:
        solver.zero_grad()
        loss = functional.cross_entropy(logits(inputs), wanted) + 1e-3 * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        solver.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        result: NDArray[np.int64] = logits(torch.from_numpy(new)).argmax(dim=1).numpy()
    return result
