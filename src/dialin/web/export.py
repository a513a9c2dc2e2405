"""What is heard as a file to take away."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path

from dialin.presets import Preset, export_preset
from dialin.web.library import safe_name


def export_file(preset: Preset, kind: str, name: str) -> tuple[str, bytes, list[str]]:
    """A preset in a form that dialin or another host reads.

    Parameters
    ----------
    preset : Preset
        What is taken away.
    kind : str
        ``json``, or one of `dialin.presets.EXPORT_KINDS`.
    name : str
        What it is called.

    Returns
    -------
    name : str
        Of the file; a ZIP archive where there are several.
    content : bytes
    notes : list of str
        What is not in it, and why.

    Raises
    ------
    PresetError
        If no effect of the preset has that form.
    """
    stem = Path(safe_name(name, "x")).stem
    if kind == "json":
        text = json.dumps(preset.to_dict(), indent=1, ensure_ascii=False)
        return f"{stem}.json", f"{text}\n".encode(), []
    with tempfile.TemporaryDirectory(prefix="dialin-") as folder:
        made = export_preset(preset, kind, folder, name=stem)
        paths = {path.relative_to(folder).as_posix(): path.read_bytes() for path in made.files}
        notes = list(made.notes)
    if len(paths) == 1:
        ((one, content),) = paths.items()
        return Path(one).name, content, notes
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, content in sorted(paths.items()):
            archive.writestr(inside, content)
    return f"{stem}-{kind}.zip", buffer.getvalue(), notes
