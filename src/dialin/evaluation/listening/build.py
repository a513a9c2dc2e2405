"""Making a MUSHRA set: stimuli at one loudness, anchors, a training page, webMUSHRA's config.

Conditions of each trial: the truth as reference (webMUSHRA hides it once more among the rest), the
answers of the methods, ``anchor35`` (the truth through a low-pass of 3.5 kHz, BS.1534's low anchor)
and ``random`` (a random setting, the anchor of the research project).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import butter, sosfiltfilt

from dialin.audio import Audio, integrated_loudness, resample, write_audio
from dialin.errors import OutputError, UsageError
from dialin.evaluation.items import Item
from dialin.evaluation.listening.config import (
    QUESTION,
    TRAINING,
    test_config,
    trial_page,
    yaml_text,
)
from dialin.evaluation.methods import Outcome, get_method
from dialin.evaluation.runner import Bench, Plan
from dialin.files import check_not_read, write_json, write_text
from dialin.rendering import Job, RenderPool

RATE = 48_000
LUFS = -23.0
ANCHOR_HZ, ANCHOR_ORDER = 3_500.0, 8
ANCHORS = ("anchor35", "random")


def low_anchor(audio: Audio, sample_rate: int) -> Audio:
    """The low anchor of BS.1534: the sound below 3.5 kHz.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, samples)
        Full scale is 1.
    sample_rate : int
        In hertz.

    Returns
    -------
    ndarray, float32, shape (channels, samples)
        Of the same shape; the same array where the rate holds nothing higher.
    """
    if sample_rate <= 2 * ANCHOR_HZ:
        return audio
    filter = butter(ANCHOR_ORDER // 2, ANCHOR_HZ, fs=sample_rate, output="sos")
    filtered: Audio = sosfiltfilt(filter, audio, axis=1).astype(np.float32)
    return filtered


def level_matched(sounds: dict[str, Audio], sample_rate: int) -> dict[str, Audio]:
    """All sounds of a trial at -23 LUFS, or lower together where one of them would be clipped.

    Parameters
    ----------
    sounds : dict of str to ndarray
        By condition, shape (channels, samples) each.
    sample_rate : int
        In hertz.

    Returns
    -------
    dict of str to ndarray
        By condition.
    """
    scaled = {}
    for name, audio in sounds.items():
        loudness = integrated_loudness(audio, sample_rate)
        gain = 10 ** ((LUFS - loudness) / 20) if np.isfinite(loudness) else 1.0
        scaled[name] = audio * np.float32(gain)
    peak = max(float(np.abs(audio).max()) for audio in scaled.values())
    if peak > 0.99:
        scaled = {name: audio * np.float32(0.99 / peak) for name, audio in scaled.items()}
    return scaled


def build_test(
    plan: Plan,
    output: Path,
    *,
    name: str = "dialin",
    workers: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Make a listening test.

    Parameters
    ----------
    plan : Plan
        Protocol, groups, items of each, methods; metrics are not looked at.
    output : Path
        Folder. Its ``configs`` goes into webMUSHRA's; ``key.json`` stays with you.
    name : str
        Of the test: letters, digits, dashes, underscores.
    workers : int, optional
        Worker processes, one a core by default.
    overwrite : bool
        Replace an earlier test of the same name.
    progress : callable, optional
        ``progress(done, total)`` after each trial.

    Returns
    -------
    list of Path
        What was written, stimuli aside.

    Raises
    ------
    UsageError
        If the protocol has no truth to compare with, or the name has odd characters.
    OutputError
        If there is a test of that name already.
    """
    if not name or not all(c.isalnum() or c in "-_" for c in name):
        raise UsageError(f"the name {name!r} of a test: use letters, digits, dashes, underscores")
    config = output / "configs" / f"{name}.yaml"
    if config.exists() and not overwrite:
        raise OutputError(f"{str(config)!r} exists already; choose another name or overwrite it")
    methods = [m for m in plan.methods if m not in ANCHORS]
    sounds = output / "configs" / "resources" / name
    there = sounds.iterdir() if sounds.is_dir() else ()
    check_not_read([config, output / "key.json", output / "README.md", *there], plan.songs)
    key: dict[str, Any] = {"test": name, "seed": plan.seed, "split": plan.split, "trials": {}}
    pages = []
    total = len(plan.groups) * plan.count + 1
    with RenderPool(workers) as pool:
        bench = Bench(plan, pool)
        # The item after the last is for practice, and never rated.
        asked = [(g, i) for g in plan.groups for i in range(plan.count)]
        asked.append((plan.groups[0], plan.count))
        for done, (group, index) in enumerate(asked, 1):
            item = plan.protocol.make(bench.source, group, index)
            if item.truth is None:
                raise UsageError(
                    f"{plan.protocol.name} has no truth to rate against; "
                    "use seed, song, cross or counterfx"
                )
            practice = index == plan.count
            trial = "training" if practice else f"{_plain(group)}-{index + 1}"
            files, facts = _trial(item, methods, bench, sounds, trial, overwrite)
            folder_url = f"configs/resources/{name}/"
            stimuli = {c: folder_url + f for c, f in files.items() if c != "reference"}
            title = "Practice" if practice else "Rating"
            content = TRAINING if practice else QUESTION
            pages.append(
                trial_page(trial, title, content, folder_url + files["reference"], stimuli)
            )
            key["trials"][trial] = facts
            if progress is not None:
                progress(done, total)
    whole = test_config(name, pages[-1], pages[:-1], pages[-1]["reference"])
    return [
        write_text(config, yaml_text(whole) + "\n", parents=True),
        write_json(output / "key.json", key, parents=True),
        write_text(output / "README.md", _readme(name), parents=True),
    ]


def _plain(group: str) -> str:
    last = group.rpartition("/")[2].rpartition(":")[2]
    return "".join(c if c.isalnum() else "_" for c in last) or "group"


def _trial(
    item: Item, methods: list[str], bench: Bench, folder: Path, trial: str, overwrite: bool
) -> tuple[dict[str, str], dict[str, Any]]:
    """Render and write the stimuli of a trial; file names say nothing of what is in them."""
    task, truth = item.task, item.truth
    assert truth is not None
    heard = {"reference": truth, "anchor35": low_anchor(truth, task.sample_rate)}
    facts: dict[str, Any] = {"where": item.record, "conditions": {}}
    for method in (*methods, "random"):
        outcome = get_method(method)(task, bench.tools)
        # Colons and slashes are trouble in the columns of a results file.
        condition = method.replace(":", "-").replace("/", "-")
        heard[condition] = item.finish(_sound_of(outcome, item, bench))
        facts["conditions"][condition] = {"uri": outcome.uri, "settings": outcome.settings}
    files = {}
    for condition, audio in level_matched(heard, task.sample_rate).items():
        code = hashlib.sha256(f"{trial}/{condition}/{task.seed}".encode()).hexdigest()[:12]
        files[condition] = f"{code}.wav"
        write_audio(
            folder / files[condition],
            resample(audio, task.sample_rate, RATE),
            RATE,
            subtype="PCM_24",
            overwrite=overwrite,
        )
    facts["files"] = files
    return files, facts


def _sound_of(outcome: Outcome, item: Item, bench: Bench) -> Audio:
    if outcome.audio is not None:
        return outcome.audio
    if outcome.settings is None or not outcome.uri:
        return item.task.input
    job = Job(outcome.uri, item.task.input, outcome.settings, item.task.sample_rate)
    audio: Audio = bench.pool.render([job])[0].get()
    return audio


def _readme(name: str) -> str:
    return f"""# Listening test {name}

1. Copy the folder `configs` into webMUSHRA's folder (github.com/audiolabs/webMUSHRA).
2. In that folder: `php -S localhost:8000`, or any web server with PHP.
3. Raters open `http://localhost:8000/?config={name}.yaml`.
4. Ratings gather in `results/{name}/mushra.csv`, for `dialin listen analyse mushra.csv -o out`.

`key.json` says what each stimulus is; keep it from the raters.
"""
