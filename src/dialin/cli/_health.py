"""What `dialin doctor` looks at: hosts, plugins, caches, optional parts, folders, the machine.

Whatever may crash or hang (a native library that belongs to another system, a host) is tried in a
process of its own with a deadline, and costs a line.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import dialin
from dialin.errors import DialinError
from dialin.files.system import machine_memory

State = Literal["ok", "optional", "broken"]

DEADLINE = 120.0
"""Seconds that a library may take to import, on a slow and busy machine."""

ROOM = 500_000_000
"""Free bytes of temporary space below which long recordings may not fit."""

MEMORY = 1_000_000_000
"""Bytes of memory below which matching is tight."""

HOSTS = {
    "pedalboard": "built-in effects, VST3, Audio Units",
    "dawdreamer": "LV2, Faust",
}

MODULES = {
    "fastapi": ("studio", "the studio, a page in the browser"),
    "uvicorn": ("studio", "the studio, a page in the browser"),
    "torch": ("training", "training"),
    "lightning": ("training", "training"),
    "tensorboard": ("training", "watching a training"),
    "ray": ("ray", "making data on several machines"),
    "matplotlib": ("plots", "figures of evaluation and training"),
    "stempeg": ("data", "stem files as training data"),
    "musdb": ("data", "MUSDB18 as training data"),
    "pesq": ("speech", "the PESQ measure of speech"),
}
"""Optional modules: the extra that installs each, and what it is for."""

PROGRAMS = {"ffmpeg": "stem files and telephone speech as training data"}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    part : str
        What it belongs to, such as ``hosts``.
    name : str
    state : {"ok", "optional", "broken"}
        `optional` is missing and not needed; `broken` keeps something from working.
    text : str
        Version, count, size, or what is wrong.
    todo : str
        What to do about it; empty if nothing.
    """

    part: str
    name: str
    state: State
    text: str
    todo: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def examine() -> Iterator[Finding]:
    """Look at one thing after the other; some take a second."""
    for look in (_hosts, _render, _plugins, _caches, _modules, _programs, _config, _folders):
        yield from look()
    yield from _machine()


def healthy(findings: list[Finding]) -> bool:
    """Whether nothing is broken.

    Parameters
    ----------
    findings : list of Finding
        Of all checks.

    Returns
    -------
    bool
    """
    return all(finding.state != "broken" for finding in findings)


def cache_files() -> list[Path]:
    """Files of dialin's own in its cache folder; links are not followed."""
    from dialin.files import cache_folder

    folder = cache_folder()
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def clear_cache() -> tuple[int, int]:
    """Delete what is kept of earlier scans and probes: number of files and bytes.

    All of it is found out again when it is needed.

    Raises
    ------
    OSError
        If a file cannot be deleted.
    """
    from dialin.files import cache_folder

    count = size = 0
    for file in cache_files():
        size += file.stat().st_size
        file.unlink(missing_ok=True)
        count += 1
    folder = cache_folder()
    if folder.is_dir():
        for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
            if not any(path.iterdir()):
                path.rmdir()
    return count, size


def size_text(size: float) -> str:
    """Bytes as a person reads them, in decimal units.

    Parameters
    ----------
    size : float
        In bytes, 0 or more.

    Returns
    -------
    str
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def _hosts() -> Iterator[Finding]:
    yield Finding(
        "dialin", "dialin", "ok", f"{dialin.__version__} in {Path(dialin.__file__).parent}"
    )
    python = f"{sys.version.split()[0]}, {sys.executable}"
    yield Finding("dialin", "python", "ok", python)
    for name, use in HOSTS.items():
        trouble = _import_trouble(name)
        if trouble:
            todo = f"pip install --force-reinstall {name}"
            yield Finding("hosts", name, "broken", f"{use}: {trouble}", todo)
        else:
            yield Finding("hosts", name, "ok", f"{_version(name)}: {use}")


def _import_trouble(name: str) -> str:
    """Why a module cannot be imported, tried in a process of its own; empty if it can."""
    if find_spec(name) is None:
        return "not installed"
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"importing it takes more than {DEADLINE:.0f} s"
    if done.returncode < 0:
        return f"importing it ends the process with signal {-done.returncode}"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["importing it fails"])[-1]
    return ""


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "installed"


def _render() -> Iterator[Finding]:
    import numpy as np

    from dialin.rendering import Job, RenderPool

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 4800)).astype(np.float32)
    try:
        with RenderPool(workers=1, load_deadline=DEADLINE) as pool:
            settings = pool.describe("builtin:compressor").default
            made = pool.render([Job("builtin:compressor", noise, settings, 48_000)])[0].get()
        text = f"{made.shape[1]} samples through the compressor"
        yield Finding("hosts", "a render in a worker", "ok", text)
    except DialinError as error:
        todo = "dialin --debug doctor shows more; a message about memory or files is about /dev/shm"
        yield Finding("hosts", "a render in a worker", "broken", str(error), todo)


def _plugins() -> Iterator[Finding]:
    from dialin.effects.catalogue import list_effects
    from dialin.effects.lilv import search_path
    from dialin.effects.vst3_files import vst3_folders

    wanted = ["vst3", "lv2"] + (["au"] if sys.platform == "darwin" else [])
    for kind in wanted:
        entries = list_effects([kind])
        folders = {"vst3": vst3_folders(), "lv2": search_path()}.get(kind, [])
        for folder in folders:
            if not folder.is_dir():
                yield Finding("plugins", str(folder), "optional", f"{kind}: no such folder")
                continue
            inside = sum(Path(entry.file).is_relative_to(folder) for entry in entries)
            yield Finding("plugins", str(folder), "ok", f"{kind}: {inside} plugins")
        state: State = "ok" if entries else "optional"
        todo = "" if entries else "install some, or name a file: --fx vst3:/path/Plugin.vst3"
        yield Finding("plugins", f"all {kind}", state, f"{len(entries)} plugins", todo)


def _caches() -> Iterator[Finding]:
    from dialin.files import cache_folder
    from dialin.networks.store import models_folder

    files = cache_files()
    size = size_text(sum(file.stat().st_size for file in files))
    text = f"{len(files)} files, {size}: what was found out about plugins"
    todo = "dialin doctor --clear-cache deletes them" if files else ""
    yield Finding("kept", str(cache_folder()), "ok", text, todo)
    models = models_folder()
    kept = [file for file in models.rglob("*") if file.is_file()] if models.is_dir() else []
    size = size_text(sum(file.stat().st_size for file in kept))
    count = len({file.relative_to(models).parts[0] for file in kept})
    yield Finding("kept", str(models), "ok", f"{count} models, {size}: controllers you trained")


def _modules() -> Iterator[Finding]:
    for name, (extra, use) in MODULES.items():
        if find_spec(name) is not None:
            yield Finding("optional", name, "ok", f"{_version(name)}: {use}")
        else:
            yield Finding(
                "optional", name, "optional", f"missing: {use}", f"pip install 'dialin[{extra}]'"
            )
    from dialin.timbre.kernels import COMPILED

    text = "compiled" if COMPILED else "pure NumPy, the same values slower"
    yield Finding("optional", "timbre kernels", "ok" if COMPILED else "optional", text)
    ours = find_spec("dialin.effects._builtins") is not None
    text = "compiled" if ours else "Pedalboard's, the same sound slower"
    yield Finding("optional", "filters, compressor, reverb", "ok" if ours else "optional", text)


def _programs() -> Iterator[Finding]:
    for name, use in PROGRAMS.items():
        command = shutil.which(name)
        if command:
            yield Finding("optional", name, "ok", f"{command}: {use}")
        else:
            todo = f"install it as your system installs programs, such as: apt install {name}"
            yield Finding("optional", name, "optional", f"missing: {use}", todo)


def _config() -> Iterator[Finding]:
    from dialin.configuration import config_file, load_configuration

    path = config_file()
    try:
        configuration = load_configuration()
    except DialinError as error:
        yield Finding("configuration", str(path), "broken", str(error), f"mend {path}")
        return
    if configuration.file is None:
        text = "there is none, and there need not be"
        yield Finding("configuration", str(path), "ok", text)
    else:
        prefer = ", ".join(configuration.prefer)
        text = f"{len(configuration.favourites)} favourites, formats preferred: {prefer}"
        yield Finding("configuration", str(path), "ok", text)


def _folders() -> Iterator[Finding]:
    from dialin.files import cache_folder

    for name, folder in {
        "current folder": Path.cwd(),
        "temporary files": Path(tempfile.gettempdir()),
        "cache": cache_folder(),
    }.items():
        existing = folder
        while not existing.is_dir():
            existing = existing.parent
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            # Results can go elsewhere, and a cache that is not kept is found out again.
            state: State = "broken" if name == "temporary files" else "optional"
            todo = {
                "temporary files": "set TMPDIR to a folder that can be written to",
                "cache": "set XDG_CACHE_HOME to one, or do without",
            }.get(name, "name another with -o")
            yield Finding("folders", name, state, f"{folder}: {error.strerror}", todo)
            continue
        free = shutil.disk_usage(existing).free
        text = f"{folder}: can be written to, {size_text(free)} free"
        small = name == "temporary files" and free < ROOM
        todo = "free some, or set TMPDIR to a larger place" if small else ""
        yield Finding("folders", name, "optional" if small else "ok", text, todo)


def _machine() -> Iterator[Finding]:
    cores = _cores()
    yield Finding("machine", "cores", "ok", f"{cores}: so many workers render at a time")
    memory = _memory()
    if memory is None:
        yield Finding("machine", "memory", "ok", "unknown")
    else:
        small = memory < MEMORY
        todo = "use fewer --workers" if small else ""
        state: State = "optional" if small else "ok"
        yield Finding("machine", "memory", state, size_text(memory), todo)


def _cores() -> int:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _memory() -> int | None:
    """Bytes that this process may use: the machine's, or what its container is given."""
    total = machine_memory()
    if total is None:
        return None
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return total
    return min(total, limit)
