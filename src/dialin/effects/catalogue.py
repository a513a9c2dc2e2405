"""What is installed, found without running any plugin's code.

Built-ins come from their table, LV2 plugins from their manifests, VST3 and Audio Units from the
usual folders. Whether a plugin works is for the probe to find out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialin.effects.builtin_table import BUILTINS
from dialin.effects.vst3_facts import vst3_classes
from dialin.effects.vst3_files import installed_vst3
from dialin.errors import EffectLoadError

LISTED = ("builtin", "lv2", "vst3", "au")
"""Formats that can be listed; Faust programs are files of one's own, test doubles are hidden."""


@dataclass(frozen=True)
class EffectEntry:
    """One installed effect.

    Attributes
    ----------
    uri : str
        What to write after ``--fx``.
    name, format, category, vendor : str
        As far as it is known without opening it.
    file : str
        File or bundle; empty for built-ins.
    """

    uri: str
    name: str
    format: str
    category: str = ""
    vendor: str = ""
    file: str = ""


def list_effects(formats: Sequence[str] | None = None) -> list[EffectEntry]:
    """List installed effects, built-ins first, then by format and name.

    LV2 plugins without audio inputs (instruments) are listed too: manifests alone do not always
    tell, opening them does.

    Parameters
    ----------
    formats : sequence of str, optional
        Of `LISTED`; all by default.

    Returns
    -------
    list of EffectEntry
    """
    sources = {"builtin": _builtins, "lv2": _lv2, "vst3": _vst3, "au": _audio_units}
    wanted = LISTED if formats is None else tuple(formats)
    entries: list[EffectEntry] = []
    for name, source in sources.items():
        if name in wanted:
            listed = list(source())
            entries += listed if name == "builtin" else sorted(listed, key=_order)
    return entries


def _order(entry: EffectEntry) -> tuple[str, str]:
    return entry.name.casefold(), entry.uri


def _builtins() -> Iterator[EffectEntry]:
    for row in BUILTINS.values():
        yield EffectEntry(f"builtin:{row.name}", row.title, "builtin", row.category, "dialin")


def _lv2() -> Iterator[EffectEntry]:
    from dialin.effects.lilv import installed

    try:
        plugins = installed().summaries()
    except EffectLoadError:
        # No lilv, so no LV2 host either: there is nothing to list.
        return
    for plugin in plugins:
        yield EffectEntry(
            f"lv2:{plugin.uri}", plugin.name, "lv2", plugin.category, plugin.author, plugin.bundle
        )


def _vst3() -> Iterator[EffectEntry]:
    for path, classes in vst3_classes(installed_vst3()).items():
        for each in classes:
            # A file that holds several plugins lists each, as the host will be asked for it.
            uri = f"vst3:{path}" + (f"#{each.name}" if len(classes) > 1 else "")
            yield EffectEntry(uri, each.name, "vst3", each.category, each.vendor, str(path))


def _audio_units() -> Iterator[EffectEntry]:
    if sys.platform != "darwin":
        return
    for folder in (Path("/Library"), Path.home() / "Library"):
        for path in sorted((folder / "Audio/Plug-Ins/Components").glob("*.component")):
            yield EffectEntry(f"au:{path.stem}", path.stem, "au", file=str(path))
