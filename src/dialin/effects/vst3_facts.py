"""What VST3 bundles say of themselves without any of their code being run.

Newer ones bring a ``moduleinfo.json``: names, makers and categories of the plugins in it. In the
others the category stands in the binary as text (``Fx|Reverb|Stereo``), because a plugin hands it
to the host as a string; it is taken where the binary holds those of one category only.

Sources: the VST3 documentation, "moduleinfo.json" and "Plug-in Type" (`Vst::PlugType`).
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dialin.effects.cache import read_cache, write_cache
from dialin.effects.vst3_files import vst3_binary
from dialin.errors import EffectLoadError
from dialin.files.reading import parse_json

_CACHE = "vst3.json"
_VERSION = 1
_NO_KIND = {"Fx", "Mono", "Stereo", "Surround", "Ambisonics", "OnlyRT", "OnlyOfflineProcess",
            "NoOfflineProcess", "Up-Downmix", "Instrument"}  # fmt: skip
_TYPE = re.compile(
    rb"\0(Fx(?:\|(?:Analyzer|Delay|Distortion|Dynamics|EQ|Filter|Generator|Mastering|Modulation"
    rb"|Network|Pitch Shift|Restoration|Reverb|Spatial|Surround|Tools|Vocals|Instrument|Mono"
    rb"|Stereo|Ambisonics|OnlyRT|OnlyOfflineProcess|NoOfflineProcess|Up-Downmix))+)\0"
)
_LARGEST_INFO = 1 << 20


@dataclass(frozen=True)
class Vst3Class:
    """One plugin of a bundle, as far as it is known without opening it.

    Attributes
    ----------
    name : str
        As a person reads it.
    category : str
        Empty if it does not say.
    vendor : str
        Empty if it does not say.
    """

    name: str
    category: str = ""
    vendor: str = ""


def vst3_category(words: Iterable[str]) -> str:
    """Category among a plugin's types: the first that says more than its channels.

    >>> vst3_category(["Fx", "Stereo", "Reverb"])
    'Reverb'

    Parameters
    ----------
    words : iterable of str
        Types as the plugin's class gives them.

    Returns
    -------
    str
        Empty where none says more.
    """
    return next((word for word in words if word and word not in _NO_KIND), "")


def vst3_classes(bundles: Iterable[Path]) -> dict[Path, list[Vst3Class]]:
    """Effects in each of some bundles, from their files or the cache.

    Parameters
    ----------
    bundles : iterable of Path
        Paths of ``.vst3`` folders or files.

    Returns
    -------
    dict of Path to list of Vst3Class
        Empty lists for bundles that do not say.
    """
    known = read_cache(_CACHE)
    kept: dict[str, Any] = {}
    result: dict[Path, list[Vst3Class]] = {}
    for bundle in bundles:
        key, stamp = str(bundle), _stamp(bundle)
        try:
            entry = known[key]
            classes = [Vst3Class(**each) for each in entry["classes"]]
            if entry["stamp"] != stamp or not classes:
                raise KeyError(key)
        except (KeyError, TypeError):
            classes = _classes(bundle)
        kept[key] = {"stamp": stamp, "classes": [asdict(each) for each in classes]}
        result[bundle] = classes
    if kept != known:
        write_cache(_CACHE, kept)
    return result


def _classes(bundle: Path) -> list[Vst3Class]:
    declared = _declared(bundle)
    return declared or [Vst3Class(bundle.stem, _category_in_binary(bundle))]


def _declared(bundle: Path) -> list[Vst3Class]:
    for name in ("Contents/Resources/moduleinfo.json", "Contents/moduleinfo.json"):
        try:
            with (bundle / name).open(encoding="utf-8") as file:
                data = parse_json(_plain_json(file.read(_LARGEST_INFO)))
            maker = data.get("Factory Info", {}).get("Vendor", "")
            return [
                Vst3Class(
                    str(each["Name"]),
                    vst3_category(str(word) for word in each.get("Sub Categories", [])),
                    str(each.get("Vendor") or maker),
                )
                for each in data["Classes"]
                if each.get("Category") == "Audio Module Class"
                and "Instrument" not in each.get("Sub Categories", [])
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return []


def _plain_json(text: str) -> str:
    """JSON out of what ``moduleinfo.json`` may be: JSON5, of which commas and comments are used."""
    strings = r'"(?:\\.|[^"\\])*"'
    text = re.sub(rf"({strings})|//[^\n]*|/\*.*?\*/", lambda m: m[1] or "", text, flags=re.DOTALL)
    return re.sub(rf"({strings})|,(?=\s*[\]}}])", lambda m: m[1] or "", text)


def _category_in_binary(bundle: Path) -> str:
    try:
        binary = vst3_binary(bundle)
        with (
            binary.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            categories = {vst3_category(m[1].decode().split("|")) for m in _TYPE.finditer(content)}
    except (OSError, ValueError, EffectLoadError):
        return ""
    categories.discard("")
    return categories.pop() if len(categories) == 1 else ""


def _stamp(bundle: Path) -> str:
    try:
        files = [bundle] if bundle.is_file() else [bundle, *sorted(bundle.glob("Contents/*/*"))]
        states = [path.stat() for path in files]
    except OSError:
        return ""
    return f"{_VERSION}:{len(states)}:{sum(s.st_mtime_ns + s.st_size for s in states)}"
