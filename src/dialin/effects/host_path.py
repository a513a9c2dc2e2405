"""Paths for plugin hosts, which take text only.

Names of files are bytes. Those that are no UTF-8 reach Python with placeholders in them, and the
hosts refuse such text. They are given a link of a plain name instead, in the temporary folder of
this process.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from dialin.files.text import is_text


def host_path(path: Path) -> str:
    """Path that a host can open: the path itself, or one that leads to the same file.

    A VST3 bundle keeps its ending; its own name, where that is no UTF-8, becomes another one.

    Parameters
    ----------
    path : Path
        Of a plugin; it has to be there where its name is no text.

    Returns
    -------
    str
    """
    if is_text(str(path)):
        return str(path)
    for part in (*reversed(path.parents), path):
        if not is_text(part.name):
            rest = path.relative_to(part)
            if not is_text(str(rest)):
                # Another such name further down: from there.
                continue
            return str(_link(part, path.suffix if part == path else "") / rest)
    return str(path)


@functools.cache
def _link(target: Path, suffix: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dialin-link-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    link = folder / f"plugin{suffix if is_text(suffix) else ''}"
    if suffix.lower() != ".vst3" or not target.is_dir():
        link.symlink_to(target)
        return link
    # The host looks for a binary of the bundle's own name.
    (link / "Contents").mkdir(parents=True)
    for part in sorted((target / "Contents").iterdir()):
        linked = link / "Contents" / part.name
        if not part.is_dir() or not any(p.stem == target.stem for p in part.iterdir()):
            linked.symlink_to(part)
            continue
        linked.mkdir()
        for file in part.iterdir():
            name = f"plugin{file.suffix}" if file.stem == target.stem else file.name
            (linked / name).symlink_to(file)
    return link
