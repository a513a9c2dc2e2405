"""Processes killed at moments drawn from a seed, and what must be true afterwards.

Every process of a run carries a mark in its environment, so that those it left behind are found
wherever they went.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dialin.audio import audio_info, write_audio

MARK = "DIALIN_FUZZ_MARK"
RATE = 24_000
ROOT = Path(__file__).parents[2]

RECIPE = """
effect = "fake:drive"
pairs = 40
shard = 4
splits = [1.0, 0.0, 0.0]
excerpt = {{ seconds = 0.5 }}
songs = [{{ root = "{songs}" }}]
"""


class Failure(AssertionError):
    """A promise that was broken."""


class Untried(Exception):
    """What this machine or user cannot play."""


def check(fine: object, text: str) -> None:
    """Raise `Failure` unless `fine`."""
    if not fine:
        raise Failure(text)


class Scene:
    """A folder with recordings, and commands run in it.

    Parameters
    ----------
    folder : Path
    rng : numpy.random.Generator
    """

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self.folder, self.rng, self.mark = folder, rng, uuid.uuid4().hex

    def song(self, name: str, seconds: float, hertz: float = 220.0) -> Path:
        """Write a recording that has something to match."""
        moment = np.arange(int(seconds * RATE)) / RATE
        tone = np.sign(np.sin(2 * np.pi * hertz * moment)) * (np.sin(2 * np.pi * 2 * moment) > 0)
        noise = np.random.default_rng(5).standard_normal(moment.size)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        audio = (0.3 * tone + 0.02 * noise).astype(np.float32)[None]
        return write_audio(path, audio, RATE, overwrite=True)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a dialin command, marked."""
        return subprocess.Popen(
            [sys.executable, "-m", "dialin", *map(str, arguments)],
            cwd=self.folder,
            env=os.environ | {MARK: self.mark, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def finish(self, *arguments: object) -> str:
        """Run a dialin command to its end; it must succeed."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        check(process.returncode == 0, f"{arguments[:2]} ended with {process.returncode}: {err}")
        return out

    def nap(self, low: float, high: float) -> None:
        """Wait for a time drawn from the seed."""
        time.sleep(float(self.rng.uniform(low, high)))

    def begin(self, process: subprocess.Popen[str], folder: Path, sign: str = ".dialin-*") -> None:
        """Wait until a command has begun to work in `folder`, in two of three cases."""
        end = time.monotonic() + 60
        patient = self.rng.random() < 2 / 3
        while patient and time.monotonic() < end and process.poll() is None:
            if any(folder.glob(sign)):
                return
            time.sleep(0.05)

    def alive(self) -> list[int]:
        """Processes that carry the mark."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                marked = f"{MARK}={self.mark}".encode() in (place / "environ").read_bytes()
                state = (place / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if marked and state != "Z":
                found.append(int(place.name))
        return found

    def nothing_runs(self) -> None:
        """Every process that the run started is gone, as soon as the machine lets it."""
        end = time.monotonic() + 30
        while self.alive() and time.monotonic() < end:
            time.sleep(0.05)
        check(not self.alive(), f"processes are left: {self.alive()}")

    def no_traces(self, folder: Path) -> None:
        """No hidden file or folder of dialin's is left in `folder`, but its list of own files."""
        left = [p.name for p in folder.glob(".*") if p.name != ".dialin-files.json"]
        check(not left, f"left in {folder.name}: {left}")


def _match(scene: Scene, *more: object) -> tuple[object, ...]:
    dry, reference = scene.song("dry.wav", 6), scene.song("reference.wav", 6, 330.0)
    fixed = ("--fx", "builtin:distortion", "--budget", "40", "--seed", "1", "-o", "out")
    return ("match", dry, reference, *fixed, *more)


def worker(scene: Scene) -> None:
    """A worker of a match is killed: the match ends well all the same."""
    process = scene.start(*_match(scene))
    workers: list[int] = []
    while not workers and process.poll() is None:
        time.sleep(0.05)
        workers = [pid for pid in scene.alive() if pid != process.pid]
    scene.nap(0.0, 4.0)
    workers = [pid for pid in scene.alive() if pid != process.pid]
    if workers:
        os.kill(workers[int(scene.rng.integers(len(workers)))], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    check(process.returncode == 0, f"the match ended with {process.returncode}: {err}")
    json.loads((scene.folder / "out/preset.json").read_text())
    scene.nothing_runs()
    scene.no_traces(scene.folder / "out")


def parent(scene: Scene, sent: signal.Signals = signal.SIGKILL) -> None:
    """A match is killed: no process is left, and the next one finishes and clears up."""
    command = _match(scene)
    process = scene.start(*command)
    scene.begin(process, scene.folder / "out")
    scene.nap(0.0, 4.0)
    before = process.poll()
    process.send_signal(sent)
    process.communicate(timeout=180)
    scene.nothing_runs()
    out = scene.folder / "out"
    if sent is not signal.SIGKILL and out.exists():
        scene.no_traces(out)
    if before is None and (out / "preset.json").exists():
        # It came in while files were being moved, or was already over.
        json.loads((out / "preset.json").read_text())
    scene.finish(*command, "--overwrite")
    json.loads((out / "report.json").read_text())
    scene.no_traces(out)
    scene.nothing_runs()


def terminated(scene: Scene) -> None:
    """The same with signals that ask politely."""
    parent(scene, (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)[int(scene.rng.integers(3))])


def _reverb(scene: Scene) -> Path:
    from dialin.effects import open_effect
    from dialin.presets.preset import Preset

    spec = open_effect("builtin:reverb").spec
    return Preset.from_settings([spec], spec.default).save(scene.folder / "p.json", overwrite=True)


def apply(scene: Scene) -> None:
    """``apply`` is killed: an earlier result is whole, or the new one is; nothing in between."""
    preset = _reverb(scene)
    song = scene.song("song.wav", 60)
    original = song.read_bytes()
    wet = scene.folder / "wet"
    old = scene.song("wet/song.wav", 1).read_bytes()
    command = ("apply", preset, song, "-o", wet, "--overwrite")
    process = scene.start(*command)
    scene.begin(process, wet)
    scene.nap(0.0, 2.0)
    process.kill()
    process.communicate(timeout=180)
    scene.nothing_runs()
    there = (wet / "song.wav").read_bytes()
    check(there == old or audio_info(wet / "song.wav").frames == 60 * RATE, "half a result")
    check(song.read_bytes() == original, "the input was changed")
    scene.finish(*command)
    check(audio_info(wet / "song.wav").frames == 60 * RATE, "the second run is not whole")
    scene.no_traces(wet)
    scene.nothing_runs()


def data(scene: Scene) -> None:
    """A data run is killed twice and resumed: the same pairs as without."""
    for number in range(3):
        scene.song(f"songs/song{number}.wav", 3, 150.0 * (number + 1))
    recipe = scene.folder / "recipe.toml"
    recipe.write_text(RECIPE.format(songs=scene.folder / "songs"))
    scene.finish("data", "render", recipe, "-o", "whole", "--workers", "1")
    for _ in range(2):
        process = scene.start("data", "render", recipe, "-o", "cut", "--workers", "1")
        scene.begin(process, scene.folder / "cut", "*")
        scene.nap(0.0, 2.0)
        process.kill()
        process.communicate(timeout=180)
        scene.nothing_runs()
    scene.finish("data", "render", recipe, "-o", "cut", "--workers", "2")
    files = sorted(p.name for p in (scene.folder / "whole").iterdir())
    check(files == sorted(p.name for p in (scene.folder / "cut").iterdir()), "other files")
    for name in files:
        whole, cut = ((scene.folder / run / name).read_bytes() for run in ("whole", "cut"))
        check(whole == cut, f"{name} differs")


def trainer(scene: Scene) -> None:
    """Training is killed and resumed: it ends with a model."""
    for number in range(6):
        scene.song(f"songs/song{number}.wav", 3, 110.0 * (number + 1))
    os.environ["DIALIN_CORPUS"] = str(scene.folder / "songs")
    recipe = ROOT / "recipes/vae/debug.toml"
    command = ("train", "vae", recipe, "-o", "run")
    process = scene.start(*command)
    scene.begin(process, scene.folder / "run", "*")
    scene.nap(0.0, 12.0)
    process.kill()
    process.communicate(timeout=180)
    scene.nothing_runs()
    again = ("--resume",) if (scene.folder / "run").exists() else ()
    scene.finish(*command, *again)
    check(list((scene.folder / "run").rglob("config.json")), "there is no model")
    scene.nothing_runs()


def together(scene: Scene) -> None:
    """Two matches into one folder: one of them wins whole, the other says so."""
    command = _match(scene)
    first = scene.start(*command)
    scene.begin(first, scene.folder / "out")
    scene.nap(0.0, 1.5)
    second = scene.start(*command[:-1], "out", "--budget", "30")
    ends = [(p.communicate(timeout=120)[1], p.returncode) for p in (first, second)]
    codes = sorted(code for _, code in ends)
    check(codes[0] == 0 and codes[1] in (0, 7), f"they ended with {ends}")
    check(codes != [0, 0], "both say that they wrote it")
    report = json.loads((scene.folder / "out/report.json").read_text())
    preset = json.loads((scene.folder / "out/preset.json").read_text())
    check(report["budget"] == preset["provenance"]["budget"], "half of one, half of the other")
    scene.no_traces(scene.folder / "out")
    scene.nothing_runs()


@contextmanager
def small_disk(scene: Scene, megabytes: float) -> Iterator[Path]:
    """A disk of its own for the time being; `Untried` where this process may not mount one."""
    place = scene.folder / "disk"
    place.mkdir()
    made = ["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "tmpfs", str(place)]
    try:
        done = subprocess.run(made, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Untried(str(error)) from error
    if done.returncode:
        raise Untried(done.stderr.strip())
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing more fits; return the file that takes the room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return ballast


def full(scene: Scene) -> None:
    """The disk fills up while a match searches: the preset is kept, and what is missing is said."""
    with small_disk(scene, 12) as disk:
        out = disk / "out"
        command = (*_match(scene)[:-2], "-o", out)
        process = scene.start(*command)
        scene.begin(process, out)
        scene.nap(0.0, 4.0)
        ballast = fill(disk)
        _, err = process.communicate(timeout=120)
        check(process.returncode in (0, 7), f"the match ended with {process.returncode}: {err}")
        check("Traceback" not in err and "bug" not in err, err)
        if process.returncode == 7 and out.exists():
            whole = (out / "preset.json").exists()
            check(whole, f"what was found is lost: {err} {sorted(p.name for p in out.iterdir())}")
            json.loads((out / "preset.json").read_text())
            check("missing" in err, f"it does not say what is missing: {err}")
        scene.nothing_runs()
        if out.exists():
            scene.no_traces(out)
        ballast.unlink()
        scene.finish(*command, "--overwrite")
        json.loads((out / "report.json").read_text())
        scene.no_traces(out)


def full_apply(scene: Scene) -> None:
    """The disk fills up during ``apply``: results that are there are whole, others are named."""
    preset = _reverb(scene)
    names = [f"{number}.wav" for number in range(6)]
    for name in names:
        scene.song(f"songs/{name}", 20)
    with small_disk(scene, 12) as disk:
        wet = disk / "wet"
        process = scene.start("apply", preset, scene.folder / "songs", "-o", wet)
        scene.begin(process, wet)
        scene.nap(0.0, 4.0)
        fill(disk)
        _, err = process.communicate(timeout=120)
        check(process.returncode in (0, 7), f"apply ended with {process.returncode}: {err}")
        check("Traceback" not in err and "bug" not in err, err)
        there = {file.name for file in wet.glob("*.wav")} if wet.exists() else set()
        for name in there:
            check(audio_info(wet / name).frames == 20 * RATE, f"half a result: {name}")
        unsaid = [name for name in names if name not in there and name not in err]
        begun = "the results need" not in err and "cannot write into" not in err
        check(not unsaid or not begun, f"nothing is said of {unsaid}: {err}")
        check(process.returncode == 7 or len(there) == len(names), "it says that all went well")
        if wet.exists():
            scene.no_traces(wet)
        scene.nothing_runs()


KINDS: dict[str, Callable[[Scene], None]] = {
    "worker": worker,
    "parent": parent,
    "terminated": terminated,
    "apply": apply,
    "data": data,
    "trainer": trainer,
    "together": together,
    "full": full,
    "full-apply": full_apply,
}


def once(kind: str, seed: int, index: int) -> str | None:
    """Play one scene; return what was broken, if anything was."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        scene = Scene(Path(name), np.random.default_rng([seed, index]))
        try:
            KINDS[kind](scene)
        except Untried as error:
            return f"not tried: {error}"
        except (Failure, subprocess.TimeoutExpired, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            for pid in scene.alive():
                os.kill(pid, signal.SIGKILL)
    return None


def shared_memory_left() -> list[str]:
    """Folders in shared memory that belong to no living process, after one pool more."""
    from dialin.workers import memory

    time.sleep(memory.YOUNG + 1)
    memory.MemoryFolder().remove()
    left = []
    for lock in Path("/dev/shm").glob("dialin-*/lock"):
        locked = subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode
        if not locked:
            left.append(lock.parent.name)
    return left


def run(count: int, seed: int, kinds: tuple[str, ...] = tuple(KINDS)) -> list[str]:
    """Play every scene `count` times; print a line for each kind; return the failures."""
    failures = []
    for kind in kinds:
        began = time.monotonic()
        broken = [f"{kind} {n}: {text}" for n in range(count) if (text := once(kind, seed, n))]
        took = time.monotonic() - began
        print(f"{kind:12} {count} times, {len(broken)} broken, {took:.0f} s", flush=True)
        for text in broken:
            print(f"  {text}")
        failures += [text for text in broken if "not tried: " not in text]
    left = shared_memory_left()
    print(f"left in shared memory: {left or 'nothing'}")
    return failures + left
