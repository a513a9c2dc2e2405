"""Opening an effect by its URI, in this process.

Only worker processes and tests call this: a plugin that crashes takes its process with it. Every
host is imported when its first effect is opened, never before.
"""

from __future__ import annotations

from dialin.effects.chain import ChainEffect, is_chain
from dialin.effects.effect import Effect
from dialin.effects.uri import parse_uri


def open_effect(uri: str) -> Effect:
    """Open an effect, or a chain of effects, on this process's main thread.

    Parameters
    ----------
    uri : str
        See `dialin.effects.uri`; ``chain:[...]`` for a chain.

    Returns
    -------
    Effect

    Raises
    ------
    EffectNotFoundError
        If nothing is installed under that name.
    EffectLoadError
        If it is there, but its host cannot open it as an effect.
    """
    if is_chain(uri):
        return ChainEffect(uri, open_effect)
    format, rest = parse_uri(uri)
    if format == "builtin":
        from dialin.effects.builtin import open_builtin

        return open_builtin(rest)
    if format == "vst3":
        from dialin.effects.pedalboard_host import open_vst3

        return open_vst3(rest)
    if format == "au":
        from dialin.effects.pedalboard_host import open_au

        return open_au(rest)
    if format == "lv2":
        from dialin.effects.lv2 import open_lv2

        return open_lv2(rest)
    if format == "faust":
        from dialin.effects.faust import open_faust

        return open_faust(rest)
    if format == "mix":
        from dialin.effects.amount import MixedEffect

        return MixedEffect(open_effect(rest))
    if format == "bpm":
        from dialin.effects.tempo import TempoEffect, split_tempo

        bpm, inner = split_tempo(rest)
        return TempoEffect(open_effect(inner), bpm)
    from dialin.effects.fake import open_fake

    return open_fake(rest)
