"""Names of effects: ``format:rest``, as a person types them after ``--fx``.

==================  ============================================================
``builtin:NAME``    an effect that ships with dialin
``lv2:URI``         an installed LV2 plugin by its URI
``vst3:PATH``       a VST3 bundle or file; a bare name is looked up in the usual folders;
                    ``PATH.vst3#NAME`` is one of several in a file
``au:NAME``         an Audio Unit (macOS)
``faust:PATH``      a Faust program, ``.dsp``
``mix:EFFECT``      any of these with one more knob, its dry/wet mix
``bpm:N:EFFECT``    any of these that follows the tempo, in a song of N beats a minute
``fake:NAME``       a test double
==================  ============================================================

Paths are taken as they are: no character in them means anything, and none is decoded.
"""

from __future__ import annotations

import re
from pathlib import Path

from dialin.errors import EffectNotFoundError

FORMATS = ("builtin", "lv2", "vst3", "au", "faust", "mix", "bpm", "fake")


def parse_uri(uri: str) -> tuple[str, str]:
    """Split a URI into format and rest, guessing the format of bare paths and names.

    >>> parse_uri("builtin:reverb")
    ('builtin', 'reverb')
    >>> parse_uri("http://drobilla.net/plugins/mda/Delay")
    ('lv2', 'http://drobilla.net/plugins/mda/Delay')

    Parameters
    ----------
    uri : str
        A URI, a path of a plugin, or a name.

    Returns
    -------
    tuple of str

    Raises
    ------
    EffectNotFoundError
        If it names no format that dialin knows.
    """
    text = uri.strip()
    head, colon, rest = uri.lstrip().partition(":")
    if colon and head.lower() in FORMATS and rest.strip():
        # What names a file is kept as it is: a path may end in a space.
        path = head.lower() in ("vst3", "au", "faust")
        return head.lower(), rest if path else rest.strip()
    if text.startswith(("http://", "https://", "urn:")):
        return "lv2", text
    suffix = Path(re.sub(r"(\.vst3)#.*", r"\1", text, flags=re.IGNORECASE)).suffix.lower()
    if suffix in (".vst3", ".dsp", ".component"):
        return {".vst3": "vst3", ".dsp": "faust", ".component": "au"}[suffix], uri
    if text and not colon and "/" not in text:
        return "builtin", text
    raise EffectNotFoundError(
        f"{uri!r} names no effect; write builtin:NAME, lv2:URI, vst3:PATH, au:NAME or "
        "faust:FILE.dsp (see: dialin effects list)"
    )
