"""What trained guesses come to on songs for validation: candidates, truth, judgement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dialin.audio import Audio
from dialin.data.augment import to_peak
from dialin.matching.guessing.gap_features import hear
from dialin.measures.time_features import echo_peaks
from dialin.networks.guess_network import Flow, GuessSizes, Judge, Risk, Trunk, spread_vector
from dialin.training.guess_group import ONE_RATE, magnitudes_of, sampled_distances
from dialin.training.guess_rendering import Work, make_makers

STEPS = 16
"""Of the way from noise to settings."""

CANDIDATES = 40


def build(sizes: dict[str, Any], state: dict[str, Tensor]) -> nn.ModuleDict:
    """Networks from sizes and weights.

    Parameters
    ----------
    sizes : dict
        From `GuessSizes.plain`.
    state : dict of str to Tensor
        Weights, of any precision.

    Returns
    -------
    torch.nn.ModuleDict
    """
    made = GuessSizes(**sizes)
    nets = nn.ModuleDict(
        {"trunk": Trunk(made), "flow": Flow(made), "judge": Judge(made), "risk": Risk(made)}
    )
    nets.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    return nets.eval()


@torch.no_grad()
def sample(
    nets: nn.ModuleDict, heard: tuple[Tensor, Tensor, Tensor], known: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Candidates, as the flow has them; logits; the one answer's knobs; the embedding.

    Parameters
    ----------
    nets : torch.nn.ModuleDict
        From `build`.
    heard : tuple of Tensor
        Input, reference and peaks, one row each.
    known : Tensor, shape (1, known)
        What is known of the chain.
    noise : Tensor, shape (candidates, vector)
        Where candidates begin.

    Returns
    -------
    tuple of Tensor
    """
    embedding, logits, point = nets["trunk"](*heard, known)
    at, count = noise, noise.shape[0]
    spread, told = embedding.expand(count, -1), known.expand(count, -1)
    for step in range(STEPS):
        now = torch.full((count,), step / STEPS)
        velocity = nets["flow"](at, now, spread, told)
        if step < STEPS - 1:
            # The midpoint's velocity is that of the whole step to second order.
            half = at + velocity * (0.5 / STEPS)
            velocity = nets["flow"](half, now + 0.5 / STEPS, spread, told)
        at = at + velocity / STEPS
    return at, logits, point, embedding


def decode(
    at: NDArray[np.float32], known: NDArray[np.float32], slots: int, orders: int
) -> NDArray[np.float64]:
    """Vectors of a vocabulary from what the flow gives.

    Parameters
    ----------
    at : ndarray, shape (candidates, vector)
        From `sample`.
    known : ndarray, shape (known,)
        What is known of the chain.
    slots, orders : int
        Of the vocabulary.

    Returns
    -------
    ndarray, float64, shape (candidates, vector)
    """
    vectors = np.clip(at.astype(np.float64) / 3.0 + 0.5, 0.0, 1.0)
    allowed, certain = known[:slots] > 0.5, known[slots : 2 * slots] > 0.5
    there = (vectors[:, :slots] >= 0.5) & allowed | certain
    none = ~there.any(axis=1)
    if none.any():
        likeliest = np.argmax(np.where(allowed, vectors[:, :slots], -1.0), axis=1)
        there[none, likeliest[none]] = True
    vectors[:, :slots] = there
    if orders:
        told = known[2 * slots + orders :] > 0.5
        value = known[2 * slots : 2 * slots + orders] > 0
        vectors[:, -orders:] = np.where(told, value, vectors[:, -orders:] >= 0.5)
    return vectors


def known_of(vocabulary: Any, vector: NDArray[np.float64], kind: str) -> NDArray[np.float32]:
    """What a network is told of a chain.

    Parameters
    ----------
    vocabulary : Vocabulary
        What the network knows.
    vector : ndarray, shape (size,)
        The truth.
    kind : str
        ``hidden`` for a chain of the usual eight, of which nothing is known; all is told otherwise.

    Returns
    -------
    ndarray, float32, shape (known,)
    """
    slots, orders = len(vocabulary.slots), len(vocabulary.orders)
    there = vector[:slots]
    allowed, certain = there.copy(), there.copy()
    if kind == "hidden" and orders:
        names = [s.name for s in vocabulary.slots]
        allowed = np.array([float(n not in ("lowshelf", "highshelf", "phaser")) for n in names])
        allowed[[i for i, n in enumerate(names) if n == "peak"][-1]] = 0.0
        allowed = np.maximum(allowed, there)
        certain = np.zeros(slots)
    order = 2 * vector[slots + vocabulary.knob_count :] - 1
    return np.concatenate([allowed, certain, order, np.ones(orders)]).astype(np.float32)


def study(work: Work, number: int, results: Any, stop: Any) -> None:
    """Make some items, their candidates, and say what they are worth; runs in a process.

    Parameters
    ----------
    work : Work
        Its folder holds ``single.pt`` and ``chain.pt`` too.
    number : int
        Of the process.
    results : multiprocessing.Queue
        Takes (kind, dictionary).
    stop : multiprocessing.Event
        Ends it.
    """
    torch.set_num_threads(1)
    chains, single = make_makers(work)
    for count in range(10_000):
        for one in (False, True):
            if stop.is_set():
                return
            file = Path(work.folder) / ("single.pt" if one else "chain.pt")
            if one and (single is None or count % 2):
                continue
            kept = torch.load(file)
            nets = build(kept["sizes"], kept["state"])
            seed = [work.seed, 77, number, count]
            maker = single if one and single is not None else chains
            if one and single is not None:
                entry = (number + 5 * count) % len(single.uris)
                made = single.sounds(seed, True, entry)
            else:
                made = chains.sounds(seed, True, True)
            if made is None:
                continue
            for kind in ("single",) if one else ("known", "hidden"):
                results.put((kind, _item(nets, maker, made, kind, seed)))


def _item(
    nets: nn.ModuleDict, maker: Any, made: Any, kind: str, seed: Sequence[int]
) -> dict[str, Any]:
    windows, renders, vectors, rate, _ = made
    vocabulary = maker.vocabulary
    slots, orders = len(vocabulary.slots), len(vocabulary.orders)
    vector = vectors[0]
    there = vector[:slots]
    known = known_of(vocabulary, vector, kind)
    allowed, certain = known[:slots], known[slots : 2 * slots]
    input, reference = hear(windows[0], rate), hear(renders[0][1], rate)
    heard: Any = tuple(
        torch.from_numpy(x)[None]
        for x in (input.features, reference.features, echo_peaks(input, reference))
    )
    rng = np.random.default_rng([*seed, 9])
    noise = torch.from_numpy(rng.standard_normal((CANDIDATES, vocabulary.size)).astype(np.float32))
    at, logits, point, _ = sample(nets, heard, torch.from_numpy(known)[None], noise)
    drawn = decode(at.numpy(), known, slots, orders)
    answer = np.full((1, vocabulary.size), 0.5)
    answer[0, :slots] = (logits[0, :slots].numpy() > 0) & (allowed > 0) | (certain > 0)
    if not answer[0, :slots].any():
        answer[0, int(np.argmax(np.where(allowed > 0, logits[0, :slots].numpy(), -99)))] = 1
    answer[0, slots : slots + vocabulary.knob_count] = point[0].numpy()
    answer[0, slots + vocabulary.knob_count :] = vector[slots + vocabulary.knob_count :]
    candidates = np.concatenate([answer, drawn])
    sounds: list[Audio] = [renders[0][0], windows[0]]
    features, peaks, alive = [], [], []
    for row in candidates:
        if rate == ONE_RATE:
            wet = maker.render(windows[0], row, int(np.argmax(there)))
        else:
            wet = maker.render(windows[0], row)
        alive.append(wet is not None)
        wet = windows[0] if wet is None else wet
        wet = to_peak(wet, -12.0) if rate == ONE_RATE else wet
        sounds.append(wet)
        sound = hear(wet, rate)
        features.append(sound.features)
        peaks.append(echo_peaks(input, sound))
    if rate == ONE_RATE:
        sounds = [to_peak(s, -12.0) for s in sounds]
    spectra = [[s.astype(np.float32) for s in magnitudes_of(x, 1)] for x in sounds]
    with torch.no_grad():
        count = len(candidates) + 1
        all_features = np.stack([input.features, *features]).astype(np.float32)
        all_peaks = np.stack([echo_peaks(input, input), *peaks])
        own = heard[0].expand(count, -1)
        judged = nets["judge"](
            own, torch.from_numpy(all_features), torch.from_numpy(all_peaks),
            heard[1].expand(count, -1), heard[2].expand(count, -1),
        ).numpy()  # fmt: skip
        owner = torch.tensor(vocabulary.owner)
        spread = spread_vector(torch.from_numpy(candidates.astype(np.float32)), slots, owner)
        size = len(candidates)
        risk = nets["risk"](
            heard[0].expand(size * size, -1),
            spread.repeat_interleave(size, 0),
            spread.repeat(size, 1),
        ).numpy()
    return {
        "true": vector,
        "candidates": candidates.astype(np.float16),
        "alive": np.array(alive),
        "input": input.features.astype(np.float16),
        "reference": reference.features.astype(np.float16),
        "reference_peaks": heard[2][0].numpy(),
        "features": all_features.astype(np.float16),
        "peaks": all_peaks.astype(np.float16),
        "distances": sampled_distances(spectra).astype(np.float16),
        "judged": judged,
        "risk": risk.reshape(size, size).astype(np.float16),
        "logits": logits[0].numpy(),
    }
