"""Chained Ogg files: several recordings one after the other (RFC 3533, section 4)."""

from __future__ import annotations

from dialin.audio.mpeg import Data
from dialin.audio.splice import FileLayout, Section

_BEGINS = 2
"""Flag of a page that begins a stream."""


def ogg_layout(data: Data) -> FileLayout:
    """Sections of an Ogg file, one for each link of the chain.

    libsndfile reads the first link only. All first pages of streams that are played together stand
    at the start of their link; so one that follows another kind of page begins the next link.

    Parameters
    ----------
    data : Data
        The file's bytes, mapped or in memory.

    Returns
    -------
    FileLayout
        Empty for a single link.
    """
    links: list[int] = []
    offset, size, beginning = 0, len(data), False
    while (offset := data.find(b"OggS", offset)) >= 0 and offset + 27 <= size:
        segments = data[offset + 26]
        begins = bool(data[offset + 5] & _BEGINS)
        if begins and not beginning:
            links.append(offset)
        beginning = begins
        offset += 27 + segments + sum(data[offset + 27 : offset + 27 + segments])
    if len(links) < 2:
        return FileLayout()
    return FileLayout(
        tuple(Section(((a, b),)) for a, b in zip(links, [*links[1:], size], strict=True))
    )
