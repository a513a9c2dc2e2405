"""The files that effects lie in, as far as their URIs tell, so that no output replaces them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dialin.effects.chain import is_chain, parse_chain
from dialin.effects.uri import parse_uri
from dialin.effects.vst3_files import split_vst3
from dialin.errors import DialinError


def effect_files(uris: Iterable[str]) -> list[Path]:
    """Plugin bundles, and Faust programs with what lies beside them to be imported.

    Names that are looked up elsewhere (LV2 URIs, Audio Units, bare VST3 names that are not in the
    current folder) have no path to give. URIs that make no sense are for others to refuse.

    Parameters
    ----------
    uris : iterable of str
        Of effects and chains.

    Returns
    -------
    list of Path
        They may be missing.
    """
    files: list[Path] = []
    for uri in uris:
        try:
            if is_chain(uri):
                files += effect_files(parse_chain(uri))
                continue
            format, rest = parse_uri(uri)
        except DialinError:
            continue
        if format == "mix":
            files += effect_files([rest])
        elif format == "bpm":
            files += effect_files([rest.partition(":")[2]])
        elif format in ("vst3", "faust"):
            path = Path(split_vst3(rest)[0] if format == "vst3" else rest).expanduser()
            files.append(path)
            if format == "faust":
                files += [*path.parent.glob("*.lib"), *path.parent.glob("*.dsp")]
    return files
