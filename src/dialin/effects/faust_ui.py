"""What a Faust program says of its knobs: units, scales, menus, initial values.

DawDreamer tells paths and ranges only. Faust's own translation to C++ lists every widget with its
metadata, those of the standard libraries' demos too, in the order in which the host numbers them.

Source: the Faust manual, "Syntax", on labels and metadata (``[unit:Hz]``, ``[scale:log]``,
``[style:menu{'a':0;'b':1}]``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_STATEMENT = re.compile(r"^\s*ui_interface->(\w+)\((.*)\);\s*$", re.MULTILINE)
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WIDGETS = {
    "addButton": "button",
    "addCheckButton": "checkbox",
    "addHorizontalSlider": "slider",
    "addVerticalSlider": "slider",
    "addNumEntry": "number",
    "addHorizontalBargraph": "meter",
    "addVerticalBargraph": "meter",
}
_MENU_ENTRY = re.compile(r"'([^']*)'\s*:\s*(-?[\d.]+(?:[eE][-+]?\d+)?)")


@dataclass(frozen=True)
class Widget:
    """One knob, switch, button or meter.

    Attributes
    ----------
    kind : str
        ``slider``, ``number``, ``checkbox``, ``button`` or ``meter``.
    label : str
    groups : tuple of str
        Labels of the boxes around it, outermost first.
    unit : str
    log : bool
        Whether it asks for a logarithmic scale.
    menu : tuple of (float, str)
        Values and their names in rising order, where it is a menu or radio buttons.
    """

    kind: str
    label: str
    groups: tuple[str, ...] = ()
    unit: str = ""
    log: bool = False
    menu: tuple[tuple[float, str], ...] = ()


def translate(program: str, folder: Path) -> str:
    """Faust's translation of a program to C++.

    Parameters
    ----------
    program : str
        Its text.
    folder : Path
        Where files that it imports lie, beside the standard libraries.

    Returns
    -------
    str
        C++.

    Raises
    ------
    RuntimeError
        With Faust's message, where the program is wrong.
    """
    from dawdreamer.faust import FaustContext
    from dawdreamer.faust.box import boxFromDSP, boxToSource

    arguments = ["-I", str(folder)]
    with FaustContext():
        box = boxFromDSP(program, arguments)
        source = boxToSource(box, "cpp", "program", arguments)
    return source if isinstance(source, str) else source.decode(errors="replace")


def parse_widgets(source: str) -> list[Widget]:
    """Widgets in what `translate` returned, in the order in which the host numbers them.

    Parameters
    ----------
    source : str
        C++ as Faust writes it.

    Returns
    -------
    list of Widget
    """
    start = source.find("buildUserInterface(")
    body = source[start : source.find("compute(", start)] if start >= 0 else ""
    groups: list[str] = []
    meta: dict[str, str] = {}
    widgets: list[Widget] = []
    for call, arguments in _STATEMENT.findall(body):
        texts = [re.sub(r"\\(.)", r"\1", text) for text in _TEXT.findall(arguments)]
        if call == "declare":
            if len(texts) == 2:
                meta[texts[0]] = texts[1].strip()
            continue
        if call.startswith("open"):
            groups.append(texts[0])
        elif call == "closeBox":
            groups.pop()
        elif call in _WIDGETS:
            widgets.append(_widget(_WIDGETS[call], texts[0], groups, meta))
        # Metadata stands before the widget or box that it is about.
        meta = {}
    return widgets


def _widget(kind: str, label: str, groups: Sequence[str], meta: dict[str, str]) -> Widget:
    style = meta.get("style", "")
    entries = _MENU_ENTRY.findall(style) if style.startswith(("menu", "radio")) else []
    return Widget(
        kind=kind,
        label=label.strip(),
        groups=tuple(groups),
        unit=meta.get("unit", ""),
        log=meta.get("scale") == "log",
        menu=tuple(sorted((float(value), name) for name, value in entries)),
    )
