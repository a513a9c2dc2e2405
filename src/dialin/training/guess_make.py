"""Make the guessing networks that come with dialin, from songs of one's own.

    python -m dialin.training.guess_make songs/ -o models/ --minutes 60

Stopped by Ctrl-C or worse, the same command goes on from what `models/unfinished` keeps (written
every five minutes, and when it is stopped), and deletes that when it is done.

Half the songs or more are for training, some for validation, by the usual division by name; songs
for testing are never touched. Everything is rendered on the fly; of it numbers are kept, no audio.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dialin._version import __version__
from dialin.data import Recipe, SongSource, find_songs
from dialin.data.mda import LEFT_ALONE, MDA, NINE
from dialin.data.reading import read_track
from dialin.data.recipe import Split
from dialin.effects.open import open_effect
from dialin.errors import DialinError, OutputError
from dialin.files import move, working_folder
from dialin.matching.guessing.gap_features import feature_count
from dialin.matching.guessing.guess_vocabulary import CHAIN, Vocabulary
from dialin.measures.time_features import PEAK_VALUES, PEAKS
from dialin.networks.guess_network import GuessSizes
from dialin.training.guess import train_side_by_side
from dialin.training.guess_checkpoint import GuessCheckpoint
from dialin.training.guess_export import export_guess
from dialin.training.guess_group import RATE
from dialin.training.guess_learner import Learner
from dialin.training.guess_rendering import Clips, Work, keep_clips, make_makers
from dialin.training.guess_store import MOST

CLIP_SECONDS = 24.0
CLIPS = {"train": 4, "valid": 2}
"""Stretches cut from each song."""

EFFECTS = tuple(MDA + name for name in NINE)
FIXED = {MDA + name: knobs for name, knobs in LEFT_ALONE.items()}
"""Knobs that stay at their defaults, by the effect's URI."""

BLOCKS = (
    20, 40, 56, 57, 70, 83, 103, 123, 137, 150, 163, 213, 227, 242, 274, 306, 338, 370, 420, 470,
    520, 570, 594, 618, 682, 702, 726, 750, 774, 796, 820, 860, 900, 940, 980, 1020, 1060, 1086,
    1118, 1150, 1190, 1230, 1270, 1300, 1318, 1345, 1389,
)  # fmt: skip
"""Where blocks of features end that the judge compares."""

UNFINISHED = "unfinished"
"""Folder in that of the models, of a training that is not done."""

ROUND_SEED = 7_919
"""Apart from each other are the seeds of the runs of one training."""

TELL_SECONDS = 5.0

_LOG = logging.getLogger("dialin.training.guess")


def cut_clips(songs: Sequence[str], seed: int = 5) -> Clips:
    """Stretches of songs for training (False) and for validation (True).

    Parameters
    ----------
    songs : sequence of str
        Folders.
    seed : int
        Of the places.

    Returns
    -------
    mapping of bool to list of ndarray, int16, shape (2, samples)
    """
    rng = np.random.default_rng(seed)
    sources = tuple(SongSource(root=folder, kind="folder") for folder in songs)
    clips: dict[bool, list[NDArray[np.int16]]] = {False: [], True: []}
    told = time.monotonic()
    for split, most in CLIPS.items():
        chosen: Split = split  # type: ignore[assignment]
        corpus = find_songs(Recipe(effect="builtin:gain", songs=sources, split=chosen))
        for number, track in enumerate(corpus.tracks):
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                _LOG.info("cutting: %d of %d songs for %s", number, len(corpus.tracks), split)
            room = track.seconds - CLIP_SECONDS
            if room < 0:
                continue
            count = int(min(most, 1 + room // CLIP_SECONDS))
            edges = np.linspace(0, room, count + 1)
            for low, high in itertools.pairwise(edges):
                start = float(rng.uniform(low, high))
                audio = read_track(track, start, int(CLIP_SECONDS * RATE), RATE, channels=2)
                peak = float(np.abs(audio).max())
                if peak > 1e-3:
                    scaled = audio * (0.999 / max(peak, 0.999))
                    clips[split == "valid"].append((scaled * 32_767).astype(np.int16))
    return clips


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m dialin.training.guess_make", description=__doc__
    )
    parser.add_argument("songs", nargs="+", help="folders of songs of half a minute or more")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the models")
    parser.add_argument("--minutes", type=float, default=60.0, help="of rendering and learning")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--batch", type=int, default=0, help="examples a step")
    parser.add_argument("--no-mda", action="store_true", help="chains of built-ins alone")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument(
        "--begin-with", type=Path, help="folder of models to go on from, such as the package's own"
    )
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        _make(asked)
    except DialinError as error:
        parser.exit(1, f"error: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "stopped; the same command goes on from here\n")


def _make(asked: argparse.Namespace) -> None:
    for folder in (asked.output / "chain", asked.output / "mda"):
        if folder.exists():
            raise OutputError(
                f"{str(folder)!r} is there already; move it away, or give --output another folder"
            )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(asked.seed)
    clips = cut_clips(asked.songs)
    _LOG.info("%d stretches for training, %d for validation", len(clips[False]), len(clips[True]))
    with tempfile.TemporaryDirectory() as folder:
        keep_clips(clips, Path(folder))
        single = 0.0 if asked.no_mda else 0.45
        work = Work(
            folder, open_effect, () if asked.no_mda else EFFECTS, FIXED, single, seed=asked.seed
        )
        learners = {False: _learner(CHAIN, device, 512, 256)}
        names = {"chain": learners[False]}
        maker = make_makers(work)[1]
        if maker is not None:
            learners[True] = names["mda"] = _learner(maker.vocabulary, device, 320, 192)
        if asked.begin_with is not None:
            for name, learner in names.items():
                learner.go_on(asked.begin_with / name)
        kept = GuessCheckpoint(
            asked.output / UNFINISHED,
            {
                "songs": [str(Path(song).resolve()) for song in asked.songs],
                "seed": asked.seed,
                "no_mda": asked.no_mda,
                **({"begin_with": str(asked.begin_with.resolve())} if asked.begin_with else {}),
            },
        )
        done = kept.load(names)
        if done:
            _LOG.info("going on after %.1f minutes", done / 60)
            work = replace(work, seed=asked.seed + ROUND_SEED * kept.round)
        train_side_by_side(
            work,
            learners,
            processes=asked.processes,
            render_seconds=0.95 * 60 * asked.minutes,
            seconds=60 * asked.minutes,
            batch=asked.batch or (1024 if device == "cuda" else 128),
            tell=_LOG.info,
            save=lambda seconds: kept.save(names, seconds),
            done=done,
        )
    with working_folder(asked.output) as part:
        for name, learner in names.items():
            _write(learner, part / name, asked.minutes)
        for name in names:
            move(part / name, asked.output / name, replace=False)
    kept.forget()


def _learner(vocabulary: Vocabulary, device: str, width: int, judge: int) -> Learner:
    sizes = GuessSizes(
        feature_count(),
        PEAKS * PEAK_VALUES,
        len(vocabulary.slots),
        vocabulary.knob_count,
        len(vocabulary.orders),
        width=width,
        judge=judge,
        dropout=0.2,
        blocks=BLOCKS,
    )
    most = MOST if device == "cuda" else 8_000
    return Learner(vocabulary, sizes, device, most=most)


def _write(learner: Learner, folder: Path, minutes: float) -> None:
    facts = {"groups": [learner.train.count, learner.valid.count], "version": __version__}
    figures = {kind: round(score, 4) for kind, (score, _) in learner.best.items()}
    names = ", ".join(dict.fromkeys(slot.name for slot in learner.vocabulary.slots))
    card = (
        f"# Guesses\n\nNetworks that guess settings of {names}; made by "
        f"`python -m dialin.training.guess_make` in {minutes:g} minutes from {facts['groups'][0]} "
        f"groups of renders. Losses on songs for validation: {figures}.\n"
    )
    nets = learner.best_nets().cpu()
    export_guess(nets, learner.vocabulary, folder, {**facts, "valid": figures}, card)


if __name__ == "__main__":
    main()
