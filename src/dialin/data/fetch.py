"""About nine hours of freely licensed music, speech and instruments, out of Debian's packages.

Packages are downloaded with ``apt-get download`` and unpacked with ``dpkg -x``: no root needed,
nothing is installed. Licences are those of each package's own copyright file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dialin.audio import audio_info
from dialin.audio.listing import SUFFIXES
from dialin.data.songs import split_key, split_of
from dialin.errors import AudioFileError, OutputError, UsageError
from dialin.files import atomic_file, write_json

PACKAGES: dict[str, tuple[str, str]] = {
    "warzone2100-music": ("GPL-2+", "ambient, industrial and cinematic music"),
    "wesnoth-1.16-music": ("GPL-2", "orchestral and folk music"),
    "hyperrogue-music": ("CC-BY-SA-3.0", "dark ambient and world music"),
    "fretsonfire-songs-sectoid": ("MIT-like", "power metal, guitar apart"),
    "klettres-data": ("GPL-2+", "spoken letters and syllables in some 20 languages"),
    "asterisk-core-sounds-en-g722": ("CC-BY-SA-3.0", "one studio voice"),
    "asterisk-moh-opsound-g722": ("CC-BY-SA-3.0", "hold music"),
    "sonic-pi-samples": ("mostly CC0", "loops, drums, guitars, bass"),
    "hydrogen-data": ("GPL-2+", "drum one-shots"),
    "lmms-common": ("mixed, free", "one-shots and loops"),
}
"""Debian package: its licence and what it holds."""
SPEAKERS = {"klettres-data": "usr/share/klettres"}
"""Packages of many speakers, and the folder in which each of them has one."""


def fetch_corpus(
    folder: str | os.PathLike[str],
    packages: Sequence[str] = tuple(PACKAGES),
    *,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Bring the corpus into a folder and write its manifest, ``corpus.json``.

    Each package gets a folder of its own name. One that is there already is not fetched again.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.
    packages : sequence of str, optional
        Names, all of `PACKAGES` by default.
    progress : callable, optional
        Called with the name of each package before it is fetched.

    Returns
    -------
    dict
        ``files``: a list of path, package, licence, SHA-256, seconds and split for each file;
        ``hours``; ``skipped``: files that could not be read.

    Raises
    ------
    UsageError
        Without apt-get and dpkg, or for a package that is none of `PACKAGES`.
    OutputError
        If a download fails or the folder cannot be written to.
    """
    unknown = [name for name in packages if name not in PACKAGES]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no package of the corpus; it has {list(PACKAGES)}")
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            raise UsageError(
                f"{program} is not there: the corpus comes as Debian packages; use a Debian or "
                "Ubuntu machine or container, or name a folder of your own songs in the recipe"
            )
    root = Path(folder)
    files: list[dict[str, Any]] = []
    skipped: list[str] = []
    for package in packages:
        if progress is not None:
            progress(package)
        unpacked = root / package
        if not unpacked.is_dir():
            _fetch(root, package)
        _decode_g722(unpacked)
        _list(root, package, files, skipped)
    manifest = {
        "hours": round(sum(f["seconds"] for f in files) / 3600, 3),
        "files": files,
        "skipped": skipped,
    }
    write_json(root / "corpus.json", manifest)
    return manifest


def _fetch(root: Path, package: str) -> None:
    downloads = root / ".download"
    unpacked = downloads / package
    try:
        shutil.rmtree(downloads, ignore_errors=True)
        unpacked.mkdir(parents=True)
        _run(["apt-get", "download", package], downloads)
        archives = list(downloads.glob("*.deb"))
        _run(["dpkg", "-x", str(archives[0].resolve()), str(unpacked.resolve())], downloads)
        unpacked.rename(root / package)
    except (OSError, IndexError) as error:
        raise OutputError(f"{package} cannot be put into {str(root)!r}: {error}") from error
    finally:
        shutil.rmtree(downloads, ignore_errors=True)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise OutputError(
            f"{' '.join(command[:3])} failed: {last}; is the network up, and were the package "
            "lists updated (apt-get update)?"
        )


def _decode_g722(folder: Path) -> None:
    """Turn raw G.722, which nothing but ffmpeg reads, into FLAC; leave it where ffmpeg lacks."""
    if shutil.which("ffmpeg") is None:
        return
    wanted = [
        path
        for path in sorted(folder.rglob("*.g722"))
        if path.stat().st_size and not path.with_suffix(".flac").exists()
    ]

    def decode(path: Path) -> None:
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "g722", "-threads", "1"]
        with atomic_file(path.with_suffix(".flac")) as part:
            _run([*command, "-i", str(path.resolve()), "-f", "flac", str(part.resolve())], folder)

    # Hundreds of short files: what takes the time is ffmpeg's start.
    with ThreadPoolExecutor() as threads:
        list(threads.map(decode, wanted))


def _list(root: Path, package: str, files: list[dict[str, Any]], skipped: list[str]) -> None:
    for path in sorted((root / package).rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or path.suffix.lower() not in (*SUFFIXES, ".g722"):
            continue
        if path.suffix == ".g722":
            if not path.with_suffix(".flac").exists():
                skipped.append(name)
            continue
        try:
            seconds = audio_info(path).seconds
        except AudioFileError:
            skipped.append(name)
            continue
        files.append(
            {
                "file": name,
                "package": package,
                "licence": PACKAGES[package][0],
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "seconds": round(seconds, 3),
                "split": split_of(_key(path, root, package)),
            }
        )


def _key(path: Path, root: Path, package: str) -> str:
    if package in SPEAKERS:
        return split_key(path.relative_to(root / package / SPEAKERS[package]), "speaker")
    return split_key(path)
