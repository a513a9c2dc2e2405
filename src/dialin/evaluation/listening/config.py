"""webMUSHRA's configuration file, written without a YAML library.

Only what is needed: mappings, lists, strings (always quoted), numbers, booleans.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

INTRODUCTION = (
    "You will hear recordings that went through an audio effect. On each page, rate how close each "
    "one sounds to the reference, from 0 (nothing alike) to 100 (no difference). One of them is "
    "the reference itself, so at least one rating on each page should be 100. Please use "
    "headphones in a quiet room. You may loop any part."
)
TRAINING = "This page is for practice: get to know the controls. Its ratings are not used."
QUESTION = "How close does each one sound to the reference?"


def trial_page(
    id: str, name: str, content: str, reference: str, stimuli: Mapping[str, str]
) -> dict[str, Any]:
    """A MUSHRA page; the hidden reference is added by webMUSHRA, which shuffles the stimuli.

    Parameters
    ----------
    id : str
        Of the trial, for the results.
    name : str
        Title of the page.
    content : str
        Text above the sliders, HTML.
    reference : str
        Path of the reference, as webMUSHRA finds it.
    stimuli : mapping of str to str
        Path of each condition, by its name.

    Returns
    -------
    dict
        To be written with `yaml_text`.
    """
    return {
        "type": "mushra",
        "id": id,
        "name": name,
        "content": content,
        "showWaveform": True,
        "enableLooping": True,
        "reference": reference,
        "createAnchor35": False,
        "createAnchor70": False,
        "stimuli": dict(stimuli),
    }


def test_config(
    name: str, training: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], volume: str
) -> dict[str, Any]:
    """The whole test: welcome, volume, training, trials in random order, thanks.

    Parameters
    ----------
    name : str
        Of the test.
    training : mapping
        The training page.
    trials : sequence of mapping
        Pages from `trial_page`.
    volume : str
        Path of a sound to set the volume with.

    Returns
    -------
    dict
        To be written with `yaml_text`.
    """
    return {
        "testname": name,
        "testId": name,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": False,
        "remoteService": "service/write.php",
        "pages": [
            {"type": "generic", "id": "welcome", "name": "Welcome", "content": INTRODUCTION},
            {
                "type": "volume",
                "id": "volume",
                "name": "Volume",
                "content": "Set a comfortable volume now and leave it there.",
                "stimulus": volume,
                "defaultVolume": 0.5,
            },
            dict(training),
            ["random", *map(dict, trials)],
            {
                "type": "finish",
                "name": "Thank you",
                "content": "Thank you for listening! Please send your ratings.",
                "showResults": False,
                "writeResults": True,
                "questionnaire": [
                    {"type": "text", "label": "A name or number of your choice", "name": "rater"}
                ],
            },
        ],
    }


def yaml_text(value: Any, indent: int = 0) -> str:
    """Plain data as block YAML.

    Parameters
    ----------
    value : object
        Mappings, lists, texts, numbers, booleans and None.
    indent : int, default 0
        Levels it stands in; each is two spaces.

    Returns
    -------
    str
    """
    pad = "  " * indent
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            lines.append(f"{pad}{key}:{_rest(item, indent)}")
    elif isinstance(value, list):
        for item in value:
            text = _rest(item, indent)
            # A mapping starts on the dash's own line; a list does not, which webMUSHRA's reader
            # would not understand.
            joined = isinstance(item, Mapping) and text.startswith("\n")
            lines.append(f"{pad}- {text[1:].lstrip()}" if joined else f"{pad}-{text}")
    else:
        lines.append(pad + _scalar(value))
    return "\n".join(lines)


def _rest(item: Any, indent: int) -> str:
    if isinstance(item, Mapping | list) and item:
        return "\n" + yaml_text(item, indent + 1)
    return " " + _scalar(item)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value)  # YAML's double-quoted strings hold all of JSON's
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)
