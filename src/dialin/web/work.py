"""What runs in a process of its own: ``python -m dialin.web.work``, started by `dialin.web.jobs`.

One line of JSON on standard input says what to do; after it come wishes, ``finish`` or ``cancel``,
a line each, and the end of the input means that the studio is gone. Answers are lines of JSON on
what was standard output, each with a ``status``: ``running``, and one of ``done``, ``failed`` and
``cancelled`` as the last.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from dialin.errors import UnexpectedError
from dialin.files import plain
from dialin.files.reading import parse_json

Tell = Callable[..., None]

EVERY = 0.08
"""Seconds between two reports of progress, at least."""

NICE = 5
"""Turning a knob goes first."""


class Teller:
    """Writes states, not too many of them; any thread may.

    Parameters
    ----------
    descriptor : int
        Of the pipe to the studio.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self._lock = threading.Lock()
        self._last = 0.0
        self._phase = ""

    def __call__(self, phase: str, **facts: Any) -> None:
        """Say where the work stands.

        Parameters
        ----------
        phase : str
            What is being done; a new one is always told.
        **facts : object
            Plain data.
        """
        now = time.monotonic()
        if phase == self._phase and now - self._last < EVERY:
            return
        self._phase, self._last = phase, now
        self.write({"status": "running", "phase": phase, **facts})

    def write(self, message: dict[str, Any]) -> None:
        """Write a state, whenever the last one was.

        Parameters
        ----------
        message : dict
            Plain data.
        """
        with self._lock:
            self._file.write(json.dumps(plain(message)) + "\n")
            self._file.flush()


class Cancelled(BaseException):
    """Nobody wants the work any more; raised wherever the main thread is."""


def main() -> None:
    """Entry point of the process."""
    # Whatever prints is not to be taken for an answer.
    tell = Teller(os.dup(1))
    os.dup2(2, 1)
    if hasattr(os, "nice"):
        os.nice(NICE)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _cancel)
    order = parse_json(sys.stdin.readline())
    threading.Thread(target=_listen, args=(threading.main_thread(),), daemon=True).start()
    try:
        result = WORK[order["do"]](order, tell)
    except (Cancelled, KeyboardInterrupt):
        tell.write({"status": "cancelled"})
    except Exception as error:
        traceback.print_exc()
        told = UnexpectedError.of(error)
        tell.write({"status": "failed", "error": told.to_dict()})
    else:
        tell.write({"status": "done", "result": result})


def _cancel(number: int, frame: FrameType | None) -> NoReturn:
    raise Cancelled


def _listen(main: threading.Thread) -> None:
    """Hand wishes to the main thread, as signals: these wake it from whatever it waits for."""
    while True:
        wish = sys.stdin.readline().strip()
        number = signal.SIGINT if wish == "finish" else signal.SIGTERM
        if hasattr(signal, "pthread_kill") and main.ident is not None:
            signal.pthread_kill(main.ident, number)
        else:
            signal.raise_signal(number)
        if not wish:
            return


def run_match(order: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Match, and write the folder that ``dialin match`` writes.

    Parameters
    ----------
    order : dict
        ``input`` (path, stretch), ``references`` (path, stretch, weight), ``effects``,
        ``folder``, ``workers``, ``options`` of `dialin.match`, ``command``, ``command_note``.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        Facts for the history.
    """
    from dialin.matching.files.folder import match_folder, save_match
    from dialin.matching.matcher import match
    from dialin.matching.result import MatchProgress
    from dialin.rendering import RenderPool

    folder = Path(order["folder"])
    source = Path(order["input"]["path"])
    began = time.monotonic()

    def searched(state: MatchProgress) -> None:
        tell(
            "searching",
            renders=state.renders,
            budget=state.budget,
            seconds=time.monotonic() - began,
            best=state.best,
            untouched=state.untouched,
        )

    def rendered(what: str, done: float, seconds: float) -> None:
        tell(what, done=done, of=seconds)

    tell("listening")
    heard = _cut(order["input"], folder.parent / "cut" / "input")
    references = [
        (_cut(one, folder.parent / "cut" / f"reference{number}"), float(one["weight"]))
        for number, one in enumerate(order["references"], 1)
    ]
    paths = [path for path, _ in references]
    effects = order["effects"]
    with (
        RenderPool(workers=order["workers"]) as pool,
        match_folder(
            folder, source, reads=paths, effects=effects if isinstance(effects, list) else ()
        ) as result_folder,
    ):
        result = match(heard, references, effects, **order["options"], pool=pool, progress=searched)
        saved = save_match(
            result,
            result_folder,
            paths,
            pool=pool,
            command=order["command"],
            command_note=order["command_note"],
            progress=rendered,
        )
    if saved.error is not None and not (folder / "preset.json").exists():
        raise saved.error
    facts = saved.facts
    return {
        "before": facts["before"],
        "after": facts["after"],
        "sure": facts.get("sure", True),
        "effects": [slot["name"] for slot in facts["slots"] if slot["used"]],
        "seconds": facts["seconds"],
        "renders": facts["renders"],
        "interrupted": facts["interrupted"],
        "trouble": "" if saved.error is None else str(saved.error),
    }


def run_render(order: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Render a whole recording through a preset.

    Parameters
    ----------
    order : dict
        ``preset`` (path), ``input`` (path), ``folder``, ``headroom``.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        Facts of the file.
    """
    from dialin.matching import apply_preset
    from dialin.matching.files.apply import ApplyProgress

    def rendered(state: ApplyProgress) -> None:
        tell("rendering", done=state.done, of=state.seconds)

    (made,) = apply_preset(
        order["preset"],
        [order["input"]],
        order["folder"],
        headroom=order["headroom"],
        overwrite=True,
        progress=rendered,
    )
    return made.to_dict()


def run_map(order: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Make a map; see `dialin.web.explore`.

    Parameters
    ----------
    order : dict
        As `dialin.web.explore.make_map` takes it.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        The key that it is kept under.
    """
    from dialin.web.explore import make_map

    return make_map(order, tell)


def run_around(order: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Look around a match that was found: see `dialin.matching.around`.

    Parameters
    ----------
    order : dict
        ``input`` and ``references`` as for a match, ``folder`` of its results, ``only`` and
        ``weights``, ``workers``.
    tell : callable
        Told how far it is.

    Returns
    -------
    dict
        Nothing: what was found lies beside the results, in ``around.json``.
    """
    from dataclasses import asdict

    from dialin.effects.chain import chain_uri
    from dialin.files import write_json
    from dialin.files.reading import read_json
    from dialin.matching.around import look_around
    from dialin.matching.options import MatchOptions
    from dialin.matching.probing import probe_chain
    from dialin.matching.recordings import hear
    from dialin.presets import Preset
    from dialin.rendering import RenderPool

    folder = Path(order["folder"])
    tell("listening")
    cuts = folder.parent / "cut"
    input = _cut(order["input"], cuts / "input")
    references = [
        (_cut(one, cuts / f"reference{number}"), float(one["weight"]))
        for number, one in enumerate(order["references"], 1)
    ]
    heard = hear(
        input,
        references,
        MatchOptions(only=order["only"] or None, weights=order["weights"] or None),
    )
    preset = Preset.load(folder / "preset.json", trust=True)
    knobs = [
        knob
        for slot in read_json(folder / "report.json")["slots"]
        if slot["used"]
        for knob in slot["knobs"]
    ]
    with RenderPool(workers=order["workers"]) as pool:
        spec = probe_chain(pool, chain_uri([slot.uri for slot in preset.slots])).spec
        around = look_around(
            pool,
            heard,
            spec,
            preset.settings,
            fixed=[n for n, knob in enumerate(knobs) if knob["locked"]],
            progress=lambda done, of: tell("looking around the match", done=done, of=of),
        )
    write_json(folder.parent / "around.json", asdict(around))
    return {}


def _cut(one: dict[str, Any], folder: Path) -> Path:
    """The recording, or a file with the stretch of it that was chosen, under the same name."""
    import soundfile

    from dialin.audio import audio_info, read_audio

    path = Path(one["path"])
    if one.get("stretch") is None:
        return path
    start, seconds = one["stretch"]
    rate = audio_info(path).sample_rate
    audio, _ = read_audio(path, start=round(start * rate), frames=round(seconds * rate))
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{path.stem}.wav"
    soundfile.write(made, audio.T, rate, subtype="FLOAT")
    return made


WORK: dict[str, Callable[[dict[str, Any], Tell], dict[str, Any]]] = {
    "match": run_match,
    "render": run_render,
    "map": run_map,
    "around": run_around,
}
"""What can be ordered."""


if __name__ == "__main__":
    main()
