"""Effects by the names that ``dialin effects list`` prints, and by a person's own.

A name is looked up in this order, upper and lower case being the same:

1. URIs, plugin files and paths are taken as they are (`dialin.effects.uri`).
2. A favourite of one's own (`dialin.configuration`), which may stand for several effects in series.
3. What is installed under that name, built-ins first, then VST3, AU and LV2, or in the order of
   ``[effects] prefer``. The first format that has the name is taken, with a note where another
   has it too; several plugins of one name in one format are ambiguous, and refused.

What is recorded (presets, reports) is always the URI that a name stood for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dialin.configuration import Configuration, load_configuration
from dialin.effects.builtin_table import BUILTINS
from dialin.effects.catalogue import EffectEntry, list_effects
from dialin.effects.chain import chain_uri, is_chain
from dialin.effects.uri import FORMATS, parse_uri
from dialin.errors import EffectNotFoundError, UsageError

_SHOWN = 8
"""Choices that a message lists at most."""
_DEEPEST = 8
"""Favourites may name favourites, so deep at most."""
_FILE = re.compile(r"\.(vst3|dsp|component)(#|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Resolved:
    """What names stood for.

    Attributes
    ----------
    uris : tuple of str
        Of the effects in order.
    notes : tuple of str
        What a person should know, such as that another format has the same name.
    """

    uris: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """URI of the one effect, or of the chain of all."""
        return self.uris[0] if len(self.uris) == 1 else chain_uri(self.uris)


def resolve_effects(
    names: str | Sequence[str], *, configuration: Configuration | None = None
) -> Resolved:
    """Find out which effects some names stand for; no plugin's code is run.

    Parameters
    ----------
    names : str or sequence of str
        URIs, paths, favourites or names as ``dialin effects list`` prints them.
    configuration : Configuration, optional
        The user's own by default.

    Returns
    -------
    Resolved
        Their URIs, and what a person should know of the choice.

    Raises
    ------
    EffectNotFoundError
        If nothing is installed under a name, or several plugins are; the message lists choices.
    UsageError
        If the configuration cannot be read, or a favourite stands for itself.
    """
    uris: list[str] = []
    notes: list[str] = []
    for name in [names] if isinstance(names, str) else names:
        resolved = _resolve(str(name), configuration, ())
        uris += resolved.uris
        notes += [note for note in resolved.notes if note not in notes]
    return Resolved(tuple(uris), tuple(notes))


def _resolve(name: str, mine: Configuration | None, inside: tuple[str, ...]) -> Resolved:
    direct = _direct(name)
    if direct is not None:
        return Resolved((direct,))
    text = name.strip()
    head, colon, rest = text.partition(":")
    if colon and head.lower() == "mix" and rest:
        inner = _resolve(rest, mine, inside)
        if len(inner.uris) != 1:
            raise UsageError(
                f"{rest!r} stands for {len(inner.uris)} effects; mix: goes before each of them"
            )
        return Resolved((f"mix:{inner.uri}",), inner.notes)
    if colon and head.lower() == "lv2" and rest:
        return _installed(rest, ("lv2",), text)
    mine = mine if mine is not None else load_configuration()
    favourite = mine.favourite(text)
    if favourite is not None:
        if text.casefold() in inside or len(inside) >= _DEEPEST:
            if len(favourite) == 1 and favourite[0].casefold() == text.casefold():
                favourite = None  # named after the very effect it stands for
            else:
                raise UsageError(
                    f"the favourite {text!r} stands for itself; change it in {mine.file}"
                )
        else:
            parts = [_resolve(each, mine, (*inside, text.casefold())) for each in favourite]
            return Resolved(
                tuple(uri for part in parts for uri in part.uris),
                tuple(dict.fromkeys(note for part in parts for note in part.notes)),
            )
    return _installed(text, mine.prefer, text, mine.favourites)


def _direct(name: str) -> str | None:
    """URI of what needs no looking up: a chain, a URI, a path to a file. None for a name."""
    text = name.strip()
    if is_chain(text):
        return text
    head, colon, rest = text.partition(":")
    if colon and head.lower() in FORMATS and rest:
        looked_up = (head.lower() == "lv2" and ":" not in rest) or head.lower() == "mix"
        return None if looked_up else ":".join(parse_uri(name))
    if text.startswith(("http://", "https://", "urn:")) or _FILE.search(text):
        return ":".join(parse_uri(name))
    return None


def _installed(
    text: str, formats: Sequence[str], said: str, favourites: Iterable[str] = ()
) -> Resolved:
    key = _key(text)
    if "builtin" in formats[:1] and text.lower() in BUILTINS:
        # As nearly always; saves the time of listing everything that is installed.
        return Resolved((f"builtin:{text.lower()}",))
    entries = [entry for entry in list_effects(formats) if entry.format in formats]
    if not text:
        raise _unknown(said, [], ())
    matches = [entry for entry in entries if key in _keys(entry)]
    for format in formats:
        own = [entry for entry in matches if entry.format == format]
        if len(own) > 1:
            raise EffectNotFoundError(
                f"{said!r} could be any of {_choices(own)}; write the one you mean"
            )
        if own:
            others = [entry.uri for entry in matches if entry.format != format]
            note = f"{said} is taken to be {own[0].uri}; there is also {', '.join(others)}"
            return Resolved((own[0].uri,), (note,) if others else ())
    raise _unknown(said, entries, favourites)


def _keys(entry: EffectEntry) -> set[str]:
    keys = {_key(entry.name)}
    if entry.format == "builtin":
        keys.add(_key(entry.uri.partition(":")[2]))
    return keys


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _unknown(
    said: str, entries: Sequence[EffectEntry], favourites: Iterable[str]
) -> EffectNotFoundError:
    """Say that a name is unknown, with those that look like it."""
    names = {_key(name): name for entry in entries for name in (entry.name,)}
    names |= {name: name for entry in entries if entry.format == "builtin"
              for name in (entry.uri.partition(":")[2],)}  # fmt: skip
    names |= {_key(name): name for name in favourites}
    key = _key(said)
    near = difflib.get_close_matches(key, names, n=3, cutoff=0.6)
    near += [name for name in names if len(key) > 2 and key in name and name not in near][:_SHOWN]
    hint = f"did you mean {' or '.join(names[name] for name in near[:_SHOWN])}? " if near else ""
    return EffectNotFoundError(
        f"{said!r} names no effect that is installed; {hint}write a name that dialin effects list "
        "prints, builtin:NAME, lv2:URI, vst3:PATH, au:NAME or faust:FILE.dsp"
    )


def _choices(entries: Sequence[EffectEntry]) -> str:
    shown = ", ".join(entry.uri for entry in entries[:_SHOWN])
    return shown + (f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else "")
